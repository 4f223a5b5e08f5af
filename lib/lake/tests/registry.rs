//! The registry against a model of it, under random promotions, rollbacks, crashes and damage.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use ctr_model::calibration::Calibration;
use ctr_model::engine::learner::Learner;
use ctr_model::engine::{Kind, Spec};
use ctr_model::file::Precision;
use ctr_model::table::Columns;
use ctr_model::trained::{Scores, Trained};
use domain::random::SplitMix64;
use lake::registry::Registry;

fn trained() -> Trained {
    let spec = Spec {
        kind: Kind::Linear,
        fields: 1,
        bits: 8,
        k: 4,
    };
    let mut learner = Learner::new(spec, 1).unwrap();
    learner.learn(&[7], 1.0, 1.0);
    let snapshot = learner.snapshot();
    Trained {
        version: 0,
        parent: 0,
        columns: Columns::new("y", &[], &["c".to_owned()], 0).unwrap(),
        scores: Scores::default(),
        calibration: Calibration::new(0),
        calibrated_by: Vec::new(),
        precision: Precision::Full,
        weights: snapshot.weights,
        optimiser: Some(snapshot.optimiser),
    }
}

/// What a crash leaves between the steps of a promotion.
fn crash(folder: &Path, next: u64, rng: &mut SplitMix64) {
    let models = folder.join("models");
    std::fs::create_dir_all(&models).unwrap();
    if rng.chance(0.5) {
        std::fs::write(models.join(format!("{next:08}.plm.77.part")), b"half").unwrap();
    } else {
        std::fs::write(models.join(format!("{next:08}.plm")), b"whole, not named").unwrap();
        std::fs::write(folder.join("history.77.part"), b"promo").unwrap();
    }
}

#[test]
fn it_serves_what_a_stack_of_versions_says_whatever_happens() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = SplitMix64::new(seed);
        let (mut stack, mut given): (Vec<u64>, u64) = (Vec::new(), 0);
        for _ in 0..40 {
            let mut registry = Registry::open(folder.path()).unwrap();
            assert_eq!(registry.line(), stack, "seed {seed}");
            match rng.below(4) {
                0 => {
                    let went_back = registry.rollback().ok();
                    if stack.len() > 1 {
                        stack.pop();
                        assert_eq!(went_back, stack.last().copied(), "seed {seed}");
                    } else {
                        assert_eq!(went_back, None, "the last good one stays, seed {seed}");
                    }
                }
                1 => crash(folder.path(), given + 1, &mut rng),
                _ => {
                    given += 1;
                    let before = stack.last().copied().unwrap_or(0);
                    assert_eq!(
                        registry.promote(trained(), Scores::default()).unwrap(),
                        given
                    );
                    stack.push(given);
                    let model = lake::model::load(&registry.path(given)).unwrap();
                    assert_eq!(
                        (model.version, model.parent),
                        (given, before),
                        "seed {seed}"
                    );
                }
            }
            if let Some(serving) = registry.serving() {
                assert!(
                    lake::model::load(&registry.path(serving)).is_ok(),
                    "seed {seed}"
                );
            }
        }
    }
}

#[test]
fn it_does_not_go_back_to_a_damaged_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::open(folder.path()).unwrap();
    for _ in 0..2 {
        registry.promote(trained(), Scores::default()).unwrap();
    }
    std::fs::write(registry.path(1), b"damaged").unwrap();
    assert!(registry.rollback().is_err());
    assert_eq!(registry.serving(), Some(2));
}

#[test]
fn a_damaged_history_is_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::open(folder.path()).unwrap();
    registry.promote(trained(), Scores::default()).unwrap();
    drop(registry);
    let path = folder.path().join("history");
    let text = std::fs::read_to_string(&path).unwrap();
    for bad in [
        "nonsense",
        "promoted\t1",
        "promoted\tx\t0\t0\t0\t1\t1\t1\t1",
        "rolled-back",
    ] {
        std::fs::write(&path, format!("{text}{bad}\n")).unwrap();
        let refused = Registry::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("line 2"), "{refused}");
    }
}
