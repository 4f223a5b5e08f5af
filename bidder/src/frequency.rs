//! Frequency caps on the bid path: what profiles have seen, with what this process has bid for since.

use std::sync::Arc;

use domain::{BidId, Capped, FrequencyCap, IdScope, Reject, Timestamp, UserKey};
use store::profile::{Profile, bid_tag};

use crate::provisional::Provisional;

/// How long a bid goes on counting after its hold, in milliseconds: an impression of its last moment is in every
/// copy of the profile by then.
const PROFILE_LAG_MS: i64 = 1000;

/// Who a request may reach: its user, device and household, each with its profile. One that has no id, whose
/// id may not be used, or whose profile could not be read in time, is missing.
#[derive(Debug, Clone, Default)]
pub struct People([Option<Person>; IdScope::ALL.len()]);

/// One id and what is known of it.
#[derive(Debug, Clone)]
pub struct Person {
    /// The pseudonym.
    pub key: UserKey,
    /// Its profile; an empty one for an id never seen.
    pub profile: Arc<Profile>,
}

impl People {
    /// The one of a scope.
    pub fn get(&self, scope: IdScope) -> Option<&Person> {
        self.0.get(scope as usize)?.as_ref()
    }

    /// Sets the one of a scope.
    pub fn set(&mut self, scope: IdScope, person: Person) {
        if let Some(place) = self.0.get_mut(scope as usize) {
            *place = Some(person);
        }
    }
}

/// The caps of one object that count for one kind of id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Whose impressions are counted.
    pub per: IdScope,
    /// Of what.
    pub object: Capped,
    /// The caps: any may refuse.
    pub caps: Box<[FrequencyCap]>,
}

/// An object's caps by whom they count for.
pub fn limits(object: Capped, caps: &[FrequencyCap]) -> impl Iterator<Item = Limit> {
    IdScope::ALL.into_iter().filter_map(move |per| {
        let of = caps.iter().filter(|cap| cap.per == per).copied();
        let caps: Box<[_]> = of.collect();
        (!caps.is_empty()).then_some(Limit { per, object, caps })
    })
}

/// What a check of caps reads.
#[derive(Debug, Clone, Copy)]
pub struct Counting<'a> {
    /// Who may be reached.
    pub people: &'a People,
    /// Bids whose impressions are not known yet.
    pub recent: &'a Provisional,
    /// The wall clock.
    pub now: Timestamp,
}

impl Counting<'_> {
    /// Whether one more impression keeps every cap.
    ///
    /// # Errors
    /// `UnknownUser` when an id that a cap counts for is missing, `FrequencyCap` when a cap is reached.
    pub fn check<'l>(&self, limits: impl IntoIterator<Item = &'l Limit>) -> Result<(), Reject> {
        let mut limits = limits.into_iter();
        limits.try_for_each(|limit| self.check_one(limit, 1))
    }

    /// Counts a bid that is about to be made. Of two cores that reach a cap at once at least one sees the other:
    /// both count first and look then.
    ///
    /// # Errors
    /// As `check`; nothing is counted then.
    pub fn reserve<'l, L>(&self, limits: L, hold_ms: i64) -> Result<(), Reject>
    where
        L: IntoIterator<Item = &'l Limit> + Clone,
    {
        for pair in self.pairs(limits.clone()) {
            self.recent.add(pair, self.now, hold_ms + PROFILE_LAG_MS);
        }
        let mut each = limits.clone().into_iter();
        let kept = each.try_for_each(|limit| self.check_one(limit, 0));
        if kept.is_err() {
            self.release(limits);
        }
        kept
    }

    /// Takes a reserved bid back that is not sent.
    pub fn release<'l>(&self, limits: impl IntoIterator<Item = &'l Limit>) {
        for pair in self.pairs(limits) {
            self.recent.remove(pair, self.now);
        }
    }

    /// Names a reserved bid that is sent, so that its impression does not count beside it.
    pub fn confirm<'l>(&self, limits: impl IntoIterator<Item = &'l Limit>, bid: BidId) {
        let tag = bid_tag(bid);
        for pair in self.pairs(limits) {
            self.recent.name(pair, self.now, tag);
        }
    }

    fn pairs<'l>(
        &self,
        limits: impl IntoIterator<Item = &'l Limit>,
    ) -> impl Iterator<Item = (UserKey, Capped)> {
        let person = |limit: &Limit| self.people.get(limit.per);
        let limits = limits.into_iter();
        limits.filter_map(move |limit| Some((person(limit)?.key, limit.object)))
    }

    fn check_one(&self, limit: &Limit, more: u32) -> Result<(), Reject> {
        let person = self.people.get(limit.per).ok_or(Reject::UnknownUser)?;
        let (pair, profile) = ((person.key, limit.object), &person.profile);
        let open = self.recent.count(pair, self.now, &profile.recent);
        let open = open.saturating_add(more);
        let room = |cap: &FrequencyCap| {
            let seen = profile.impressions_within(limit.object, cap.window_s, self.now);
            seen.saturating_add(open) <= cap.impressions
        };
        if limit.caps.iter().all(room) {
            Ok(())
        } else {
            Err(Reject::FrequencyCap)
        }
    }
}

#[cfg(test)]
mod tests;
