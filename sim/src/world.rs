//! One run: every process, one queue of what comes next, one clock.

mod breakage;
mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::random::{SplitMix64, mix};
use domain::time::ManualClock;
use domain::{Clock, Timestamp};
use event_log::memory::{self, MemoryLog};
use pixel::PixelCore;
use proto::token::TokenKeys;
use store::memory::{MemoryCampaigns, MemoryKeyed, MemoryReports, MemorySnapshots};
use updater::Updater;

use crate::faults::{Fault, Faults, Kind, SPAN_MS, Sizes};
use crate::market::{Market, Notice};
use crate::process::Process;
use crate::stores::Faulty;
use crate::trace::Trace;
use crate::workload::{self, Entry, Shape};
use crate::{Outcome, checks};

/// The beats of the real servers, in milliseconds.
const REFRESH_MS: i64 = 100;
const TICK_MS: i64 = 400;
const UPDATE_MS: i64 = 90;
const CHECK_MS: i64 = 1_000;
/// Polls of the updater at each of its beats, at most.
const POLLS_MAX: u64 = 8;
/// How long after the last request notices and leases are still followed, in milliseconds.
const AFTER_MS: i64 = 15_000;
/// An exchange repeats a refused notice so often.
const TRIES_MAX: u32 = 4;
/// How long a change of a campaign may take to reach every bid, in milliseconds.
pub(crate) const CONTROL_MS_MAX: i64 = 1_000;

/// What comes next.
enum Step {
    Request,
    Refresh(usize),
    Flush(usize),
    Tick(usize),
    Update,
    Notice(Box<Notice>),
    Fault(Fault),
    Check,
}

/// Everything there is.
pub(crate) struct World {
    rng: SplitMix64,
    queue: BTreeMap<(Timestamp, u64), Step>,
    sequence: u64,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shape: Shape,
    faults: Faults,
    pub(crate) log: MemoryLog,
    log_faults: memory::Faults,
    pub(crate) keyed: Faulty<MemoryKeyed>,
    pub(crate) reports: Faulty<MemoryReports>,
    snapshots: MemorySnapshots,
    campaigns: MemoryCampaigns,
    pub(crate) entries: Vec<Entry>,
    pub(crate) bidders: Vec<Option<Process>>,
    starts: u64,
    pixel: PixelCore,
    updater: Option<Updater>,
    pub(crate) market: Market,
    silent_until: [Timestamp; 3],
    pub(crate) trace: Trace,
    pub(crate) outcome: Outcome,
}

impl World {
    /// Sets a run up.
    pub(crate) fn new(seed: u64, only: Option<Kind>) -> Self {
        let mut rng = SplitMix64::new(mix(seed));
        let shape = Shape::draw(&mut rng.fork());
        let campaigns = MemoryCampaigns::new();
        let entries = workload::advertise(&mut rng.fork(), &shape, &campaigns);
        let sizes = Sizes {
            bidders: shape.bidders,
            exchanges: shape.exchanges,
            campaigns: entries.len(),
        };
        let faults = Faults::draw(&mut rng.fork(), sizes, only);
        let mut outcome = Outcome::default();
        outcome.stats.kinds.clone_from(&faults.kinds);
        Self {
            queue: BTreeMap::new(),
            sequence: 0,
            clock: Arc::new(ManualClock::new(shape.start)),
            log: MemoryLog::new(shape.partitions),
            log_faults: memory::Faults::default(),
            keyed: Faulty::default(),
            reports: Faulty::default(),
            snapshots: MemorySnapshots::new(),
            campaigns,
            entries,
            bidders: (0..shape.bidders).map(|_| None).collect(),
            starts: 0,
            pixel: PixelCore::new(keys(), "sim", shape.seen_ids_max),
            updater: None,
            market: Market::new(&mut rng.fork(), faults.odds),
            silent_until: [Timestamp(0); 3],
            trace: Trace::default(),
            outcome,
            rng,
            shape,
            faults,
        }
    }

    /// Plays the run to its end and checks it.
    pub(crate) fn play(mut self) -> Outcome {
        self.begin();
        let requests_end = self.shape.start.plus_ms(SPAN_MS);
        let end = requests_end.plus_ms(AFTER_MS);
        while let Some(((at, _), step)) = self.queue.pop_first() {
            if at >= end {
                // Notices are followed to the last one; beats end here.
                if let Step::Notice(notice) = step {
                    self.clock.set(at);
                    self.hear(*notice, at);
                }
                continue;
            }
            self.clock.set(at);
            if at >= requests_end {
                self.heal();
            }
            self.step(step, at, requests_end);
        }
        self.drain(end);
        checks::end(&mut self);
        self.outcome.trace = self.trace.value();
        self.outcome
    }

    fn begin(&mut self) {
        let start = self.shape.start;
        for slot in 0..self.bidders.len() {
            self.start_bidder(slot);
            let phase = i64::try_from(slot).unwrap_or(0) * 37;
            self.after(phase, Step::Refresh(slot));
            self.after(phase + 5, Step::Tick(slot));
            self.after(phase + 150, Step::Flush(slot));
        }
        self.start_updater();
        self.after(1, Step::Update);
        self.after(500, Step::Request);
        self.after(CHECK_MS, Step::Check);
        for (at, fault) in std::mem::take(&mut self.faults.timed) {
            self.at(start.plus_ms(at), Step::Fault(fault));
        }
    }

    fn at(&mut self, when: Timestamp, step: Step) {
        self.sequence += 1;
        self.queue.insert((when, self.sequence), step);
    }

    fn after(&mut self, ms: i64, step: Step) {
        self.at(self.clock.now().plus_ms(ms), step);
    }

    fn step(&mut self, step: Step, now: Timestamp, requests_end: Timestamp) {
        match step {
            Step::Request if now >= requests_end => {}
            Step::Request => {
                self.request();
                let gap = self.rng.exponential(self.shape.gap_ms).min(2_000.0);
                self.after(1 + gap as i64, Step::Request);
            }
            Step::Refresh(slot) => {
                self.refresh(slot);
                self.after(REFRESH_MS, Step::Refresh(slot));
            }
            Step::Flush(slot) => {
                self.flush(slot);
                self.after(TICK_MS, Step::Flush(slot));
            }
            Step::Tick(slot) => {
                self.tick(slot);
                self.after(TICK_MS, Step::Tick(slot));
            }
            Step::Update => {
                self.update(now);
                self.after(UPDATE_MS, Step::Update);
            }
            Step::Notice(notice) => self.hear(*notice, now),
            Step::Fault(fault) => self.suffer(fault, now),
            Step::Check => {
                checks::during(self);
                self.after(CHECK_MS, Step::Check);
            }
        }
    }

    fn refresh(&mut self, slot: usize) {
        if let Some(Some(process)) = self.bidders.get_mut(slot) {
            let now = process.clock.now();
            if let Err(error) = process.background.refresh(now) {
                self.fail(format!("a refresh failed: {error}"));
            }
        }
    }

    fn flush(&mut self, slot: usize) {
        if let Some(Some(process)) = self.bidders.get_mut(slot) {
            let now = process.clock.now();
            process.cores.iter_mut().for_each(|core| core.flush(now));
        }
    }

    fn tick(&mut self, slot: usize) {
        if let Some(Some(process)) = self.bidders.get_mut(slot) {
            let now = process.clock.now();
            let failed = process.background.tick(now).is_err();
            self.outcome.stats.renewals_failed += u64::from(failed);
            for live in process.bidder.snapshot().iter().flat_map(|s| &s.campaigns) {
                self.trace.signed(live.money.headroom().0);
            }
        }
    }

    fn update(&mut self, now: Timestamp) {
        let Some(updater) = self.updater.as_mut() else {
            return;
        };
        for _ in 0..=self.rng.below(POLLS_MAX) {
            match updater.step(now, Duration::ZERO) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => self.outcome.stats.steps_failed += 1,
            }
        }
    }

    /// Lets the updater take what is left.
    fn drain(&mut self, now: Timestamp) {
        self.heal();
        while let Some(updater) = self.updater.as_mut() {
            match updater.step(now, Duration::ZERO) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.fail(format!("the updater fails without a fault: {error}"));
                    break;
                }
            }
        }
        let done = self.updater.as_ref().map(Updater::caught_up);
        if !matches!(done, Some(Ok(true))) {
            self.fail("the updater has not caught up".to_owned());
        }
    }

    fn note(&mut self, result: Result<(), String>) {
        if let Err(why) = result {
            self.fail(why);
        }
    }

    /// Notes a broken promise; the first few say enough.
    pub(crate) fn fail(&mut self, why: impl Into<String>) {
        if self.outcome.failures.len() < 20 {
            let at = self.clock.now().since(self.shape.start);
            self.outcome
                .failures
                .push(format!("at {at} ms: {}", why.into()));
        }
    }
}

fn keys() -> TokenKeys {
    TokenKeys::new([(1, [7; 32])]).expect("one key is given")
}
