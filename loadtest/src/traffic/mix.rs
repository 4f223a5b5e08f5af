//! Bid requests of every kind that the protocol knows, drawn from a seed: for judging answers, not for load.

use domain::random::{SplitMix64, mix};
use serde_json::{Value, json};

mod imp;
mod odd;
mod parties;

/// Share of requests in which fields have other types than the specification's, as met at real exchanges.
const ODD_SHARE: f64 = 0.2;
/// Deals that requests offer; a catalogue that shall meet them buys on these.
pub const DEALS: [&str; 6] = ["deal-1", "deal-2", "deal-3", "deal-4", "deal-5", "deal-6"];
/// Advertisers' domains that requests block or ask for.
pub const ADVERTISERS: [&str; 8] = [
    "shop.example",
    "boots.example",
    "casino.example",
    "bank.example",
    "games.example",
    "cars.example",
    "www.travel.example",
    "food.example",
];
/// Categories that requests block or allow, of Content Taxonomy 1.0.
pub const CATEGORIES: [&str; 8] = [
    "IAB1-6", "IAB2", "IAB7-39", "IAB8-5", "IAB9-7", "IAB17", "IAB22-1", "IAB25-3",
];
/// The buyer's seat; others are named too.
pub const SEAT: &str = "paceline";

/// What may be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything: deals, pods, blocks, several media and slots, oddities.
    All,
    /// One slot of one medium in the open auction, with nothing blocked and a floor as is usual.
    Open,
}

/// Draws requests; the same seed draws the same ones.
#[derive(Debug)]
pub struct Mix {
    rng: SplitMix64,
    scope: Scope,
    prefix: u64,
    serial: u64,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// What was meant; `body` may say it in other types.
    pub request: Value,
    /// As it is sent.
    pub body: Vec<u8>,
}

impl Mix {
    /// A source of requests.
    pub fn new(seed: u64, scope: Scope) -> Self {
        let prefix = mix(seed ^ 0x006d_6978);
        Self {
            rng: SplitMix64::new(prefix),
            scope,
            prefix,
            serial: 0,
        }
    }

    /// The next request.
    pub fn next_request(&mut self) -> Made {
        let id = format!("{:016x}-{:08x}", self.prefix, self.serial);
        self.serial += 1;
        let mut request = json!({"id": id, "at": 1 + self.rng.below(2), "tmax": 120});
        let inventory = parties::inventory(&mut self.rng, &mut request);
        let imps = imp::imps(&mut self.rng, self.scope, inventory);
        request["imp"] = imps.into();
        parties::device(&mut self.rng, inventory, &mut request);
        if self.scope == Scope::Open {
            return Made::of(request);
        }
        parties::user(&mut self.rng, &mut request);
        parties::privacy(&mut self.rng, &mut request);
        parties::chain(&mut self.rng, &mut request);
        self.rules(&mut request);
        if self.rng.chance(ODD_SHARE) {
            odd::twist(&mut self.rng, &mut request);
        }
        Made::of(request)
    }

    /// What the request blocks and allows.
    fn rules(&mut self, request: &mut Value) {
        let rng = &mut self.rng;
        match rng.below(8) {
            0 => request["cur"] = json!(["EUR"]),
            1 => request["cur"] = json!(["GBP", "USD", "JPY"]),
            2 => {}
            _ => request["cur"] = json!(["USD"]),
        }
        if rng.chance(0.4) {
            request["bcat"] = some(rng, &CATEGORIES, 3);
        } else if rng.chance(0.1) {
            request["acat"] = some(rng, &CATEGORIES, 6);
        }
        if rng.chance(0.05) {
            request["cattax"] = json!(6);
        }
        if rng.chance(0.4) {
            request["badv"] = some(rng, &ADVERTISERS, 3);
        }
        if rng.chance(0.1) {
            request["bapp"] = json!(["com.shop.app", "com.other.app"]);
        }
        if rng.chance(0.1) {
            request["wlang"] = json!([rng.pick(&["en", "de-DE", "fr"]).copied()]);
        }
        match rng.below(20) {
            0 => request["wseat"] = json!([SEAT, "other"]),
            1 => request["bseat"] = json!(["other"]),
            2 => request["bseat"] = json!([SEAT]),
            3 => request["wseat"] = json!(["other"]),
            _ => {}
        }
        if rng.chance(0.3) {
            request["allimps"] = json!(1);
        }
        if rng.chance(0.05) {
            request["test"] = json!(1);
        }
        if rng.chance(0.1) {
            let list: Vec<String> = (0..4).map(|_| (1 + rng.below(40)).to_string()).collect();
            request["ext"]["bcrid"] = json!(list);
        }
        if rng.chance(0.02) {
            let dsa =
                json!({"dsarequired": 1 + rng.below(3), "pubrender": rng.below(3), "datatopub": 1});
            request["regs"]["ext"]["dsa"] = dsa;
        }
    }
}

impl Made {
    fn of(request: Value) -> Self {
        let body = request.to_string().into_bytes();
        Self { request, body }
    }
}

/// Up to `most` of a list's texts.
fn some(rng: &mut SplitMix64, list: &[&str], most: u64) -> Value {
    let count = 1 + rng.below(most);
    let picked: Vec<_> = (0..count).filter_map(|_| rng.pick(list).copied()).collect();
    json!(picked)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_requests() {
        let draw = |seed| {
            let mut mix = Mix::new(seed, Scope::All);
            (0..100).map(|_| mix.next_request()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    /// Paths of a request's fields, list positions left out.
    fn paths(value: &Value, at: &str, into: &mut BTreeMap<String, u32>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{at}/{name}");
                    *into.entry(path.clone()).or_default() += 1;
                    paths(value, &path, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| paths(item, at, into)),
            _ => {}
        }
    }

    #[test]
    fn everything_is_offered_now_and_then() {
        let mut mix = Mix::new(1, Scope::All);
        let mut met = BTreeMap::new();
        for _ in 0..5_000 {
            paths(&mix.next_request().request, "", &mut met);
        }
        let wanted = [
            "/imp/banner/format/wratio",
            "/imp/banner/btype",
            "/imp/banner/expdir",
            "/imp/video/podid",
            "/imp/video/poddur",
            "/imp/video/rqddurs",
            "/imp/video/durfloors",
            "/imp/video/mincpmpersec",
            "/imp/video/poddedupe",
            "/imp/video/maxextended",
            "/imp/audio/poddur",
            "/imp/audio/feed",
            "/imp/native/request",
            "/imp/pmp/private_auction",
            "/imp/pmp/deals/guar",
            "/imp/pmp/deals/at",
            "/imp/pmp/deals/wseat",
            "/imp/pmp/deals/wadomain",
            "/imp/qty/multiplier",
            "/imp/rwdd",
            "/imp/ext/skadn",
            "/dooh",
            "/app",
            "/site",
            "/regs/gpp",
            "/regs/ext/gpp",
            "/regs/gdpr",
            "/regs/ext/gdpr",
            "/regs/coppa",
            "/regs/us_privacy",
            "/user/consent",
            "/user/ext/consent",
            "/source/schain",
            "/source/ext/schain",
            "/ext/schain",
            "/test",
            "/allimps",
            "/acat",
            "/cattax",
            "/ext/bcrid",
        ];
        let missing: Vec<_> = wanted
            .iter()
            .filter(|path| !met.contains_key(**path))
            .collect();
        assert!(missing.is_empty(), "{missing:?} of {met:?}");
    }
}
