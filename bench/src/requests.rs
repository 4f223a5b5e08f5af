//! The workload's requests: banner and video slots on sites and in apps, 1.2 to 2.5 KB each, out of one seed.

use domain::random::{SplitMix64, mix};
use serde_json::{Value, json};

use crate::catalogue::{self, Pools, SEED, SIZES};

/// Distinct requests; a run goes through them again and again.
pub const REQUESTS: usize = 4096;
/// What requests measure, in bytes.
pub const BYTES: std::ops::RangeInclusive<usize> = 1_200..=2_500;
/// Users among all requests.
const USERS: u64 = 50_000;
/// The middle of the floors, in USD per mille; above it lies half of them.
const FLOOR_MEDIAN: f64 = 3.6;

/// The requests for a catalogue of so many line items.
pub fn requests(line_items: usize) -> Vec<Vec<u8>> {
    let pools = Pools::of(line_items);
    let mut rng = SplitMix64::new(mix(SEED ^ 1));
    (0..REQUESTS)
        .map(|index| request(index, pools, &mut rng).to_string().into_bytes())
        .collect()
}

fn request(index: usize, pools: Pools, rng: &mut SplitMix64) -> Value {
    // One draw places both site and region, so that well-covered traffic is so in every way.
    let place = rng.unit();
    let at = |pool: u64| (place * pool as f64) as u64;
    let in_app = rng.chance(0.45);
    let video = rng.chance(0.12);
    let device = device(in_app, at(pools.regions), rng);
    let site = catalogue::site(at(pools.sites));
    let mut made = json!({
        "id": format!("{:016x}{:016x}", rng.next_u64(), index),
        "imp": [imp(video, rng)],
        "device": device,
        "user": user((pools.segments, place), rng),
        "at": 1,
        "tmax": 300,
        "cur": ["USD"],
        "bcat": ["IAB25", "IAB26", "IAB7-39", "IAB8-18", "IAB8-5", "IAB9-9"],
        "badv": badv(rng),
        "source": {"tid": format!("{:016x}", rng.next_u64()), "ext": {"schain": {"ver": "1.0", "complete": 1,
            "nodes": [{"asi": "exchange.example", "sid": rng.below(100_000).to_string(), "hp": 1}]}}},
        "regs": {"coppa": 0, "ext": {"gdpr": 0, "us_privacy": "1YNN"}},
    });
    let publisher = json!({"id": format!("pub-{}", rng.below(400)), "name": "Example Media"});
    let content = json!({"language": "en", "livestream": 0, "cat": ["IAB12"]});
    let (key, place) = if in_app {
        (
            "app",
            json!({"id": rng.below(9_000).to_string(), "name": "Daily Puzzle",
            "bundle": format!("com.example.app{}", rng.below(3_000)), "domain": site, "ver": "7.2.1",
            "storeurl": "https://play.google.com/store/apps/details?id=com.example.app", "cat": ["IAB9-30"],
            "publisher": publisher}),
        )
    } else {
        (
            "site",
            json!({"id": rng.below(9_000).to_string(), "domain": site,
            "page": format!("https://www.{site}/news/2026/{}/story.html", rng.below(100_000)),
            "ref": "https://www.search.example/", "cat": ["IAB12", "IAB12-2"], "mobile": 1,
            "publisher": publisher, "content": content}),
        )
    };
    if let Some(fields) = made.as_object_mut() {
        fields.insert(key.to_owned(), place);
    }
    made
}

fn imp(video: bool, rng: &mut SplitMix64) -> Value {
    let floor = FLOOR_MEDIAN * (rng.normal() * 0.7).exp();
    let mut made = json!({
        "id": "1",
        "tagid": format!("tag-{}", rng.below(5_000)),
        "bidfloor": (floor * 100.0).round() / 100.0,
        "bidfloorcur": "USD",
        "secure": 1,
        "instl": 0,
        "exp": 300,
        "displaymanager": "prebid",
        "displaymanagerver": "9.1.0",
        "ext": {"gpid": "/21700/home/top", "data": {"pbadslot": "/21700/home/top"}},
    });
    let slot = if video {
        json!({"mimes": ["video/mp4", "video/webm"], "protocols": [2, 3, 5, 6], "w": 1280, "h": 720,
            "minduration": 5, "maxduration": 30, "startdelay": 0, "linearity": 1, "plcmt": 1, "skip": 1,
            "playbackmethod": [1, 2], "api": [1, 2, 7], "delivery": [2]})
    } else {
        let first = rng
            .below(SIZES.len() as u64)
            .min(rng.below(SIZES.len() as u64)) as usize;
        let sizes = SIZES.iter().skip(first).take(1 + rng.below(3) as usize);
        let format: Vec<_> = sizes.map(|(w, h)| json!({"w": w, "h": h})).collect();
        json!({"format": format, "pos": 1 + rng.below(3), "btype": [4], "battr": [1, 3, 8, 9],
            "api": [3, 5, 6, 7], "topframe": 1})
    };
    let deal = rng.chance(0.15).then(|| {
        json!({"private_auction": 0, "deals": [{"id": format!("deal-{}", rng.below(500)),
            "bidfloor": 3.5, "bidfloorcur": "USD", "at": 1}]})
    });
    if let Some(fields) = made.as_object_mut() {
        fields.insert(if video { "video" } else { "banner" }.to_owned(), slot);
        if let Some(deal) = deal {
            fields.insert("pmp".to_owned(), deal);
        }
    }
    made
}

fn device(in_app: bool, region: u64, rng: &mut SplitMix64) -> Value {
    let region = catalogue::region(region);
    let (country, region) = region.split_once('-').unwrap_or(("USA", ""));
    let (ua, os, kind) = match rng.below(if in_app { 2 } else { 4 }) {
        0 => (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
               Mobile Safari/537.36",
            "Android",
            4,
        ),
        1 => (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
               Version/18.1 Mobile/15E148 Safari/604.1",
            "iOS",
            4,
        ),
        2 => (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
               Safari/537.36",
            "Windows",
            2,
        ),
        _ => (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
               Version/18.1 Safari/605.1.15",
            "macOS",
            2,
        ),
    };
    let mut made = json!({
        "ua": ua, "os": os, "osv": "14.0", "devicetype": kind, "language": "en", "js": 1, "dnt": 0, "lmt": 0,
        "ip": format!("203.0.113.{}", rng.below(256)), "w": 412, "h": 915, "pxratio": 2.625,
        "connectiontype": 2, "make": "Example", "model": "E8", "carrier": "Example Mobile",
        "geo": {"country": country, "region": region, "city": "Springfield", "zip": "12345", "type": 2,
            "lat": 40.7128, "lon": -74.006, "utcoffset": -300},
    });
    let hints = json!({"browsers": [{"brand": "Chromium", "version": ["131", "0", "6778", "85"]}], "platform": {"brand": os, "version": ["14"]}, "mobile": u8::from(kind == 4), "source": 2});
    if let (true, Some(fields)) = (rng.chance(0.4), made.as_object_mut()) {
        fields.insert("sua".to_owned(), hints);
    }
    if let (true, Some(fields)) = (in_app, made.as_object_mut()) {
        fields.insert("ifa".to_owned(), json!(id(rng.below(USERS))));
    }
    made
}

fn user((segments, place): (u64, f64), rng: &mut SplitMix64) -> Value {
    let number = rng.below(USERS);
    let listed = (0..1 + rng.below(6)).map(|_| {
        // Half of a user's segments are where his traffic is, the others anywhere.
        let at = if rng.chance(0.5) { place } else { rng.unit() };
        json!({"id": catalogue::segment((at * segments as f64) as u64)})
    });
    let segment: Vec<_> = listed.collect();
    let mut made = json!({
        "id": format!("x{number}"),
        "data": [{"id": "dmp", "name": "data.example", "segment": segment}],
    });
    let eids = json!({"eids": [{"source": "id.example", "uids": [{"id": id(number), "atype": 1}]},
        {"source": "pub.example", "uids": [{"id": id(number ^ 77), "atype": 3}]}]});
    if let (true, Some(fields)) = (rng.chance(0.4), made.as_object_mut()) {
        fields.insert("ext".to_owned(), eids);
    }
    if let (true, Some(fields)) = (rng.chance(0.6), made.as_object_mut()) {
        fields.insert("buyeruid".to_owned(), json!(id(number ^ 99)));
    }
    made
}

fn id(number: u64) -> String {
    let (high, low) = (mix(number), mix(number ^ 1));
    let low_parts = (low >> 48, low & 0xffff_ffff_ffff);
    let parts = (high >> 32, (high >> 16) & 0xffff, high & 0xffff);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        parts.0, parts.1, parts.2, low_parts.0, low_parts.1
    )
}

fn badv(rng: &mut SplitMix64) -> Vec<String> {
    let blocked = rng.below(12);
    (0..blocked)
        .map(|_| format!("shop{}.example", rng.below(20_000)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_same_each_time_and_of_the_stated_size() {
        let (all, mut arena) = (requests(1_000), proto::openrtb::Arena::new());
        assert_eq!(all, requests(1_000));
        assert_eq!(all.len(), REQUESTS);
        for mut request in all {
            assert!(BYTES.contains(&request.len()), "{} bytes", request.len());
            assert!(proto::openrtb::parse(&mut request, &mut arena).is_ok());
        }
    }
}
