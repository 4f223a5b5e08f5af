//! The advertisers of a run: campaigns that pay per click or per purchase, each with two banners.

use domain::campaign::{Deals, Rotation};
use domain::creative::{BannerMarkup, Trackers};
use domain::random::{SplitMix64, mix};
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeFormat,
    CreativeId, Currency, Goal, LineItem, LineItemId, Micros, Status, Targeting,
};
use store::StoreError;
use store::campaign::CampaignStore;
use store::memory::MemoryCampaigns;

use super::browsing::{Browsing, SIZES};
use super::truth::Truth;
use super::{Bids, HOUR_MS, Plan, START, rivals};

/// Views looked at to tell what a share of the market costs.
const SURVEYED: u64 = 4_000;
/// The share of all views that budgets can buy at the cheaper half's price.
const BOUGHT_SHARE: f64 = 0.75;
/// Every so many campaigns pay per purchase, the others per click.
const CPA_EVERY: usize = 5;
/// What a click is worth in the middle, in micros: well above what clicks cost, so that budgets bind.
const CLICK_VALUE: f64 = 250_000.0;
/// Purchases of this many clicks are worth as much as the clicks.
const CLICKS_PER_PURCHASE: f64 = 5.0;
/// The most that is bid, in micros of CPM.
const BID_MAX: i64 = 12_000_000;

/// A line item with what the simulation must know of it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// As it stands in the store.
    pub(super) item: LineItem,
    /// Its campaign's place.
    pub(super) campaign: usize,
    /// The size that it fits, of [`SIZES`].
    pub(super) size: usize,
    /// What it pays for, and what it is worth in micros.
    pub(super) pays: BidModel,
}

/// Everything that is advertised. A line item's place is its creative's.
#[derive(Debug, Clone)]
pub(super) struct Catalogue {
    /// Campaigns.
    pub(super) campaigns: Vec<Campaign>,
    /// Line items, two of each campaign.
    pub(super) items: Vec<Item>,
}

impl Catalogue {
    /// Puts the plan's campaigns into a store.
    pub(super) fn advertise(
        plan: &Plan,
        world: &Browsing,
        truth: &Truth,
        store: &MemoryCampaigns,
    ) -> Result<Self, StoreError> {
        let mut rng = SplitMix64::new(mix(plan.seed ^ 0x6361_7461));
        let money = cheap_half_micros(world, truth) * BOUGHT_SHARE * plan.requests as f64;
        let weights: Vec<f64> = (0..plan.campaigns)
            .map(|_| (0.5 * rng.normal()).exp())
            .collect();
        let total: f64 = weights.iter().sum();
        let mut all = Self {
            campaigns: Vec::new(),
            items: Vec::new(),
        };
        for (place, weight) in weights.iter().enumerate() {
            let budget = Micros((money * weight / total) as i64);
            let campaign = campaign(plan, place, budget, store)?;
            let worth = (CLICK_VALUE * (0.25 * rng.normal()).exp()) as i64;
            let pays = match place % CPA_EVERY {
                4 => BidModel::Cpa(Micros((worth as f64 * CLICKS_PER_PURCHASE) as i64)),
                _ => BidModel::Cpc(Micros(worth)),
            };
            for size in [0, 1 + place % (SIZES.len() - 1)] {
                let item = line_item(plan, (&campaign, place), (size, pays), store)?;
                all.items.push(item);
            }
            all.campaigns.push(campaign);
        }
        Ok(all)
    }

    /// The place of a creative by its id.
    pub(super) fn place_of(&self, creative: &str) -> Option<usize> {
        let id: u64 = creative.parse().ok()?;
        self.items
            .iter()
            .position(|item| item.item.creatives.first() == Some(&CreativeId(id)))
    }

    /// Whether a campaign pays per click.
    pub(super) fn pays_clicks(&self, campaign: usize) -> bool {
        campaign % CPA_EVERY != 4
    }
}

/// What an impression of the cheaper half of the market costs on average, in micros.
fn cheap_half_micros(world: &Browsing, truth: &Truth) -> f64 {
    let price = |serial: u64| {
        let hour = (serial % 24) as i64;
        let view = world.view(serial, START.plus_ms(hour * HOUR_MS));
        rivals::cost(&view, rivals::price(&view, truth.of_view(world, &view)))
    };
    let mut prices: Vec<i64> = (0..SURVEYED).map(price).collect();
    prices.sort_unstable();
    let half = &prices[..prices.len() / 2];
    half.iter().sum::<i64>() as f64 / half.len() as f64 / 1_000.0
}

fn campaign(
    plan: &Plan,
    place: usize,
    budget: Micros,
    store: &MemoryCampaigns,
) -> Result<Campaign, StoreError> {
    let advertiser = Advertiser {
        id: AdvertiserId(0),
        name: format!("advertiser {}", place + 1),
        domain: format!("shop{}.example", place + 1),
    };
    let advertiser = store.put_advertiser(&advertiser)?;
    let mut campaign = Campaign {
        id: CampaignId(0),
        advertiser,
        name: format!("campaign {}", place + 1),
        status: Status::Active,
        currency: Currency::USD,
        budget,
        daily_budget: None,
        flight_start: START,
        flight_end: plan.end(),
        plan: domain::Plan::Even,
        goal: Goal::Clicks,
        frequency_caps: Vec::new(),
    };
    campaign.id = store.put_campaign(&campaign)?;
    Ok(campaign)
}

fn line_item(
    plan: &Plan,
    (campaign, place): (&Campaign, usize),
    (size, pays): (usize, BidModel),
    store: &MemoryCampaigns,
) -> Result<Item, StoreError> {
    let (width, height) = SIZES[size];
    let creative = store.put_creative(&creative(campaign, (width, height)))?;
    let mut item = LineItem {
        id: LineItemId(0),
        campaign: campaign.id,
        name: format!("{width} x {height}"),
        status: Status::Active,
        bid: match plan.bids {
            Bids::Learned => pays,
            // Until there is a history, what the model believes before it has one.
            Bids::History => super::history::first_bid(pays),
        },
        max_bid: Cpm(Micros(BID_MAX)),
        targeting: Targeting::default(),
        frequency_caps: Vec::new(),
        deals: Deals::OpenOnly,
        creatives: vec![creative],
        rotation: Rotation::default(),
        roadblock: false,
        authorized_sellers: false,
    };
    item.id = store.put_line_item(&item)?;
    Ok(Item {
        item,
        campaign: place,
        size,
        pays,
    })
}

fn creative(campaign: &Campaign, (width, height): (u32, u32)) -> Creative {
    Creative {
        id: CreativeId(0),
        advertiser: campaign.advertiser,
        name: format!("{width} x {height}"),
        status: Status::Active,
        format: CreativeFormat::Banner {
            width,
            height,
            markup: BannerMarkup::Image {
                url: "https://cdn.shop.example/ad.png".to_owned(),
            },
        },
        click_url: "https://shop.example/landing".to_owned(),
        adomain: "shop.example".to_owned(),
        categories: Vec::new(),
        attributes: Vec::new(),
        language: None,
        app_store: None,
        frequency_caps: Vec::new(),
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Trackers::default(),
        approvals: Default::default(),
    }
}
