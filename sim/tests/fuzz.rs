//! Mutations of the committed seeds against every parser: a short run on every change. `cargo xtask fuzz` goes on.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use domain::random::{SplitMix64, mix};
use sim::hostile::{TARGETS, attack};

/// Cases for each target on every change.
const CASES: u64 = 3_000;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let mut files: Vec<_> = fs::read_dir(folder.join(name))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn no_mutation_of_a_seed_breaks_a_parser() {
    let mut broken = Vec::new();
    for (index, target) in TARGETS.iter().enumerate() {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for seed in &seeds {
            (target.run)(seed);
        }
        let mut rng = SplitMix64::new(mix(index as u64));
        broken.extend(attack(target, &seeds, (&mut rng, CASES)).err());
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_target_is_built_for_libfuzzer_too() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for target in TARGETS {
        let line = format!("name = \"{}\"", target.name);
        assert!(manifest.contains(&line), "{} is not in fuzz/", target.name);
    }
}
