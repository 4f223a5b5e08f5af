//! What is known of a pseudonymous user: frequency counts, segments and activity.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{LineItemId, Timestamp, UserKey};

use crate::StoreError;
use crate::codec;
use crate::keyed::{KeyedStore, Table};

/// Slots kept for one line item; with more, the two oldest are merged, which counts them a little too long.
const SLOTS_MAX: usize = 48;
/// Line items counted for one user; beyond it the one unseen longest is forgotten.
const LINE_ITEMS_MAX: usize = 128;

/// Impressions of one line item by second, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frequency {
    slots: Vec<(i64, u32)>,
}

impl Frequency {
    /// From stored slots, in any order.
    pub fn from_slots(mut slots: Vec<(i64, u32)>) -> Self {
        slots.sort_unstable();
        Self { slots }
    }

    /// As stored.
    pub fn slots(&self) -> &[(i64, u32)] {
        &self.slots
    }

    fn add(&mut self, at: Timestamp) {
        let second = at.0.div_euclid(1000);
        match self.slots.binary_search_by_key(&second, |slot| slot.0) {
            Ok(found) => {
                if let Some(slot) = self.slots.get_mut(found) {
                    slot.1 = slot.1.saturating_add(1);
                }
            }
            Err(place) => self.slots.insert(place, (second, 1)),
        }
        if self.slots.len() > SLOTS_MAX {
            let oldest = self.slots.remove(0);
            if let Some(next) = self.slots.first_mut() {
                next.1 = next.1.saturating_add(oldest.1);
            }
        }
    }

    /// Impressions in the `window_s` seconds up to `now`.
    pub fn within(&self, window_s: u32, now: Timestamp) -> u32 {
        let since = now.0.div_euclid(1000) - i64::from(window_s);
        self.slots
            .iter()
            .filter(|slot| slot.0 > since)
            .map(|slot| slot.1)
            .fold(0, u32::saturating_add)
    }

    fn newest(&self) -> i64 {
        self.slots.last().map_or(i64::MIN, |slot| slot.0)
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Impressions by line item.
    pub frequency: BTreeMap<LineItemId, Frequency>,
    /// Own segments.
    pub segments: Vec<String>,
    /// Impressions ever.
    pub impressions: u64,
    /// Clicks ever.
    pub clicks: u64,
    /// The newest event.
    pub last_seen: Timestamp,
    /// The newest click.
    pub last_click: Option<Timestamp>,
}

impl Profile {
    /// Counts an impression.
    pub fn count_impression(&mut self, line_item: LineItemId, at: Timestamp) {
        self.impressions += 1;
        self.last_seen = self.last_seen.max(at);
        self.frequency.entry(line_item).or_default().add(at);
        if self.frequency.len() > LINE_ITEMS_MAX {
            let oldest = self
                .frequency
                .iter()
                .min_by_key(|(_, frequency)| frequency.newest())
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                self.frequency.remove(&oldest);
            }
        }
    }

    /// Counts a click.
    pub fn count_click(&mut self, at: Timestamp) {
        self.clicks += 1;
        self.last_seen = self.last_seen.max(at);
        self.last_click = self.last_click.max(Some(at));
    }

    /// Impressions of a line item in the last `window_s` seconds.
    pub fn impressions_within(&self, line_item: LineItemId, window_s: u32, now: Timestamp) -> u32 {
        self.frequency
            .get(&line_item)
            .map_or(0, |frequency| frequency.within(window_s, now))
    }
}

/// Reads profiles.
#[derive(Clone)]
pub struct Profiles {
    store: Arc<dyn KeyedStore>,
}

impl Profiles {
    /// Over the keyed state.
    pub fn new(store: Arc<dyn KeyedStore>) -> Self {
        Self { store }
    }

    /// A user's profile; `None` for one never seen.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    pub fn read(&self, user: UserKey) -> Result<Option<Profile>, StoreError> {
        codec::profile(self.store.get(Table::Profiles, &user.0)?.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_roll() {
        let mut profile = Profile::default();
        let line_item = LineItemId(1);
        for second in [10, 10, 20, 30] {
            profile.count_impression(line_item, Timestamp(second * 1000));
        }
        let within =
            |window, now: i64| profile.impressions_within(line_item, window, Timestamp(now * 1000));
        assert_eq!(
            (
                within(100, 30),
                within(15, 30),
                within(10, 30),
                within(5, 60)
            ),
            (4, 2, 1, 0)
        );
        assert_eq!(
            profile.impressions_within(LineItemId(2), 100, Timestamp(30_000)),
            0
        );
    }

    #[test]
    fn merging_old_slots_forgets_no_impression() {
        let mut frequency = Frequency::default();
        for second in 0..1000 {
            frequency.add(Timestamp(second * 1000));
        }
        assert_eq!(frequency.slots().len(), SLOTS_MAX);
        assert_eq!(frequency.within(2000, Timestamp(1_000_000)), 1000);
    }
}
