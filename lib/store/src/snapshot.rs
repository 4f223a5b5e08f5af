//! Published snapshots: named bytes with a version, swapped whole.

use crate::StoreError;

/// Models, win curves and other files that one service publishes and another follows.
pub trait SnapshotStore: Send + Sync {
    /// Puts `bytes` in the place of `name` atomically; versions of one name must grow.
    ///
    /// # Errors
    /// `Conflict` when `version` is not newer; `Invalid` for a name that `check_name` refuses; `Storage`.
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

    /// Forgets a name with all its versions; a name that is not there is no error.
    ///
    /// # Errors
    /// When the storage fails.
    fn remove(&self, name: &str) -> Result<(), StoreError>;
}

/// Whether a name can be a file's, a key's and a metric's: `a` to `z`, digits, `-` and `_`, at most 64.
///
/// # Errors
/// `Invalid` when it cannot.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(StoreError::Invalid {
        field: "name",
        rule: "must have 1 to 64 of a-z, 0-9, - and _".to_owned(),
    })
}
