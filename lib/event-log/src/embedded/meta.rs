//! The log's `meta` file: the format of the folder and how many partitions it has.

use super::fs::Disk;
use super::storage_error;
use crate::LogError;
use std::path::Path;

/// The file's name in the log's folder.
const FILE_NAME: &str = "meta";
/// Raised when an older program could no longer read what is written.
const FORMAT: u32 = 1;

/// What holds for the whole folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) partitions: u32,
}

impl Meta {
    /// Reads the file; `None` when there is none.
    pub(crate) fn load(disk: &dyn Disk, folder: &Path) -> Result<Option<Self>, LogError> {
        let path = folder.join(FILE_NAME);
        let bytes = disk
            .read_small(&path)
            .map_err(|error| storage_error("read of", &path, &error))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let meta = Self::parse(&String::from_utf8_lossy(&bytes));
        let refused = |why| LogError::Storage(format!("{}: {why}", path.display()));
        meta.map(Some).map_err(refused)
    }

    pub(crate) fn save(self, disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
        let path = folder.join(FILE_NAME);
        let text = format!("format {FORMAT}\npartitions {}\n", self.partitions);
        disk.replace(&path, text.as_bytes())
            .map_err(|error| storage_error("write to", &path, &error))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let number = |key: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            value.and_then(|value| value.parse::<u32>().ok())
        };
        match (number("format"), number("partitions")) {
            (Some(FORMAT), Some(partitions)) if partitions > 0 => Ok(Self { partitions }),
            (Some(format), _) if format != FORMAT => Err(format!(
                "format {format} is not {FORMAT}, which this program reads"
            )),
            _ => Err("does not decode".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_format_is_read() {
        let meta = Meta::parse("format 1\npartitions 4\n");
        assert_eq!(meta, Ok(Meta { partitions: 4 }));
        for refused in [
            "",
            "format 2\npartitions 4\n",
            "format 1\n",
            "format 1\npartitions 0\n",
        ] {
            assert!(Meta::parse(refused).is_err(), "{refused:?}");
        }
    }
}
