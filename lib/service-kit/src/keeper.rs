//! Keeps the time of a core's connections: which were silent or slow for too long, and which are to end with the server.
//!
//! One timer a core instead of one a connection, and time in ticks of it, so that a request reads no clock here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::activity::Activity;
use crate::connection::Ended;
use crate::drain::Shutdown;
use crate::serve::ServerLimits;

/// How long a connection that never said anything is kept while draining: its request may be under way, from a
/// client that is far or busy.
const DRAIN_SILENT: Duration = Duration::from_secs(1);
/// The shortest tick, whatever the limits.
const TICK_MIN: Duration = Duration::from_millis(1);

/// The time of a core.
#[derive(Debug)]
pub(crate) struct Time {
    tick: Cell<u32>,
    draining: Cell<bool>,
    shutdown: Shutdown,
    pub(crate) idle_ticks: u32,
    pub(crate) head_ticks: u32,
}

impl Time {
    /// Wraps around; only differences count.
    pub(crate) fn tick(&self) -> u32 {
        self.tick.get()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.shutdown.is_leaving()
    }
}

/// The connections of a core.
#[derive(Debug)]
pub(crate) struct Keeper {
    time: Rc<Time>,
    limits: ServerLimits,
    period: Duration,
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    places: Vec<Option<Rc<Activity>>>,
    free: Vec<usize>,
}

impl Keeper {
    /// Half of the shorter limit is a tick, so that each is enforced within one and a half times.
    pub(crate) fn new(limits: ServerLimits, shutdown: Shutdown) -> Rc<Self> {
        let shorter = limits.header_timeout.min(limits.idle_timeout);
        let period = (shorter / 2).max(TICK_MIN);
        let ticks = |limit: Duration| {
            let ticks = limit.as_nanos().div_ceil(period.as_nanos());
            u32::try_from(ticks).unwrap_or(u32::MAX)
        };
        Rc::new(Self {
            time: Rc::new(Time {
                tick: Cell::new(0),
                draining: Cell::new(false),
                shutdown,
                idle_ticks: ticks(limits.idle_timeout),
                head_ticks: ticks(limits.header_timeout),
            }),
            limits,
            period,
            kept: RefCell::default(),
        })
    }

    /// How often `tick` wants to be called.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// A new connection, kept until what is returned is dropped.
    pub(crate) fn keep(self: &Rc<Self>) -> Guard {
        let activity = Rc::new(Activity::new(Rc::clone(&self.time)));
        let mut kept = self.kept.borrow_mut();
        let place = kept.free.pop().unwrap_or(kept.places.len());
        if place == kept.places.len() {
            kept.places.push(None);
        }
        if let Some(free) = kept.places.get_mut(place) {
            *free = Some(Rc::clone(&activity));
        }
        Guard {
            keeper: Rc::clone(self),
            activity,
            place,
        }
    }

    /// A tick has passed: ends the connections that have waited too long.
    pub(crate) fn tick(&self) {
        let time = &self.time;
        time.tick.set(time.tick.get().wrapping_add(1));
        self.each(|activity| {
            if activity.is_expired() {
                activity.end(Ended::TimedOut);
            }
        });
    }

    /// Has every connection end after the requests it has.
    pub(crate) fn begin_drain(&self) {
        self.time.draining.set(true);
        self.each(Activity::wake);
    }

    /// Cuts the connections that have not ended within the grace period from now. It never ends.
    pub(crate) async fn cut_after_grace(&self) {
        let began = Instant::now();
        let grace = self.limits.grace;
        tokio::time::sleep_until(began + grace.min(DRAIN_SILENT)).await;
        self.each(|activity| {
            if activity.is_silent() {
                activity.end(Ended::Cut);
            }
        });
        tokio::time::sleep_until(began + grace).await;
        self.each(|activity| activity.end(Ended::Cut));
        std::future::pending().await
    }

    fn each(&self, visit: impl Fn(&Activity)) {
        let kept = self.kept.borrow();
        kept.places.iter().flatten().for_each(|it| visit(it));
    }
}

/// A connection's place among the kept.
#[derive(Debug)]
pub(crate) struct Guard {
    keeper: Rc<Keeper>,
    pub(crate) activity: Rc<Activity>,
    place: usize,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut kept = self.keeper.kept.borrow_mut();
        if let Some(place) = kept.places.get_mut(self.place) {
            *place = None;
            kept.free.push(self.place);
        }
    }
}
