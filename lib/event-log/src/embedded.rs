//! The log in a data folder: checksummed segments, group commit, recovery, retention.
//!
//! # On disk
//! ```text
//! LOCK                              locked by the process that has the log open; one line says who that is
//! meta                              "format 1", "partitions N", a line each
//! groups/GROUP.offsets              what a consumer group has committed: lines "topic partition offset"
//! TOPIC-PARTITION/BASE.log          a segment; BASE is the offset of its first record, 20 digits
//! ```
//! A segment is a run of records without header or padding, then zeros up to its size. A record is, little endian:
//! ```text
//! length    u32    bytes after this field: 12 + payload
//! checksum  u32    CRC-32 (IEEE) of length, offset and payload
//! offset    u64    one more than the record before
//! payload
//! ```
//! A length of zero is the end. Files get their size when they are created (`set_len`: zeros without blocks, so that
//! an idle log is small) and it is synced then, so that the `fdatasync` of a group has no new size to write.
//! `fallocate` would reserve the blocks too, but is not in the standard library; a full disk is instead a failed write.
//!
//! # What holds
//! - One thread writes. It takes all that waits, writes it, syncs each touched file once, then acknowledges all.
//! - A later segment is created only when the earlier one is complete and synced, so a crash tears the newest alone.
//!   Opening cuts its tail at the first record that is not whole, and writes and syncs the rest once more.
//! - After a failed write or sync the segment is sealed: never written again, all that is not acknowledged refused.
//!   The next append begins a segment at the acknowledged end; what the sealed one holds from there on is ignored.
//! - Damage before the tail is skipped, counted and warned of once.

mod append;
pub mod faulty;
pub mod fs;
mod meta;
mod offsets;
mod partition;
mod reader;
mod record;
mod recover;
mod retention;
mod segment;
mod writer;

pub use reader::{LogReader, open_read_only};
pub use retention::{Keep, Retention};

use crate::consumer::{Batch, Member, Source};
use crate::group::Groups;
use crate::lock::FolderLock;
use crate::{
    Acknowledge, Appended, Consumer, EventLog, LogError, Offset, Packed, Partition, Record, Stored,
    Topic, partition_for,
};
use domain::time::Timestamp;
use fs::{Disk, RealDisk};
use meta::Meta;
use offsets::Offsets;
use parking_lot::Mutex;
use partition::Shelf;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use writer::{Pending, Queue, Writer};

/// Default size of a segment, in bytes: some ten thousand events; read in a few milliseconds when opening.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// Default bound of the queue, in records: about a second of what one writer syncs.
pub const QUEUE_RECORDS: usize = 64 << 10;
/// Default bound of the queue, in payload bytes: twice this is what the queue can cost in memory.
pub const QUEUE_BYTES: usize = 32 << 20;
/// Most partitions of a topic: each costs a folder and an open file per topic.
pub const PARTITIONS_MAX: u32 = 256;

const _: () = assert!(
    QUEUE_BYTES > domain::limits::LOG_RECORD_BYTES_MAX,
    "the largest record fits the queue"
);

/// How the log behaves. Segment size and bounds may differ from one opening to the next, partitions may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// Size of a segment file, in bytes.
    pub segment_bytes: u64,
    /// Partitions of each topic, 1 to `PARTITIONS_MAX`.
    pub partitions: u32,
    /// Records that may wait for the disk.
    pub queue_records: usize,
    /// Payload bytes that may wait for the disk.
    pub queue_bytes: usize,
    /// What `retain` keeps.
    pub retention: Retention,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES,
            partitions: 1,
            queue_records: QUEUE_RECORDS,
            queue_bytes: QUEUE_BYTES,
            retention: Retention::default(),
        }
    }
}

/// What the log has been through since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Records waiting or being written.
    pub queued_records: usize,
    /// Their payload bytes.
    pub queued_bytes: usize,
    /// Groups written, each with one sync per touched file.
    pub groups: u64,
    /// Segments given up after a failed write or sync.
    pub sealed_segments: u64,
    /// Damaged records that reads have skipped, counted at each read.
    pub damaged_records: u64,
}

/// The log of one data folder. Dropping it writes what waits and frees the folder.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What handles, consumers and the writer share.
struct Shared {
    disk: Arc<dyn Disk>,
    config: EmbeddedConfig,
    /// By topic, then partition.
    shelves: Vec<Arc<Shelf>>,
    queue: Arc<Queue>,
    groups: Arc<Groups>,
    offsets: Offsets,
}

impl EmbeddedLog {
    /// Opens the log in `folder`, or creates it, and locks the folder. `describe` is what a second opener is told.
    ///
    /// # Errors
    /// `Held` when the folder is open already; `Storage` when the disk fails, the format is another one
    /// or `config.partitions` is not what the folder was created with.
    pub fn open(folder: &Path, config: EmbeddedConfig, describe: &str) -> Result<Self, LogError> {
        let lock = FolderLock::acquire(folder, describe)?;
        Self::start(Arc::new(RealDisk), folder, config, Some(lock))
    }

    /// As `open`, on the given disk and without a lock.
    ///
    /// # Errors
    /// `Storage` as `open`.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        config: EmbeddedConfig,
    ) -> Result<Self, LogError> {
        Self::start(disk, folder, config, None)
    }

    fn start(
        disk: Arc<dyn Disk>,
        folder: &Path,
        config: EmbeddedConfig,
        lock: Option<FolderLock>,
    ) -> Result<Self, LogError> {
        check_meta(disk.as_ref(), folder, config.partitions)?;
        let (mut shelves, mut appenders) = (Vec::new(), Vec::new());
        for partition in all_partitions(config.partitions) {
            let (shelf, appender) =
                recover::open_partition(&disk, folder, partition, config.segment_bytes)?;
            shelves.push(shelf);
            appenders.push(appender);
        }
        let queue = Arc::new(Queue::new(config.queue_records, config.queue_bytes));
        let groups = Arc::new(Groups::default());
        let offsets = Offsets::open(Arc::clone(&disk), folder.join("groups"))?;
        let writer = Writer {
            queue: Arc::clone(&queue),
            groups: Arc::clone(&groups),
            appenders,
            _lock: lock,
        };
        let writer = std::thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| LogError::Storage(format!("writer thread: {error}")))?;
        Ok(Self {
            shared: Arc::new(Shared {
                disk,
                config,
                shelves,
                queue,
                groups,
                offsets,
            }),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Refuses new appends, writes and answers those that wait, and frees the folder. Reading goes on.
    /// Must not be called from an acknowledgement.
    pub fn close(&self) {
        self.shared.queue.close();
        self.shared.groups.signal.raise();
        let Some(writer) = self.writer.lock().take() else {
            return;
        };
        // The last handle may be dropped by an acknowledgement: the writer thread cannot wait for itself.
        if writer.thread().id() == std::thread::current().id() {
            return;
        }
        if writer.join().is_err() {
            tracing::error!("log writer has panicked");
        }
    }

    /// Deletes old segments by `config.retention`, but none with a record at or after `needed(partition)`:
    /// the lowest offset that some sink has not applied. Gives the number of segments deleted.
    ///
    /// # Errors
    /// `Storage` when the disk fails.
    pub fn retain(
        &self,
        now: Timestamp,
        needed: &dyn Fn(Partition) -> Offset,
    ) -> Result<usize, LogError> {
        let mut deleted = 0;
        for shelf in &self.shared.shelves {
            let keep = self.shared.config.retention.of(shelf.partition.topic);
            let share = Keep {
                bytes_max: keep
                    .bytes_max
                    .map(|bytes| bytes / u64::from(self.shared.config.partitions)),
                ..keep
            };
            let needed = needed(shelf.partition);
            deleted += retention::apply(self.shared.disk.as_ref(), shelf, share, needed, now)?;
        }
        Ok(deleted)
    }

    /// What the log has been through.
    pub fn figures(&self) -> Figures {
        let (queued_records, queued_bytes) = self.shared.queue.load();
        let (groups, sealed_segments) = self.shared.queue.written();
        Figures {
            queued_records,
            queued_bytes,
            groups,
            sealed_segments,
            damaged_records: self.shared.shelves.iter().map(|it| it.damaged()).sum(),
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl EventLog for EmbeddedLog {
    fn append(&self, topic: Topic, records: Vec<Record>, acknowledge: Acknowledge) {
        let partition = partition_for(topic, &records, self.shared.config.partitions);
        self.append_packed(partition, records.into(), acknowledge);
    }

    fn append_packed(&self, partition: Partition, records: Packed, acknowledge: Acknowledge) {
        if let Err(error) = records.check_sizes() {
            return acknowledge(Err(error));
        }
        if records.is_empty() {
            let first = self.shared.shelf(partition).map(|shelf| shelf.end());
            return acknowledge(first.map(|first| Appended { partition, first }));
        }
        let pending = Pending {
            slot: self.shared.slot(partition),
            payloads: records,
            acknowledge,
        };
        if let Err((error, pending)) = self.shared.queue.offer(pending) {
            (pending.acknowledge)(Err(error));
        }
    }

    fn spare(&self) -> Packed {
        self.shared.queue.spare()
    }

    fn partitions(&self, _topic: Topic) -> u32 {
        self.shared.config.partitions
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Stored>, LogError> {
        Ok(self.shared.fetch(partition, from, bytes_max)?.records)
    }

    fn range(&self, partition: Partition) -> Result<(Offset, Offset), LogError> {
        let shelf = self.shared.shelf(partition)?;
        Ok((shelf.oldest(), shelf.end()))
    }

    fn join(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError> {
        self.shared.offsets.path(group)?;
        let member = Member::join(Arc::clone(&self.shared), group, topics);
        Ok(Box::new(member))
    }
}

impl Shared {
    fn slot(&self, partition: Partition) -> usize {
        let place = Topic::ALL
            .iter()
            .position(|topic| *topic == partition.topic);
        place.map_or(usize::MAX, |place| {
            place * self.config.partitions as usize + partition.index as usize
        })
    }

    fn shelf(&self, partition: Partition) -> Result<&Shelf, LogError> {
        let shelf = self.shelves.get(self.slot(partition));
        shelf
            .filter(|shelf| shelf.partition == partition)
            .map(AsRef::as_ref)
            .ok_or_else(|| {
                LogError::Storage(format!(
                    "no partition {} of {}",
                    partition.index, partition.topic
                ))
            })
    }
}

impl Source for Shared {
    fn fetch(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Batch, LogError> {
        self.shelf(partition)?
            .read(self.disk.as_ref(), from, bytes_max)
    }

    fn partition_count(&self) -> u32 {
        self.config.partitions
    }

    fn groups(&self) -> &Groups {
        &self.groups
    }

    fn is_finished(&self) -> bool {
        self.queue.is_closed() && self.queue.load().0 == 0
    }

    fn commit(&self, group: &str, partition: Partition, next: Offset) -> Result<(), LogError> {
        if self.queue.is_closed() {
            // Another process may have the folder by now.
            return Err(LogError::Closed);
        }
        self.offsets.commit(group, partition, next)
    }

    fn committed(&self, group: &str, partition: Partition) -> Result<Option<Offset>, LogError> {
        self.offsets.committed(group, partition)
    }
}

fn all_partitions(count: u32) -> impl Iterator<Item = Partition> {
    let of = move |topic: &Topic| {
        let topic = *topic;
        (0..count).map(move |index| Partition { topic, index })
    };
    Topic::ALL.iter().flat_map(of)
}

/// Creates the folder's `meta`, or compares it.
fn check_meta(disk: &dyn Disk, folder: &Path, partitions: u32) -> Result<(), LogError> {
    if !(1..=PARTITIONS_MAX).contains(&partitions) {
        return Err(LogError::Storage(format!(
            "partitions is {partitions}, not 1 to {PARTITIONS_MAX}"
        )));
    }
    disk.create_folder(folder)
        .map_err(|error| storage_error("creation of", folder, &error))?;
    match Meta::load(disk, folder)? {
        None => Meta { partitions }.save(disk, folder),
        Some(meta) if meta.partitions == partitions => Ok(()),
        Some(meta) => Err(LogError::Storage(format!(
            "{} has {} partitions per topic, not {partitions}; keys would move between them",
            folder.display(),
            meta.partitions
        ))),
    }
}

fn storage_error(what: &str, path: &Path, error: &std::io::Error) -> LogError {
    LogError::Storage(format!("{what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
