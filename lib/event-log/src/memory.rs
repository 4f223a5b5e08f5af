//! The log in memory, for tests and the simulation: acknowledges in the caller's thread, deterministic.

use crate::consumer::{Batch, Member, Source};
use crate::group::Groups;
use crate::{
    Acknowledge, Appended, Consumer, EventLog, LogError, Offset, Packed, Partition, Record, Stored,
    Topic, partition_for,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
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

#[derive(Default)]
struct State {
    records: BTreeMap<Partition, Vec<Vec<u8>>>,
    committed: BTreeMap<(String, Partition), Offset>,
    faults: Faults,
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
        self.inner.state.lock().records.values().map(Vec::len).sum()
    }
}

impl State {
    fn append(&mut self, partition: Partition, records: &Packed) -> Result<Appended, LogError> {
        let stored = self.records.entry(partition).or_default();
        let first = stored.len() as Offset;
        if self.faults.refuse_appends > 0 {
            self.faults.refuse_appends -= 1;
            if self.faults.keep_refused {
                stored.extend(records.iter().map(<[u8]>::to_vec));
            }
            return Err(LogError::Storage("injected fault".to_owned()));
        }
        stored.extend(records.iter().map(<[u8]>::to_vec));
        Ok(Appended { partition, first })
    }
}

impl EventLog for MemoryLog {
    fn append(&self, topic: Topic, records: Vec<Record>, acknowledge: Acknowledge) {
        let partition = partition_for(topic, &records, self.inner.partitions);
        self.append_packed(partition, records.into(), acknowledge);
    }

    fn append_packed(&self, partition: Partition, records: Packed, acknowledge: Acknowledge) {
        let result = records
            .check_sizes()
            .and_then(|()| self.inner.state.lock().append(partition, &records));
        self.inner.groups.signal.raise();
        acknowledge(result);
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
        let end = state.records.get(&partition).map_or(0, Vec::len);
        Ok((0, end as Offset))
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
        let stored = state.records.get(&partition).map_or(&[][..], Vec::as_slice);
        let mut batch = Batch {
            records: Vec::new(),
            next: from,
        };
        let mut bytes = 0;
        let start = usize::try_from(from).unwrap_or(usize::MAX);
        for payload in stored.get(start..).unwrap_or_default() {
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
