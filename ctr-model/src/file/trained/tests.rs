//! Tests of the file of trained models: what comes back, what is lost in exports, what is refused.

use super::*;
use crate::engine::learner::Learner;
use domain::random::SplitMix64;
use proptest::prelude::*;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Rows of three tokens, and labels that depend on the first.
fn example(rng: &mut SplitMix64) -> ([u32; 3], f32) {
    let tokens = [0, 1, 2]
        .map(|field: u32| domain::random::mix(rng.below(40) << 2 | u64::from(field)) as u32);
    (
        tokens,
        f32::from(u8::from(rng.chance(0.1 + f64::from(tokens[0] >> 30) * 0.2))),
    )
}

fn trained(kind: Kind, examples: usize) -> Trained {
    let spec = Spec {
        kind,
        fields: 3,
        bits: 12,
        k: 4,
    };
    let mut learner = Learner::new(spec, 1).unwrap();
    let mut calibration = Calibration::new(1).with_negatives_kept(0.5);
    let mut rng = SplitMix64::new(1);
    for _ in 0..examples {
        let (tokens, label) = example(&mut rng);
        let predicted = learner.learn(&tokens, label, 1.0);
        calibration.learn(predicted, &tokens[1..2], label > 0.5);
    }
    let snapshot = learner.snapshot();
    Trained {
        version: 7,
        parent: 6,
        columns: Columns::new("y", &names(&["n"]), &names(&["a", "b"]), 5).unwrap(),
        scores: Scores {
            rows: examples as u64,
            clicks: 3,
            log_loss: Some(0.5),
            auc: None,
            rig: Some(-0.1),
            calibration: Some(1.01),
        },
        calibration,
        calibrated_by: vec![1],
        precision: Precision::Full,
        weights: snapshot.weights,
        optimiser: Some(snapshot.optimiser),
    }
}

const KINDS: [Kind; 3] = [Kind::Linear, Kind::Ffm, Kind::DeepFfm];

#[test]
fn a_training_file_comes_back_and_learns_on_as_if_it_had_not_stopped() {
    for kind in KINDS {
        let model = trained(kind, 3_000);
        let back = Trained::parse(&model.encode()).unwrap();
        assert_eq!(back.encode(), model.encode());
        let (mut one, mut other) = (model.learner().unwrap(), back.learner().unwrap());
        let mut rng = SplitMix64::new(2);
        for _ in 0..1_000 {
            let (tokens, label) = example(&mut rng);
            let (a, b) = (
                one.learn(&tokens, label, 1.0),
                other.learn(&tokens, label, 1.0),
            );
            assert_eq!(a.to_bits(), b.to_bits(), "{kind:?}");
        }
    }
}

#[test]
fn exports_predict_nearly_the_same_and_are_smaller() {
    for kind in KINDS {
        let full = trained(kind, 3_000);
        let mut size = full.encode().len();
        for (precision, allowed) in [(Precision::Bits16, 2e-3), (Precision::Bits8, 0.05)] {
            let export = Trained {
                precision,
                ..full.clone()
            };
            let bytes = export.encode();
            assert!(bytes.len() < size, "{kind:?} {precision:?}");
            size = bytes.len();
            let back = Trained::parse(&bytes).unwrap();
            assert!(back.optimiser.is_none() && back.learner().is_err());
            let (mut exact, mut rounded) = (full.scorer().unwrap(), back.scorer().unwrap());
            let mut rng = SplitMix64::new(3);
            for _ in 0..500 {
                let (tokens, _) = example(&mut rng);
                let (a, b) = (exact.predict(&tokens), rounded.predict(&tokens));
                assert!((a - b).abs() < allowed, "{kind:?} {precision:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let check = |change: &dyn Fn(&mut Trained), expected: &str| {
        let mut model = trained(Kind::Linear, 20);
        change(&mut model);
        let refused = Trained::parse(&model.encode()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    };
    check(
        &|model| model.weights.linear[0] = f32::NAN,
        "linear has a number",
    );
    check(
        &|model| model.weights.bias = f32::INFINITY,
        "bias has a number",
    );
    check(
        &|model| model.scores.auc = Some(f64::INFINITY),
        "AUC is not",
    );
    check(&|model| model.calibrated_by[0] = 3, "calibration is not");

    let file = trained(Kind::Linear, 20).encode();
    let forged = |at: usize, bytes: &[u8]| {
        let mut file = file[..file.len() - 4].to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        Trained::parse(&sealed(file)).unwrap_err().to_string()
    };
    assert!(forged(4, &[9, 0]).contains("file format 9"));
    assert!(forged(6, &[9, 0]).contains("precision"));
    assert!(forged(8, &[0; 8]).contains("feature list 0000000000000000"));
    assert!(forged(40, &[0xff, 0xff]).contains("column name"));
    let text = Trained::parse(b"no model at all").unwrap_err().to_string();
    assert!(text.contains("not a trained model file"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_byte_and_a_cut_are_refused(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut file = trained(Kind::Ffm, 30).encode();
        let at = at.index(file.len());
        prop_assert!(Trained::parse(&file[..at]).is_err());
        file[at] ^= flip;
        prop_assert!(Trained::parse(&file).is_err());
    }

    #[test]
    fn sealed_nonsense_never_panics(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..40)) {
        let mut file = trained(Kind::Ffm, 30).encode();
        file.truncate(file.len() - 4);
        let at = at.index(file.len());
        file.truncate(at);
        file.extend(bytes);
        if let Ok(model) = Trained::parse(&sealed(file)) {
            prop_assert!(Trained::parse(&model.encode()).is_ok());
        }
    }
}
