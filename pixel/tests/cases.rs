//! Every fixture through the pixel's core, first and repeated, and hits of random bytes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use domain::limits::{PIXEL_URL_BYTES_MAX, TOKEN_CHARS_MAX};
use domain::random::SplitMix64;
use event_log::Topic;
use pixel::{Answer, Hit, Method, PixelCore, PriceKeys, Reject, Verdict};
use proto::event::{BidRef, Kind, campaign_partition_key, user_partition_key};
use proto::price::SealedPriceKeys;
use proto::token::{Purpose, Sealed, TokenKeys};
use serde_json::{Value, json};
use support::{NOW, bid, keys};

fn core() -> PixelCore {
    let (encryption, integrity) = (
        "sIxwz7yw62yrfoLGt12lIHKuYrK_S5kLuApI2BQe7Ac=",
        "v3fsVcMBMMHYzRhi7SpM0sdqwzvAxM6KPTu9OtVod5I=",
    );
    let sealing = SealedPriceKeys::parse(encryption, integrity).unwrap();
    PixelCore::new(keys(), "test", 1 << 12)
        .with_price_keys(PriceKeys::from([("sealing".to_owned(), sealing)]))
}

/// The bid a case is about: the usual one with the case's changes.
fn case_bid(case: &Value) -> BidRef {
    let mut bid = bid();
    if let Some(age_ms) = case["age_ms"].as_i64() {
        bid.bid_at_ms = NOW.0 - age_ms;
    }
    let changes = &case["bid"];
    if let Some(at_ms) = changes["bid_at_ms"].as_i64() {
        bid.bid_at_ms = at_ms;
    }
    if let Some(landing) = changes["landing"].as_str() {
        bid.landing = landing.to_owned();
    }
    if changes["user"] == json!(false) {
        bid.user.clear();
    }
    if let Some(quantity) = changes["quantity"].as_i64() {
        bid.quantity = i32::try_from(quantity).unwrap();
    }
    if let Some(exchange) = changes["exchange"].as_str() {
        bid.exchange = exchange.to_owned();
    }
    if let Some(advertiser) = changes["advertiser"].as_u64() {
        bid.advertiser = advertiser;
    }
    bid.test = changes["test"] == json!(true);
    bid
}

/// What the markup of a bid is written from, with nothing in it.
fn rendering(bid: &BidRef) -> String {
    let mut sealed = Sealed::default();
    keys().seal_rendering(&mut sealed, bid.id(), |_| {});
    sealed.as_str().to_owned()
}

/// Fills tokens and long texts into a template.
fn expand(template: &str, bid: &BidRef) -> String {
    let plain = BidRef {
        landing: String::new(),
        ..bid.clone()
    };
    let notice = keys().seal(&plain, Purpose::Notice);
    let mut altered = notice.clone();
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'E' } else { 'A' });
    let foreign = |id| TokenKeys::new([(id, [8; 32])]).unwrap();
    let other = BidRef {
        bid_id: vec![7; 16],
        ..plain.clone()
    };
    let (long_field, long_token, long_url) = (
        "%C3%A4".repeat(300),
        "A".repeat(TOKEN_CHARS_MAX + 1),
        "x".repeat(PIXEL_URL_BYTES_MAX),
    );
    let texts = [
        ("{notice}", notice),
        ("{altered}", altered),
        ("{event}", keys().seal(&plain, Purpose::Event)),
        ("{rendering}", rendering(bid)),
        ("{other_rendering}", rendering(&other)),
        ("{conversion}", keys().seal(&plain, Purpose::Conversion)),
        ("{click}", keys().seal(bid, Purpose::Click)),
        ("{unknown_key}", foreign(2).seal(&plain, Purpose::Notice)),
        ("{forged}", foreign(1).seal(&plain, Purpose::Notice)),
        ("{long_field}", long_field),
        ("{long_token}", long_token),
        ("{long_url}", long_url),
    ];
    let fill = |text: String, (name, value): (&str, String)| text.replace(name, &value);
    texts.into_iter().fold(template.to_owned(), fill)
}

fn parse_hit(line: &str, looks_ahead: bool) -> Hit<'_> {
    let (method, url) = line.split_once(' ').unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    Hit {
        method,
        path,
        query,
        looks_ahead,
    }
}

fn show_answer(answer: &Answer) -> String {
    match answer {
        Answer::Gif => "gif".into(),
        Answer::NoContent => "204".into(),
        Answer::Redirect(target) => format!("302 {target}"),
        Answer::NotFound => "404".into(),
        Answer::MethodNotAllowed => "405".into(),
        Answer::TooLong => "414".into(),
        Answer::Gone => "410".into(),
        Answer::Markup(_) => "markup".into(),
    }
}

fn show_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Win(win) => json!({
            "kind": "win", "price_cpm_micros": win.price_cpm_micros,
            "min_to_win_cpm_micros": win.min_to_win_cpm_micros,
        }),
        Kind::Loss(loss) => json!({
            "kind": "loss", "reason": loss.reason, "min_to_win_cpm_micros": loss.min_to_win_cpm_micros,
        }),
        Kind::Billing(billing) => json!({
            "kind": "billing", "price_cpm_micros": billing.price_cpm_micros,
            "price_missing": billing.price_missing, "impression_at_ms": billing.impression_at_ms,
            "supply_fee": billing.supply_fee,
            "quantity": billing.r#ref.as_ref().map(|bid| bid.quantity),
        }),
        Kind::Impression(_) => json!({"kind": "impression"}),
        Kind::View(_) => json!({"kind": "view"}),
        Kind::Click(_) => json!({"kind": "click"}),
        Kind::Playback(playback) => json!({
            "kind": "playback", "step": playback.step, "error": playback.error,
        }),
        Kind::Conversion(conversion) => json!({
            "kind": "conversion", "name": conversion.name, "order": conversion.order,
            "value_micros": conversion.value_micros, "name_bytes": conversion.name.len(),
        }),
        Kind::Segment(entry) => json!({"kind": "segment", "name": entry.name}),
        Kind::Bid(_) | Kind::Delivery(_) => json!(null),
    }
}

fn check(case: &Value) {
    let description = case["description"].as_str().unwrap();
    let bid = case_bid(case);
    let line = expand(case["hit"].as_str().unwrap(), &bid);
    let hit = parse_hit(&line, case["looks_ahead"] == json!(true));
    let core = core();
    let decision = core.hit(hit, NOW);
    let wanted = expand(case["answer"].as_str().unwrap(), &bid);
    assert_eq!(show_answer(&decision.answer), wanted, "{description}");
    match (&case["event"], &case["reject"]) {
        (Value::Object(event), Value::Null) => {
            let Verdict::Append(offer) = decision.verdict.clone() else {
                panic!("{description}: {:?}", decision.verdict);
            };
            check_offer(&offer, event, &bid, description);
            assert_eq!(
                core.hit(hit, NOW),
                decision,
                "{description}: not yet stored"
            );
            core.acknowledged(offer.id);
            let again = core.hit(hit, NOW);
            assert_eq!(again.verdict, Verdict::Repeat(offer.id), "{description}");
            assert_eq!(again.answer, decision.answer, "{description}");
        }
        (Value::Null, Value::String(label)) => {
            let reject = Reject::from_label(label).unwrap();
            assert_eq!(decision.verdict, Verdict::Rejected(reject), "{description}");
        }
        _ => assert_eq!(decision.verdict, Verdict::NoHit, "{description}"),
    }
}

fn check_offer(
    offer: &pixel::Offer,
    wanted: &serde_json::Map<String, Value>,
    bid: &BidRef,
    description: &str,
) {
    let mut shown = show_kind(offer.event.kind.as_ref().unwrap());
    shown["topic"] = json!(offer.topic.name());
    for (name, value) in wanted {
        assert_eq!(&shown[name], value, "{description}: {name}");
    }
    let reference = offer.event.bid_ref().unwrap();
    let without_landing = BidRef {
        landing: String::new(),
        // What a billing notice confirms is a case's own business.
        quantity: reference.quantity,
        ..bid.clone()
    };
    assert_eq!(reference, &without_landing, "{description}");
    let key = match offer.topic {
        Topic::Billing => campaign_partition_key(reference),
        _ => user_partition_key(reference),
    };
    assert_eq!(offer.key, key, "{description}");
    assert_eq!(offer.event.at(), NOW, "{description}");
    let read = proto::event::parse(&offer.record().payload).unwrap();
    assert_eq!(
        (&read, read.event_id()),
        (&offer.event, offer.id),
        "{description}"
    );
}

fn check_file(text: &str) -> usize {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    cases.iter().for_each(check);
    cases.len()
}

#[test]
fn notices() {
    assert!(check_file(include_str!("../fixtures/notices.json")) > 20);
}

#[test]
fn prices() {
    assert!(check_file(include_str!("../fixtures/prices.json")) > 20);
}

#[test]
fn events() {
    assert!(check_file(include_str!("../fixtures/events.json")) > 20);
}

#[test]
fn refused() {
    assert!(check_file(include_str!("../fixtures/refused.json")) > 20);
}

#[test]
fn conversions_of_one_bid_are_told_apart_by_name_and_order() {
    let queries = [
        "name=a&order=bc",
        "name=ab&order=c",
        "name=abc",
        "order=abc",
        "",
        "name=a&order=bd",
    ];
    let core = core();
    let token = expand("{conversion}", &bid());
    let ids: Vec<_> = queries
        .iter()
        .map(|query| {
            let line = format!("GET /conv?t={token}&{query}");
            match core.hit(parse_hit(&line, false), NOW).verdict {
                Verdict::Append(offer) => offer.id,
                other => panic!("{query}: {other:?}"),
            }
        })
        .collect();
    for (i, id) in ids.iter().enumerate() {
        assert!(!ids[i + 1..].contains(id), "{}", queries[i]);
    }
}

#[test]
fn random_bytes_are_never_believed() {
    let core = core();
    let mut rng = SplitMix64::new(20_261_122);
    let alphabet: Vec<char> = "tp=&%+?#AZaz09_-./${}\\\"\r\n\0äé\u{10ffff}"
        .chars()
        .collect();
    for _ in 0..20_000 {
        let length = rng.below(200);
        let query: String = (0..length).map(|_| *rng.pick(&alphabet).unwrap()).collect();
        let kind = *rng.pick(pixel::HitKind::ALL).unwrap();
        for query in [
            query.clone(),
            format!("t={query}"),
            format!("t={}&{query}", token_like(&mut rng)),
        ] {
            let hit = Hit {
                method: Method::Get,
                path: kind.path(),
                query: &query,
                looks_ahead: false,
            };
            let decision = core.hit(hit, NOW);
            assert!(
                matches!(decision.verdict, Verdict::Rejected(_)),
                "{query:?}"
            );
            assert!(!matches!(decision.answer, Answer::Redirect(_)), "{query:?}");
        }
    }
}

/// Token-like text: the right shape and random content.
fn token_like(rng: &mut SplitMix64) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    // Version 1, key 1, purposes 1 to 3.
    let head = *rng.pick(&["AQEB", "AQEC", "AQED"]).unwrap();
    let random = (0..rng.below(300)).map(|_| *rng.pick(&alphabet).unwrap());
    head.chars().chain(random).collect()
}
