//! Fills in the keys that targeting compares: of a request once, and of each of its impressions.

use std::net::IpAddr;

use domain::targeting::place::Point;
use domain::targeting::value::{OWN_PROVIDER, SEGMENT_KEPT_H, Share};
use domain::targeting::{Dimension, Key, Os};
use domain::{Timestamp, taxonomy};
use proto::openrtb::{BidRequest, Imp, MediaSlot};
use store::profile::{OwnSegment, Profile};

use super::{RequestFacts, agent, bare_domain, host_of, with_parents};
use crate::config::{DEALS_MAX, LABELS_MAX, PATH_PARTS_MAX, SEGMENTS_MAX};
use crate::targeting::{Keys, Usage};

/// Where user data may not be used, an address counts only with its first bits.
const COARSE_V4_BITS: u32 = 24;
/// As for IPv4.
const COARSE_V6_BITS: u32 = 48;
/// Longest postcode, in characters.
const POSTCODE_CHARS_MAX: usize = 10;
/// Slots for longer ads count as this, in seconds: the largest value of the dimension.
const VIDEO_LENGTH_S_MAX: u32 = 300;

/// What keys are read from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The request.
    pub request: &'a BidRequest<'a>,
    /// What was read of it.
    pub facts: &'a RequestFacts<'a>,
    /// The user's profile, if there is one that may be used.
    pub profile: Option<&'a Profile>,
    /// The exchange's configured name.
    pub exchange: &'a str,
    /// What line items ask for.
    pub usage: &'a Usage,
    /// The wall clock.
    pub now: Timestamp,
}

/// Fills in the keys of a request.
pub fn fill(source: &Source<'_>, keys: &mut Keys) {
    keys.clear();
    keys.point = point(source);
    for dimension in asked(source.usage).filter(|one| !one.is_of_impression()) {
        keys.fill(dimension, |out| source.add(dimension, out));
    }
}

/// Fills in the keys of one impression.
pub fn fill_imp(source: &Source<'_>, imp: &Imp<'_>, keys: &mut Keys) {
    keys.clear();
    for dimension in asked(source.usage).filter(|one| one.is_of_impression()) {
        keys.fill(dimension, |out| source.add_of_imp(dimension, imp, out));
    }
}

fn asked(usage: &Usage) -> impl Iterator<Item = Dimension> {
    let all = Dimension::ALL.iter().copied();
    all.filter(|dimension| usage.asks(*dimension))
}

/// Where the device is, where that precisely may be used.
fn point(source: &Source<'_>) -> Option<Point> {
    let allowed = source.facts.privacy.location_allowed;
    source.facts.point.filter(|_| allowed)
}

impl Source<'_> {
    fn allowed(&self) -> bool {
        self.facts.privacy.user_allowed
    }

    fn profile_allowed(&self) -> bool {
        self.facts.privacy.profile_allowed
    }

    fn add(&self, dimension: Dimension, out: &mut Vec<u64>) {
        use Dimension as D;
        let text = |text: &str| dimension.text(text);
        let facts = self.facts;
        match dimension {
            D::Exchanges => out.push(text(self.exchange)),
            D::Publishers => self.add_scoped(dimension, facts.publisher, out),
            D::Sites => {
                out.extend(with_parents(facts.domain).map(text));
                let bundle = known(facts.bundle).filter(|bundle| *bundle != facts.domain);
                out.extend(bundle.map(text));
            }
            D::Apps => out.extend(known(facts.bundle).map(text)),
            D::Pages => self.add_page(dimension, out),
            D::StoreCategories | D::Categories | D::Keywords => self.add_content(dimension, out),
            D::Inventory => out.extend(facts.inventory.map(|one| text(one.word()))),
            D::Devices => out.extend(facts.device.map(|one| text(one.word()))),
            D::Os => out.extend(facts.os.map(|one| text(one.word()))),
            D::Countries | D::Regions | D::Metros | D::Cities | D::Postcodes | D::Places => {
                self.add_geo(dimension, out);
            }
            D::Ips => self.add_ips(dimension, out),
            D::Connections
            | D::Carriers
            | D::Makes
            | D::Models
            | D::OsVersions
            | D::Browsers
            | D::Languages => self.add_device(dimension, out),
            D::Hours => self.add_hours(dimension, out),
            D::Eids | D::UserShares if self.allowed() => self.add_ids(dimension, out),
            D::Segments | D::Ages | D::Genders if self.profile_allowed() => {
                self.add_profile(dimension, out);
            }
            _ => {}
        }
    }

    /// An id as it is, and as this exchange's.
    fn add_scoped(&self, dimension: Dimension, id: &str, out: &mut Vec<u64>) {
        if !id.is_empty() {
            out.push(dimension.text(id));
            out.push(dimension.joined(self.exchange, ":", id));
        }
    }

    /// The host, and with it each longer part of the path.
    fn add_page(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let page = self.request.site.as_ref().and_then(|site| site.page);
        let Some((page, host)) = page.and_then(|page| Some((page, host_of(page)?))) else {
            return;
        };
        let mut key = Key::of(dimension).text(bare_domain(host));
        out.push(key.get());
        let path = page.split_once("://").map_or(page, |(_, rest)| rest);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let parts = path.split('/').skip(1).filter(|part| !part.is_empty());
        for part in parts.take(PATH_PARTS_MAX) {
            key = key.text("/").text(part);
            out.push(key.get());
        }
    }

    fn add_content(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let (site, app) = (self.request.site.as_ref(), self.request.app.as_ref());
        match dimension {
            Dimension::StoreCategories => {
                let listed = app.iter().flat_map(|app| app.store_categories.iter());
                out.extend(listed.take(LABELS_MAX).map(|one| dimension.text(one)));
            }
            Dimension::Categories => {
                let lists = [
                    site.map(|site| (&site.cat, site.cattax)),
                    app.map(|app| (&app.cat, app.cattax)),
                    site.map(|site| (&site.content.cat, site.content.cattax)),
                    app.map(|app| (&app.content.cat, app.content.cattax)),
                ];
                for (list, taxonomy) in lists.into_iter().flatten() {
                    for category in list.iter().take(LABELS_MAX) {
                        add_category(dimension, (taxonomy, category), out);
                    }
                }
            }
            _ => {
                let lists = [
                    site.map(|site| &site.keywords),
                    app.map(|app| &app.keywords),
                    site.map(|site| &site.content.keywords),
                    app.map(|app| &app.content.keywords),
                    self.profile_allowed()
                        .then_some(&self.request.user.keywords),
                ];
                let words = lists.into_iter().flatten();
                let words = words.flat_map(|list| list.iter().take(LABELS_MAX));
                out.extend(words.map(|word| dimension.text(word.trim())));
            }
        }
    }

    fn add_geo(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let (facts, country) = (self.facts, self.facts.country);
        let local = |out: &mut Vec<u64>, name: &str| {
            if let Some(name) = known(name) {
                out.push(dimension.text(name));
                out.push(dimension.joined(country, "-", name));
            }
        };
        match dimension {
            Dimension::Countries => out.extend(known(country).map(|one| dimension.text(one))),
            Dimension::Regions => {
                out.extend(known(self.facts.region).map(|one| dimension.text(one)));
            }
            Dimension::Metros => local(out, facts.metro),
            Dimension::Cities if facts.privacy.location_allowed => local(out, facts.city),
            Dimension::Postcodes if facts.privacy.location_allowed && !country.is_empty() => {
                add_postcode(country, facts.zip, out);
            }
            Dimension::Places => {
                let Some(point) = point(self) else { return };
                let used = self.usage.levels.iter().enumerate();
                let used = used.filter(|(_, used)| **used);
                out.extend(used.map(|(level, _)| dimension.number(point.cell(level))));
            }
            _ => {}
        }
    }

    fn add_ips(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let device = &self.request.device;
        for text in [device.ip, device.ipv6].into_iter().flatten() {
            let Ok(address) = text.trim().parse::<IpAddr>() else {
                continue;
            };
            let (used, coarse) = if address.is_ipv4() {
                (&self.usage.v4_bits, COARSE_V4_BITS)
            } else {
                (&self.usage.v6_bits, COARSE_V6_BITS)
            };
            let used = used
                .iter()
                .filter(|bits| self.allowed() || **bits <= coarse);
            out.extend(used.map(|bits| dimension.ip_key(address, *bits)));
        }
    }

    fn add_device(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let device = &self.request.device;
        let text = |text: &str| dimension.text(text);
        let hinted = device.sua.as_ref().and_then(|sua| sua.model);
        let stated = match dimension {
            Dimension::Makes => device.make,
            Dimension::Models => device.model.or(hinted),
            Dimension::Browsers => agent::browser(device),
            Dimension::Carriers => {
                let code = device.mccmnc.and_then(known);
                out.extend(code.map(text));
                device.carrier
            }
            Dimension::Connections => {
                let (word, cellular) = connection(device.connectiontype);
                out.extend(cellular.then(|| text("cellular")));
                word
            }
            Dimension::Languages => {
                let base = device.language.and_then(|code| code.split_once('-'));
                out.extend(base.map(|(base, _)| text(base)));
                device.language
            }
            _ => {
                let version = |os: Os| Some(dimension.os_version(os, agent::os_major(device, os)?));
                out.extend(self.facts.os.and_then(version));
                None
            }
        };
        out.extend(stated.map(str::trim).and_then(known).map(text));
    }

    fn add_hours(&self, dimension: Dimension, out: &mut Vec<u64>) {
        // 1970-01-01 was a Thursday, three days into a week that starts on Monday.
        let quarter = self.now.0.div_euclid(15 * 60_000) + 72 * 4;
        out.push(dimension.utc_quarter(quarter.rem_euclid(7 * 24 * 4) as u64));
        let zones = self.usage.zones.iter();
        out.extend(
            zones.map(|(name, clock)| dimension.zone_hour(name, clock.hour_of_week(self.now))),
        );
        out.extend(self.user_hour().map(|hour| dimension.user_hour(hour)));
    }

    /// Hour of the week on the user's clock: by the offset that the request states, else where the region or country
    /// keeps one time.
    fn user_hour(&self) -> Option<u8> {
        let homes = self.usage.homes?;
        let stated = self.request.device.geo.utcoffset;
        if let Some(minutes) = stated.filter(|minutes| minutes.abs() <= 14 * 60) {
            let local = self.now.plus_ms(i64::from(minutes) * 60_000);
            return Some(local.hour_of_week());
        }
        let clock = homes.clock(self.facts.country, self.facts.region)?;
        Some(clock.hour_of_week(self.now))
    }

    /// What the user's ids say; only where ids may be used.
    fn add_ids(&self, dimension: Dimension, out: &mut Vec<u64>) {
        if dimension == Dimension::Eids {
            let eids = self.request.user.eids.iter();
            let there = eids.filter(|eid| !eid.uids.is_empty());
            out.extend(there.map(|eid| dimension.text(eid.source)));
        }
        if let (Dimension::UserShares, Some(user)) = (dimension, self.facts.user) {
            let salts = self.usage.salts.iter();
            let share = |salt: &str| dimension.share_key(salt, Share::of(salt, &user.0));
            out.extend(salts.map(|salt| share(salt)));
        }
    }

    /// What is known of the user; only where a profile may choose ads.
    fn add_profile(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let user = &self.request.user;
        match dimension {
            Dimension::Segments => self.add_segments(dimension, out),
            Dimension::Ages => {
                let year = year(self.now);
                let age = user.yob.and_then(|born| year.checked_sub(born));
                let age = age.filter(|age| *age <= 120);
                out.extend(age.map(|age| dimension.number(u64::from(age))));
            }
            _ => {
                let words = [("M", "m"), ("F", "f"), ("O", "o")];
                let stated = user.gender.unwrap_or_default();
                let word = words
                    .iter()
                    .find(|(sent, _)| sent.eq_ignore_ascii_case(stated));
                out.extend(word.map(|(_, word)| dimension.text(word)));
            }
        }
    }

    /// Those of each provider with and without its name, then our own.
    fn add_segments(&self, dimension: Dimension, out: &mut Vec<u64>) {
        let data = self.request.user.data.iter();
        let named = data.flat_map(|data| {
            let provider = data.id.or(data.name);
            data.segments
                .iter()
                .map(move |segment| (provider, &**segment))
        });
        // Nobody else's segment can pass for an own one.
        let named = named.filter(|(provider, segment)| {
            *provider != Some(OWN_PROVIDER) && !segment.starts_with("own/")
        });
        for (provider, segment) in named.take(SEGMENTS_MAX) {
            out.push(dimension.text(segment));
            out.extend(provider.map(|provider| dimension.joined(provider, "/", segment)));
        }
        let own = self.profile.map_or(&[][..], |profile| &profile.segments);
        let kept = |own: &&OwnSegment| own.within(SEGMENT_KEPT_H, self.now);
        for own in own.iter().take(SEGMENTS_MAX).filter(kept) {
            out.push(dimension.own_segment_key(&own.id, None));
            let recencies = self.usage.recencies_h.iter();
            let met = recencies.filter(|hours| own.within(**hours, self.now));
            out.extend(met.map(|hours| dimension.own_segment_key(&own.id, Some(*hours))));
        }
    }

    fn add_of_imp(&self, dimension: Dimension, imp: &Imp<'_>, out: &mut Vec<u64>) {
        use Dimension as D;
        let text = |text: &str| dimension.text(text);
        let banner = imp.banner.as_ref();
        match dimension {
            D::Deals => {
                for deal in imp.pmp.deals.iter().take(DEALS_MAX) {
                    self.add_scoped(dimension, deal.id, out);
                }
            }
            D::Placements => {
                self.add_scoped(dimension, imp.tagid.unwrap_or_default(), out);
            }
            D::Formats => {
                let offered = [
                    (banner.is_some(), "banner"),
                    (imp.video.is_some(), "video"),
                    (imp.audio.is_some(), "audio"),
                    (imp.native.is_some(), "native"),
                ];
                let offered = offered.into_iter().filter(|(there, _)| *there);
                out.extend(offered.map(|(_, word)| text(word)));
            }
            D::Sizes => {
                let sizes = banner.into_iter().flat_map(|banner| banner.sizes.iter());
                out.extend(sizes.map(|size| dimension.size_key(*size)));
            }
            D::Positions => {
                let at = banner.and_then(|banner| banner.pos);
                let at = at.or_else(|| imp.video.as_ref()?.pos);
                let words = dimension.words().unwrap_or_default();
                let word = at.and_then(|at| words.get(at as usize));
                out.extend(word.map(|word| text(word)));
            }
            D::SlotKinds => {
                let plain = !imp.instl && !imp.rwdd;
                let kinds = [
                    (imp.instl, "interstitial"),
                    (imp.rwdd, "rewarded"),
                    (plain, "plain"),
                ];
                let kinds = kinds.into_iter().filter(|(is, _)| *is);
                out.extend(kinds.map(|(_, word)| text(word)));
            }
            D::Metrics => {
                let metrics = imp.metrics.iter().take(LABELS_MAX);
                out.extend(metrics.map(|metric| {
                    let percent = (metric.value * 100.0).clamp(0.0, 100.0) as u32;
                    dimension.metric_key(metric.kind, percent)
                }));
            }
            _ => {
                let media = [imp.video.as_ref(), imp.audio.as_ref()];
                let media = media.into_iter().flatten();
                out.extend(media.filter_map(|slot| media_key(dimension, slot)));
            }
        }
    }
}

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A category counts with all above it.
fn add_category(dimension: Dimension, (number, id): (u32, &str), out: &mut Vec<u64>) {
    let first = id
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("IAB"));
    if number != taxonomy::CONTENT_1 && !first {
        let codes = taxonomy::lineage(number, id);
        out.extend(codes.map(|code| dimension.category_key(number, code)));
        return;
    }
    let codes = taxonomy::lineage(taxonomy::CONTENT_1, id);
    out.extend(codes.map(|code| dimension.text(code)));
}

/// The code without its spaces, and with `*` each of its beginnings.
fn add_postcode(country: &str, code: &str, out: &mut Vec<u64>) {
    let mut key = Key::of(Dimension::Postcodes).text(country).text("-");
    let empty = key.get();
    let mut buffer = [0; 4];
    for letter in code.chars().filter(|c| *c != ' ').take(POSTCODE_CHARS_MAX) {
        key = key.text(letter.encode_utf8(&mut buffer));
        out.push(key.text("*").get());
    }
    out.extend(Some(key.get()).filter(|key| *key != empty));
}

/// The word of an AdCOM connection type, and whether it is a kind of `cellular`.
fn connection(kind: Option<u32>) -> (Option<&'static str>, bool) {
    match kind {
        Some(1) => (Some("ethernet"), false),
        Some(2) => (Some("wifi"), false),
        Some(3) => (None, true),
        Some(4) => (Some("2g"), true),
        Some(5) => (Some("3g"), true),
        Some(6) => (Some("4g"), true),
        Some(7) => (Some("5g"), true),
        _ => (None, false),
    }
}

fn media_key(dimension: Dimension, slot: &MediaSlot<'_>) -> Option<u64> {
    let word = match dimension {
        Dimension::VideoLengths => {
            let exact = slot.rqddurs_s.iter().copied().max();
            let longest = exact.or(slot.maxduration_s).or(slot.poddur_s)?;
            return Some(dimension.number(u64::from(longest.min(VIDEO_LENGTH_S_MAX))));
        }
        Dimension::Rolls => match slot.startdelay? {
            0 => "pre",
            -2 => "post",
            _ => "mid",
        },
        _ => match (slot.plcmt, slot.placement) {
            (Some(1), _) => "instream",
            (Some(2), _) => "accompanying",
            (Some(3), _) => "interstitial",
            (Some(4), _) => "standalone",
            // The list before 2.6-202303.
            (None, Some(1)) => "instream",
            (None, Some(2)) => "in_banner",
            (None, Some(3)) => "in_article",
            (None, Some(4)) => "in_feed",
            (None, Some(5)) => "interstitial",
            _ => return None,
        },
    };
    Some(dimension.text(word))
}

/// The year in UTC (proleptic Gregorian; after Howard Hinnant's `civil_from_days`).
fn year(now: Timestamp) -> u32 {
    let days = now.day() + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let years = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    // Years of that count begin in March.
    let of_year = day - (365 * years + years / 4 - years / 100);
    let year = years + era * 400 + i64::from(of_year >= 306);
    u32::try_from(year).unwrap_or(0)
}
