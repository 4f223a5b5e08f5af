//! Budget and price control as pure arithmetic: plans, the pacing multiplier, holds, leases and accounts.
//!
//! Nothing here reads a clock, a store or a socket: every function takes values and `now`.

pub mod account;
pub mod hold;
pub mod pacer;
pub mod plan;
pub mod watermark;

pub use account::{Account, BudgetLimits, Grant, LeaseRequest, PlacedHold, Resolved, Settlement};
pub use hold::{CostRatio, hold_amount};
pub use pacer::{Pacer, Tick};
pub use plan::Schedule;
pub use watermark::Watermarks;
