//! Records of the keyed state store, as generated from `state.proto`.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "generated code"
)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/paceline.state.v1.rs"));
}

pub use wire::*;
