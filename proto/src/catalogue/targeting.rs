//! Targeting documents: include and exclude lists by dimension.

use domain::Targeting;
use domain::limits::TARGETING_LIST_MAX;
use domain::targeting::{Rule, Size};
use serde::{Deserialize, Serialize};

use super::rules::{Checker, is_token, parse_size, size_text};
use super::words::{DeviceWord, InventoryWord, OsWord};

/// One include / exclude rule; an empty include list allows every value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RuleDoc<T> {
    /// Only these values, unless empty.
    #[serde(default = "Vec::new")]
    pub include: Vec<T>,
    /// Never these values.
    #[serde(default = "Vec::new")]
    pub exclude: Vec<T>,
}

impl<T> Default for RuleDoc<T> {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }
}

impl<T> RuleDoc<T> {
    fn of<U: Clone>(rule: &Rule<U>, convert: impl Fn(U) -> T) -> Self {
        Self {
            include: rule.include.iter().cloned().map(&convert).collect(),
            exclude: rule.exclude.iter().cloned().map(&convert).collect(),
        }
    }

    fn check<U>(
        self,
        checker: &mut Checker,
        field: &str,
        rule: &str,
        convert: impl Fn(T) -> Option<U>,
    ) -> Rule<U> {
        let mut list = |side: &str, entries: Vec<T>| {
            let field = format!("targeting.{field}.{side}");
            checker.length(&field, entries.len(), TARGETING_LIST_MAX);
            checker.list(&field, entries, rule, &convert)
        };
        Rule {
            include: list("include", self.include),
            exclude: list("exclude", self.exclude),
        }
    }
}

/// Where a line item may deliver; every dimension must pass, and one left out passes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TargetingDoc {
    /// Exchange names as configured.
    pub exchanges: RuleDoc<String>,
    /// ISO 3166-1 alpha-3 country codes, such as `DEU`.
    pub countries: RuleDoc<String>,
    /// Regions as `COUNTRY-REGION`, such as `USA-CA`.
    pub regions: RuleDoc<String>,
    /// Kinds of device.
    pub devices: RuleDoc<DeviceWord>,
    /// Operating systems.
    pub os: RuleDoc<OsWord>,
    /// Site, app or public screen.
    pub inventory: RuleDoc<InventoryWord>,
    /// Site domains in lower case and app bundles; a domain covers its subdomains.
    pub sites: RuleDoc<String>,
    /// Banner sizes, such as `300x250`.
    pub sizes: RuleDoc<String>,
    /// Hours of the week in UTC, 0 = Monday 00:00 to 167.
    pub hours: RuleDoc<u8>,
    /// User segments.
    pub segments: RuleDoc<String>,
}

impl From<&Targeting> for TargetingDoc {
    fn from(targeting: &Targeting) -> Self {
        Self {
            exchanges: RuleDoc::of(&targeting.exchanges, |name| name),
            countries: RuleDoc::of(&targeting.countries, |code| code),
            regions: RuleDoc::of(&targeting.regions, |code| code),
            devices: RuleDoc::of(&targeting.devices, DeviceWord::from),
            os: RuleDoc::of(&targeting.os, OsWord::from),
            inventory: RuleDoc::of(&targeting.inventory, InventoryWord::from),
            sites: RuleDoc::of(&targeting.sites, |site| site),
            sizes: RuleDoc::of(&targeting.sizes, |size: Size| {
                size_text(size.width, size.height)
            }),
            hours: RuleDoc::of(&targeting.hours, |hour| hour),
            segments: RuleDoc::of(&targeting.segments, |id| id),
        }
    }
}

impl TargetingDoc {
    pub(super) fn check(self, checker: &mut Checker) -> Targeting {
        let word = "must be a known word";
        Targeting {
            exchanges: self.exchanges.check(
                checker,
                "exchanges",
                "must be an exchange's configured name: a-z, 0-9, - and _, at most 64 characters",
                |name| is_exchange(&name).then_some(name),
            ),
            countries: self.countries.check(
                checker,
                "countries",
                "must be an ISO 3166-1 alpha-3 code in upper case, such as DEU",
                |code| is_country(&code).then_some(code),
            ),
            regions: self.regions.check(
                checker,
                "regions",
                "must be COUNTRY-REGION in upper case, such as USA-CA",
                |code| is_region(&code).then_some(code),
            ),
            devices: self
                .devices
                .check(checker, "devices", word, |kind| Some(kind.into())),
            os: self.os.check(checker, "os", word, |os| Some(os.into())),
            inventory: self
                .inventory
                .check(checker, "inventory", word, |kind| Some(kind.into())),
            sites: self.sites.check(
                checker,
                "sites",
                "must be a domain in lower case without scheme or path, or an app bundle",
                |site| is_site(&site).then_some(site),
            ),
            sizes: self.sizes.check(
                checker,
                "sizes",
                "must be WIDTHxHEIGHT, each 1 to 10000, such as 300x250",
                |size| parse_size(&size),
            ),
            hours: self.hours.check(
                checker,
                "hours",
                "must be an hour of the week, 0 (Monday 00:00 UTC) to 167",
                |hour| (hour < 168).then_some(hour),
            ),
            segments: self.segments.check(
                checker,
                "segments",
                "must have 1 to 256 bytes, without spaces around it or line breaks",
                |id| is_token(&id).then_some(id),
            ),
        }
    }
}

fn is_exchange(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_country(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_region(code: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    code.split_once('-').is_some_and(|(country, region)| {
        is_country(country) && (1..=3).contains(&region.len()) && region.bytes().all(allowed)
    })
}

/// Bundles are too various to check further: Android's have dots and case, Apple's are digits, TVs' anything.
fn is_site(site: &str) -> bool {
    is_token(site)
        && site
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'?' | b'#'))
}
