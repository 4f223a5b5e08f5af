//! Published snapshots: named bytes with a version, swapped whole.

use crate::StoreError;

/// Models, win curves and other files that one service publishes and another follows.
pub trait SnapshotStore: Send + Sync {
    /// Puts `bytes` in the place of `name` atomically; versions of one name must grow.
    ///
    /// # Errors
    /// `Conflict` when `version` is not newer; `Storage`.
    fn publish(&self, name: &str, version: u64, bytes: &[u8]) -> Result<(), StoreError>;

    /// The newest version, without its bytes; cheap enough to ask ten times a second.
    ///
    /// # Errors
    /// When the storage fails.
    fn version(&self, name: &str) -> Result<Option<u64>, StoreError>;

    /// The newest version with its bytes.
    ///
    /// # Errors
    /// When the storage fails.
    fn load(&self, name: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError>;
}
