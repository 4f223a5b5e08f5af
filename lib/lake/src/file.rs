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
    /// Begins one that will stand at `path`; what stands there stays until the end. The folder is made if need be.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self, LakeError> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(LakeError::io(folder, "make the folder"))?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(name);
        let file = File::create(&beside).map_err(LakeError::io(&beside, "create"))?;
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
