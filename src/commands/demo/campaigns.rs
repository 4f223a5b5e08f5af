//! The demo's campaigns: budgets and flights sized so that some run out and some are paced.

use domain::campaign::{Deals, Rotation};
use domain::random::SplitMix64;
use domain::targeting::Dimension;
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeId, Currency,
    FrequencyCap, Goal, LineItem, LineItemId, Micros, Plan, Status, Targeting, Timestamp,
};
use store::campaign::CampaignStore;

use crate::cli::DemoArgs;
use crate::example;

/// Requests per second that the spend figures below are meant for.
const REFERENCE_RATE: i64 = 700;
/// The banner sizes that the simulated sites offer most.
const SIZES: &[(u32, u32)] = &[
    (300, 250),
    (728, 90),
    (320, 50),
    (160, 600),
    (300, 600),
    (970, 250),
];

/// A campaign as sketched here.
struct Sketch {
    name: &'static str,
    domain: &'static str,
    plan: Plan,
    goal: Goal,
    bid: BidModel,
    /// What it is to spend in a second, in micros, at the reference rate.
    per_second: i64,
    /// The length of its flight as a share of the run.
    flight: f64,
    segments: &'static [&'static str],
    capped: bool,
}

const fn cpm(units: i64) -> BidModel {
    BidModel::Cpm(Cpm(Micros::from_units(units)))
}

const PLAIN: Sketch = Sketch {
    name: "",
    domain: "",
    plan: Plan::Even,
    goal: Goal::Impressions,
    bid: cpm(5),
    per_second: 0,
    flight: 1.0,
    segments: &[],
    capped: false,
};

const SKETCHES: [Sketch; 6] = [
    Sketch {
        name: "Atlas Boots, ahead",
        domain: "atlasboots.example",
        plan: Plan::Ahead,
        per_second: 30_000,
        flight: 0.85,
        ..PLAIN
    },
    Sketch {
        name: "Harbour Coffee, as soon as possible",
        domain: "harbourcoffee.example",
        plan: Plan::Asap,
        bid: cpm(4),
        per_second: 18_000,
        ..PLAIN
    },
    Sketch {
        name: "Northwind Travel, three times the run",
        domain: "northwind.example",
        bid: cpm(6),
        per_second: 30_000,
        flight: 3.0,
        ..PLAIN
    },
    Sketch {
        name: "Pixel Phones, per click",
        domain: "pixelphones.example",
        goal: Goal::Clicks,
        bid: BidModel::Cpc(Micros(45_000)),
        per_second: 25_000,
        flight: 1.5,
        ..PLAIN
    },
    Sketch {
        name: "Sparrow Bank, per sale",
        domain: "sparrowbank.example",
        goal: Goal::Conversions,
        bid: BidModel::Cpa(Micros(400_000)),
        per_second: 15_000,
        flight: 1.5,
        ..PLAIN
    },
    Sketch {
        name: "Peak Gym, segments and a cap",
        domain: "peakgym.example",
        plan: Plan::Asap,
        per_second: 6_000,
        segments: &["sports", "travel", "health"],
        capped: true,
        ..PLAIN
    },
];

/// Creates the campaigns in the store; a campaign of an earlier run in the same folder is paused first.
///
/// # Errors
/// When the store fails.
pub(super) fn create(
    store: &dyn CampaignStore,
    args: &DemoArgs,
    now: Timestamp,
) -> anyhow::Result<Vec<Campaign>> {
    for old in store.catalogue()?.campaigns {
        store.put_campaign(&Campaign {
            status: Status::Paused,
            ..old
        })?;
    }
    let mut rng = SplitMix64::new(args.seed);
    let mut campaigns = Vec::new();
    for sketch in &SKETCHES {
        campaigns.push(create_one(store, sketch, (args, now, &mut rng))?);
    }
    Ok(campaigns)
}

fn create_one(
    store: &dyn CampaignStore,
    sketch: &Sketch,
    (args, now, rng): (&DemoArgs, Timestamp, &mut SplitMix64),
) -> anyhow::Result<Campaign> {
    let advertiser = store.put_advertiser(&Advertiser {
        id: AdvertiserId(0),
        name: sketch
            .name
            .split(',')
            .next()
            .unwrap_or(sketch.name)
            .to_owned(),
        domain: sketch.domain.to_owned(),
    })?;
    let flight_ms = (args.seconds as f64 * 1_000.0 * sketch.flight) as i64;
    let rate = i64::try_from(args.rate)?;
    // A tenth more or less, so that seeds differ.
    let per_second = Micros(sketch.per_second)
        .scale(0.9 + 0.2 * rng.unit())
        .mul_div(rate, REFERENCE_RATE);
    let mut campaign = Campaign {
        id: CampaignId(0),
        advertiser,
        name: sketch.name.to_owned(),
        status: Status::Active,
        currency: Currency::USD,
        budget: per_second.mul_div(flight_ms, 1_000),
        daily_budget: None,
        flight_start: now,
        flight_end: now.plus_ms(flight_ms),
        plan: sketch.plan,
        goal: sketch.goal,
        frequency_caps: Vec::new(),
    };
    campaign.id = store.put_campaign(&campaign)?;
    let creatives = create_creatives(store, sketch, advertiser)?;
    store.put_line_item(&line_item(sketch, campaign.id, creatives))?;
    Ok(campaign)
}

fn create_creatives(
    store: &dyn CampaignStore,
    sketch: &Sketch,
    advertiser: AdvertiserId,
) -> anyhow::Result<Vec<CreativeId>> {
    let mut ids = Vec::new();
    for (width, height) in SIZES {
        ids.push(store.put_creative(&Creative {
            id: CreativeId(0),
            advertiser,
            name: format!("{} {width}x{height}", sketch.domain),
            status: Status::Active,
            format: example::banner(*width, *height),
            click_url: format!("https://{}/welcome", sketch.domain),
            adomain: sketch.domain.to_owned(),
            categories: vec!["IAB22".to_owned()],
            attributes: Vec::new(),
            language: Some("en".to_owned()),
            app_store: None,
            frequency_caps: Vec::new(),
            taxonomy: 1,
            apis: Vec::new(),
            sample_url: None,
            trackers: Default::default(),
            approvals: Default::default(),
        })?);
    }
    Ok(ids)
}

fn line_item(sketch: &Sketch, campaign: CampaignId, creatives: Vec<CreativeId>) -> LineItem {
    let cap = FrequencyCap {
        impressions: 3,
        window_s: 3_600,
        per: domain::IdScope::User,
    };
    let mut targeting = Targeting::default();
    targeting.include(Dimension::Segments, sketch.segments);
    LineItem {
        id: LineItemId(0),
        campaign,
        name: "Banners".to_owned(),
        status: Status::Active,
        bid: sketch.bid,
        max_bid: Cpm(Micros::from_units(12)),
        targeting,
        frequency_caps: if sketch.capped { vec![cap] } else { Vec::new() },
        deals: Deals::OpenOnly,
        creatives,
        rotation: Rotation::default(),
        roadblock: false,
        authorized_sellers: false,
    }
}
