//! Profiles that one core has read lately: bounded in memory and in age, no lock, no allocation on a hit.

use std::sync::Arc;

use domain::UserKey;
use store::profile::Profile;

/// Places looked at for one id.
const WAYS: usize = 4;
/// What a profile takes as a rule, in bytes: so many places fit the memory.
const TYPICAL_BYTES: usize = 1024;

/// A cache of one core; ids never seen are kept too, as empty profiles.
#[derive(Debug)]
pub struct NearCache {
    places: Vec<Option<Entry>>,
    ttl_us: u64,
    bytes_max: usize,
    bytes: usize,
    hand: usize,
}

#[derive(Debug)]
struct Entry {
    key: UserKey,
    read_us: u64,
    bytes: usize,
    profile: Arc<Profile>,
}

impl NearCache {
    /// Profiles count as known for `ttl_us` microseconds and take at most `bytes` altogether.
    pub fn new(bytes: usize, ttl_us: u64) -> Self {
        let sets = (bytes / TYPICAL_BYTES / WAYS).max(1);
        let places = (1_usize << sets.ilog2()) * WAYS;
        Self {
            places: (0..places).map(|_| None).collect(),
            ttl_us,
            bytes_max: bytes.saturating_sub(places * size_of::<Option<Entry>>()),
            bytes: 0,
            hand: 0,
        }
    }

    /// The profile of an id, if it was read lately.
    pub fn get(&self, key: UserKey, now_us: u64) -> Option<&Arc<Profile>> {
        let places = self.places.get(self.set(key)).unwrap_or_default();
        let entry = places.iter().flatten().find(|entry| entry.key == key)?;
        let fresh = now_us.checked_sub(entry.read_us)? < self.ttl_us;
        fresh.then_some(&entry.profile)
    }

    /// Keeps what was read at `read_us`, in the place of what is oldest there.
    pub fn put(&mut self, key: UserKey, profile: &Arc<Profile>, read_us: u64) {
        let bytes = profile.weight();
        let set = self.set(key);
        let place = set.clone().find(|at| self.key_at(*at) == Some(key));
        let oldest = || set.min_by_key(|at| self.read_at(*at));
        let Some(place) = place.or_else(oldest) else {
            return;
        };
        self.clear(place);
        while self.bytes + bytes > self.bytes_max && self.bytes > 0 {
            self.clear(self.hand);
            self.hand = (self.hand + 1) % self.places.len();
        }
        if self.bytes + bytes > self.bytes_max {
            return;
        }
        self.bytes += bytes;
        if let Some(own) = self.places.get_mut(place) {
            *own = Some(Entry {
                key,
                read_us,
                bytes,
                profile: Arc::clone(profile),
            });
        }
    }

    /// Bytes in use, places included.
    pub fn bytes(&self) -> usize {
        self.bytes + self.places.len() * size_of::<Option<Entry>>()
    }

    fn set(&self, key: UserKey) -> std::ops::Range<usize> {
        // Ids are keyed hashes: any of their bits are as good as a hash of them.
        let low = u64::from_le_bytes(key.0[8..].try_into().expect("8 of 16 bytes"));
        let at = (low as usize & (self.places.len() / WAYS - 1)) * WAYS;
        at..at + WAYS
    }

    fn at(&self, place: usize) -> Option<&Entry> {
        self.places.get(place)?.as_ref()
    }

    fn key_at(&self, place: usize) -> Option<UserKey> {
        self.at(place).map(|entry| entry.key)
    }

    fn read_at(&self, place: usize) -> u64 {
        self.at(place).map_or(0, |entry| entry.read_us)
    }

    fn clear(&mut self, place: usize) {
        let old = self.places.get_mut(place).and_then(Option::take);
        self.bytes -= old.map_or(0, |old| old.bytes);
    }
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;
    use domain::{BidId, CampaignId, CreativeId, LineItemId, Timestamp};
    use store::profile::Shown;

    use super::*;

    fn key(number: u64) -> UserKey {
        let mut key = [0; 16];
        key[8..].copy_from_slice(&domain::random::mix(number).to_le_bytes());
        UserKey(key)
    }

    fn profile(impressions: u64) -> Arc<Profile> {
        let mut profile = Profile::default();
        for number in 0..impressions {
            let shown = Shown {
                bid: BidId([1; 16]),
                campaign: CampaignId(number),
                line_item: LineItemId(number),
                creative: CreativeId(number),
            };
            profile.count_impression(&shown, Timestamp(0));
        }
        Arc::new(profile)
    }

    #[test]
    fn a_profile_is_known_until_it_is_too_old() {
        let mut cache = NearCache::new(1 << 16, 300_000);
        assert!(cache.get(key(1), 0).is_none());
        cache.put(key(1), &profile(0), 1_000);
        assert_eq!(cache.get(key(1), 1_000).unwrap().impressions, 0);
        assert!(cache.get(key(1), 300_999).is_some());
        assert!(cache.get(key(1), 301_000).is_none());
        assert!(
            cache.get(key(1), 999).is_none(),
            "a clock that went back trusts nothing"
        );
        cache.put(key(1), &profile(2), 400_000);
        assert_eq!(cache.get(key(1), 400_000).unwrap().impressions, 2);
        assert!(cache.get(key(2), 400_000).is_none());
    }

    #[test]
    fn memory_stays_bounded_whatever_is_put() {
        for (seed, bytes) in [(1, 1 << 14), (2, 1 << 16), (3, 100)] {
            let mut rng = SplitMix64::new(seed);
            let mut cache = NearCache::new(bytes, 1_000_000);
            for at in 0..3_000 {
                let kept = profile(rng.below(12));
                cache.put(key(rng.below(200)), &kept, at);
                let bound = bytes.max(WAYS * size_of::<Option<Entry>>());
                assert!(cache.bytes() <= bound, "{} of {bound}", cache.bytes());
                let entries = cache.places.iter().flatten().map(|entry| entry.bytes);
                assert_eq!(entries.sum::<usize>(), cache.bytes);
            }
        }
    }
}
