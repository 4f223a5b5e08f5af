//! How any of our servers lives: start, serve, observe, stop.
//!
//! [`listen`] binds, [`serve`] answers on one runtime per core, [`body`] reads what was sent and [`unpack`] unpacks it within bounds, [`pack`] packs what is answered,
//! [`admin`] shows how it goes, [`drain`] ends it without losing a request, [`handover`] lets another process go on. Nothing here knows what is served.

mod activity;
pub mod admin;
pub mod body;
mod connection;
pub mod drain;
pub mod handover;
mod keeper;
pub mod listen;
pub mod metrics;
mod nudge;
pub mod pack;
pub mod serve;
pub mod telemetry;
pub mod unpack;

pub use drain::Shutdown;
pub use serve::{ServeError, Server, ServerLimits, ServerOptions, run_cores};
