//! Documents and the repository as a whole: names that exist, links that lead somewhere, sizes.

use std::collections::BTreeSet;
use std::path::Path;

use crate::layers::members;
use crate::{File, file, files, has_extension, require, root};

/// Largest file in the repository, in bytes.
const FILE_BYTES_MAX: usize = 256 << 10;
/// What a change for users can be.
const CHANGES: &[&str] = &["added", "changed", "fixed", "removed", "security"];

/// What stands in backticks, outside of code blocks.
fn quoted(document: &str) -> impl Iterator<Item = &str> {
    let prose = document.split("```").step_by(2);
    prose.flat_map(|text| text.split('`').skip(1).step_by(2))
}

#[test]
fn the_map_names_what_exists_and_every_crate() {
    let map = file("ARCHITECTURE.md");
    let ours: BTreeSet<String> = members()
        .iter()
        .filter_map(|member| member.split('/').next())
        .map(str::to_owned)
        .collect();
    let extra = ["src", "tests", "docs", "deploy", "changelog.d"];
    let mut violations = Vec::new();
    for token in quoted(map.text()) {
        let first = token.split('/').next().unwrap_or_default();
        let folder = token.contains('/') && (ours.contains(first) || extra.contains(&first));
        let source = ["rs", "proto", "toml", "md"]
            .iter()
            .any(|extension| has_extension(token, extension));
        let plain = !token.contains(['{', '*', ' ', '<']) && !token.starts_with(['/', '.']);
        if plain && (folder || source) && !root().join(token).exists() {
            violations.push(token.to_owned());
        }
    }
    require(
        &violations,
        "ARCHITECTURE.md names paths that are not there: write them from the root, or correct them",
    );
    let named =
        |member: &String| quoted(map.text()).any(|token| token.trim_end_matches('/') == member);
    let missing: Vec<_> = members()
        .into_iter()
        .filter(|member| !named(member))
        .collect();
    require(
        &missing,
        "describe the crate in ARCHITECTURE.md, with what it never does",
    );
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut violations = Vec::new();
    for file in files().iter().filter(|file| file.is_document()) {
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
        for target in file
            .text()
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', ' ']).next())
        {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !path.is_empty() && !root().join(folder).join(path).exists() {
                violations.push(format!("{}: {target}", file.path));
            }
        }
    }
    require(&violations, "correct the link");
}

#[test]
fn promises_are_shown_by_tests_that_exist() {
    let mut violations = Vec::new();
    for token in quoted(file("docs/promises.md").text()) {
        let Some((path, test)) = token.split_once("::") else {
            continue;
        };
        let source = files().iter().find(|file| file.path == path);
        let is_there = |file: &File| file.text().contains(&format!("fn {test}("));
        if !source.is_some_and(is_there) {
            violations.push(token.to_owned());
        }
    }
    require(
        &violations,
        "docs/promises.md names tests that are not there: name those that show the promise now",
    );
}

#[test]
fn files_are_small() {
    let large = |file: &&File| {
        let allowed = file.path == "Cargo.lock" || file.path.starts_with("docs/images/");
        file.bytes.len() > FILE_BYTES_MAX && !allowed
    };
    let violations: Vec<_> = files()
        .iter()
        .filter(large)
        .map(|file| format!("{}: {} bytes", file.path, file.bytes.len()))
        .collect();
    require(
        &violations,
        &format!("generate it, or cut it below {FILE_BYTES_MAX} bytes"),
    );
}

#[test]
fn nothing_speaks_of_one_machine() {
    // Put together here, so that this file does not find itself.
    let folders = ["work", "root", "farm"].map(|name| format!("/{name}/"));
    let registries = ["[registries", "[source.", "replace-with"];
    let mut violations = Vec::new();
    for file in files().iter().filter(|file| !file.is_tidy()) {
        for (number, line) in file.lines() {
            let outside = |folder: &String| {
                line.match_indices(folder.as_str())
                    .any(|(at, _)| begins_a_path(&line[..at]))
            };
            let registry = has_extension(&file.path, "toml")
                && registries.iter().any(|key| line.trim().starts_with(key));
            let index = line.starts_with("source = ")
                && !line.contains("\"registry+https://github.com/rust-lang/crates.io-index\"");
            if folders.iter().any(outside) || registry || (file.path == "Cargo.lock" && index) {
                violations.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    require(
        &violations,
        "leave out what exists on one machine only: its folders and its registries",
    );
}

/// Whether what follows stands at the beginning of a path, and not inside a longer one or an address.
fn begins_a_path(before: &str) -> bool {
    !before
        .ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '/'))
}

#[test]
fn fragments_of_the_change_log_are_well_formed() {
    let mut violations = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.path.starts_with("changelog.d/") && file.is_document())
    {
        let name = file.name().strip_suffix(".md").unwrap_or_default();
        let (number, kind) = name.split_once('-').unwrap_or_default();
        let numbered = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
        if !numbered || !CHANGES.contains(&kind) || file.text().trim().is_empty() {
            violations.push(file.path.clone());
        }
    }
    require(
        &violations,
        &format!(
            "name it NNN-kind.md, with kind one of {CHANGES:?}, and write one sentence for users in it"
        ),
    );
}

#[test]
fn prose_is_told_from_code_blocks() {
    let document = "`a` b ```\n`c`\n``` `d`";
    assert_eq!(quoted(document).collect::<Vec<_>>(), ["a", "d"]);
    assert!(begins_a_path("data in ") && begins_a_path("\""));
    assert!(!begins_a_path("https://a.example") && !begins_a_path("target"));
}
