//! The table of provisional bids: expiry, names, merging, and many threads at once.

use domain::random::SplitMix64;
use domain::{CampaignId, CreativeId, LineItemId};

use super::*;

const START: Timestamp = Timestamp(1_700_000_000_000);

fn pair(key: u8, id: u64) -> Pair {
    (UserKey([key; 16]), Capped::LineItem(LineItemId(id)))
}

#[test]
fn a_bid_counts_until_its_own_hold_ends() {
    let recent = Provisional::new(1 << 16);
    recent.add(pair(7, 3), START, 60_000);
    recent.add(pair(7, 3), START.plus_ms(1_000), 5_000);
    let counts = [1_000, 5_999, 7_001, 59_999, 61_001]
        .map(|ms| recent.count(pair(7, 3), START.plus_ms(ms), &[]));
    assert_eq!(counts, [2, 2, 1, 1, 0]);
    let others = [
        (UserKey([7; 16]), Capped::Campaign(CampaignId(3))),
        (UserKey([7; 16]), Capped::Creative(CreativeId(3))),
        pair(7, 4),
        pair(8, 3),
    ];
    assert_eq!(others.map(|other| recent.count(other, START, &[])), [0; 4]);
}

#[test]
fn an_impression_that_the_profile_has_does_not_count_twice() {
    let recent = Provisional::new(1 << 16);
    for bid in [11, 12] {
        recent.add(pair(1, 1), START, 60_000);
        recent.name(pair(1, 1), START, bid);
    }
    recent.add(pair(1, 1), START, 60_000);
    let count = |shown: &[u32]| recent.count(pair(1, 1), START, shown);
    assert_eq!((count(&[]), count(&[12]), count(&[9, 12, 11])), (3, 2, 1));
    recent.remove(pair(1, 1), START);
    assert_eq!((count(&[]), count(&[12, 11])), (2, 0));
    recent.remove(pair(1, 1), START);
    assert_eq!(count(&[]), 2, "what was sent cannot be taken back");
}

#[test]
fn bids_beyond_a_bucket_merge_and_count_longer_never_less() {
    let recent = Provisional::new(0);
    for bid in 1..=30_u32 {
        recent.add(pair(1, 1), START, 1_000 * i64::from(bid));
        recent.name(pair(1, 1), START, bid);
        assert_eq!(recent.count(pair(1, 1), START, &[]), bid);
    }
    assert!(recent.count(pair(1, 1), START.plus_ms(20_000), &[]) >= 10);
    assert_eq!(recent.count(pair(1, 1), START.plus_ms(32_000), &[]), 0);
    for _ in 0..100 {
        recent.add(pair(1, 1), START, 60_000);
    }
    assert!(recent.count(pair(1, 1), START, &[]) >= 63);
}

#[test]
fn a_clock_that_steps_back_a_little_forgets_nothing() {
    let recent = Provisional::new(1 << 12);
    recent.add(pair(1, 1), START, 60_000);
    assert_eq!(recent.count(pair(1, 1), START.plus_ms(-30_000), &[]), 1);
    // A slot of long ago reads as free, whichever turn of the seconds it is.
    let days = |days: i64| START.plus_ms(days * 86_400_000);
    assert_eq!(recent.count(pair(1, 1), days(100), &[]), 0);
}

/// Threads add, name and take back at once: what is left is what they left.
#[test]
fn threads_lose_no_count() {
    let recent = Provisional::new(1 << 20);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let recent = &recent;
            scope.spawn(move || {
                let mut rng = SplitMix64::new(thread);
                for turn in 0..2_000_u32 {
                    let shared = pair(1, rng.below(500));
                    recent.add(shared, START, 60_000);
                    if turn % 2 == 0 {
                        recent.remove(shared, START);
                    } else {
                        recent.name(shared, START, 1 + thread as u32 * 10_000 + turn);
                    }
                }
            });
        }
    });
    let left: u32 = (0..500)
        .map(|id| recent.count(pair(1, id), START, &[]))
        .sum();
    // Merged bids that are taken back together may count on; none that was sent is missing.
    assert!((4_000..4_400).contains(&left), "{left}");
}
