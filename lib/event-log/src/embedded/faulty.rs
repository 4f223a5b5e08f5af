//! A disk in memory that fails as disks do: short writes, errors, and power cuts that lose what is not synced.

use super::fs::{Disk, DiskFile};
use domain::random::SplitMix64;
use domain::time::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a disk writes whole or not at all, in bytes.
const SECTOR_BYTES: usize = 512;

/// The disk; clones are handles on the same one. The same seed and calls give the same losses.
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    rng: SplitMix64,
    folders: BTreeMap<PathBuf, Folder>,
    files: Vec<Content>,
    failing_writes: u32,
    failing_syncs: u32,
    /// Changes that still succeed; then all fail.
    changes_left: u64,
    now: Timestamp,
}

#[derive(Default)]
struct Folder {
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// In order, since the last sync: a name and the file it got, or none.
    changes: Vec<(String, Option<usize>)>,
}

#[derive(Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// In order, since the last sync.
    changes: Vec<Change>,
    modified: Timestamp,
}

#[derive(Clone)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    Size(usize),
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                rng: SplitMix64::new(seed),
                folders: BTreeMap::new(),
                files: Vec::new(),
                failing_writes: 0,
                failing_syncs: 0,
                changes_left: u64::MAX,
                now: Timestamp(0),
            })),
        }
    }

    /// So many of the next writes write a random part and fail.
    pub fn fail_writes(&self, count: u32) {
        self.state.lock().failing_writes = count;
    }

    /// So many of the next syncs fail, and lose a random part of what they should have kept, while reads go on
    /// showing all of it until the power is cut.
    pub fn fail_syncs(&self, count: u32) {
        self.state.lock().failing_syncs = count;
    }

    /// After so many more changes nothing is changed any more: the moment of a crash.
    pub fn halt_after(&self, changes: u64) {
        self.state.lock().changes_left = changes;
    }

    /// Ends all faults.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.failing_writes = 0;
        state.failing_syncs = 0;
        state.changes_left = u64::MAX;
    }

    /// Loses a random part of what is not synced.
    pub fn cut_power(&self) {
        self.state.lock().cut_power();
    }

    /// Sets the time that writes are stamped with.
    pub fn set_now(&self, now: Timestamp) {
        self.state.lock().now = now;
    }

    /// Damages one byte of a file, if it is that long.
    pub fn flip(&self, path: &Path, position: u64) {
        let mut state = self.state.lock();
        let Ok(file) = state.find(path) else {
            return;
        };
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if let Some(content) = state.files.get_mut(file) {
            for bytes in [&mut content.live, &mut content.durable] {
                if let Some(byte) = bytes.get_mut(position) {
                    *byte ^= 0x55;
                }
            }
        }
    }
}

impl State {
    /// Counts a change; fails when the disk has halted.
    fn change(&mut self) -> io::Result<()> {
        if self.changes_left == 0 {
            return Err(io::Error::other("injected: halted"));
        }
        self.changes_left = self.changes_left.saturating_sub(1);
        Ok(())
    }

    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let folder = self.folders.get_mut(path);
        folder.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&mut self, path: &Path) -> io::Result<usize> {
        let (folder, name) = split(path)?;
        let file = self.folder(&folder)?.live.get(&name);
        file.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, path: &Path, file: Option<usize>) -> io::Result<()> {
        let (folder, name) = split(path)?;
        let folder = self.folder(&folder)?;
        match file {
            Some(file) => folder.live.insert(name.clone(), file),
            None => folder.live.remove(&name),
        };
        folder.changes.push((name, file));
        Ok(())
    }

    fn content(&mut self, file: usize) -> io::Result<&mut Content> {
        let content = self.files.get_mut(file);
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn cut_power(&mut self) {
        let Self {
            rng,
            folders,
            files,
            ..
        } = self;
        for content in files {
            content.keep_some(rng);
            content.live.clone_from(&content.durable);
        }
        for folder in folders.values_mut() {
            let kept = rng.below(folder.changes.len() as u64 + 1);
            for (index, (name, file)) in std::mem::take(&mut folder.changes).into_iter().enumerate()
            {
                if (index as u64) < kept {
                    match file {
                        Some(file) => folder.durable.insert(name, file),
                        None => folder.durable.remove(&name),
                    };
                }
            }
            folder.live.clone_from(&folder.durable);
        }
    }
}

impl Content {
    fn apply(&mut self, change: Change, now: Timestamp) {
        change.apply(&mut self.live);
        self.changes.push(change);
        self.modified = now;
    }

    /// Writes a random part of the changes to the platter and forgets the rest.
    fn keep_some(&mut self, rng: &mut SplitMix64) {
        let share = *rng.pick(&[0.0, 0.5, 0.9, 1.0]).unwrap_or(&0.0);
        for change in std::mem::take(&mut self.changes) {
            match change {
                Change::Write { position, bytes } => {
                    let mut at = position;
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let room = SECTOR_BYTES - at % SECTOR_BYTES;
                        let (sector, more) = rest.split_at(room.min(rest.len()));
                        if rng.chance(share) {
                            write_into(&mut self.durable, at, sector);
                        }
                        at += sector.len();
                        rest = more;
                    }
                }
                Change::Size(_) if rng.chance(share) => change.apply(&mut self.durable),
                Change::Size(_) => {}
            }
        }
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { position, bytes } => write_into(to, *position, bytes),
            Self::Size(size) => to.resize(*size, 0),
        }
    }
}

fn write_into(to: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    if let Some(place) = to.get_mut(position..end) {
        place.copy_from_slice(bytes);
    }
}

fn split(path: &Path) -> io::Result<(PathBuf, String)> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok((folder.to_owned(), name.to_string_lossy().into_owned())),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn at(position: u64) -> io::Result<usize> {
    usize::try_from(position).map_err(io::Error::other)
}

impl Disk for FaultyDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if !state.folders.contains_key(folder) {
            state.change()?;
            state.folders.insert(folder.to_owned(), Folder::default());
        }
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        Ok(state.folder(folder)?.live.keys().cloned().collect())
    }

    fn create(&self, path: &Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        if state.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.change()?;
        let file = state.files.len();
        let now = state.now;
        let mut content = Content::default();
        content.apply(Change::Size(at(bytes)?), now);
        state.files.push(content);
        state.rename(path, Some(file))?;
        Ok(self.handle(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state.lock().find(path)?;
        Ok(self.handle(file))
    }

    fn open_writable(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.find(path)?;
        state.change()?;
        state.rename(path, None)
    }

    fn read_small(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.state.lock();
        match state.find(path) {
            Ok(file) => Ok(Some(state.content(file)?.live.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A rename of a synced file is one step: either nothing has happened or all of it is durable.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let file = state.files.len();
        let modified = state.now;
        state.files.push(Content {
            live: bytes.to_vec(),
            durable: bytes.to_vec(),
            changes: Vec::new(),
            modified,
        });
        let (folder, name) = split(path)?;
        let folder = state.folder(&folder)?;
        folder.live.insert(name.clone(), file);
        folder.durable.insert(name, file);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let folder = state.folder(folder)?;
        folder.changes.clear();
        folder.durable.clone_from(&folder.live);
        Ok(())
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        let mut state = self.state.lock();
        let file = state.find(path)?;
        Ok(state.content(file)?.modified)
    }
}

impl FaultyDisk {
    fn handle(&self, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile {
            state: Arc::clone(&self.state),
            file,
        })
    }
}

/// An open file of the disk; it stays readable when its name is removed.
struct FaultyFile {
    state: Arc<Mutex<State>>,
    file: usize,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        let content = state.content(self.file)?;
        let rest = content.live.get(at(position)?..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..read), rest.get(..read)) {
            to.copy_from_slice(from);
        }
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let now = state.now;
        let mut kept = bytes;
        let fails = state.failing_writes > 0;
        if fails {
            state.failing_writes -= 1;
            let length = state.rng.below(bytes.len() as u64 + 1);
            kept = bytes.get(..at(length)?).unwrap_or_default();
        }
        let change = Change::Write {
            position: at(position)?,
            bytes: kept.to_vec(),
        };
        state.content(self.file)?.apply(change, now);
        if fails {
            return Err(io::Error::other("injected: short write"));
        }
        Ok(())
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change()?;
        let now = state.now;
        let change = Change::Size(at(bytes)?);
        state.content(self.file)?.apply(change, now);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.state.lock().content(self.file)?.live.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut guard = self.state.lock();
        guard.change()?;
        let State {
            rng,
            files,
            failing_syncs,
            ..
        } = &mut *guard;
        let Some(content) = files.get_mut(self.file) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if *failing_syncs > 0 {
            *failing_syncs -= 1;
            content.keep_some(rng);
            return Err(io::Error::other("injected: sync failed"));
        }
        for change in std::mem::take(&mut content.changes) {
            change.apply(&mut content.durable);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }
}
