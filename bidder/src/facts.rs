//! What the auction needs to know of a request, reduced to the domain's words.

use std::fmt::Write;

use domain::targeting::place::Point;
use domain::targeting::{DeviceKind, Inventory, Os};
use domain::{Timestamp, UserKey};
use proto::openrtb::{BidRequest, Device};

use crate::config::{SEGMENTS_MAX, SITE_LABELS_MAX};
use crate::geo::{Found, GeoDatabase};
use crate::privacy::{self, Signals, Verdict};
use crate::pseudonym::{self, IdSource, Pseudonyms};

/// Normalised texts of one request, in buffers that are kept.
#[derive(Debug, Default)]
pub struct Texts {
    /// The site's or app's domain, lower case.
    domain: String,
    /// The app's bundle, as sent.
    bundle: String,
    country: String,
    region: String,
    metro: String,
    city: String,
    zip: String,
    point: Option<Point>,
}

/// What is read of a request before any line item is looked at.
#[derive(Debug, Clone)]
pub struct RequestFacts<'a> {
    /// What targeting asks.
    pub country: &'a str,
    /// `COUNTRY-REGION`.
    pub region: &'a str,
    /// The metro area's code.
    pub metro: &'a str,
    /// The city; only where the verdict allows the location, as the two after it.
    pub city: &'a str,
    /// The postcode.
    pub zip: &'a str,
    /// The point.
    pub point: Option<Point>,
    /// The kind of device.
    pub device: Option<DeviceKind>,
    /// The operating system.
    pub os: Option<Os>,
    /// Site, app or DOOH.
    pub inventory: Option<Inventory>,
    /// The site's or app's domain.
    pub domain: &'a str,
    /// What reports and the model call the place: the bundle of an app, else the domain.
    pub site: &'a str,
    /// The publisher's id.
    pub publisher: &'a str,
    /// The app's bundle, for blocked apps; empty on the web.
    pub bundle: &'a str,
    /// Segments that may be used.
    pub segments: Vec<&'a str>,
    /// Hour of the week in UTC.
    pub hour: u8,
    /// The user, if there is one that may be used.
    pub user: Option<UserKey>,
    /// What was decided about user data.
    pub privacy: Verdict,
}

/// What reading facts needs from the installation.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Makes pseudonyms.
    pub pseudonyms: &'a Pseudonyms,
    /// Accepted sources of extended ids; any when empty.
    pub eid_sources: &'a [String],
    /// Our id on the TCF's list of vendors.
    pub vendor: Option<u16>,
    /// Sources of extended ids that name a household, best first; none when empty.
    pub household_sources: &'a [String],
}

impl Texts {
    /// Takes over what needs another spelling.
    pub fn fill(&mut self, request: &BidRequest<'_>, database: Option<&GeoDatabase>) {
        let site = request.site.as_ref();
        let page = || site.and_then(|site| host_of(site.page?));
        let on_site = site.and_then(|site| site.domain).or_else(page);
        let in_app = request.app.as_ref().and_then(|app| app.domain);
        let dooh = request.dooh.as_ref().and_then(|dooh| dooh.domain);
        let domain = on_site.or(in_app).or(dooh).unwrap_or_default();
        set(&mut self.domain, bare_domain(domain));
        self.domain.make_ascii_lowercase();
        set(
            &mut self.bundle,
            request
                .app
                .as_ref()
                .and_then(|app| app.bundle)
                .unwrap_or_default(),
        );
        let addresses = [request.device.ip, request.device.ipv6];
        let mut addresses = addresses
            .into_iter()
            .flatten()
            .filter_map(|ip| ip.trim().parse().ok());
        let found = database.and_then(|database| addresses.find_map(|ip| database.find(ip)));
        self.fill_geo(request, found.as_ref());
    }

    /// Where the device is: what the request does not say comes from the address, unless they name two countries.
    fn fill_geo(&mut self, request: &BidRequest<'_>, found: Option<&Found<'_>>) {
        let geo = &request.device.geo;
        let home = &request.user.geo;
        let by_address = found.and_then(Found::country);
        let country = geo.country.or(home.country).or(by_address);
        set(&mut self.country, country.unwrap_or_default());
        self.country.make_ascii_uppercase();
        let found = found.filter(|_| by_address == Some(&self.country));
        let city = geo.city.or_else(|| found?.city());
        set(&mut self.city, city.unwrap_or_default());
        let zip = geo.zip.or_else(|| found?.zip());
        set(&mut self.zip, zip.unwrap_or_default());
        set(&mut self.metro, geo.metro.unwrap_or_default());
        if let Some(metro) = found.filter(|_| geo.metro.is_none()).and_then(Found::metro) {
            write!(self.metro, "{metro}").expect("a String takes every write");
        }
        let stated = geo
            .lat
            .zip(geo.lon)
            .and_then(|(lat, lon)| Point::new(lat, lon));
        self.point = stated.or_else(|| found?.point());
        self.region.clear();
        let region = geo.region.or_else(|| found?.region());
        if let Some(region) = region.filter(|_| !self.country.is_empty()) {
            self.region.push_str(&self.country);
            self.region.push('-');
            // ISO 3166-2 codes come with or without the country before them.
            self.region
                .push_str(region.rsplit('-').next().unwrap_or(region));
            self.region.make_ascii_uppercase();
        }
    }
}

fn set(text: &mut String, value: &str) {
    text.clear();
    if value.len() <= domain::limits::FIELD_BYTES_MAX {
        text.push_str(value.trim());
    }
}

/// The host of an address.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next()?;
    (!host.is_empty()).then_some(host)
}

/// Some exchanges send an address or a `www.` where a domain belongs.
pub(crate) fn bare_domain(domain: &str) -> &str {
    let host = host_of(domain).unwrap_or_default();
    let bare = match host.get(..4) {
        Some(www) if www.eq_ignore_ascii_case("www.") => host.get(4..).unwrap_or_default(),
        _ => host,
    };
    bare.trim_end_matches('.')
}

/// Reads the facts of a request whose `texts` are filled. `segments` is an empty list, which the facts take over.
pub fn read<'a>(
    request: &'a BidRequest<'_>,
    (texts, mut segments): (&'a Texts, Vec<&'a str>),
    reader: Reader<'_>,
    now: Timestamp,
) -> RequestFacts<'a> {
    let privacy = privacy::decide(&signals(request), reader.vendor);
    let user = privacy
        .user_allowed
        .then(|| user(request, reader))
        .flatten();
    if privacy.profile_allowed {
        segments.extend(request.user.segments().take(SEGMENTS_MAX));
    }
    let site = if texts.bundle.is_empty() {
        &texts.domain
    } else {
        &texts.bundle
    };
    RequestFacts {
        country: &texts.country,
        region: &texts.region,
        metro: &texts.metro,
        city: &texts.city,
        zip: &texts.zip,
        point: texts.point,
        device: device_kind(request),
        os: os(&request.device),
        inventory: inventory(request),
        domain: &texts.domain,
        site,
        publisher: request.publisher().and_then(|p| p.id).unwrap_or_default(),
        bundle: &texts.bundle,
        segments,
        hour: now.hour_of_week(),
        user,
        privacy,
    }
}

/// An empty list for the texts of the next request, in the memory of this one's: a list that is collected out of another
/// with entries of the same size takes over its memory.
pub fn emptied<'a>(mut texts: Vec<&str>) -> Vec<&'a str> {
    texts.clear();
    texts.into_iter().map(|_| "").collect()
}

/// `a.b.c`, `b.c`, `c`: a rule on a domain covers its subdomains.
pub(crate) fn with_parents(domain: &str) -> impl Iterator<Item = &str> {
    let first = Some(domain).filter(|domain| !domain.is_empty());
    std::iter::successors(first, |rest| rest.split_once('.').map(|(_, parent)| parent))
        .take(SITE_LABELS_MAX)
}

/// What a request says about privacy.
pub(crate) fn signals<'a>(request: &'a BidRequest<'_>) -> Signals<'a> {
    let regs = &request.regs;
    Signals {
        coppa: regs.coppa,
        gdpr: regs.gdpr == Some(true),
        consent: &request.user.consent,
        us_privacy: &regs.us_privacy,
        gpp: &regs.gpp,
        sections: regs.gpp_sid,
        limited: request.device.lmt || request.device.dnt || regs.gpc,
    }
}

fn user(request: &BidRequest<'_>, reader: Reader<'_>) -> Option<UserKey> {
    fn known(id: Option<&str>) -> Option<&str> {
        id.filter(|id| pseudonym::names_somebody(id))
    }
    let key = |source, id: &str| reader.pseudonyms.of(source, id);
    if let Some(id) = known(request.user.buyeruid) {
        return Some(key(IdSource::Buyer, id));
    }
    if let Some(id) = known(request.device.ifa) {
        return Some(reader.pseudonyms.of_lower(IdSource::Device, id));
    }
    let rank = |source: &str| match reader.eid_sources {
        [] => Some(0),
        listed => listed.iter().position(|own| own == source),
    };
    let usable = request.user.eids.iter().filter_map(|eid| {
        let uid = eid
            .uids
            .iter()
            .find(|uid| pseudonym::names_somebody(uid.id))?;
        Some((rank(eid.source)?, eid.source, uid.id))
    });
    let (_, source, id) = usable.min_by_key(|(rank, _, _)| *rank)?;
    Some(key(IdSource::Extended(source), id))
}

fn inventory(request: &BidRequest<'_>) -> Option<Inventory> {
    match () {
        () if request.app.is_some() => Some(Inventory::App),
        () if request.dooh.is_some() => Some(Inventory::Dooh),
        () if request.site.is_some() => Some(Inventory::Site),
        () => None,
    }
}

fn device_kind(request: &BidRequest<'_>) -> Option<DeviceKind> {
    let device = &request.device;
    let ua = device.ua.unwrap_or_default();
    match device.devicetype {
        Some(2) => Some(DeviceKind::Desktop),
        Some(3 | 6 | 7) => Some(DeviceKind::Tv),
        Some(4) => Some(DeviceKind::Phone),
        Some(5) => Some(DeviceKind::Tablet),
        Some(8) => Some(DeviceKind::OutOfHome),
        Some(1) => Some(mobile_of_agent(ua).unwrap_or(DeviceKind::Phone)),
        _ if request.dooh.is_some() => Some(DeviceKind::OutOfHome),
        _ if device
            .sua
            .as_ref()
            .is_some_and(|sua| sua.mobile == Some(true)) =>
        {
            Some(DeviceKind::Phone)
        }
        _ => kind_of_agent(ua),
    }
}

fn mobile_of_agent(ua: &str) -> Option<DeviceKind> {
    match () {
        () if ua.contains("iPad") || ua.contains("Tablet") => Some(DeviceKind::Tablet),
        () if ua.contains("Android") && !ua.contains("Mobile") => Some(DeviceKind::Tablet),
        () if ua.contains("Mobile") || ua.contains("iPhone") => Some(DeviceKind::Phone),
        () => None,
    }
}

fn kind_of_agent(ua: &str) -> Option<DeviceKind> {
    let television = [
        "SmartTV",
        "SMART-TV",
        "AppleTV",
        "Tizen",
        "Roku",
        "CrKey",
        "Android TV",
    ];
    let desktop = ["Windows NT", "Macintosh", "X11"];
    if television.iter().any(|word| ua.contains(word)) {
        return Some(DeviceKind::Tv);
    }
    let on_desk = || {
        desktop
            .iter()
            .any(|word| ua.contains(word))
            .then_some(DeviceKind::Desktop)
    };
    mobile_of_agent(ua).or_else(on_desk)
}

fn os(device: &Device<'_>) -> Option<Os> {
    let hints = device.sua.as_ref().and_then(|sua| sua.platform);
    let named = hints.and_then(os_of_name);
    let named = named.or_else(|| device.os.and_then(os_of_name));
    named.or_else(|| os_of_agent(device.ua?))
}

fn os_of_name(name: &str) -> Option<Os> {
    let name = name.trim().as_bytes();
    let families = [
        ("tvos", Os::TvOs),
        ("tizen", Os::TvOs),
        ("webos", Os::TvOs),
        ("roku", Os::TvOs),
        ("android", Os::Android),
        ("ios", Os::Ios),
        ("ipados", Os::Ios),
        ("iphone", Os::Ios),
        ("windows", Os::Windows),
        ("mac", Os::MacOs),
        ("os x", Os::MacOs),
        ("linux", Os::Linux),
        ("chrom", Os::Linux),
        ("ubuntu", Os::Linux),
    ];
    families
        .into_iter()
        .find(|(word, _)| {
            let start = name.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        })
        .map(|(_, os)| os)
}

fn os_of_agent(ua: &str) -> Option<Os> {
    let families = [
        ("Tizen", Os::TvOs),
        ("Roku", Os::TvOs),
        ("AppleTV", Os::TvOs),
        ("Web0S", Os::TvOs),
        ("Windows Phone", Os::Windows),
        ("Android", Os::Android),
        ("iPhone", Os::Ios),
        ("iPad", Os::Ios),
        ("Windows", Os::Windows),
        ("Macintosh", Os::MacOs),
        ("CrOS", Os::Linux),
        ("Linux", Os::Linux),
    ];
    families
        .into_iter()
        .find(|(word, _)| ua.contains(word))
        .map(|(_, os)| os)
}

mod agent;
pub mod keys;
#[cfg(test)]
mod tests;
