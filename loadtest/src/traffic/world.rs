//! The users, sites and apps that a seed makes.

use domain::random::{SplitMix64, mix};

use super::{SEGMENTS, draw_index, fragments};

/// What a user browses with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// OpenRTB device type 4.
    Phone,
    /// OpenRTB device type 2.
    Desktop,
    /// OpenRTB device type 5.
    Tablet,
}

/// What an ad slot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A banner of its main size.
    Banner(u32, u32),
    /// A linear in-stream video.
    Video,
    /// A native ad in a feed.
    Native,
}

/// Somebody who browses.
#[derive(Debug, Clone)]
pub struct User {
    /// Stable number.
    pub index: usize,
    /// Whether exchanges know our id for them.
    pub synced: bool,
    /// Interests, as indices into `SEGMENTS`.
    pub segments: Vec<usize>,
    /// What they browse with.
    pub device: Device,
    /// Index into `COUNTRIES`.
    pub country: usize,
    /// The hour of the day in which they are online most, 0-23 UTC.
    pub peak_hour: u8,
    /// `"device":{..}` of their requests.
    pub(super) device_json: String,
    /// `"user":{..},"regs":{..}` of their requests.
    pub(super) user_json: String,
}

/// One ad slot of a site or an app.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Number of the site or app.
    pub site: usize,
    /// Domain or bundle.
    pub name: String,
    /// Whether it is an app.
    pub app: bool,
    /// What it is about, as an index into `SEGMENTS`.
    pub topic: usize,
    /// What is shown there.
    pub format: Format,
    /// The floor, USD micros per mille.
    pub floor_micros: i64,
    /// Median price of the best rival bid, USD per mille.
    pub rival_median: f64,
    /// The impression's JSON after its id, with the closing brace.
    pub(super) imp: String,
    /// `"site":{..}` or `"app":{..}`.
    pub(super) inventory: String,
    /// What follows the transaction id in `source`: the supply chain.
    pub(super) source_tail: String,
}

/// Sites and apps in the world: 18 on the web, 12 apps, so that every topic has at least two of them.
const SITES: usize = 30;
const WEB_SITES: usize = 18;

const BANNERS_WEB: [(u32, u32); 6] = [
    (300, 250),
    (728, 90),
    (300, 250),
    (160, 600),
    (300, 600),
    (970, 250),
];
const BANNERS_APP: [(u32, u32); 4] = [(320, 50), (300, 250), (320, 50), (320, 480)];

pub(super) fn users(seed: u64, count: usize) -> Vec<User> {
    (0..count).map(|index| user(seed, index)).collect()
}

fn user(seed: u64, index: usize) -> User {
    let mut rng = SplitMix64::new(mix(seed ^ mix(0x7573_6572 + index as u64)));
    let device = match rng.below(100) {
        0..58 => Device::Phone,
        58..92 => Device::Desktop,
        _ => Device::Tablet,
    };
    let country = match rng.below(100) {
        0..55 => 0,
        55..70 => 1,
        70..80 => 2,
        80..88 => 3,
        88..95 => 4,
        _ => 5,
    };
    let mut segments = Vec::new();
    for _ in 0..=rng.below(3) {
        let segment = draw_index(&mut rng, SEGMENTS.len());
        if !segments.contains(&segment) {
            segments.push(segment);
        }
    }
    let synced = rng.chance(0.85);
    // Evenings are busier than mornings.
    let peak_hour = if rng.chance(0.6) {
        17 + rng.below(6)
    } else {
        rng.below(24)
    };
    let mut user = User {
        index,
        synced,
        segments,
        device,
        country,
        peak_hour: u8::try_from(peak_hour).expect("an hour is below 24"),
        device_json: String::new(),
        user_json: String::new(),
    };
    user.device_json = fragments::device(&user, &mut rng);
    user.user_json = fragments::user(&user, &mut rng);
    user
}

pub(super) fn placements(seed: u64) -> Vec<Placement> {
    (0..SITES)
        .flat_map(|site| site_placements(seed, site))
        .collect()
}

fn site_placements(seed: u64, site: usize) -> Vec<Placement> {
    let mut rng = SplitMix64::new(mix(seed ^ mix(0x7369_7465 + site as u64)));
    let app = site >= WEB_SITES;
    let topic = if app { site - WEB_SITES } else { site } % SEGMENTS.len();
    let name = site_name(topic, site, app);
    let rival_site = rng.normal() * 0.25;
    formats(&mut rng, app)
        .into_iter()
        .enumerate()
        .map(|(slot, format)| {
            let (rival_median, floor) = prices(&mut rng, format, rival_site);
            let mut placement = Placement {
                site,
                name: name.clone(),
                app,
                topic,
                format,
                floor_micros: floor,
                rival_median,
                imp: String::new(),
                inventory: fragments::inventory(site, &name, app, topic),
                source_tail: fragments::source_tail(site),
            };
            placement.imp = fragments::imp(&placement, slot);
            placement
        })
        .collect()
}

fn site_name(topic: usize, site: usize, app: bool) -> String {
    let topic = SEGMENTS[topic];
    if app {
        format!("com.example.{topic}{site}")
    } else {
        format!("{topic}{site}.example")
    }
}

/// Two or three banner slots everywhere; every third site has a video or a native slot too.
fn formats(rng: &mut SplitMix64, app: bool) -> Vec<Format> {
    let sizes: &[(u32, u32)] = if app { &BANNERS_APP } else { &BANNERS_WEB };
    let count = 2 + rng.below(2);
    let first = draw_index(rng, sizes.len());
    let mut formats: Vec<_> = sizes
        .iter()
        .cycle()
        .skip(first)
        .take(usize::try_from(count).expect("2 or 3"))
        .map(|(width, height)| Format::Banner(*width, *height))
        .collect();
    if rng.chance(1.0 / 3.0) {
        formats.push(if rng.chance(0.5) {
            Format::Video
        } else {
            Format::Native
        });
    }
    formats
}

/// The median of the best rival and the floor of a slot, both per mille.
fn prices(rng: &mut SplitMix64, format: Format, rival_site: f64) -> (f64, i64) {
    let base = match format {
        Format::Banner(320, 50) => 1.0,
        Format::Banner(..) => 1.4,
        Format::Native => 1.6,
        Format::Video => 4.5,
    };
    let median = base * (rival_site + rng.normal() * 0.1).exp();
    let cents = (median * (0.1 + 0.25 * rng.unit()) * 100.0).round();
    (median, cents as i64 * 10_000)
}
