//! Example campaigns: something to bid with on every kind of slot.

use anyhow::Context;
use domain::campaign::Deals;
use domain::creative::{BannerMarkup, Media, MediaFile, NativeAssets, Picture};
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeFormat,
    CreativeId, Currency, Goal, LineItem, LineItemId, Micros, Plan, Status, Targeting, Timestamp,
};
use store::campaign::CampaignStore;

/// The banner sizes that exchanges offer most (IAB new ad portfolio and its predecessors, phones, screens).
const BANNER_SIZES: &[(u32, u32)] = &[
    (300, 250),
    (728, 90),
    (320, 50),
    (160, 600),
    (300, 600),
    (970, 250),
    (320, 100),
    (336, 280),
    (468, 60),
    (970, 90),
    (120, 600),
    (250, 250),
    (200, 200),
    (234, 60),
    (300, 50),
    (320, 480),
    (480, 320),
    (768, 1024),
    (1024, 768),
    (1080, 1920),
    (1920, 1080),
    (300, 1050),
    (930, 180),
    (980, 120),
    (580, 400),
    (300, 100),
    (240, 400),
    (125, 125),
    (180, 150),
    (88, 31),
    (375, 667),
    (414, 736),
    (360, 640),
    (1200, 628),
    (600, 500),
    (320, 320),
    (400, 400),
    (300, 400),
    (750, 200),
    (1000, 300),
];
/// Video sizes with the lengths of their spots, in seconds.
const VIDEO_SIZES: &[(u32, u32)] = &[
    (640, 360),
    (1280, 720),
    (1920, 1080),
    (640, 480),
    (320, 480),
];
const SPOT_SECONDS: &[u32] = &[6, 15, 30];
/// Creatives of one line item, so that a bid request does not try too many.
const CREATIVES_PER_LINE_ITEM: usize = 20;
const YEAR_MS: i64 = 365 * 86_400_000;
/// Over any floor of a usual exchange; in second-price auctions it is not what is paid.
const EXAMPLE_BID: Cpm = Cpm(Micros::from_units(20));

/// Fills a store with live, untargeted line items and creatives in all common formats; returns how many of each.
///
/// # Errors
/// When the store fails.
pub(crate) fn all_formats(
    store: &dyn CampaignStore,
    public_url: &str,
    now: Timestamp,
) -> anyhow::Result<(usize, usize)> {
    let advertiser = store.put_advertiser(&Advertiser {
        id: AdvertiserId(0),
        name: "Example Outfitters".to_owned(),
        domain: "outfitters.example".to_owned(),
    })?;
    let campaign = store.put_campaign(&Campaign {
        id: CampaignId(0),
        advertiser,
        name: "All formats".to_owned(),
        status: Status::Active,
        currency: Currency::USD,
        budget: Micros::from_units(1_000_000),
        daily_budget: None,
        flight_start: now.plus_ms(-60_000),
        flight_end: now.plus_ms(YEAR_MS),
        plan: Plan::Asap,
        goal: Goal::Impressions,
        frequency_caps: Vec::new(),
    })?;
    let mut creatives = 0;
    let mut line_items = 0;
    for (name, formats) in formats(public_url) {
        for (part, formats) in formats.chunks(CREATIVES_PER_LINE_ITEM).enumerate() {
            let mut ids = Vec::new();
            for format in formats {
                ids.push(store.put_creative(&creative(advertiser, format.clone()))?);
            }
            creatives += ids.len();
            store
                .put_line_item(&line_item(campaign, format!("{name} {}", part + 1), ids))
                .context(name)?;
            line_items += 1;
        }
    }
    Ok((line_items, creatives))
}

fn formats(public_url: &str) -> Vec<(&'static str, Vec<CreativeFormat>)> {
    let banners = BANNER_SIZES
        .iter()
        .map(|(width, height)| banner(*width, *height));
    let videos = VIDEO_SIZES.iter().flat_map(|(width, height)| {
        SPOT_SECONDS.iter().map(move |seconds| {
            CreativeFormat::Video(video(public_url, (*width, *height), *seconds))
        })
    });
    let audios = [15, 30].map(|seconds| CreativeFormat::Audio(audio(public_url, seconds)));
    vec![
        ("banners", banners.collect()),
        ("video", videos.collect()),
        ("audio", audios.to_vec()),
        ("native", vec![CreativeFormat::Native(native(public_url))]),
    ]
}

/// A banner that loads nothing from elsewhere.
pub(crate) fn banner(width: u32, height: u32) -> CreativeFormat {
    let html = format!(
        "<a href=\"{{CLICK_URL}}\" target=\"_blank\" style=\"display:block;box-sizing:border-box;width:{width}px;\
         height:{height}px;background:#0b6e4f;color:#fff;font:bold 14px sans-serif;text-decoration:none;\
         overflow:hidden;padding:4px\">Everything for outside</a>"
    );
    CreativeFormat::Banner {
        width,
        height,
        markup: BannerMarkup::Html { html },
    }
}

fn video(public_url: &str, (width, height): (u32, u32), seconds: u32) -> Media {
    Media::of_file(
        seconds,
        MediaFile {
            url: format!("{public_url}/assets/example-{width}x{height}-{seconds}s.mp4"),
            mime: "video/mp4".to_owned(),
            width,
            height,
            bitrate_kbps: 1_200,
        },
    )
}

fn audio(public_url: &str, seconds: u32) -> Media {
    Media::of_file(
        seconds,
        MediaFile {
            url: format!("{public_url}/assets/example-{seconds}s.mp3"),
            mime: "audio/mpeg".to_owned(),
            width: 0,
            height: 0,
            bitrate_kbps: 128,
        },
    )
}

fn native(public_url: &str) -> NativeAssets {
    let picture = |name: &str, width, height| Picture {
        url: format!("{public_url}/assets/{name}.png"),
        width,
        height,
    };
    NativeAssets {
        title: "Everything for outside".to_owned(),
        description: "Boots, tents and maps for the weekend".to_owned(),
        sponsored: "Outfitters".to_owned(),
        call_to_action: "Shop now".to_owned(),
        image: picture("example-1200x627", 1200, 627),
        icon: picture("example-128x128", 128, 128),
    }
}

fn creative(advertiser: AdvertiserId, format: CreativeFormat) -> Creative {
    let name = match &format {
        CreativeFormat::Banner { width, height, .. } => format!("banner {width}x{height}"),
        CreativeFormat::Video(media) => format!(
            "video {}x{} {} s",
            media.size().0,
            media.size().1,
            media.duration_s
        ),
        CreativeFormat::Audio(media) => format!("audio {} s", media.duration_s),
        CreativeFormat::Native(_) => "native".to_owned(),
    };
    Creative {
        id: CreativeId(0),
        advertiser,
        name,
        status: Status::Active,
        format,
        click_url: "https://outfitters.example/".to_owned(),
        adomain: "outfitters.example".to_owned(),
        categories: vec!["IAB17".to_owned()],
        attributes: Vec::new(),
        language: Some("en".to_owned()),
        app_store: None,
        frequency_caps: Vec::new(),
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Default::default(),
        approvals: Default::default(),
    }
}

fn line_item(campaign: CampaignId, name: String, creatives: Vec<CreativeId>) -> LineItem {
    LineItem {
        id: LineItemId(0),
        campaign,
        name,
        status: Status::Active,
        bid: BidModel::Cpm(EXAMPLE_BID),
        max_bid: EXAMPLE_BID,
        targeting: Targeting::default(),
        frequency_caps: Vec::new(),
        deals: Deals::OpenAndAnyDeal,
        creatives,
        rotation: Default::default(),
        roadblock: false,
        authorized_sellers: false,
    }
}

#[cfg(test)]
mod tests;
