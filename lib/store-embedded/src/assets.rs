//! Creatives' files in one folder, each under its name.
//!
//! A file is written under a temporary name, synchronised, renamed and the folder synchronised, so a name is there
//! whole or not at all, also after a power cut. Any process that sees the folder may read and keep.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use store::StoreError;
use store::asset::{ASSET_BYTES_MAX, AssetName, AssetStore};

/// Files in a folder.
#[derive(Debug)]
pub struct FileAssets {
    folder: PathBuf,
    /// Tells the temporary files of this process apart.
    written: AtomicU64,
}

impl FileAssets {
    /// Opens the folder, creating it where it is missing and removing what interrupted writes left.
    ///
    /// # Errors
    /// When the folder can be neither created nor read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error| failed(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|end| end == "tmp") {
                fs::remove_file(path).map_err(failed)?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            written: AtomicU64::new(0),
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}.tmp", std::process::id());
        let temporary = self.folder.join(name);
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(&self.folder)?.sync_all()
    }
}

impl AssetStore for FileAssets {
    fn put(&self, bytes: &[u8]) -> Result<AssetName, StoreError> {
        let name = AssetName::of(bytes)?;
        let path = self.folder.join(name.to_string());
        if !path.exists() {
            let kept = self.write(&path, bytes);
            kept.map_err(|error| failed(&path, &error))?;
        }
        Ok(name)
    }

    fn get(&self, name: AssetName) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.folder.join(name.to_string());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        let mut bytes = Vec::new();
        let mut file = file.take(ASSET_BYTES_MAX as u64 + 1);
        let read = file.read_to_end(&mut bytes);
        read.map_err(|error| failed(&path, &error))?;
        if !name.is_of(&bytes) {
            return Err(StoreError::Damaged {
                what: "asset",
                why: format!("{name} holds other bytes"),
            });
        }
        Ok(Some(bytes))
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Storage(format!("{}: {error}", path.display()))
}
