//! What every handler shares: the stores, the clock, the throttle and a cached catalogue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Catalogue, Clock, Timestamp};
use parking_lot::Mutex;
use store::StoreError;
use store::asset::AssetStore;
use store::campaign::CampaignStore;
use store::report::ReportStore;
use store::user::UserStore;
use tokio::sync::Semaphore;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::problem::Problem;
use crate::throttle::Throttle;

/// Most password hashes at once: each takes 19 MiB and tens of milliseconds.
const HASHES_MAX: usize = 2;
/// Most uploads at once: each takes up to 32 MiB.
const UPLOADS_MAX: usize = 4;
/// How often a failing store is written to the log at most, in microseconds.
const FAILURE_LOG_US: u64 = 10_000_000;

/// What the console works on. All of it may block; handlers call it off the event loop.
pub struct Deps {
    /// What advertisers have set up.
    pub campaigns: Arc<dyn CampaignStore>,
    /// Who may sign in.
    pub users: Arc<dyn UserStore>,
    /// What was delivered.
    pub reports: Arc<dyn ReportStore>,
    /// What the ledger says.
    pub accounts: Arc<dyn Accounts>,
    /// The files that creatives show.
    pub assets: Arc<dyn AssetStore>,
    /// Where browsers reach them: a name is put after it.
    pub assets_url: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The knobs.
    pub config: Config,
}

/// The state behind the router.
pub(crate) struct Shared {
    pub(crate) deps: Deps,
    pub(crate) throttle: Throttle,
    pub(crate) hashing: Semaphore,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) uploads: Semaphore,
    catalogue: Mutex<Option<Arc<Catalogue>>>,
    failure_logged_us: AtomicU64,
}

/// A handle to the state.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Nothing is read yet.
    pub(crate) fn new(deps: Deps) -> Self {
        let live = usize::try_from(deps.config.live_streams_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            deps,
            throttle: Throttle::new(),
            hashing: Semaphore::new(HASHES_MAX),
            live: Arc::new(Semaphore::new(live)),
            uploads: Semaphore::new(UPLOADS_MAX),
            catalogue: Mutex::new(None),
            failure_logged_us: AtomicU64::new(0),
        }))
    }

    /// Runs what may block on a thread of its own.
    pub(crate) async fn blocking<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    {
        let app = self.clone();
        tokio::task::spawn_blocking(move || work(&app))
            .await
            .unwrap_or(Err(Problem::Unavailable))
    }
}

impl Shared {
    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    /// The catalogue of the newest revision; read again only when that has grown. Blocks.
    pub(crate) fn catalogue(&self) -> Result<Arc<Catalogue>, Problem> {
        let revision = self.stored(self.deps.campaigns.revision())?;
        let cached = self.catalogue.lock().clone();
        if let Some(catalogue) = cached.filter(|cached| cached.revision == revision) {
            return Ok(catalogue);
        }
        let fresh = Arc::new(self.stored(self.deps.campaigns.catalogue())?);
        *self.catalogue.lock() = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Turns a store's answer into ours, and logs a failing storage once in a while.
    pub(crate) fn stored<T>(&self, answer: Result<T, StoreError>) -> Result<T, Problem> {
        answer.map_err(|error| {
            let text = error.to_string();
            let problem = Problem::from(error);
            if problem == Problem::Unavailable {
                self.log_failure(&text);
            }
            problem
        })
    }

    fn log_failure(&self, error: &str) {
        let now_us = self.deps.clock.monotonic_us();
        let logged_us = self.failure_logged_us.load(Ordering::Relaxed);
        if logged_us == 0 || now_us.saturating_sub(logged_us) >= FAILURE_LOG_US {
            self.failure_logged_us
                .store(now_us.max(1), Ordering::Relaxed);
            tracing::error!(error, "store call failed");
        }
    }
}
