//! Every store in memory, for tests and simulation: deterministic, and shared by its clones.

mod asset;
mod campaign;
mod keyed;
mod report;
mod snapshot;
#[cfg(test)]
mod tests;
mod user;

pub use asset::MemoryAssets;
pub use campaign::MemoryCampaigns;
pub use keyed::MemoryKeyed;
pub use report::MemoryReports;
pub use snapshot::MemorySnapshots;
pub use user::MemoryUsers;
