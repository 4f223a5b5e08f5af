//! Answers bid requests: parse, target, score, pace, price, respond.
//!
//! [`Bidder::new`] puts the parts together. A [`BidderCore`] decides requests on one thread, a [`Background`]
//! keeps campaigns, model and leases current; neither starts a thread or opens a socket, so that a simulation
//! can drive them. [`server`] does both for real.

mod admission;
pub mod auction;
pub mod background;
pub mod breaker;
pub mod candidate;
mod choose;
pub mod config;
pub mod core;
mod estimate;
pub mod explain;
pub mod facts;
pub mod fill;
pub mod fit;
pub mod frequency;
pub mod gate;
pub mod geo;
pub mod http;
pub mod identity;
pub mod invalid_traffic;
mod leases;
pub mod metrics;
pub mod money;
pub mod near_cache;
pub mod outbox;
pub mod overload;
pub mod pacing;
pub mod people;
pub mod pod;
pub mod price;
pub mod privacy;
pub mod provisional;
pub mod pseudonym;
pub mod rates;
pub mod record;
pub mod respond;
mod roadblock;
pub mod rotation;
pub mod rules;
pub mod samples;
pub mod score;
pub mod sellers;
pub mod served;
pub mod server;
mod shared;
pub mod skadn;
pub mod snapshot;
pub mod supply;
pub mod tally;
pub mod targeting;
pub mod trial;
pub mod waiting;

pub use background::{Background, BackgroundError};
pub use config::{Config, ConfigError, ExchangeConfig};
pub use core::{Answer, BidderCore, Call, Reply};
pub use explain::{Explainer, Explanation, Numbers, Verdict, Versions};
pub use served::ServedBid;
pub use server::Server;
pub use shared::{Bidder, Seams};
