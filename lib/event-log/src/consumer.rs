//! The consumer that the logs in this process share: membership, positions, waiting.

use crate::group::Groups;
use crate::{Consumer, LogError, Offset, Partition, Polled, Stored, Topic};
use domain::time::{Clock, SystemClock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Payload bytes given by one poll: enough to make a batch worth its transaction, little enough to hold twice.
const POLL_BYTES_MAX: usize = 1 << 20;

/// Records and the offset to go on from, which is further on than the last record where damage was skipped.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Stored>,
    pub(crate) next: Offset,
}

/// What a consumer needs of a log.
pub(crate) trait Source: Send + Sync {
    fn fetch(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Batch, LogError>;
    fn partition_count(&self) -> u32;
    fn groups(&self) -> &Groups;
    /// Whether nothing will ever be appended again.
    fn is_finished(&self) -> bool;
    fn commit(&self, group: &str, partition: Partition, next: Offset) -> Result<(), LogError>;
    fn committed(&self, group: &str, partition: Partition) -> Result<Option<Offset>, LogError>;
}

/// One member of one group.
pub(crate) struct Member<S: Source> {
    source: Arc<S>,
    group: String,
    id: u64,
    /// Where each held partition is read next; `None` until `seek`.
    positions: BTreeMap<Partition, Option<Offset>>,
    /// Revoked by the last poll, released by the next.
    releasing: Vec<Partition>,
    /// Whose turn it is, so that a busy partition does not starve the others.
    turn: usize,
}

impl<S: Source> Member<S> {
    pub(crate) fn join(source: Arc<S>, group: &str, topics: &[Topic]) -> Self {
        let id = source.groups().join(group, topics);
        Self {
            source,
            group: group.to_owned(),
            id,
            positions: BTreeMap::new(),
            releasing: Vec::new(),
            turn: 0,
        }
    }

    /// What there is to tell at once.
    fn step(&mut self) -> Result<Option<Polled>, LogError> {
        let groups = self.source.groups();
        groups.release(&self.group, self.id, &self.releasing);
        self.releasing.clear();
        let held: BTreeSet<Partition> = self.positions.keys().copied().collect();
        let count = self.source.partition_count();
        let change = groups.change(&self.group, self.id, &held, count);
        if !change.revoked.is_empty() {
            self.positions
                .retain(|partition, _| !change.revoked.contains(partition));
            self.releasing.clone_from(&change.revoked);
            return Ok(Some(Polled::Revoked(change.revoked)));
        }
        if !change.assigned.is_empty() {
            self.positions
                .extend(change.assigned.iter().map(|partition| (*partition, None)));
            return Ok(Some(Polled::Assigned(change.assigned)));
        }
        self.records()
    }

    /// The records of the next partition that has some.
    fn records(&mut self) -> Result<Option<Polled>, LogError> {
        for _ in 0..self.positions.len() {
            self.turn = (self.turn + 1) % self.positions.len();
            let Some((partition, Some(position))) = self.positions.iter_mut().nth(self.turn) else {
                continue;
            };
            let batch = self.source.fetch(*partition, *position, POLL_BYTES_MAX)?;
            *position = batch.next.max(*position);
            if !batch.records.is_empty() {
                return Ok(Some(Polled::Records(*partition, batch.records)));
            }
        }
        Ok(None)
    }
}

impl<S: Source> Consumer for Member<S> {
    fn poll(&mut self, wait: Duration) -> Result<Polled, LogError> {
        // With no wait no clock is read: the simulation has another time than the machine.
        let clock = (!wait.is_zero()).then(SystemClock::new);
        loop {
            let seen = self.source.groups().signal.version();
            // Asked before looking, so that the last records are seen before the end is told.
            let finished = self.source.is_finished();
            if let Some(polled) = self.step()? {
                return Ok(polled);
            }
            if finished {
                return Err(LogError::Closed);
            }
            let waited = clock.map_or(0, |clock| clock.monotonic_us());
            let left = wait.saturating_sub(Duration::from_micros(waited));
            if left.is_zero() {
                return Ok(Polled::Idle);
            }
            self.source.groups().signal.wait(seen, left);
        }
    }

    fn seek(&mut self, partition: Partition, offset: Offset) {
        // A partition that has just been revoked is not ours to read.
        if let Some(position) = self.positions.get_mut(&partition) {
            *position = Some(offset);
        }
    }

    fn commit(&mut self, partition: Partition, next: Offset) -> Result<(), LogError> {
        self.source.commit(&self.group, partition, next)
    }

    fn committed(&self, partition: Partition) -> Result<Option<Offset>, LogError> {
        self.source.committed(&self.group, partition)
    }
}

impl<S: Source> Drop for Member<S> {
    fn drop(&mut self) {
        self.source.groups().leave(&self.group, self.id);
    }
}
