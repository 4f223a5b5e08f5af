//! Keyed state and snapshots in the data folder: one process, no service beside it.
//!
//! [`EmbeddedKeyed`] keeps budgets, caps, profiles and the ledger in an LSM tree; [`FileSnapshots`] keeps models and
//! other published files; [`FileAssets`] keeps what creatives show.

mod assets;
mod keyed;
mod snapshots;

pub use assets::FileAssets;
pub use keyed::EmbeddedKeyed;
pub use snapshots::FileSnapshots;
