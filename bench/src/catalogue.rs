//! The workload's campaigns: any number of live line items out of one seed.
//!
//! Each line item has one narrow rule (sites, segments or regions) and some broad ones. The pools that narrow
//! rules draw from grow with the number of line items, so that a request matches as many of 1,000 as of 100,000.

use domain::campaign::{Deals, Plan};
use domain::creative::{BannerMarkup, Media, MediaFile};
use domain::random::{SplitMix64, mix};
use domain::targeting::{DeviceKind, Dimension, Inventory, Os, Size};
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Catalogue, Cpm, Creative,
    CreativeFormat, CreativeId, Currency, FrequencyCap, Goal, LineItem, LineItemId, Micros, Status,
    Targeting, Timestamp,
};

/// Draws catalogue, requests and model; change it and figures of different days no longer compare.
pub const SEED: u64 = 0x7061_6365_6c69_6e65;
/// Line items of the workload that is reported.
pub const LINE_ITEMS: usize = 10_000;
/// Countries with their share of requests, in percent.
pub const COUNTRIES: &[(&str, u64)] = &[
    ("USA", 34),
    ("DEU", 14),
    ("GBR", 12),
    ("FRA", 9),
    ("BRA", 8),
    ("JPN", 7),
    ("ESP", 6),
    ("ITA", 5),
    ("CAN", 5),
];
/// Banner sizes; the first ones are the common ones.
pub const SIZES: &[(u32, u32)] = &[
    (300, 250),
    (728, 90),
    (320, 50),
    (300, 600),
    (160, 600),
    (970, 250),
];
/// Share of line items by narrow rule: sites, then segments; the rest have regions.
const BY_SITES: f64 = 0.40;
const BY_SEGMENTS: f64 = 0.35;
/// The narrow rules' lists.
const SITES_LISTED: usize = 5;
const SEGMENTS_LISTED: usize = 3;
const REGIONS_LISTED: usize = 3;
/// How unevenly line items are spread over sites, segments and regions.
const SKEW: f64 = 4.2;
const DAY_MS: i64 = 86_400_000;
const LINE_ITEMS_A_CAMPAIGN: usize = 5;

/// How many sites, segments and regions there are for so many line items.
#[derive(Debug, Clone, Copy)]
pub struct Pools {
    /// Sites, and as many apps.
    pub sites: u64,
    /// User segments.
    pub segments: u64,
    /// Regions of all countries.
    pub regions: u64,
}

impl Pools {
    /// For so many line items.
    pub fn of(line_items: usize) -> Self {
        let line_items = line_items as u64;
        Self {
            sites: (line_items / 13).max(10),
            segments: (line_items / 10).max(10),
            regions: (line_items / 60).max(5),
        }
    }
}

/// The catalogue, live at `now`.
pub fn catalogue(line_items: usize, now: Timestamp) -> Catalogue {
    let mut rng = SplitMix64::new(mix(SEED));
    let pools = Pools::of(line_items);
    let mut made = Catalogue {
        revision: 1,
        ..Catalogue::default()
    };
    for index in 0..line_items {
        let id = index as u64 + 1;
        let campaign = (index / LINE_ITEMS_A_CAMPAIGN) as u64 + 1;
        if index.is_multiple_of(LINE_ITEMS_A_CAMPAIGN) {
            made.advertisers.push(advertiser(campaign));
            made.campaigns.push(live_campaign(campaign, now));
        }
        let size = size(&mut rng);
        made.creatives
            .push(creative((id, campaign), size, &mut rng));
        let targeting = targeting(pools, size, &mut rng);
        made.line_items
            .push(line_item((id, campaign), targeting, &mut rng));
    }
    made
}

fn advertiser(id: u64) -> Advertiser {
    Advertiser {
        id: AdvertiserId(id),
        name: format!("Advertiser {id}"),
        domain: format!("shop{id}.example"),
    }
}

fn live_campaign(id: u64, now: Timestamp) -> Campaign {
    Campaign {
        id: CampaignId(id),
        advertiser: AdvertiserId(id),
        name: format!("Campaign {id}"),
        status: Status::Active,
        currency: Currency::USD,
        budget: Micros::from_units(10_000_000),
        daily_budget: None,
        flight_start: now.plus_ms(-DAY_MS),
        flight_end: now.plus_ms(30 * DAY_MS),
        plan: Plan::Asap,
        goal: Goal::Impressions,
        frequency_caps: Vec::new(),
    }
}

fn size(rng: &mut SplitMix64) -> Size {
    // The first of two draws wins when it is smaller: common sizes have more creatives.
    let last = SIZES.len() as u64;
    let at = rng.below(last).min(rng.below(last)) as usize;
    let (width, height) = SIZES.get(at).copied().unwrap_or((300, 250));
    Size { width, height }
}

fn creative((id, campaign): (u64, u64), size: Size, rng: &mut SplitMix64) -> Creative {
    let format = match rng.below(10) {
        0 => CreativeFormat::Video(Media::of_file(
            15,
            MediaFile {
                url: format!("https://cdn.shop{campaign}.example/{id}.mp4"),
                mime: "video/mp4".into(),
                width: 1280,
                height: 720,
                bitrate_kbps: 2000,
            },
        )),
        1..=3 => banner(size, BannerMarkup::Html { html: html(id) }),
        _ => {
            let url = format!("https://cdn.shop{campaign}.example/{id}.png");
            banner(size, BannerMarkup::Image { url })
        }
    };
    let attributes = if rng.chance(0.1) {
        vec![13]
    } else {
        Vec::new()
    };
    Creative {
        id: CreativeId(id),
        advertiser: AdvertiserId(campaign),
        name: format!("Ad {id}"),
        status: Status::Active,
        format,
        click_url: format!("https://shop{campaign}.example/landing/{id}?utm_source=paceline"),
        adomain: format!("shop{campaign}.example"),
        categories: vec![format!("IAB{}", 1 + rng.below(26))],
        attributes,
        language: rng.chance(0.3).then(|| "en".to_owned()),
        app_store: None,
        frequency_caps: Vec::new(),
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Default::default(),
        approvals: Default::default(),
    }
}

fn banner(size: Size, markup: BannerMarkup) -> CreativeFormat {
    CreativeFormat::Banner {
        width: size.width,
        height: size.height,
        markup,
    }
}

fn html(id: u64) -> String {
    format!(
        "<div class=\"ad\" style=\"width:100%;height:100%\"><a href=\"{{CLICK_URL}}\" target=\"_blank\">\
         <img src=\"https://cdn.example/{id}/back.jpg\" alt=\"\"><b>Offer {id}</b></a></div>"
    )
}

fn line_item((id, campaign): (u64, u64), targeting: Targeting, rng: &mut SplitMix64) -> LineItem {
    let price = |units: f64| Cpm::from_decimal(units).unwrap_or(Cpm::ZERO);
    let bid = if rng.chance(0.5) {
        BidModel::Cpm(price((rng.normal() * 0.6).exp()))
    } else {
        BidModel::Cpc(Micros((100_000.0 * (rng.normal() * 0.6).exp()) as i64))
    };
    let caps = [FrequencyCap {
        impressions: 1000,
        window_s: 86_400,
        per: domain::IdScope::User,
    }];
    LineItem {
        id: LineItemId(id),
        campaign: CampaignId(campaign),
        name: format!("Line item {id}"),
        status: Status::Active,
        bid,
        max_bid: price(8.0),
        targeting,
        frequency_caps: if rng.chance(0.2) {
            caps.to_vec()
        } else {
            Vec::new()
        },
        deals: if rng.chance(0.1) {
            Deals::OpenAndAnyDeal
        } else {
            Deals::OpenOnly
        },
        creatives: vec![CreativeId(id)],
        rotation: Default::default(),
        roadblock: false,
        authorized_sellers: false,
    }
}

fn targeting(pools: Pools, size: Size, rng: &mut SplitMix64) -> Targeting {
    let mut it = Targeting::default();
    let narrow = rng.unit();
    if narrow < BY_SITES {
        it.include(
            Dimension::Sites,
            drawn(rng, (SITES_LISTED, pools.sites), site),
        );
    } else if narrow < BY_SITES + BY_SEGMENTS {
        it.include(
            Dimension::Segments,
            drawn(rng, (SEGMENTS_LISTED, pools.segments), segment),
        );
    } else {
        it.include(
            Dimension::Regions,
            drawn(rng, (REGIONS_LISTED, pools.regions), region),
        );
    }
    if rng.chance(0.5) {
        it.include(
            Dimension::Countries,
            some(rng, COUNTRIES, 0.5, |(code, _)| *code),
        );
    }
    if rng.chance(0.4) {
        let kinds = [DeviceKind::Phone, DeviceKind::Desktop, DeviceKind::Tablet];
        it.include(
            Dimension::Devices,
            some(rng, &kinds, 0.6, |kind| kind.word()),
        );
    }
    if rng.chance(0.2) {
        let families = [Os::Android, Os::Ios, Os::Windows, Os::MacOs];
        it.include(Dimension::Os, some(rng, &families, 0.6, |os| os.word()));
    }
    if rng.chance(0.2) {
        let kinds = [Inventory::Site, Inventory::App];
        it.include(
            Dimension::Inventory,
            some(rng, &kinds, 0.6, |kind| kind.word()),
        );
    }
    if rng.chance(0.4) {
        it.include(Dimension::Sizes, [size.to_string()]);
    }
    if rng.chance(0.1) {
        let hours: Vec<_> = (0..20).map(|_| rng.below(168).to_string()).collect();
        it.exclude(Dimension::Hours, hours);
    }
    if rng.chance(0.1) {
        it.exclude(Dimension::Sites, drawn(rng, (3, pools.sites), site));
    }
    it
}

fn some<A, B>(rng: &mut SplitMix64, all: &[A], share: f64, map: impl Fn(&A) -> B) -> Vec<B> {
    all.iter().filter(|_| rng.chance(share)).map(map).collect()
}

fn drawn(
    rng: &mut SplitMix64,
    (count, pool): (usize, u64),
    name: impl Fn(u64) -> String,
) -> Vec<String> {
    let mut list: Vec<_> = (0..count)
        .map(|_| name((rng.unit().powf(SKEW) * pool as f64) as u64))
        .collect();
    list.sort_unstable();
    list.dedup();
    list
}

/// The domain of a site.
pub fn site(number: u64) -> String {
    format!("site{number}.example")
}

/// A user segment.
pub fn segment(number: u64) -> String {
    format!("seg-{number}")
}

/// A region, as targeting writes it. Its country is drawn from its number.
pub fn region(number: u64) -> String {
    format!("{}-R{number}", country(mix(number)))
}

/// The country that a random number stands for.
pub fn country(random: u64) -> &'static str {
    let mut left = random % 100;
    for (code, share) in COUNTRIES {
        if left < *share {
            return code;
        }
        left -= share;
    }
    "USA"
}
