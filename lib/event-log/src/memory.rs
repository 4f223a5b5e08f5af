//! The log in memory, for tests and the simulation: acknowledges in the caller's thread, deterministic.

use crate::consumer::{Batch, Member, Source};
use crate::group::Groups;
use crate::{
    Acknowledge, Appended, Consumer, EventLog, LogError, Offset, Packed, Partition, Record, Stored,
    Topic, partition_for,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What shall go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// So many of the next appends are refused with `Storage`.
    pub refuse_appends: u32,
    /// Whether the records of refused appends are there all the same, as after a disk that failed late.
    pub keep_refused: bool,
}

/// A log that lives as long as its last handle; clones are handles on the same log.
#[derive(Clone)]
pub struct MemoryLog {
    inner: Arc<Inner>,
}

struct Inner {
    partitions: u32,
    groups: Groups,
    state: Mutex<State>,
}

/// Records from an offset on.
#[derive(Default)]
struct Kept {
    first: Offset,
    payloads: VecDeque<Vec<u8>>,
}

impl Kept {
    fn end(&self) -> Offset {
        self.first + self.payloads.len() as Offset
    }
}

#[derive(Default)]
struct State {
    records: BTreeMap<Partition, Kept>,
    committed: BTreeMap<(String, Partition), Offset>,
    faults: Faults,
    /// The room of the records that were appended last.
    spare: Packed,
}

impl MemoryLog {
    /// An empty log with so many partitions per topic, at least one.
    pub fn new(partitions: u32) -> Self {
        Self {
            inner: Arc::new(Inner {
                partitions: partitions.max(1),
                groups: Groups::default(),
                state: Mutex::default(),
            }),
        }
    }

    /// Sets what shall go wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.inner.state.lock().faults = faults;
    }

    /// How many records all partitions hold.
    pub fn record_count(&self) -> usize {
        let state = self.inner.state.lock();
        state.records.values().map(|kept| kept.payloads.len()).sum()
    }

    /// Drops a partition's records before an offset, as retention does: whoever reads from before it goes on there.
    pub fn forget(&self, partition: Partition, before: Offset) {
        let mut state = self.inner.state.lock();
        if let Some(kept) = state.records.get_mut(&partition) {
            let count = before.min(kept.end()).saturating_sub(kept.first);
            kept.payloads.drain(..usize::try_from(count).unwrap_or(0));
            kept.first += count;
        }
    }
}

impl State {
    fn append(&mut self, partition: Partition, records: &Packed) -> Result<Appended, LogError> {
        let stored = self.records.entry(partition).or_default();
        let first = stored.end();
        if self.faults.refuse_appends > 0 {
            self.faults.refuse_appends -= 1;
            if self.faults.keep_refused {
                stored.payloads.extend(records.iter().map(<[u8]>::to_vec));
            }
            return Err(LogError::Storage("injected fault".to_owned()));
        }
        stored.payloads.extend(records.iter().map(<[u8]>::to_vec));
        Ok(Appended { partition, first })
    }
}

impl EventLog for MemoryLog {
    fn append(&self, topic: Topic, records: Vec<Record>, acknowledge: Acknowledge) {
        let partition = partition_for(topic, &records, self.inner.partitions);
        self.append_packed(partition, records.into(), acknowledge);
    }

    fn append_packed(&self, partition: Partition, mut records: Packed, acknowledge: Acknowledge) {
        let result = records
            .check_sizes()
            .and_then(|()| self.inner.state.lock().append(partition, &records));
        records.clear();
        self.inner.state.lock().spare = records;
        self.inner.groups.signal.raise();
        acknowledge(result);
    }

    fn spare(&self) -> Packed {
        std::mem::take(&mut self.inner.state.lock().spare)
    }

    fn partitions(&self, _topic: Topic) -> u32 {
        self.inner.partitions
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Stored>, LogError> {
        Ok(self.inner.fetch(partition, from, bytes_max)?.records)
    }

    fn range(&self, partition: Partition) -> Result<(Offset, Offset), LogError> {
        let state = self.inner.state.lock();
        let kept = state.records.get(&partition);
        Ok(kept.map_or((0, 0), |kept| (kept.first, kept.end())))
    }

    fn join(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError> {
        let member = Member::join(Arc::clone(&self.inner), group, topics);
        Ok(Box::new(member))
    }
}

impl Source for Inner {
    fn fetch(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Batch, LogError> {
        let state = self.state.lock();
        let Some(kept) = state.records.get(&partition) else {
            return Ok(Batch {
                records: Vec::new(),
                next: from,
            });
        };
        let mut batch = Batch {
            records: Vec::new(),
            next: from.max(kept.first),
        };
        let mut bytes = 0;
        let start = usize::try_from(batch.next - kept.first).unwrap_or(usize::MAX);
        for payload in kept.payloads.iter().skip(start) {
            if !batch.records.is_empty() && bytes + payload.len() > bytes_max {
                break;
            }
            bytes += payload.len();
            batch.records.push(Stored {
                offset: batch.next,
                payload: payload.clone(),
            });
            batch.next += 1;
        }
        Ok(batch)
    }

    fn partition_count(&self) -> u32 {
        self.partitions
    }

    fn groups(&self) -> &Groups {
        &self.groups
    }

    fn is_finished(&self) -> bool {
        false
    }

    fn commit(&self, group: &str, partition: Partition, next: Offset) -> Result<(), LogError> {
        let mut state = self.state.lock();
        state.committed.insert((group.to_owned(), partition), next);
        Ok(())
    }

    fn committed(&self, group: &str, partition: Partition) -> Result<Option<Offset>, LogError> {
        let state = self.state.lock();
        Ok(state.committed.get(&(group.to_owned(), partition)).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[test]
    fn keeps_the_contract() {
        contract::run(&|partitions| Box::new(MemoryLog::new(partitions)));
    }

    #[test]
    fn what_is_forgotten_is_read_over() {
        let log = MemoryLog::new(1);
        let texts = ["a", "b", "c"].map(|text| contract::record("k", text));
        contract::append(&log, Topic::Bids, texts.to_vec()).unwrap();
        let bids = Partition {
            topic: Topic::Bids,
            index: 0,
        };
        log.forget(bids, 2);
        log.forget(bids, 1);
        assert_eq!(log.range(bids), Ok((2, 3)));
        let read = log.read(bids, 0, usize::MAX).unwrap();
        assert_eq!((read.len(), read[0].offset), (1, 2));
        log.forget(bids, Offset::MAX);
        assert_eq!((log.range(bids), log.record_count()), (Ok((3, 3)), 0));
        let next = contract::append(&log, Topic::Bids, vec![contract::record("k", "d")]);
        assert_eq!(next.map(|appended| appended.first), Ok(3));
    }

    #[test]
    fn refuses_as_many_appends_as_told() {
        let log = MemoryLog::new(1);
        log.set_faults(Faults {
            refuse_appends: 1,
            keep_refused: true,
        });
        let record = |payload: &[u8]| Record {
            key: Vec::new(),
            payload: payload.to_vec(),
        };
        let refused = contract::append(&log, Topic::Bids, vec![record(b"late")]);
        assert!(matches!(refused, Err(LogError::Storage(_))), "{refused:?}");
        assert_eq!(log.record_count(), 1);
        let appended = contract::append(&log, Topic::Bids, vec![record(b"next")]).unwrap();
        assert_eq!(appended.first, 1);
    }
}
