//! Tests of a learning step: its bounds, its solution, what it leaves alone.

use super::*;

fn features(seed: u64) -> Features {
    let mut rng = domain::random::SplitMix64::new(seed);
    Features([0; FIELDS].map(|_: u32| (rng.next_u64() >> 32) as u32))
}

#[test]
fn the_step_solves_its_equation() {
    for score in [-14.0, -4.6, -1.0, 0.0, 3.0, 14.0_f32] {
        for sum in [1e-4, 0.3, 2.0, 8.0, 30.0] {
            for label in [false, true] {
                let (step, information) = most_probable_step(score, sum, label);
                let p = probability(score + step);
                let error = step - sum * (f32::from(u8::from(label)) - p);
                assert!(
                    error.abs() < 1e-3,
                    "score {score}, sum {sum}, {label}: {error}"
                );
                assert!((0.0..=0.25).contains(&information));
                assert!(step == 0.0 || (step > 0.0) == label);
            }
        }
    }
}

#[test]
fn a_new_trainer_predicts_the_prior_rates() {
    let mut trainer = Trainer::new();
    assert!((trainer.learn_click(&features(1), false) - PRIOR_CLICK_RATE).abs() < 1e-6);
    assert!((trainer.learn_conversion(&features(1), false) - PRIOR_CONVERSION_RATE).abs() < 1e-6);
}

#[test]
fn the_intercept_finds_the_rate_within_some_dozen_clicks() {
    let mut trainer = Trainer::new();
    // Every tenth impression is clicked, always with other features.
    for i in 0..300 {
        trainer.learn_click(&features(i), i % 10 == 0);
    }
    let predicted = trainer.model(1).predict(&features(1_000)).click;
    assert!((0.06..0.14).contains(&predicted), "{predicted}");
}

#[test]
fn heads_do_not_mix() {
    let mut trainer = Trainer::new();
    trainer.learn_click(&features(1), true);
    trainer.correct_click(&features(1));
    assert_eq!(trainer.conversion, Trainer::new().conversion);
    let click = trainer.click.clone();
    trainer.learn_conversion(&features(1), true);
    assert_eq!(trainer.click, click);
}

#[test]
fn endless_repetition_stays_finite() {
    for label in [false, true] {
        let mut trainer = Trainer::new();
        for _ in 0..20_000 {
            let predicted = trainer.learn_click(&features(3), label);
            assert!(predicted > 0.0 && predicted < 1.0);
            if label {
                trainer.correct_click(&features(3));
            }
        }
        let click = trainer.model(1).predict(&features(3)).click;
        assert!((click > 0.5) == label, "{click}");
        assert!(
            trainer
                .click
                .mean
                .iter()
                .all(|weight| weight.abs() <= WEIGHT_MAX)
        );
        assert!(Model::parse(&trainer.model(1).encode()).is_ok());
    }
}

#[test]
fn a_click_raises_and_a_miss_lowers() {
    let mut trainer = Trainer::new();
    let before = trainer.learn_click(&features(1), true);
    let after = trainer.learn_click(&features(1), false);
    let lowered = trainer.model(1).predict(&features(1)).click;
    assert!(
        before < after && lowered < after,
        "{before} {after} {lowered}"
    );
    trainer.correct_click(&features(1));
    assert!(trainer.model(1).predict(&features(1)).click > after);
}
