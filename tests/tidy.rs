//! The tree checked as text, one rule a test; each message says what to do.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/sources.rs"]
mod sources;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

struct File {
    path: String,
    bytes: Vec<u8>,
}

impl File {
    /// The text; empty for pictures and the like.
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    /// These rules themselves: they name what they look for.
    fn is_tidy(&self) -> bool {
        self.path.starts_with("tests/tidy")
    }

    fn is_document(&self) -> bool {
        has_extension(&self.path, "md")
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs")
    }

    /// Lines with their numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text()
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }
}

fn has_extension(path: &str, wanted: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == wanted)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository: what git tracks, or in a copy without git all that a build did not make.
fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut paths = tracked().unwrap_or_default();
        if paths.is_empty() {
            walk(root(), &mut paths);
        }
        let read = |path: String| {
            Some(File {
                bytes: std::fs::read(root().join(&path)).ok()?,
                path,
            })
        };
        let files: Vec<File> = paths.into_iter().filter_map(read).collect();
        assert!(
            files.iter().any(|file| file.path == "Cargo.toml"),
            "the root Cargo.toml is not found"
        );
        files
    })
}

fn tracked() -> Option<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(listed.stdout).ok()?;
    Some(
        text.split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

fn walk(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "paceline-data"].contains(&name.as_str()) {
                walk(&path, into);
            }
        } else {
            into.push(
                path.strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
}

fn file(path: &str) -> &'static File {
    let found = files().iter().find(|file| file.path == path);
    found.unwrap_or_else(|| panic!("{path} is missing: it is part of the project"))
}

/// Fails with every violation on a line of its own, and with what to do.
fn require(violations: &[String], what_to_do: &str) {
    assert!(
        violations.is_empty(),
        "{what_to_do}:\n  {}\n",
        violations.join("\n  ")
    );
}
