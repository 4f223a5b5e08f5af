//! Reading profiles from a store that is fast, slow, broken, and well again, on a clock that stands.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Timestamp;
use domain::time::ManualClock;
use store::StoreError;

use super::*;

const SLICE_US: u64 = 5_000;

/// Answers after some milliseconds, or not at all.
struct Faulty {
    clock: Arc<ManualClock>,
    takes_ms: AtomicU64,
    reads: AtomicU64,
}

/// Slow enough to count as failed without an answer.
const BROKEN: u64 = u64::MAX;

impl ProfileSource for Faulty {
    fn read(
        &self,
        keys: &[UserKey],
        _deadline_us: u64,
        found: &mut Vec<Option<Profile>>,
    ) -> Result<(), StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let takes_ms = self.takes_ms.load(Ordering::SeqCst);
        if takes_ms == BROKEN {
            return Err(StoreError::Storage("a fault was injected".to_owned()));
        }
        self.clock.set(self.clock.now().plus_ms(takes_ms as i64));
        found.extend(keys.iter().map(|key| {
            (key.0[0] < 100).then(|| Profile {
                impressions: u64::from(key.0[0]),
                ..Profile::default()
            })
        }));
        Ok(())
    }
}

struct World {
    clock: Arc<ManualClock>,
    source: Arc<Faulty>,
    reader: PeopleReader,
    counts: Counts,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
        let source = Arc::new(Faulty {
            clock: Arc::clone(&clock),
            takes_ms: AtomicU64::new(0),
            reads: AtomicU64::new(0),
        });
        let cache = NearCache::new(1 << 20, 300_000);
        let shared = Arc::clone(&source) as Arc<dyn ProfileSource>;
        Self {
            clock,
            source,
            reader: PeopleReader::new(shared, cache, SLICE_US),
            counts: Counts::default(),
        }
    }

    /// Impressions of a user and a household, as far as they are known.
    fn ask(&mut self, user: u8, household: u8) -> [Option<u64>; 2] {
        let keys = [
            Some(UserKey([user; 16])),
            None,
            Some(UserKey([household; 16])),
        ];
        let until = (self.clock.as_ref() as &dyn Clock, u64::MAX);
        let people = self.reader.read(&keys, until, &mut self.counts);
        assert!(people.get(IdScope::Device).is_none());
        [IdScope::User, IdScope::Household]
            .map(|scope| people.get(scope).map(|one| one.profile.impressions))
    }

    fn pass(&self, ms: i64) {
        self.clock.set(self.clock.now().plus_ms(ms));
    }

    fn reads(&self) -> u64 {
        self.source.reads.load(Ordering::SeqCst)
    }

    fn takes(&self, ms: u64) {
        self.source.takes_ms.store(ms, Ordering::SeqCst);
    }
}

#[test]
fn ids_are_read_together_and_kept_at_hand_unknown_ones_too() {
    let mut world = World::new();
    assert_eq!(world.ask(3, 200), [Some(3), Some(0)]);
    assert_eq!((world.ask(3, 200), world.reads()), ([Some(3), Some(0)], 1));
    assert_eq!((world.ask(4, 200), world.reads()), ([Some(4), Some(0)], 2));
    world.pass(300);
    assert_eq!((world.ask(3, 200), world.reads()), ([Some(3), Some(0)], 3));
    let nobody = [None; 3];
    let until = (world.clock.as_ref() as &dyn Clock, u64::MAX);
    let people = world.reader.read(&nobody, until, &mut world.counts);
    assert!(people.get(IdScope::User).is_none() && world.reads() == 3);
}

#[test]
fn a_store_in_trouble_is_left_alone_and_tried_again() {
    for trouble in [6, BROKEN] {
        let mut world = World::new();
        assert_eq!(world.ask(1, 2), [Some(1), Some(2)]);
        world.takes(trouble);
        for key in 10..15 {
            let known = world.ask(key, 2)[0].is_some();
            assert_eq!(known, trouble != BROKEN, "a late answer is still one");
        }
        assert_eq!(world.reads(), 6);
        for key in 20..90 {
            let [user, household] = world.ask(key, 1);
            assert_eq!(user, None);
            assert_eq!(household, Some(1), "what is at hand stays known");
        }
        assert_eq!(world.reads(), 6, "nobody waits for it");
        world.pass(1_000);
        assert_eq!(world.ask(90, 91)[0].is_some(), trouble != BROKEN);
        assert_eq!(
            (world.ask(92, 93), world.reads()),
            ([None; 2], 7),
            "one try a second"
        );
        world.takes(0);
        world.pass(1_000);
        for key in 60..70 {
            assert_eq!(world.ask(key, key), [Some(u64::from(key)); 2]);
        }
        assert_eq!(world.reads(), 17);
    }
}
