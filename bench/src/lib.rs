//! What a bid costs: the bidder and a bare server side by side, under one committed workload.
//!
//! `run` measures both as child processes and prints the comparison; the other modules are its parts: the
//! workload (`catalogue`, `requests`), the processes (`servers`, `client`, `open`, `orders`, `process`), what is asked of them
//! beyond processor time (`overload`) and what needs no socket (`direct`).

pub mod catalogue;
pub mod client;
pub mod direct;
pub mod open;
mod orders;
pub mod overload;
pub mod process;
pub mod requests;
pub mod run;
pub mod servers;
pub mod world;
