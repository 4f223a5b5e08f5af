//! A bidder over memory stores and the workload's catalogue, with a trained model.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bidder::{Background, Bidder, Config, Seams};
use ctr_model::feature::RequestHalf;
use ctr_model::{CreativeFeatures, Look, ModelKind, Published, RequestFeatures, Trainer};
use domain::random::{SplitMix64, mix};
use domain::targeting::{DeviceKind, Inventory, Os, Size};
use domain::time::SystemClock;
use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Clock, Creative, CreativeId,
    LineItem, LineItemId, Timestamp,
};
use event_log::embedded::{EmbeddedConfig, EmbeddedLog};
use proto::token::TokenKeys;
use store::StoreError;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::memory::{MemoryKeyed, MemorySnapshots};
use store::profile::Profiles;
use store::snapshot::SnapshotStore;

use crate::catalogue::{self, SEED, SIZES};

/// The name under which the bidder looks for its model.
const MODEL: &str = "model";
/// Impressions that the model has learned from.
const EXAMPLES: usize = 100_000;
/// The deadline of the bench in milliseconds: on a busy machine a late answer would be a cheap one.
pub const DEADLINE_MS: i64 = 300;

/// Campaigns that nobody edits. A revision that is counted up renames one line item.
struct FixedCampaigns {
    catalogue: Catalogue,
    changes: Arc<AtomicU64>,
}

fn fixed<T>() -> Result<T, StoreError> {
    Err(StoreError::Conflict("the workload's catalogue"))
}

impl CampaignStore for FixedCampaigns {
    fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.catalogue.revision + self.changes.load(Ordering::Relaxed))
    }
    fn catalogue(&self) -> Result<Catalogue, StoreError> {
        let mut catalogue = self.catalogue.clone();
        let changes = self.changes.load(Ordering::Relaxed);
        catalogue.revision += changes;
        let at = changes as usize % catalogue.line_items.len().max(1);
        if let Some(renamed) = catalogue.line_items.get_mut(at).filter(|_| changes > 0) {
            renamed.name = format!("Changed {changes} times");
        }
        Ok(catalogue)
    }
    fn put_advertiser(&self, _: &Advertiser) -> Result<AdvertiserId, StoreError> {
        fixed()
    }
    fn put_campaign(&self, _: &Campaign) -> Result<CampaignId, StoreError> {
        fixed()
    }
    fn put_line_item(&self, _: &LineItem) -> Result<LineItemId, StoreError> {
        fixed()
    }
    fn put_creative(&self, _: &Creative) -> Result<CreativeId, StoreError> {
        fixed()
    }
}

/// A bidder that is ready, and what drives it.
pub struct World {
    /// Makes cores.
    pub bidder: Bidder,
    /// Its background.
    pub background: Background,
    /// The clock that calls must be timed by.
    pub clock: Arc<dyn Clock>,
    /// Counted up, it makes the background build a new snapshot.
    pub changes: Arc<AtomicU64>,
    /// Where the background looks for its model.
    pub models: MemorySnapshots,
}

/// Publishes the model that is in use as the next version.
///
/// # Errors
/// When there is none.
pub fn republish(models: &MemorySnapshots) -> Result<(), StoreError> {
    match models.load(MODEL)? {
        Some((version, bytes)) => models.publish(MODEL, version + 1, &bytes),
        None => fixed(),
    }
}

/// A bidder that is ready, with its log in `folder`.
///
/// # Errors
/// When the log cannot be opened or the parts refuse each other.
pub fn open(line_items: usize, folder: &Path) -> anyhow::Result<World> {
    open_with(line_items, folder, DEADLINE_MS)
}

/// As `open`, with another deadline in milliseconds.
///
/// # Errors
/// When the log cannot be opened or the parts refuse each other.
pub fn open_with(line_items: usize, folder: &Path, deadline_ms: i64) -> anyhow::Result<World> {
    let clock = Arc::new(SystemClock::new());
    open_at(line_items, folder, (deadline_ms, clock))
}

/// As `open_with`, on a clock of the caller's.
///
/// # Errors
/// When the log cannot be opened or the parts refuse each other.
pub fn open_at(
    line_items: usize,
    folder: &Path,
    (deadline_ms, clock): (i64, Arc<dyn Clock>),
) -> anyhow::Result<World> {
    let changes = Arc::new(AtomicU64::new(0));
    let now = clock.now();
    let catalogue = catalogue::catalogue(line_items, now);
    let snapshots = MemorySnapshots::new();
    snapshots.publish(MODEL, 1, &trained(&catalogue, model_kind()).encode())?;
    let keyed = Arc::new(MemoryKeyed::new());
    let log = EmbeddedLog::open(folder, EmbeddedConfig::default(), "bench")?;
    let seams = Seams {
        clock: Arc::clone(&clock),
        log: Arc::new(log),
        campaigns: Arc::new(FixedCampaigns {
            catalogue,
            changes: Arc::clone(&changes),
        }),
        snapshots: Arc::new(snapshots.clone()),
        budgets: Budgets::new(Arc::<MemoryKeyed>::clone(&keyed), 1000),
        profiles: Arc::new(Profiles::new(keyed)),
        keys: TokenKeys::new([(1, [7; 32])]).context("one key is enough")?,
        user_secret: [9; 32],
        bidder: [1; 16],
        seed: SEED,
    };
    let config = Config {
        deadline_ms,
        ..Config::default()
    };
    let (bidder, mut background) = Bidder::new(config, seams)?;
    background.refresh(now)?;
    background.tick(now)?;
    Ok(World {
        bidder,
        background,
        clock,
        changes,
        models: snapshots,
    })
}

/// The kind of model to measure: what `--model` names, or the default.
pub fn model_kind() -> ModelKind {
    let words: Vec<String> = std::env::args().collect();
    let named = |pair: &[String]| *pair == ["--model", "lr"];
    match words.windows(2).any(named) {
        true => ModelKind::Lr,
        false => ModelKind::Ffm,
    }
}

/// Its name.
pub fn model_name() -> &'static str {
    match model_kind() {
        ModelKind::Lr => "lr",
        ModelKind::Ffm => "ffm",
    }
}

/// A model that has seen the catalogue's ads on traffic like the workload's.
pub fn trained(catalogue: &Catalogue, kind: ModelKind) -> Published {
    let mut rng = SplitMix64::new(mix(SEED ^ 2));
    let mut trainer = Trainer::new(kind);
    for _ in 0..EXAMPLES {
        let Some(item) = rng.pick(&catalogue.line_items) else {
            break;
        };
        let site = catalogue::site(rng.below(2_000));
        let publisher = format!("pub-{}", rng.below(400));
        let (width, height) = rng.pick(SIZES).copied().unwrap_or((300, 250));
        let half = RequestHalf::new(&RequestFeatures {
            exchange: "generic",
            inventory: Some(Inventory::Site),
            site: &site,
            publisher: &publisher,
            country: catalogue::country(rng.next_u64()),
            device: Some(DeviceKind::Phone),
            os: Some(Os::Android),
            hour_of_week: rng.below(168) as u8,
            size: Some(Size { width, height }),
            position: 1,
            segments: &[],
            user_impressions: rng.below(4) as u32,
            user_clicks: 0,
            user_known: true,
        });
        let features = half.with(&CreativeFeatures {
            advertiser: AdvertiserId(item.campaign.0),
            campaign: item.campaign,
            line_item: item.id,
            creative: CreativeId(item.id.0),
            format: "banner",
        });
        let clicked = rng.chance(0.01 + 0.01 * (item.id.0 % 3) as f64);
        trainer.learn_click(&features, clicked);
        if clicked {
            let bought = rng.chance(0.05).then_some(600.0);
            trainer.learn_conversion(&features, Look::at_last(bought));
        }
    }
    trainer.publish(1, 0)
}

/// When the workload's campaigns are live.
pub fn now() -> Timestamp {
    SystemClock::new().now()
}
