//! What goes over a wire or to a disk: OpenRTB, consent strings, events, state, catalogue documents, tracking tokens.
//!
//! Wire types stay here; each is converted once, at the edge. No business rule lives in this crate.

pub mod catalogue;
pub mod consent;
pub mod event;
mod fields;
pub mod openrtb;
pub mod price;
pub mod state;
pub mod token;
