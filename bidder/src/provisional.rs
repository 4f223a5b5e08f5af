//! Bids whose impressions are not known yet, counted by id and capped object: fixed memory, shared by all cores, no lock.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::random::mix;
use domain::{Capped, Timestamp, UserKey};

use crate::config::HOLD_MS_MAX;
use crate::metrics;

/// Slots of one bucket: one cache line.
const WAYS: usize = 8;
/// Bits of a slot, from the top: which pair of id and object, which bid (0: several or not yet known), how many
/// bids, and the second on which they stop counting.
const PAIR_BITS: u32 = 14;
const BID_BITS: u32 = 20;
const COUNT_BITS: u32 = 6;
const SECOND_BITS: u32 = 24;
const _: () = assert!(
    PAIR_BITS + BID_BITS + COUNT_BITS + SECOND_BITS == 64,
    "a slot is one word"
);
/// So many bids in one slot are more than any cap allows.
const MANY: u64 = (1 << COUNT_BITS) - 1;
/// Farther ahead than this a second lies in the past: seconds are kept modulo 194 days.
const AHEAD_S_MAX: u64 = 2 * HOLD_MS_MAX.unsigned_abs() / 1000;

/// Counts of bids by id and object until their impression is in the profile or their hold has run out.
///
/// A reader passes the bids that its copy of the profile has as impressions; those do not count, so that none
/// counts twice and none falls between an old copy and this table. Errors go one way: two pairs that share bucket
/// and tag count together, bids beyond eight in a bucket merge and count until the last hold ends, and a profile that
/// has forgotten a bid lets it count to the end of its hold. Too little is counted only when a bucket overflows
/// with pairs of others, which a metric counts, or when a bid's tag equals that of another recent impression of
/// the same id (one in a million). Ids are keyed hashes, so nobody can aim at a bucket.
#[derive(Debug)]
pub struct Provisional {
    slots: Box<[AtomicU64]>,
}

/// Whose bids of what.
pub type Pair = (UserKey, Capped);

#[derive(Clone, Copy)]
struct Slot {
    pair: u64,
    bid: u64,
    count: u64,
    second: u64,
}

impl Slot {
    fn read(word: u64) -> Self {
        let part = |shift: u32, bits: u32| word >> shift & ((1 << bits) - 1);
        Self {
            pair: part(BID_BITS + COUNT_BITS + SECOND_BITS, PAIR_BITS),
            bid: part(COUNT_BITS + SECOND_BITS, BID_BITS),
            count: part(SECOND_BITS, COUNT_BITS),
            second: part(0, SECOND_BITS),
        }
    }

    fn word(self) -> u64 {
        self.pair << (BID_BITS + COUNT_BITS + SECOND_BITS)
            | self.bid << (COUNT_BITS + SECOND_BITS)
            | self.count << SECOND_BITS
            | self.second
    }

    /// Seconds that it still counts; 0 when it is free.
    fn left(self, now: u64) -> u64 {
        let ahead = self.second.wrapping_sub(now) & ((1 << SECOND_BITS) - 1);
        if self.count > 0 && ahead <= AHEAD_S_MAX {
            ahead
        } else {
            0
        }
    }
}

impl Provisional {
    /// Takes `bytes` of memory, rounded down to a power of two, at least one bucket; each bid of a capped line
    /// item takes 8 bytes for each id and object that is capped, until its hold ends.
    pub fn new(bytes: usize) -> Self {
        let buckets = (bytes / (WAYS * size_of::<AtomicU64>())).max(1);
        let buckets = 1_usize << buckets.ilog2();
        let slots = (0..buckets * WAYS).map(|_| AtomicU64::new(0)).collect();
        Self { slots }
    }

    /// How many bids still count, without those of `shown`: tags of the impressions that the profile has.
    pub fn count(&self, pair: Pair, now: Timestamp, shown: &[u32]) -> u32 {
        let (bucket, tag) = self.bucket(pair);
        let now = second(now.0);
        let mut sum = 0_u32;
        for slot in bucket {
            let slot = Slot::read(slot.load(Ordering::SeqCst));
            if slot.pair != tag || slot.left(now) == 0 {
                continue;
            }
            let known = slot.bid != 0 && shown.iter().any(|shown| bid_bits(*shown) == slot.bid);
            if slot.count == MANY {
                return u32::MAX;
            }
            if !known {
                sum = sum.saturating_add(slot.count as u32);
            }
        }
        sum
    }

    /// Counts one more bid, not yet known by its id, for `hold_ms` from `now`.
    pub fn add(&self, pair: Pair, now: Timestamp, hold_ms: i64) {
        let (bucket, tag) = self.bucket(pair);
        let hold_ms = hold_ms.clamp(0, 2 * HOLD_MS_MAX - 1000);
        let (now, until) = (second(now.0), second(now.0 + hold_ms + 999));
        let new = Slot {
            pair: tag,
            bid: 0,
            count: 1,
            second: until,
        };
        loop {
            let read = bucket.iter().map(|slot| {
                let word = slot.load(Ordering::SeqCst);
                (slot, word, Slot::read(word))
            });
            let mut free = read.clone().filter(|(_, _, old)| old.left(now) == 0);
            let mut own = read.clone().filter(|(_, _, old)| old.pair == tag);
            let soonest = || read.clone().min_by_key(|(_, _, old)| old.left(now));
            let place = free.next().or_else(|| own.next());
            let Some((slot, word, old)) = place.or_else(soonest) else {
                return;
            };
            let (taken, same) = (old.left(now) > 0, old.pair == tag);
            let next = if taken && same {
                merge(old, new, now)
            } else {
                new
            };
            let done = slot.compare_exchange(word, next.word(), Ordering::SeqCst, Ordering::SeqCst);
            if done.is_ok() {
                if taken && !same {
                    ::metrics::counter!(metrics::PROVISIONAL_EVICTED).increment(1);
                }
                return;
            }
        }
    }

    /// Says which bid it was that `add` counted, so that its impression ends the count.
    pub fn name(&self, pair: Pair, now: Timestamp, bid: u32) {
        self.change_unnamed(pair, now, |slot| {
            (slot.count == 1).then_some(Slot {
                bid: bid_bits(bid),
                ..slot
            })
        });
    }

    /// Takes back what `add` counted: the bid was not sent.
    pub fn remove(&self, pair: Pair, now: Timestamp) {
        self.change_unnamed(pair, now, |slot| {
            let count = slot.count - 1;
            // A full slot no longer knows how many it holds.
            (slot.count < MANY).then_some(Slot { count, ..slot })
        });
    }

    fn change_unnamed(&self, pair: Pair, now: Timestamp, change: impl Fn(Slot) -> Option<Slot>) {
        let (bucket, tag) = self.bucket(pair);
        let now = second(now.0);
        for slot in bucket {
            let update = |word| {
                let old = Slot::read(word);
                let own = old.pair == tag && old.bid == 0 && old.left(now) > 0;
                own.then(|| change(old)).flatten().map(Slot::word)
            };
            if slot
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, update)
                .is_ok()
            {
                return;
            }
        }
    }

    fn bucket(&self, (key, object): Pair) -> (&[AtomicU64], u64) {
        let (kind, id) = match object {
            Capped::Campaign(id) => (1, id.0),
            Capped::LineItem(id) => (2, id.0),
            Capped::Creative(id) => (3, id.0),
        };
        let high = u64::from_be_bytes(key.0[..8].try_into().expect("8 of 16 bytes"));
        let hash = mix(high ^ mix(id ^ kind << 62));
        let buckets = self.slots.len() / WAYS;
        let at = (hash as usize & (buckets - 1)) * WAYS;
        let bucket = self.slots.get(at..at + WAYS).unwrap_or_default();
        (bucket, hash >> (64 - PAIR_BITS))
    }
}

/// Two bids of one pair in one slot: neither is known by its id any more.
fn merge(old: Slot, new: Slot, now: u64) -> Slot {
    let second = if old.left(now) > new.left(now) {
        old.second
    } else {
        new.second
    };
    Slot {
        bid: 0,
        count: (old.count + new.count).min(MANY),
        second,
        ..new
    }
}

fn second(ms: i64) -> u64 {
    ms.div_euclid(1000).max(0).unsigned_abs() & ((1 << SECOND_BITS) - 1)
}

fn bid_bits(tag: u32) -> u64 {
    u64::from(tag & ((1 << BID_BITS) - 1)).max(1)
}

#[cfg(test)]
mod tests;
