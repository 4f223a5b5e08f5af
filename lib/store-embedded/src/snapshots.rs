//! Published snapshots as files `NAME.VERSION` in one folder.
//!
//! A file is written under a temporary name, synchronised, renamed and the folder synchronised, so a name is
//! there whole or not at all, also after a power cut. The newest three versions stay, for rollback by hand.
//! Any process that sees the folder may read; one process publishes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use store::StoreError;
use store::snapshot::{SnapshotStore, check_name};

/// Versions of one name that are kept.
const VERSIONS_KEPT: usize = 3;
/// Times that `load` looks again when the newest file was replaced and removed under it.
const LOAD_ATTEMPTS: usize = 10;

/// Snapshots in a folder.
#[derive(Debug)]
pub struct FileSnapshots {
    folder: PathBuf,
    publishing: Mutex<()>,
}

impl FileSnapshots {
    /// Opens the folder, creating it where it is missing and removing what an interrupted publish left.
    ///
    /// # Errors
    /// When the folder can be neither created nor read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error| failed(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        for name in names(folder).map_err(failed)? {
            if name.ends_with(".tmp") {
                fs::remove_file(folder.join(name)).map_err(failed)?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            publishing: Mutex::new(()),
        })
    }

    /// Versions of a name, the oldest first.
    fn versions(&self, name: &str) -> Result<Vec<u64>, StoreError> {
        let files = names(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        let mut versions: Vec<u64> = files
            .iter()
            .filter_map(|file| file.strip_prefix(name)?.strip_prefix('.')?.parse().ok())
            .collect();
        versions.sort_unstable();
        Ok(versions)
    }

    fn path(&self, name: &str, version: u64) -> PathBuf {
        self.folder.join(format!("{name}.{version}"))
    }

    fn write(&self, name: &str, version: u64, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.folder.join(format!("{name}.tmp"));
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(name, version))?;
        File::open(&self.folder)?.sync_all()
    }
}

impl SnapshotStore for FileSnapshots {
    fn publish(&self, name: &str, version: u64, bytes: &[u8]) -> Result<(), StoreError> {
        check_name(name)?;
        let _publishing = self.publishing.lock();
        let versions = self.versions(name)?;
        if versions.last().is_some_and(|newest| *newest >= version) {
            return Err(StoreError::Conflict("snapshot"));
        }
        self.write(name, version, bytes)
            .map_err(|error| failed(&self.path(name, version), &error))?;
        let too_many = (versions.len() + 1).saturating_sub(VERSIONS_KEPT);
        for old in versions.iter().take(too_many) {
            let path = self.path(name, *old);
            fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    fn version(&self, name: &str) -> Result<Option<u64>, StoreError> {
        check_name(name)?;
        Ok(self.versions(name)?.last().copied())
    }

    fn load(&self, name: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        for _ in 0..LOAD_ATTEMPTS {
            let Some(version) = self.version(name)? else {
                return Ok(None);
            };
            let path = self.path(name, version);
            match fs::read(&path) {
                Ok(bytes) => return Ok(Some((version, bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path, &error)),
            }
        }
        let why = format!("{name} is replaced faster than it can be read");
        Err(StoreError::Storage(why))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        let _publishing = self.publishing.lock();
        // The newest last: a crash in between leaves what readers saw before.
        for version in self.versions(name)? {
            let path = self.path(name, version);
            fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Storage(format!("{}: {error}", path.display()))
}
