//! The hash table of a learner: who has a weight, who has factors, and who goes when room is short.
//!
//! A bucket is one cache line of four entries; a token lives in its home bucket or, while that is full, in
//! the bucket beside it. The whole token is kept, so two tokens never share a
//! weight. Every number is a relaxed atomic: threads that learn at the same time may lose an update of
//! one another (Niu, Recht, Re and Wright 2011), one thread alone is deterministic.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Entries of a bucket.
const WAYS: usize = 4;
/// Marks an entry that is free; the token 0 is kept as [`ZERO_TOKEN`].
const FREE: u32 = 0;
/// What the token 0 is kept as.
const ZERO_TOKEN: u32 = 1;
/// Sightings are counted up to here; larger numbers in their place are rows.
const SIGHTINGS_MAX: u32 = 255;
/// Bits of the epoch in an entry's note.
const EPOCH_BITS: u32 = 8;
/// Most rows: what the note has room for.
pub(crate) const ROWS_MAX: usize = (1 << (32 - EPOCH_BITS)) - 1 - SIGHTINGS_MAX as usize;

/// A token's weight, its optimiser state, and a note of sightings or row with the epoch it was last seen in.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    key: AtomicU32,
    note: AtomicU32,
    weight: AtomicU32,
    state: AtomicU32,
}

/// Where an entry is; it stays there until it is evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// No room was found.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// What an entry says of its token's sightings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Seen so often before now.
    Seen(u32),
    /// Has this row of factors.
    Row(u32),
}

impl Entry {
    pub(crate) fn key(&self) -> Option<u32> {
        Some(self.key.load(Relaxed)).filter(|&key| key != FREE)
    }

    /// Weight and optimiser state.
    pub(crate) fn pair(&self) -> [f32; 2] {
        [&self.weight, &self.state].map(|cell| f32::from_bits(cell.load(Relaxed)))
    }

    pub(crate) fn set_pair(&self, [weight, state]: [f32; 2]) {
        self.weight.store(weight.to_bits(), Relaxed);
        self.state.store(state.to_bits(), Relaxed);
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.note.load(Relaxed) >> EPOCH_BITS {
            seen if seen <= SIGHTINGS_MAX => Standing::Seen(seen),
            row => Standing::Row(row - SIGHTINGS_MAX - 1),
        }
    }

    /// The note without its row, for snapshots.
    pub(crate) fn seen(&self) -> u32 {
        let note = self.note.load(Relaxed);
        match self.standing() {
            Standing::Seen(_) => note,
            Standing::Row(_) => note & u32::from(u8::MAX),
        }
    }

    /// Epochs since it was seen, of the 256 that are told apart.
    fn age(&self, epoch: u8) -> u8 {
        epoch.wrapping_sub(self.note.load(Relaxed) as u8)
    }

    /// Counts a sighting; the standing before it.
    fn see(&self, epoch: u8) -> Standing {
        let standing = self.standing();
        let next = match standing {
            Standing::Seen(seen) => packed(Standing::Seen((seen + 1).min(SIGHTINGS_MAX)), epoch),
            row @ Standing::Row(_) => packed(row, epoch),
        };
        // Most sightings change nothing: a row seen again in the same epoch dirties no line.
        if next != self.note.load(Relaxed) {
            self.note.store(next, Relaxed);
        }
        standing
    }

    /// Gives the token a row.
    pub(crate) fn admit(&self, row: u32, epoch: u8) {
        self.note.store(packed(Standing::Row(row), epoch), Relaxed);
    }

    /// Becomes another token's entry; `false` when another thread was first.
    fn take(&self, from: u32, key: u32) -> bool {
        self.key
            .compare_exchange(from, key, Relaxed, Relaxed)
            .is_ok()
    }

    fn clear(&self) {
        self.note.store(0, Relaxed);
        self.set_pair([0.0; 2]);
        self.key.store(FREE, Relaxed);
    }
}

fn packed(standing: Standing, epoch: u8) -> u32 {
    let upper = match standing {
        Standing::Seen(seen) => seen,
        Standing::Row(row) => row + SIGHTINGS_MAX + 1,
    };
    upper << EPOCH_BITS | u32::from(epoch)
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket([Entry; WAYS]);

/// All entries of a learner.
#[derive(Debug)]
pub(crate) struct Table {
    buckets: Box<[Bucket]>,
    /// How far a token is shifted right to give its bucket.
    shift: u32,
    /// Today's epoch.
    pub(crate) epoch: u8,
}

impl Table {
    /// Room for 2^`bits` tokens.
    pub(crate) fn new(bits: u32) -> Self {
        let buckets = 1_usize << (bits - WAYS.ilog2());
        Self {
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
            shift: 32 - buckets.ilog2(),
            epoch: 0,
        }
    }

    /// Where a token's home bucket begins; its neighbour is at the number with that bucket's bit turned.
    #[inline(always)]
    fn home(&self, key: u32) -> usize {
        (key >> self.shift) as usize
    }

    /// Brings a token's bucket into the cache before it is asked for.
    #[inline(always)]
    pub(crate) fn prefetch(&self, token: u32) {
        if let Some(bucket) = self.buckets.get(self.home(named(token))) {
            super::simd::prefetch(bucket);
        }
    }

    /// The entry of a slot that `find` or `sight` gave.
    #[inline(always)]
    pub(crate) fn entry(&self, slot: Slot) -> Option<&Entry> {
        let slot = slot.0 as usize;
        self.buckets
            .get(slot / WAYS)
            .map(|bucket| &bucket.0[slot % WAYS])
    }

    /// Both buckets' entries with their slots, home first.
    fn candidates(&self, key: u32) -> impl Iterator<Item = (Slot, &Entry)> {
        let home = self.home(key);
        [home, home ^ 1].into_iter().flat_map(move |at| {
            let bucket = self.buckets.get(at).into_iter();
            let entries = bucket.flat_map(|bucket| bucket.0.iter().enumerate());
            entries.map(move |(way, entry)| (Slot((at * WAYS + way) as u32), entry))
        })
    }

    /// Where a token is, when it has an entry. The neighbour is looked at only when the home is full.
    #[inline(always)]
    pub(crate) fn find(&self, token: u32) -> Slot {
        let key = named(token);
        let home = self.home(key);
        for at in [home, home ^ 1] {
            let Some(bucket) = self.buckets.get(at) else {
                continue;
            };
            let mut full = true;
            for (way, entry) in bucket.0.iter().enumerate() {
                let kept = entry.key.load(Relaxed);
                if kept == key {
                    return Slot((at * WAYS + way) as u32);
                }
                full &= kept != FREE;
            }
            if !full {
                break;
            }
        }
        Slot::NONE
    }

    /// Where a token is, made when there is room, with its standing before this sighting.
    #[inline(always)]
    pub(crate) fn sight(&self, token: u32) -> (Slot, Standing) {
        let mut slot = self.find(token);
        if slot == Slot::NONE {
            slot = self.claim(named(token));
        }
        match self.entry(slot) {
            Some(entry) => (slot, entry.see(self.epoch)),
            None => (Slot::NONE, Standing::Seen(0)),
        }
    }

    /// Takes a free entry, or that of a token which was never admitted and not seen in this epoch.
    fn claim(&self, key: u32) -> Slot {
        let home = self.home(key);
        for at in [home, home ^ 1] {
            let Some(bucket) = self.buckets.get(at) else {
                continue;
            };
            for (way, entry) in bucket.0.iter().enumerate() {
                if entry.key.load(Relaxed) == FREE && entry.take(FREE, key) {
                    return Slot((at * WAYS + way) as u32);
                }
            }
        }
        self.replace(key)
    }

    #[cold]
    fn replace(&self, key: u32) -> Slot {
        let passing = |entry: &Entry| match entry.standing() {
            Standing::Seen(_) => entry.age(self.epoch) > 0,
            Standing::Row(_) => false,
        };
        let passing = self.candidates(key).filter(|(_, entry)| passing(entry));
        match passing.max_by_key(|(_, entry)| entry.age(self.epoch)) {
            Some((slot, entry)) if entry.take(entry.key.load(Relaxed), key) => {
                entry
                    .note
                    .store(packed(Standing::Seen(0), self.epoch), Relaxed);
                entry.set_pair([0.0; 2]);
                slot
            }
            _ => Slot::NONE,
        }
    }

    /// Forgets what was not seen for more than `age` epochs; gives each row that became free to `freed`.
    pub(crate) fn evict(&mut self, age: u8, mut freed: impl FnMut(u32)) {
        for entry in self.buckets.iter().flat_map(|bucket| &bucket.0) {
            if entry.key().is_none() || entry.age(self.epoch) <= age {
                continue;
            }
            if let Standing::Row(row) = entry.standing() {
                freed(row);
            }
            entry.clear();
        }
        self.bring_home();
    }

    /// Moves tokens that live with a neighbour to where room was made: they are not looked for there any more.
    fn bring_home(&mut self) {
        for at in 0..self.buckets.len() {
            for way in 0..WAYS {
                let guest = &self.buckets[at].0[way];
                let Some(key) = guest.key().filter(|&key| self.home(key) != at) else {
                    continue;
                };
                let home = &self.buckets[at ^ 1].0;
                if let Some(free) = home.iter().find(|entry| entry.key().is_none()) {
                    free.set_pair(guest.pair());
                    free.note.store(guest.note.load(Relaxed), Relaxed);
                    free.key.store(key, Relaxed);
                    guest.clear();
                }
            }
        }
    }

    /// Every entry in use.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let all = self.buckets.iter().flat_map(|bucket| &bucket.0);
        all.filter_map(|entry| Some((entry.key()?, entry)))
    }

    /// Puts an entry back from a snapshot; `false` when there is no room.
    pub(crate) fn restore(&mut self, token: u32, pair: [f32; 2], note: u32) -> bool {
        let key = named(token);
        let mut slot = self.find(token);
        if slot == Slot::NONE {
            slot = self.claim(key);
        }
        let Some(entry) = self.entry(slot) else {
            return false;
        };
        entry.set_pair(pair);
        entry.note.store(note, Relaxed);
        true
    }
}

/// A token as it is kept.
pub(crate) fn named(token: u32) -> u32 {
    if token == FREE { ZERO_TOKEN } else { token }
}

/// A note of sightings or row, with the epoch.
pub(crate) fn note_of(standing: Standing, epoch: u8) -> u32 {
    packed(standing, epoch)
}
