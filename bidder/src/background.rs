//! The bidder's background: leases when they are due, pacing each second, campaigns and model when they change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use ctr_model::Model;
use domain::{CampaignId, Timestamp};
use store::StoreError;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::snapshot::SnapshotStore;

use crate::leases::{Leases, Terms};
use crate::metrics;
use crate::money::{CampaignMoney, CoreReport};
use crate::shared::Shared;
use crate::snapshot::{Ingredients, Snapshot};
use crate::trial::Trial;

/// The name under which the click and conversion model is published.
pub const MODEL: &str = "model";

/// The name under which a trial is published.
pub const TRIAL: &str = "model-trial";

/// Controllers are stepped no more often, in milliseconds: shorter spans tell little of a rate.
const STEER_MS_MIN: i64 = 900;

/// Drives everything that the bid path only reads. Synchronous: a thread or a simulation calls it.
pub struct Background {
    shared: Arc<Shared>,
    campaigns: Arc<dyn CampaignStore>,
    snapshots: Arc<dyn SnapshotStore>,
    budgets: Budgets,
    bidder: [u8; 16],
    reports: Receiver<CoreReport>,
    leases: Leases,
    steered: Option<Timestamp>,
    money: BTreeMap<CampaignId, Arc<CampaignMoney>>,
    seen: Option<(u64, u64)>,
    model: Option<Arc<Model>>,
    /// The trial, with the version under which it was published.
    trial: (u64, Option<Trial>),
    /// Snapshots that cores may still use. They are freed here: for a core that would be milliseconds of bids.
    retired: Vec<Arc<Snapshot>>,
}

/// Why a refresh or a renewal failed; the bidder goes on with what it has.
#[derive(Debug, thiserror::Error)]
pub enum BackgroundError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The published model does not decode.
    #[error("published model is refused: {0}")]
    Model(#[from] ctr_model::ModelError),
    /// The campaigns compile to something that the bid path must not use.
    #[error("snapshot of revision {revision} is refused: {why}")]
    Snapshot {
        /// The catalogue's revision.
        revision: u64,
        /// What is wrong.
        why: &'static str,
    },
}

type Stores = (Arc<dyn CampaignStore>, Arc<dyn SnapshotStore>, Budgets);

impl Background {
    pub(crate) fn new(
        shared: Arc<Shared>,
        (campaigns, snapshots, budgets): Stores,
        (bidder, reports): ([u8; 16], Receiver<CoreReport>),
    ) -> Self {
        Self {
            shared,
            campaigns,
            snapshots,
            budgets,
            bidder,
            reports,
            leases: Leases::default(),
            steered: None,
            money: BTreeMap::new(),
            seen: None,
            model: None,
            trial: (0, None),
            retired: Vec::new(),
        }
    }

    /// Looks whether campaigns or model changed and takes the new ones into use. Returns whether they did.
    ///
    /// # Errors
    /// When the store fails or what it holds is refused; the snapshot in use stays.
    pub fn refresh(&mut self, now: Timestamp) -> Result<bool, BackgroundError> {
        let refreshed = self.try_refresh(now);
        match &refreshed {
            Ok(true) => ::metrics::counter!(metrics::SNAPSHOTS).increment(1),
            Ok(false) => {}
            Err(_) => ::metrics::counter!(metrics::SNAPSHOTS_REFUSED).increment(1),
        }
        refreshed
    }

    fn try_refresh(&mut self, now: Timestamp) -> Result<bool, BackgroundError> {
        let revision = self.campaigns.revision()?;
        let version = self.snapshots.version(MODEL)?.unwrap_or(0);
        let trial = self.snapshots.version(TRIAL)?.unwrap_or(0);
        if self.seen == Some((revision, version)) && self.trial.0 == trial {
            return Ok(false);
        }
        let model = self.model_or_last(version)?;
        self.follow_trial(trial)?;
        let catalogue = self.campaigns.catalogue()?;
        let read = catalogue.revision;
        let exchanges = self.shared.approvals();
        let last = self.shared.snapshot.load_full();
        let snapshot = Snapshot::build(
            catalogue,
            Ingredients {
                model,
                trial: self.trial.1.clone(),
                money: &mut self.money,
                public_url: &self.shared.config.public_url,
                exchanges: &exchanges,
                now,
                last: last.as_deref(),
            },
        );
        snapshot
            .check()
            .map_err(|why| BackgroundError::Snapshot { revision, why })?;
        self.leases.follow(&snapshot, self.terms());
        tracing::info!(
            revision = read,
            model = snapshot.served.model.version(),
            line_items = snapshot.items.len(),
            "snapshot taken into use"
        );
        // What was read may already be newer than what was asked for; the older of both is looked at again.
        self.seen = Some((revision.min(read), version));
        let before = self.shared.snapshot.swap(Some(Arc::new(snapshot)));
        self.retired.extend(before);
        Ok(true)
    }

    /// Takes a trial that has changed into use; one that does not decode is no trial.
    fn follow_trial(&mut self, version: u64) -> Result<(), BackgroundError> {
        if self.trial.0 == version {
            return Ok(());
        }
        let bytes = self.snapshots.load(TRIAL)?;
        let bytes = bytes.map(|(_, bytes)| bytes).unwrap_or_default();
        let trial = Trial::parse(&bytes).unwrap_or_else(|error| {
            ::metrics::counter!(metrics::SNAPSHOTS_REFUSED).increment(1);
            tracing::warn!(%error, version, "the trial's model is refused, one model bids for all");
            None
        });
        self.trial = (version, trial);
        Ok(())
    }

    /// A model that is refused leaves the last one in use: a pause must not wait for a better model.
    fn model_or_last(&mut self, version: u64) -> Result<Arc<Model>, BackgroundError> {
        match self.model(version) {
            Err(BackgroundError::Model(error)) => {
                ::metrics::counter!(metrics::SNAPSHOTS_REFUSED).increment(1);
                tracing::warn!(%error, version, "published model refused, the last one stays in use");
                let last = self
                    .model
                    .get_or_insert_with(|| Arc::new(Model::untrained()));
                Ok(Arc::clone(last))
            }
            other => other,
        }
    }

    fn model(&mut self, version: u64) -> Result<Arc<Model>, BackgroundError> {
        let seen = self.seen.map(|(_, version)| version);
        if let Some(model) = self.model.as_ref().filter(|_| seen == Some(version)) {
            return Ok(Arc::clone(model));
        }
        let model = match self.snapshots.load(MODEL)? {
            Some((_, bytes)) => Model::parse(&bytes)?,
            None => Model::untrained(),
        };
        let model = Arc::new(model);
        self.model = Some(Arc::clone(&model));
        Ok(model)
    }

    /// One beat: takes over what the cores did, steers every campaign once a second and renews the leases that are due.
    ///
    /// # Errors
    /// When the store fails: the bidder goes on with what it has until its leases lapse.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), BackgroundError> {
        self.retired.retain(|old| Arc::strong_count(old) > 1);
        while let Ok(report) = self.reports.try_recv() {
            self.leases.take(report, &self.shared.exchanges);
        }
        // A clock that went back counts from where it is now.
        let due = |last: Timestamp| !(0..STEER_MS_MIN).contains(&now.since(last));
        if self.steered.is_none_or(due) {
            self.steered = Some(now);
            self.leases.steer(now);
        }
        let requests = self.leases.due(self.bidder, now);
        // Read before the store is asked: a slow answer must not make a lease longer.
        let at_us = self.shared.clock.monotonic_us();
        match self.budgets.renew(&requests, now) {
            Ok(grants) => self.leases.granted(&grants, (now, at_us)),
            Err(error) => {
                self.leases.failed(requests);
                return Err(error.into());
            }
        }
        if self.shared.snapshot.load().is_some() {
            self.shared.budgets_loaded.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn terms(&self) -> Terms {
        let exchanges = self.shared.config.exchanges.values();
        let times = exchanges.flat_map(|exchange| {
            let holds = exchange.holds;
            [
                holds.web_ms,
                holds.app_ms,
                holds.native_ms,
                holds.interstitial_ms,
            ]
        });
        Terms {
            hold_ms: times.max().unwrap_or(0),
            share_ppm: self.shared.config.lease_share_ppm,
            fee_ppm: self.shared.config.fee_ppm,
        }
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
