//! Macros in the advertiser's markup and addresses, such as `{CLICK_URL}`: which there are, and where they stand.

/// A value that an advertiser's markup can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Macro {
    /// Our click address, which leads on to the landing page.
    ClickUrl,
    /// The address that counts the impression; ours is in the markup anyway.
    ImpressionUrl,
    /// A number that no other bid has.
    Cachebuster,
    /// The request's id.
    AuctionId,
    /// The campaign's id.
    CampaignId,
    /// The line item's id.
    LineItemId,
    /// The creative's id.
    CreativeId,
    /// The exchange's name in the configuration.
    Exchange,
    /// The site's domain, or the app's.
    Site,
    /// The app's bundle; empty on the web.
    AppBundle,
    /// 1 where the GDPR applies, 0 where the request says that it does not.
    Gdpr,
    /// The TC string.
    GdprConsent,
    /// The US privacy string.
    UsPrivacy,
    /// The GPP string.
    Gpp,
    /// The sections of the GPP string that apply, with commas between them.
    GppSid,
    /// The slot's width in pixels.
    Width,
    /// The slot's height in pixels.
    Height,
    /// The advertising id of the device; empty unless the user's privacy choices allow it.
    DeviceId,
}

/// The substitution macros of OpenRTB 2.6, section 4.4, without `${` and `}`; the exchange replaces them.
pub const OPENRTB: [&str; 14] = [
    "AUCTION_ID",
    "AUCTION_BID_ID",
    "AUCTION_IMP_ID",
    "AUCTION_SEAT_ID",
    "AUCTION_AD_ID",
    "AUCTION_PRICE",
    "AUCTION_CURRENCY",
    "AUCTION_MBR",
    "AUCTION_LOSS",
    "AUCTION_MIN_TO_WIN",
    "AUCTION_MULTIPLIER",
    "AUCTION_IMP_TS",
    "AUCTION_DISCOUNT_PCT",
    "AUCTION_DISCOUNT_CPM",
];

/// Longest name of a macro with its ending, in bytes; longer text in braces is none.
const NAME_BYTES_MAX: usize = 40;

/// A part of a text with macros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text that stays.
    Text(&'a str),
    /// A macro, and how often its value is URL-escaped on request: `_ENC` once, `_ENC2` twice.
    Macro(Macro, u8),
}

impl Macro {
    /// Every macro, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::ClickUrl,
        Self::ImpressionUrl,
        Self::Cachebuster,
        Self::AuctionId,
        Self::CampaignId,
        Self::LineItemId,
        Self::CreativeId,
        Self::Exchange,
        Self::Site,
        Self::AppBundle,
        Self::Gdpr,
        Self::GdprConsent,
        Self::UsPrivacy,
        Self::Gpp,
        Self::GppSid,
        Self::Width,
        Self::Height,
        Self::DeviceId,
    ];

    /// Its name, as it stands between braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClickUrl => "CLICK_URL",
            Self::ImpressionUrl => "IMPRESSION_URL",
            Self::Cachebuster => "CACHEBUSTER",
            Self::AuctionId => "AUCTION_ID",
            Self::CampaignId => "CAMPAIGN_ID",
            Self::LineItemId => "LINE_ITEM_ID",
            Self::CreativeId => "CREATIVE_ID",
            Self::Exchange => "EXCHANGE",
            Self::Site => "SITE",
            Self::AppBundle => "APP_BUNDLE",
            Self::Gdpr => "GDPR",
            Self::GdprConsent => "GDPR_CONSENT",
            Self::UsPrivacy => "US_PRIVACY",
            Self::Gpp => "GPP",
            Self::GppSid => "GPP_SID",
            Self::Width => "WIDTH",
            Self::Height => "HEIGHT",
            Self::DeviceId => "DEVICE_ID",
        }
    }

    /// The macro of a name with its ending, and how often that URL-escapes.
    fn read(name: &str) -> Option<(Self, u8)> {
        let (bare, encodings) = match (name.strip_suffix("_ENC"), name.strip_suffix("_ENC2")) {
            (Some(bare), _) => (bare, 1),
            (None, Some(bare)) => (bare, 2),
            (None, None) => (name, 0),
        };
        let known = Self::ALL.into_iter().find(|one| one.name() == bare);
        known.map(|known| (known, encodings))
    }
}

/// Splits a text at its macros; each part with where it begins. What follows a `$` is the exchange's and stays.
pub fn parts(text: &str) -> Vec<(usize, Part<'_>)> {
    let mut found = Vec::new();
    let mut kept = 0;
    for (at, dollar, name) in names(text) {
        let Some((known, encodings)) = Macro::read(name).filter(|_| !dollar) else {
            continue;
        };
        found.extend(text.get(kept..at).map(|part| (kept, Part::Text(part))));
        found.push((at, Part::Macro(known, encodings)));
        kept = at + name.len() + 2;
    }
    found.extend(text.get(kept..).map(|part| (kept, Part::Text(part))));
    found.retain(|(_, part)| *part != Part::Text(""));
    found
}

/// Whether a text has the macro in any of its forms.
pub fn has(text: &str, wanted: Macro) -> bool {
    let is = |(_, part): &(_, _)| matches!(part, Part::Macro(found, _) if *found == wanted);
    parts(text).iter().any(is)
}

/// What is wrong with the first macro that nobody would replace.
pub fn check(text: &str) -> Result<(), String> {
    for (_, dollar, name) in names(text) {
        let exchange = OPENRTB.contains(&name);
        match (dollar, Macro::read(name)) {
            (false, Some(_)) => {}
            (true, _) if exchange => {}
            (true, Some(_)) => return Err(format!("has ${{{name}}}: write {{{name}}}")),
            (true, None) if !name.starts_with("AUCTION_") => {}
            (true, None) => {
                let near = nearest(name, OPENRTB.into_iter().map(str::to_owned));
                return Err(format!("has unknown ${{{name}}}: is ${{{near}}} meant?"));
            }
            (false, None) => {
                let all = Macro::ALL.into_iter().flat_map(|one| {
                    ["", "_ENC", "_ENC2"].map(|end| format!("{}{end}", one.name()))
                });
                let near = nearest(name, all);
                return Err(format!("has unknown {{{name}}}: is {{{near}}} meant?"));
            }
        }
    }
    Ok(())
}

/// Every name in braces: where its brace is, whether a `$` stands before that, and the name without an exchange's
/// `:ENCODING`.
fn names(text: &str) -> impl Iterator<Item = (usize, bool, &str)> {
    text.match_indices('{').filter_map(|(at, _)| {
        let dollar = text.get(..at)?.ends_with('$');
        let rest = text.get(at + 1..)?;
        let length = rest
            .bytes()
            .take(NAME_BYTES_MAX)
            .position(|b| !(b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'))?;
        let (name, after) = rest.split_at_checked(length)?;
        let ends = after.starts_with('}') || dollar && after.starts_with(':');
        let named = length >= 3 && name.starts_with(|c: char| c.is_ascii_uppercase());
        (ends && named).then_some((at, dollar, name))
    })
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    known
        .min_by_key(|one| distance(name.as_bytes(), one.as_bytes()))
        .unwrap_or_default()
}

/// Levenshtein's distance: the fewest letters to change, add or drop.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            *cell = changed.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_macros_and_the_rest_is_text() {
        let found = parts("a{CLICK_URL_ENC}b${AUCTION_ID}{a}{GPP}{}{AB}{SITE_ENC2}");
        let expected = [
            (0, Part::Text("a")),
            (1, Part::Macro(Macro::ClickUrl, 1)),
            (16, Part::Text("b${AUCTION_ID}{a}")),
            (33, Part::Macro(Macro::Gpp, 0)),
            (38, Part::Text("{}{AB}")),
            (44, Part::Macro(Macro::Site, 2)),
        ];
        assert_eq!(found, expected);
        assert!(has("{CLICK_URL_ENC2}", Macro::ClickUrl) && !has("${CLICK_URL}", Macro::ClickUrl));
    }

    #[test]
    fn what_nobody_replaces_is_named_with_its_neighbour() {
        for sound in [
            "",
            "{",
            "${",
            "{CLICK_URL}${AUCTION_PRICE:B64}${AUCTION_IMP_TS}",
            "function(){return}",
            "`${OTHER}`",
            "[ERRORCODE] %%CACHE%% {ÄÖÜ}",
        ] {
            assert_eq!(check(sound), Ok(()), "{sound}");
        }
        for (wrong, hint) in [
            ("{CLCK_URL}", "{CLICK_URL}"),
            ("{CACHE_BUSTER}", "{CACHEBUSTER}"),
            ("{GDPR_CONSENT_ENC3}", "{GDPR_CONSENT_ENC}"),
            ("${CLICK_URL}", "write {CLICK_URL}"),
            ("${AUCTION_PRISE}", "${AUCTION_PRICE}"),
            ("{AUCTION_PRICE}", "{"),
        ] {
            let error = check(wrong).unwrap_err();
            assert!(error.contains(hint), "{wrong}: {error}");
        }
    }

    #[test]
    fn distances_count_letters() {
        for (a, b, expected) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected);
        }
    }
}
