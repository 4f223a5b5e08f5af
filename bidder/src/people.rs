//! Who a request may reach, with their profiles: from the core's cache, else from the store within a slice of the time.

use std::sync::Arc;

use domain::{Clock, IdScope, UserKey};
use store::profile::{Profile, ProfileSource};

use crate::breaker::Breaker;
use crate::frequency::{People, Person};
use crate::metrics::{Counts, ProfileRead};
use crate::near_cache::NearCache;

/// Pseudonyms by scope, in the order of `IdScope::ALL`.
pub type Keys = [Option<UserKey>; IdScope::ALL.len()];

/// Reads profiles for one core.
pub struct PeopleReader {
    source: Arc<dyn ProfileSource>,
    cache: NearCache,
    breaker: Breaker,
    slice_us: u64,
    nobody: Arc<Profile>,
    missing: Vec<(IdScope, UserKey)>,
    asked: Vec<UserKey>,
    found: Vec<Option<Profile>>,
}

impl PeopleReader {
    /// A read of `source` may take `slice_us` microseconds.
    pub fn new(source: Arc<dyn ProfileSource>, cache: NearCache, slice_us: u64) -> Self {
        Self {
            source,
            cache,
            breaker: Breaker::default(),
            slice_us,
            nobody: Arc::default(),
            missing: Vec::new(),
            asked: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The people behind `keys`. All that the cache lacks is read at once; when that fails, comes too late, or is
    /// not tried because it lately did, those stay unknown.
    pub fn read(
        &mut self,
        keys: &Keys,
        (clock, deadline_us): (&dyn Clock, u64),
        counts: &mut Counts,
    ) -> People {
        let mut people = People::default();
        self.missing.clear();
        if keys.iter().all(Option::is_none) {
            return people;
        }
        let now_us = clock.monotonic_us();
        for (scope, key) in IdScope::ALL.into_iter().zip(keys) {
            let Some(key) = *key else { continue };
            if let Some(profile) = self.cache.get(key, now_us) {
                counts.profile_read(ProfileRead::Hit);
                let profile = Arc::clone(profile);
                people.set(scope, Person { key, profile });
            } else {
                self.missing.push((scope, key));
            }
        }
        if !self.missing.is_empty() {
            let how = self.read_missing(&mut people, clock, (now_us, deadline_us));
            counts.profile_read(how);
        }
        people
    }

    fn read_missing(
        &mut self,
        people: &mut People,
        clock: &dyn Clock,
        (now_us, deadline_us): (u64, u64),
    ) -> ProfileRead {
        if !self.breaker.allows(now_us) {
            return ProfileRead::Skipped;
        }
        self.asked.clear();
        self.asked.extend(self.missing.iter().map(|(_, key)| *key));
        self.found.clear();
        let until_us = deadline_us.min(now_us + self.slice_us);
        let read = self.source.read(&self.asked, until_us, &mut self.found);
        let done_us = clock.monotonic_us();
        let in_time = done_us <= now_us + self.slice_us;
        let whole = read.is_ok() && self.found.len() == self.asked.len();
        self.breaker.note(whole && in_time, done_us);
        if !whole {
            return ProfileRead::Failed;
        }
        for ((scope, key), found) in self.missing.iter().zip(self.found.drain(..)) {
            let profile = found.map_or_else(|| Arc::clone(&self.nobody), Arc::new);
            // As old as the moment before the read: it may not know what came during it.
            self.cache.put(*key, &profile, now_us);
            let key = *key;
            people.set(*scope, Person { key, profile });
        }
        if in_time {
            ProfileRead::Read
        } else {
            ProfileRead::Slow
        }
    }
}

#[cfg(test)]
mod tests;
