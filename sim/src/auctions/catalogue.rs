//! Random line items of every kind, to meet random requests.

use std::collections::BTreeMap;

use bidder::config::CREATIVES_TRIED_MAX;
use domain::campaign::{Deals, Rotation};
use domain::creative::{AppStore, BannerMarkup, Media, MediaFile, NativeAssets, Picture, Trackers};
use domain::random::{SplitMix64, mix};
use domain::targeting::Dimension;
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeFormat,
    CreativeId, Currency, FrequencyCap, Goal, IdScope, LineItem, LineItemId, Micros, Plan, Status,
    Targeting,
};
use loadtest::traffic::mix::{ADVERTISERS, CATEGORIES, DEALS};
use store::campaign::CampaignStore;
use store::memory::MemoryCampaigns;

use super::NOON;

/// Line items of one catalogue, each with a campaign of its own.
const LINE_ITEMS: usize = 120;
const DAY_MS: i64 = 86_400_000;
const PUT: &str = "memory takes what keeps the rules";

const SIZES: [(u32, u32); 10] = [
    (300, 250),
    (728, 90),
    (320, 50),
    (160, 600),
    (300, 600),
    (970, 250),
    (320, 480),
    (1080, 1920),
    (640, 360),
    (480, 270),
];

/// Creatives (`crid`) by what their line items want.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    /// Buys on any deal.
    pub(crate) any_deal: Vec<String>,
    /// All impressions of a page or none.
    pub(crate) roadblock: Vec<String>,
}

/// Fills the store.
pub(crate) fn fill(store: &MemoryCampaigns, seed: u64) -> Wants {
    let mut rng = SplitMix64::new(mix(seed ^ 0x6361_7461));
    let mut wants = Wants::default();
    for index in 0..LINE_ITEMS {
        let advertiser = Advertiser {
            id: AdvertiserId(0),
            name: format!("advertiser {index}"),
            domain: "shop.example".to_owned(),
        };
        let advertiser = store.put_advertiser(&advertiser).expect(PUT);
        let campaign = store
            .put_campaign(&campaign(&mut rng, advertiser))
            .expect(PUT);
        // Who wants all of a page has something for each of its slots.
        let roadblock = rng.chance(0.05);
        let count = match roadblock {
            true => CREATIVES_TRIED_MAX,
            false => 1 + rng.below(4) as usize,
        };
        let creatives: Vec<CreativeId> = (0..count.min(CREATIVES_TRIED_MAX))
            .map(|_| creative(&mut rng, advertiser))
            .map(|creative| store.put_creative(&creative).expect(PUT))
            .collect();
        let item = LineItem {
            roadblock,
            ..line_item(&mut rng, campaign, creatives)
        };
        let own = || item.creatives.iter().map(ToString::to_string);
        if roadblock {
            wants.roadblock.extend(own());
        } else if item.deals == Deals::OpenAndAnyDeal {
            wants.any_deal.extend(own());
        }
        store.put_line_item(&item).expect(PUT);
    }
    wants
}

fn campaign(rng: &mut SplitMix64, advertiser: AdvertiserId) -> Campaign {
    let currency = rng.pick(&["USD", "USD", "EUR", "GBP"]);
    Campaign {
        id: CampaignId(0),
        advertiser,
        name: "campaign".to_owned(),
        status: Status::Active,
        currency: currency
            .and_then(|code| Currency::parse(code))
            .unwrap_or_default(),
        budget: Micros::from_units(100_000),
        daily_budget: rng.chance(0.2).then(|| Micros::from_units(10_000)),
        flight_start: NOON.plus_ms(-DAY_MS),
        flight_end: NOON.plus_ms(DAY_MS),
        plan: if rng.chance(0.5) {
            Plan::Asap
        } else {
            Plan::Even
        },
        goal: Goal::Impressions,
        frequency_caps: Vec::new(),
    }
}

fn line_item(rng: &mut SplitMix64, campaign: CampaignId, creatives: Vec<CreativeId>) -> LineItem {
    let worth = Cpm(Micros(500_000 + rng.below(20_000_000) as i64));
    let bid = match rng.below(10) {
        0 => BidModel::Cpc(Micros(worth.0.0 / 4)),
        1 => BidModel::Cpa(Micros(worth.0.0)),
        _ => BidModel::Cpm(worth),
    };
    let deals = match rng.below(4) {
        0 => Deals::OpenOnly,
        1 => Deals::Only(
            rng.pick(&DEALS)
                .map(|id| (*id).to_owned())
                .into_iter()
                .collect(),
        ),
        _ => Deals::OpenAndAnyDeal,
    };
    let mut targeting = Targeting::default();
    if rng.chance(0.1) {
        targeting.include(Dimension::Countries, ["USA"]);
    }
    let caps = FrequencyCap {
        impressions: 5,
        window_s: 3600,
        per: IdScope::User,
    };
    LineItem {
        id: LineItemId(0),
        campaign,
        name: "line item".to_owned(),
        status: Status::Active,
        bid,
        max_bid: worth,
        targeting,
        frequency_caps: if rng.chance(0.1) {
            vec![caps]
        } else {
            Vec::new()
        },
        deals,
        creatives,
        rotation: Rotation::default(),
        roadblock: false,
        authorized_sellers: false,
    }
}

fn creative(rng: &mut SplitMix64, advertiser: AdvertiserId) -> Creative {
    let mut attributes = Vec::new();
    if rng.chance(0.3) {
        // All but 16: our files bring no way to skip of their own.
        attributes.push(1 + rng.below(15) as u32);
    }
    let format = format(rng);
    if !is_html(&format) {
        // Only HTML expands or has video inside.
        attributes.retain(|attribute| !(3..=7).contains(attribute));
    }
    let mraid = is_html(&format) && rng.chance(0.2);
    let language = rng.pick(&[None, Some("en"), Some("de"), Some("fr")]);
    Creative {
        id: CreativeId(0),
        advertiser,
        name: "A creative & its <name>".to_owned(),
        status: Status::Active,
        format,
        click_url: "https://shop.example/landing?app=com.shop.app".to_owned(),
        adomain: rng
            .pick(&ADVERTISERS)
            .map_or_else(String::new, |domain| (*domain).to_owned()),
        categories: rng
            .pick(&CATEGORIES)
            .map(|code| (*code).to_owned())
            .into_iter()
            .collect(),
        attributes,
        language: language.copied().flatten().map(str::to_owned),
        app_store: rng.chance(0.3).then(|| AppStore {
            item: 525_463_029,
            campaign: rng.chance(0.8).then_some(42),
            source_identifier: Some(4321),
        }),
        frequency_caps: Vec::new(),
        taxonomy: 1,
        apis: mraid.then_some(5).into_iter().collect(),
        sample_url: None,
        trackers: Trackers::default(),
        approvals: BTreeMap::new(),
    }
}

fn is_html(format: &CreativeFormat) -> bool {
    let CreativeFormat::Banner { markup, .. } = format else {
        return false;
    };
    !matches!(markup, BannerMarkup::Image { .. })
}

fn format(rng: &mut SplitMix64) -> CreativeFormat {
    match rng.below(20) {
        0..10 => banner(rng),
        10..15 => CreativeFormat::Video(media(rng, true)),
        15..17 => CreativeFormat::Audio(media(rng, false)),
        _ => CreativeFormat::Native(native(rng)),
    }
}

fn banner(rng: &mut SplitMix64) -> CreativeFormat {
    let (width, height) = rng.pick(&SIZES).copied().unwrap_or((300, 250));
    let html = |html: &str| BannerMarkup::Html {
        html: html.to_owned(),
    };
    let markup = match rng.below(7) {
        0 => html(
            "<script src=\"https://cdn.shop.example/a.js\" data-link=\"{CLICK_URL}\"></script>",
        ),
        1 => html("<iframe src=\"https://cdn.shop.example/a.html\"></iframe>"),
        2 => html("<a href=\"{CLICK_URL}\"><img src=\"http://cdn.shop.example/a.png\"></a>"),
        3 => html("<a href=\"{CLICK_URL}\"><b>Boots</b></a>"),
        4 => BannerMarkup::Image {
            url: "https://cdn.shop.example/a.gif".to_owned(),
        },
        _ => BannerMarkup::Image {
            url: "https://cdn.shop.example/a.png".to_owned(),
        },
    };
    CreativeFormat::Banner {
        width,
        height,
        markup,
    }
}

fn media(rng: &mut SplitMix64, video: bool) -> Media {
    let (mime, end, width, height) = match (video, rng.below(3)) {
        (true, 0) => ("video/webm", "webm", 1280, 720),
        (true, _) => ("video/mp4", "mp4", 640, 360),
        (false, 0) => ("audio/ogg", "ogg", 0, 0),
        (false, _) => ("audio/mpeg", "mp3", 0, 0),
    };
    let url = format!("https://cdn.shop.example/{}.{end}", rng.below(4));
    let duration_s = rng.pick(&[6, 10, 15, 20, 30, 60]).copied().unwrap_or(15);
    let file = MediaFile {
        url,
        mime: mime.to_owned(),
        width,
        height,
        bitrate_kbps: 100 * (1 + rng.below(20) as u32),
    };
    Media::of_file(duration_s, file)
}

fn native(rng: &mut SplitMix64) -> NativeAssets {
    let picture = |name: &str, width, height| Picture {
        url: format!("https://cdn.shop.example/{name}"),
        width,
        height,
    };
    let letters = |count: u64| {
        "Boots and tents for all weather "
            .chars()
            .cycle()
            .take(count as usize)
            .collect()
    };
    NativeAssets {
        title: letters(5 + rng.below(60)),
        description: letters(5 + rng.below(120)),
        sponsored: letters(3 + rng.below(40)),
        call_to_action: "Buy".to_owned(),
        image: picture("big.jpg", 1200, 627),
        icon: picture("icon.png", 80, 80),
    }
}
