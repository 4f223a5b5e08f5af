//! The device and where it is.

use super::Text;
use super::json::Json;

/// What shows the ad.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Device<'a> {
    /// The user agent header.
    pub ua: Option<Text<'a>>,
    /// The structured user agent, which wins over `ua`.
    pub sua: Option<ClientHints<'a>>,
    /// IPv4 address.
    pub ip: Option<Text<'a>>,
    /// IPv6 address.
    pub ipv6: Option<Text<'a>>,
    /// Where it is.
    pub geo: Geo<'a>,
    /// AdCOM device type: 1 mobile or tablet, 2 PC, 3 connected TV, 4 phone, 5 tablet,
    /// 6 connected device, 7 set-top box, 8 out of home.
    pub devicetype: Option<u32>,
    /// Manufacturer.
    pub make: Option<Text<'a>>,
    /// Model.
    pub model: Option<Text<'a>>,
    /// Operating system.
    pub os: Option<Text<'a>>,
    /// Its version.
    pub osv: Option<Text<'a>>,
    /// Language, ISO 639-1; from `langb` when only that is sent.
    pub language: Option<Text<'a>>,
    /// Id for advertisers.
    pub ifa: Option<Text<'a>>,
    /// Limit ad tracking is on.
    pub lmt: bool,
    /// Do not track is on.
    pub dnt: bool,
    /// Carrier.
    pub carrier: Option<Text<'a>>,
    /// The carrier as MCC-MNC, such as `310-005`.
    pub mccmnc: Option<Text<'a>>,
    /// AdCOM connection type.
    pub connectiontype: Option<u32>,
    /// Screen width in pixels.
    pub w: Option<u32>,
    /// Screen height in pixels.
    pub h: Option<u32>,
}

/// The structured user agent (`sua`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientHints<'a> {
    /// Name of the operating system.
    pub platform: Option<Text<'a>>,
    /// The first part of the operating system's version.
    pub platform_version: Option<Text<'a>>,
    /// Names of the browser's brands.
    pub browsers: &'a [Text<'a>],
    /// Whether it prefers mobile content.
    pub mobile: Option<bool>,
    /// Device model.
    pub model: Option<Text<'a>>,
}

/// A place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Geo<'a> {
    /// ISO 3166-1 alpha-3.
    pub country: Option<Text<'a>>,
    /// ISO 3166-2, two letters in the USA.
    pub region: Option<Text<'a>>,
    /// Nielsen DMA or Google metro code.
    pub metro: Option<Text<'a>>,
    /// UN/LOCODE or a name.
    pub city: Option<Text<'a>>,
    /// Postal code.
    pub zip: Option<Text<'a>>,
    /// Latitude in degrees.
    pub lat: Option<f64>,
    /// Longitude in degrees.
    pub lon: Option<f64>,
    /// Minutes that local time is ahead of UTC.
    pub utcoffset: Option<i32>,
}

impl<'a> Device<'a> {
    pub(super) fn read(&mut self, value: Json<'_, 'a>) {
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "ua" => self.ua = value.text(),
                "sua" => self.sua = ClientHints::read(value),
                "ip" => self.ip = value.text(),
                "ipv6" => self.ipv6 = value.text(),
                "geo" => self.geo = Geo::read(value),
                "devicetype" => self.devicetype = value.u32(),
                "make" => self.make = value.text(),
                "model" => self.model = value.text(),
                "os" => self.os = value.text(),
                "osv" => self.osv = value.text(),
                "language" => self.language = value.text().or(self.language),
                "langb" if self.language.is_none() => self.language = value.text(),
                "ifa" => self.ifa = value.text(),
                "lmt" => self.lmt |= value.privacy_flag().unwrap_or(false),
                "dnt" => self.dnt |= value.privacy_flag().unwrap_or(false),
                "carrier" => self.carrier = value.text(),
                "mccmnc" => self.mccmnc = value.text(),
                "connectiontype" => self.connectiontype = value.u32(),
                "w" => self.w = value.u32(),
                "h" => self.h = value.u32(),
                _ => {}
            }
        }
    }
}

impl<'a> ClientHints<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut hints = Self::default();
        for (key, value) in value.object()? {
            match key {
                "platform" => {
                    hints.platform = value.get("brand").and_then(Json::text);
                    let version = value.get("version").map(Json::texts);
                    hints.platform_version = version.and_then(|v| v.first().copied());
                }
                "browsers" => {
                    let brands = value.items().filter_map(|browser| browser.get("brand"));
                    hints.browsers = value.arena().list(brands.filter_map(Json::text));
                }
                "mobile" => hints.mobile = value.flag(),
                "model" => hints.model = value.text(),
                _ => {}
            }
        }
        Some(hints)
    }
}

impl<'a> Geo<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Self {
        let mut geo = Self::default();
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "country" => geo.country = value.text(),
                "region" => geo.region = value.text(),
                "metro" => geo.metro = value.text(),
                "city" => geo.city = value.text(),
                "zip" => geo.zip = value.text(),
                "lat" => geo.lat = value.number(),
                "lon" => geo.lon = value.number(),
                "utcoffset" => geo.utcoffset = value.i32(),
                _ => {}
            }
        }
        geo
    }
}
