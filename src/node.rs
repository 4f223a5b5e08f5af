//! One data folder, opened: its lock, secrets, event log and stores.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::Clock;
use domain::time::SystemClock;
use event_log::LogError;
use event_log::embedded::EmbeddedLog;
use event_log::lock::FolderLock;
use proto::token::TokenKeys;
use store::asset::AssetStore;
use store::keyed::KeyedStore;
use store::snapshot::SnapshotStore;
use store_embedded::{EmbeddedKeyed, FileAssets, FileSnapshots};
use store_sql::SqlStore;

use crate::config::Config;

/// The secrets of an installation: whoever has them can forge events.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// Seal and open tracking tokens.
    pub tokens: TokenKeys,
    /// Makes pseudonyms of user ids.
    pub users: [u8; 32],
}

/// Everything of a data folder. Another process that opens it is refused while this lives.
pub(crate) struct Node {
    /// The secrets.
    pub secrets: Secrets,
    /// The event log.
    pub log: Arc<EmbeddedLog>,
    /// Accounts, ledger, caps and profiles.
    pub keyed: Arc<dyn KeyedStore>,
    /// Models and checkpoints.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// What creatives show.
    pub assets: Arc<dyn AssetStore>,
    /// Campaigns, console users and reports.
    pub sql: Arc<SqlStore>,
    _lock: FolderLock,
}

/// Where the event log is inside a data folder.
pub(crate) fn log_folder(data: &Path) -> PathBuf {
    data.join("log")
}

/// How many partitions the event log of a folder was made with.
///
/// # Errors
/// When there is no event log.
pub(crate) fn partitions(data: &Path) -> anyhow::Result<u32> {
    let reader = event_log::embedded::open_read_only(&log_folder(data))
        .with_context(|| format!("{} is no data folder of paceline", data.display()))?;
    Ok(u32::try_from(
        reader.partitions(event_log::Topic::Billing).count(),
    )?)
}

impl Node {
    /// Opens the data folder, or makes it. `describe` is what a second opener is told.
    ///
    /// # Errors
    /// When the folder cannot be written, is held by another process, or holds something damaged.
    pub(crate) fn open(config: &Config, describe: &str) -> anyhow::Result<Self> {
        Self::open_after(config, describe, false)
    }

    /// The same; where the server that holds the folder is `leaving`, it is waited for.
    ///
    /// # Errors
    /// Those of `open`.
    pub(crate) fn open_after(
        config: &Config,
        describe: &str,
        leaving: bool,
    ) -> anyhow::Result<Self> {
        let data = &config.data;
        std::fs::create_dir_all(data).with_context(|| {
            format!(
                "the data folder {} cannot be made: choose another with --data DIR",
                data.display()
            )
        })?;
        let lock = acquire(data, describe, leaving)?;
        let open = |what: &str| format!("{what} in {}", data.display());
        let log = EmbeddedLog::open(&log_folder(data), config.log.clone(), describe)
            .with_context(|| open("event log"))?;
        let keyed =
            EmbeddedKeyed::open(&data.join("keyed")).with_context(|| open("keyed state"))?;
        let snapshots =
            FileSnapshots::open(&data.join("snapshots")).with_context(|| open("snapshots"))?;
        let assets = FileAssets::open(&data.join("assets")).with_context(|| open("assets"))?;
        let sql = SqlStore::open(&data.join("paceline.sqlite"))
            .with_context(|| open("campaign store"))?;
        Ok(Self {
            secrets: Secrets::load(&data.join("secret.key"))?,
            log: Arc::new(log),
            keyed: Arc::new(keyed),
            snapshots: Arc::new(snapshots),
            assets: Arc::new(assets),
            sql: Arc::new(sql),
            _lock: lock,
        })
    }
}

/// How long a command that holds the folder for a moment, such as `verify`, is waited for.
const PATIENCE_US: u64 = 30_000_000;
/// How long a server that ends is waited for: it answers what is under way, applies the log and saves the learner.
const LEAVING_PATIENCE_US: u64 = 120_000_000;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// What a server says of itself and a command does not.
const SERVER_MARK: &str = "admin ";

/// Locks the folder. Commands end soon and are waited for; a server only if it is leaving.
fn acquire(data: &Path, describe: &str, leaving: bool) -> anyhow::Result<FolderLock> {
    let clock = SystemClock::new();
    let patience = |holder: &str| match holder.contains(SERVER_MARK) {
        true if leaving => LEAVING_PATIENCE_US,
        true => 0,
        false => PATIENCE_US,
    };
    loop {
        let folder = data.display();
        match FolderLock::acquire(data, describe) {
            Ok(lock) => return Ok(lock),
            Err(LogError::Held { ref holder, .. }) if clock.monotonic_us() < patience(holder) => {
                std::thread::sleep(PAUSE);
            }
            Err(error @ LogError::Held { .. }) => {
                return Err(error).with_context(|| {
                    format!("the data folder {folder} is in use: stop the other process, or choose another folder with --data DIR")
                });
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("the data folder {folder} cannot be written: change its owner, or choose another with --data DIR")
                });
            }
        }
    }
}

/// Whether a server holds the folder, and what it says of itself.
pub(crate) fn server_of(data: &Path) -> Option<String> {
    FolderLock::holder(data).filter(|holder| holder.contains(SERVER_MARK))
}

const SECRET_BYTES: usize = 64;
const TOKEN_KEY_ID: u8 = 1;

impl Secrets {
    /// Secrets of a process that keeps nothing.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn draw() -> anyhow::Result<Self> {
        Self::from_bytes(&draw()?)
    }

    fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let (token, users) = bytes.split_at(SECRET_BYTES / 2);
        let tokens = TokenKeys::new([(TOKEN_KEY_ID, token.try_into()?)]).context("no token key")?;
        Ok(Self {
            tokens,
            users: users.try_into()?,
        })
    }

    /// Reads the secrets, or draws them the first time; the file is for its owner only.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or there is no randomness.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let mut bytes = Vec::with_capacity(SECRET_BYTES);
        match std::fs::File::open(path) {
            Ok(file) => {
                file.take(SECRET_BYTES as u64 + 1).read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bytes = draw()?.to_vec();
                write_private(path, &bytes)?;
            }
            Err(error) => return Err(error).with_context(|| format!("secrets {}", path.display())),
        }
        ensure!(
            bytes.len() == SECRET_BYTES,
            "{} holds {} bytes instead of {SECRET_BYTES}: restore it from a backup; without it bids under way cannot be booked",
            path.display(),
            bytes.len()
        );
        Self::from_bytes(&bytes)
    }
}

fn draw() -> anyhow::Result<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).context("the operating system gives no randomness")?;
    Ok(bytes)
}

/// A number that no other process or start has, from the operating system.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn random_u64() -> anyhow::Result<u64> {
    getrandom::u64().context("the operating system gives no randomness")
}

/// Written beside its place and moved there, so that a crash leaves all of it or nothing.
fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .with_context(|| format!("secrets {}", beside.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
