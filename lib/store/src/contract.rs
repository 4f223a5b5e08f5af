//! One suite per trait, which every implementation passes.
//!
//! Each suite takes an empty store and a `reopen` that closes it and opens the same data again
//! (for a store in memory: returns it). A suite panics at the first promise that does not hold.
#![expect(clippy::unwrap_used, reason = "a suite of tests, called from tests")]

mod asset;
mod campaign;
mod keyed;
mod report;
mod snapshot;
mod user;

pub use asset::asset_store;
pub use campaign::campaign_store;
pub use keyed::{keyed_store, keyed_store_random};
pub use report::{report_store, report_store_random};
pub use snapshot::snapshot_store;
pub use user::user_store;
