//! Consent strings as their specifications code them, read in place: TCF, GPP with its sections, US privacy.
//!
//! Nothing here allocates and nothing decides what a choice means for a bid. What does not decode is an error,
//! which callers take as "no consent"; a string that is cut short never says more than the whole one.

mod bits;
pub mod canada;
pub mod gpp;
pub mod tcf;
pub mod us_privacy;
pub mod us_section;

pub use gpp::Gpp;
pub use tcf::{TcString, VendorChoices};
pub use us_privacy::UsPrivacy;
pub use us_section::UsChoices;

/// Longest string that is read, in characters: three sets of all 65,535 vendors as bit fields take 32,771 and
/// restrictions a few more; real strings end below 4,000.
pub const CONSENT_CHARS_MAX: usize = 40_000;

/// The text is not what its specification describes: no consent can be read out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("consent string does not decode")]
pub struct Undecodable;
