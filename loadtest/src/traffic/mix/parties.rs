//! Where the request comes from and for whom: inventory, device, user, law and sellers.

use domain::random::SplitMix64;
use serde_json::{Value, json};

/// What the slots are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inventory {
    Site,
    App,
    Dooh,
}

/// A consent string of version 2, with nothing allowed.
const TC: &str = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";
/// A GPP string with the section of US privacy.
const GPP: &str = "DBABTA~1YNN";

/// Writes `site`, `app` or `dooh`.
pub(super) fn inventory(rng: &mut SplitMix64, request: &mut Value) -> Inventory {
    let number = rng.below(40);
    let publisher = json!({"id": format!("pub-{number}"), "name": "A publisher"});
    match rng.below(20) {
        0..10 => {
            let domain = format!("news{number}.example");
            request["site"] = json!({
                "id": format!("s-{number}"), "domain": domain, "page": format!("https://{domain}/a"),
                "cat": ["IAB12"], "publisher": publisher, "content": {"language": "en"},
            });
            Inventory::Site
        }
        10..18 => {
            let bundle = format!("com.example.app{number}");
            request["app"] = json!({
                "id": format!("a-{number}"), "bundle": bundle, "name": "An app",
                "storeurl": format!("https://store.example/{bundle}"), "publisher": publisher,
            });
            Inventory::App
        }
        _ => {
            request["dooh"] = json!({
                "id": format!("d-{number}"), "venuetype": ["20301"], "venuetypetax": 1, "publisher": publisher,
            });
            Inventory::Dooh
        }
    }
}

/// Writes `device`.
pub(super) fn device(rng: &mut SplitMix64, inventory: Inventory, request: &mut Value) {
    let country = rng.pick(&["USA", "DEU", "FRA", "JPN"]).copied();
    let mut device = json!({
        "ua": "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36",
        "ip": format!("203.0.113.{}", 1 + rng.below(254)),
        "os": "Android", "osv": "14", "devicetype": 4, "language": "en",
        "geo": {"country": country, "lat": 34.0522 + rng.unit(), "lon": -118.2437 + rng.unit(), "type": 1},
    });
    match inventory {
        Inventory::App => {
            let (a, b) = (rng.next_u64(), rng.next_u64());
            let tail = b & 0xffff_ffff_ffff;
            device["ifa"] = json!(format!("{:08x}-1234-4abc-8def-{tail:012x}", a >> 32));
        }
        Inventory::Dooh => {
            device =
                json!({"ua": "Mozilla/5.0 (screen)", "devicetype": 8, "geo": {"country": country}});
        }
        Inventory::Site => {}
    }
    if rng.chance(0.1) {
        device["lmt"] = json!(1);
    }
    request["device"] = device;
}

/// Writes `user`, with ids in one of the places that versions have for them.
pub(super) fn user(rng: &mut SplitMix64, request: &mut Value) {
    if rng.chance(0.2) {
        return;
    }
    let id = format!("x-{:016x}", rng.next_u64());
    let mut user = json!({"id": id, "ext": {}});
    if rng.chance(0.6) {
        user["buyeruid"] = json!(format!("u-{:012x}", rng.next_u64() >> 16));
    }
    let uid = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
    let eids = json!([{"source": "shared-id.example", "uids": [{"id": uid, "atype": 1}]}]);
    match rng.below(3) {
        0 => user["eids"] = eids,
        1 => user["ext"]["eids"] = eids,
        _ => {}
    }
    request["user"] = user;
}

/// Writes `regs` and the user's consent, in the places of 2.6, of 2.5, or both.
pub(super) fn privacy(rng: &mut SplitMix64, request: &mut Value) {
    let mut regs = json!({"ext": {}});
    let law = rng.below(10);
    let (old, new) = match rng.below(3) {
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    let mut put = |name: &str, value: Value| {
        if old {
            regs["ext"][name] = value.clone();
        }
        if new {
            regs[name] = value;
        }
    };
    match law {
        0..2 => put("gdpr", json!(1)),
        2 => put(
            "us_privacy",
            json!(rng.pick(&["1YNN", "1YYN", "1---"]).copied()),
        ),
        3 => {
            put("gpp", json!(GPP));
            put("gpp_sid", json!([6]));
        }
        4 => put("gdpr", json!(0)),
        _ => {}
    }
    if law == 5 {
        regs["coppa"] = json!(1);
    }
    if law < 2 && rng.chance(0.8) {
        let user = &mut request["user"];
        if old {
            user["ext"]["consent"] = json!(TC);
        }
        if new {
            user["consent"] = json!(TC);
        }
    }
    request["regs"] = regs;
}

/// Writes the supply chain to one of its three places.
pub(super) fn chain(rng: &mut SplitMix64, request: &mut Value) {
    let node = |asi: &str| json!({"asi": asi, "sid": "pub-1", "hp": 1});
    let chain = json!({"complete": 1, "ver": "1.0", "nodes": [node("network.example"), node("exchange.example")]});
    match rng.below(4) {
        0 => request["source"] = json!({ "schain": chain }),
        1 => request["source"] = json!({"ext": {"schain": chain}}),
        2 => request["ext"] = json!({ "schain": chain }),
        _ => {}
    }
}
