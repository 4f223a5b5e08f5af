//! Reads a log's folder, live or dead, from another process: locks nothing, writes nothing.

use super::fs::{Disk, RealDisk};
use super::meta::Meta;
use super::partition::{Limits, folder_of, read_segments};
use super::recover;
use super::segment::Damage;
use crate::{LogError, Offset, Partition, Stored, Topic};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Payload bytes that `for_each` reads at once.
const BATCH_BYTES: usize = 4 << 20;

/// A log opened for reading only. It sees records up to the last whole one on the disk: beside the acknowledged ones
/// perhaps some that are just being written, or were refused by a failing disk.
pub struct LogReader {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    partitions: u32,
}

/// Opens the log in `folder` for reading only.
///
/// # Errors
/// `Storage` when there is none, or one of another format.
pub fn open_read_only(folder: &Path) -> Result<LogReader, LogError> {
    LogReader::open_on(Arc::new(RealDisk), folder)
}

impl LogReader {
    /// As `open_read_only`, on the given disk.
    ///
    /// # Errors
    /// As `open_read_only`.
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, LogError> {
        let meta = Meta::load(disk.as_ref(), folder)?
            .ok_or_else(|| LogError::Storage(format!("{} holds no event log", folder.display())))?;
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            partitions: meta.partitions,
        })
    }

    /// Every partition of a topic.
    pub fn partitions(&self, topic: Topic) -> impl Iterator<Item = Partition> {
        (0..self.partitions).map(move |index| Partition { topic, index })
    }

    /// The oldest offset on the disk; 0 when there are no records.
    ///
    /// # Errors
    /// `Storage` when the folder cannot be read.
    pub fn oldest(&self, partition: Partition) -> Result<Offset, LogError> {
        let segments = self.segments(partition)?;
        Ok(segments.first().map_or(0, |segment| segment.base))
    }

    /// Records from `from` on, as `EventLog::read`.
    ///
    /// # Errors
    /// As `EventLog::read`.
    pub fn read(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Stored>, LogError> {
        Ok(self.batch(partition, from, bytes_max)?.0)
    }

    /// Gives every record of a partition in order; returns how many were damaged and left out.
    ///
    /// # Errors
    /// As `EventLog::read`.
    pub fn for_each(
        &self,
        partition: Partition,
        mut each: impl FnMut(Stored),
    ) -> Result<u64, LogError> {
        let mut from = self.oldest(partition)?;
        let mut damaged = 0;
        loop {
            let (records, next, skipped) = match self.batch(partition, from, BATCH_BYTES) {
                Ok(batch) => batch,
                // A live log may delete segments under us.
                Err(error) => match self.oldest(partition)? {
                    oldest if oldest > from => (Vec::new(), oldest, 0),
                    _ => return Err(error),
                },
            };
            damaged += skipped;
            if next == from {
                return Ok(damaged);
            }
            from = next;
            records.into_iter().for_each(&mut each);
        }
    }

    fn batch(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<(Vec<Stored>, Offset, u64), LogError> {
        // Listed anew each time: a live log goes on to new segments and deletes old ones.
        let segments = self.segments(partition)?;
        let first = segments.partition_point(|segment| segment.base <= from);
        let limits = Limits {
            bound: Offset::MAX,
            bytes_max,
            at_end: Damage::Stop,
        };
        let segments = segments.get(first.saturating_sub(1)..).unwrap_or_default();
        let (batch, skipped) = read_segments(self.disk.as_ref(), segments, from, limits)?;
        Ok((batch.records, batch.next, skipped))
    }

    fn segments(
        &self,
        partition: Partition,
    ) -> Result<Vec<Arc<super::segment::Segment>>, LogError> {
        recover::list(self.disk.as_ref(), &folder_of(&self.folder, partition))
    }
}
