//! Tests of the metrics, against counts by hand.

use super::*;
use domain::random::SplitMix64;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn log_loss_is_the_mean_surprise() {
    let mut loss = LogLoss::default();
    assert_eq!(loss.mean(), None);
    loss.add(0.5, true);
    loss.add(0.5, false);
    assert!(close(loss.mean().unwrap(), 2_f64.ln()));
    // Certain and wrong is bad, not infinite; so is no number at all.
    for worst in [0.0, -3.0, f32::NAN] {
        assert!((13.0..14.0).contains(&super::loss(worst, true)), "{worst}");
    }
}

#[test]
fn auc_counts_pairs_and_halves_ties() {
    let check = |examples: &[(f32, bool)], expected: Option<f64>| {
        assert_eq!(auc(examples), expected, "{examples:?}");
    };
    check(&[], None);
    check(&[(0.1, true)], None);
    check(&[(0.1, false), (0.2, true)], Some(1.0));
    check(&[(0.2, false), (0.1, true)], Some(0.0));
    check(&[(0.2, false), (0.2, true)], Some(0.5));
    // Pairs: 0.3 beats 0.1 and ties 0.3; 0.2 beats 0.1 and loses to 0.3: 2.5 of 4.
    check(
        &[(0.1, false), (0.3, false), (0.3, true), (0.2, true)],
        Some(0.625),
    );
}

#[test]
fn progressive_agrees_with_the_exact_figures() {
    let mut rng = SplitMix64::new(5);
    let mut progressive = Progressive::default();
    let (mut exact, mut pairs, mut sum) = (LogLoss::default(), Vec::new(), 0.0);
    for _ in 0..20_000 {
        let p = (0.4 * rng.unit() * rng.unit()) as f32;
        let happened = rng.chance(f64::from(p));
        progressive.add(p, happened);
        exact.add(p, happened);
        pairs.push((p, happened));
        sum += f64::from(p);
    }
    let clicks = pairs.iter().filter(|pair| pair.1).count() as f64;
    let figures = progressive.figures();
    assert_eq!(figures.examples, 20_000);
    assert!(close(figures.log_loss.unwrap(), exact.mean().unwrap()));
    assert!(close(figures.calibration.unwrap(), sum / clicks));
    assert!((figures.auc.unwrap() - auc(&pairs).unwrap()).abs() < 1e-3);
    let mut constant = LogLoss::default();
    pairs
        .iter()
        .for_each(|pair| constant.add((clicks / 20_000.0) as f32, pair.1));
    assert!((figures.baseline_log_loss.unwrap() - constant.mean().unwrap()).abs() < 1e-6);
}

#[test]
fn the_reliability_table_lies_on_the_diagonal_for_the_truth() {
    let mut rng = SplitMix64::new(9);
    let mut progressive = Progressive::default();
    for _ in 0..50_000 {
        let p = rng.unit() as f32;
        progressive.add(p, rng.chance(f64::from(p)));
    }
    let table = progressive.calibration(10);
    assert!((5..=10).contains(&table.len()), "{}", table.len());
    assert!(
        table
            .iter()
            .all(|bucket| (bucket.predicted - bucket.observed).abs() < 0.03)
    );
    assert!(close(
        table.iter().map(|bucket| bucket.examples).sum(),
        50_000.0
    ));
    assert!(Progressive::default().calibration(0).is_empty());
}

#[test]
fn a_correction_moves_one_example_over() {
    let mut late = Progressive::default();
    let mut prompt = Progressive::default();
    for i in 0..100 {
        late.add(0.2, false);
        prompt.add(0.2, i == 0);
    }
    late.correct(0.2);
    assert_eq!(late.bins, prompt.bins);
    let (late_figures, prompt_figures) = (late.figures(), prompt.figures());
    assert!(close(
        late_figures.log_loss.unwrap(),
        prompt_figures.log_loss.unwrap()
    ));
    assert_eq!(
        late_figures.baseline_log_loss,
        prompt_figures.baseline_log_loss
    );
    // Nothing to correct leaves everything as it is.
    let mut empty = Progressive::default();
    empty.correct(0.2);
    assert_eq!(empty, Progressive::default());
}

#[test]
fn sums_are_halved_so_that_the_past_fades() {
    let mut progressive = Progressive::default();
    (0..EXAMPLES_MAX as usize).for_each(|_| progressive.add(0.9, false));
    (0..EXAMPLES_MAX as usize / 2).for_each(|_| progressive.add(0.1, false));
    assert_eq!(progressive.examples, 600_000);
    assert!(progressive.sums[0] <= EXAMPLES_MAX);
    // One quarter of the old mistakes is left beside one half of the new examples.
    let expected = (0.5 * -(0.1_f64.ln()) + 0.5 * -(0.9_f64.ln()), 0.01);
    assert!((progressive.figures().log_loss.unwrap() - expected.0).abs() < expected.1);
}
