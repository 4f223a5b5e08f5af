//! One table of key → the line items that include, exclude or are found by it.

/// What a key means to the line items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// They are found by it: of their rules the one that fewest requests meet.
    Anchor,
    /// They include it.
    Include,
    /// They exclude it.
    Exclude,
}

/// One (key, role) of one line item.
pub(super) type Fact = (u64, Role, u32);

/// Line items by position: a list while they are few, a set of bits once that is smaller.
#[derive(Debug, Clone, Copy)]
pub(super) enum Postings<'a> {
    Few(&'a [u32]),
    Many(&'a [u64]),
}

#[derive(Debug, Clone, Copy)]
struct List {
    start: u32,
    len: u32,
    role: Role,
    many: bool,
    /// The key has no more lists after this.
    last: bool,
}

/// Open addressing over keys that are hashes already; at most half full.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// Key, and one more than the place of its first list; 0 for an empty slot.
    slots: Vec<(u64, u32)>,
    lists: Vec<List>,
    positions: Vec<u32>,
    sets: Vec<u64>,
}

impl Table {
    /// Sorts the facts into lists. `words` is the length of a set of all line items.
    pub(super) fn build(mut facts: Vec<Fact>, words: usize) -> Self {
        facts.sort_unstable();
        facts.dedup();
        let keys = facts.chunk_by(|a, b| a.0 == b.0).count();
        let mut table = Self {
            slots: vec![(0, 0); (keys * 2).next_power_of_two()],
            ..Self::default()
        };
        for of_key in facts.chunk_by(|a, b| a.0 == b.0) {
            let first = table.lists.len();
            for of_role in of_key.chunk_by(|a, b| a.1 == b.1) {
                table.add_list(of_role, words);
            }
            if let Some(list) = table.lists.last_mut() {
                list.last = true;
            }
            if let Some((key, ..)) = of_key.first() {
                table.insert(*key, first);
            }
        }
        table.positions.shrink_to_fit();
        table
    }

    fn add_list(&mut self, facts: &[Fact], words: usize) {
        let Some((_, role, _)) = facts.first() else {
            return;
        };
        // A position takes half a word.
        let many = facts.len() > words * 2;
        let start = if many {
            let start = self.sets.len();
            self.sets.resize(start + words, 0);
            let set = self.sets.get_mut(start..).unwrap_or_default();
            facts.iter().for_each(|(.., at)| mark(set, *at as usize));
            start
        } else {
            self.positions.extend(facts.iter().map(|(.., at)| *at));
            self.positions.len() - facts.len()
        };
        self.lists.push(List {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(if many { words } else { facts.len() }).unwrap_or(0),
            role: *role,
            many,
            last: false,
        });
    }

    fn insert(&mut self, key: u64, first: usize) {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.1 == 0 {
                *slot = (key, u32::try_from(first + 1).unwrap_or(0));
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// The place of a key's first list.
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = key as usize & mask;
        loop {
            let (own, place) = *self.slots.get(at)?;
            if place == 0 {
                return None;
            }
            if own == key {
                return Some(place - 1);
            }
            at = (at + 1) & mask;
        }
    }

    /// The lists from a place on, up to the last of its key.
    pub(super) fn lists(&self, first: u32) -> impl Iterator<Item = (Role, Postings<'_>)> {
        let mut rest = self.lists.get(first as usize..).unwrap_or_default().iter();
        let mut done = false;
        std::iter::from_fn(move || {
            let list = rest.next().filter(|_| !done)?;
            done = list.last;
            Some((list.role, self.postings(list)))
        })
    }

    fn postings(&self, list: &List) -> Postings<'_> {
        let range = list.start as usize..list.start as usize + list.len as usize;
        if list.many {
            Postings::Many(self.sets.get(range).unwrap_or_default())
        } else {
            Postings::Few(self.positions.get(range).unwrap_or_default())
        }
    }
}

pub(super) fn mark(bits: &mut [u64], position: usize) {
    if let Some(word) = bits.get_mut(position / 64) {
        *word |= 1 << (position % 64);
    }
}
