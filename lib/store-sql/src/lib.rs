//! Campaigns, console users and reports in SQLite: one file, several threads, several processes.

mod campaigns;
mod reports;
mod schema;
mod users;

use std::path::Path;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use store::StoreError;
use tokio::runtime::{Builder, Runtime};

/// Connections for reading: bidder refresh, console pages and updater seldom read at once.
const READERS: usize = 3;
/// How long a write waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A SQLite file with one connection that writes and a few that read beside it (write-ahead log).
///
/// A change is synchronised to the disk before the call returns (`synchronous = FULL`). Calls block: make them
/// from plain threads or inside `tokio::task::spawn_blocking`, never in an async task, where they panic.
pub struct SqlStore {
    /// Taken only on drop.
    runtime: Option<Runtime>,
    writer: Mutex<SqliteConnection>,
    readers: Vec<Mutex<SqliteConnection>>,
}

impl SqlStore {
    /// Opens the file, creating it and its folder where they are missing, and brings its schema up to date.
    ///
    /// # Errors
    /// `Storage` when it does not open; `Damaged` when a newer program wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| StoreError::Storage(error.to_string()))?;
        let opened = runtime.block_on(connect(path));
        let (writer, readers) = opened.map_err(|error| name_file(path, error))?;
        Ok(Self {
            runtime: Some(runtime),
            writer: Mutex::new(writer),
            readers: readers.into_iter().map(Mutex::new).collect(),
        })
    }

    /// Runs `change` in one transaction: committed when it succeeds, else rolled back.
    fn write<T>(
        &self,
        change: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock();
        let connection = &mut *writer;
        self.runtime().block_on(write_on(connection, change))
    }

    /// Runs `query` in one transaction that sees one state of the file.
    fn read<T>(
        &self,
        query: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reader = self.free_reader();
        let connection = &mut *reader;
        self.runtime().block_on(async {
            let mut transaction = connection.begin().await.map_err(failed)?;
            let found = query(&mut transaction).await?;
            transaction.rollback().await.map_err(failed)?;
            Ok(found)
        })
    }

    fn free_reader(&self) -> MutexGuard<'_, SqliteConnection> {
        let free = self.readers.iter().find_map(Mutex::try_lock);
        free.unwrap_or_else(|| self.readers[0].lock())
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is taken on drop only")
    }
}

impl Drop for SqlStore {
    fn drop(&mut self) {
        // A plain drop of a runtime panics inside an async task, where the last handle may well end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn connect(path: &Path) -> Result<(SqliteConnection, Vec<SqliteConnection>), StoreError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Storage(error.to_string()))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging();
    let mut writer = options
        .clone()
        .create_if_missing(true)
        .connect()
        .await
        .map_err(failed)?;
    schema::migrate(&mut writer).await?;
    let mut readers = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        let reader = options.clone().pragma("query_only", "ON");
        readers.push(reader.connect().await.map_err(failed)?);
    }
    Ok((writer, readers))
}

async fn write_on<T>(
    connection: &mut SqliteConnection,
    change: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Immediate: waits for other writers now, instead of failing in the middle.
    let begun = connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(failed)?;
    let done = change(&mut transaction).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(done)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Storage(error.to_string())
}

fn name_file(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Storage(why) => StoreError::Storage(format!("{}: {why}", path.display())),
        other => other,
    }
}

/// SQLite's integers are signed; ids given by the store never reach the sign.
fn stored_id(what: &'static str, id: u64) -> Result<i64, StoreError> {
    i64::try_from(id).map_err(|_| StoreError::NotFound { what, id })
}
