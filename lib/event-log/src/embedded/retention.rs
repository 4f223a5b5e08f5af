//! Deletes old segments by size and age, never what somebody still needs.

use super::fs::Disk;
use super::partition::Shelf;
use super::segment::Segment;
use super::storage_error;
use crate::{LogError, Offset, Topic};
use domain::time::Timestamp;
use std::sync::Arc;

/// How much of a topic is kept. Whole segments go, never the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Bytes of segment files over all partitions; `None` keeps all.
    pub bytes_max: Option<u64>,
    /// Milliseconds since the last write to a segment; `None` keeps all.
    pub age_ms_max: Option<i64>,
}

/// How much of each topic is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Of `Topic::Bids`.
    pub bids: Keep,
    /// Of `Topic::UserEvents`.
    pub user_events: Keep,
    /// Of `Topic::Billing`.
    pub billing: Keep,
    /// Of `Topic::Control`.
    pub control: Keep,
}

/// What is kept of bids by default, in bytes: bids are many and best effort; 2 GiB is some hours of a busy machine.
const BIDS_BYTES_MAX: u64 = 2 << 30;

impl Default for Retention {
    fn default() -> Self {
        Self {
            bids: Keep {
                bytes_max: Some(BIDS_BYTES_MAX),
                age_ms_max: None,
            },
            user_events: Keep::default(),
            billing: Keep::default(),
            control: Keep::default(),
        }
    }
}

impl Retention {
    /// The rule of a topic.
    pub fn of(&self, topic: Topic) -> Keep {
        match topic {
            Topic::Bids => self.bids,
            Topic::UserEvents => self.user_events,
            Topic::Billing => self.billing,
            Topic::Control => self.control,
        }
    }
}

/// A segment that may go, as the rule sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    /// The offset after its last record.
    until: Offset,
    bytes: u64,
    modified: Timestamp,
}

/// How many of the oldest segments go: those over size or age, as long as all their records lie before `needed`.
fn surplus(candidates: &[Candidate], keep: Keep, needed: Offset, now: Timestamp) -> usize {
    let mut bytes: u64 = candidates.iter().map(|it| it.bytes).sum();
    let goes = |candidate: &&Candidate| {
        let too_many = keep.bytes_max.is_some_and(|most| bytes > most);
        let too_old = keep
            .age_ms_max
            .is_some_and(|most| now.since(candidate.modified) > most);
        bytes = bytes.saturating_sub(candidate.bytes);
        candidate.until <= needed && (too_many || too_old)
    };
    // The newest is the one that is written.
    let older = candidates.len().saturating_sub(1);
    candidates.iter().take(older).take_while(goes).count()
}

/// Deletes what is over the rule in one partition and before `needed`; gives the number of segments.
pub(crate) fn apply(
    disk: &dyn Disk,
    shelf: &Shelf,
    keep: Keep,
    needed: Offset,
    now: Timestamp,
) -> Result<usize, LogError> {
    let segments: Vec<Arc<Segment>> = shelf.segments.read().clone();
    let mut candidates = Vec::with_capacity(segments.len());
    for (index, segment) in segments.iter().enumerate() {
        let failed = |error| storage_error("look at", &segment.path, &error);
        let next = segments.get(index + 1).map(|next| next.base);
        candidates.push(Candidate {
            until: next.unwrap_or(Offset::MAX),
            bytes: disk
                .open(&segment.path)
                .and_then(|file| file.size())
                .map_err(failed)?,
            modified: disk.modified(&segment.path).map_err(failed)?,
        });
    }
    let surplus = surplus(&candidates, keep, needed, now);
    for segment in segments.iter().take(surplus) {
        // The list first: a reader then hears that the offset is gone rather than that a file is missing.
        shelf
            .segments
            .write()
            .retain(|kept| kept.base != segment.base);
        if let Err(error) = disk.remove(&segment.path) {
            // It is the oldest again, so that no gap is left behind it.
            shelf.segments.write().insert(0, Arc::clone(segment));
            return Err(storage_error("deletion of", &segment.path, &error));
        }
        tracing::info!(topic = %shelf.partition.topic, partition = shelf.partition.index, base = segment.base, "log segment deleted");
    }
    if surplus > 0 {
        disk.sync_folder(&shelf.folder)
            .map_err(|error| storage_error("sync of", &shelf.folder, &error))?;
    }
    Ok(surplus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keep: (Option<u64>, Option<i64>), needed: Offset, expected: usize) {
        let candidates: Vec<Candidate> = (0..5)
            .map(|index| Candidate {
                until: (index + 1) * 10,
                bytes: 100,
                modified: Timestamp(i64::try_from(index).unwrap() * 1000),
            })
            .collect();
        let keep = Keep {
            bytes_max: keep.0,
            age_ms_max: keep.1,
        };
        let surplus = surplus(&candidates, keep, needed, Timestamp(5000));
        assert_eq!(surplus, expected, "{keep:?} {needed}");
    }

    #[test]
    fn size_and_age_delete_but_never_what_is_needed() {
        check((None, None), Offset::MAX, 0);
        check((Some(500), None), Offset::MAX, 0);
        check((Some(499), None), Offset::MAX, 1);
        check((Some(250), None), Offset::MAX, 3);
        check((Some(0), None), Offset::MAX, 4);
        check((Some(0), None), 29, 2);
        check((Some(0), None), 0, 0);
        check((None, Some(3500)), Offset::MAX, 2);
        check((None, Some(0)), Offset::MAX, 4);
        check((Some(400), Some(3500)), Offset::MAX, 2);
        check((None, Some(i64::MAX)), Offset::MAX, 0);
    }

    #[test]
    fn nothing_goes_of_nothing() {
        let keep = Keep {
            bytes_max: Some(0),
            age_ms_max: Some(0),
        };
        assert_eq!(surplus(&[], keep, Offset::MAX, Timestamp(0)), 0);
    }
}
