//! Counters that the threads of a run share, and the picture of them for a progress line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is counted while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Requests,
    Answered,
    NoBids,
    Bids,
    InvalidBids,
    Errors,
    LateAnswers,
    Wins,
    Losses,
    Impressions,
    Views,
    Clicks,
    Conversions,
    NoticesSent,
    NoticesAcked,
    NoticesLost,
    NoticesDoubled,
    NoticesLate,
    EventsSent,
    EventsAcked,
    EventsUnacked,
    EventErrors,
    EventsDropped,
    Pending,
}

const COUNTERS: usize = Counter::Pending as usize + 1;

/// The counters of a run, shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct Live([AtomicU64; COUNTERS]);

impl Live {
    pub(crate) fn add(&self, counter: Counter, count: u64) {
        self.0[counter as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, counter: Counter, count: u64) {
        self.0[counter as usize].fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Bid requests that were due.
    pub requests: u64,
    /// Bid requests that were answered 200 or 204 in full.
    pub answered: u64,
    /// Bids received.
    pub bids: u64,
    /// Bids that broke a rule.
    pub invalid_bids: u64,
    /// Auctions won.
    pub wins: u64,
    /// Impressions acknowledged, each once.
    pub impressions: u64,
    /// Clicks acknowledged, each once.
    pub clicks: u64,
    /// Conversions acknowledged, each once.
    pub conversions: u64,
    /// Notices acknowledged, repeats included.
    pub notices_acked: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Answers after `tmax`.
    pub late_answers: u64,
    /// Events that wait for their time or their answer.
    pub pending: u64,
}

impl Progress {
    pub(crate) fn of(live: &Live, elapsed: Duration) -> Self {
        Self {
            elapsed,
            requests: live.get(Counter::Requests),
            answered: live.get(Counter::Answered),
            bids: live.get(Counter::Bids),
            invalid_bids: live.get(Counter::InvalidBids),
            wins: live.get(Counter::Wins),
            impressions: live.get(Counter::Impressions),
            clicks: live.get(Counter::Clicks),
            conversions: live.get(Counter::Conversions),
            notices_acked: live.get(Counter::NoticesAcked),
            errors: live.get(Counter::Errors),
            late_answers: live.get(Counter::LateAnswers),
            pending: live.get(Counter::Pending),
        }
    }
}
