//! The system's allocator with counters for each thread, for tests of several crates that take nothing from the heap.
#![allow(dead_code, reason = "no test reads every counter")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Allocations, those that change a size included.
    pub static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes that are taken and not given back.
    pub static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
    /// The most of them at any time.
    pub static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(allocations: u64, bytes: i64) {
    COUNT.set(COUNT.get() + allocations);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(LIVE_BYTES.get()));
}

struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; every call goes to the system's with the same arguments"
)]
// SAFETY: every method passes its arguments on unchanged, so the caller's promises are the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
