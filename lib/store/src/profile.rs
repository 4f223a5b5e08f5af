//! What is known of a pseudonymous user, device or household: impressions for caps, segments and activity.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::frequency::FREQUENCY_WINDOW_S_MAX;
use domain::random::mix;
use domain::targeting::value::SEGMENT_KEPT_H;
use domain::{AdvertiserId, BidId, CampaignId, Capped, CreativeId, LineItemId, Timestamp, UserKey};

use crate::StoreError;
use crate::codec;
use crate::keyed::{KeyedStore, Table};

/// Slots kept for one object; with more, the two oldest are merged, which counts them a little too long.
const SLOTS_MAX: usize = 48;
/// Slots kept in one profile, some 4 KB; beyond it those of the object with the most are merged.
const PROFILE_SLOTS_MAX: usize = 1024;
/// Objects counted in one profile; beyond it the one unseen longest is forgotten.
const OBJECTS_MAX: usize = 256;
/// Impressions whose bids are remembered, so that a bidder can tell its own bids that became impressions.
const RECENT_MAX: usize = 32;
/// Own segments kept in one profile, some 3 KB; beyond it the one entered longest ago is forgotten. Bidders look at as
/// many.
const SEGMENTS_MAX: usize = 64;
const HOUR_MS: i64 = 3_600_000;

/// Impressions of one object by second, oldest first.
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
            self.merge_oldest();
        }
    }

    /// The oldest impressions count as if they were as new as the next ones.
    fn merge_oldest(&mut self) {
        let oldest = self.slots.remove(0);
        if let Some(next) = self.slots.first_mut() {
            next.1 = next.1.saturating_add(oldest.1);
        }
    }

    /// Impressions in the `window_s` seconds up to `now`.
    pub fn within(&self, window_s: u32, now: Timestamp) -> u32 {
        let since = now.0.div_euclid(1000) - i64::from(window_s);
        let newest_first = self.slots.iter().rev();
        newest_first
            .take_while(|slot| slot.0 > since)
            .map(|slot| slot.1)
            .fold(0, u32::saturating_add)
    }

    fn newest(&self) -> i64 {
        self.slots.last().map_or(i64::MIN, |slot| slot.0)
    }
}

/// An impression, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The bid that bought it.
    pub bid: BidId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Of which line item.
    pub line_item: LineItemId,
    /// What was shown.
    pub creative: CreativeId,
}

impl Shown {
    /// What it counts for.
    pub fn objects(&self) -> [Capped; 3] {
        [
            Capped::Campaign(self.campaign),
            Capped::LineItem(self.line_item),
            Capped::Creative(self.creative),
        ]
    }
}

/// What profiles remember of a bid: 32 bits of a hash of its id.
pub fn bid_tag(bid: BidId) -> u32 {
    let (high, low) = bid.0.split_at(8);
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
    (mix(word(high) ^ mix(word(low))) >> 32) as u32
}

/// An advertiser's own segment that a user came into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSegment {
    /// `ADVERTISER/NAME`.
    pub id: String,
    /// The last time.
    pub entered: Timestamp,
}

impl OwnSegment {
    /// Whether it was entered within so many hours.
    pub fn within(&self, hours: u32, now: Timestamp) -> bool {
        now.since(self.entered) < i64::from(hours) * HOUR_MS
    }
}

/// A user, a device or a household.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Impressions by campaign, line item and creative.
    pub frequency: BTreeMap<Capped, Frequency>,
    /// `bid_tag` of the newest impressions, oldest first.
    pub recent: Vec<u32>,
    /// Advertisers' own segments that the user came into, each once, in no order.
    pub segments: Vec<OwnSegment>,
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
    pub fn count_impression(&mut self, shown: &Shown, at: Timestamp) {
        self.impressions += 1;
        self.last_seen = self.last_seen.max(at);
        if self.recent.len() >= RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(bid_tag(shown.bid));
        for object in shown.objects() {
            self.frequency.entry(object).or_default().add(at);
        }
        self.forget();
    }

    /// Keeps the profile small: drops what no cap asks for any more, then what is oldest.
    fn forget(&mut self) {
        let since = self.last_seen.0.div_euclid(1000) - i64::from(FREQUENCY_WINDOW_S_MAX);
        self.frequency.retain(|_, frequency| {
            frequency.slots.retain(|slot| slot.0 > since);
            !frequency.slots.is_empty()
        });
        while self.frequency.len() > OBJECTS_MAX {
            let ages = self.frequency.iter().map(|(id, one)| (one.newest(), *id));
            let Some((_, oldest)) = ages.min() else { break };
            self.frequency.remove(&oldest);
        }
        let mut slots: usize = self.frequency.values().map(|one| one.slots.len()).sum();
        while slots > PROFILE_SLOTS_MAX {
            let longest = self.frequency.values_mut().max_by_key(|f| f.slots.len());
            let Some(longest) = longest else { break };
            longest.merge_oldest();
            slots -= 1;
        }
    }

    /// Notes that the user came into an advertiser's segment.
    pub fn enter(&mut self, advertiser: AdvertiserId, name: &str, at: Timestamp) {
        self.last_seen = self.last_seen.max(at);
        let id = format!("{advertiser}/{name}");
        match self.segments.iter_mut().find(|own| own.id == id) {
            Some(own) => own.entered = own.entered.max(at),
            None => self.segments.push(OwnSegment { id, entered: at }),
        }
        let now = self.last_seen;
        self.segments.retain(|own| own.within(SEGMENT_KEPT_H, now));
        while self.segments.len() > SEGMENTS_MAX {
            let ages = self.segments.iter().enumerate();
            let Some((oldest, _)) = ages.min_by_key(|(_, own)| own.entered) else {
                break;
            };
            self.segments.swap_remove(oldest);
        }
    }

    /// Counts a click.
    pub fn count_click(&mut self, at: Timestamp) {
        self.clicks += 1;
        self.last_seen = self.last_seen.max(at);
        self.last_click = self.last_click.max(Some(at));
    }

    /// Impressions of an object in the last `window_s` seconds.
    pub fn impressions_within(&self, object: Capped, window_s: u32, now: Timestamp) -> u32 {
        self.frequency
            .get(&object)
            .map_or(0, |frequency| frequency.within(window_s, now))
    }

    /// About how much memory it takes, in bytes: what a cache of profiles is bounded by.
    pub fn weight(&self) -> usize {
        let entry = size_of::<(Capped, Frequency)>();
        let objects: usize = self.frequency.values().map(|one| one.slots.len()).sum();
        let texts: usize = self.segments.iter().map(|own| own.id.len() + 32).sum();
        size_of::<Self>()
            + self.frequency.len() * entry * 2
            + objects * size_of::<(i64, u32)>()
            + self.recent.len() * 4
            + texts
    }
}

/// Where the bid path reads profiles.
pub trait ProfileSource: Send + Sync {
    /// Appends the profiles of `keys` to `found`, in order; `None` for an id never seen. One that asks over a
    /// network gives up at `deadline_us` on the steady clock; a local one may come back a little later.
    ///
    /// # Errors
    /// When the storage fails, is late, or holds what does not decode; `found` may then have any length.
    fn read(
        &self,
        keys: &[UserKey],
        deadline_us: u64,
        found: &mut Vec<Option<Profile>>,
    ) -> Result<(), StoreError>;
}

/// Profiles in the keyed state.
#[derive(Clone)]
pub struct Profiles {
    store: Arc<dyn KeyedStore>,
}

impl Profiles {
    /// Over the keyed state.
    pub fn new(store: Arc<dyn KeyedStore>) -> Self {
        Self { store }
    }
}

impl ProfileSource for Profiles {
    fn read(
        &self,
        keys: &[UserKey],
        _deadline_us: u64,
        found: &mut Vec<Option<Profile>>,
    ) -> Result<(), StoreError> {
        for key in keys {
            let bytes = self.store.get(Table::Profiles, &key.0)?;
            found.push(codec::profile(bytes.as_deref())?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
