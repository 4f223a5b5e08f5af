//! Memory stores that fail on demand: before a change, or after it with only the answer lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::report::{Counters, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, LineItemId};
use parking_lot::Mutex;
use store::StoreError;
use store::keyed::{Batch, KeyedStore, Records, Table, Value};
use store::memory::{MemoryKeyed, MemoryReports};
use store::offsets::Offsets;
use store::report::{ReportDelta, ReportFilter, ReportStore};

/// Changes that shall fail from now on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Due {
    /// So many change nothing.
    pub refuse: u32,
    /// So many after these are done, but their callers are told that they failed.
    pub lose_answer: u32,
}

/// What a failing store says.
fn injected() -> StoreError {
    StoreError::Storage("injected fault".to_owned())
}

/// A store with faults; its clones are the same store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty<S> {
    inner: S,
    due: Arc<Mutex<Due>>,
}

impl<S> Faulty<S> {
    /// Sets what shall fail.
    pub(crate) fn fail(&self, due: Due) {
        *self.due.lock() = due;
    }

    /// Carries out a change as the faults allow.
    fn change(&self, apply: impl FnOnce(&S) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut due = self.due.lock();
        if due.refuse > 0 {
            due.refuse -= 1;
            return Err(injected());
        }
        apply(&self.inner)?;
        if due.lose_answer > 0 {
            due.lose_answer -= 1;
            return Err(injected());
        }
        Ok(())
    }
}

impl KeyedStore for Faulty<MemoryKeyed> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Value, StoreError> {
        self.inner.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Records, StoreError> {
        self.inner.scan(table, prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.change(|inner| inner.commit(batch))
    }
}

impl ReportStore for Faulty<MemoryReports> {
    fn apply(&self, delta: &ReportDelta) -> Result<(), StoreError> {
        self.change(|inner| inner.apply(delta))
    }

    fn applied(&self) -> Result<Offsets, StoreError> {
        self.inner.applied()
    }

    fn rows(
        &self,
        filter: &ReportFilter,
        limit: usize,
    ) -> Result<Vec<(ReportKey, Counters)>, StoreError> {
        self.inner.rows(filter, limit)
    }

    fn totals(&self, filter: &ReportFilter) -> Result<BTreeMap<CampaignId, Counters>, StoreError> {
        self.inner.totals(filter)
    }

    fn line_item_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<LineItemId, Counters>, StoreError> {
        self.inner.line_item_totals(filter)
    }

    fn creative_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<CreativeId, Counters>, StoreError> {
        self.inner.creative_totals(filter)
    }

    fn playback_errors(&self, filter: &ReportFilter) -> Result<BTreeMap<u32, i64>, StoreError> {
        self.inner.playback_errors(filter)
    }

    fn minutes(&self, filter: &ReportFilter) -> Result<BTreeMap<Minute, Counters>, StoreError> {
        self.inner.minutes(filter)
    }

    fn refusals(&self, filter: &ReportFilter) -> Result<BTreeMap<String, i64>, StoreError> {
        self.inner.refusals(filter)
    }
}
