//! Features: what a bid request and a creative say, as hashed tokens, computed once per request.
//!
//! Every feature of the list in `list.rs` yields one 32-bit token: a 64-bit hash of the value, salted
//! by the feature's name, cut to its upper half. The token, not a table's slot, is what is logged with a
//! bid, so that models of any table size can learn from old logs. A missing value has a token of its own.

pub(crate) mod list;

use crate::model::Crosses;
use domain::ids::{AdvertiserId, CampaignId, CreativeId, LineItemId};
use domain::limits::FIELD_BYTES_MAX;
use domain::random::mix;
use domain::targeting::{DeviceKind, Inventory, Os, Size};
use list::{
    Bucketing, CROSS_PARTS, REQUEST_CROSSES, REQUEST_SINGLES, SINGLE_SALTS, SINGLES, Source,
};

/// Features of one example.
pub const FIELDS: usize = list::FIELDS;

/// A user's segments that become features.
const SEGMENTS: usize = 3;
/// Most of a user's segments looked at, so that a crowded profile costs bounded time.
const SEGMENTS_SEEN_MAX: usize = 256;

/// What the request and the user's profile say. Empty text means missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestFeatures<'a> {
    /// The exchange's configured name.
    pub exchange: &'a str,
    /// Where the ad is shown.
    pub inventory: Option<Inventory>,
    /// The site's domain or the app's bundle.
    pub site: &'a str,
    /// The publisher's id.
    pub publisher: &'a str,
    /// The country code.
    pub country: &'a str,
    /// The kind of device.
    pub device: Option<DeviceKind>,
    /// The operating system.
    pub os: Option<Os>,
    /// Hour of the week in UTC, 0 to 167; anything above is missing.
    pub hour_of_week: u8,
    /// The size of the placement.
    pub size: Option<Size>,
    /// OpenRTB's ad position; 0 is unknown.
    pub position: u32,
    /// The user's segments, in any order; the three that sort first are used.
    pub segments: &'a [&'a str],
    /// Impressions this user has seen of us.
    pub user_impressions: u32,
    /// Clicks this user has made on our ads.
    pub user_clicks: u32,
    /// Whether the user has a profile that may be used.
    pub user_known: bool,
}

/// What the candidate says.
#[derive(Debug, Clone, Copy)]
pub struct CreativeFeatures {
    /// Its advertiser.
    pub advertiser: AdvertiserId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its line item.
    pub line_item: LineItemId,
    /// The creative itself.
    pub creative: CreativeId,
    /// The creative's format label.
    pub format: &'static str,
}

/// The tokens of one example, in the list's order: singles, then crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(pub [u32; FIELDS]);

impl Features {
    /// Takes logged tokens; `None` when their number is not this list's.
    pub fn from_slice(tokens: &[u32]) -> Option<Self> {
        tokens.try_into().ok().map(Self)
    }

    /// The tokens, as they are logged.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

/// The hash of the feature list: logs, trainers and models of another hash do not mix.
pub fn list_hash() -> u64 {
    list::LIST_HASH
}

/// Everything that depends on the request and the user alone.
#[derive(Debug, Clone, Copy)]
pub struct RequestHalf {
    /// The request's part of each cross with a candidate.
    begun: [u64; FIELDS - SINGLES.len() - REQUEST_CROSSES],
    /// The tokens with the candidate's left zero.
    tokens: [u32; FIELDS],
}

impl RequestHalf {
    /// Hashes the request once; no heap allocation.
    pub fn new(request: &RequestFeatures<'_>) -> Self {
        let segments = first_segments(request.segments);
        let mut hashes = [0; REQUEST_SINGLES];
        let mut tokens = [0; FIELDS];
        for (i, single) in SINGLES[..REQUEST_SINGLES].iter().enumerate() {
            let value = request_value(single.source, request, segments);
            hashes[i] = hash(SINGLE_SALTS[i], bucket(single.bucketing, value));
            tokens[i] = token(hashes[i]);
        }
        let (own, mixed) = CROSS_PARTS.split_at(REQUEST_CROSSES);
        for (i, &(salt, left, right)) in own.iter().enumerate() {
            let crossed = pair(salt, hashes[left], hashes[right]);
            tokens[SINGLES.len() + i] = token(crossed);
        }
        let mut half = Self {
            begun: [0; _],
            tokens,
        };
        for (begun, &(salt, left, _)) in half.begun.iter_mut().zip(mixed) {
            *begun = begin_pair(salt, hashes[left]);
        }
        half
    }

    /// The tokens, the candidate's left zero.
    pub(crate) fn tokens(&self) -> &[u32; FIELDS] {
        &self.tokens
    }

    /// Adds a candidate: its own values and their crosses with the request's.
    pub fn with(&self, creative: &CreativeFeatures) -> Features {
        self.with_half(&CreativeHalf::new(creative))
    }

    /// As `with`, for a candidate that was hashed before.
    pub fn with_half(&self, creative: &CreativeHalf) -> Features {
        let own = &creative.hashes;
        let mut tokens = self.tokens;
        for (i, hash) in own.iter().enumerate() {
            tokens[REQUEST_SINGLES + i] = token(*hash);
        }
        let crosses = &CROSS_PARTS[REQUEST_CROSSES..];
        let into = &mut tokens[SINGLES.len() + REQUEST_CROSSES..];
        for ((into, begun), &(_, _, right)) in into.iter_mut().zip(self.begun).zip(crosses) {
            *into = token(end_pair(begun, own[right - REQUEST_SINGLES]));
        }
        Features(tokens)
    }
}

impl RequestHalf {
    /// The tokens of the crosses with a candidate: all that depends on both.
    #[inline]
    pub fn crosses_with(&self, creative: &CreativeHalf) -> Crosses {
        let (_, mixed) = CROSS_PARTS.split_at(REQUEST_CROSSES);
        let own = &creative.hashes;
        std::array::from_fn(|at| {
            let (_, _, right) = mixed[at];
            token(end_pair(self.begun[at], own[right - REQUEST_SINGLES]))
        })
    }
}

/// Everything that depends on the candidate alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreativeHalf {
    hashes: [u64; SINGLES.len() - REQUEST_SINGLES],
}

impl CreativeHalf {
    /// Hashes a candidate once, for all requests.
    pub fn new(creative: &CreativeFeatures) -> Self {
        let mut hashes = [0; SINGLES.len() - REQUEST_SINGLES];
        for (i, single) in SINGLES[REQUEST_SINGLES..].iter().enumerate() {
            let value = bucket(single.bucketing, creative_value(single.source, creative));
            hashes[i] = hash(SINGLE_SALTS[REQUEST_SINGLES + i], value);
        }
        Self { hashes }
    }

    /// Its single features' tokens, in the list's order.
    pub(crate) fn tokens(&self) -> [u32; SINGLES.len() - REQUEST_SINGLES] {
        self.hashes.map(token)
    }
}

/// A raw value, before bucketing.
#[derive(Clone, Copy)]
enum Value<'a> {
    Missing,
    Text(&'a str),
    Number(u64),
}

fn request_value<'a>(
    source: Source,
    request: &RequestFeatures<'a>,
    segments: [Option<&'a str>; SEGMENTS],
) -> Value<'a> {
    match source {
        Source::Exchange => text(Some(request.exchange)),
        Source::Inventory => text(request.inventory.map(inventory_name)),
        Source::Site => text(Some(request.site)),
        Source::Publisher => text(Some(request.publisher)),
        Source::Country => text(Some(request.country)),
        Source::Device => text(request.device.map(device_name)),
        Source::Os => text(request.os.map(os_name)),
        Source::HourOfWeek if request.hour_of_week < 168 => {
            Value::Number(u64::from(request.hour_of_week))
        }
        Source::Size => request.size.map_or(Value::Missing, |size| {
            Value::Number(u64::from(size.width) << 32 | u64::from(size.height))
        }),
        Source::Position if request.position > 0 => Value::Number(u64::from(request.position)),
        Source::FirstSegment => text(segments[0]),
        Source::SecondSegment => text(segments[1]),
        Source::ThirdSegment => text(segments[2]),
        Source::UserImpressions => Value::Number(u64::from(request.user_impressions)),
        Source::UserClicks => Value::Number(u64::from(request.user_clicks)),
        Source::UserKnown => Value::Number(u64::from(request.user_known)),
        _ => Value::Missing,
    }
}

fn creative_value(source: Source, creative: &CreativeFeatures) -> Value<'static> {
    match source {
        Source::Advertiser => Value::Number(creative.advertiser.0),
        Source::Campaign => Value::Number(creative.campaign.0),
        Source::LineItem => Value::Number(creative.line_item.0),
        Source::Creative => Value::Number(creative.creative.0),
        Source::Format => text(Some(creative.format)),
        _ => Value::Missing,
    }
}

fn text(value: Option<&str>) -> Value<'_> {
    value
        .filter(|value| !value.is_empty())
        .map_or(Value::Missing, Value::Text)
}

fn bucket(bucketing: Bucketing, value: Value<'_>) -> Value<'_> {
    let Value::Number(number) = value else {
        return value;
    };
    Value::Number(match bucketing {
        Bucketing::Exact => number,
        Bucketing::HourOfDay => number % 24,
        Bucketing::DayOfWeek => number / 24,
        Bucketing::Count if number <= 4 => number,
        Bucketing::Count => 3 + u64::from(number.ilog2()),
    })
}

fn hash(salt: u64, value: Value<'_>) -> u64 {
    // The last argument keeps "missing", a number and a text of the same bits apart.
    match value {
        Value::Missing => pair(salt, 0, 0),
        Value::Number(number) => pair(salt, mix(number), 1),
        Value::Text(text) => pair(salt, text_hash(text), 2),
    }
}

/// Hashes eight bytes at a time; bytes beyond [`FIELD_BYTES_MAX`] do not count.
fn text_hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let bytes = &bytes[..bytes.len().min(FIELD_BYTES_MAX)];
    bytes.chunks(8).fold(bytes.len() as u64, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from_le_bytes(word))
    })
}

/// Mixes two hashes under a salt; the order matters.
fn pair(salt: u64, left: u64, right: u64) -> u64 {
    end_pair(begin_pair(salt, left), right)
}

fn begin_pair(salt: u64, left: u64) -> u64 {
    salt ^ left.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn end_pair(begun: u64, right: u64) -> u64 {
    mix(begun ^ right.rotate_left(32))
}

fn token(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The distinct segments that sort first, in order.
fn first_segments<'a>(segments: &[&'a str]) -> [Option<&'a str>; SEGMENTS] {
    let mut found = [None; SEGMENTS];
    for &segment in segments
        .iter()
        .take(SEGMENTS_SEEN_MAX)
        .filter(|name| !name.is_empty())
    {
        let mut carried = segment;
        for place in &mut found {
            match place {
                Some(kept) if *kept == carried => break,
                Some(kept) if *kept < carried => {}
                Some(kept) => std::mem::swap(kept, &mut carried),
                None => {
                    *place = Some(carried);
                    break;
                }
            }
        }
    }
    found
}

// Names, not discriminants: a reordered enum must not move features.
fn inventory_name(inventory: Inventory) -> &'static str {
    match inventory {
        Inventory::Site => "site",
        Inventory::App => "app",
        Inventory::Dooh => "dooh",
    }
}

fn device_name(device: DeviceKind) -> &'static str {
    match device {
        DeviceKind::Phone => "phone",
        DeviceKind::Tablet => "tablet",
        DeviceKind::Desktop => "desktop",
        DeviceKind::Tv => "tv",
        DeviceKind::OutOfHome => "out-of-home",
    }
}

fn os_name(os: Os) -> &'static str {
    match os {
        Os::Android => "android",
        Os::Ios => "ios",
        Os::Windows => "windows",
        Os::MacOs => "macos",
        Os::Linux => "linux",
        Os::TvOs => "tvos",
    }
}

#[cfg(test)]
mod tests;
