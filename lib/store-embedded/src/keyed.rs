//! Keyed state on fjall: one keyspace for each table, one journal under all of them.
//!
//! A batch enters the journal as one checksummed entry and is synchronised before `commit` returns, so it
//! survives the process and the power, whole. One mutex spans the check of expectations and the write: readers
//! never wait for it, and writers are few (updater, lease keeper).

use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::Mutex;
use store::StoreError;
use store::keyed::{Batch, KEY_BYTES_MAX, KeyedStore, Records, Table, Value};

/// Block cache shared by all tables, in bytes: accounts and hot profiles; the system caches the rest. It fills as slowly as
/// tables grow, and until then memory does.
const CACHE_BYTES: u64 = 16 << 20;
/// Memtable of one table, in bytes: five tables with two each stay under 50 MB at their fullest, and are soon full, so that
/// memory shows early what it will be.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Journals kept before tables must be flushed, in bytes: the least that fjall takes.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Threads that flush and compact in the background.
const WORKER_THREADS: usize = 2;

/// Keyed state in a folder that this process alone holds.
pub struct EmbeddedKeyed {
    database: Database,
    tables: Vec<(Table, Keyspace)>,
    writing: Mutex<()>,
}

impl EmbeddedKeyed {
    /// Opens the folder, creating it where it is missing.
    ///
    /// # Errors
    /// `Held` when another process has it open; `Storage`.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let database = Database::builder(folder.join("state"))
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .open()
            .map_err(|error| refused(folder, &error))?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            let keyspace = database.keyspace(table.name(), options).map_err(failed)?;
            tables.push((*table, keyspace));
        }
        note_holder(folder)?;
        Ok(Self {
            database,
            tables,
            writing: Mutex::new(()),
        })
    }

    fn keyspace(&self, table: Table) -> &Keyspace {
        let found = self.tables.iter().find(|(known, _)| *known == table);
        let (_, keyspace) = found.expect("every table was opened");
        keyspace
    }

    fn check_expectations(&self, batch: &Batch) -> Result<(), StoreError> {
        for (table, key, expected) in &batch.expect {
            if self.get(*table, key)? != *expected {
                return Err(StoreError::Conflict(table.name()));
            }
        }
        Ok(())
    }
}

impl KeyedStore for EmbeddedKeyed {
    fn get(&self, table: Table, key: &[u8]) -> Result<Value, StoreError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Ok(None); // no such key is ever stored, and fjall asserts it
        }
        let found = self.keyspace(table).get(key).map_err(failed)?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Records, StoreError> {
        let mut records = Records::new();
        if limit == 0 {
            return Ok(records);
        }
        for entry in self.keyspace(table).range(prefix.max(from)..) {
            let (key, value) = entry.into_inner().map_err(failed)?;
            if !key.starts_with(prefix) {
                break;
            }
            records.push((key.to_vec(), value.to_vec()));
            if records.len() == limit {
                break;
            }
        }
        Ok(records)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let _writing = self.writing.lock();
        self.check_expectations(&batch)?;
        let mut write = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for (table, key, value) in last_of_each(batch.changes) {
            match value {
                Some(value) => write.insert(self.keyspace(table), key, value),
                None => write.remove(self.keyspace(table), key),
            }
        }
        write.commit().map_err(failed)
    }
}

/// Within one fjall batch all entries carry one sequence number, so a key may occur only once.
fn last_of_each(changes: Vec<(Table, Vec<u8>, Value)>) -> Vec<(Table, Vec<u8>, Value)> {
    let mut last = std::collections::BTreeMap::new();
    for (table, key, value) in changes {
        last.insert((table, key), value);
    }
    let flat = |((table, key), value)| (table, key, value);
    last.into_iter().map(flat).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn failed(error: fjall::Error) -> StoreError {
    StoreError::Storage(error.to_string())
}

fn refused(folder: &Path, error: &fjall::Error) -> StoreError {
    let name = folder.display().to_string();
    if !matches!(error, fjall::Error::Locked) {
        return StoreError::Storage(format!("{name} does not open: {error}"));
    }
    let noted = std::fs::read_to_string(holder_path(folder));
    StoreError::Held {
        folder: name,
        holder: noted.unwrap_or_else(|_| "another process".to_owned()),
    }
}

/// Says who holds the folder, for the message that a second process gets; the lock itself is fjall's.
fn note_holder(folder: &Path) -> Result<(), StoreError> {
    let path = holder_path(folder);
    let holder = format!("process {}", std::process::id());
    std::fs::write(&path, holder)
        .map_err(|error| StoreError::Storage(format!("{}: {error}", path.display())))
}

fn holder_path(folder: &Path) -> PathBuf {
    folder.join("holder")
}
