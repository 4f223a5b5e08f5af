//! Files of creatives in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;
use crate::asset::{AssetName, AssetStore};

/// Files that live as long as their last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryAssets {
    files: Arc<Mutex<BTreeMap<AssetName, Vec<u8>>>>,
}

impl MemoryAssets {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }
}

impl AssetStore for MemoryAssets {
    fn put(&self, bytes: &[u8]) -> Result<AssetName, StoreError> {
        let name = AssetName::of(bytes)?;
        self.files
            .lock()
            .entry(name)
            .or_insert_with(|| bytes.to_vec());
        Ok(name)
    }

    fn get(&self, name: AssetName) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.files.lock().get(&name).cloned())
    }
}
