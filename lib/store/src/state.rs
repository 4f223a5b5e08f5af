//! One atomic change of the keyed state: sightings, accounts, ledger rows, profiles, watermarks and offsets together.
//!
//! The updater applies each batch of the log through one `StateTxn`, so a crash leaves all of it or none.
//! Bidders renew leases through it too; whoever commits second gets `Conflict` and starts over.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ledger::LedgerRow;
use domain::{CampaignId, EventId, Timestamp, UserKey};
use pacing::{Account, Watermarks};

use crate::StoreError;
use crate::codec;
use crate::keyed::{Batch, KeyedStore, Table, Value};
use crate::offsets::Offsets;
use crate::profile::Profile;

/// How long sightings of an event are kept, against the newest event seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Notices, impressions and views: tokens are good for 24 hours.
    Day,
    /// Clicks and conversions: tokens are good for 30 days.
    Month,
}

impl Window {
    fn days(self) -> i64 {
        // One day more than the token's age, since a bid and its event may lie on either side of midnight.
        match self {
            Self::Day => 2,
            Self::Month => 32,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Day => 0,
            Self::Month => 1,
        }
    }
}

/// Where in the log a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: &'static str,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
}

/// Whether an event is to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// For the first time ever: to be applied to this state and to every other sink.
    First,
    /// The same position is read again: this state has it already, another sink may not.
    Again {
        /// What `mark_late` noted the first time.
        late: bool,
    },
    /// It stands earlier in the log.
    Repeat,
    /// Older than what repeats are remembered for: applied nowhere.
    Stale,
}

const META_MARKS: &[u8] = b"watermarks";
const META_OFFSETS: &[u8] = b"offsets";
const META_NEWEST_DAY: &[u8] = b"newest-day";
/// Old sightings looked at with each commit, beside twice the new ones: no commit is slow, and none is left behind.
const EVICTED_MIN: usize = 64;

/// A change under way: reads go to the store, writes stay here until `commit`.
pub struct StateTxn {
    store: Arc<dyn KeyedStore>,
    batch: Batch,
    accounts: BTreeMap<CampaignId, (Value, Account)>,
    profiles: BTreeMap<UserKey, (Value, Profile)>,
    sightings: BTreeMap<Vec<u8>, Vec<u8>>,
    marks: Watermarks,
    marks_changed: bool,
    newest_day: i64,
    newest_day_changed: bool,
}

impl StateTxn {
    /// Begins a change. `lateness_ms` is how late exchanges declare their notices may be.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    pub fn begin(store: &Arc<dyn KeyedStore>, lateness_ms: i64) -> Result<Self, StoreError> {
        let marks = codec::watermarks(store.get(Table::Meta, META_MARKS)?.as_deref(), lateness_ms)?;
        let newest_day =
            codec::int(store.get(Table::Meta, META_NEWEST_DAY)?.as_deref())?.unwrap_or(i64::MIN);
        Ok(Self {
            store: Arc::clone(store),
            batch: Batch::default(),
            accounts: BTreeMap::new(),
            profiles: BTreeMap::new(),
            sightings: BTreeMap::new(),
            marks,
            marks_changed: false,
            newest_day,
            newest_day_changed: false,
        })
    }

    /// Notes that an event stands at `position` and says whether it is to be applied.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn sight(
        &mut self,
        event: EventId,
        window: Window,
        bid_at: Timestamp,
        position: &Position,
    ) -> Result<Sighting, StoreError> {
        let day = bid_at.day();
        if day > self.newest_day {
            (self.newest_day, self.newest_day_changed) = (day, true);
        }
        if day < self.newest_day.saturating_sub(window.days()) {
            return Ok(Sighting::Stale);
        }
        let key = sighting_key(window, day, event);
        let here = codec::position(position);
        let known = match self.sightings.get(&key) {
            Some(known) => Some(known.clone()),
            None => self.store.get(Table::Seen, &key)?,
        };
        if let Some(known) = known {
            return Ok(match known.split_last() {
                Some((late, position)) if position == here => Sighting::Again { late: *late == 1 },
                _ => Sighting::Repeat,
            });
        }
        let here = [here, vec![0]].concat();
        self.sightings.insert(key, here);
        Ok(Sighting::First)
    }

    /// Notes that a first-sighted billing notice was late, for sinks that read it again after a crash.
    pub fn mark_late(&mut self, event: EventId, window: Window, bid_at: Timestamp) {
        if let Some(late) = self
            .sightings
            .get_mut(&sighting_key(window, bid_at.day(), event))
            .and_then(|v| v.last_mut())
        {
            *late = 1;
        }
    }

    /// A campaign's account, to be changed.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    pub fn account(
        &mut self,
        campaign: CampaignId,
    ) -> Result<(&mut Account, &Watermarks), StoreError> {
        if !self.accounts.contains_key(&campaign) {
            let bytes = self.store.get(Table::Accounts, &campaign.0.to_be_bytes())?;
            let account = codec::account(bytes.as_deref())?;
            self.accounts.insert(campaign, (bytes, account));
        }
        let (_, account) = self.accounts.get_mut(&campaign).expect("inserted above");
        Ok((account, &self.marks))
    }

    /// Moves an exchange's watermark.
    pub fn observe_notice(&mut self, exchange: &str, bid_at: Timestamp) {
        self.marks.observe(exchange, bid_at);
        self.marks_changed = true;
    }

    /// Appends a ledger row; `sequence` is the account's row count before it.
    pub fn append_row(&mut self, row: &LedgerRow, sequence: u64) {
        self.batch.put(
            Table::Ledger,
            row_key(row.campaign, sequence),
            codec::encode_row(row),
        );
    }

    /// The profile of a user, device or household, to be changed.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    pub fn profile(&mut self, key: UserKey) -> Result<&mut Profile, StoreError> {
        if !self.profiles.contains_key(&key) {
            let bytes = self.store.get(Table::Profiles, &key.0)?;
            let profile = codec::profile(bytes.as_deref())?.unwrap_or_default();
            self.profiles.insert(key, (bytes, profile));
        }
        let (_, profile) = self.profiles.get_mut(&key).expect("inserted above");
        Ok(profile)
    }

    /// The offsets that hold once this is committed.
    pub fn set_offsets(&mut self, offsets: &Offsets) {
        self.batch
            .put(Table::Meta, META_OFFSETS, codec::encode_offsets(offsets));
    }

    /// Writes everything or nothing.
    ///
    /// # Errors
    /// `Conflict` when an account or a profile was changed meanwhile: begin anew.
    pub fn commit(mut self) -> Result<(), StoreError> {
        for (campaign, (before, account)) in std::mem::take(&mut self.accounts) {
            let after = codec::encode_account(&account);
            if before.as_deref() != Some(after.as_slice()) {
                self.batch
                    .expect(Table::Accounts, campaign.0.to_be_bytes(), before);
                self.batch
                    .put(Table::Accounts, campaign.0.to_be_bytes(), after);
            }
        }
        for (key, (before, profile)) in std::mem::take(&mut self.profiles) {
            // The users of one household may lie in partitions of two updaters: neither may undo the other's count.
            self.batch.expect(Table::Profiles, key.0, before);
            self.batch
                .put(Table::Profiles, key.0, codec::encode_profile(&profile));
        }
        let sightings = std::mem::take(&mut self.sightings);
        if !sightings.is_empty() {
            self.evict(EVICTED_MIN.max(2 * sightings.len()))?;
        }
        for (key, position) in sightings {
            self.batch.put(Table::Seen, key, position);
        }
        if self.marks_changed {
            self.batch.put(
                Table::Meta,
                META_MARKS,
                codec::encode_watermarks(&self.marks),
            );
        }
        if self.newest_day_changed {
            self.batch.put(
                Table::Meta,
                META_NEWEST_DAY,
                self.newest_day.to_be_bytes().to_vec(),
            );
        }
        if self.batch.changes.is_empty() {
            return Ok(());
        }
        self.store.commit(self.batch)
    }

    /// Deletes the oldest sightings beyond their window, a bounded number at a time.
    fn evict(&mut self, limit: usize) -> Result<(), StoreError> {
        for window in [Window::Day, Window::Month] {
            let kept = sighting_key(
                window,
                self.newest_day.saturating_sub(window.days()),
                EventId::default(),
            );
            for (key, _) in self.store.scan(Table::Seen, &[window.byte()], &[], limit)? {
                if key >= kept {
                    break;
                }
                self.batch.delete(Table::Seen, key);
            }
        }
        Ok(())
    }
}

/// How far the state has applied the log.
///
/// # Errors
/// When the storage fails or holds what does not decode.
pub fn applied(store: &dyn KeyedStore) -> Result<Offsets, StoreError> {
    codec::offsets(store.get(Table::Meta, META_OFFSETS)?.as_deref())
}

/// A campaign's ledger rows from a sequence number on, at most `limit`.
///
/// # Errors
/// When the storage fails or holds what does not decode.
pub fn ledger_rows(
    store: &dyn KeyedStore,
    campaign: CampaignId,
    from: u64,
    limit: usize,
) -> Result<Vec<LedgerRow>, StoreError> {
    let prefix = campaign.0.to_be_bytes();
    let rows = store.scan(Table::Ledger, &prefix, &row_key(campaign, from), limit)?;
    rows.iter().map(|(_, bytes)| codec::row(bytes)).collect()
}

/// Every account.
///
/// # Errors
/// When the storage fails or holds what does not decode.
pub fn accounts(store: &dyn KeyedStore) -> Result<BTreeMap<CampaignId, Account>, StoreError> {
    let mut accounts = BTreeMap::new();
    for (key, bytes) in store.scan(Table::Accounts, &[], &[], usize::MAX)? {
        let id = key
            .as_slice()
            .try_into()
            .map_err(|_| codec::damaged("account key", "not 8 bytes"))?;
        accounts.insert(
            CampaignId(u64::from_be_bytes(id)),
            codec::account(Some(&bytes))?,
        );
    }
    Ok(accounts)
}

fn sighting_key(window: Window, day: i64, event: EventId) -> Vec<u8> {
    let mut key = vec![window.byte()];
    // Shifted so that byte order is the order of days.
    key.extend_from_slice(&(day.wrapping_sub(i64::MIN) as u64).to_be_bytes());
    key.extend_from_slice(&event.0);
    key
}

fn row_key(campaign: CampaignId, sequence: u64) -> Vec<u8> {
    let mut key = campaign.0.to_be_bytes().to_vec();
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// One campaign's account; empty where nothing was ever held or booked.
///
/// # Errors
/// When the storage fails or holds what does not decode.
pub fn account(store: &dyn KeyedStore, campaign: CampaignId) -> Result<Account, StoreError> {
    codec::account(
        store
            .get(Table::Accounts, &campaign.0.to_be_bytes())?
            .as_deref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryKeyed;

    const DAY_MS: i64 = 86_400_000;

    fn sight(store: &Arc<dyn KeyedStore>, event: u8, day: i64, offset: u64) -> Sighting {
        let mut change = StateTxn::begin(store, 0).unwrap();
        let position = Position {
            topic: "billing",
            partition: 0,
            offset,
        };
        let sighting = change.sight(
            EventId([event; 16]),
            Window::Day,
            Timestamp(day * DAY_MS),
            &position,
        );
        change.commit().unwrap();
        sighting.unwrap()
    }

    #[test]
    fn one_position_counts_and_every_other_is_a_repeat() {
        let store: Arc<dyn KeyedStore> = Arc::new(MemoryKeyed::new());
        assert_eq!(sight(&store, 1, 10, 5), Sighting::First);
        assert_eq!(sight(&store, 1, 10, 5), Sighting::Again { late: false });
        assert_eq!(sight(&store, 1, 10, 6), Sighting::Repeat);
        assert_eq!(sight(&store, 2, 13, 7), Sighting::First);
        assert_eq!(sight(&store, 3, 10, 8), Sighting::Stale);
    }

    #[test]
    fn of_two_changes_of_one_profile_the_second_begins_anew() {
        let store: Arc<dyn KeyedStore> = Arc::new(MemoryKeyed::new());
        let household = UserKey([4; 16]);
        let mut first = StateTxn::begin(&store, 0).unwrap();
        let mut second = StateTxn::begin(&store, 0).unwrap();
        first.profile(household).unwrap().count_click(Timestamp(1));
        second.profile(household).unwrap().count_click(Timestamp(2));
        first.commit().unwrap();
        assert!(matches!(second.commit(), Err(StoreError::Conflict(_))));
    }

    #[test]
    fn sightings_are_forgotten_after_their_window() {
        let store: Arc<dyn KeyedStore> = Arc::new(MemoryKeyed::new());
        for day in 0..40 {
            for event in 0..40 {
                sight(&store, event, day, u64::from(event));
            }
        }
        let kept = store.scan(Table::Seen, &[], &[], usize::MAX).unwrap().len();
        assert!(kept <= 40 * 4, "{kept} of 1600");
    }
}
