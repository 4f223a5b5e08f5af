//! Keyed state with atomic batches: the seam under budgets, caps, profiles and offsets.

use crate::StoreError;

/// A space of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Accounts by campaign.
    Accounts,
    /// Ledger rows by campaign and sequence.
    Ledger,
    /// Event ids that were applied, by day.
    Seen,
    /// Profiles by user.
    Profiles,
    /// Applied offsets by sink and partition, watermarks, and other singletons.
    Meta,
}

impl Table {
    /// Every table.
    pub const ALL: &'static [Self] = &[
        Self::Accounts,
        Self::Ledger,
        Self::Seen,
        Self::Profiles,
        Self::Meta,
    ];

    /// The name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Ledger => "ledger",
            Self::Seen => "seen",
            Self::Profiles => "profiles",
            Self::Meta => "meta",
        }
    }
}

/// Longest key, in bytes: the longest are a user's id and a sequence number.
pub const KEY_BYTES_MAX: usize = 1024;

/// One key's bytes before or after a change; `None` is absent.
pub type Value = Option<Vec<u8>>;

/// Keys with their bytes, in key order.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Changes that all happen or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The batch is refused with `Conflict` unless each of these keys still holds this.
    pub expect: Vec<(Table, Vec<u8>, Value)>,
    /// What each key holds afterwards, applied in order.
    pub changes: Vec<(Table, Vec<u8>, Value)>,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.changes.push((table, key.into(), Some(value)));
    }

    /// Removes a key.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.changes.push((table, key.into(), None));
    }

    /// Demands that a key still holds what was read.
    pub fn expect(&mut self, table: Table, key: impl Into<Vec<u8>>, value: Value) {
        self.expect.push((table, key.into(), value));
    }

    /// Whether every key that changes has a length that all stores keep.
    ///
    /// # Errors
    /// `Invalid` for an empty key or one over `KEY_BYTES_MAX`.
    pub fn check(&self) -> Result<(), StoreError> {
        let fits = |key: &[u8]| (1..=KEY_BYTES_MAX).contains(&key.len());
        if self.changes.iter().all(|(_, key, _)| fits(key)) {
            return Ok(());
        }
        Err(StoreError::Invalid {
            field: "key",
            rule: format!("must have 1 to {KEY_BYTES_MAX} bytes"),
        })
    }
}

/// Keyed state. A committed batch survives the process being killed at any instant, whole.
pub trait KeyedStore: Send + Sync {
    /// The bytes of a key.
    ///
    /// # Errors
    /// When the storage fails.
    fn get(&self, table: Table, key: &[u8]) -> Result<Value, StoreError>;

    /// Keys from `from` on that begin with `prefix`, in byte order, at most `limit`.
    ///
    /// # Errors
    /// When the storage fails.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Records, StoreError>;

    /// Applies a batch atomically and durably.
    ///
    /// # Errors
    /// `Conflict` when an expectation does not hold, `Invalid` for a key of a wrong length; nothing is changed
    /// then. After `Storage` the batch may or may not be there: read again.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}
