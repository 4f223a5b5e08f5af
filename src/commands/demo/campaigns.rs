//! The demo's campaigns: budgets and flights sized so that some run out and some are paced.

use domain::campaign::Deals;
use domain::random::SplitMix64;
use domain::targeting::Rule;
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

const CPM: fn(i64) -> BidModel = |units| BidModel::Cpm(Cpm(Micros::from_units(units)));

fn sketches() -> Vec<Sketch> {
    let sketch = |name, domain, plan, bid, per_second, flight| Sketch {
        name,
        domain,
        plan,
        goal: Goal::Impressions,
        bid,
        per_second,
        flight,
        segments: &[],
        capped: false,
    };
    vec![
        sketch(
            "Atlas Boots, even",
            "atlasboots.example",
            Plan::Even,
            CPM(5),
            35_000,
            0.75,
        ),
        sketch(
            "Harbour Coffee, as soon as possible",
            "harbourcoffee.example",
            Plan::Asap,
            CPM(4),
            18_000,
            1.0,
        ),
        sketch(
            "Northwind Travel, three times the run",
            "northwind.example",
            Plan::Even,
            CPM(6),
            30_000,
            3.0,
        ),
        Sketch {
            goal: Goal::Clicks,
            ..sketch(
                "Pixel Phones, per click",
                "pixelphones.example",
                Plan::Even,
                BidModel::Cpc(Micros(45_000)),
                25_000,
                1.5,
            )
        },
        Sketch {
            goal: Goal::Conversions,
            ..sketch(
                "Sparrow Bank, per sale",
                "sparrowbank.example",
                Plan::Even,
                BidModel::Cpa(Micros(400_000)),
                15_000,
                1.5,
            )
        },
        Sketch {
            segments: &["sports", "travel", "health"],
            capped: true,
            ..sketch(
                "Peak Gym, segments and a cap",
                "peakgym.example",
                Plan::Ahead,
                CPM(5),
                10_000,
                1.5,
            )
        },
    ]
}

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
    for sketch in sketches() {
        campaigns.push(create_one(store, &sketch, (args, now, &mut rng))?);
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
        })?);
    }
    Ok(ids)
}

fn line_item(sketch: &Sketch, campaign: CampaignId, creatives: Vec<CreativeId>) -> LineItem {
    let segments = sketch
        .segments
        .iter()
        .map(|segment| (*segment).to_owned())
        .collect();
    let cap = FrequencyCap {
        impressions: 3,
        window_s: 3_600,
    };
    LineItem {
        id: LineItemId(0),
        campaign,
        name: "Banners".to_owned(),
        status: Status::Active,
        bid: sketch.bid,
        max_bid: Cpm(Micros::from_units(12)),
        targeting: Targeting {
            segments: Rule {
                include: segments,
                exclude: Vec::new(),
            },
            ..Targeting::default()
        },
        frequency_caps: if sketch.capped { vec![cap] } else { Vec::new() },
        deals: Deals::OpenOnly,
        creatives,
    }
}
