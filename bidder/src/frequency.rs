//! Frequency caps: what the profile has seen, and what this process has bid for since.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::random::mix;
use domain::{FrequencyCap, LineItemId, Reject, Timestamp, UserKey};

/// Counts of recent bids by user and line item, shared by all cores: fixed memory, no lock.
///
/// A bid counts until its impression should be in the profile, so that a burst of requests of one user does not
/// pass the cap before the first impression is known. A slot packs a 24-bit tag, the second of the last bid
/// (32 bits) and a count (8 bits). Two pairs that share tag and slot count together, which refuses too much and
/// never too little; a pair that is pushed out of a full bucket is the only loss.
#[derive(Debug)]
pub struct Provisional {
    slots: Box<[AtomicU64]>,
    keep_s: u32,
}

/// Slots in all, 2 MB: 262,144 pairs of user and line item bid for within a minute.
const SLOTS: usize = 1 << 18;
/// Slots searched for one pair.
const WAYS: usize = 4;

impl Provisional {
    /// Bids count for `keep_s` seconds.
    pub fn new(keep_s: u32) -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, keep_s }
    }

    /// How many bids of the line item for the user still count.
    pub fn count(&self, user: UserKey, line_item: LineItemId, now: Timestamp) -> u32 {
        let (bucket, tag) = place(user, line_item);
        let slots = self.slots.get(bucket..bucket + WAYS).unwrap_or_default();
        let live = slots
            .iter()
            .map(|slot| Packed::read(slot.load(Ordering::Relaxed)));
        live.filter(|packed| packed.tag == tag && self.counts(*packed, now))
            .map(|packed| packed.count)
            .sum()
    }

    /// Counts one more bid.
    pub fn add(&self, user: UserKey, line_item: LineItemId, now: Timestamp) {
        let (bucket, tag) = place(user, line_item);
        let slots = self.slots.get(bucket..bucket + WAYS).unwrap_or_default();
        let read = |slot: &AtomicU64| Packed::read(slot.load(Ordering::Relaxed));
        let own = slots.iter().find(|slot| {
            let packed = read(slot);
            packed.tag == tag && self.counts(packed, now)
        });
        let oldest = || slots.iter().min_by_key(|slot| read(slot).second);
        let Some(slot) = own.or_else(oldest) else {
            return;
        };
        let update = |old: u64| {
            let old = Packed::read(old);
            let same = old.tag == tag && self.counts(old, now);
            let count = if same { (old.count + 1).min(255) } else { 1 };
            Some(
                Packed {
                    tag,
                    second: second(now),
                    count,
                }
                .write(),
            )
        };
        // The closure always gives a value, so the update cannot fail.
        slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update)
            .ok();
    }

    fn counts(&self, packed: Packed, now: Timestamp) -> bool {
        packed.count > 0 && second(now).saturating_sub(packed.second) < self.keep_s
    }
}

#[derive(Clone, Copy)]
struct Packed {
    tag: u32,
    second: u32,
    count: u32,
}

impl Packed {
    fn read(word: u64) -> Self {
        Self {
            tag: (word >> 40) as u32,
            second: (word >> 8) as u32,
            count: (word & 0xff) as u32,
        }
    }

    fn write(self) -> u64 {
        u64::from(self.tag) << 40 | u64::from(self.second) << 8 | u64::from(self.count)
    }
}

fn second(now: Timestamp) -> u32 {
    u32::try_from(now.0.div_euclid(1000)).unwrap_or(0)
}

fn place(user: UserKey, line_item: LineItemId) -> (usize, u32) {
    let high = u64::from_be_bytes(user.0[..8].try_into().expect("8 of 16 bytes"));
    let hash = mix(high ^ mix(line_item.0));
    let bucket = (hash as usize % (SLOTS / WAYS)) * WAYS;
    (bucket, (hash >> 40) as u32)
}

/// Whether one more impression keeps every cap. `seen(window)` is how many the user has had in that many seconds.
///
/// # Errors
/// `FrequencyCap` when a cap is reached.
pub fn check(
    caps: &[FrequencyCap],
    provisional: u32,
    seen: impl Fn(u32) -> u32,
) -> Result<(), Reject> {
    let room =
        |cap: &FrequencyCap| seen(cap.window_s).saturating_add(provisional) < cap.impressions;
    if caps.iter().all(room) {
        Ok(())
    } else {
        Err(Reject::FrequencyCap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_bids_count_until_they_are_old() {
        let recent = Provisional::new(60);
        let (user, line_item) = (UserKey([7; 16]), LineItemId(3));
        let start = Timestamp(1_700_000_000_000);
        assert_eq!(recent.count(user, line_item, start), 0);
        recent.add(user, line_item, start);
        recent.add(user, line_item, start.plus_ms(1000));
        assert_eq!(recent.count(user, line_item, start.plus_ms(2000)), 2);
        assert_eq!(recent.count(user, LineItemId(4), start), 0);
        assert_eq!(recent.count(UserKey([8; 16]), line_item, start), 0);
        assert_eq!(recent.count(user, line_item, start.plus_ms(61_000)), 0);
        recent.add(user, line_item, start.plus_ms(70_000));
        assert_eq!(recent.count(user, line_item, start.plus_ms(70_000)), 1);
    }

    #[test]
    fn every_window_must_have_room() {
        let caps = [
            FrequencyCap {
                impressions: 2,
                window_s: 60,
                per: domain::IdScope::User,
            },
            FrequencyCap {
                impressions: 5,
                window_s: 3600,
                per: domain::IdScope::User,
            },
        ];
        let seen =
            |minute: u32, hour: u32| move |window: u32| if window == 60 { minute } else { hour };
        assert_eq!(check(&caps, 0, seen(1, 4)), Ok(()));
        assert_eq!(check(&caps, 1, seen(1, 3)), Err(Reject::FrequencyCap));
        assert_eq!(check(&caps, 0, seen(0, 5)), Err(Reject::FrequencyCap));
        assert_eq!(check(&[], 9, seen(9, 9)), Ok(()));
    }
}
