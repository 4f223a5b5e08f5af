//! Requests that are kept for explanations: some of those that came, in memory only, none that forbids its user ids.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::limits::REQUEST_BODY_BYTES_MAX;
use domain::{Outcome, Timestamp};
use parking_lot::Mutex;
use proto::openrtb::Format;

use crate::privacy::Verdict;

/// Most bytes of bodies in one process: each of the places has its part of it, so that few places take the largest
/// requests and many take only usual ones.
pub const SAMPLES_BYTES_MAX: usize = 32 << 20;
/// Most requests: with as many, each may still have eight KiB, which most requests stay under.
pub const SAMPLES_MAX: usize = 4096;

/// A request as it came, and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Counts the kept requests of this process from 1; 0 is none.
    pub number: u64,
    /// Which exchange sent it.
    pub exchange: String,
    /// The form of the body.
    pub format: Format,
    /// When it was decided.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// As it came.
    pub body: Vec<u8>,
}

/// The last kept requests of all cores. Places are reused in turn with their buffers; who reads a place never makes
/// a core wait: it leaves its request out.
#[derive(Debug)]
pub(crate) struct Samples {
    places: Box<[Mutex<Sample>]>,
    body_bytes_max: usize,
    kept: AtomicU64,
}

impl Samples {
    /// Room for so many.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.min(SAMPLES_MAX);
        let empty = || {
            Mutex::new(Sample {
                number: 0,
                exchange: String::new(),
                format: Format::Json,
                at: Timestamp(0),
                outcome: Outcome::Bid,
                body: Vec::new(),
            })
        };
        Self {
            places: (0..count).map(|_| empty()).collect(),
            body_bytes_max: REQUEST_BODY_BYTES_MAX.min(SAMPLES_BYTES_MAX / count.max(1)),
            kept: AtomicU64::new(0),
        }
    }

    /// What is kept, newest first.
    pub(crate) fn list(&self) -> Vec<Sample> {
        let all = self.places.iter().map(|place| place.lock().clone());
        let mut all: Vec<_> = all.filter(|sample| sample.number > 0).collect();
        all.sort_unstable_by_key(|sample| std::cmp::Reverse(sample.number));
        all
    }

    fn keep(&self, fill: impl FnOnce(&mut Sample)) {
        let number = self.kept.fetch_add(1, Ordering::Relaxed) + 1;
        let at = number.checked_rem(self.places.len() as u64).unwrap_or(0);
        let place = usize::try_from(at).ok().and_then(|at| self.places.get(at));
        if let Some(mut sample) = place.and_then(Mutex::try_lock) {
            fill(&mut sample);
            sample.number = number;
        }
    }
}

/// One core's choice of requests: every so many. The body is copied before it is read, since reading changes it.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    since: u32,
    chosen: bool,
    allowed: bool,
    body: Vec<u8>,
}

impl Sampler {
    /// Copies the body of every `every`-th request, if it is not too large.
    pub(crate) fn choose(&mut self, samples: &Samples, every: u32, body: &[u8]) {
        (self.chosen, self.allowed) = (false, false);
        if samples.places.is_empty() {
            return;
        }
        self.since += 1;
        if self.since < every || body.len() > samples.body_bytes_max {
            return;
        }
        (self.since, self.chosen) = (0, true);
        self.body.clear();
        self.body.reserve_exact(body.len());
        self.body.extend_from_slice(body);
    }

    /// Takes the verdict on the request's user data: without it, or where anything is forbidden, it is not kept.
    pub(crate) fn allow(&mut self, verdict: Verdict) {
        let ids = verdict.user_allowed && verdict.profile_allowed;
        self.allowed = ids && verdict.location_allowed;
    }

    /// Keeps the chosen request, if it may be. The place's buffer is the next one's.
    pub(crate) fn keep(
        &mut self,
        samples: &Samples,
        (exchange, format): (&str, Format),
        ended: impl FnOnce() -> (Timestamp, Outcome),
    ) {
        if !self.chosen || !self.allowed {
            return;
        }
        self.chosen = false;
        samples.keep(|sample| {
            sample.exchange.clear();
            sample.exchange.push_str(exchange);
            sample.format = format;
            (sample.at, sample.outcome) = ended();
            std::mem::swap(&mut sample.body, &mut self.body);
        });
    }
}
