//! Who may use whom: the layers of ARCHITECTURE.md against the manifests.

use std::collections::{BTreeMap, BTreeSet};

use crate::{file, require};

/// Members by folder with their layer: each may use only what lies below it, and those of one layer only
/// where [`WITHIN_A_LAYER`] says so. The root package may use everything.
const LAYERS: &[(&str, u32)] = &[
    ("lib/domain", 0),
    ("proto", 1),
    ("ctr-model", 1),
    ("lib/pacing", 1),
    ("lib/service-kit", 1),
    ("lib/event-log", 2),
    ("lib/store", 2),
    ("lib/store-embedded", 2),
    ("lib/store-sql", 2),
    ("lib/lake", 2),
    ("bidder", 3),
    ("pixel", 3),
    ("updater", 3),
    ("console", 3),
    ("loadtest", 3),
    ("sim", 4),
    ("bench", 4),
];
/// An implementation uses the crate that has its traits.
const WITHIN_A_LAYER: &[(&str, &str)] = &[
    ("lib/store-embedded", "lib/store"),
    ("lib/store-sql", "lib/store"),
];
/// Only the root package chooses implementations; tests of others may.
const ROOT_ONLY: &[&str] = &["lib/store-embedded", "lib/store-sql"];

/// The keys of a manifest's tables whose name ends like this.
fn keys(manifest: &str, tables: &str) -> Vec<String> {
    let mut inside = false;
    let mut keys = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            let last = table.rsplit('.').next().unwrap_or(table);
            inside = last == tables && table != "workspace.dependencies";
        } else if inside && !line.starts_with('#') {
            keys.extend(
                line.split(['.', '=', ' '])
                    .next()
                    .filter(|key| !key.is_empty())
                    .map(str::to_owned),
            );
        }
    }
    keys
}

/// Folders of our crates by the name that manifests use.
fn our_crates() -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, rest) = line.split_once(" = { path = \"")?;
        Some((name.to_owned(), rest.split('"').next()?.to_owned()))
    };
    file("Cargo.toml").text().lines().filter_map(line).collect()
}

pub(crate) fn members() -> Vec<String> {
    let text = file("Cargo.toml").text();
    let list = text
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .unwrap()
        .0;
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Which of our crates a member names in a kind of table.
fn dependencies(member: &str, table: &str) -> Vec<String> {
    let ours = our_crates();
    let manifest = file(&format!("{member}/Cargo.toml")).text();
    keys(manifest, table)
        .iter()
        .filter_map(|name| ours.get(name).cloned())
        .collect()
}

fn layer(folder: &str) -> u32 {
    let found = LAYERS.iter().find(|(name, _)| *name == folder);
    found
        .unwrap_or_else(|| panic!("{folder} has no layer: give it one in LAYERS of tests/tidy.rs"))
        .1
}

#[test]
fn crates_use_only_layers_below_them() {
    let mut violations = Vec::new();
    for member in members().iter().filter(|member| *member != "xtask") {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for used in dependencies(member, table) {
                let own = WITHIN_A_LAYER.contains(&(member, &used));
                let root_only = table == "dependencies" && ROOT_ONLY.contains(&used.as_str());
                let implementation_in_test =
                    table == "dev-dependencies" && ROOT_ONLY.contains(&used.as_str());
                let below = layer(&used) < layer(member);
                if root_only || !(below || own || implementation_in_test) {
                    violations.push(format!("{member} uses {used} in its {table}"));
                }
            }
        }
    }
    require(
        &violations,
        "a crate may use only lower layers (ARCHITECTURE.md): meet in the event log or a store instead",
    );
}

#[test]
fn special_crates_know_nothing_of_the_rest() {
    assert_eq!(
        dependencies("lib/domain", "dependencies"),
        [""; 0],
        "domain is the bottom: it uses none of our crates"
    );
    assert_eq!(
        dependencies("xtask", "dependencies"),
        [""; 0],
        "xtask runs cargo: it uses none of our crates"
    );
    assert_eq!(
        dependencies("loadtest", "dependencies"),
        ["lib/domain"],
        "loadtest judges from outside: of ours it uses the domain's words only"
    );
}

#[test]
fn the_bid_and_event_paths_link_no_database() {
    let lock = file("Cargo.lock").text();
    let mut uses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let name = package
            .split("name = \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap();
        let list = package
            .split_once("dependencies = [")
            .map_or("", |(_, rest)| rest.split(']').next().unwrap());
        let named = list
            .split('"')
            .skip(1)
            .step_by(2)
            .filter_map(|entry| entry.split(' ').next());
        uses.entry(name).or_default().extend(named);
    }
    for service in ["bidder", "pixel"] {
        let mut reached = BTreeSet::new();
        let mut open = vec![service];
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(uses.get(name).into_iter().flatten());
            }
        }
        for database in [
            "sqlx",
            "sqlx-core",
            "libsqlite3-sys",
            "fjall",
            "store-sql",
            "store-embedded",
        ] {
            assert!(
                !reached.contains(database),
                "{service} links {database}: it may know the traits of `store` only"
            );
        }
    }
}

#[test]
fn crates_are_nouns_of_the_trade() {
    for member in members() {
        let name = member.rsplit('/').next().unwrap_or(&member);
        let vague = [
            "common", "utils", "util", "helpers", "helper", "misc", "shared",
        ]
        .contains(&name);
        assert!(
            !vague,
            "{member}: name the crate after what it is, not that it is shared"
        );
    }
}

#[test]
fn manifests_are_read_as_cargo_does() {
    let manifest = "[dependencies]\nx.workspace = true\n# z = 1\n\n[dev-dependencies]\ny = \"1\"\n";
    assert_eq!(keys(manifest, "dependencies"), ["x"]);
    assert_eq!(keys(manifest, "dev-dependencies"), ["y"]);
    assert!(dependencies("sim", "dependencies").contains(&"bidder".to_owned()));
}
