//! Days of market on the simulated clock: what campaigns spend, what predictions are worth, against a known truth.
//!
//! [`run`] plays one [`Plan`]: bidder, pixel and updater as their synchronous cores, over memory stores and the memory log, second
//! by second. Page views, rivals, users and the notices that get lost or late come from the seed and from nothing
//! that was bid, so that two runs of one seed that bid differently meet the same world. [`Report::new`] judges one run,
//! [`Comparison::new`] two of them.

mod browsing;
mod calibration;
mod catalogue;
mod compare;
mod figures;
mod history;
mod oracle;
mod page;
mod rivals;
mod sales;
mod stage;
mod truth;

pub use calibration::{Bucket, Calibration, Slice};
pub use compare::Comparison;
pub use figures::{CLICKS_ENOUGH, CampaignDay, CampaignFigures, Report, Skill};
pub use page::{page, picture};
pub use sales::{Played, Sale};

use domain::Timestamp;

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// Monday 2026-11-23, 00:00 UTC.
pub(crate) const START: Timestamp = Timestamp(1_795_392_000_000);
/// Clicks that come of a request, roughly: what a wish for clicks is translated with.
const CLICKS_PER_REQUEST: f64 = 0.011;

/// By what line items bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bids {
    /// The learned model.
    Learned,
    /// What each line item's impressions have come to so far, as a price per mille: what a buyer without predictions does.
    History,
}

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Hours, from Monday's first on.
    pub hours: u32,
    /// Campaigns, two line items each.
    pub campaigns: usize,
    /// Bid requests in all.
    pub requests: u64,
    /// Fixes everything.
    pub seed: u64,
    /// By what line items bid.
    pub bids: Bids,
}

impl Plan {
    /// So many requests lead to about so many clicks.
    pub fn requests_for(clicks: u64) -> u64 {
        (clicks as f64 / CLICKS_PER_REQUEST).ceil() as u64
    }

    /// When the last request has come.
    pub(crate) fn end(&self) -> Timestamp {
        START.plus_ms(i64::from(self.hours) * HOUR_MS)
    }

    /// The same as a length.
    pub(crate) fn hour_count(&self) -> usize {
        self.hours as usize
    }

    /// Days, the last of which may be a part of one.
    pub(crate) fn days(&self) -> usize {
        self.hour_count().div_ceil(24)
    }
}

/// Plays a plan. `on_progress` is told of the requests decided since the last time, every simulated hour.
///
/// # Errors
/// When a promise is broken: the money does not add up, a store or the pixel refuses what is right.
pub fn run(plan: Plan, on_progress: impl FnMut(u64)) -> Result<Played, String> {
    stage::Stage::new(plan)?.play(on_progress)
}

/// The hour of the run.
pub(crate) fn hour_of(at: Timestamp) -> usize {
    usize::try_from(at.since(START) / HOUR_MS).unwrap_or(0)
}
