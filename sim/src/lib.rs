//! The whole system without sockets on a simulated clock.
//!
//! [`run`] plays one seed: bidders, pixel and updater as their synchronous cores, over memory stores and the memory
//! log, driven by one queue ordered by (time, sequence). Exchanges, rivals, users and faults come from the seed.
//! The checks are DESIGN's promises about money: the bound, nothing acknowledged lost, nothing counted twice.

pub mod auctions;
mod checks;
pub mod days;
pub mod faults;
pub mod hostile;
mod market;
mod process;
pub mod replay;
pub mod stores;
mod trace;
mod workload;
mod world;

use domain::Micros;
use faults::Kind;

/// What happened in a run, so that a test can see that it was worth running.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Kinds of faults that were let loose.
    pub kinds: Vec<Kind>,
    /// Requests decided.
    pub requests: u64,
    /// Bids answered.
    pub bids: u64,
    /// Bid requests that came while no bidder could answer.
    pub unanswered: u64,
    /// Hits of which the log had the event already, by the pixel's memory.
    pub repeats: u64,
    /// Records in the log that repeat an event, for the updater to tell.
    pub repeated_records: u64,
    /// Hits that the pixel believed in nothing of.
    pub rejected: u64,
    /// Appends that the log refused.
    pub appends_refused: u64,
    /// Renewals of leases that failed.
    pub renewals_failed: u64,
    /// Steps of the updater that failed.
    pub steps_failed: u64,
    /// Bidders killed.
    pub bidders_killed: u64,
    /// Updaters killed.
    pub updaters_killed: u64,
    /// Campaigns paused.
    pub pauses: u64,
    /// Campaigns that had too little left for one more bid at the end.
    pub exhausted: u64,
    /// Campaigns that spent at least 98 % of their budget.
    pub spent_up: u64,
    /// Bids that held their whole cost.
    pub full_holds: u64,
    /// Billing notices booked.
    pub billed: u64,
    /// All that was spent, in micros.
    pub spent: Micros,
    /// The part of it that was told late.
    pub late: Micros,
    /// Won, but never billed in time.
    pub unbilled: Micros,
    /// The worst of what a campaign spent in time beyond its budget.
    pub over: Micros,
    /// The same in full bids of the campaign, in thousandths.
    pub over_bids_ppk: i64,
    /// The worst of what a campaign spent in all beyond its budget, late notices included.
    pub over_with_late: Micros,
}

impl Stats {
    /// Takes another run's figures into these: sums, and the worst of what is a worst.
    pub fn add(&mut self, other: &Self) {
        self.kinds.extend(&other.kinds);
        self.kinds.sort_unstable();
        self.kinds.dedup();
        self.requests += other.requests;
        self.bids += other.bids;
        self.unanswered += other.unanswered;
        self.repeats += other.repeats;
        self.repeated_records += other.repeated_records;
        self.rejected += other.rejected;
        self.appends_refused += other.appends_refused;
        self.renewals_failed += other.renewals_failed;
        self.steps_failed += other.steps_failed;
        self.bidders_killed += other.bidders_killed;
        self.updaters_killed += other.updaters_killed;
        self.pauses += other.pauses;
        self.exhausted += other.exhausted;
        self.spent_up += other.spent_up;
        self.full_holds += other.full_holds;
        self.billed += other.billed;
        self.spent += other.spent;
        self.late += other.late;
        self.unbilled += other.unbilled;
        self.over = self.over.max(other.over);
        self.over_bids_ppk = self.over_bids_ppk.max(other.over_bids_ppk);
        self.over_with_late = self.over_with_late.max(other.over_with_late);
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The hash of everything put out.
    pub trace: u64,
    /// What happened.
    pub stats: Stats,
    /// Broken promises, none if all is well.
    pub failures: Vec<String>,
}

/// Plays one seed.
pub fn run(seed: u64) -> Outcome {
    run_with(seed, None)
}

/// Plays one seed with no kind of fault but `only`, for finding out what a fault costs.
pub fn run_with(seed: u64, only: Option<Kind>) -> Outcome {
    world::World::new(seed, only).play()
}
