//! What consumer groups have committed: one small file per group, replaced in one step.

use super::fs::Disk;
use super::storage_error;
use crate::{LogError, Offset, Partition, Topic};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest name of a group, in bytes: it is a file's name.
const GROUP_BYTES_MAX: usize = 64;

type Positions = BTreeMap<Partition, Offset>;

/// The committed offsets of all groups.
pub(crate) struct Offsets {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// What the files hold, as far as they were read.
    groups: Mutex<BTreeMap<String, Positions>>,
}

impl Offsets {
    pub(crate) fn open(disk: Arc<dyn Disk>, folder: PathBuf) -> Result<Self, LogError> {
        disk.create_folder(&folder)
            .map_err(|error| storage_error("creation of", &folder, &error))?;
        Ok(Self {
            disk,
            folder,
            groups: Mutex::default(),
        })
    }

    pub(crate) fn commit(
        &self,
        group: &str,
        partition: Partition,
        next: Offset,
    ) -> Result<(), LogError> {
        let path = self.path(group)?;
        let mut groups = self.groups.lock();
        let mut positions = self.load(&mut groups, group, &path)?;
        if positions.insert(partition, next) == Some(next) {
            return Ok(());
        }
        self.disk
            .replace(&path, encode(&positions).as_bytes())
            .map_err(|error| storage_error("write to", &path, &error))?;
        groups.insert(group.to_owned(), positions);
        Ok(())
    }

    pub(crate) fn committed(
        &self,
        group: &str,
        partition: Partition,
    ) -> Result<Option<Offset>, LogError> {
        let path = self.path(group)?;
        let mut groups = self.groups.lock();
        let positions = self.load(&mut groups, group, &path)?;
        Ok(positions.get(&partition).copied())
    }

    /// Refuses names that are no file's name everywhere.
    pub(crate) fn path(&self, group: &str) -> Result<PathBuf, LogError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if group.is_empty() || group.len() > GROUP_BYTES_MAX || !group.bytes().all(plain) {
            return Err(LogError::Storage(format!(
                "group name {group:?} is not of a-z, 0-9 and -, 1 to {GROUP_BYTES_MAX} bytes"
            )));
        }
        Ok(self.folder.join(format!("{group}.offsets")))
    }

    fn load(
        &self,
        groups: &mut BTreeMap<String, Positions>,
        group: &str,
        path: &Path,
    ) -> Result<Positions, LogError> {
        if let Some(positions) = groups.get(group) {
            return Ok(positions.clone());
        }
        let bytes = self
            .disk
            .read_small(path)
            .map_err(|error| storage_error("read of", path, &error))?;
        let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
        let positions = parse(&text).ok_or_else(|| {
            LogError::Storage(format!("{} is damaged: delete it", path.display()))
        })?;
        groups.insert(group.to_owned(), positions.clone());
        Ok(positions)
    }
}

/// One line `topic partition offset` each.
fn encode(positions: &Positions) -> String {
    let line = |(partition, next): (&Partition, &Offset)| {
        format!("{} {} {next}\n", partition.topic, partition.index)
    };
    positions.iter().map(line).collect()
}

fn parse(text: &str) -> Option<Positions> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let topic = Topic::from_name(words.next()?)?;
        let index = words.next()?.parse().ok()?;
        let next = words.next()?.parse().ok()?;
        let partition = Partition { topic, index };
        words.next().is_none().then_some((partition, next))
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        let positions: Positions = [(Topic::Bids, 0, 7), (Topic::Billing, 3, u64::MAX)]
            .map(|(topic, index, next)| (Partition { topic, index }, next))
            .into();
        assert_eq!(parse(&encode(&positions)), Some(positions));
        assert_eq!(parse(""), Some(Positions::new()));
        for damaged in [
            "bids 0",
            "bids 0 1 2",
            "birds 0 1",
            "bids x 1",
            "bids 0 -1",
            "\0\0",
        ] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
    }
}
