//! Counts heap allocations of decisions and the memory of a snapshot; prints one JSON object.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bench::catalogue::{LINE_ITEMS, catalogue};
use bench::requests::requests;
use bench::run::Allocations;
use bench::{direct, world};
use bidder::Call;
use bidder::tally::Tally;
use domain::{Clock, Outcome};

static COUNT: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// The system's allocator with counters.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; every call goes to the system's with the same arguments"
)]
// SAFETY: every method passes its arguments on unchanged, so the caller's promises are the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(clippy::print_stdout, reason = "a command line tool")]
fn main() -> anyhow::Result<()> {
    let bytes_per_line_item = bytes_per_line_item();
    let (per_no_bid, per_bid) = per_decision()?;
    let found = Allocations {
        per_no_bid,
        per_bid,
        bytes_per_line_item,
    };
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

fn bytes_per_line_item() -> f64 {
    let catalogue = catalogue(LINE_ITEMS, world::now());
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let model = ctr_model::Model::untrained();
    let model_bytes = LIVE_BYTES.load(Ordering::Relaxed) - before;
    drop(model);
    let snapshot = direct::build(&catalogue);
    let mut tally = Tally::default();
    tally.resize(snapshot.items.len(), snapshot.campaigns.len(), 1);
    // The model is the same for any number of line items.
    let used = LIVE_BYTES.load(Ordering::Relaxed) - before - model_bytes;
    drop((snapshot, tally));
    used as f64 / LINE_ITEMS as f64
}

/// Mean allocations of a decision without and with a bid, after a first pass that fills every buffer. Only
/// those of the deciding thread count as long as no other thread is busy: the log's writer is not by then.
fn per_decision() -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let world = world::open(LINE_ITEMS, folder.path())?;
    let mut core = world.bidder.core(0);
    let all = requests(LINE_ITEMS);
    let (mut without, mut with) = (Mean::default(), Mean::default());
    for pass in 0..2 {
        for request in &all {
            let mut body = request.clone();
            let call = Call {
                exchange: "generic",
                arrived_us: world.clock.monotonic_us(),
                format: proto::openrtb::Format::Json,
            };
            let before = COUNT.load(Ordering::Relaxed);
            let outcome = core.decide(&call, &mut body).outcome;
            let allocations = COUNT.load(Ordering::Relaxed) - before;
            match (pass, outcome) {
                (0, _) => {}
                (_, Outcome::Bid) => with.add(allocations),
                (_, Outcome::NoBid(_)) => without.add(allocations),
            }
        }
    }
    Ok((without.value(), with.value()))
}

#[derive(Default)]
struct Mean {
    sum: u64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: u64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }
}
