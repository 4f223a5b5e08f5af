//! Files that appear whole or not at all: written beside their place, synced, renamed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::LakeError;

/// Written at once, in bytes.
const WRITE_BYTES: usize = 256 << 10;

/// A file on its way; dropped without [`Self::finish`] it leaves nothing behind.
pub struct NewFile {
    path: PathBuf,
    beside: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl NewFile {
    /// Begins one that will stand at `path`; what stands there stays until the end. The folder is made if need be. What
    /// a killed process has begun for the same path is removed.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self, LakeError> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(LakeError::io(folder, "make the folder"))?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(name);
        remove_abandoned(path);
        let file = File::create(&beside).map_err(LakeError::io(&beside, "create"))?;
        // Says that somebody still writes it; a file system without locks leaves it to be removed by hand.
        file.try_lock().unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            beside,
            writer: Some(BufWriter::with_capacity(WRITE_BYTES, file)),
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LakeError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer
            .write_all(bytes)
            .map_err(LakeError::io(&self.beside, "write"))
    }

    /// Puts it in its place: after a crash the old or the new one is there, whole.
    ///
    /// # Errors
    /// When the disk refuses; the old one stays.
    pub fn finish(mut self) -> Result<(), LakeError> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        let done = writer
            .flush()
            .and_then(|()| writer.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.beside, &self.path));
        if let Err(source) = done {
            self.writer = Some(writer);
            return Err(LakeError::io(&self.path, "write")(source));
        }
        let folder = folder_of(&self.path);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(LakeError::io(folder, "sync the folder"))
    }
}

/// Removes `NAME.PID.part` of processes that no longer hold theirs: their locks ended with them.
fn remove_abandoned(path: &Path) {
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else {
        return;
    };
    let name = path.file_name().unwrap_or_default();
    let begun = |entry: &std::fs::DirEntry| {
        let own = entry.file_name();
        let rest = own.to_str()?.strip_prefix(name.to_str()?)?;
        let pid = rest.strip_prefix('.')?.strip_suffix(".part")?;
        pid.parse::<u32>().ok()
    };
    for entry in entries.flatten().filter(|entry| begun(entry).is_some()) {
        let path = entry.path();
        let free = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if free {
            // What cannot be removed harms nobody.
            std::fs::remove_file(&path).unwrap_or_default();
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // What cannot be removed is told apart by its name.
            std::fs::remove_file(&self.beside).unwrap_or_default();
        }
    }
}

/// Writes a whole file.
///
/// # Errors
/// As [`NewFile::finish`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
    let mut file = NewFile::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// Reads a whole file of at most so many bytes.
///
/// # Errors
/// When it cannot be read or is longer.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, LakeError> {
    let size = std::fs::metadata(path)
        .map_err(LakeError::io(path, "read"))?
        .len();
    if size > bytes_max {
        return Err(LakeError::file(
            path,
            format!("{size} bytes, at most {bytes_max} are read"),
        ));
    }
    std::fs::read(path).map_err(LakeError::io(path, "read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_began_is_removed_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let abandoned = at("model.plm.4000000.part");
        for name in [
            "model.plm.4000000.part",
            "other.plm.1.part",
            "model.plm.part",
        ] {
            std::fs::write(at(name), b"half").unwrap();
        }
        let begun = at("model.plm.4000001.part");
        let held = File::create(&begun).unwrap();
        held.lock().unwrap();
        let mut new = NewFile::create(&at("model.plm")).unwrap();
        assert!(!abandoned.exists());
        assert!(begun.exists() && at("other.plm.1.part").exists() && at("model.plm.part").exists());
        new.write(b"whole").unwrap();
        new.finish().unwrap();
        drop(held);
        write(&at("model.plm"), b"next").unwrap();
        assert!(!begun.exists());
        assert_eq!(read(&at("model.plm"), 10).unwrap(), b"next");
    }
}
