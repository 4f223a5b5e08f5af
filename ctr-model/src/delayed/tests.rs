//! Tests of late conversions: simulated days in which naive training is far off and this one is not.

use super::*;
use domain::random::{SplitMix64, mix};

const HOUR_S: f32 = 3_600.0;
const DAY_S: f32 = 24.0 * HOUR_S;

/// A click of the simulation; times in seconds from its beginning.
struct Made {
    tokens: [u32; 3],
    at_s: f32,
    truth: f32,
    delay_s: Option<f32>,
}

fn token(field: u64, value: u64) -> u32 {
    mix(mix(field) ^ value) as u32
}

/// Clicks evenly over some days: twenty advertisers with rates of 5 to 20 % and mean delays of 2 to 20 hours.
fn clicks(seed: u64, count: usize, days: f32) -> Vec<Made> {
    let mut rng = SplitMix64::new(seed);
    let click = |n: usize| {
        let (advertiser, device, noise) = (rng.below(20), rng.below(3), rng.below(1_000));
        let truth = 0.05 + 0.15 * (advertiser % 5) as f32 / 4.0 + 0.02 * device as f32;
        let mean_delay_s = HOUR_S * (2.0 + 18.0 * (advertiser / 5) as f32 / 3.0);
        let converts = rng.chance(f64::from(truth));
        let delay_s = rng.exponential(f64::from(mean_delay_s)) as f32;
        Made {
            tokens: [token(1, advertiser), token(2, device), token(3, noise)],
            at_s: days * DAY_S * n as f32 / count as f32,
            truth,
            delay_s: converts.then_some(delay_s),
        }
    };
    (0..count).map(click).collect()
}

/// A click as it is known at a time: what comes later is not known.
fn known(click: &Made, now_s: f32) -> Option<Click<'_>> {
    let age_s = now_s - click.at_s;
    (age_s >= 0.0).then_some(Click {
        tokens: &click.tokens,
        age_s,
        delay_s: click.delay_s.filter(|delay_s| *delay_s <= age_s),
    })
}

/// Fits every twelve hours what is known then.
fn play(clicks: &[Made], days: f32) -> DelayedHead {
    let mut head = DelayedHead::new(0.05);
    for half_days in 1..=(2.0 * days) as u32 {
        let now_s = half_days as f32 * DAY_S / 2.0;
        head.fit(&clicks.iter().filter_map(|click| known(click, now_s)), 3);
    }
    head
}

/// Expected by true conversions of new clicks, overall and of the worst advertiser's rate group.
fn ratios(expect: impl Fn(&[u32]) -> f32) -> (f32, f32) {
    let fresh = clicks(99, 20_000, 1.0);
    let mut sums = std::collections::BTreeMap::<u32, (f32, f32)>::new();
    for click in &fresh {
        for key in [0, click.tokens[0]] {
            let sum = sums.entry(key).or_default();
            sum.0 += expect(&click.tokens);
            sum.1 += click.truth;
        }
    }
    let ratio = |sum: &(f32, f32)| sum.0 / sum.1;
    let off = |sum: &(f32, f32)| (ratio(sum) - 1.0).abs();
    let worst = sums.values().map(off).fold(0.0, f32::max);
    (ratio(&sums[&0]), worst)
}

#[test]
fn late_conversions_bias_naive_training_and_not_this() {
    let days = 2.0;
    for seed in 1..4 {
        let all = clicks(seed, 40_000, days);
        let head = play(&all, days);
        let (ours, worst) = ratios(|tokens| head.expect(tokens).conversion);
        assert!((ours - 1.0).abs() < 0.05, "seed {seed}: {ours}");
        assert!(worst < 0.25, "seed {seed}: {worst}");

        // The same model told that what has not converted by now does not.
        let mut naive = Linear::new(log_odds(0.05));
        for click in all.iter().filter_map(|click| known(click, days * DAY_S)) {
            let p = probability(naive.score(click.tokens));
            naive.step(
                click.tokens,
                f32::from(u8::from(click.delay_s.is_some())) - p,
            );
        }
        let (told, _) = ratios(|tokens| probability(naive.score(tokens)));
        assert!(told < 0.85, "seed {seed}: naive training is at {told}");
    }
}

#[test]
fn delays_are_learned_by_feature() {
    let all = clicks(7, 40_000, 4.0);
    let mut head = DelayedHead::new(0.05);
    head.fit(&all.iter().filter_map(|click| known(click, 4.0 * DAY_S)), 5);
    let delay_h = |advertiser| head.expect(&[token(1, advertiser), token(2, 0)]).delay_s / HOUR_S;
    assert!((1.0..4.0).contains(&delay_h(0)), "2 hours: {}", delay_h(0));
    assert!(
        (13.0..30.0).contains(&delay_h(19)),
        "20 hours: {}",
        delay_h(19)
    );
}

#[test]
fn the_label_of_an_open_click_falls_from_its_chance_to_nothing() {
    let expected = DelayedHead::new(0.2).expect(&[]);
    let label = |age_s: f32| still_converts(expected.conversion, expected.delay_s, age_s);
    assert!((label(0.0) - 0.2).abs() < 1e-6);
    let ages = [0.0, 60.0, HOUR_S, DAY_S, 5.0 * DAY_S];
    assert!(ages.is_sorted_by(|a, b| label(*a) > label(*b)));
    assert!(label(30.0 * DAY_S) < 1e-6);
    // p exp(-l e) / (1 - p + p exp(-l e)) at the mean delay.
    let waiting = 0.2 / std::f32::consts::E;
    assert!((label(DELAY_S_PRIOR) - waiting / (0.8 + waiting)).abs() < 1e-5);
}

#[test]
fn impossible_times_do_no_harm() {
    let mut head = DelayedHead::new(0.2);
    let bad = [f32::NAN, f32::INFINITY, -1.0, f32::MAX];
    let click = |age_s, delay_s| Click {
        tokens: &[1],
        age_s,
        delay_s,
    };
    let clicks = bad.iter().flat_map(|&bad| {
        [
            click(bad, None),
            click(bad, Some(bad)),
            click(1.0, Some(bad)),
        ]
    });
    head.fit(&clicks, 3);
    let expected = head.expect(&[1]);
    assert!((0.0..1.0).contains(&expected.conversion), "{expected:?}");
    assert!(
        (DELAY_S_MIN..=DELAY_S_MAX).contains(&expected.delay_s),
        "{expected:?}"
    );
}
