//! What is kept beside the log, behind small traits: keyed state, campaigns, console users, reports, snapshots.
//!
//! The traits say what is stored, never why: caps, pacing and prices are decided elsewhere.
//! Every trait has an implementation in memory here, a real one in a crate of its own,
//! and one suite in [`contract`] that all of them pass.

pub mod asset;
pub mod budget;
pub mod campaign;
mod codec;
pub mod contract;
pub mod keyed;
pub mod memory;
pub mod offsets;
pub mod profile;
pub mod report;
pub mod snapshot;
pub mod state;
pub mod user;

/// What went wrong, and whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The storage failed; retrying may help once it is mended.
    #[error("storage failed: {0}")]
    Storage(String),
    /// Stored bytes do not decode: another version wrote them, or they are damaged.
    #[error("stored {what} is damaged: {why}")]
    Damaged {
        /// Which record.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else changed it first; read again and retry.
    #[error("{0} was changed by somebody else")]
    Conflict(&'static str),
    /// There is no such object.
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of object.
        what: &'static str,
        /// Its id.
        id: u64,
    },
    /// The caller's object breaks a rule.
    #[error("{field}: {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: String,
    },
    /// Another process holds the folder.
    #[error("data folder {folder} is held by {holder}")]
    Held {
        /// The folder.
        folder: String,
        /// What is known of the holder.
        holder: String,
    },
}
