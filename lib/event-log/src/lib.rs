//! The bus between services: topics cut into partitions, appended with acknowledgement, read from an offset.
//!
//! Two implementations: [`embedded`] (segments in the data folder) and [`memory`] (tests and simulation).
//! What they promise, and what `contract` checks of both:
//! - An acknowledged record is read back, once, at the offset it was given, in the order of offsets, also after
//!   the process was killed; the embedded log acknowledges after `fdatasync`, so also after a power cut.
//! - A refused record (queue full, disk failed) is never acknowledged. It may still appear later: callers give
//!   every event an id and the readers tell repeats apart by it.
//! - Records of one key go to one partition.
//! - The log never looks inside a payload.

mod consumer;
pub mod contract;
pub mod embedded;
mod group;
pub mod lock;
pub mod memory;
mod packed;

pub use packed::Packed;

use std::fmt;
use std::time::Duration;

/// A stream of one kind of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Bids and delivery counts; best effort; keyed by user, else auction.
    Bids,
    /// Impressions, views, clicks, conversions; keyed by user, else auction.
    UserEvents,
    /// Win, loss and billing notices; keyed by campaign.
    Billing,
    /// Campaign changes; keyed by object.
    Control,
}

impl Topic {
    /// Every topic.
    pub const ALL: &'static [Self] = &[Self::Bids, Self::UserEvents, Self::Billing, Self::Control];

    /// The name on disk and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bids => "bids",
            Self::UserEvents => "user-events",
            Self::Billing => "billing",
            Self::Control => "control",
        }
    }

    /// The topic of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|topic| topic.name() == name)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic.
    pub topic: Topic,
    /// From 0.
    pub index: u32,
}

/// The position of a record in its partition: 0 for the first ever appended.
pub type Offset = u64;

/// Bytes to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Chooses the partition.
    pub key: Vec<u8>,
    /// At most `domain::limits::LOG_RECORD_BYTES_MAX` bytes.
    pub payload: Vec<u8>,
}

/// Bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it stands.
    pub offset: Offset,
    /// As appended.
    pub payload: Vec<u8>,
}

/// Where appended records stand; the first of them when there were several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The partition.
    pub partition: Partition,
    /// The offset of the first record.
    pub first: Offset,
}

/// What went wrong, and whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Too much is waiting to be written; retry later. Nothing was enqueued.
    #[error("event log queue is full")]
    Full,
    /// The caller's record is too large.
    #[error("record of {0} bytes is over the limit")]
    TooLarge(usize),
    /// The disk refused; the segment is sealed and nothing unacknowledged may be believed.
    #[error("event log storage failed: {0}")]
    Storage(String),
    /// The log has been closed.
    #[error("event log is closed")]
    Closed,
    /// Another process holds the folder.
    #[error("event log folder {folder} is held by {holder}")]
    Held {
        /// The folder.
        folder: String,
        /// What its lock file says of the holder.
        holder: String,
    },
    /// The offset lies before what retention has kept.
    #[error("offset {wanted} is gone, the oldest is {oldest}")]
    Gone {
        /// What was asked for.
        wanted: Offset,
        /// What is there.
        oldest: Offset,
    },
}

/// Called once, from any thread, when the records are durable or refused. Must not block.
pub type Acknowledge = Box<dyn FnOnce(Result<Appended, LogError>) + Send>;

/// The bus as services see it.
pub trait EventLog: Send + Sync {
    /// Enqueues records that all go to the partition of the first one's key. Never blocks:
    /// with a full queue `acknowledge` is called at once with `Full`.
    fn append(&self, topic: Topic, records: Vec<Record>, acknowledge: Acknowledge);

    /// As `append`, for records that were collected for one partition (`partition_of` their keys).
    fn append_packed(&self, partition: Partition, records: Packed, acknowledge: Acknowledge);

    /// An empty buffer for `append_packed`, with the room of one that was written before where the log has kept it: to
    /// have large ones made and freed for each batch costs page faults.
    fn spare(&self) -> Packed {
        Packed::default()
    }

    /// How many partitions a topic has.
    fn partitions(&self, topic: Topic) -> u32;

    /// Records from `from` on, in order, at most about `bytes_max` of payload but at least one if there is one.
    /// Empty at the end. Only acknowledged records are seen.
    ///
    /// # Errors
    /// `Gone` when retention has deleted `from`; `Storage` when the disk fails.
    fn read(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Stored>, LogError>;

    /// The oldest offset kept and the one after the newest acknowledged.
    ///
    /// # Errors
    /// When the storage fails.
    fn range(&self, partition: Partition) -> Result<(Offset, Offset), LogError>;

    /// Joins a consumer group: partitions of `topics` are shared out among its members.
    ///
    /// # Errors
    /// When the storage fails.
    fn join(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError>;
}

/// What a consumer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// These partitions are this member's now; it must `seek` each before records come.
    Assigned(Vec<Partition>),
    /// These are no longer; their state must be given up before the next poll.
    Revoked(Vec<Partition>),
    /// Records of one partition, in order.
    Records(Partition, Vec<Stored>),
    /// Nothing came in time.
    Idle,
}

/// A member of a consumer group. Leaves the group when dropped.
pub trait Consumer: Send {
    /// The next thing to know, waiting at most `wait` for it.
    ///
    /// # Errors
    /// As `EventLog::read`.
    fn poll(&mut self, wait: Duration) -> Result<Polled, LogError>;

    /// The next records of `partition` are those from `offset` on.
    fn seek(&mut self, partition: Partition, offset: Offset);

    /// Notes how far this group has come, for lag and restarts of sinks that keep no offset of their own.
    ///
    /// # Errors
    /// When the storage fails.
    fn commit(&mut self, partition: Partition, next: Offset) -> Result<(), LogError>;

    /// What was committed last, if anything.
    ///
    /// # Errors
    /// When the storage fails.
    fn committed(&self, partition: Partition) -> Result<Option<Offset>, LogError>;
}

/// The partition of a key: a fixed hash, so that every process agrees for ever.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    crc32fast::hash(key) % partitions.max(1)
}

/// The partition that records appended together go to.
pub(crate) fn partition_for(topic: Topic, records: &[Record], partitions: u32) -> Partition {
    let key = records.first().map_or(&[][..], |record| &record.key);
    Partition {
        topic,
        index: partition_of(key, partitions),
    }
}
