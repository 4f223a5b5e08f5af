//! How far a sink has applied each partition of the log.

use std::collections::BTreeMap;

/// The next offset to apply, by topic name and partition index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offsets(pub BTreeMap<(String, u32), u64>);

impl Offsets {
    /// The next offset to apply; 0 where nothing was applied yet.
    pub fn next(&self, topic: &str, partition: u32) -> u64 {
        self.0
            .get(&(topic.to_owned(), partition))
            .copied()
            .unwrap_or(0)
    }

    /// Notes that everything before `next` is applied.
    pub fn advance(&mut self, topic: &str, partition: u32, next: u64) {
        self.0.insert((topic.to_owned(), partition), next);
    }
}
