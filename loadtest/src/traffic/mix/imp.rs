//! Impressions: what they take, in pods and alone, and on what terms.

use domain::random::SplitMix64;
use serde_json::{Value, json};

use super::parties::Inventory;
use super::{ADVERTISERS, DEALS, SEAT, Scope, some};

const SIZES: [(u32, u32); 8] = [
    (300, 250),
    (728, 90),
    (320, 50),
    (160, 600),
    (300, 600),
    (970, 250),
    (320, 480),
    (1080, 1920),
];
const CURRENCIES: [&str; 4] = ["USD", "EUR", "GBP", "JPY"];

/// The impressions of one request.
pub(super) fn imps(rng: &mut SplitMix64, scope: Scope, inventory: Inventory) -> Vec<Value> {
    if scope == Scope::Open {
        let medium = rng.below(4);
        let mut imp = json!({"id": "1", "secure": 1, "bidfloor": floor(rng), "bidfloorcur": "USD"});
        offer(rng, scope, medium, &mut imp);
        return vec![imp];
    }
    let pod = rng.chance(0.12);
    let count = match rng.below(10) {
        0..8 if !pod => 1,
        _ => 2 + rng.below(3),
    };
    let medium = match (pod, rng.below(20)) {
        (true, 0..14) => 1,
        (true, _) => 2,
        (_, 0..9) => 0,
        (_, 9..14) => 1,
        (_, 14..16) => 2,
        _ => 3,
    };
    let mut imps: Vec<Value> = (1..=count)
        .map(|index| {
            let mut imp = json!({"id": index.to_string()});
            offer(rng, scope, medium, &mut imp);
            if rng.chance(0.15) {
                let other = rng.below(4);
                offer(rng, scope, other, &mut imp);
            }
            terms(rng, inventory, &mut imp);
            imp
        })
        .collect();
    if pod {
        join(rng, if medium == 1 { "video" } else { "audio" }, &mut imps);
    }
    imps
}

/// Makes one pod of the slots: structured, dynamic or both.
fn join(rng: &mut SplitMix64, medium: &str, imps: &mut [Value]) {
    let kind = rng.below(3);
    let dedupe = rng.chance(0.4).then(|| json!([1 + rng.below(5)]));
    for (index, imp) in imps.iter_mut().enumerate() {
        let slot = &mut imp[medium];
        slot["podid"] = json!("pod-1");
        slot["podseq"] = json!(0);
        if let Some(dedupe) = &dedupe {
            slot["poddedupe"] = dedupe.clone();
        }
        let dynamic = kind == 1 || kind == 2 && index > 0;
        if dynamic {
            slot["poddur"] = json!(15 * (1 + rng.below(6)));
            slot["maxseq"] = json!(1 + rng.below(4));
        }
        slot["slotinpod"] = json!(if index == 0 { 1 } else { 0 });
    }
}

/// Offers a slot for a medium: 0 banner, 1 video, 2 audio, 3 native.
fn offer(rng: &mut SplitMix64, scope: Scope, medium: u64, imp: &mut Value) {
    match medium {
        0 => imp["banner"] = banner(rng, scope),
        1 => imp["video"] = media(rng, scope, true),
        2 => imp["audio"] = media(rng, scope, false),
        _ => imp["native"] = native(rng),
    }
}

fn banner(rng: &mut SplitMix64, scope: Scope) -> Value {
    let (w, h) = rng.pick(&SIZES).copied().unwrap_or((300, 250));
    let mut banner = json!({"w": w, "h": h, "pos": 1 + rng.below(7), "topframe": rng.below(2)});
    if scope == Scope::Open {
        return banner;
    }
    if rng.chance(0.4) {
        let mut formats = vec![json!({"w": w, "h": h})];
        let (w, h) = rng.pick(&SIZES).copied().unwrap_or((300, 250));
        formats.push(json!({"w": w, "h": h}));
        if rng.chance(0.2) {
            formats.push(json!({"wratio": 16, "hratio": 9, "wmin": 320}));
        }
        banner["format"] = formats.into();
    }
    if rng.chance(0.3) {
        banner["btype"] = json!([1 + rng.below(4)]);
    }
    blocks(rng, &mut banner);
    if rng.chance(0.2) {
        banner["mimes"] = match rng.below(3) {
            0 => json!(["image/png", "image/jpeg"]),
            1 => json!(["text/html", "application/javascript"]),
            _ => json!(["image/gif"]),
        };
    }
    if rng.chance(0.2) {
        banner["expdir"] = json!([2, 4]);
    }
    banner
}

/// Blocked attributes and supported frameworks, for any medium.
fn blocks(rng: &mut SplitMix64, slot: &mut Value) {
    if rng.chance(0.4) {
        let list: Vec<u64> = (0..3).map(|_| 1 + rng.below(17)).collect();
        slot["battr"] = json!(list);
    }
    if rng.chance(0.4) {
        slot["api"] = json!([5 + rng.below(3)]);
    }
}

fn media(rng: &mut SplitMix64, scope: Scope, video: bool) -> Value {
    let mimes = match (video, rng.below(4)) {
        (true, 0) => json!(["video/webm", "video/mp4"]),
        (true, _) => json!(["video/mp4", "application/javascript"]),
        (false, 0) => json!(["audio/mpeg", "audio/ogg"]),
        (false, _) => json!(["audio/mpeg", "audio/mp4"]),
    };
    let mut slot = json!({"mimes": mimes, "startdelay": 0});
    if video {
        (slot["w"], slot["h"]) = (json!(640), json!(360));
        (slot["plcmt"], slot["linearity"]) = (json!(1 + rng.below(4)), json!(1));
    }
    slot["protocols"] = match rng.below(5) {
        0 => json!([2, 3, 5, 6]),
        1 => json!([7, 8]),
        2 => json!([11, 12, 13, 14]),
        _ => json!([2, 3, 5, 6, 7, 8]),
    };
    (slot["minduration"], slot["maxduration"]) = (json!(5), json!(30));
    if scope == Scope::Open {
        return slot;
    }
    strictly(rng, &mut slot);
    if !video && rng.chance(0.5) {
        (slot["feed"], slot["stitched"]) = (json!(1 + rng.below(3)), json!(1));
    }
    slot
}

/// Rules that few slots have.
fn strictly(rng: &mut SplitMix64, slot: &mut Value) {
    blocks(rng, slot);
    match rng.below(10) {
        0 => slot["protocols"] = json!([5, 6]),
        1 => slot["protocols"] = Value::Null,
        2 => (slot["protocols"], slot["protocol"]) = (Value::Null, json!(3)),
        _ => {}
    }
    match rng.below(6) {
        0 => {
            let list = [json!([15]), json!([6, 30]), json!([10, 20])];
            slot["rqddurs"] = rng.pick(&list).cloned().unwrap_or_default();
            (slot["minduration"], slot["maxduration"]) = (Value::Null, Value::Null);
        }
        1 => slot["maxduration"] = json!(15),
        2 => {
            slot["maxduration"] = json!(15);
            slot["maxextended"] = json!(rng.pick(&[-1, 0, 10]));
        }
        _ => {}
    }
    match rng.below(8) {
        0 => slot["mincpmpersec"] = json!(rng.below(40) as f64 / 100.0),
        1 => {
            slot["durfloors"] = json!([
                {"mindur": 1, "maxdur": 15, "bidfloor": rng.below(400) as f64 / 100.0},
                {"mindur": 16, "maxdur": 30, "bidfloor": rng.below(900) as f64 / 100.0},
            ]);
        }
        2 => slot["maxbitrate"] = json!(100 * (1 + rng.below(20))),
        3 => slot["minbitrate"] = json!(100 * (1 + rng.below(20))),
        4 => slot["delivery"] = json!([1 + rng.below(3)]),
        5 => slot["linearity"] = json!(1 + rng.below(2)),
        _ => {}
    }
    if rng.chance(0.3) {
        (slot["skip"], slot["skipafter"]) = (json!(rng.below(2)), json!(5));
    }
}

fn native(rng: &mut SplitMix64) -> Value {
    let version = rng.pick(&["1.0", "1.1", "1.2"]).copied().unwrap_or("1.2");
    let mut request = json!({
        "ver": version, "context": 1, "plcmttype": 1, "plcmtcnt": 1,
        "assets": [
            {"id": 1, "required": 1, "title": {"len": 25 * (1 + rng.below(4))}},
            {"id": 2, "required": rng.below(2), "img": {"type": 3, "wmin": 300, "hmin": 157}},
            {"id": 3, "required": 0, "data": {"type": 2, "len": 90}},
            {"id": 4, "required": 0, "data": {"type": 1, "len": 25}},
            {"id": 5, "required": 0, "img": {"type": 1, "w": 80, "h": 80}},
            {"id": 6, "required": 0, "data": {"type": 12}},
        ],
    });
    if version == "1.2" && rng.chance(0.8) {
        request["eventtrackers"] =
            json!([{"event": 1, "methods": [1, 2]}, {"event": 2, "methods": [1]}]);
    }
    if version == "1.0" {
        request = json!({ "native": request });
    }
    let mut native = json!({"ver": version, "request": request.to_string()});
    match rng.below(8) {
        0 => native["request"] = request,
        1 => native["ver"] = Value::Null,
        _ => {}
    }
    native
}

fn floor(rng: &mut SplitMix64) -> Value {
    json!(rng.below(300) as f64 / 100.0)
}

/// Floors, deals, and what else an impression says of itself.
fn terms(rng: &mut SplitMix64, inventory: Inventory, imp: &mut Value) {
    if rng.chance(0.9) {
        imp["bidfloor"] = floor(rng);
    }
    if rng.chance(0.6) {
        imp["bidfloorcur"] = json!(rng.pick(&CURRENCIES).copied());
    }
    match rng.below(10) {
        0 => imp["secure"] = json!(0),
        1 => {}
        _ => imp["secure"] = json!(1),
    }
    if rng.chance(0.1) {
        imp["instl"] = json!(1);
    }
    if rng.chance(0.05) {
        imp["rwdd"] = json!(1);
    }
    if rng.chance(0.3) {
        imp["exp"] = json!(60 * (1 + rng.below(60)));
    }
    if inventory == Inventory::Dooh {
        imp["qty"] = json!({"multiplier": 1.0 + rng.below(400) as f64 / 10.0, "sourcetype": 1});
    }
    if inventory == Inventory::App && rng.chance(0.3) {
        let skadn = json!({"versions": ["3.0", "4.0"], "sourceapp": "880047117", "skadnetids": ["cdkw7geqsh.skadnetwork"]});
        imp["ext"] = json!({ "skadn": skadn });
    }
    if rng.chance(0.25) {
        imp["pmp"] = deals(rng);
    }
}

fn deals(rng: &mut SplitMix64) -> Value {
    let count = 1 + rng.below(3);
    let mut deals = Vec::new();
    for _ in 0..count {
        let mut deal = json!({"id": rng.pick(&DEALS).copied()});
        if rng.chance(0.8) {
            deal["bidfloor"] = json!(rng.below(600) as f64 / 100.0);
        }
        if rng.chance(0.4) {
            deal["bidfloorcur"] = json!(rng.pick(&CURRENCIES).copied());
        }
        match rng.below(6) {
            0 => deal["at"] = json!(3),
            1 => deal["at"] = json!(1),
            _ => {}
        }
        match rng.below(8) {
            0 => deal["wseat"] = json!([SEAT]),
            1 => deal["wseat"] = json!(["other"]),
            2 => deal["wadomain"] = some(rng, &ADVERTISERS, 4),
            3 => deal["guar"] = json!(1),
            _ => {}
        }
        let known = deals.iter().any(|other: &Value| other["id"] == deal["id"]);
        if !known {
            deals.push(deal);
        }
    }
    json!({"private_auction": rng.below(2), "deals": deals})
}
