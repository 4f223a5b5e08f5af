//! What is to happen later, in order of time and then of entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Most things that may wait: a minute of events at 5,000 per second.
pub(crate) const WAITING_MAX: usize = 300_000;

/// A queue by due time.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    waiting: BinaryHeap<Reverse<Entry<T>>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due_us: u64,
    sequence: u64,
    item: T,
}

impl<T> Schedule<T> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            entered: 0,
        }
    }

    /// Adds an item; false, and it is dropped, when too many wait.
    pub(crate) fn enter(&mut self, due_us: u64, item: T) -> bool {
        if self.waiting.len() >= WAITING_MAX {
            return false;
        }
        self.entered += 1;
        self.waiting.push(Reverse(Entry {
            due_us,
            sequence: self.entered,
            item,
        }));
        true
    }

    /// When the next item is due.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse(entry)| entry.due_us)
    }

    /// The next item if it is due.
    pub(crate) fn take_due(&mut self, now_us: u64) -> Option<T> {
        if self.next_due_us()? > now_us {
            return None;
        }
        self.waiting.pop().map(|Reverse(entry)| entry.item)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due_us, self.sequence).cmp(&(other.due_us, other.sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_of_time_then_of_entry() {
        let mut schedule = Schedule::new();
        for (due, item) in [(30, 'd'), (10, 'a'), (20, 'c'), (10, 'b')] {
            assert!(schedule.enter(due, item));
        }
        assert_eq!(schedule.take_due(9), None);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take_due(20)).collect();
        assert_eq!(due, ['a', 'b', 'c']);
        assert_eq!((schedule.len(), schedule.next_due_us()), (1, Some(30)));
    }
}
