//! Minute reports, written by the updater together with the offset they include.

use std::collections::BTreeMap;

use domain::report::{Counters, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, Exchange, LineItemId};

use crate::StoreError;
use crate::offsets::Offsets;

/// What one batch of the log adds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportDelta {
    /// Added to the rows of these keys.
    pub rows: BTreeMap<ReportKey, Counters>,
    /// Added to the refusal counts of (minute, line item, exchange, `Reject` label).
    pub refusals: BTreeMap<(Minute, LineItemId, Exchange, String), i64>,
    /// Added to the counts of playback errors by row and VAST error code; 0 where the player tells none.
    pub errors: BTreeMap<(ReportKey, u32), i64>,
    /// The offsets that hold once this is applied.
    pub offsets: Offsets,
}

/// Which rows to sum; `None` is no restriction. Minutes from `from` on and before `to`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// The first minute.
    pub from: Option<Minute>,
    /// The first minute after.
    pub to: Option<Minute>,
    /// Only this campaign.
    pub campaign: Option<CampaignId>,
    /// Only this line item.
    pub line_item: Option<LineItemId>,
}

impl ReportFilter {
    /// Whether a minute lies inside.
    pub fn has_minute(&self, minute: Minute) -> bool {
        self.from.is_none_or(|from| from <= minute) && self.to.is_none_or(|to| minute < to)
    }

    /// Whether a row matches.
    pub fn has(&self, key: &ReportKey) -> bool {
        self.has_minute(key.minute)
            && self.campaign.is_none_or(|id| id == key.campaign)
            && self.line_item.is_none_or(|id| id == key.line_item)
    }
}

/// Report tables.
pub trait ReportStore: Send + Sync {
    /// Adds a delta and stores its offsets in one transaction: both or neither. Partitions that the delta
    /// does not name keep theirs.
    ///
    /// # Errors
    /// `Conflict` when an offset would go back: somebody applied those records already. `Storage`.
    fn apply(&self, delta: &ReportDelta) -> Result<(), StoreError>;

    /// How far each partition is in the reports.
    ///
    /// # Errors
    /// When the storage fails.
    fn applied(&self) -> Result<Offsets, StoreError>;

    /// Rows that match, in key order, at most `limit`.
    ///
    /// # Errors
    /// When the storage fails.
    fn rows(
        &self,
        filter: &ReportFilter,
        limit: usize,
    ) -> Result<Vec<(ReportKey, Counters)>, StoreError>;

    /// Sums by campaign, all minutes that match.
    ///
    /// # Errors
    /// When the storage fails.
    fn totals(&self, filter: &ReportFilter) -> Result<BTreeMap<CampaignId, Counters>, StoreError>;

    /// Sums by line item, all minutes that match.
    ///
    /// # Errors
    /// When the storage fails.
    fn line_item_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<LineItemId, Counters>, StoreError>;

    /// Sums by creative, all minutes that match; what counts a line item's requests is under 0.
    ///
    /// # Errors
    /// When the storage fails.
    fn creative_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<CreativeId, Counters>, StoreError>;

    /// Playback errors by VAST error code, all rows that match.
    ///
    /// # Errors
    /// When the storage fails.
    fn playback_errors(&self, filter: &ReportFilter) -> Result<BTreeMap<u32, i64>, StoreError>;

    /// Sums by minute, for charts.
    ///
    /// # Errors
    /// When the storage fails.
    fn minutes(&self, filter: &ReportFilter) -> Result<BTreeMap<Minute, Counters>, StoreError>;

    /// Refusals by reason, all minutes and line items that match; `campaign` is not looked at.
    ///
    /// # Errors
    /// When the storage fails.
    fn refusals(&self, filter: &ReportFilter) -> Result<BTreeMap<String, i64>, StoreError>;
}
