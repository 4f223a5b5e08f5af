//! Tests of online learning: the prior, its bounds, and that heads do not mix.

use super::*;
use crate::model::Model;

fn features(seed: u64) -> Features {
    let mut rng = domain::random::SplitMix64::new(seed);
    Features([0; FIELDS].map(|_: u32| (rng.next_u64() >> 32) as u32))
}

fn expected(trainer: &Trainer, features: &Features) -> f32 {
    let model = Model::new(&trainer.publish(1, 0)).unwrap();
    model.predict(features).click
}

#[test]
fn a_new_trainer_predicts_the_prior_rates() {
    let mut trainer = Trainer::default();
    assert!((trainer.learn_click(&features(1), false) - PRIOR_CLICK_RATE).abs() < 1e-6);
    let prior = trainer
        .conversion
        .learner
        .predict(&fields::columns(&features(1)));
    assert!((prior - PRIOR_CONVERSION_RATE).abs() < 1e-6);
}

#[test]
fn the_intercept_finds_the_rate_within_some_dozen_clicks() {
    let mut trainer = Trainer::default();
    // Every tenth impression is clicked, always with other features.
    for i in 0..300 {
        trainer.learn_click(&features(i), i % 10 == 0);
    }
    let predicted = expected(&trainer, &features(1_000));
    assert!((0.06..0.14).contains(&predicted), "{predicted}");
}

#[test]
fn heads_do_not_mix() {
    let mut trainer = Trainer::default();
    let fresh = trainer.publish(1, 0);
    trainer.learn_click(&features(1), true);
    trainer.correct_click(&features(1), &Served::default());
    let clicked = trainer.publish(1, 0);
    assert_eq!(clicked.conversion, fresh.conversion);
    trainer.learn_conversion(&features(1), Look::at_last(Some(5.0)));
    assert_eq!(trainer.publish(1, 0).click, clicked.click);
}

#[test]
fn endless_repetition_stays_finite() {
    for label in [false, true] {
        let mut trainer = Trainer::default();
        for _ in 0..20_000 {
            let predicted = trainer.learn_click(&features(3), label);
            assert!(predicted > 0.0 && predicted < 1.0);
            if label {
                trainer.correct_click(&features(3), &Served::default());
            }
        }
        let click = expected(&trainer, &features(3));
        assert!((click > 0.5) == label, "{click}");
        assert!(Model::parse(&trainer.publish(1, 0).encode()).is_ok());
    }
}

#[test]
fn a_click_raises_and_a_miss_lowers() {
    let mut trainer = Trainer::default();
    let before = trainer.learn_click(&features(1), true);
    let after = trainer.learn_click(&features(1), false);
    let lowered = expected(&trainer, &features(1));
    assert!(
        before < after && lowered < after,
        "{before} {after} {lowered}"
    );
    trainer.correct_click(&features(1), &Served::default());
    assert!(expected(&trainer, &features(1)) > after);
}

#[test]
fn only_models_that_have_found_their_level_are_calibrated() {
    let mut trainer = Trainer::default();
    let served = |model| Served {
        model,
        predicted: [0.01; 2],
        raw: [0.01; 2],
    };
    let offset = |trainer: &Trainer| trainer.click.calibration.global().value;
    let learn = |trainer: &mut Trainer, count| {
        (0..count).for_each(|at| {
            trainer.learn_click(&features(at % 50), at % 5 == 0);
        });
    };
    learn(&mut trainer, EXAMPLES_MIN - 1);
    trainer.serves(1);
    learn(&mut trainer, 1);
    trainer.serves(2);
    for version in [0, 1, 7] {
        trainer.calibrate_click(&features(1), &served(version), true);
        assert_eq!(offset(&trainer), 0.0, "version {version}");
    }
    trainer.calibrate_click(&features(1), &served(2), true);
    assert!(offset(&trainer) > 0.0);
    let before = offset(&trainer);
    learn(&mut trainer, EXAMPLES_MIN + 1);
    trainer.calibrate_click(&features(1), &served(2), true);
    assert_eq!(offset(&trainer), before, "it knows more than twice by now");
}
