//! One holder per folder: a `LOCK` file that is locked while its holder lives, and says who that is.

use crate::LogError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// The file's name in the folder.
const FILE_NAME: &str = "LOCK";
/// Most bytes of a holder's description that are kept: one line for a person to read.
const DESCRIPTION_BYTES_MAX: usize = 256;

/// Held until dropped; the operating system lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Takes the lock of `folder`, which is created if it is missing. `describe` is what a second opener is told,
    /// in one line such as `pid 123, admin 127.0.0.1:8083`.
    ///
    /// # Errors
    /// `Held` when somebody has it, also when that is this process; `Storage` when the folder cannot be written.
    pub fn acquire(folder: &Path, describe: &str) -> Result<Self, LogError> {
        let failed = |error: std::io::Error| {
            LogError::Storage(format!("lock of {}: {error}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join(FILE_NAME))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LogError::Held {
                    folder: folder.display().to_string(),
                    holder: description(&file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let line = one_line(describe);
        file.set_len(0).map_err(failed)?;
        (&file).write_all(line.as_bytes()).map_err(failed)?;
        Ok(Self { file })
    }

    /// What the holder of `folder` says of itself; `None` when nobody holds it. Changes nothing on the disk.
    pub fn holder(folder: &Path) -> Option<String> {
        let file = File::open(folder.join(FILE_NAME)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(description(&file)),
            _ => None,
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // The text is for people only: what stays behind after a failure here, or a kill, misleads nobody,
        // since only the lock itself says that the folder is held.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "lock file keeps its text");
        }
    }
}

/// The holder's line, or a word for one that has not written it yet.
fn description(file: &File) -> String {
    let mut bytes = Vec::new();
    let read = file
        .take(DESCRIPTION_BYTES_MAX as u64)
        .read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "a process that does not say who it is".to_owned(),
    }
}

fn one_line(describe: &str) -> String {
    let mut line: String = describe
        .chars()
        .take(DESCRIPTION_BYTES_MAX)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    while line.len() >= DESCRIPTION_BYTES_MAX {
        line.pop();
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_learns_who_holds_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        assert_eq!(FolderLock::holder(&path), None);
        let first = FolderLock::acquire(&path, "pid 1, admin 127.0.0.1:8083\nnoise").unwrap();
        let text = "pid 1, admin 127.0.0.1:8083 noise";
        assert_eq!(FolderLock::holder(&path).as_deref(), Some(text));
        match FolderLock::acquire(&path, "pid 2") {
            Err(LogError::Held { folder, holder }) => {
                assert_eq!(holder, text);
                assert_eq!(folder, path.display().to_string());
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        assert_eq!(FolderLock::holder(&path), None);
        let second = FolderLock::acquire(&path, "").unwrap();
        assert!(FolderLock::holder(&path).unwrap().contains("does not say"));
        drop(second);
    }

    #[test]
    fn long_descriptions_are_cut_at_a_letter() {
        let line = one_line(&"ä".repeat(500));
        assert_eq!(line.len(), 255);
    }
}
