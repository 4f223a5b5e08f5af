//! Names of the bidder's metrics, its latency buckets, and who counts what.

use domain::{NoBid, Outcome};
use metrics::{Histogram, counter, histogram};

/// Requests by how they ended (`outcome`).
pub const REQUESTS: &str = "paceline_bidder_requests_total";
/// Bids sent.
pub const BIDS: &str = "paceline_bidder_bids_total";
/// Bids whose record the event log did not take.
pub const BIDS_UNLOGGED: &str = "paceline_bidder_bids_unlogged_total";
/// Delivery counts that the event log did not take.
pub const DELIVERY_UNLOGGED: &str = "paceline_bidder_delivery_unlogged_total";
/// Answers that were ready only after their deadline and were withheld.
pub const LATE: &str = "paceline_bidder_late_answers_total";
/// Time from the whole request to the whole answer.
pub const DECIDE_SECONDS: &str = "paceline_bidder_decide_seconds";
/// Snapshots that were taken into use.
pub const SNAPSHOTS: &str = "paceline_bidder_snapshots_total";
/// Snapshots that were refused or could not be loaded.
pub const SNAPSHOTS_REFUSED: &str = "paceline_bidder_snapshots_refused_total";
/// Lookups of profiles by `outcome`: hit and read are in time; slow, failed and skipped may leave people unknown.
pub const PROFILE_READS: &str = "paceline_bidder_profile_reads_total";
/// Provisional counts of frequency caps that had to make room: each is a bid that caps may have forgotten too early.
pub const PROVISIONAL_EVICTED: &str = "paceline_bidder_provisional_evicted_total";
/// Requests that HTTP refused, by `status`.
pub const HTTP_REFUSED: &str = "paceline_bidder_http_refused_total";

/// Files of exchange rates that could not be used; the last rates stay in use.
pub const RATES_REFUSED: &str = "paceline_bidder_rates_refused_total";
/// How old the exchange rates in use are, in days.
pub const RATES_AGE_DAYS: &str = "paceline_bidder_rates_age_days";

/// How a lookup of profiles ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileRead {
    /// The core's cache had it.
    Hit,
    /// The store gave it in time.
    Read,
    /// The store gave it, but took longer than its slice.
    Slow,
    /// The store failed.
    Failed,
    /// The store was left alone, since it lately was slow or failed.
    Skipped,
}

impl ProfileRead {
    const LABELS: [&'static str; 5] = ["hit", "read", "slow", "failed", "skipped"];
}

/// The label of an outcome.
pub fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Bid => "bid",
        Outcome::NoBid(why) => why.label(),
    }
}

/// Counters of one core, handed over once a second so that a request touches no shared memory for them.
#[derive(Debug)]
pub struct Counts {
    outcomes: [u64; NoBid::ALL.len() + 1],
    bids: u64,
    late: u64,
    profile_reads: [u64; ProfileRead::LABELS.len()],
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            outcomes: [0; NoBid::ALL.len() + 1],
            bids: 0,
            late: 0,
            profile_reads: [0; ProfileRead::LABELS.len()],
        }
    }
}

impl Counts {
    /// Counts a request.
    pub fn outcome(&mut self, outcome: Outcome) {
        let at = match outcome {
            Outcome::Bid => NoBid::ALL.len(),
            Outcome::NoBid(why) => why as usize,
        };
        if let Some(count) = self.outcomes.get_mut(at) {
            *count += 1;
        }
    }

    /// Counts bids that were sent.
    pub fn bids(&mut self, bids: u64) {
        self.bids += bids;
    }

    /// Counts a lookup of profiles.
    pub fn profile_read(&mut self, how: ProfileRead) {
        if let Some(count) = self.profile_reads.get_mut(how as usize) {
            *count += 1;
        }
    }

    /// Counts an answer that was withheld because it was late.
    pub fn late(&mut self) {
        self.late += 1;
    }

    /// Adds everything to the process's counters and starts again from zero.
    pub fn hand_over(&mut self) {
        let counts = std::mem::take(self);
        let outcomes = NoBid::ALL
            .iter()
            .map(|why| Outcome::NoBid(*why))
            .chain([Outcome::Bid]);
        for (outcome, count) in outcomes
            .zip(counts.outcomes)
            .filter(|(_, count)| *count > 0)
        {
            counter!(REQUESTS, "outcome" => outcome_label(outcome)).increment(count);
        }
        counter!(BIDS).increment(counts.bids);
        counter!(LATE).increment(counts.late);
        let reads = ProfileRead::LABELS.into_iter().zip(counts.profile_reads);
        for (outcome, count) in reads.filter(|(_, count)| *count > 0) {
            counter!(PROFILE_READS, "outcome" => outcome).increment(count);
        }
    }
}

/// Notes how long decisions take: a handle, so that none has to be looked up for each.
#[derive(Debug)]
pub struct Took(Histogram);

impl Default for Took {
    fn default() -> Self {
        Self(histogram!(DECIDE_SECONDS))
    }
}

impl Took {
    /// One decision, in microseconds.
    pub fn note(&self, us: u64) {
        self.0.record(us as f64 / 1e6);
    }
}
