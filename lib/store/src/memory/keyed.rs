//! Keyed state in memory, with faults on demand.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;
use crate::keyed::{Batch, KeyedStore, Records, Table, Value};

/// Keyed state that lives as long as its last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryKeyed {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    records: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    failures_due: u32,
}

impl MemoryKeyed {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `count` commits fail with `Storage` and change nothing.
    pub fn fail_commits(&self, count: u32) {
        self.inner.lock().failures_due = count;
    }
}

impl KeyedStore for MemoryKeyed {
    fn get(&self, table: Table, key: &[u8]) -> Result<Value, StoreError> {
        Ok(self.inner.lock().get(table, key))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Records, StoreError> {
        let start = (table, prefix.max(from).to_vec());
        let inner = self.inner.lock();
        let found = inner
            .records
            .range(start..)
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()));
        Ok(found.collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut inner = self.inner.lock();
        if inner.failures_due > 0 {
            inner.failures_due -= 1;
            return Err(StoreError::Storage("a fault was injected".to_owned()));
        }
        for (table, key, expected) in &batch.expect {
            if inner.get(*table, key) != *expected {
                return Err(StoreError::Conflict(table.name()));
            }
        }
        for (table, key, value) in batch.changes {
            inner.set(table, key, value);
        }
        Ok(())
    }
}

impl Inner {
    fn get(&self, table: Table, key: &[u8]) -> Value {
        self.records.get(&(table, key.to_vec())).cloned()
    }

    fn set(&mut self, table: Table, key: Vec<u8>, value: Value) {
        if let Some(value) = value {
            self.records.insert((table, key), value);
        } else {
            self.records.remove(&(table, key));
        }
    }
}
