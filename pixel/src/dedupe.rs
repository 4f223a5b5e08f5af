//! First sighting or repeat: a bounded memory of the event ids that the log has acknowledged.
//!
//! It spares the log most repeats; the exact judgement is the updater's. A table of buckets with eight ids each:
//! a new id goes to the front of its bucket and the oldest there is forgotten. 16 bytes an id, so 16 MB for a
//! million, allocated once; nothing grows. Shards keep cores out of each other's way.

use domain::EventId;
use domain::random::mix;
use parking_lot::Mutex;

const WAYS: usize = 8;
/// Enough that some dozens of cores rarely meet; the lock is held for one bucket of 128 bytes.
const SHARDS: usize = 16;

type Bucket = [[u8; 16]; WAYS];

/// The ids seen last.
#[derive(Debug)]
pub struct Seen {
    shards: Vec<Mutex<Vec<Bucket>>>,
}

impl Seen {
    /// Remembers about `ids_max` ids, at least one bucket a shard.
    pub fn new(ids_max: usize) -> Self {
        let buckets = (ids_max / (WAYS * SHARDS)).max(1);
        let shard = || Mutex::new(vec![[[0; 16]; WAYS]; buckets]);
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
        }
    }

    /// Whether the log has acknowledged this id, as far as we remember.
    pub fn contains(&self, id: EventId) -> bool {
        let (shard, spread) = self.place(id);
        let buckets = shard.lock();
        let place = spread % buckets.len();
        !id.is_nil() && buckets.get(place).is_some_and(|ids| ids.contains(&id.0))
    }

    /// Remembers an id that the log has acknowledged; never call it before.
    pub fn insert(&self, id: EventId) {
        let (shard, spread) = self.place(id);
        let mut buckets = shard.lock();
        let place = spread % buckets.len();
        let Some(ids) = buckets.get_mut(place) else {
            return;
        };
        if !ids.contains(&id.0) {
            ids.rotate_right(1);
            ids[0] = id.0;
        }
    }

    /// Both halves of an id count: the first is the same for all bids of one bidder core and kind.
    fn place(&self, id: EventId) -> (&Mutex<Vec<Bucket>>, usize) {
        let high = u64::from_be_bytes(id.0[..8].try_into().expect("8 of 16 bytes"));
        let low = u64::from_be_bytes(id.0[8..].try_into().expect("8 of 16 bytes"));
        let spread = mix(low ^ mix(high));
        // Only remainders are used, so cutting to 32 bits on small machines is harmless.
        let (shard, spread) = (spread as usize % SHARDS, (spread >> 8) as usize);
        (&self.shards[shard], spread)
    }
}

#[cfg(test)]
mod tests {
    use domain::BidId;
    use proto::event::{IdKind, event_id};

    use super::*;

    fn id(number: u64) -> EventId {
        let mut bytes = [1; 16];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        event_id(BidId(bytes), IdKind::Billing, b"")
    }

    #[test]
    fn what_was_inserted_is_a_repeat_and_nothing_else_is() {
        let seen = Seen::new(1 << 16);
        assert!(!seen.contains(EventId::default()), "empty places are no id");
        for number in 0..10_000 {
            assert!(!seen.contains(id(number)), "{number}");
            seen.insert(id(number));
            seen.insert(id(number));
            assert!(seen.contains(id(number)), "{number}");
        }
        assert!((0..10_000).all(|number| seen.contains(id(number))));
    }

    #[test]
    fn it_forgets_the_oldest_and_never_grows() {
        let seen = Seen::new(1 << 14);
        for number in 0..200_000 {
            seen.insert(id(number));
        }
        let recent = (198_000..200_000)
            .filter(|number| seen.contains(id(*number)))
            .count();
        assert!(recent > 1_990, "{recent} of the last 2,000 are remembered");
        let kept = (0..200_000)
            .filter(|number| seen.contains(id(*number)))
            .count();
        assert!(kept <= 1 << 14, "{kept}");
    }
}
