//! Recorded auctions through pacing, holds and shading as the bidder runs them: rows in, figures out, no network.
//!
//! A row is one auction. It is won where the bid is above its price, and costs the price (second price) or the bid
//! (first price). Controllers learn from their own auctions only. `docs/money.md` defines every figure.

pub mod books;
mod engine;
pub mod figures;
mod fitted;
pub mod flight;
pub mod oracle;
pub mod plot;
mod policy;
pub mod stream;
mod vault;

pub use engine::{Played, run};
pub use figures::Figures;
pub use stream::{Stream, StreamError};

/// Which rule sets the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auction {
    /// The winner pays what it outbid.
    Second,
    /// The winner pays its bid.
    First,
}

/// What decides the bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The receding-horizon dual multiplier: what a bidder runs.
    Dual,
    /// Layered throttling after Smart Pacing.
    Layers,
    /// Uniform throttling.
    Throttle,
    /// PID on the multiplier.
    Pid,
    /// Unpaced bids until the money is gone.
    Asap,
    /// In proportion to the predicted click rate, fitted.
    Linear,
    /// The square-root form of ORTB, fitted.
    Ortb,
    /// What a click cost in the fitted rows, times the predicted click rate.
    Truthful,
    /// Always the same bid, fitted.
    Constant,
}

impl Strategy {
    /// All of them, the default first.
    pub const ALL: [Self; 9] = [
        Self::Dual,
        Self::Layers,
        Self::Throttle,
        Self::Pid,
        Self::Asap,
        Self::Linear,
        Self::Ortb,
        Self::Truthful,
        Self::Constant,
    ];

    /// As on the command line.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dual => "dual",
            Self::Layers => "layers",
            Self::Throttle => "throttle",
            Self::Pid => "pid",
            Self::Asap => "asap",
            Self::Linear => "linear",
            Self::Ortb => "ortb",
            Self::Truthful => "truthful",
            Self::Constant => "constant",
        }
    }
}

/// How the budget is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// As a share of what all rows cost.
    Share(f64),
    /// In micros.
    Micros(i64),
}

/// How a plan is shaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In proportion to the forecast.
    Traffic,
    /// Every slot the same.
    Even,
}

/// What a bid holds until its billing notice has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// What bids are expected to cost, as the account allows it.
    Expected,
    /// All of the bid.
    Full,
    /// Nothing: bids stop when what is billed reaches the budget.
    KnownSpend,
}

/// Everything that can be asked of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Which rule sets the price.
    pub auction: Auction,
    /// The money.
    pub budget: Budget,
    /// How many layers `Strategy::Layers` has.
    pub layers: usize,
    /// The plan's shape.
    pub plan: Shape,
    /// Slots of the plan in an hour.
    pub slots_per_hour: usize,
    /// The forecast of an hour is wrong by up to this part of it, either way.
    pub forecast_noise: f64,
    /// The forecast is this part of what comes.
    pub volume_error: f64,
    /// An outcome is known so many rows later.
    pub feedback_delay: usize,
    /// Billing notices come so many rows later; without it at once, and nothing is held.
    pub in_flight: Option<usize>,
    /// What bids hold, where notices come later.
    pub holds: Holds,
    /// The part of billing notices that come twice.
    pub duplicates: f64,
    /// The part of billing notices that never come.
    pub lost: f64,
    /// Bidder processes, which take rows in turn.
    pub bidders: usize,
    /// One of them stops at the middle row, for one percent of the rows.
    pub kill_one: bool,
    /// What unpaced bids would cost, in budgets.
    pub max_bid_pressure: f64,
    /// A predicted click may cost so many micros on average.
    pub goal_ecpc: Option<f64>,
    /// Notices tell the price that was to be outbid, also those of lost auctions.
    pub min_to_win: bool,
    /// Fixes all draws.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            auction: Auction::Second,
            budget: Budget::Share(1.0 / 8.0),
            layers: 8,
            plan: Shape::Traffic,
            slots_per_hour: 6,
            forecast_noise: 0.0,
            volume_error: 1.0,
            feedback_delay: 0,
            in_flight: None,
            holds: Holds::Expected,
            duplicates: 0.0,
            lost: 0.0,
            bidders: 1,
            kill_one: false,
            max_bid_pressure: 4.0,
            goal_ecpc: None,
            min_to_win: false,
            seed: 1,
        }
    }
}

impl Options {
    /// The budget in micros, for this stream.
    pub fn budget_micros(&self, stream: &Stream) -> i64 {
        match self.budget {
            Budget::Share(share) => (stream.cost() as f64 * share).round() as i64,
            Budget::Micros(micros) => micros,
        }
    }
}

#[cfg(test)]
mod tests;
