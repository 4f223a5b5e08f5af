//! The join against a model: any order, any repeats, one example each.

use ctr_model::feature::FIELDS;
use domain::random::SplitMix64;

use super::*;

const WINDOW_MS: i64 = 5_000;
const BID: BidId = BidId([1; 16]);
const FEATURES: Features = Features([7; FIELDS]);
const SERVED: Served = Served {
    model: 3,
    predicted: [0.1, 0.2],
    raw: [0.3, 0.4],
};

fn joiner() -> Joiner {
    Joiner::new(1_000, WINDOW_MS, 1_000)
}

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

#[test]
fn an_impression_without_a_click_is_a_negative_after_the_window() {
    let mut join = joiner();
    join.bid(BID, at(0), FEATURES, SERVED);
    join.impression(BID, at(10));
    join.advance();
    assert!(join.take_examples().is_empty());
    join.impression(BidId([2; 16]), at(1_010));
    join.advance();
    assert_eq!(
        join.take_examples(),
        [Example::Click {
            features: FEATURES,
            clicked: false,
            served: SERVED
        }]
    );
    join.click(BID, at(1_500));
    assert_eq!(
        join.take_examples(),
        [Example::LateClick(FEATURES, SERVED)],
        "a late click corrects it"
    );
}

#[test]
fn a_bid_record_that_comes_last_still_labels() {
    let mut join = joiner();
    join.conversion(BID, at(30));
    join.click(BID, at(20));
    join.impression(BID, at(10));
    join.bid(BID, at(0), FEATURES, SERVED);
    join.advance();
    assert!(join.take_examples().is_empty(), "no window has passed");
    join.impression(BidId([2; 16]), at(6_000));
    join.advance();
    assert_eq!(
        join.take_examples(),
        [
            Example::Click {
                features: FEATURES,
                clicked: true,
                served: SERVED
            },
            Example::Conversion(
                FEATURES,
                Look {
                    age_s: 5.0,
                    before_s: None,
                    delay_s: Some(0.01),
                    horizon_s: 5.0,
                    window_s: 5.0,
                }
            ),
            Example::Settled(FEATURES, SERVED, true),
        ]
    );
}

#[test]
fn memory_is_bounded() {
    let mut join = Joiner::new(1_000_000, 1_000_000, 100);
    for n in 0..10_000_u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        join.bid(BidId(id), at(n as i64), FEATURES, SERVED);
        join.advance();
        assert!(join.len() <= 101, "{}", join.len());
    }
}

/// Each bid's events in random order and with repeats: exactly the labels that its events imply.
#[test]
fn labels_do_not_depend_on_the_order_of_events() {
    for seed in 0..200 {
        let mut rng = SplitMix64::new(seed);
        let mut join = joiner();
        let (clicked, converted) = (rng.chance(0.5), rng.chance(0.5));
        let mut events = vec![0, 1];
        if clicked {
            events.push(2);
        }
        if clicked && converted {
            events.push(3);
        }
        events.extend(events.clone());
        for n in (1..events.len()).rev() {
            events.swap(n, rng.below(n as u64 + 1) as usize);
        }
        for event in events {
            match event {
                0 => join.bid(BID, at(0), FEATURES, SERVED),
                1 => join.impression(BID, at(10)),
                2 => join.click(BID, at(20)),
                _ => join.conversion(BID, at(30)),
            }
            join.advance();
        }
        join.impression(BidId([9; 16]), at(100_000));
        join.advance();
        let out = join.take_examples();
        let clicks: Vec<_> = out
            .iter()
            .filter(|e| matches!(e, Example::Click { .. }))
            .collect();
        assert_eq!(
            clicks,
            [&Example::Click {
                features: FEATURES,
                clicked,
                served: SERVED
            }],
            "seed {seed}"
        );
        let settled: Vec<_> = out
            .iter()
            .filter(|e| matches!(e, Example::Settled(..)))
            .collect();
        let expected = Example::Settled(FEATURES, SERVED, converted);
        assert_eq!(
            settled,
            if clicked { vec![&expected] } else { vec![] },
            "seed {seed}"
        );
        assert!(
            !out.iter().any(|e| matches!(e, Example::LateClick(..))),
            "seed {seed}"
        );
    }
}

#[test]
fn a_click_is_looked_at_at_the_same_ages_whether_it_converts_or_not() {
    let other = BidId([2; 16]);
    let mut join = Joiner::new(1_000, 100_000, 1_000);
    for bid in [BID, other] {
        join.bid(bid, at(0), FEATURES, SERVED);
        join.click(bid, at(0));
    }
    join.conversion(BID, at(40_000));
    let (mut seen, mut settled) = (Vec::new(), Vec::new());
    for second in 1..=200 {
        join.impression(BidId([9; 16]), at(second * 1_000));
        join.advance();
        for example in join.take_examples() {
            match example {
                Example::Conversion(_, look) => {
                    seen.push((look.age_s, look.before_s, look.delay_s))
                }
                Example::Settled(_, SERVED, converted) => settled.push(converted),
                _ => {}
            }
        }
    }
    assert_eq!(
        seen,
        [
            (30.0, None, None),
            (30.0, None, None),
            (60.0, Some(30.0), Some(40.0)),
            (60.0, Some(30.0), None),
            (100.0, Some(60.0), None),
        ]
    );
    assert_eq!(settled, [true, false]);
}
