//! The advertisers and the traffic of a run: campaigns that run out of money, and requests as exchanges send them.

use bidder::config::{HoldTimes, Pays};
use bidder::{Config, ExchangeConfig};
use domain::campaign::Deals;
use domain::creative::BannerMarkup;
use domain::random::SplitMix64;
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeFormat,
    CreativeId, Currency, FrequencyCap, Goal, LineItem, LineItemId, Micros, Plan, Status,
    Targeting, Timestamp,
};
use store::campaign::CampaignStore;
use store::memory::MemoryCampaigns;

use crate::faults::{SPAN_MS, below};

/// Monday 2026-11-23, 00:00 UTC.
const MIDNIGHT: Timestamp = Timestamp(1_795_392_000_000);
const DAY_MS: i64 = 86_400_000;
/// Exchanges by name; a run has the first two or all three.
pub(crate) const EXCHANGES: [&str; 3] = ["alpha", "beta", "gamma"];
/// Where the pixel is reached.
pub(crate) const PIXEL_URL: &str = "https://pixel.localhost";
/// How late notices may be in order, in milliseconds, scaled down as the hold times are.
pub(crate) const LATENESS_MS: i64 = 2_000;

/// The fixed shape of one run.
#[derive(Debug)]
pub(crate) struct Shape {
    /// When it begins.
    pub(crate) start: Timestamp,
    /// Bidder processes at once.
    pub(crate) bidders: usize,
    /// How many of `EXCHANGES`.
    pub(crate) exchanges: usize,
    /// The bidders' knobs.
    pub(crate) config: Config,
    /// Partitions of each topic.
    pub(crate) partitions: u32,
    /// Mean time between two requests, in milliseconds.
    pub(crate) gap_ms: f64,
    /// Ids that the pixel remembers.
    pub(crate) seen_ids_max: usize,
}

impl Shape {
    /// Draws a shape.
    pub(crate) fn draw(rng: &mut SplitMix64) -> Self {
        let exchanges = 2 + usize::from(rng.chance(0.4));
        let near_midnight = rng.chance(0.3);
        let offset = if near_midnight {
            DAY_MS - 10_000 - below(rng, SPAN_MS - 20_000)
        } else {
            12 * 3_600_000
        };
        let config = Config {
            cores: 1 + usize::from(rng.chance(0.4)),
            public_url: PIXEL_URL.to_owned(),
            fee_ppm: if rng.chance(0.4) { 150_000 } else { 0 },
            provisional_mib: 1,
            exchanges: EXCHANGES
                .iter()
                .take(exchanges)
                .map(|name| ((*name).to_owned(), exchange(rng)))
                .collect(),
            ..Config::default()
        };
        Self {
            start: MIDNIGHT.plus_ms(offset),
            bidders: 1 + usize::try_from(rng.below(3)).unwrap_or(0),
            exchanges,
            config,
            partitions: 1 + u32::from(rng.chance(0.3)),
            gap_ms: 40.0 + 45.0 * rng.unit(),
            seen_ids_max: if rng.chance(0.3) { 1 << 10 } else { 1 << 14 },
        }
    }
}

fn exchange(rng: &mut SplitMix64) -> ExchangeConfig {
    let web_ms = 2_000 + 1_000 * below(rng, 9);
    ExchangeConfig {
        pays: Pays::AsAsked,
        holds: HoldTimes {
            web_ms,
            app_ms: web_ms * 2,
            native_ms: web_ms * 2,
            interstitial_ms: web_ms * 2,
        },
        ..ExchangeConfig::default()
    }
}

/// A campaign of the run, as last put into the store.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// As it stands.
    pub(crate) campaign: Campaign,
    /// The highest budget it has had.
    pub(crate) budget_max: Micros,
    /// The highest budget of a day it has had; none once it had no such limit.
    pub(crate) daily_max: Option<Micros>,
    /// Its dearest single bid, fee included.
    pub(crate) full_bid: Micros,
    /// Micros of its currency for one unit of the exchanges', which is USD.
    pub(crate) rate: i64,
    /// Since when it is paused, if it is.
    pub(crate) paused_at: Option<Timestamp>,
}

/// Puts two to five campaigns into the store.
pub(crate) fn advertise(
    rng: &mut SplitMix64,
    shape: &Shape,
    store: &MemoryCampaigns,
) -> Vec<Entry> {
    (0..2 + rng.below(4))
        .map(|_| one(rng, shape, store))
        .collect()
}

fn one(rng: &mut SplitMix64, shape: &Shape, store: &MemoryCampaigns) -> Entry {
    let max_bid_micros = 3_000_000 + below(rng, 7_000_000);
    let full = (max_bid_micros + max_bid_micros * shape.config.fee_ppm / 1_000_000) / 1_000 + 1;
    let full_bid = Micros(full);
    let plan = *rng
        .pick(&[Plan::Even, Plan::Asap, Plan::Ahead])
        .unwrap_or(&Plan::Even);
    let budget = match rng.below(4) {
        0 => Micros(full * (2 + below(rng, 8)) + below(rng, full)),
        1 => Micros(10_000_000),
        _ => Micros(40_000 + below(rng, 350_000)),
    };
    let euro = rng.chance(0.25);
    let code = if euro { "EUR" } else { "USD" };
    let long = rng.chance(0.5);
    let (before, after) = if long {
        (DAY_MS, DAY_MS)
    } else {
        (1_000, SPAN_MS)
    };
    let advertiser = Advertiser {
        id: AdvertiserId(0),
        name: "shop".to_owned(),
        domain: "shop.example".to_owned(),
    };
    let advertiser = store.put_advertiser(&advertiser).expect("it is complete");
    let mut campaign = Campaign {
        id: CampaignId(0),
        advertiser,
        name: "campaign".to_owned(),
        status: Status::Active,
        currency: Currency::parse(code).expect("three letters"),
        budget,
        daily_budget: rng
            .chance(0.4)
            .then(|| budget.mul_div(3 + below(rng, 6), 10)),
        flight_start: shape.start.plus_ms(-before),
        flight_end: shape.start.plus_ms(after),
        plan,
        goal: Goal::Impressions,
        frequency_caps: Vec::new(),
    };
    campaign.id = store.put_campaign(&campaign).expect("it is complete");
    for _ in 0..=rng.below(2) {
        line_item(rng, &campaign, max_bid_micros, store);
    }
    let unit = Micros::from_units(1);
    let fx = &shape.config.fx;
    let rate = fx
        .convert(
            unit,
            Currency::USD,
            campaign.currency,
            domain::money::Rounding::Nearest,
        )
        .expect("both currencies have a rate");
    Entry {
        budget_max: campaign.budget,
        daily_max: campaign.daily_budget,
        full_bid,
        campaign,
        rate: rate.0,
        paused_at: None,
    }
}

fn line_item(
    rng: &mut SplitMix64,
    campaign: &Campaign,
    max_bid_micros: i64,
    store: &MemoryCampaigns,
) {
    let creative = Creative {
        id: CreativeId(0),
        advertiser: campaign.advertiser,
        name: "ad".to_owned(),
        status: Status::Active,
        format: CreativeFormat::Banner {
            width: 300,
            height: 250,
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
        trackers: Default::default(),
        approvals: Default::default(),
    };
    let creative = store.put_creative(&creative).expect("it is complete");
    let level = max_bid_micros * (5 + below(rng, 5)) / 10;
    let cap = FrequencyCap {
        impressions: 5,
        window_s: 3_600,
        per: domain::IdScope::User,
    };
    let line_item = LineItem {
        id: LineItemId(0),
        campaign: campaign.id,
        name: "line item".to_owned(),
        status: Status::Active,
        // An untrained model predicts one click in a hundred, so a click is worth a tenth of the CPM.
        bid: if rng.chance(0.3) {
            BidModel::Cpc(Micros(level / 10))
        } else {
            BidModel::Cpm(Cpm(Micros(level)))
        },
        max_bid: Cpm(Micros(max_bid_micros)),
        targeting: Targeting::default(),
        frequency_caps: if rng.chance(0.2) {
            vec![cap]
        } else {
            Vec::new()
        },
        deals: Deals::OpenOnly,
        creatives: vec![creative],
        rotation: Default::default(),
        roadblock: false,
        authorized_sellers: false,
    };
    store.put_line_item(&line_item).expect("it is complete");
}

/// One request as an exchange sends it.
#[derive(Debug)]
pub(crate) struct Request {
    /// Which of `EXCHANGES`.
    pub(crate) exchange: usize,
    /// The JSON.
    pub(crate) body: Vec<u8>,
    /// Floor of every impression, in micros of CPM.
    pub(crate) floor: i64,
    /// Whether the winner pays its own bid.
    pub(crate) first_price: bool,
    /// A test: nothing of it may count.
    pub(crate) test: bool,
}

/// Draws one request.
pub(crate) fn request(rng: &mut SplitMix64, number: u64, exchanges: usize) -> Request {
    let exchange = usize::try_from(rng.below(exchanges as u64)).unwrap_or(0);
    let floor = if rng.chance(0.5) {
        100_000 * below(rng, 20)
    } else {
        0
    };
    let (first_price, test) = (rng.chance(0.5), rng.chance(0.02));
    let at = if first_price { 1 } else { 2 };
    let floor_text = decimal(floor);
    let imps: Vec<String> = (0..=u64::from(rng.chance(0.1)))
        .map(|n| {
            format!(
                r#"{{"id":"{n}","banner":{{"w":300,"h":250}},"bidfloor":{floor_text},"secure":1}}"#
            )
        })
        .collect();
    let place = if rng.chance(0.5) {
        r#""site":{"domain":"news.example.com"}"#
    } else {
        r#""app":{"bundle":"com.example.news"}"#
    };
    let user = rng.below(60);
    let body = format!(
        r#"{{"id":"r{number}","imp":[{}],{place},"device":{{"ua":"Mozilla/5.0 (Windows NT 10.0) Chrome/120.0","geo":{{"country":"USA"}}}},"user":{{"buyeruid":"u{user}"}},"cur":["USD"],"tmax":100,"at":{at},"test":{}}}"#,
        imps.join(","),
        u8::from(test),
    );
    Request {
        exchange,
        body: body.into_bytes(),
        floor,
        first_price,
        test,
    }
}

/// Micros as a decimal number with six places, as exchanges write prices.
pub(crate) fn decimal(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
