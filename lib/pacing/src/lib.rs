//! Budget and price control as pure arithmetic: plans, the pacing multiplier, holds, leases and accounts.
//!
//! Nothing here reads a clock, a store or a socket: every function takes values and `now`.

pub mod account;
pub mod curve;
pub mod dual;
pub mod goal;
pub mod hold;
pub mod layers;
pub mod pid;
pub mod plan;
pub mod shade;
pub mod throttle;
pub mod watermark;

pub use account::{Account, BudgetLimits, Grant, LeaseRequest, PlacedHold, Resolved, Settlement};
pub use curve::PriceCurve;
pub use dual::Dual;
pub use goal::CostGoal;
pub use hold::{CostRatio, hold_amount};
pub use layers::Layers;
pub use pid::Pid;
pub use plan::{Funds, Schedule};
pub use shade::Shader;
pub use throttle::Throttle;
pub use watermark::Watermarks;
