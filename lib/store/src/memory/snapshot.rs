//! Published snapshots in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;
use crate::snapshot::{SnapshotStore, check_name};

/// Snapshots that live as long as their last clone.
#[derive(Debug, Clone, Default)]
pub struct MemorySnapshots {
    newest: Arc<Mutex<Newest>>,
}

type Newest = BTreeMap<String, (u64, Vec<u8>)>;

impl MemorySnapshots {
    /// No snapshots.
    pub fn new() -> Self {
        Self::default()
    }
}

impl SnapshotStore for MemorySnapshots {
    fn publish(&self, name: &str, version: u64, bytes: &[u8]) -> Result<(), StoreError> {
        check_name(name)?;
        let mut newest = self.newest.lock();
        if newest.get(name).is_some_and(|(known, _)| *known >= version) {
            return Err(StoreError::Conflict("snapshot"));
        }
        newest.insert(name.to_owned(), (version, bytes.to_vec()));
        Ok(())
    }

    fn version(&self, name: &str) -> Result<Option<u64>, StoreError> {
        check_name(name)?;
        Ok(self.newest.lock().get(name).map(|(version, _)| *version))
    }

    fn load(&self, name: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        check_name(name)?;
        Ok(self.newest.lock().get(name).cloned())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        self.newest.lock().remove(name);
        Ok(())
    }
}
