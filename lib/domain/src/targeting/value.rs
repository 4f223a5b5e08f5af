//! From a value as written to the keys it is compared by; what has no key is not a value.

use std::net::IpAddr;

use super::dimension::{Dimension, OS_WORDS, Syntax};
use super::key::Key;
use super::place::Circle;
use super::{Os, Size, zone};
use crate::ids::AdvertiserId;
use crate::limits::FIELD_BYTES_MAX;

/// Largest width or height, in pixels: public screens reach 7,680.
pub const PIXELS_MAX: u32 = 10_000;
/// Largest major version of an operating system that a rule can name.
pub const OS_MAJOR_MAX: u32 = 255;
/// Users are divided into so many shares for experiments.
pub const USER_SHARES: u64 = 1000;
/// Quarters of an hour in a week: all zones' hours begin at one.
pub const QUARTERS_A_WEEK: u64 = 7 * 24 * 4;
/// How recent a segment can be asked to be: the word and its hours.
pub const RECENCIES: &[(&str, u32)] = &[
    ("1h", 1),
    ("6h", 6),
    ("1d", 24),
    ("3d", 72),
    ("7d", 168),
    ("14d", 336),
    ("30d", 720),
    ("60d", 1440),
    ("90d", 2160),
    ("180d", 4320),
    ("365d", 8760),
];
/// How long entries into own segments are kept, in hours: no rule can ask for older ones.
pub const SEGMENT_KEPT_H: u32 = 8760;
/// Longest name of an own segment, in bytes: it is kept once for each of its users.
pub const SEGMENT_NAME_BYTES_MAX: usize = 64;
/// What stands for a provider before the segments of advertisers: `own/ADVERTISER/NAME`.
pub const OWN_PROVIDER: &str = "own";
/// A metric of more than all counts as all.
const PERCENT_MAX: u32 = 100;
/// The zone of an hour that means the user's own.
const USER_ZONE: &str = "user";

impl Dimension {
    /// Calls `emit` with every key of a value; a range has many. False when it is no value of this dimension.
    pub fn expand(self, value: &str, emit: &mut dyn FnMut(u64)) -> bool {
        self.try_expand(value, emit).is_some()
    }

    /// Whether the text is a value of this dimension.
    pub fn accepts(self, value: &str) -> bool {
        self.expand(value, &mut |_| {})
    }

    fn try_expand(self, value: &str, emit: &mut dyn FnMut(u64)) -> Option<()> {
        if !is_token(value) {
            return None;
        }
        match self.syntax() {
            Syntax::OsVersion => {
                let (os, versions) = value.split_once(' ')?;
                let os = OS_WORDS.iter().position(|word| *word == os)?;
                let versions = range(versions, OS_MAJOR_MAX)?;
                versions.for_each(|major| emit(self.os_major(os, major)));
            }
            Syntax::Hour => self.expand_hour(value, emit)?,
            Syntax::Range(most) => {
                range(value, most)?.for_each(|number| emit(self.number(u64::from(number))));
            }
            Syntax::Metric => {
                let (metric, percent) = value.rsplit_once(' ')?;
                let percent = range(percent, PERCENT_MAX)?;
                percent.for_each(|percent| emit(self.metric_key(metric, percent)));
            }
            Syntax::Share => {
                let share = Share::parse(value)?;
                (share.from..=share.to).for_each(|at| emit(self.share_key(share.salt, at)));
            }
            Syntax::Place => {
                Circle::parse(value)?.cells(|cell| emit(self.number(cell)));
            }
            Syntax::IpRange => {
                let range = IpRange::parse(value)?;
                emit(self.ip_key(range.address, range.bits));
            }
            Syntax::Segment => {
                let segment = Segment::parse(value)?;
                emit(self.segment_key(segment.id, segment.recency));
            }
            Syntax::Size => {
                let size = parse_size(value)?;
                emit(self.size_key(size));
            }
            Syntax::Category if value.contains(':') => {
                let (taxonomy, id) = value.split_once(':').filter(|_| is_category(value))?;
                emit(self.category_key(digits(taxonomy)?, id));
            }
            _ => {
                is_plain(self.syntax(), value).then_some(())?;
                emit(Key::of(self).text(value).get());
            }
        }
        Some(())
    }

    /// The key of a plain text.
    pub fn text(self, text: &str) -> u64 {
        Key::of(self).text(text).get()
    }

    /// The key of text that comes in two parts with something between, such as `exchange:id`.
    pub fn joined(self, first: &str, between: &str, second: &str) -> u64 {
        let key = Key::of(self).text(first).text(between);
        key.text(second).get()
    }

    /// The key of a number.
    pub fn number(self, number: u64) -> u64 {
        Key::of(self).number(number).get()
    }

    /// The key of an operating system's major version.
    pub fn os_version(self, os: Os, major: u32) -> u64 {
        self.os_major(os as usize, major)
    }

    fn os_major(self, os: usize, major: u32) -> u64 {
        self.number(((os as u64) << 32) | u64::from(major))
    }

    /// The key of a size.
    pub fn size_key(self, size: Size) -> u64 {
        self.number((u64::from(size.width) << 32) | u64::from(size.height))
    }

    /// The key of a category outside IAB's first taxonomy.
    pub fn category_key(self, taxonomy: u32, id: &str) -> u64 {
        Key::of(self).number(u64::from(taxonomy)).text(id).get()
    }

    /// The key of a metric's value, in percent.
    pub fn metric_key(self, metric: &str, percent: u32) -> u64 {
        let percent = percent.min(PERCENT_MAX);
        Key::of(self).text(metric).number(u64::from(percent)).get()
    }

    /// The key of a user's share, of [`USER_SHARES`], under a salt.
    pub fn share_key(self, salt: &str, share: u64) -> u64 {
        Key::of(self).text(salt).number(share).get()
    }

    /// The key of a segment, seen within some recency's hours if one is asked for.
    pub fn segment_key(self, id: &str, recency_h: Option<u32>) -> u64 {
        let key = Key::of(self).text(id);
        match recency_h {
            Some(hours) => key.number(u64::from(hours)).get(),
            None => key.get(),
        }
    }

    /// The same, of an own segment by its `ADVERTISER/NAME`.
    pub fn own_segment_key(self, id: &str, recency_h: Option<u32>) -> u64 {
        let key = Key::of(self).text(OWN_PROVIDER).text("/").text(id);
        match recency_h {
            Some(hours) => key.number(u64::from(hours)).get(),
            None => key.get(),
        }
    }

    /// The key of the range of an address's first bits.
    pub fn ip_key(self, address: IpAddr, bits: u32) -> u64 {
        let key = match address {
            IpAddr::V4(address) => {
                let kept = u64::from(u32::from(address)) & (u64::MAX << (32 - bits.min(32)));
                Key::of(self).number(4).number(kept)
            }
            IpAddr::V6(address) => {
                let drop = 128 - bits.min(128);
                let kept = u128::from(address) & u128::MAX.checked_shl(drop).unwrap_or(0);
                let key = Key::of(self).number(6).number((kept >> 64) as u64);
                key.number(kept as u64)
            }
        };
        key.number(u64::from(bits)).get()
    }

    /// The key of a quarter of an hour of the UTC week.
    pub fn utc_quarter(self, quarter: u64) -> u64 {
        self.number(quarter % QUARTERS_A_WEEK)
    }

    /// The key of an hour of the week on the clock of a time zone, by its name.
    pub fn zone_hour(self, zone: &str, hour: u8) -> u64 {
        Key::of(self).text(zone).number(u64::from(hour)).get()
    }

    /// The key of an hour of the week on the user's clock.
    pub fn user_hour(self, hour: u8) -> u64 {
        self.zone_hour(USER_ZONE, hour)
    }

    fn expand_hour(self, value: &str, emit: &mut dyn FnMut(u64)) -> Option<()> {
        let (hours, zone) = match value.split_once('@') {
            Some((hours, zone)) => (hours, Some(zone)),
            None => (value, None),
        };
        let hours = range(hours, 167)?;
        if zone == Some(USER_ZONE) {
            hours.for_each(|hour| emit(self.user_hour(hour as u8)));
            return Some(());
        }
        if let Some(name) = zone.filter(|name| zone::is_zone(name)) {
            hours.for_each(|hour| emit(self.zone_hour(name, hour as u8)));
            return Some(());
        }
        let ahead = zone.map_or(Some(0), quarters_ahead)?;
        for hour in hours {
            for quarter in 0..4 {
                let local = i64::from(hour) * 4 + quarter;
                let utc = (local - ahead).rem_euclid(QUARTERS_A_WEEK as i64);
                emit(self.utc_quarter(utc as u64));
            }
        }
        Some(())
    }
}

/// Reads an offset such as `+05:30` as quarters of an hour ahead of UTC.
fn quarters_ahead(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |text: &str| digits(text).filter(|_| text.len() == 2);
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let sound = hours <= 14 && minutes < 60 && minutes.is_multiple_of(15);
    sound.then_some(sign * i64::from(hours * 4 + minutes / 15))
}

/// Reads `7`, `7-9` or `7+`.
fn range(text: &str, most: u32) -> Option<std::ops::RangeInclusive<u32>> {
    let (first, last) = match (text.split_once('-'), text.strip_suffix('+')) {
        (Some((first, last)), _) => (digits(first)?, digits(last)?),
        (None, Some(first)) => (digits(first)?, most),
        (None, None) => (digits(text)?, digits(text)?),
    };
    (first <= last && last <= most).then_some(first..=last)
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// A range of addresses: those that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    /// One of them.
    pub address: IpAddr,
    /// How many bits they share.
    pub bits: u32,
}

impl IpRange {
    /// Reads an address or `ADDRESS/BITS`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(digits(bits)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }
}

/// A share of users under a salt: different salts divide users independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<'a> {
    /// Names the experiment.
    pub salt: &'a str,
    /// The first of [`USER_SHARES`] shares.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

impl<'a> Share<'a> {
    /// Reads `SALT:FROM-TO`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (salt, shares) = text.rsplit_once(':')?;
        let shares = range(shares, USER_SHARES as u32 - 1)?;
        (!salt.is_empty()).then_some(Self {
            salt,
            from: u64::from(*shares.start()),
            to: u64::from(*shares.end()),
        })
    }

    /// The share that a user is in under a salt.
    pub fn of(salt: &str, user: &[u8]) -> u64 {
        let mut key = Key::of(Dimension::UserShares).text(salt);
        for byte in user {
            key = key.number(u64::from(*byte));
        }
        key.get() % USER_SHARES
    }
}

/// The time zone that an hour of the week names, or the word for the user's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HourZone<'a> {
    /// The user's.
    User,
    /// One by its name.
    Named(&'a str),
}

impl<'a> HourZone<'a> {
    /// Reads what follows the `@` of `8-17@Europe/Berlin`; `None` for UTC and offsets.
    pub fn parse(text: &'a str) -> Option<Self> {
        match text.split_once('@')?.1 {
            USER_ZONE => Some(Self::User),
            name => zone::is_zone(name).then_some(Self::Named(name)),
        }
    }
}

/// A segment as a rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its id, with the provider's before it if only that one counts.
    pub id: &'a str,
    /// Within how many hours the user must have come into it.
    pub recency: Option<u32>,
}

impl<'a> Segment<'a> {
    /// Reads `ID` or `ID within 7d`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let Some((id, word)) = text.rsplit_once(" within ") else {
            return Some(Self {
                id: text,
                recency: None,
            });
        };
        let (_, hours) = RECENCIES.iter().find(|(known, _)| *known == word)?;
        (!id.is_empty()).then_some(Self {
            id,
            recency: Some(*hours),
        })
    }
}

impl Segment<'_> {
    /// Whether an advertiser may ask for it: everything but own segments of others, and names that no own one has.
    pub fn is_for(self, advertiser: AdvertiserId) -> bool {
        let own = self.id.strip_prefix(OWN_PROVIDER);
        let Some(own) = own.and_then(|rest| rest.strip_prefix('/')) else {
            return true;
        };
        own.split_once('/')
            .is_some_and(|(owner, name)| owner == advertiser.to_string() && is_segment_name(name))
    }
}

/// Whether an own segment may have this name: letters and digits of ASCII and `-_.:`.
pub fn is_segment_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    (1..=SEGMENT_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

/// Reads a size such as `300x250`; each side 1 to 10,000.
pub fn parse_size(text: &str) -> Option<Size> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| {
        let plain = !text.starts_with('0');
        digits(text).filter(|side| plain && (1..=PIXELS_MAX).contains(side))
    };
    Some(Size {
        width: side(width)?,
        height: side(height)?,
    })
}

/// Whether the text can be compared byte by byte: printable, without spaces around it.
pub fn is_token(text: &str) -> bool {
    (1..=FIELD_BYTES_MAX).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

/// Values that are their own key.
fn is_plain(syntax: Syntax, value: &str) -> bool {
    match syntax {
        Syntax::Exchange => {
            let allowed =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
            value.len() <= 64 && value.bytes().all(allowed)
        }
        Syntax::Site => is_site(value),
        Syntax::Page => is_page(value),
        Syntax::Category => is_category(value),
        Syntax::Country => is_country(value),
        Syntax::Region => is_region(value),
        Syntax::Postcode => is_postcode(value),
        Syntax::Words(words) => words.contains(&value),
        Syntax::Language => is_language(value),
        _ => true,
    }
}

/// Bundles are too various to check further: Android's have dots and case, Apple's are digits, TVs' anything.
fn is_site(site: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'?' | b'#');
    site.bytes().all(allowed)
}

fn is_page(page: &str) -> bool {
    let (host, path) = page.split_once('/').unwrap_or((page, ""));
    let safe = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#');
    let lower = !host.bytes().any(|b| b.is_ascii_uppercase());
    is_site(host) && host.contains('.') && lower && path.bytes().all(safe) && !page.ends_with('/')
}

fn is_category(category: &str) -> bool {
    let id = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match category.split_once(':') {
        Some((taxonomy, rest)) => digits(taxonomy).is_some() && id(rest),
        None => category.strip_prefix("IAB").is_some_and(|rest| {
            let (first, second) = rest.split_once('-').unwrap_or((rest, "1"));
            digits(first).is_some() && digits(second).is_some()
        }),
    }
}

fn is_country(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// ISO 3166-2 has up to three characters; some exchanges send their own with a few more.
fn is_region(code: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    code.split_once('-').is_some_and(|(country, region)| {
        is_country(country) && (1..=8).contains(&region.len()) && region.bytes().all(allowed)
    })
}

fn is_postcode(text: &str) -> bool {
    text.split_once('-').is_some_and(|(country, code)| {
        let code = code.strip_suffix('*').unwrap_or(code);
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        is_country(country) && (1..=10).contains(&code.len()) && code.bytes().all(allowed)
    })
}

fn is_language(code: &str) -> bool {
    let (base, rest) = code.split_once('-').unwrap_or((code, "xx"));
    let letters = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    (2..=3).contains(&base.len())
        && base.bytes().all(|b| b.is_ascii_lowercase())
        && (2..=8).contains(&rest.len())
        && letters(rest)
}
