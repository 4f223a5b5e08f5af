//! One table of key → the line items that are found by it.

/// One key of one line item.
pub(super) type Fact = (u64, u32);

/// Open addressing over keys that are hashes already; at most half full.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    positions: Vec<u32>,
}

/// A key and its part of the positions; none in an empty slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    start: u32,
    len: u32,
}

impl Table {
    /// Sorts the facts into lists.
    pub(super) fn build(mut facts: Vec<Fact>) -> Self {
        facts.sort_unstable();
        facts.dedup();
        let keys = facts.chunk_by(|a, b| a.0 == b.0).count();
        let mut table = Self {
            slots: vec![Slot::default(); (keys * 2).next_power_of_two()],
            positions: facts.iter().map(|(_, at)| *at).collect(),
        };
        let mut start = 0;
        for of_key in facts.chunk_by(|a, b| a.0 == b.0) {
            let len = u32::try_from(of_key.len()).unwrap_or(0);
            if let Some((key, _)) = of_key.first() {
                let key = *key;
                table.insert(Slot { key, start, len });
            }
            start += len;
        }
        table
    }

    fn insert(&mut self, new: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = new.key as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.len == 0 {
                *slot = new;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// The line items that are found by a key, in rising order.
    pub(super) fn find(&self, key: u64) -> &[u32] {
        let Some(mask) = self.slots.len().checked_sub(1) else {
            return &[];
        };
        let mut at = key as usize & mask;
        while let Some(slot) = self.slots.get(at).filter(|slot| slot.len > 0) {
            if slot.key == key {
                let start = slot.start as usize;
                let range = start..start + slot.len as usize;
                return self.positions.get(range).unwrap_or_default();
            }
            at = (at + 1) & mask;
        }
        &[]
    }
}
