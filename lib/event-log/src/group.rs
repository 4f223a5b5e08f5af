//! Who of a consumer group holds which partition, within one process.

use crate::{Partition, Topic};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Tells waiting consumers that something may have changed.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    version: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    /// Read this before looking, then `wait` for a change against it: no change is missed.
    pub(crate) fn version(&self) -> u64 {
        *self.version.lock()
    }

    /// Wakes all who wait.
    pub(crate) fn raise(&self) {
        *self.version.lock() += 1;
        self.changed.notify_all();
    }

    /// Returns when the version is no longer `seen`, or after `wait`, or for no reason.
    pub(crate) fn wait(&self, seen: u64, wait: Duration) {
        let mut version = self.version.lock();
        if *version == seen {
            self.changed.wait_for(&mut version, wait);
        }
    }
}

/// What a member must give up and what it has just been given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) revoked: Vec<Partition>,
    pub(crate) assigned: Vec<Partition>,
}

/// The members of one group. A partition has one owner at a time: the next one is given it only after
/// the last has released it.
#[derive(Debug, Default)]
struct Group {
    joined: u64,
    members: BTreeMap<u64, BTreeSet<Topic>>,
    owners: BTreeMap<Partition, u64>,
}

impl Group {
    /// What `member` should hold. Partition `i` of every topic goes to the same member (as Kafka's range assignor
    /// does), so that what one user did in two topics is joined in one place.
    fn target(&self, member: u64, partitions: u32) -> BTreeSet<Partition> {
        let mut target = BTreeSet::new();
        for topic in self.members.get(&member).into_iter().flatten() {
            let sharers: Vec<u64> = self
                .members
                .iter()
                .filter(|(_, topics)| topics.contains(topic))
                .map(|(id, _)| *id)
                .collect();
            let owner_of = |index: u32| sharers.get(index as usize % sharers.len().max(1));
            target.extend(
                (0..partitions)
                    .filter(|index| owner_of(*index) == Some(&member))
                    .map(|index| Partition {
                        topic: *topic,
                        index,
                    }),
            );
        }
        target
    }
}

/// Every group of one log.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Mutex<BTreeMap<String, Group>>,
    pub(crate) signal: Signal,
}

impl Groups {
    /// Adds a member and gives its number.
    pub(crate) fn join(&self, group: &str, topics: &[Topic]) -> u64 {
        let id = {
            let mut groups = self.groups.lock();
            let group = groups.entry(group.to_owned()).or_default();
            group.joined += 1;
            let id = group.joined;
            group.members.insert(id, topics.iter().copied().collect());
            id
        };
        self.signal.raise();
        id
    }

    /// Removes a member and frees what it held.
    pub(crate) fn leave(&self, group: &str, member: u64) {
        if let Some(group) = self.groups.lock().get_mut(group) {
            group.members.remove(&member);
            group.owners.retain(|_, owner| *owner != member);
        }
        self.signal.raise();
    }

    /// A member has given up the state of these partitions.
    pub(crate) fn release(&self, group: &str, member: u64, partitions: &[Partition]) {
        if partitions.is_empty() {
            return;
        }
        if let Some(group) = self.groups.lock().get_mut(group) {
            group
                .owners
                .retain(|partition, owner| *owner != member || !partitions.contains(partition));
        }
        self.signal.raise();
    }

    /// What changes for a member that holds `held`. What is assigned is owned from here on.
    pub(crate) fn change(
        &self,
        group: &str,
        member: u64,
        held: &BTreeSet<Partition>,
        partitions: u32,
    ) -> Change {
        let mut groups = self.groups.lock();
        let Some(group) = groups.get_mut(group) else {
            return Change::default();
        };
        let target = group.target(member, partitions);
        let revoked: Vec<Partition> = held.difference(&target).copied().collect();
        if !revoked.is_empty() {
            return Change {
                revoked,
                assigned: Vec::new(),
            };
        }
        let assigned: Vec<Partition> = target
            .difference(held)
            .filter(|partition| !group.owners.contains_key(partition))
            .copied()
            .collect();
        for partition in &assigned {
            group.owners.insert(*partition, member);
        }
        Change { revoked, assigned }
    }
}
