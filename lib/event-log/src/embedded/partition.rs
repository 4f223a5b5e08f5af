//! One partition as its readers see it: segments, the acknowledged end, reads across segments.

use super::fs::Disk;
use super::segment::{Damage, Scan, Segment};
use super::storage_error;
use crate::consumer::Batch;
use crate::{LogError, Offset, Partition, Stored};
use parking_lot::RwLock;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder of a partition inside the log's.
pub(crate) fn folder_of(log: &Path, partition: Partition) -> PathBuf {
    log.join(format!("{}-{}", partition.topic, partition.index))
}

/// What the writer and the readers of a partition share.
pub(crate) struct Shelf {
    pub(crate) partition: Partition,
    pub(crate) folder: PathBuf,
    /// By rising base; changed by the writer at the end and by retention at the start.
    pub(crate) segments: RwLock<Vec<Arc<Segment>>>,
    /// The offset after the newest acknowledged record. Nothing from it on is shown.
    end: AtomicU64,
    /// Damaged records that reads have skipped, counted at each read.
    damaged: AtomicU64,
}

impl Shelf {
    pub(crate) fn new(
        partition: Partition,
        folder: PathBuf,
        segments: Vec<Arc<Segment>>,
        end: Offset,
    ) -> Self {
        Self {
            partition,
            folder,
            segments: RwLock::new(segments),
            end: AtomicU64::new(end),
            damaged: AtomicU64::new(0),
        }
    }

    pub(crate) fn end(&self) -> Offset {
        self.end.load(Ordering::Acquire)
    }

    /// Shows records to readers: they are durable.
    pub(crate) fn advance(&self, end: Offset) {
        let before = self.end.swap(end, Ordering::AcqRel);
        assert!(before <= end, "the acknowledged end never goes back");
    }

    pub(crate) fn oldest(&self) -> Offset {
        let first = self.segments.read().first().map(|segment| segment.base);
        first.unwrap_or_else(|| self.end())
    }

    pub(crate) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    pub(crate) fn read(
        &self,
        disk: &dyn Disk,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Batch, LogError> {
        let bound = self.end();
        let segments: Vec<Arc<Segment>> = {
            let all = self.segments.read();
            let first = all.partition_point(|segment| segment.base <= from);
            all.get(first.saturating_sub(1)..)
                .unwrap_or_default()
                .to_vec()
        };
        let limits = Limits {
            bound,
            bytes_max,
            at_end: Damage::Skip,
        };
        let (batch, skipped) = match read_segments(disk, &segments, from, limits) {
            Ok(read) => read,
            // Retention may have deleted the file since the list was copied.
            Err(error) => return Err(self.gone(from).unwrap_or(error)),
        };
        if skipped > 0 && self.damaged.fetch_add(skipped, Ordering::Relaxed) == 0 {
            tracing::warn!(topic = %self.partition.topic, partition = self.partition.index, from, skipped, "log has damaged records");
        }
        Ok(batch)
    }

    fn gone(&self, wanted: Offset) -> Option<LogError> {
        let oldest = self.oldest();
        (wanted < oldest).then_some(LogError::Gone { wanted, oldest })
    }
}

/// How far a read may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The offset that is not read any more.
    pub(crate) bound: Offset,
    /// Payload bytes, of which the first record may have more.
    pub(crate) bytes_max: usize,
    /// What to do at damage in the last segment; in earlier ones it is skipped.
    pub(crate) at_end: Damage,
}

/// Reads on over segments of rising base; gives also how many records were skipped as damaged.
pub(crate) fn read_segments(
    disk: &dyn Disk,
    segments: &[Arc<Segment>],
    from: Offset,
    limits: Limits,
) -> Result<(Batch, u64), LogError> {
    let batch = Batch {
        records: Vec::new(),
        next: from,
    };
    if from >= limits.bound {
        return Ok((batch, 0));
    }
    if let Some(oldest) = segments.first().map(|segment| segment.base)
        && from < oldest
    {
        return Err(LogError::Gone {
            wanted: from,
            oldest,
        });
    }
    let mut reading = Reading {
        batch,
        left: limits.bytes_max,
        skipped: 0,
    };
    for (index, segment) in segments.iter().enumerate() {
        // Records past the next segment's base were refused when this one was sealed.
        let next_base = segments.get(index + 1).map(|next| next.base);
        let bound = next_base.unwrap_or(limits.bound).min(limits.bound);
        if reading.batch.next >= bound {
            continue;
        }
        let damage = next_base.map_or(limits.at_end, |_| Damage::Skip);
        let full = reading
            .segment(disk, segment, damage, bound)
            .map_err(|error| storage_error("read of", &segment.path, &error))?;
        if full || reading.batch.next < bound {
            break;
        }
    }
    Ok((reading.batch, reading.skipped))
}

/// A read under way.
struct Reading {
    batch: Batch,
    /// Payload bytes that may still be added.
    left: usize,
    skipped: u64,
}

impl Reading {
    /// Reads on in one segment; true when the batch is full.
    fn segment(
        &mut self,
        disk: &dyn Disk,
        segment: &Segment,
        damage: Damage,
        bound: Offset,
    ) -> io::Result<bool> {
        let file = disk.open(&segment.path)?;
        let start = segment.place_before(self.batch.next);
        let mut scan = Scan::new(file.as_ref(), damage, start, bound);
        let mut place = start;
        let mut full = false;
        while let Some((offset, payload)) = scan.next()? {
            if offset >= self.batch.next {
                full = !self.batch.records.is_empty() && payload.len() > self.left;
                if full {
                    break;
                }
                self.left = self.left.saturating_sub(payload.len());
                self.batch.next = offset + 1;
                self.batch.records.push(Stored {
                    offset,
                    payload: payload.to_vec(),
                });
            }
            place = scan.place();
        }
        // Only the end of a whole record is a place: where a search ran out, later records may not begin.
        segment.keep_stop(place);
        self.skipped += scan.skipped();
        if !full {
            self.batch.next = self.batch.next.max(scan.place().0);
        }
        Ok(full)
    }
}
