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

    /// Whether some partition of `later` lies before what is noted here.
    pub fn is_ahead_of(&self, later: &Self) -> bool {
        let noted =
            |(partition, next): (_, &u64)| self.0.get(partition).is_some_and(|at| at > next);
        later.0.iter().any(noted)
    }

    /// Takes over every partition of `later`.
    pub fn merge(&mut self, later: &Self) {
        self.0
            .extend(later.0.iter().map(|(key, next)| (key.clone(), *next)));
    }
}
