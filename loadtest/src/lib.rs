//! An exchange with users in it, a load generator, and the judges.
//!
//! It knows a bidder and a pixel by their HTTP addresses only, shares no rule and no wire type with them, and
//! plays the rest of the world: page views, rival bidders, notices that get lost or repeated, and users whose
//! clicks follow a hidden truth. `run` sends at a fixed rate whatever the answers do and returns a `Report`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as threads;
use std::time::Duration;

use anyhow::Context;
use domain::random::{SplitMix64, mix};
use domain::time::{Clock, SystemClock};
use tokio::sync::mpsc;

mod acks;
mod client;
mod exchange;
pub mod judge;
mod macros;
pub mod plan;
mod progress;
mod render;
mod schedule;
mod shard;
pub mod traffic;
pub mod truth;
pub mod verdict;

pub use judge::{Expectations, Rule, Violation, judge};
pub use plan::{Habits, Notices, Plan, SimulatedExchange};
pub use progress::Progress;
pub use verdict::{CampaignTotals, Example, Latency, NoticeCounts, Report};

use progress::{Counter, Live};
use shard::{Shard, Shared};
use verdict::Tally;

/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Requests that may be due and not yet begun, per thread; more of them count as errors.
const DUE_MAX: usize = 8_192;
/// The longest sleep before looking whether to stop.
const NAP_MAX: Duration = Duration::from_millis(50);

/// Plays the plan until its duration is over or `stop` is set, then waits for delayed events, at most `plan.drain`.
///
/// Blocks the calling thread, on which `on_progress` is called a few times a second; sends from threads of its own.
///
/// # Errors
/// When the plan is out of range, the bidder's address does not resolve, or the acks file cannot be opened.
/// A server that is away is no error here: it is counted in the report.
pub fn run(
    plan: Plan,
    on_progress: impl Fn(&Progress),
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Report> {
    plan.check()?;
    let shared = Arc::new(Shared {
        bidder: resolve(&plan.bidder)?,
        live: Live::default(),
        acks: plan.acks.as_deref().map(acks::Acks::open).transpose()?,
        clock: SystemClock::new(),
        stop,
        plan,
    });
    let (results, tallies) = threads::channel();
    for index in 0..shared.plan.threads {
        start(&shared, index, results.clone())?;
    }
    drop(results);
    let progress = || {
        let elapsed = Duration::from_micros(shared.clock.monotonic_us());
        on_progress(&Progress::of(&shared.live, elapsed));
    };
    let mut found = Vec::new();
    loop {
        match tallies.recv_timeout(PROGRESS_EVERY) {
            Ok(tally) => found.push(tally),
            Err(threads::RecvTimeoutError::Timeout) => progress(),
            Err(threads::RecvTimeoutError::Disconnected) => break,
        }
    }
    progress();
    anyhow::ensure!(
        found.len() == shared.plan.threads,
        "a sending thread has died"
    );
    found.sort_by_key(|(index, _)| *index);
    let tallies = found.into_iter().map(|(_, tally)| tally).collect();
    Ok(Report {
        errors_tolerated: shared.plan.tolerate_errors,
        ..Report::assemble(&shared.live, tallies)
    })
}

fn resolve(address: &str) -> anyhow::Result<SocketAddr> {
    let mut found = address
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve the bidder's address {address}"))?;
    found
        .next()
        .with_context(|| format!("no address for the bidder {address}"))
}

/// Starts one sending thread and the thread that tells it when a request is due.
fn start(
    shared: &Arc<Shared>,
    index: usize,
    results: threads::Sender<(usize, Tally)>,
) -> anyhow::Result<()> {
    let (due, requests) = mpsc::channel(DUE_MAX);
    let pacer = Arc::clone(shared);
    std::thread::Builder::new()
        .name(format!("load-pace-{index}"))
        .spawn(move || pace(&pacer, index as u64, &due))?;
    let shared = Arc::clone(shared);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name(format!("load-send-{index}"))
        .spawn(move || {
            let local = tokio::task::LocalSet::new();
            let tally = local.block_on(&runtime, async {
                Shard::new(shared, index as u64).drive(requests).await
            });
            // Nobody listens only when the run has been given up.
            results.send((index, tally)).ok();
        })?;
    Ok(())
}

/// Says when each request is due: a Poisson process that does not wait for anybody.
///
/// A thread of its own because the runtime's timer rounds to milliseconds, which would show as latency.
fn pace(shared: &Shared, stream: u64, due: &mpsc::Sender<u64>) {
    let plan = &shared.plan;
    let mut rng = SplitMix64::new(mix(plan.seed ^ mix(stream ^ 0x7061_6365)));
    let mean_us = 1e6 * plan.threads as f64 / plan.rate_per_s;
    let start_us = shared.clock.monotonic_us();
    let mut offset_us = 0.0;
    loop {
        offset_us += rng.exponential(mean_us);
        if offset_us >= plan.duration.as_secs_f64() * 1e6 {
            return;
        }
        let due_us = start_us + offset_us as u64;
        loop {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            let left_us = due_us.saturating_sub(shared.clock.monotonic_us());
            if left_us == 0 {
                break;
            }
            std::thread::sleep(Duration::from_micros(left_us).min(NAP_MAX));
        }
        match due.try_send(due_us) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                shared.live.add(Counter::Requests, 1);
                shared.live.add(Counter::Errors, 1);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return,
        }
    }
}
