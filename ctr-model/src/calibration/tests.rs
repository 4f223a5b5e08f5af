//! Tests of calibration: a biased model is put right, by slice, and few examples are not believed.

use super::*;
use domain::random::SplitMix64;

/// Sums of predictions and clicks by slice.
type Sums = BTreeMap<u32, (f64, f64)>;

/// Learns `count` examples whose truth is the model's prediction shifted by slice; sums of the second half.
fn run(calibration: &mut Calibration, count: u32, shift: fn(u32) -> f32) -> Sums {
    let mut rng = SplitMix64::new(11);
    let mut sums = Sums::new();
    for n in 0..count {
        let slice = (rng.below(8)) as u32;
        let predicted = 0.01 + 0.2 * rng.unit() as f32;
        let truth = probability(log_odds(predicted) + shift(slice));
        let clicked = rng.chance(f64::from(truth));
        let said = calibration.learn(predicted, &[slice], clicked);
        if n >= count / 2 {
            let sum = sums.entry(slice).or_default();
            sum.0 += f64::from(said);
            sum.1 += f64::from(u8::from(clicked));
        }
    }
    sums
}

#[test]
fn every_slice_is_put_right() {
    let shift = |slice| match slice {
        0 => 0.7,
        1 => -0.7,
        _ => 0.3,
    };
    let sums = run(&mut Calibration::new(1), 200_000, shift);
    for (slice, (predicted, clicks)) in sums {
        let ratio = predicted / clicks;
        let allowed = (3.5 / clicks.sqrt()).max(0.05);
        assert!(
            (ratio - 1.0).abs() < allowed,
            "{slice}: {ratio} of {clicks}"
        );
    }
}

#[test]
fn what_is_right_stays_and_few_examples_are_not_believed() {
    let mut calibration = Calibration::new(1);
    run(&mut calibration, 200_000, |_| 0.0);
    assert!(calibration.global().value.abs() < 0.05);
    assert!(
        calibration
            .slices(0)
            .all(|(_, offset)| offset.value.abs() < 0.1)
    );
    for _ in 0..3 {
        calibration.learn(0.01, &[99], true);
    }
    let lucky = calibration.slices(0).find(|(key, _)| *key == 99).unwrap().1;
    assert!((0.0..0.15).contains(&lucky.value), "{lucky:?}");
    let p = calibration.apply(0.01, &[77]);
    assert!(
        (p - 0.01).abs() < 0.001,
        "an unknown slice has the global offset: {p}"
    );
}

#[test]
fn dropped_negatives_are_undone() {
    let calibration = Calibration::new(0).with_negatives_kept(0.1);
    // Of 1,000 examples with 20 clicks, 98 negatives are left: 20 in 118.
    let learned = 20.0 / 118.0;
    assert!((calibration.apply(learned, &[]) - 0.02).abs() < 1e-6);
    assert!(!calibration.is_identity() && Calibration::new(2).is_identity());
}

#[test]
fn slices_are_bounded_in_number_and_offsets_in_size() {
    let mut calibration = Calibration::new(1);
    for key in 0..SLICES_MAX as u32 + 10 {
        calibration.learn(0.5, &[key], true);
    }
    assert_eq!(calibration.slices(0).count(), SLICES_MAX);
    for _ in 0..100_000 {
        calibration.learn(1e-6, &[1], true);
    }
    assert!(calibration.slices(0).all(|(_, offset)| offset.is_sound()));
    assert!(calibration.global().is_sound());
}

#[test]
fn parts_out_of_bounds_are_refused_by_name() {
    let ok = Offset::default();
    let of = |value, information| Offset { value, information };
    let check = |kept, global, slice, expected| {
        let slices = vec![BTreeMap::from([(1, slice)])];
        let refused = Calibration::from_parts(kept, global, slices).unwrap_err();
        assert_eq!(refused.what, expected);
    };
    assert!(Calibration::from_parts(1.0, ok, vec![BTreeMap::from([(1, ok)])]).is_ok());
    check(0.0, ok, ok, "share of negatives");
    check(f32::NAN, ok, ok, "share of negatives");
    check(1.0, of(3.1, 0.0), ok, "global offset");
    check(1.0, of(f32::NAN, 0.0), ok, "global offset");
    check(1.0, ok, of(0.0, -1.0), "slice offset");
    check(1.0, ok, of(0.0, f32::INFINITY), "slice offset");
    let many = vec![BTreeMap::new(); 5];
    assert!(Calibration::from_parts(1.0, ok, many).is_err());
}
