//! Where the lists and the rewritten texts of a request lie: memory taken piece by piece and given back at once.

use std::cell::RefCell;
use std::fmt::{Debug, Display, Formatter};

use bumpalo::Bump;
use bumpalo::collections::{String, Vec};

use super::json::Scratch;

/// Room of a list when its first value is met; most lists of a request are not longer.
const LIST_START: usize = 4;
/// Most bytes kept for the next request: an ordinary one takes under 10 KB, a hostile one of the largest body
/// some tens of times the body.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Largest body, in bytes, whose scratch space is kept for the next request.
const KEPT_BODY_BYTES_MAX: usize = 64 << 10;

/// What parsing needs besides the body, reused from request to request: keep one per thread. Once it has met the
/// requests of ordinary traffic, parsing JSON takes nothing from the heap.
#[derive(Default)]
pub struct Arena {
    bump: Bump,
    scratch: RefCell<std::vec::Vec<Scratch>>,
}

impl Arena {
    /// An empty arena; it takes its memory with the first request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives back what the request before took.
    pub(super) fn reset(&mut self) {
        if self.bump.allocated_bytes() > KEPT_BYTES_MAX {
            self.bump = Bump::new();
        }
        self.bump.reset();
    }

    /// Scratch space of the parser. A text with JSON in it needs one while that of the whole body is in use.
    pub(super) fn take_scratch(&self) -> Scratch {
        self.scratch.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps scratch space after a body of `bytes`.
    pub(super) fn keep_scratch(&self, scratch: Scratch, bytes: usize) {
        if bytes <= KEPT_BODY_BYTES_MAX {
            self.scratch.borrow_mut().push(scratch);
        }
    }

    /// The values as a list.
    pub(super) fn list<T: Copy>(&self, values: impl IntoIterator<Item = T>) -> &[T] {
        self.joined(&[], values, usize::MAX)
    }

    /// `known` with the values behind it, as far as there are `most` at most.
    pub(super) fn joined<'a, T: Copy>(
        &'a self,
        known: &'a [T],
        values: impl IntoIterator<Item = T>,
        most: usize,
    ) -> &'a [T] {
        let mut values = values.into_iter().take(most.saturating_sub(known.len()));
        let Some(first) = values.next() else {
            return known;
        };
        let mut list = Vec::with_capacity_in(known.len() + LIST_START, &self.bump);
        list.extend_from_slice_copy(known);
        list.push(first);
        list.extend(values);
        list.into_bump_slice()
    }

    /// `known` with those values behind it that are new, as far as there are `most` at most.
    pub(super) fn joined_new<'a, T: Copy + PartialEq>(
        &'a self,
        known: &'a [T],
        values: impl IntoIterator<Item = T>,
        most: usize,
    ) -> &'a [T] {
        let mut new = values.into_iter().skip_while(|value| known.contains(value));
        let first = new.next().filter(|_| known.len() < most);
        let Some(first) = first else {
            return known;
        };
        let mut list = Vec::with_capacity_in(known.len() + LIST_START, &self.bump);
        list.extend_from_slice_copy(known);
        list.push(first);
        for value in new {
            if list.len() < most && !list.contains(&value) {
                list.push(value);
            }
        }
        list.into_bump_slice()
    }

    /// What `value` looks like.
    pub(super) fn written(&self, value: impl Display) -> &str {
        let mut text = String::new_in(&self.bump);
        match std::fmt::write(&mut text, format_args!("{value}")) {
            Ok(()) => text.into_bump_str(),
            Err(_) => "",
        }
    }

    /// A copy of the bytes that may be written to.
    pub(super) fn copied(&self, bytes: &[u8]) -> &mut [u8] {
        self.bump.alloc_slice_copy(bytes)
    }

    /// A copy of the value.
    pub(super) fn keep<T: Copy>(&self, value: T) -> &T {
        self.bump.alloc(value)
    }
}

impl Debug for Arena {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena").finish_non_exhaustive()
    }
}
