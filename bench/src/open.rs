//! The open-loop load: requests are due at times drawn beforehand, whatever the server does, and latency counts from
//! those times. A process of its own, on one core, as told line by line.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use domain::Clock;
use domain::random::{SplitMix64, mix};
use domain::time::SystemClock;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::catalogue::SEED;
use crate::client::{Head, read_answer, write_request};
use crate::orders::{self, Workload};

/// Connections that are kept, each with at most one request under way, used in turn.
pub const CONNECTIONS: usize = 256;
/// A request that has found no free connection for so long, in microseconds, is not sent: an exchange goes on without
/// this bidder.
const PATIENCE_US: u64 = 5_000;
/// What comes after it is late, in microseconds: `tmax` of 100 ms without the network's 20 ms.
pub const DEADLINE_US: u64 = 80_000;
/// The first part of a round, in microseconds, in which nothing is counted.
const WARM_UP_US: u64 = 500_000;
/// The longest latency that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

/// One round, as the parent orders it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// The server.
    pub address: String,
    /// The workload: so many line items.
    pub line_items: usize,
    /// Requests a second, at random times (Poisson) out of one seed.
    pub rate: f64,
    /// How long is counted, in seconds, after a warm-up.
    pub seconds: f64,
    /// Remember how much each request's answer measured, to be asked of the bare server.
    pub learn_sizes: bool,
}

/// What became of a round.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Requests that were due.
    pub due: u64,
    /// Those that found no free connection in time.
    pub unsent: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Answers after the deadline.
    pub late: u64,
    /// Answers that were refused undecided.
    pub undecided: u64,
    /// Answers in time that were decided.
    pub good: u64,
    /// Answers with another status than 200 and 204.
    pub errors: u64,
    /// 99th percentile of the latency of decided answers, in microseconds.
    pub p99_us: u64,
    /// 99.9th percentile of it.
    pub p999_us: u64,
    /// 99th percentile of the latency of undecided answers, in microseconds.
    pub undecided_p99_us: u64,
}

/// A request that is due.
#[derive(Debug, Clone, Copy)]
struct Job {
    due_us: u64,
    index: usize,
    counts: bool,
}

/// Plays rounds until standard input ends: one JSON `Order` a line in, one `Outcome` a line out.
///
/// # Errors
/// When an order cannot be read or a server goes away.
pub fn run() -> anyhow::Result<()> {
    orders::play(round)
}

impl orders::Order for Order {
    fn line_items(&self) -> usize {
        self.line_items
    }
}

struct Round {
    workload: Rc<Workload>,
    learn_sizes: bool,
    clock: SystemClock,
    due: RefCell<VecDeque<Job>>,
    /// One permit a request that is due; connections wait for them in turn.
    permits: Semaphore,
    seen: RefCell<Seen>,
    failed: Cell<bool>,
}

struct Seen {
    outcome: Outcome,
    decided: Histogram<u64>,
    undecided: Histogram<u64>,
}

async fn round(workload: Rc<Workload>, order: Order) -> anyhow::Result<Outcome> {
    let histogram = || Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS);
    let round = Rc::new(Round {
        workload,
        learn_sizes: order.learn_sizes,
        clock: SystemClock::new(),
        due: RefCell::default(),
        permits: Semaphore::new(0),
        seen: RefCell::new(Seen {
            outcome: Outcome::default(),
            decided: histogram()?,
            undecided: histogram()?,
        }),
        failed: Cell::new(false),
    });
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(&order.address).await?;
        stream.set_nodelay(true)?;
        let work = Rc::clone(&round).connection(stream);
        connections.push(tokio::task::spawn_local(work));
    }
    round.pace(&order).await;
    round.permits.close();
    for connection in connections {
        connection.await??;
    }
    let seen = round.seen.borrow();
    let (decided, undecided) = (&seen.decided, &seen.undecided);
    Ok(Outcome {
        p99_us: decided.value_at_quantile(0.99),
        p999_us: decided.value_at_quantile(0.999),
        undecided_p99_us: undecided.value_at_quantile(0.99),
        ..seen.outcome.clone()
    })
}

impl Round {
    /// Puts requests on the list at their times. It waits by asking again and again: timers are too coarse.
    async fn pace(&self, order: &Order) {
        let mut rng = SplitMix64::new(mix(SEED ^ 3));
        let start_us = self.clock.monotonic_us();
        let counted_us = start_us + WARM_UP_US;
        let end_us = counted_us as f64 + order.seconds * 1e6;
        let mean_us = 1e6 / order.rate;
        let mut due_us = start_us as f64;
        let requests = self.workload.bodies.len();
        let mut index = 0;
        loop {
            let now_us = self.clock.monotonic_us();
            while (due_us as u64) <= now_us {
                self.due.borrow_mut().push_back(Job {
                    due_us: due_us as u64,
                    index,
                    counts: due_us as u64 >= counted_us,
                });
                self.permits.add_permits(1);
                index = (index + 1) % requests;
                due_us += rng.exponential(mean_us);
                if due_us >= end_us || self.failed.get() {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    async fn connection(self: Rc<Self>, stream: TcpStream) -> anyhow::Result<()> {
        let played = self.play(stream).await;
        self.failed.set(self.failed.get() || played.is_err());
        played
    }

    async fn play(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        let (mut sent, mut received) = (Vec::with_capacity(4 << 10), Vec::with_capacity(32 << 10));
        loop {
            // A closed list is worked off all the same.
            if let Ok(permit) = self.permits.acquire().await {
                permit.forget();
            }
            let Some(job) = self.next() else {
                if self.permits.is_closed() {
                    return Ok(());
                }
                continue;
            };
            let (body, wanted) = self.workload.request(job.index);
            write_request(&mut sent, body, wanted)?;
            stream.write_all(&sent).await?;
            let head = read_answer(&mut stream, &mut received).await?;
            self.note(job, head);
        }
    }

    /// The next request that is still worth sending.
    fn next(&self) -> Option<Job> {
        loop {
            let job = self.due.borrow_mut().pop_front()?;
            let now_us = self.clock.monotonic_us();
            if now_us.saturating_sub(job.due_us) <= PATIENCE_US {
                return Some(job);
            }
            let outcome = &mut self.seen.borrow_mut().outcome;
            outcome.due += u64::from(job.counts);
            outcome.unsent += u64::from(job.counts);
        }
    }

    fn note(&self, job: Job, head: Head) {
        if self.learn_sizes && !head.undecided {
            self.workload.learn(job.index, head.length);
        }
        if !job.counts {
            return;
        }
        let took_us = self.clock.monotonic_us().saturating_sub(job.due_us);
        let late = took_us > DEADLINE_US;
        let seen = &mut *self.seen.borrow_mut();
        seen.outcome.due += 1;
        seen.outcome.answered += 1;
        seen.outcome.late += u64::from(late);
        seen.outcome.undecided += u64::from(head.undecided);
        seen.outcome.errors += u64::from(!matches!(head.status, 200 | 204));
        seen.outcome.good += u64::from(!late && !head.undecided);
        let latencies = if head.undecided {
            &mut seen.undecided
        } else {
            &mut seen.decided
        };
        latencies.saturating_record(took_us.max(1));
    }
}
