//! Counts heap allocations of decisions and of HTTP, and the memory of a snapshot; prints one JSON object.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bench::catalogue::{LINE_ITEMS, catalogue};
use bench::requests::requests;
use bench::run::Allocations;
use bench::{client, direct, world};
use bidder::Call;
use bidder::gate::Gates;
use bidder::http::{CoreService, Load};
use bidder::tally::Tally;
use domain::{Clock, Outcome};
use service_kit::{ServerLimits, ServerOptions, Shutdown, run_cores};

static COUNT: AtomicU64 = AtomicU64::new(0);
/// Those of threads that serve.
static COUNT_SERVING: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static SERVES: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    COUNT.fetch_add(1, Ordering::Relaxed);
    // A thread that ends no longer has its flag.
    if SERVES.try_with(Cell::get) == Ok(true) {
        COUNT_SERVING.fetch_add(1, Ordering::Relaxed);
    }
}

/// The system's allocator with counters.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; every call goes to the system's with the same arguments"
)]
// SAFETY: every method passes its arguments on unchanged, so the caller's promises are the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
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
        count();
        LIVE_BYTES.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(clippy::print_stdout, reason = "a command line tool")]
fn main() -> anyhow::Result<()> {
    let bytes_per_line_item = bytes_per_line_item()?;
    let (per_no_bid, per_bid) = per_decision()?;
    let (per_request, bid_share) = per_request()?;
    let per_decision = bid_share * per_bid + (1.0 - bid_share) * per_no_bid;
    let found = Allocations {
        per_no_bid,
        per_bid,
        bytes_per_line_item,
        per_request_http: per_request - per_decision,
    };
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

fn bytes_per_line_item() -> anyhow::Result<f64> {
    let catalogue = catalogue(LINE_ITEMS, world::now());
    let model = world::trained(&catalogue, world::model_kind());
    let model = Arc::new(ctr_model::Model::new(&model)?);
    // The model is the same for any number of line items; what it says of each ad is not.
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let snapshot = direct::build(catalogue.clone(), model);
    let mut tally = Tally::default();
    tally.resize(snapshot.items.len(), snapshot.campaigns.len(), 1);
    let used = LIVE_BYTES.load(Ordering::Relaxed) - before;
    drop((snapshot, tally));
    Ok(used as f64 / LINE_ITEMS as f64)
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

/// Mean allocations of the serving thread for a request over a kept connection, after a first pass that fills every
/// buffer, and the share of bids.
fn per_request() -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let world = world::open(LINE_ITEMS, folder.path())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    stream.set_nodelay(true)?;
    let shutdown = Shutdown::new();
    let options = ServerOptions {
        name: "counted",
        cores: 1,
        limits: ServerLimits::default(),
    };
    let (bidder, clock) = (world.bidder.clone(), Arc::clone(&world.clock));
    let make = move |index| {
        SERVES.set(true);
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let load = Load::new(1, Gates::default());
        let timeout = options.limits.body_timeout;
        let service = CoreService::new(bidder.core(index), clock, load, timeout);
        tokio::task::spawn_local(service.watch());
        move |request| Rc::clone(&service).serve(request)
    };
    let server = run_cores(options, listener, make, &shutdown)?;
    let all = requests(LINE_ITEMS);
    let (mut before, mut bids) = (0, 0);
    for pass in 0..2 {
        if pass == 1 {
            before = COUNT_SERVING.load(Ordering::Relaxed);
        }
        for body in &all {
            let status = exchange(&mut stream, body)?;
            bids += u64::from(pass == 1 && status == 200);
        }
    }
    let counted = COUNT_SERVING.load(Ordering::Relaxed) - before;
    drop(stream);
    shutdown.trigger();
    server.join()?;
    let requests = all.len() as f64;
    Ok((counted as f64 / requests, bids as f64 / requests))
}

/// Sends a request and reads the answer; gives its status.
fn exchange(stream: &mut TcpStream, body: &[u8]) -> anyhow::Result<u16> {
    let mut sent = Vec::new();
    client::write_request(&mut sent, body, 0)?;
    stream.write_all(&sent)?;
    let mut received = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let read = stream.read(&mut chunk)?;
        anyhow::ensure!(read > 0, "the server hung up");
        received.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if let Some(head) = client::parse_head(&received)?
            && received.len() >= head.start + head.length
        {
            return Ok(head.status);
        }
    }
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
