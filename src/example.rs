//! Example campaigns: something to bid with on every kind of slot.

use anyhow::Context;
use domain::campaign::Deals;
use domain::creative::{BannerMarkup, Media, MediaFile, MediaSource, NativeAssets, Picture};
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
/// Screens, posters and parts of them.
const LARGE_SIZES: &[(u32, u32)] = &[
    (320, 180),
    (640, 360),
    (480, 270),
    (1280, 720),
    (3840, 2160),
    (2160, 3840),
    (960, 480),
    (1920, 540),
    (720, 1280),
    (640, 960),
    (960, 640),
    (320, 568),
    (300, 450),
    (250, 300),
    (1536, 2048),
    (2048, 1536),
    (800, 250),
    (480, 80),
    (216, 36),
    (400, 300),
];
/// Sizes of banners that are pictures, for places that take nothing else.
const PICTURE_SIZES: &[(u32, u32)] = &[
    (300, 250),
    (728, 90),
    (320, 50),
    (160, 600),
    (300, 600),
    (320, 480),
    (480, 320),
    (970, 250),
    (320, 100),
    (300, 50),
    (1080, 1920),
    (1920, 1080),
    (960, 480),
];
/// The lengths of spots, in seconds.
const SPOT_SECONDS: &[u32] = &[6, 8, 10, 15, 20, 30, 45, 60, 90];
/// Video sizes beside the usual one, with spots of the usual lengths.
const VIDEO_SIZES: &[(u32, u32)] = &[(1920, 1080), (1280, 720), (640, 480), (720, 1280)];
/// Sides of native ads' pictures: the large one, and the icon.
const NATIVE_SIZES: &[((u32, u32), u32)] = &[
    ((1200, 627), 80),
    ((1200, 627), 128),
    ((1200, 628), 80),
    ((1200, 628), 128),
    ((1200, 627), 300),
    ((1200, 627), 50),
    ((300, 250), 50),
    ((300, 250), 80),
    ((320, 180), 80),
    ((600, 600), 100),
    ((640, 360), 80),
    ((1280, 720), 150),
    ((600, 315), 64),
    ((1000, 1000), 200),
];
/// Creatives of one line item, so that a bid request does not try too many, and a pod finds several line items.
const CREATIVES_PER_LINE_ITEM: usize = 20;
const SPOTS_PER_LINE_ITEM: usize = 3;
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
    for (name, formats, most) in formats(public_url) {
        for (part, formats) in formats.chunks(most).enumerate() {
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

/// What is shown, with how many of each are one line item's at most.
fn formats(public_url: &str) -> Vec<(&'static str, Vec<CreativeFormat>, usize)> {
    let banners = BANNER_SIZES.iter().chain(LARGE_SIZES);
    let banners = banners.map(|(width, height)| banner(*width, *height));
    let pictures = PICTURE_SIZES
        .iter()
        .map(|size| picture_banner(public_url, *size));
    let usual = SPOT_SECONDS.iter().map(|seconds| ((640, 360), *seconds));
    let sizes = VIDEO_SIZES.iter();
    let others = sizes.flat_map(|size| [15, 30].map(|seconds| (*size, seconds)));
    let videos = usual
        .chain(others)
        .map(|(size, seconds)| CreativeFormat::Video(video(public_url, size, seconds)));
    let audios = SPOT_SECONDS
        .iter()
        .map(|seconds| CreativeFormat::Audio(audio(public_url, *seconds)));
    let natives = NATIVE_SIZES
        .iter()
        .map(|sizes| CreativeFormat::Native(native(public_url, *sizes)));
    vec![
        ("banners", banners.collect(), CREATIVES_PER_LINE_ITEM),
        ("pictures", pictures.collect(), CREATIVES_PER_LINE_ITEM),
        ("video", videos.collect(), SPOTS_PER_LINE_ITEM),
        ("audio", audios.collect(), SPOTS_PER_LINE_ITEM),
        ("native", natives.collect(), CREATIVES_PER_LINE_ITEM),
    ]
}

/// A banner that loads nothing from elsewhere.
pub(crate) fn banner(width: u32, height: u32) -> CreativeFormat {
    let html = format!(
        "<a href=\"{{CLICK_URL}}\" target=\"_blank\" style=\"display:block;box-sizing:border-box;width:{width}px;\
         height:{height}px;background:#0b6e4f;color:#fff;font:bold 14px sans-serif;text-decoration:none;\
         overflow:hidden;padding:4px\">Outfitters</a>"
    );
    CreativeFormat::Banner {
        width,
        height,
        markup: BannerMarkup::Html { html },
    }
}

fn picture_banner(public_url: &str, (width, height): (u32, u32)) -> CreativeFormat {
    let url = format!("{public_url}/assets/example-{width}x{height}.jpg");
    CreativeFormat::Banner {
        width,
        height,
        markup: BannerMarkup::Image { url },
    }
}

/// Renditions from which a player takes what it can play.
fn video(public_url: &str, (width, height): (u32, u32), seconds: u32) -> Media {
    let file = |extension: &str, bitrate_kbps| MediaFile {
        url: format!(
            "{public_url}/assets/example-{width}x{height}-{seconds}s-{bitrate_kbps}k.{extension}"
        ),
        mime: format!("video/{extension}"),
        width,
        height,
        bitrate_kbps,
    };
    let files = [
        ("mp4", 1_200),
        ("mp4", 500),
        ("mp4", 4_000),
        ("webm", 1_000),
    ];
    let files = files.map(|(extension, rate)| file(extension, rate)).into();
    of_files(seconds, files)
}

fn audio(public_url: &str, seconds: u32) -> Media {
    let file = |extension: &str, mime: &str| MediaFile {
        url: format!("{public_url}/assets/example-{seconds}s.{extension}"),
        mime: mime.to_owned(),
        width: 0,
        height: 0,
        bitrate_kbps: 128,
    };
    let files = [
        ("mp3", "audio/mpeg"),
        ("m4a", "audio/mp4"),
        ("aac", "audio/aac"),
        ("ogg", "audio/ogg"),
    ];
    let files = files.map(|(extension, mime)| file(extension, mime)).into();
    of_files(seconds, files)
}

fn of_files(duration_s: u32, files: Vec<MediaFile>) -> Media {
    Media {
        duration_s,
        source: MediaSource::Files(files),
        skip_after_s: None,
        companion: None,
    }
}

fn native(public_url: &str, ((width, height), icon): ((u32, u32), u32)) -> NativeAssets {
    let picture = |width, height| Picture {
        url: format!("{public_url}/assets/example-{width}x{height}.jpg"),
        width,
        height,
    };
    NativeAssets {
        title: "Everything outside".to_owned(),
        description: "Boots, tents and maps".to_owned(),
        sponsored: "Outfitters".to_owned(),
        call_to_action: "Shop now".to_owned(),
        image: picture(width, height),
        icon: picture(icon, icon),
    }
}

fn creative(advertiser: AdvertiserId, format: CreativeFormat) -> Creative {
    let name = match &format {
        CreativeFormat::Banner {
            width,
            height,
            markup: BannerMarkup::Image { .. },
        } => format!("picture {width}x{height}"),
        CreativeFormat::Banner { width, height, .. } => format!("banner {width}x{height}"),
        CreativeFormat::Video(media) => format!(
            "video {}x{} {} s",
            media.size().0,
            media.size().1,
            media.duration_s
        ),
        CreativeFormat::Audio(media) => format!("audio {} s", media.duration_s),
        CreativeFormat::Native(assets) => {
            let (image, icon) = (&assets.image, &assets.icon);
            format!("native {}x{} {}", image.width, image.height, icon.width)
        }
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
        // The few words in them are the brand's; a language would shut them out where another one is asked for.
        language: None,
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
