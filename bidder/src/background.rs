//! The bidder's background: leases and pacing each second, campaigns and model when they change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use ctr_model::Model;
use domain::{CampaignId, Micros, Timestamp};
use pacing::{BudgetLimits, LeaseRequest};
use store::StoreError;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::snapshot::SnapshotStore;

use crate::metrics;
use crate::money::{CampaignMoney, CoreReport};
use crate::pacing::{Controller, full_bid, limits};
use crate::shared::Shared;
use crate::snapshot::{Ingredients, Snapshot};

/// The name under which the click and conversion model is published.
pub const MODEL: &str = "model";

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
    /// Holds that no successful renewal has carried yet.
    pending: CoreReport,
    /// What no controller has been told yet.
    untold: CoreReport,
    steered: Option<Timestamp>,
    money: BTreeMap<CampaignId, Arc<CampaignMoney>>,
    controllers: BTreeMap<CampaignId, Controller>,
    /// The budget of campaigns that left the snapshot while their holds are still to be reported.
    known_limits: BTreeMap<CampaignId, BudgetLimits>,
    seen: Option<(u64, u64)>,
    model: Option<Arc<Model>>,
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
            pending: CoreReport::default(),
            untold: CoreReport::default(),
            steered: None,
            money: BTreeMap::new(),
            controllers: BTreeMap::new(),
            known_limits: BTreeMap::new(),
            seen: None,
            model: None,
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
        if self.seen == Some((revision, version)) {
            return Ok(false);
        }
        let model = self.model_or_last(version)?;
        let catalogue = self.campaigns.catalogue()?;
        let snapshot = Snapshot::build(
            &catalogue,
            Ingredients {
                model,
                money: &mut self.money,
                own_addresses_secure: self.shared.config.public_url.starts_with("https://"),
                now,
            },
        );
        snapshot
            .check()
            .map_err(|why| BackgroundError::Snapshot { revision, why })?;
        self.follow(&snapshot);
        tracing::info!(
            revision = catalogue.revision,
            model = snapshot.model.version(),
            line_items = snapshot.items.len(),
            "snapshot taken into use"
        );
        // What was read may already be newer than what was asked for; the older of both is looked at again.
        self.seen = Some((revision.min(catalogue.revision), version));
        self.shared.snapshot.store(Some(Arc::new(snapshot)));
        Ok(true)
    }

    /// Gives every campaign a controller that follows its plan.
    fn follow(&mut self, snapshot: &Snapshot) {
        let hold_ms = self.longest_hold_ms();
        let fee_ppm = self.shared.config.fee_ppm;
        for live in &snapshot.campaigns {
            let id = live.campaign.id;
            self.known_limits.insert(id, limits(&live.campaign));
            let controller = self.controllers.entry(id).or_insert_with(|| {
                let holds = (hold_ms, self.shared.config.lease_share_ppm);
                Controller::new(&live.campaign, full_bid(live.max_bid, fee_ppm), holds)
            });
            controller.replan(&live.campaign);
        }
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

    /// One second's step: takes over what the cores did, steers every campaign and renews its lease.
    ///
    /// # Errors
    /// When the store fails: the bidder goes on with what it has until its leases lapse.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), BackgroundError> {
        while let Ok(report) = self.reports.try_recv() {
            self.untold.merge(report.clone());
            self.pending.merge(report);
        }
        // A clock that went back counts from where it is now.
        let due = |last: Timestamp| !(0..STEER_MS_MIN).contains(&now.since(last));
        if self.steered.is_none_or(due) {
            self.steered = Some(now);
            self.steer(now);
        }
        let requests = self.lease_requests(now);
        // Read before the store is asked: a slow answer must not make a lease longer.
        let at_us = self.shared.clock.monotonic_us();
        let grants = self.budgets.renew(&requests, now)?;
        self.pending
            .forget(requests.iter().map(|(campaign, _, _)| *campaign));
        for (campaign, grant) in grants {
            if let Some(controller) = self.controllers.get_mut(&campaign) {
                controller.granted(&grant);
            }
            if let Some(money) = self.money.get(&campaign) {
                money.apply(&grant, (now, at_us));
            }
        }
        if self.shared.snapshot.load().is_some() {
            self.shared.budgets_loaded.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Steps the controllers of all campaigns in the snapshot.
    fn steer(&mut self, now: Timestamp) {
        let Some(snapshot) = self.shared.snapshot.load_full() else {
            return;
        };
        let told = std::mem::take(&mut self.untold);
        let nothing = Default::default();
        for live in &snapshot.campaigns {
            if let Some(controller) = self.controllers.get_mut(&live.campaign.id) {
                let tally = told.campaigns.get(&live.campaign.id).unwrap_or(&nothing);
                controller.step(tally, &live.money, now);
            }
        }
    }

    fn longest_hold_ms(&self) -> i64 {
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
        times.max().unwrap_or(0)
    }

    /// A request for every campaign that may bid, and for every one whose holds are still to be reported.
    fn lease_requests(&mut self, now: Timestamp) -> Vec<(CampaignId, BudgetLimits, LeaseRequest)> {
        let snapshot = self.shared.snapshot.load_full();
        let fee_ppm = self.shared.config.fee_ppm;
        let mut full_bids: BTreeMap<CampaignId, Micros> = BTreeMap::new();
        for live in snapshot.iter().flat_map(|snapshot| &snapshot.campaigns) {
            if live.campaign.is_live(now) {
                full_bids.insert(live.campaign.id, full_bid(live.max_bid, fee_ppm));
            }
        }
        let reported = self
            .pending
            .campaigns
            .iter()
            .filter(|(_, tally)| !tally.holds.is_empty());
        let all: BTreeSet<_> = full_bids
            .keys()
            .copied()
            .chain(reported.map(|(id, _)| *id))
            .collect();
        let nothing = Default::default();
        let mut requests = Vec::with_capacity(all.len());
        for id in all {
            let tally = self.pending.campaigns.get(&id).unwrap_or(&nothing);
            let known = (self.known_limits.get(&id), self.controllers.get_mut(&id));
            let (Some(limits), Some(controller)) = known else {
                continue;
            };
            let full = full_bids.get(&id).copied().unwrap_or(Micros::ZERO);
            let mut request = controller.request(self.bidder, tally, full, now);
            if full == Micros::ZERO {
                request.wanted = Micros::ZERO;
            }
            requests.push((id, *limits, request));
        }
        requests
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
