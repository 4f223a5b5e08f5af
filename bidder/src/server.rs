//! The bidder as a server: one runtime per core for requests, one thread for the background.

use std::net::{SocketAddr, TcpListener};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use domain::Timestamp;
use service_kit::{ServeError, ServerLimits, ServerOptions, Shutdown, run_cores};
use tokio::time::{Instant, MissedTickBehavior};

use crate::background::Background;
use crate::gate::Gates;
use crate::http::{CoreService, Load};
use crate::metrics;
use crate::rates::Follower;
use crate::shared::Bidder;

/// Names threads and metrics.
const NAME: &str = "bidder";
/// How often cores hand over and leases are renewed: holds must move to their account within a second, so
/// that the two together stay under it.
const BEAT: Duration = Duration::from_millis(400);
/// How often the counters of line items are logged: reports are by the minute, and each time costs an event for
/// every line item that matched a request.
const DELIVERY_BEAT: Duration = Duration::from_secs(2);
/// How often cores hand the records of bids to the log. Nobody waits for them: what they are joined with follows a bid by a
/// second and more. So seldom enough that a sync of the disk serves a thousand bids, and often enough that a process
/// that dies takes few along.
const LOG_BEAT: Duration = Duration::from_millis(100);
/// How much the background gives way to the cores, in steps of niceness. One step is enough for a core that wakes up to
/// go first; with ten the background has a tenth of what a core has while both are busy, enough for leases.
#[cfg(target_os = "linux")]
const BACKGROUND_NICE: i32 = 10;
/// A repeated failure of the background is told at most once in this time, in milliseconds.
const WARN_EVERY_MS: i64 = 10_000;

/// A running bidder.
#[derive(Debug)]
pub struct Server {
    http: service_kit::Server,
    background: JoinHandle<()>,
    stop: Shutdown,
}

impl Server {
    /// Starts answering on `listener` until `shutdown`.
    ///
    /// # Errors
    /// When the system refuses sockets, runtimes or threads.
    pub fn run(
        bidder: &Bidder,
        background: Background,
        listener: TcpListener,
        (limits, shutdown): (ServerLimits, &Shutdown),
    ) -> Result<Self, ServeError> {
        let config = bidder.config();
        let stop = Shutdown::new();
        let thread = {
            let (bidder, stop) = (bidder.clone(), stop.clone());
            let every = Duration::from_millis(config.refresh_ms);
            std::thread::Builder::new()
                .name(format!("{NAME}-background"))
                .spawn(move || {
                    give_way();
                    drive(background, &bidder, every, &stop);
                })
                .map_err(|source| ServeError::Start { name: NAME, source })?
        };
        let options = ServerOptions {
            name: NAME,
            cores: config.cores,
            limits,
        };
        let load = Load::new(config.in_flight_max, Gates::new(&config.exchanges));
        let make = {
            let bidder = bidder.clone();
            move |index| {
                let clock = Arc::clone(&bidder.shared.clock);
                let load = Arc::clone(&load);
                let service =
                    CoreService::new(bidder.core(index), clock, load, limits.body_timeout);
                let weak = Rc::downgrade(&service);
                tokio::task::spawn_local(beat(weak));
                tokio::task::spawn_local(service.watch());
                move |request| Rc::clone(&service).serve(request)
            }
        };
        let http = run_cores(options, listener, make, shutdown)?;
        Ok(Self {
            http,
            background: thread,
            stop,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// Waits until every request is answered and the last holds are handed over.
    ///
    /// # Errors
    /// When a core or the background panicked.
    pub fn join(self) -> Result<(), ServeError> {
        let served = self.http.join();
        self.stop.trigger();
        let background = self.background.join();
        served?;
        background.map_err(|_| ServeError::CoreDied { name: NAME })
    }
}

/// Lets a core hand over what it has collected until it ends.
async fn beat(core: Weak<CoreService>) {
    let mut beat = tokio::time::interval(LOG_BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut reported, mut flushed) = (Instant::now(), Instant::now());
    loop {
        let now = beat.tick().await;
        let Some(core) = core.upgrade() else {
            return;
        };
        if now.saturating_duration_since(reported) >= BEAT {
            reported = now;
            core.report();
            if now.saturating_duration_since(flushed) >= DELIVERY_BEAT {
                flushed = now;
                core.begin_flush();
            }
            while core.flush_step() {
                // Requests that came meanwhile have their turn.
                tokio::task::yield_now().await;
            }
        } else {
            core.hand_over();
        }
    }
}

/// Lets the cores go first, where niceness is a thread's own: to build a snapshot of many line items takes seconds, and
/// between equals a core that wakes up would wait milliseconds for its turn.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(BACKGROUND_NICE) {
        tracing::debug!(%error, "the background is as urgent as bidding");
    }
}

/// Refreshes often, ticks each beat, and once more at the end for what the cores handed over last.
fn drive(mut background: Background, bidder: &Bidder, every: Duration, stop: &Shutdown) {
    let clock = bidder.shared.clock.as_ref();
    let mut rates = Follower::new(bidder.config().rates_file.clone());
    let mut warned = Timestamp(i64::MIN);
    let mut ticked_us: Option<u64> = None;
    loop {
        let stopping = stop.is_triggered();
        let now = clock.now();
        if rates.is_due(now) {
            follow_rates(&rates, bidder, now);
        }
        let refreshed = background.refresh(now);
        let changed = matches!(refreshed, Ok(true));
        let at_us = clock.monotonic_us();
        let beat_us = u64::try_from(BEAT.as_micros()).unwrap_or(u64::MAX);
        let due = ticked_us.is_none_or(|last| at_us.saturating_sub(last) >= beat_us);
        let mut failed = refreshed.err();
        if due || changed || stopping {
            ticked_us = Some(at_us);
            failed = background.tick(now).err().or(failed);
        }
        if let Some(error) = failed.filter(|_| now.since(warned) >= WARN_EVERY_MS) {
            warned = now;
            tracing::warn!(%error, "bidder background failed, the last state stays in use");
        }
        if stopping {
            return;
        }
        stop.pause(every);
    }
}

/// Takes the rates of the day out of their file; without one only their age is told.
fn follow_rates(rates: &Follower, bidder: &Bidder, now: Timestamp) {
    match rates.look(now) {
        Ok(Some(table)) => bidder.set_rates(table),
        Ok(None) => {}
        Err(error) => {
            ::metrics::counter!(metrics::RATES_REFUSED).increment(1);
            tracing::warn!(%error, "exchange rates refused, the last ones stay in use");
        }
    }
    let age = now.day() - i64::from(bidder.rates().day);
    ::metrics::gauge!(metrics::RATES_AGE_DAYS).set(age as f64);
}
