//! Records of one core on their way to the event log: collected in buffers and handed over in batches.
//!
//! Each append wakes the log's writer, and each group it writes is one sync of the disk: once a bid would cost
//! more than the bid. What is collected here is lost when the process dies, as best effort allows.

use event_log::{EventLog, Packed, Partition, Topic, partition_of};

use crate::metrics;

/// A partition's records are handed over early when they have grown to so many bytes: a thousand bids.
const BATCH_BYTES: usize = 512 << 10;

/// What a record tells; each kind has its own count of losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A bid.
    Bid,
    /// Counts of a line item.
    Delivery,
}

/// The records that one core has not handed over yet, by partition of the topic of bids.
#[derive(Debug, Default)]
pub struct Outbox {
    batches: Vec<Batch>,
}

#[derive(Debug, Default)]
struct Batch {
    records: Packed,
    bids: u64,
}

impl Outbox {
    /// Collects the record that `write` appends to a buffer. `key` chooses the partition.
    pub fn add(
        &mut self,
        log: &dyn EventLog,
        (key, content): (&[u8], Content),
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let partitions = log.partitions(Topic::Bids).max(1);
        self.batches
            .resize_with(partitions as usize, Batch::default);
        let index = partition_of(key, partitions);
        let Some(batch) = self.batches.get_mut(index as usize) else {
            return;
        };
        batch.records.push_with(write);
        batch.bids += u64::from(content == Content::Bid);
        if batch.records.bytes() >= BATCH_BYTES {
            batch.hand_over(log, index);
        }
    }

    /// Hands over everything, without waiting for the log.
    pub fn hand_over(&mut self, log: &dyn EventLog) {
        for (index, batch) in (0..).zip(&mut self.batches) {
            if !batch.records.is_empty() {
                batch.hand_over(log, index);
            }
        }
    }
}

impl Batch {
    /// What the log does not take is counted.
    fn hand_over(&mut self, log: &dyn EventLog, index: u32) {
        let records = std::mem::replace(&mut self.records, log.spare());
        let bids = std::mem::take(&mut self.bids);
        let deliveries = records.len() as u64 - bids;
        let acknowledge = Box::new(move |taken: Result<_, _>| {
            if taken.is_err() {
                ::metrics::counter!(metrics::BIDS_UNLOGGED).increment(bids);
                ::metrics::counter!(metrics::DELIVERY_UNLOGGED).increment(deliveries);
            }
        });
        let topic = Topic::Bids;
        log.append_packed(Partition { topic, index }, records, acknowledge);
    }
}

#[cfg(test)]
mod tests {
    use event_log::memory::MemoryLog;

    use super::*;

    fn lengths(log: &MemoryLog, index: u32) -> Vec<usize> {
        let topic = Topic::Bids;
        let stored = log.read(Partition { topic, index }, 0, usize::MAX).unwrap();
        stored.iter().map(|record| record.payload.len()).collect()
    }

    #[test]
    fn records_wait_for_the_hand_over_and_go_to_their_keys_partition() {
        let (log, mut outbox) = (MemoryLog::new(3), Outbox::default());
        let mut expected = vec![Vec::new(); 3];
        for length in 0..30_usize {
            let key = length.to_be_bytes();
            outbox.add(&log, (&key, Content::Bid), |bytes| {
                bytes.extend(std::iter::repeat_n(7, length));
            });
            expected[partition_of(&key, 3) as usize].push(length);
        }
        assert_eq!(log.record_count(), 0);
        outbox.hand_over(&log);
        outbox.hand_over(&log);
        for (index, expected) in (0..).zip(&expected) {
            assert_eq!(&lengths(&log, index), expected);
        }
    }

    #[test]
    fn a_full_buffer_does_not_wait() {
        let (log, mut outbox) = (MemoryLog::new(1), Outbox::default());
        for _ in 0..3 {
            outbox.add(&log, (b"k", Content::Delivery), |bytes| {
                bytes.resize(bytes.len() + BATCH_BYTES / 2, 0);
            });
        }
        assert_eq!(lengths(&log, 0), [BATCH_BYTES / 2; 2]);
    }
}
