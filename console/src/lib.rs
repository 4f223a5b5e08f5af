//! Advertisers' web pages and REST API.
//!
//! [`Console::router`] builds everything without a socket; [`Console::run`] serves it. The console edits the
//! campaign store and reads reports and accounts; it never touches the ledger, the log or another service.

mod access;
mod accounts;
mod api;
mod assets;
mod changes;
mod chart;
mod config;
mod extract;
mod forms;
mod hosted;
mod http;
mod live;
pub mod metrics;
mod pages;
mod password;
mod people;
mod problem;
mod refusals;
mod session;
mod state;
mod text;
mod throttle;
mod time_text;
mod view;

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

pub use accounts::{AccountView, Accounts};
pub use config::Config;
pub use password::{ENTROPY_BYTES, FIRST_ADMIN, OneTimePassword, ensure_admin};
pub use state::Deps;

/// How long open requests may take to finish once the end was asked for; live streams never do.
const DRAIN: Duration = Duration::from_secs(2);

/// The console.
#[derive(Debug)]
pub struct Console;

impl Console {
    /// Every page and API address over these stores. Opens nothing.
    pub fn router(deps: Deps) -> Router {
        http::router(&state::App::new(deps))
    }

    /// Serves a router until `end` resolves, then lets open requests finish for two seconds.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn run(
        listener: TcpListener,
        router: Router,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (tell, mut told) = tokio::sync::watch::channel(false);
        let mut heard = tell.subscribe();
        let waiting = tokio::spawn(async move {
            end.await;
            tell.send_replace(true);
        });
        let graceful = async move {
            // A lost sender means the end too.
            drop(heard.wait_for(|ended| *ended).await);
        };
        let serving = axum::serve(listener, router).with_graceful_shutdown(graceful);
        let drained = async move {
            drop(told.wait_for(|ended| *ended).await);
            tokio::time::sleep(DRAIN).await;
        };
        let served = tokio::select! {
            biased;
            served = serving => served,
            () = drained => Ok(()),
        };
        waiting.abort();
        served
    }

    /// The API's OpenAPI 3.1 description, as checked in at `console/api.json`.
    pub fn api_description() -> String {
        api::description()
    }
}
