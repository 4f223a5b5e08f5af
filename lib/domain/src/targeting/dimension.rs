//! What can be targeted, by name, with the syntax of each dimension's values.

/// What the values of a dimension look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// The configured name of an exchange.
    Exchange,
    /// An id, as the exchange sends it.
    Id,
    /// Text in which `A` and `a` are one.
    Text,
    /// A domain in lower case, or an app bundle.
    Site,
    /// `HOST/PATH`.
    Page,
    /// An app's id in its store.
    Bundle,
    /// `IAB25-3`, or `TAXONOMY:ID`.
    Category,
    /// ISO 3166-1 alpha-3.
    Country,
    /// `COUNTRY-REGION`.
    Region,
    /// `COUNTRY-CODE`, with `*` at the end for all that begin so.
    Postcode,
    /// `LATITUDE LONGITUDE KILOMETRES`.
    Place,
    /// An address or `ADDRESS/BITS`.
    IpRange,
    /// One of a few words.
    Words(&'static [&'static str]),
    /// An operating system and a range of its major versions.
    OsVersion,
    /// ISO 639-1, with a region or script after it if wanted.
    Language,
    /// An hour of the week or a range, perhaps `@` a zone.
    Hour,
    /// A segment, perhaps with how recent it must be.
    Segment,
    /// A whole number up to a limit, or a range.
    Range(u32),
    /// `SALT:FROM-TO` in thousandths.
    Share,
    /// `WIDTHxHEIGHT`.
    Size,
    /// A metric and a range in percent.
    Metric,
}

impl Syntax {
    /// What a value must be, for people.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Exchange => {
                "must be an exchange's configured name: a-z, 0-9, - and _, at most 64 characters"
            }
            Self::Id | Self::Text | Self::Bundle => {
                "must have 1 to 256 bytes, without spaces around it or line breaks"
            }
            Self::Site => "must be a domain in lower case without scheme or path, or an app bundle",
            Self::Page => {
                "must be HOST/PATH without scheme, such as news.example/sport; the host in lower case"
            }
            Self::Category => {
                "must be an IAB category such as IAB25-3, or TAXONOMY:ID such as 6:483"
            }
            Self::Country => "must be an ISO 3166-1 alpha-3 code in upper case, such as DEU",
            Self::Region => "must be COUNTRY-REGION in upper case, such as USA-CA",
            Self::Postcode => {
                "must be COUNTRY-CODE, such as USA-94105, or with * for all that begin so, such as GBR-SW1*"
            }
            Self::Place => {
                "must be LATITUDE LONGITUDE KILOMETRES, such as 48.137 11.575 25; at most 500 kilometres"
            }
            Self::IpRange => "must be an IP address or ADDRESS/BITS, such as 203.0.113.0/24",
            Self::Words(_) => "must be a known word",
            Self::OsVersion => {
                "must be a system and its major versions, such as android 12, ios 15-17 or macos 13+"
            }
            Self::Language => "must be an ISO 639-1 code, such as en or pt-BR",
            Self::Hour => {
                "must be an hour of the week, 0 (Monday 00:00) to 167, or a range such as 8-17, and when not UTC with \
                 @user, a time zone of the IANA database such as @Europe/Berlin, or an offset such as @+05:30"
            }
            Self::Segment => {
                "must have 1 to 256 bytes, without spaces around it or line breaks; recency as in: shoes within 7d"
            }
            Self::Range(_) => "must be a whole number or a range, such as 18, 18-34 or 65+",
            Self::Share => {
                "must be SALT:FROM-TO in thousandths of users, such as test-a:0-499, at most 999"
            }
            Self::Size => "must be WIDTHxHEIGHT, each 1 to 10000, such as 300x250",
            Self::Metric => "must be a metric and a range in percent, such as viewability 70-100",
        }
    }
}

macro_rules! dimensions {
    ($($(#[$about:meta])* $variant:ident = ($name:tt, $label:tt, $syntax:expr),)+) => {
        /// What can be targeted; its value syntax is [`Dimension::syntax`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Dimension {
            $($(#[$about])* $variant,)+
        }

        impl Dimension {
            /// All of them, those of the request first, then those of the impression.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The field in documents.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The heading in forms.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }

            /// What its values look like.
            pub fn syntax(self) -> Syntax {
                match self {
                    $(Self::$variant => $syntax,)+
                }
            }
        }
    };
}

/// Operating systems, as [`super::Os`] names them.
pub const OS_WORDS: &[&str] = &["android", "ios", "windows", "macos", "linux", "tvos"];

dimensions! {
    /// The exchange's configured name: `generic`.
    Exchanges = ("exchanges", "Exchanges", Syntax::Exchange),
    /// The publisher's id, `p-77`, or `generic:p-77` at one exchange only.
    Publishers = ("publishers", "Publishers", Syntax::Id),
    /// Site domains with their subdomains, `news.example`, and app bundles.
    Sites = ("sites", "Sites and apps", Syntax::Site),
    /// Pages by host and path with all below: `news.example/sport`.
    Pages = ("pages", "Pages", Syntax::Page),
    /// Apps only, by bundle: `com.game.puzzle`.
    Apps = ("apps", "App bundles", Syntax::Bundle),
    /// The app's category in its store, as the exchange spells it: `Games`.
    StoreCategories = ("store_categories", "Store categories", Syntax::Text),
    /// Content categories with all below: `IAB17`, or with a taxonomy `6:483`.
    Categories = ("categories", "Content categories", Syntax::Category),
    /// `site`, `app` or `dooh`.
    Inventory = ("inventory", "Inventory", Syntax::Words(&["site", "app", "dooh"])),
    /// ISO 3166-1 alpha-3: `DEU`.
    Countries = ("countries", "Countries", Syntax::Country),
    /// `USA-CA`.
    Regions = ("regions", "Regions", Syntax::Region),
    /// Metro codes, `501`, or in one country only, `USA-501`.
    Metros = ("metros", "Metro areas", Syntax::Text),
    /// Cities as sent, `Boston`, or in one country only, `USA-Boston`.
    Cities = ("cities", "Cities", Syntax::Text),
    /// `USA-94105`, or all that begin so, `GBR-SW1*`.
    Postcodes = ("postcodes", "Postcodes", Syntax::Postcode),
    /// Circles: latitude, longitude, kilometres, `48.137 11.575 25`.
    Places = ("places", "Circles around points", Syntax::Place),
    /// `203.0.113.0/24`, `2001:db8::/32`.
    Ips = ("ips", "IP ranges", Syntax::IpRange),
    /// `ethernet`, `wifi`, `cellular` or its kind.
    Connections = ("connections", "Connections", Syntax::Words(&["ethernet", "wifi", "cellular", "2g", "3g", "4g", "5g"])),
    /// The carrier's name, or its MCC-MNC: `310-005`.
    Carriers = ("carriers", "Carriers", Syntax::Text),
    /// Kinds of device.
    Devices = ("devices", "Devices", Syntax::Words(&["phone", "tablet", "desktop", "tv", "out_of_home"])),
    /// Manufacturers: `Apple`.
    Makes = ("makes", "Device makes", Syntax::Text),
    /// Models: `iPhone`.
    Models = ("models", "Device models", Syntax::Text),
    /// Operating systems.
    Os = ("os", "Operating systems", Syntax::Words(OS_WORDS)),
    /// `android 12`, `ios 15-17`, `macos 13+`.
    OsVersions = ("os_versions", "System versions", Syntax::OsVersion),
    /// Browser families.
    Browsers = ("browsers", "Browsers", Syntax::Words(&["chrome", "safari", "firefox", "edge", "opera", "samsung", "webview", "other"])),
    /// The device's language: `en` covers `en-GB`.
    Languages = ("languages", "Languages", Syntax::Language),
    /// Hours of the week from Monday 00:00: `8-17` in UTC, `8@user` in the user's time, `8@Europe/Berlin`, `8@+05:30`.
    Hours = ("hours", "Hours of the week", Syntax::Hour),
    /// Words that site, app or user are tagged with.
    Keywords = ("keywords", "Keywords", Syntax::Text),
    /// `shoes`, of one provider `provider/shoes`, own ones `own/ADVERTISER/shoes`, recent ones `own/ADVERTISER/shoes within 7d`.
    Segments = ("segments", "User segments", Syntax::Segment),
    /// Sources of extended ids that are there: `id.example`.
    Eids = ("eids", "Extended id sources", Syntax::Text),
    /// Age in years: `18-34`.
    Ages = ("ages", "Ages", Syntax::Range(120)),
    /// `m`, `f` or `o`.
    Genders = ("genders", "Genders", Syntax::Words(&["m", "f", "o"])),
    /// Shares of users for experiments, by salt: `test-a:0-499` is half of them.
    UserShares = ("user_shares", "Shares of users", Syntax::Share),
    /// Deal ids that are offered, `d-1`, or `generic:d-1`.
    Deals = ("deals", "Deals", Syntax::Id),
    /// The publisher's name of the slot, `top`, or `generic:top`.
    Placements = ("placements", "Placements", Syntax::Id),
    /// What the slot takes.
    Formats = ("formats", "Formats", Syntax::Words(&["banner", "video", "audio", "native"])),
    /// Banner sizes that are offered: `300x250`.
    Sizes = ("sizes", "Banner sizes", Syntax::Size),
    /// Places on the screen.
    Positions = ("positions", "Positions", Syntax::Words(&["unknown", "above_the_fold", "locked", "below_the_fold", "header", "footer", "sidebar", "fullscreen"])),
    /// Kinds of video placement.
    VideoPlacements = ("video_placements", "Video placements", Syntax::Words(&["instream", "accompanying", "interstitial", "standalone", "in_banner", "in_article", "in_feed"])),
    /// When a video or audio ad plays.
    Rolls = ("rolls", "Rolls", Syntax::Words(&["pre", "mid", "post"])),
    /// The longest video or audio ad that the slot takes, in seconds: `15-30`.
    VideoLengths = ("video_lengths", "Video lengths", Syntax::Range(300)),
    /// `interstitial`, `rewarded`, or `plain` for neither.
    SlotKinds = ("slot_kinds", "Slot kinds", Syntax::Words(&["interstitial", "rewarded", "plain"])),
    /// What the exchange measured, in percent: `viewability 70-100`.
    Metrics = ("metrics", "Metrics", Syntax::Metric),
}

impl Dimension {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The dimension of a field's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    /// Whether impressions of one request can differ in it.
    pub fn is_of_impression(self) -> bool {
        self >= Self::Deals
    }

    /// The closed list of words that it takes, if it does.
    pub fn words(self) -> Option<&'static [&'static str]> {
        match self.syntax() {
            Syntax::Words(words) => Some(words),
            _ => None,
        }
    }

    /// Whether `A` and `a` are one in its values.
    pub fn folds_case(self) -> bool {
        matches!(
            self.syntax(),
            Syntax::Text
                | Syntax::Page
                | Syntax::Category
                | Syntax::Language
                | Syntax::Postcode
                | Syntax::Metric
        )
    }

    /// A set of dimensions as bits.
    pub fn bit(self) -> u64 {
        1 << self as u8
    }
}

const _: () = assert!(Dimension::COUNT <= 64, "a set of dimensions fits 64 bits");
