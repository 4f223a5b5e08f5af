//! Takes what happened after a bid: notices, impressions, views, clicks, conversions.
//!
//! [`collect`] decides what one hit is (pure, also driven by the simulation); [`http`] appends it to the event
//! log, waits for the acknowledgement and answers. Success is never answered before the log has acknowledged.

pub mod assets;
pub mod collect;
pub mod config;
pub mod dedupe;
pub mod http;
pub mod landing;
pub mod markup;
pub mod metrics;
pub mod price;
mod query;
pub mod verify;

use std::net::TcpListener;
use std::sync::Arc;

use assets::Assets;
use domain::Clock;
use event_log::EventLog;
use markup::MarkupSource;
use proto::token::TokenKeys;
use service_kit::telemetry::WarnLimit;
use service_kit::{ServeError, Server, ServerOptions, Shutdown, run_cores};
use store::asset::AssetStore;

pub use collect::{Answer, Decision, Hit, Method, Offer, PixelCore, Verdict};
pub use config::{ConfigError, PixelConfig};
pub use price::PriceKeys;
pub use verify::{HitKind, Reject};

/// Operators read of a failing log once in ten seconds; the metrics count each case.
const STORAGE_WARNING_PERIOD_US: u64 = 10_000_000;

/// The service: what a hit needs, ready to be served.
pub struct Pixel {
    config: PixelConfig,
    core: Arc<PixelCore>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    assets: Option<Assets>,
    markup: Option<MarkupSource>,
}

impl Pixel {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When a knob is out of its range; the message names key, value and rule.
    pub fn new(
        config: PixelConfig,
        keys: TokenKeys,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let core = PixelCore::new(keys, &config.region, config.seen_ids_max)
            .with_price_keys(config.price_keys.clone());
        let core = Arc::new(core);
        Ok(Self {
            config,
            core,
            log,
            clock,
            assets: None,
            markup: None,
        })
    }

    /// Serves the files of creatives too, under `/a/`.
    #[must_use]
    pub fn with_assets(self, store: Arc<dyn AssetStore>) -> Self {
        Self {
            assets: Some(Assets::new(store)),
            ..self
        }
    }

    /// Answers the win notices of exchanges that fetch the markup by them.
    #[must_use]
    pub fn with_markup(self, source: MarkupSource) -> Self {
        Self {
            markup: Some(source),
            ..self
        }
    }

    /// Serves on `listener` until shutdown, on threads of its own.
    ///
    /// # Errors
    /// When the system refuses sockets or threads.
    pub fn serve(self, listener: TcpListener, shutdown: &Shutdown) -> Result<Server, ServeError> {
        let options = ServerOptions {
            name: "pixel",
            cores: self.config.cores,
            limits: self.config.limits,
        };
        let endpoint = Arc::new(http::Endpoint {
            core: self.core,
            log: self.log,
            clock: self.clock,
            assets: self.assets,
            markup: self.markup,
            notice_deadline: self.config.notice_deadline,
            click_deadline: self.config.click_deadline,
            storage_warnings: WarnLimit::new(STORAGE_WARNING_PERIOD_US),
        });
        let make = move |_| {
            let endpoint = Arc::clone(&endpoint);
            move |request| http::answer(Arc::clone(&endpoint), request)
        };
        run_cores(options, listener, make, shutdown)
    }
}
