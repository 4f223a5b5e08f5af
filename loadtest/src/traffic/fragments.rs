//! The JSON pieces that requests are put together from; built once, at the start.

use domain::random::SplitMix64;
use serde_json::{Value, json};

use super::world::{Device, Format, Placement, User};
use super::{COUNTRIES, SEGMENTS};

/// IAB Content Taxonomy 1.0 category of each topic.
const CATEGORIES: [&str; 12] = [
    "IAB2", "IAB20", "IAB17", "IAB18", "IAB13", "IAB8", "IAB9-30", "IAB19", "IAB7", "IAB10",
    "IAB1-6", "IAB12",
];

/// Closes `source` and the request: what is the same in every one.
pub(super) const REQUEST_TAIL: &str = concat!(
    r#","cur":["USD"],"bcat":["IAB25","IAB26","IAB7-39","IAB9-9"],"#,
    r#""badv":["blocked-brand.example","rival-dsp.example"],"#,
    r#""ext":{"ssp_build":"2026.47.1","auction_env":{"dc":"lax2","attempt":1,"holdout":false}}}"#
);

/// The request field that carries our user's interests, device and consent.
pub(super) fn user(user: &User, rng: &mut SplitMix64) -> String {
    let segments: Vec<Value> = user
        .segments
        .iter()
        .map(|index| json!({"id": SEGMENTS[*index], "name": SEGMENTS[*index], "value": "1"}))
        .collect();
    let mut json = json!({
        "id": format!("x-{:016x}", rng.next_u64()),
        "yob": 1950 + rng.below(56),
        "gender": if rng.chance(0.5) { "F" } else { "M" },
        "data": [{"id": "dmp-1", "name": "segments.example", "segment": segments}],
        "eids": [{
            "source": "shared-id.example",
            "uids": [{"id": format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64()), "atype": 1}]
        }],
        "ext": {"sessionduration": rng.below(900), "impdepth": rng.below(12)},
    });
    if user.synced {
        json["buyeruid"] = format!("u-{:06}-{:012x}", user.index, rng.next_u64() >> 16).into();
    }
    let regs = if COUNTRIES[user.country] == "USA" {
        json!({"coppa": 0, "gdpr": 0, "us_privacy": "1YNN"})
    } else {
        json!({"coppa": 0, "gdpr": 0})
    };
    format!("\"user\":{json},\"regs\":{regs}")
}

/// The request's `device`, the user's.
pub(super) fn device(user: &User, rng: &mut SplitMix64) -> String {
    let ios = rng.chance(0.45);
    let (os, version, agent) = system(user.device, ios);
    let cities = [
        (34.05, -118.24),
        (43.65, -79.38),
        (-33.87, 151.21),
        (-23.55, -46.63),
        (19.43, -99.13),
        (35.68, 139.69),
    ];
    let (latitude, longitude) = cities[user.country];
    let (width, height) = match user.device {
        Device::Phone => (390, 844),
        Device::Desktop => (1920, 1080),
        Device::Tablet => (820, 1180),
    };
    let mut json = json!({
        "ua": agent,
        "ip": format!("198.51.100.{}", 1 + rng.below(254)),
        "geo": {
            "country": COUNTRIES[user.country], "type": 2, "ipservice": 3,
            "lat": latitude, "lon": longitude, "accuracy": 20_000, "utcoffset": -480,
        },
        "os": os, "osv": version, "language": "en",
        "devicetype": match user.device { Device::Phone => 4, Device::Desktop => 2, Device::Tablet => 5 },
        "w": width, "h": height, "js": 1, "dnt": 0, "lmt": 0,
        "connectiontype": 2, "carrier": "310-410",
        "ext": {"is_proxy": 0, "cpu": "arm64"},
    });
    if user.device != Device::Desktop {
        let (a, b) = (rng.next_u64(), rng.next_u64());
        json["ifa"] = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            (a >> 16) & 0xfff,
            b & 0xfff,
            b >> 16
        )
        .into();
        json["make"] = if ios { "Apple" } else { "Samsung" }.into();
        json["model"] = if ios { "iPhone15,2" } else { "SM-S911U" }.into();
    }
    format!("\"device\":{json}")
}

fn system(device: Device, ios: bool) -> (&'static str, &'static str, &'static str) {
    match (device, ios) {
        (Device::Desktop, true) => (
            "macOS",
            "14.4",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
        ),
        (Device::Desktop, false) => (
            "Windows",
            "10",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
        ),
        (_, true) => (
            "iOS",
            "17.4",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
        ),
        (_, false) => (
            "Android",
            "14",
            "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36",
        ),
    }
}

/// `site` or `app`.
pub(super) fn inventory(site: usize, name: &str, app: bool, topic: usize) -> String {
    let publisher = json!({"id": format!("pub-{site}"), "name": format!("Publisher {site}")});
    let category = [CATEGORIES[topic]];
    if app {
        let json = json!({
            "id": format!("app-{site}"), "name": format!("App {site}"), "bundle": name,
            "storeurl": format!("https://store.example/apps/details?id={name}"),
            "ver": "4.12.0", "paid": 0, "cat": category, "publisher": publisher,
            "content": {"language": "en"}, "ext": {"orientation": 1, "sdk": "7.3.1"},
        });
        format!("\"app\":{json}")
    } else {
        let json = json!({
            "id": format!("site-{site}"), "name": name, "domain": name,
            "page": format!("https://{name}/articles/2026/11/a-page-about-{}", SEGMENTS[topic]),
            "ref": "https://search.example/", "mobile": 1,
            "cat": category, "publisher": publisher,
            "content": {"language": "en", "title": "A page", "keywords": SEGMENTS[topic]},
            "ext": {"amp": 0, "viewport": "above"},
        });
        format!("\"site\":{json}")
    }
}

/// The supply chain behind the transaction id: owner, then the exchange.
pub(super) fn source_tail(site: usize) -> String {
    let chain = json!({"complete": 1, "ver": "1.0", "nodes": [
        {"asi": "network.example", "sid": format!("n-{site}"), "hp": 1},
        {"asi": "exchange.example", "sid": format!("pub-{site}"), "hp": 1},
    ]});
    format!("\",\"schain\":{chain}}}")
}

/// The impression after its id.
pub(super) fn imp(placement: &Placement, slot: usize) -> String {
    let tag = format!("{}-{slot}", placement.name);
    let floor = placement.floor_micros as f64 / 1e6;
    let mut json = json!({
        "tagid": tag, "bidfloor": floor, "bidfloorcur": "USD", "secure": 1, "instl": 0,
        "displaymanager": "prebid",
        "ext": {"gpid": format!("/1234/{tag}"), "ae": 0, "tier": "b"},
    });
    match placement.format {
        Format::Banner(width, height) => json["banner"] = banner(width, height),
        Format::Video => json["video"] = video(),
        Format::Native => json["native"] = native(),
    }
    let text = json.to_string();
    text.strip_prefix('{').unwrap_or_default().to_owned()
}

fn banner(width: u32, height: u32) -> Value {
    let mut sizes = vec![json!({"w": width, "h": height})];
    if (width, height) == (300, 250) {
        sizes.push(json!({"w": 336, "h": 280}));
    }
    if (width, height) == (970, 250) {
        sizes.push(json!({"w": 728, "h": 90}));
    }
    json!({
        "w": width, "h": height, "format": sizes, "pos": 1, "topframe": 0, "btype": [1],
        "battr": [1, 3, 8], "api": [5, 6, 7], "mimes": ["image/png", "image/gif", "text/html", "text/javascript"],
    })
}

fn video() -> Value {
    json!({
        "mimes": ["video/mp4", "video/webm"], "minduration": 5, "maxduration": 30,
        "protocols": [2, 3, 5, 6, 7, 8], "w": 640, "h": 360, "startdelay": 0, "plcmt": 1,
        "linearity": 1, "skip": 1, "skipafter": 5, "playbackmethod": [1], "api": [7],
        "battr": [1, 3, 8], "maxbitrate": 4_000, "boxingallowed": 1,
    })
}

fn native() -> Value {
    let request = json!({
        "ver": "1.2", "context": 1, "contextsubtype": 11, "plcmttype": 1, "plcmtcnt": 1,
        "assets": [
            {"id": 1, "required": 1, "title": {"len": 90}},
            {"id": 2, "required": 1, "img": {"type": 3, "wmin": 300, "hmin": 157}},
            {"id": 3, "required": 0, "data": {"type": 2, "len": 140}},
            {"id": 4, "required": 0, "data": {"type": 1, "len": 40}},
        ],
        "eventtrackers": [{"event": 1, "methods": [1, 2]}],
    });
    json!({"ver": "1.2", "request": request.to_string(), "battr": [1, 3, 8]})
}
