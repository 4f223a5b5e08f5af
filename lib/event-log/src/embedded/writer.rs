//! The queue of appends and the one thread that writes them: group commit.

use super::append::{Appender, Settled};
use crate::group::Groups;
use crate::lock::FolderLock;
use crate::{Acknowledge, LogError, Packed};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Written buffers that are kept for producers: one that is filled and one that is written for each of some.
const SPARES_MAX: usize = 16;
/// Buffers with less room are not worth keeping, in bytes: the allocator has small ones at hand.
const SPARE_BYTES_MIN: usize = 16 << 10;
/// Nor are larger ones kept, so that a flood leaves at most `SPARES_MAX` times this behind.
const SPARE_BYTES_MAX: usize = 2 << 20;

/// One call of `append`.
pub(crate) struct Pending {
    /// Index of the partition among all partitions of all topics.
    pub(crate) slot: usize,
    pub(crate) payloads: Packed,
    pub(crate) acknowledge: Acknowledge,
}

impl Pending {
    fn bytes(&self) -> usize {
        self.payloads.bytes()
    }
}

/// What waits for the writer, bounded in records and payload bytes; what is being written counts too.
pub(crate) struct Queue {
    state: Mutex<State>,
    spares: Mutex<Vec<Packed>>,
    filled: Condvar,
    records_max: usize,
    bytes_max: usize,
    groups_written: AtomicU64,
    sealed: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<Pending>,
    records: usize,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(records_max: usize, bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            spares: Mutex::default(),
            filled: Condvar::new(),
            records_max,
            bytes_max,
            groups_written: AtomicU64::new(0),
            sealed: AtomicU64::new(0),
        }
    }

    /// Takes an append, or gives it back with the reason.
    pub(crate) fn offer(&self, pending: Pending) -> Result<(), (LogError, Pending)> {
        let (records, bytes) = (pending.payloads.len(), pending.bytes());
        let mut state = self.state.lock();
        if state.closed {
            return Err((LogError::Closed, pending));
        }
        if state.records + records > self.records_max || state.bytes + bytes > self.bytes_max {
            return Err((LogError::Full, pending));
        }
        state.records += records;
        state.bytes += bytes;
        state.waiting.push(pending);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Refuses what comes from now on; what waits is still written.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Records and bytes that are not settled yet.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.records, state.bytes)
    }

    /// How many groups were written and how many segments sealed.
    pub(crate) fn written(&self) -> (u64, u64) {
        let groups = self.groups_written.load(Ordering::Relaxed);
        (groups, self.sealed.load(Ordering::Relaxed))
    }

    /// Waits for appends and takes them all; `None` when the queue is closed and empty.
    fn take(&self) -> Option<Vec<Pending>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            self.filled.wait(&mut state);
        }
        Some(std::mem::take(&mut state.waiting))
    }

    /// A written buffer, emptied, or a new one.
    pub(crate) fn spare(&self) -> Packed {
        self.spares.lock().pop().unwrap_or_default()
    }

    fn keep(&self, mut written: Packed) {
        if !(SPARE_BYTES_MIN..=SPARE_BYTES_MAX).contains(&written.room()) {
            return;
        }
        written.clear();
        let mut spares = self.spares.lock();
        if spares.len() < SPARES_MAX {
            spares.push(written);
        }
    }

    fn settled(&self, records: usize, bytes: usize) {
        let mut state = self.state.lock();
        state.records -= records;
        state.bytes -= bytes;
    }
}

/// The writer thread's own.
pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) appenders: Vec<Appender>,
    /// Freed when the last byte is written, whoever drops the log.
    pub(crate) _lock: Option<FolderLock>,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(group) = self.queue.take() {
            self.commit(group);
        }
    }

    /// Writes a group, syncs each touched file once, then answers all.
    fn commit(&mut self, group: Vec<Pending>) {
        let records = group.iter().map(|pending| pending.payloads.len()).sum();
        let bytes = group.iter().map(Pending::bytes).sum();
        let mut settled = Settled::new();
        let mut touched = BTreeSet::new();
        for pending in group {
            if let Some(appender) = self.appenders.get_mut(pending.slot) {
                touched.insert(pending.slot);
                appender.push(&pending.payloads, pending.acknowledge, &mut settled);
                self.queue.keep(pending.payloads);
            }
        }
        self.each(&touched, |appender| appender.write(&mut settled));
        self.each(&touched, |appender| appender.sync(&mut settled));
        self.report();
        self.queue.settled(records, bytes);
        self.groups.signal.raise();
        for (acknowledge, result) in settled {
            acknowledge(result);
        }
    }

    fn each(&mut self, slots: &BTreeSet<usize>, mut step: impl FnMut(&mut Appender)) {
        for slot in slots {
            if let Some(appender) = self.appenders.get_mut(*slot) {
                step(appender);
            }
        }
    }

    fn report(&self) {
        let sealed = self.appenders.iter().map(Appender::sealed).sum();
        self.queue.sealed.store(sealed, Ordering::Relaxed);
        self.queue.groups_written.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Also when an acknowledgement has panicked: nobody shall wait for a thread that is gone.
        self.queue.close();
        let waiting = std::mem::take(&mut self.queue.state.lock().waiting);
        for pending in waiting {
            (pending.acknowledge)(Err(LogError::Closed));
        }
        self.groups.signal.raise();
    }
}
