//! The one declarative list of features: name, source, bucketing, crosses, and the hash of it all.

/// Where a single feature's value comes from: a field of the request half or of the creative half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Source {
    Exchange,
    Inventory,
    Site,
    Publisher,
    Country,
    Device,
    Os,
    HourOfWeek,
    Size,
    Position,
    FirstSegment,
    SecondSegment,
    ThirdSegment,
    UserImpressions,
    UserClicks,
    UserKnown,
    Advertiser,
    Campaign,
    LineItem,
    Creative,
    Format,
}

/// How a value becomes one of a countable number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Bucketing {
    /// Every distinct value is a token.
    Exact,
    /// An hour of the week to the hour of the day.
    HourOfDay,
    /// An hour of the week to the day of the week.
    DayOfWeek,
    /// Counts 0 to 4 are tokens of their own, then one token per power of two.
    Count,
}

/// A feature of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Single {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) bucketing: Bucketing,
}

/// A feature of two values seen together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cross {
    pub(crate) left: &'static str,
    pub(crate) right: &'static str,
}

const fn single(name: &'static str, source: Source, bucketing: Bucketing) -> Single {
    Single {
        name,
        source,
        bucketing,
    }
}

const fn cross(left: &'static str, right: &'static str) -> Cross {
    Cross { left, right }
}

/// How many of [`SINGLES`] depend on the request alone; they come first.
pub(crate) const REQUEST_SINGLES: usize = 17;

/// The features of one value: the request's, then the creative's.
///
/// Features of one name share their tokens: a segment weighs the same in each of its places.
pub(crate) const SINGLES: [Single; 22] = [
    single("exchange", Source::Exchange, Bucketing::Exact),
    single("inventory", Source::Inventory, Bucketing::Exact),
    single("site", Source::Site, Bucketing::Exact),
    single("publisher", Source::Publisher, Bucketing::Exact),
    single("country", Source::Country, Bucketing::Exact),
    single("device", Source::Device, Bucketing::Exact),
    single("os", Source::Os, Bucketing::Exact),
    single("hour_of_day", Source::HourOfWeek, Bucketing::HourOfDay),
    single("day_of_week", Source::HourOfWeek, Bucketing::DayOfWeek),
    single("size", Source::Size, Bucketing::Exact),
    single("position", Source::Position, Bucketing::Exact),
    single("segment", Source::FirstSegment, Bucketing::Exact),
    single("segment", Source::SecondSegment, Bucketing::Exact),
    single("segment", Source::ThirdSegment, Bucketing::Exact),
    single(
        "user_impressions",
        Source::UserImpressions,
        Bucketing::Count,
    ),
    single("user_clicks", Source::UserClicks, Bucketing::Count),
    single("user_known", Source::UserKnown, Bucketing::Exact),
    single("advertiser", Source::Advertiser, Bucketing::Exact),
    single("campaign", Source::Campaign, Bucketing::Exact),
    single("line_item", Source::LineItem, Bucketing::Exact),
    single("creative", Source::Creative, Bucketing::Exact),
    single("format", Source::Format, Bucketing::Exact),
];

/// How many of [`CROSSES`] depend on the request alone; they come first.
pub(crate) const REQUEST_CROSSES: usize = 3;

/// The features of two values, by name. Of a repeated name, `segment` is the first, `segment/2` the
/// second, `segment/3` the third.
pub(crate) const CROSSES: [Cross; 13] = [
    cross("site", "segment"),
    cross("site", "segment/2"),
    cross("site", "segment/3"),
    cross("site", "creative"),
    cross("segment", "creative"),
    cross("segment/2", "creative"),
    cross("segment/3", "creative"),
    cross("device", "creative"),
    cross("hour_of_day", "creative"),
    cross("size", "creative"),
    cross("country", "creative"),
    cross("exchange", "creative"),
    cross("user_impressions", "creative"),
];

/// Features of one example.
pub(crate) const FIELDS: usize = SINGLES.len() + CROSSES.len();

/// Raised when the hashing or a source's encoding changes while the list stays as it is.
const HASHING: u64 = 1;

/// The salt of each single feature: a hash of its name.
pub(crate) const SINGLE_SALTS: [u64; SINGLES.len()] = single_salts();

/// The salt of each cross, and the positions of its two parts in [`SINGLES`].
pub(crate) const CROSS_PARTS: [(u64, usize, usize); CROSSES.len()] = cross_parts();

/// The hash of the whole list: two lists of one hash give the same features.
pub(crate) const LIST_HASH: u64 = list_hash();

const fn single_salts() -> [u64; SINGLES.len()] {
    let mut salts = [0; SINGLES.len()];
    let mut i = 0;
    while i < SINGLES.len() {
        salts[i] = fnv(FNV_BASIS, SINGLES[i].name.as_bytes());
        i += 1;
    }
    salts
}

const fn cross_parts() -> [(u64, usize, usize); CROSSES.len()] {
    let mut parts = [(0, 0, 0); CROSSES.len()];
    let mut i = 0;
    while i < CROSSES.len() {
        let (left, right) = (position(CROSSES[i].left), position(CROSSES[i].right));
        // Salted by the parts' salts, in order, so that the segments' crosses share their tokens.
        let salt = fnv(
            SINGLE_SALTS[left] ^ 0x78,
            &SINGLE_SALTS[right].to_le_bytes(),
        );
        assert!((left < REQUEST_SINGLES && right < REQUEST_SINGLES) == (i < REQUEST_CROSSES));
        assert!(
            left < REQUEST_SINGLES,
            "a cross begins with its request part"
        );
        parts[i] = (salt, left, right);
        i += 1;
    }
    parts
}

/// The position of a name in the list; a name of no feature fails the build.
const fn position(name: &str) -> usize {
    let name = name.as_bytes();
    let length = name.len();
    let numbered = length > 2 && name[length - 2] == b'/';
    let (base, mut skip) = if numbered {
        (length - 2, name[length - 1] - b'1')
    } else {
        (length, 0)
    };
    let mut i = 0;
    loop {
        if same(SINGLES[i].name.as_bytes(), name, base) {
            if skip == 0 {
                return i;
            }
            skip -= 1;
        }
        i += 1;
    }
}

const fn same(full: &[u8], text: &[u8], length: usize) -> bool {
    if full.len() != length {
        return false;
    }
    let mut i = 0;
    while i < length {
        if full[i] != text[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn list_hash() -> u64 {
    let mut hash = fnv(FNV_BASIS, &HASHING.to_le_bytes());
    let mut i = 0;
    while i < SINGLES.len() {
        hash = fnv(hash, &SINGLE_SALTS[i].to_le_bytes());
        hash = fnv(hash, &[SINGLES[i].source as u8, SINGLES[i].bucketing as u8]);
        i += 1;
    }
    i = 0;
    while i < CROSSES.len() {
        hash = fnv(hash, &CROSS_PARTS[i].0.to_le_bytes());
        hash = fnv(hash, &[CROSS_PARTS[i].1 as u8, CROSS_PARTS[i].2 as u8]);
        i += 1;
    }
    hash
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, because it can run at build time.
const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}
