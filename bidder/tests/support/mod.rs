//! A bidder over memory stores with a small standard catalogue, for the tests of this crate.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "every test file uses its own part of this"
)]

mod creatives;

use std::sync::Arc;

use bidder::{Background, Bidder, BidderCore, Call, Config, Seams};
use domain::campaign::Deals;
use domain::creative::{AppStore, BannerMarkup, Media, MediaFile, NativeAssets, Picture};
use domain::targeting::Dimension;
use domain::time::ManualClock;
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeFormat,
    CreativeId, Currency, FrequencyCap, Goal, IdScope, LineItem, LineItemId, Micros, Plan, Status,
    Targeting, Timestamp,
};
use event_log::memory::MemoryLog;
use event_log::{EventLog, Partition, Topic};
use proto::event::{self, Event};
use proto::token::TokenKeys;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::memory::{MemoryCampaigns, MemoryKeyed, MemorySnapshots};
use store::profile::Profiles;

/// Monday 2026-11-23, 12:00 UTC.
pub const NOON: Timestamp = Timestamp(1_795_392_000_000 + 12 * 3_600_000);
const DAY_MS: i64 = 86_400_000;
/// A plain request for a banner, without a user.
pub const BANNER: &str = r#"{"id":"r","imp":[{"id":"1","banner":{"w":300,"h":250}}],"site":{"domain":"a.example"},"device":{"ua":"Mozilla/5.0"}}"#;

/// A bidder and everything around it.
pub struct World {
    pub bidder: Bidder,
    pub core: BidderCore,
    pub background: Background,
    pub clock: Arc<ManualClock>,
    pub log: MemoryLog,
    pub keyed: MemoryKeyed,
    pub campaigns: MemoryCampaigns,
    pub snapshots: MemorySnapshots,
    pub keys: TokenKeys,
    /// Names with the ids they were given.
    pub line_items: Vec<(String, LineItemId, CreativeId)>,
}

impl World {
    /// With these line items of the standard catalogue, ready to bid.
    pub fn new(names: &[&str], config: Config) -> Self {
        let mut world = Self::unready(names, config);
        world.background.refresh(NOON).unwrap();
        world.background.tick(NOON).unwrap();
        world
    }

    /// As `new`, before anything is loaded.
    pub fn unready(names: &[&str], config: Config) -> Self {
        let campaigns = MemoryCampaigns::new();
        let line_items = names.iter().map(|name| put(&campaigns, name)).collect();
        let clock = Arc::new(ManualClock::new(NOON));
        let (log, keyed) = (MemoryLog::new(1), MemoryKeyed::new());
        let snapshots = MemorySnapshots::new();
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        let seams = Seams {
            clock: Arc::clone(&clock) as Arc<dyn domain::Clock>,
            log: Arc::new(log.clone()),
            campaigns: Arc::new(campaigns.clone()),
            snapshots: Arc::new(snapshots.clone()),
            budgets: Budgets::new(Arc::new(keyed.clone()), 1000),
            profiles: Arc::new(Profiles::new(Arc::new(keyed.clone()))),
            keys: keys.clone(),
            user_secret: [9; 32],
            bidder: [1; 16],
            seed: 42,
        };
        let (bidder, background) = Bidder::new(config, seams).unwrap();
        let core = bidder.core(0);
        Self {
            bidder,
            core,
            background,
            clock,
            log,
            keyed,
            campaigns,
            snapshots,
            keys,
            line_items,
        }
    }

    /// A call that arrives now.
    pub fn call<'a>(&self, exchange: &'a str) -> Call<'a> {
        let arrived_us = domain::Clock::monotonic_us(self.clock.as_ref());
        Call {
            exchange,
            arrived_us,
            format: proto::openrtb::Format::Json,
        }
    }

    /// Decides a request on the generic exchange; the answer's JSON, if there is a bid.
    pub fn bid(&mut self, request: &str) -> Option<serde_json::Value> {
        let mut body = request.as_bytes().to_vec();
        let answer = self.core.decide(&self.call("generic"), &mut body);
        (answer.reply == bidder::Reply::Content)
            .then(|| serde_json::from_slice(answer.body).unwrap())
    }

    /// Everything that was logged; what the core still keeps is handed over first.
    pub fn events(&mut self) -> Vec<Event> {
        self.core.hand_over();
        let partition = Partition {
            topic: Topic::Bids,
            index: 0,
        };
        let stored = self.log.read(partition, 0, usize::MAX).unwrap();
        stored
            .iter()
            .map(|record| event::parse(&record.payload).unwrap())
            .collect()
    }

    /// Moves time on by a second, with the beat that belongs to it.
    pub fn second(&mut self) {
        let now = domain::Clock::now(self.clock.as_ref()).plus_ms(1000);
        self.clock.set(now);
        self.core.flush(now);
        self.background.refresh(now).unwrap();
        self.background.tick(now).unwrap();
    }
}

/// What a standard line item is made of.
struct Plainly {
    currency: Currency,
    budget: Micros,
    status: Status,
    bid: BidModel,
    max_bid: Cpm,
    targeting: Targeting,
    caps: Vec<FrequencyCap>,
    campaign_caps: Vec<FrequencyCap>,
    deals: Deals,
    creative: Creative,
    /// What it shows beside.
    also: Vec<CreativeFormat>,
    roadblock: bool,
}

fn cpm(units: f64) -> Cpm {
    Cpm::from_decimal(units).unwrap()
}

fn plain() -> Plainly {
    Plainly {
        currency: Currency::USD,
        budget: Micros::from_units(1000),
        status: Status::Active,
        bid: BidModel::Cpm(cpm(2.0)),
        max_bid: cpm(5.0),
        targeting: Targeting::default(),
        caps: Vec::new(),
        campaign_caps: Vec::new(),
        deals: Deals::OpenOnly,
        also: Vec::new(),
        roadblock: false,
        creative: Creative {
            id: CreativeId(0),
            advertiser: AdvertiserId(0),
            name: "ad".into(),
            status: Status::Active,
            format: image("https://cdn.shop.example/ad.png"),
            click_url: "https://shop.example/landing?id=com.shop.app".into(),
            adomain: "shop.example".into(),
            categories: vec!["IAB22-1".into()],
            attributes: Vec::new(),
            language: None,
            frequency_caps: Vec::new(),
            app_store: None,
            taxonomy: 1,
            apis: Vec::new(),
            sample_url: None,
            trackers: Default::default(),
            approvals: Default::default(),
        },
    }
}

fn image(url: &str) -> CreativeFormat {
    let markup = BannerMarkup::Image { url: url.into() };
    CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup,
    }
}

fn media(mime: &str, url: &str, width: u32, height: u32) -> Media {
    Media::of_file(
        15,
        MediaFile {
            url: url.into(),
            mime: mime.into(),
            width,
            height,
            bitrate_kbps: 800,
        },
    )
}

/// A video of another length.
fn cut(duration_s: u32, url: &str) -> CreativeFormat {
    CreativeFormat::Video(Media {
        duration_s,
        ..media("video/mp4", url, 640, 360)
    })
}

fn picture(url: &str, width: u32, height: u32) -> Picture {
    Picture {
        url: url.into(),
        width,
        height,
    }
}

/// The standard catalogue: each name is one campaign with one line item and one creative.
fn standard(name: &str) -> Plainly {
    let mut it = plain();
    if creatives::change(name, &mut it.creative) {
        return it;
    }
    match name {
        "banner" | "authorized" => {}
        "banner-cpc" => it.bid = BidModel::Cpc(Micros(200_000)),
        "banner-cpa" => it.bid = BidModel::Cpa(Micros::from_units(6)),
        "banner-rich" => it.bid = BidModel::Cpm(cpm(4.0)),
        "script" => {
            it.creative.format =
                creatives::html("<script src=\"https://cdn.shop.example/a.js\"></script>");
            it.creative.attributes = vec![6, 7];
        }
        "insecure" => {
            it.creative.format = creatives::html("<img src=\"http://cdn.shop.example/ad.png\">");
        }
        "video" => {
            let file = media("video/mp4", "https://cdn.shop.example/ad.mp4", 640, 360);
            it.creative.format = CreativeFormat::Video(file);
            (it.bid, it.max_bid) = (BidModel::Cpm(cpm(10.0)), cpm(20.0));
        }
        "audio" => {
            let file = media("audio/mpeg", "https://cdn.shop.example/ad.mp3", 0, 0);
            it.creative.format = CreativeFormat::Audio(file);
        }
        "native" => {
            it.creative.format = CreativeFormat::Native(NativeAssets {
                title: "Shoes".into(),
                description: "Good shoes".into(),
                sponsored: "Shop".into(),
                call_to_action: "Buy".into(),
                image: picture("https://cdn.shop.example/big.jpg", 1200, 627),
                icon: picture("https://cdn.shop.example/icon.png", 80, 80),
            });
        }
        "german" => it.targeting.include(Dimension::Countries, ["DEU"]),
        "german-language" => it.creative.language = Some("de".into()),
        name if name.starts_with("capped") => cap(&mut it, name),
        "deal-only" => {
            it.deals = Deals::Only(vec!["deal-1".into()]);
            it.bid = BidModel::Cpm(cpm(3.0));
        }
        "any-deal" => it.deals = Deals::OpenAndAnyDeal,
        "euro" => it.currency = Currency::parse("EUR").unwrap(),
        "exotic" => it.currency = Currency::parse("XTS").unwrap(),
        "paused" => it.status = Status::Paused,
        "poor" => it.budget = Micros(10),
        "small" => it.budget = Micros(50_000),
        "gambling" => {
            it.creative.categories = vec!["IAB9-7".into()];
            it.creative.adomain = "casino.example".into();
        }
        other => it = standard_more(other),
    }
    it
}

/// More of the standard catalogue: mostly videos that differ in one thing.
fn standard_more(name: &str) -> Plainly {
    let mut it = standard("video");
    match name {
        "expanding" => {
            it = plain();
            it.creative.format = creatives::html("<b>Shoes</b>");
            it.creative.attributes = vec![4];
        }
        "app" => {
            it = plain();
            it.creative.app_store = Some(AppStore {
                item: 525_463_029,
                campaign: Some(42),
                source_identifier: Some(4321),
            });
        }
        "deal-poor" => {
            it = standard("deal-only");
            it.budget = Micros(10);
        }
        "video-twin" => {
            (it.bid, it.max_bid) = (BidModel::Cpm(cpm(11.0)), cpm(20.0));
        }
        "video-poor" => {
            it.budget = Micros(10);
        }
        "video-30" => {
            it.creative.format = cut(30, "https://cdn.shop.example/long.mp4");
            it.bid = BidModel::Cpm(cpm(12.0));
        }
        "video-6" => {
            it.creative.format = cut(6, "https://cdn.cola.example/short.mp4");
            it.creative.adomain = "cola.example".into();
            it.creative.categories = vec!["IAB8-5".into()];
            it.bid = BidModel::Cpm(cpm(5.0));
        }
        "video-deal" => {
            it.deals = Deals::Only(vec!["deal-1".into()]);
            it.bid = BidModel::Cpm(cpm(4.0));
        }
        name if name.starts_with("roadblock") => it = roadblock(name),
        other => panic!("{other} is not in the standard catalogue"),
    }
    it
}

/// All of a page with two banners, or nothing.
fn roadblock(name: &str) -> Plainly {
    let mut it = plain();
    it.roadblock = true;
    let CreativeFormat::Banner { markup, .. } = image("https://cdn.shop.example/wide.png") else {
        panic!("an image is a banner")
    };
    it.also = vec![CreativeFormat::Banner {
        width: 728,
        height: 90,
        markup,
    }];
    match name {
        "roadblock" => {}
        "roadblock-rich" => it.bid = BidModel::Cpm(cpm(4.0)),
        "roadblock-once" => {
            it.caps = vec![FrequencyCap {
                impressions: 1,
                window_s: 3600,
                per: IdScope::User,
            }];
        }
        // Enough for one of two.
        "roadblock-poor" => it.budget = Micros(3_000),
        "roadblock-video" => it.also.push(standard("video").creative.format),
        other => panic!("{other} is not in the standard catalogue"),
    }
    it
}

/// Two impressions an hour, of what and to whom the name says.
fn cap(it: &mut Plainly, name: &str) {
    let cap = |per| {
        vec![FrequencyCap {
            impressions: 2,
            window_s: 3600,
            per,
        }]
    };
    match name {
        "capped" => it.caps = cap(IdScope::User),
        "capped-campaign" => it.campaign_caps = cap(IdScope::User),
        "capped-creative" => it.creative.frequency_caps = cap(IdScope::User),
        "capped-device" => it.caps = cap(IdScope::Device),
        "capped-household" => it.caps = cap(IdScope::Household),
        other => panic!("{other} is not in the standard catalogue"),
    }
}

fn put(store: &MemoryCampaigns, name: &str) -> (String, LineItemId, CreativeId) {
    let it = standard(name);
    let advertiser = Advertiser {
        id: AdvertiserId(0),
        name: name.into(),
        domain: it.creative.adomain.clone(),
    };
    let advertiser = store.put_advertiser(&advertiser).unwrap();
    let campaign = Campaign {
        id: CampaignId(0),
        advertiser,
        name: name.into(),
        status: Status::Active,
        currency: it.currency,
        budget: it.budget,
        daily_budget: None,
        flight_start: NOON.plus_ms(-DAY_MS),
        flight_end: NOON.plus_ms(DAY_MS),
        plan: Plan::Asap,
        goal: Goal::Impressions,
        frequency_caps: it.campaign_caps,
    };
    let campaign = store.put_campaign(&campaign).unwrap();
    let creative = store
        .put_creative(&Creative {
            advertiser,
            ..it.creative.clone()
        })
        .unwrap();
    let also = it.also.into_iter().map(|format| {
        let one = Creative {
            advertiser,
            format,
            ..it.creative.clone()
        };
        store.put_creative(&one).unwrap()
    });
    let creatives = [creative].into_iter().chain(also).collect();
    let line_item = LineItem {
        id: LineItemId(0),
        campaign,
        name: name.into(),
        status: it.status,
        bid: it.bid,
        max_bid: it.max_bid,
        targeting: it.targeting,
        frequency_caps: it.caps,
        deals: it.deals,
        creatives,
        rotation: Default::default(),
        roadblock: it.roadblock,
        authorized_sellers: name == "authorized",
    };
    let line_item = store.put_line_item(&line_item).unwrap();
    (name.to_owned(), line_item, creative)
}
