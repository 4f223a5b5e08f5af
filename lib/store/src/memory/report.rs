//! Minute reports in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::report::{Counters, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, Exchange, LineItemId};
use parking_lot::Mutex;

use crate::StoreError;
use crate::offsets::Offsets;
use crate::report::{ReportDelta, ReportFilter, ReportStore};

/// Reports that live as long as their last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryReports {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<ReportKey, Counters>,
    refusals: BTreeMap<(Minute, LineItemId, Exchange, String), i64>,
    errors: BTreeMap<(ReportKey, u32), i64>,
    offsets: Offsets,
}

impl MemoryReports {
    /// Empty reports.
    pub fn new() -> Self {
        Self::default()
    }

    fn sum_by<K: Ord>(
        &self,
        filter: &ReportFilter,
        group: impl Fn(&ReportKey) -> K,
    ) -> BTreeMap<K, Counters> {
        let mut sums: BTreeMap<K, Counters> = BTreeMap::new();
        let inner = self.inner.lock();
        for (key, counters) in inner.rows.iter().filter(|(key, _)| filter.has(key)) {
            sums.entry(group(key)).or_default().add(counters);
        }
        sums
    }
}

impl ReportStore for MemoryReports {
    fn apply(&self, delta: &ReportDelta) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        if inner.offsets.is_ahead_of(&delta.offsets) {
            return Err(StoreError::Conflict("report offsets"));
        }
        for (key, counters) in &delta.rows {
            inner.rows.entry(key.clone()).or_default().add(counters);
        }
        for (key, count) in &delta.refusals {
            *inner.refusals.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &delta.errors {
            *inner.errors.entry(key.clone()).or_default() += count;
        }
        inner.offsets.merge(&delta.offsets);
        Ok(())
    }

    fn applied(&self) -> Result<Offsets, StoreError> {
        Ok(self.inner.lock().offsets.clone())
    }

    fn rows(
        &self,
        filter: &ReportFilter,
        limit: usize,
    ) -> Result<Vec<(ReportKey, Counters)>, StoreError> {
        let inner = self.inner.lock();
        let found = inner.rows.iter().filter(|(key, _)| filter.has(key));
        Ok(found
            .take(limit)
            .map(|(key, counters)| (key.clone(), *counters))
            .collect())
    }

    fn totals(&self, filter: &ReportFilter) -> Result<BTreeMap<CampaignId, Counters>, StoreError> {
        Ok(self.sum_by(filter, |key| key.campaign))
    }

    fn line_item_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<LineItemId, Counters>, StoreError> {
        Ok(self.sum_by(filter, |key| key.line_item))
    }

    fn creative_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<CreativeId, Counters>, StoreError> {
        Ok(self.sum_by(filter, |key| key.creative))
    }

    fn playback_errors(&self, filter: &ReportFilter) -> Result<BTreeMap<u32, i64>, StoreError> {
        let mut sums = BTreeMap::new();
        let inner = self.inner.lock();
        for ((_, code), count) in inner.errors.iter().filter(|((key, _), _)| filter.has(key)) {
            *sums.entry(*code).or_default() += count;
        }
        Ok(sums)
    }

    fn minutes(&self, filter: &ReportFilter) -> Result<BTreeMap<Minute, Counters>, StoreError> {
        Ok(self.sum_by(filter, |key| key.minute))
    }

    fn refusals(&self, filter: &ReportFilter) -> Result<BTreeMap<String, i64>, StoreError> {
        let mut sums = BTreeMap::new();
        let inner = self.inner.lock();
        for ((minute, line_item, _, reason), count) in &inner.refusals {
            let wanted = filter.line_item.is_none_or(|id| id == *line_item);
            if wanted && filter.has_minute(*minute) {
                *sums.entry(reason.clone()).or_default() += count;
            }
        }
        Ok(sums)
    }
}
