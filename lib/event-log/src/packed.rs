//! Payloads in one buffer: what a producer of many small records collects before it appends them together.

use crate::{LogError, Record};
use domain::limits::LOG_RECORD_BYTES_MAX;

/// Payloads one after another, all for one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    bytes: Vec<u8>,
    /// Where each payload ends; the first begins at 0.
    ends: Vec<usize>,
}

impl Packed {
    /// Forgets the payloads and keeps their room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Bytes that there is room for.
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds the payload that `write` appends to the buffer; what is there already must stay as it is.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        assert!(self.bytes.len() >= before, "payloads are only appended");
        self.ends.push(self.bytes.len());
    }

    /// How many payloads there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The payloads in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let payload = |(start, end)| self.bytes.get(start..end).unwrap_or_default();
        starts.zip(self.ends.iter().copied()).map(payload)
    }

    /// Refuses all when one is too large.
    pub(crate) fn check_sizes(&self) -> Result<(), LogError> {
        let largest = self.iter().map(<[u8]>::len).max().unwrap_or(0);
        if largest > LOG_RECORD_BYTES_MAX {
            return Err(LogError::TooLarge(largest));
        }
        Ok(())
    }
}

impl From<Vec<Record>> for Packed {
    fn from(records: Vec<Record>) -> Self {
        let mut packed = Self::default();
        for record in records {
            if packed.bytes.is_empty() {
                // A single record, the usual case, is not copied.
                packed.bytes = record.payload;
                packed.ends.push(packed.bytes.len());
            } else {
                packed.push_with(|bytes| bytes.extend_from_slice(&record.payload));
            }
        }
        packed
    }
}
