//! Every dimension's case of `fixtures/targeting`: requests that a rule lets through and requests that it refuses.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bidder::{Config, ExchangeConfig};
use domain::targeting::Dimension;
use domain::{AdvertiserId, Reject};
use proto::catalogue::{LineItemDoc, TargetingDoc};
use proto::event::BidRef;
use proto::token::Purpose;
use serde_json::Value;
use store::campaign::CampaignStore;
use store::keyed::KeyedStore;
use store::state::StateTxn;
use support::{BANNER, NOON, World};

/// A bidder with one line item, targeted as the document says.
fn world(targeting: &Value) -> World {
    let mut config = Config::default();
    config
        .exchanges
        .insert("other".to_owned(), ExchangeConfig::default());
    world_with(targeting, config)
}

fn world_with(targeting: &Value, config: Config) -> World {
    let mut world = World::unready(&["banner"], config);
    let catalogue = world.campaigns.catalogue().unwrap();
    let targeting: TargetingDoc = serde_json::from_value(targeting.clone()).unwrap();
    let doc = LineItemDoc {
        targeting,
        ..LineItemDoc::from(catalogue.line_items.first().unwrap())
    };
    let line_item = doc.check().unwrap();
    world.campaigns.put_line_item(&line_item).unwrap();
    world.background.refresh(NOON).unwrap();
    world.background.tick(NOON).unwrap();
    world
}

/// Puts what `patch` has into `base`, object by object.
fn merge(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

/// The dimension that refuses the request, if one does.
fn refusing(world: &mut World, patch: &Value) -> Option<&'static str> {
    let mut request: Value = serde_json::from_str(BANNER).unwrap();
    merge(&mut request, patch);
    let mut body = serde_json::to_vec(&request).unwrap();
    let call = world.call(patch["on"].as_str().unwrap_or("generic"));
    let (_, explanation) = world.core.explain(&call, &mut body);
    let verdict = explanation.verdicts.first();
    let verdict = verdict.unwrap_or_else(|| panic!("no verdict on {request}: {explanation:?}"));
    (verdict.refused == Some(Reject::Targeting)).then_some(verdict.detail)
}

fn check_case(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("fixtures/targeting").join(format!("{name}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let case: Value = serde_json::from_slice(&text).unwrap();
    let mut world = world(&case["targeting"]);
    for request in list(&case, "accepted") {
        assert_eq!(refusing(&mut world, request), None, "{name}: {request}");
    }
    for request in list(&case, "refused") {
        let got = refusing(&mut world, request);
        assert_eq!(got, Some(name), "{name}: {request}");
    }
}

fn list<'a>(case: &'a Value, side: &str) -> &'a [Value] {
    let list = case[side].as_array().unwrap();
    assert!(!list.is_empty(), "{side} has cases");
    list
}

#[test]
fn every_dimension_accepts_and_refuses() {
    for dimension in Dimension::ALL {
        check_case(dimension.name());
    }
}

/// Monday, 12:00 UTC in November: 13:00 in Berlin, 23:00 in Sydney, where it is summer.
#[test]
fn hours_of_a_zone_are_those_on_its_clock() {
    let refusing = |hours: &str| {
        let targeting = serde_json::json!({"hours": {"include": [hours]}});
        refusing(&mut world(&targeting), &serde_json::json!({}))
    };
    for hours in ["13@Europe/Berlin", "23@Australia/Sydney", "17@Asia/Kolkata"] {
        assert_eq!(refusing(hours), None, "{hours}");
    }
    for hours in [
        "12@Europe/Berlin",
        "14@Europe/Berlin",
        "22@Australia/Sydney",
    ] {
        assert_eq!(refusing(hours), Some("hours"), "{hours}");
    }
}

#[test]
fn groups_join_conditions() {
    check_case("groups");
}

#[test]
fn bid_modifiers_change_the_price_up_to_the_highest_bid() {
    let phones = |factor_ppm: u32| {
        serde_json::json!({"modifiers":
            [{"dimension": "devices", "value": "phone", "factor_ppm": factor_ppm}]})
    };
    let price = |targeting: &Value, device_type: u32| {
        let mut world = world(targeting);
        let mut request: Value = serde_json::from_str(BANNER).unwrap();
        request["device"]["devicetype"] = device_type.into();
        let answer = world.bid(&request.to_string()).unwrap();
        answer["seatbid"][0]["bid"][0]["price"].as_f64().unwrap()
    };
    // The line item bids 2.0 and at most 5.0.
    assert_eq!(price(&phones(1_500_000), 4), 3.0);
    assert_eq!(price(&phones(1_500_000), 2), 2.0);
    assert_eq!(price(&phones(500_000), 4), 1.0);
    assert_eq!(price(&phones(9_000_000), 4), 5.0);
}

/// One network, 203.0.0.0/8, in the country US: the smallest database there is.
fn database() -> Vec<u8> {
    let text = |text: &str| [&[0x40 | text.len() as u8][..], text.as_bytes()].concat();
    let number = |kind: u8, value: u32| [&[kind << 5 | 4][..], &value.to_be_bytes()].concat();
    let short = |value: u16| [&[0xa2][..], &value.to_be_bytes()].concat();
    let mut out = Vec::new();
    for node in 0..8_u32 {
        let next = if node == 7 { 24 } else { node + 1 };
        for bit in 0..2 {
            let wanted = 203_u32 >> (7 - node) & 1;
            let target: u32 = if bit == wanted { next } else { 8 };
            out.extend(&target.to_be_bytes()[1..]);
        }
    }
    out.extend([0; 16]);
    out.extend(
        [
            vec![0xe1],
            text("country"),
            vec![0xe1],
            text("iso_code"),
            text("US"),
        ]
        .concat(),
    );
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let pairs = [
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        ("build_epoch", vec![1, 2, 1]),
        ("database_type", text("City")),
        ("description", vec![0xe0]),
        ("ip_version", short(4)),
        ("languages", vec![0, 4]),
        ("node_count", number(6, 8)),
        ("record_size", short(24)),
    ];
    out.push(0xe0 | pairs.len() as u8);
    for (key, value) in pairs {
        out.extend(text(key));
        out.extend(value);
    }
    out
}

#[test]
fn the_address_tells_the_country_where_the_request_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    fs::write(&path, database()).unwrap();
    let config = Config {
        geo_database: Some(path),
        ..Config::default()
    };
    let targeting = serde_json::json!({"countries": {"include": ["USA"]}});
    let mut world = world_with(&targeting, config);
    let mut at = |device: Value| refusing(&mut world, &serde_json::json!({"device": device}));
    assert_eq!(at(serde_json::json!({"ip": "203.0.113.7"})), None);
    let elsewhere = serde_json::json!({"ip": "203.0.113.7", "geo": {"country": "DEU"}});
    assert_eq!(at(elsewhere), Some("countries"), "the request wins");
    let unknown = serde_json::json!({"ip": "198.51.100.7"});
    assert_eq!(at(unknown), Some("countries"));
}

/// The bid on a request that is not targeted, as its click token carries it.
fn clicked(request: &str) -> BidRef {
    let mut world = world(&serde_json::json!({}));
    let answer = world.bid(request).unwrap();
    let bid = &answer["seatbid"][0]["bid"][0];
    let open = |text: &str, path: &str, purpose| {
        let (_, url) = text.split_once(path).unwrap();
        let token = url.split_once("t=").unwrap().1;
        let others = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        world
            .keys
            .open(token.split(others).next().unwrap(), purpose)
    };
    let markup = bid["adm"].as_str().unwrap();
    let impression = open(markup, "/imp?", Purpose::Event).unwrap();
    let notice = open(bid["burl"].as_str().unwrap(), "/bill?", Purpose::Notice).unwrap();
    assert_eq!((impression.advertiser, notice.advertiser), (0, 0));
    open(markup, "/click?", Purpose::Click).unwrap()
}

#[test]
fn own_segments_count_for_their_advertiser_while_they_are_recent() {
    const HOUR_MS: i64 = 3_600_000;
    let known = serde_json::json!({"user": {"buyeruid": "u1"}});
    let mut request: Value = serde_json::from_str(BANNER).unwrap();
    merge(&mut request, &known);
    let click = clicked(&request.to_string());
    let (user, owner) = (click.user_key().unwrap(), click.advertiser);
    assert_ne!(owner, 0, "a profile may be kept");
    let refusing_after = |rule: String, hours_ago: i64, patch: &Value| {
        let mut world = world(&serde_json::json!({"segments": {"include": [rule]}}));
        let store: Arc<dyn KeyedStore> = Arc::new(world.keyed.clone());
        let mut change = StateTxn::begin(&store, 1000).unwrap();
        let entered = NOON.plus_ms(-hours_ago * HOUR_MS);
        let profile = change.profile(user).unwrap();
        profile.enter(AdvertiserId(owner), "shoes", entered);
        change.commit().unwrap();
        refusing(&mut world, patch)
    };
    for (rule, hours_ago, accepted) in [
        (format!("own/{owner}/shoes"), 8759, true),
        (format!("own/{owner}/shoes"), 8760, false),
        (format!("own/{owner}/shoes within 7d"), 167, true),
        (format!("own/{owner}/shoes within 7d"), 168, false),
        (format!("own/{owner}/hats"), 0, false),
        (format!("own/{}/shoes", owner + 1), 0, false),
        (format!("{owner}/shoes"), 0, false),
    ] {
        let wanted = (!accepted).then_some("segments");
        let got = refusing_after(rule.clone(), hours_ago, &known);
        assert_eq!(got, wanted, "{rule}, {hours_ago} hours ago");
    }
    let rule = format!("own/{owner}/shoes");
    let forbidden = serde_json::json!({"user": {"buyeruid": "u1"}, "regs": {"gdpr": 1}});
    assert_eq!(
        refusing_after(rule.clone(), 0, &forbidden),
        Some("segments")
    );
    for (provider, id) in [("own", format!("{owner}/shoes")), ("x", rule.clone())] {
        let data = serde_json::json!([{"id": provider, "segment": [{"id": id}]}]);
        let posing = serde_json::json!({"user": {"buyeruid": "u2", "data": data}});
        let got = refusing_after(rule.clone(), 0, &posing);
        assert_eq!(got, Some("segments"), "{posing}");
    }
}

#[test]
fn no_token_leads_into_segments_where_no_profile_may_be_kept() {
    let mut request: Value = serde_json::from_str(BANNER).unwrap();
    let refused = serde_json::json!({"user": {"buyeruid": "u1"}, "device": {"lmt": 1}});
    merge(&mut request, &refused);
    assert_eq!(clicked(&request.to_string()).advertiser, 0);
    let mut nobody: Value = serde_json::from_str(BANNER).unwrap();
    merge(&mut nobody, &serde_json::json!({"user": {"buyeruid": ""}}));
    assert_eq!(clicked(&nobody.to_string()).advertiser, 0);
}
