//! The writing side of one partition: segments are filled, synced, rotated, and sealed after a failure.

use super::fs::{Disk, DiskFile};
use super::partition::Shelf;
use super::record;
use super::segment::Segment;
use super::storage_error;
use crate::{Acknowledge, Appended, LogError, Offset, Packed};
use std::io;
use std::sync::Arc;

/// Whom to tell what, once the group is through.
pub(crate) type Settled = Vec<(Acknowledge, Result<Appended, LogError>)>;

/// An append whose records are written but not known to be durable.
struct Unsettled {
    first: Offset,
    /// The offset after its last record.
    until: Offset,
    acknowledge: Acknowledge,
}

/// The segment that is written now.
struct Active {
    file: Arc<dyn DiskFile>,
    segment: Arc<Segment>,
    /// Bytes written.
    position: u64,
    /// Whether something was written since the last sync.
    dirty: bool,
}

/// Owned by the writer thread.
pub(crate) struct Appender {
    disk: Arc<dyn Disk>,
    shelf: Arc<Shelf>,
    segment_bytes: u64,
    active: Option<Active>,
    /// The offset of the next record.
    next: Offset,
    /// Encoded, not written. At most about a segment.
    buffer: Vec<u8>,
    unsettled: Vec<Unsettled>,
    sealed: u64,
}

impl Appender {
    /// Goes on in `active`: the newest segment, its file and how much of it is written.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        shelf: Arc<Shelf>,
        segment_bytes: u64,
        active: Option<(Arc<Segment>, Arc<dyn DiskFile>, u64)>,
    ) -> Self {
        let next = shelf.end();
        Self {
            disk,
            shelf,
            segment_bytes,
            active: active.map(|(segment, file, position)| Active {
                file,
                segment,
                position,
                dirty: false,
            }),
            next,
            buffer: Vec::new(),
            unsettled: Vec::new(),
            sealed: 0,
        }
    }

    /// How often a failure has sealed a segment.
    pub(crate) fn sealed(&self) -> u64 {
        self.sealed
    }

    /// Adds the records of one append. Those that no longer fit begin the next segment.
    pub(crate) fn push(
        &mut self,
        payloads: &Packed,
        acknowledge: Acknowledge,
        settled: &mut Settled,
    ) {
        let first = self.next;
        self.unsettled.push(Unsettled {
            first,
            until: first + payloads.len() as u64,
            acknowledge,
        });
        for payload in payloads.iter() {
            if let Err(error) = self.add(payload, settled) {
                return self.seal(&error, settled);
            }
        }
    }

    /// Writes what was added; `sync` must follow.
    pub(crate) fn write(&mut self, settled: &mut Settled) {
        if let Err(error) = self.flush() {
            self.seal(&error, settled);
        }
    }

    /// Makes durable what was written, shows it to readers and settles its appends.
    pub(crate) fn sync(&mut self, settled: &mut Settled) {
        match self.sync_active() {
            Ok(()) => self.settle(None, settled),
            Err(error) => self.seal(&error, settled),
        }
    }

    fn add(&mut self, payload: &[u8], settled: &mut Settled) -> Result<(), LogError> {
        let size = record::size(payload.len()) as u64;
        let used = self.buffer.len() as u64 + self.active.as_ref().map_or(0, |it| it.position);
        if self.active.is_some() && used > 0 && used + size > self.segment_bytes {
            // A later segment exists only when the earlier one is complete on the disk,
            // so that a crash tears the newest alone.
            self.flush()?;
            self.sync_active()?;
            self.settle(None, settled);
            self.active = None;
        }
        if self.active.is_none() {
            self.begin()?;
        }
        record::encode(self.next, payload, &mut self.buffer);
        self.next += 1;
        Ok(())
    }

    /// Creates the segment of the next offset.
    fn begin(&mut self) -> Result<(), LogError> {
        let base = self.next;
        assert_eq!(
            base,
            self.shelf.end(),
            "a segment begins at the acknowledged end"
        );
        let segment = Arc::new(Segment::new(&self.shelf.folder, base));
        let file = self
            .create(&segment)
            .map_err(|error| storage_error("creation of", &segment.path, &error))?;
        let mut segments = self.shelf.segments.write();
        segments.retain(|segment| segment.base < base);
        segments.push(Arc::clone(&segment));
        drop(segments);
        self.active = Some(Active {
            file,
            segment,
            position: 0,
            dirty: false,
        });
        Ok(())
    }

    fn create(&self, segment: &Segment) -> io::Result<Arc<dyn DiskFile>> {
        let file = match self.disk.create(&segment.path, self.segment_bytes) {
            // Left by a failure before its first acknowledgement: whatever it holds was refused.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&segment.path)?;
                self.disk.create(&segment.path, self.segment_bytes)?
            }
            created => created?,
        };
        // The size is durable from here on, so that fdatasync has no size to write.
        file.sync()?;
        self.disk.sync_folder(&self.shelf.folder)?;
        Ok(file)
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let Some(active) = self.active.as_mut().filter(|_| !self.buffer.is_empty()) else {
            return Ok(());
        };
        active.dirty = true;
        active
            .file
            .write_all_at(&self.buffer, active.position)
            .map_err(|error| storage_error("write to", &active.segment.path, &error))?;
        active.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync_active(&mut self) -> Result<(), LogError> {
        let Some(active) = self.active.as_mut() else {
            return Ok(());
        };
        if active.dirty {
            active
                .file
                .sync_data()
                .map_err(|error| storage_error("fdatasync of", &active.segment.path, &error))?;
            active.dirty = false;
            active.segment.keep_place((self.next, active.position));
        }
        self.shelf.advance(self.next);
        Ok(())
    }

    /// Gives the segment up: nothing is written to it again, and what is not durable is refused.
    fn seal(&mut self, error: &LogError, settled: &mut Settled) {
        tracing::error!(topic = %self.shelf.partition.topic, partition = self.shelf.partition.index, %error, "log segment sealed");
        self.sealed += 1;
        self.active = None;
        self.buffer.clear();
        self.next = self.shelf.end();
        self.settle(Some(error), settled);
    }

    /// Settles the appends that are durable, and all others too if there is an error.
    fn settle(&mut self, error: Option<&LogError>, settled: &mut Settled) {
        let end = self.shelf.end();
        for append in std::mem::take(&mut self.unsettled) {
            let result = match error {
                _ if append.until <= end => Ok(Appended {
                    partition: self.shelf.partition,
                    first: append.first,
                }),
                Some(error) => Err(error.clone()),
                None => {
                    self.unsettled.push(append);
                    continue;
                }
            };
            settled.push((append.acknowledge, result));
        }
    }
}
