//! What all cores of one bidder process share, and how the parts are put together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arc_swap::{ArcSwap, ArcSwapOption};
use domain::random::{SplitMix64, mix};
use domain::{Clock, FxTable};
use event_log::EventLog;
use proto::token::TokenKeys;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::profile::ProfileSource;
use store::snapshot::SnapshotStore;

use crate::background::Background;
use crate::config::{CORE_REPORTS_MAX, Config, ConfigError};
use crate::core::BidderCore;
use crate::geo::GeoDatabase;
use crate::invalid_traffic::InvalidTraffic;
use crate::money::CoreReport;
use crate::near_cache::NearCache;
use crate::people::PeopleReader;
use crate::provisional::Provisional;
use crate::pseudonym::Pseudonyms;
use crate::samples::{Sample, Samples};
use crate::snapshot::Snapshot;

/// Everything from outside: time, randomness, disk and network.
pub struct Seams {
    /// The wall clock and the steady one.
    pub clock: Arc<dyn Clock>,
    /// Where bids and delivery counts go.
    pub log: Arc<dyn EventLog>,
    /// Campaigns, as the console edits them.
    pub campaigns: Arc<dyn CampaignStore>,
    /// Where the model is published.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// Leases.
    pub budgets: Budgets,
    /// Users, devices and households.
    pub profiles: Arc<dyn ProfileSource>,
    /// Seal tracking tokens.
    pub keys: TokenKeys,
    /// Makes pseudonyms of user ids; the same in every process of the installation.
    pub user_secret: [u8; 32],
    /// This process among all bidders; drawn anew at every start.
    pub bidder: [u8; 16],
    /// Seeds bid ids and ties; from the operating system, or from the simulation's seed.
    pub seed: u64,
}

/// What cores and background share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) exchanges: Vec<String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) profiles: Arc<dyn ProfileSource>,
    pub(crate) keys: TokenKeys,
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) traffic: InvalidTraffic,
    pub(crate) geo: Option<GeoDatabase>,
    pub(crate) recent: Provisional,
    pub(crate) samples: Samples,
    pub(crate) snapshot: ArcSwapOption<Snapshot>,
    pub(crate) fx: ArcSwap<FxTable>,
    pub(crate) budgets_loaded: AtomicBool,
    reports: SyncSender<CoreReport>,
    seed: u64,
}

impl Shared {
    /// One core's part of the memory for profiles.
    pub(crate) fn cache_bytes(&self) -> usize {
        (self.config.profile_cache_mib << 20) / self.config.cores
    }

    /// What one core reads profiles with, and remembers them in so many bytes.
    pub(crate) fn people_reader(&self, bytes: usize) -> PeopleReader {
        let config = &self.config;
        let cache = NearCache::new(bytes, config.profile_ttl_ms * 1000);
        let source = Arc::clone(&self.profiles);
        PeopleReader::new(source, cache, config.profile_read_ms * 1000)
    }

    /// Every exchange by position, with whether it takes approved creatives only.
    pub(crate) fn approvals(&self) -> Vec<(&str, bool)> {
        let required = |name: &String| {
            let exchange = self.config.exchanges.get(name);
            exchange.is_some_and(|exchange| exchange.approval_required)
        };
        let exchanges = self.exchanges.iter();
        exchanges
            .map(|name| (name.as_str(), required(name)))
            .collect()
    }
}

/// A handle to one bidder process: makes its cores and says whether it is ready. Cheap to clone.
#[derive(Clone)]
pub struct Bidder {
    pub(crate) shared: Arc<Shared>,
}

impl Bidder {
    /// Checks the configuration and puts the parts together. Drive the `Background` from one thread.
    ///
    /// # Errors
    /// The first key that breaks its rule.
    pub fn new(config: Config, seams: Seams) -> Result<(Self, Background), ConfigError> {
        config.check()?;
        let (reports, received): (_, Receiver<CoreReport>) =
            sync_channel(CORE_REPORTS_MAX * config.cores);
        let shared = Arc::new(Shared {
            exchanges: config.exchanges.keys().cloned().collect(),
            clock: seams.clock,
            log: seams.log,
            profiles: seams.profiles,
            keys: seams.keys,
            pseudonyms: Pseudonyms::new(&seams.user_secret),
            traffic: InvalidTraffic::new(&config.traffic, config.missing_agent)?,
            geo: open_geo(&config)?,
            recent: Provisional::new(config.provisional_mib << 20),
            snapshot: ArcSwapOption::empty(),
            fx: ArcSwap::from_pointee(config.fx.clone()),
            budgets_loaded: AtomicBool::new(false),
            reports,
            seed: seams.seed,
            samples: Samples::new(config.explain_requests),
            config,
        });
        let stores = (seams.campaigns, seams.snapshots, seams.budgets);
        let background = Background::new(Arc::clone(&shared), stores, (seams.bidder, received));
        Ok((Self { shared }, background))
    }

    /// The core with this index, to be used by one thread. Different indexes draw different ids.
    pub fn core(&self, index: usize) -> BidderCore {
        let rng = SplitMix64::new(mix(self.shared.seed) ^ mix(index as u64 + 1));
        BidderCore::new(Arc::clone(&self.shared), rng, self.shared.reports.clone())
    }

    /// The configuration in use.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Takes other exchange rates into use: requests that begin from now on are decided by them.
    pub fn set_rates(&self, rates: FxTable) {
        if **self.shared.fx.load() != rates {
            tracing::info!(day = rates.day, "exchange rates taken into use");
            self.shared.fx.store(Arc::new(rates));
        }
    }

    /// The exchange rates in use.
    pub fn rates(&self) -> Arc<FxTable> {
        self.shared.fx.load_full()
    }

    /// The requests that are kept for explanations, newest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.shared.samples.list()
    }

    /// What is loaded, by name: campaigns, model, budgets.
    pub fn readiness(&self) -> [(&'static str, bool); 3] {
        // Campaigns and model come in one snapshot; an untrained model counts, since it can bid.
        let loaded = self.shared.snapshot.load().is_some();
        let budgets = self.shared.budgets_loaded.load(Ordering::Acquire);
        [
            ("campaigns", loaded),
            ("model", loaded),
            ("budgets", budgets),
        ]
    }

    /// Whether bids can be made.
    pub fn ready(&self) -> bool {
        self.readiness().iter().all(|(_, loaded)| *loaded)
    }

    /// The snapshot in use.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.shared.snapshot.load_full()
    }
}

fn open_geo(config: &Config) -> Result<Option<GeoDatabase>, ConfigError> {
    let Some(path) = &config.geo_database else {
        return Ok(None);
    };
    let opened = GeoDatabase::open(path).map_err(|error| ConfigError {
        key: "geo_database",
        value: format!("{} ({error})", path.display()),
        rule: "must be a readable city database in MaxMind's format",
    });
    opened.map(Some)
}

impl std::fmt::Debug for Bidder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bidder")
            .field("ready", &self.ready())
            .finish_non_exhaustive()
    }
}
