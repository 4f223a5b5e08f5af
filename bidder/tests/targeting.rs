//! Every dimension's case of `fixtures/targeting`: requests that a rule lets through and requests that it refuses.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use bidder::{Config, ExchangeConfig};
use domain::Reject;
use domain::targeting::Dimension;
use proto::catalogue::{LineItemDoc, TargetingDoc};
use serde_json::Value;
use store::campaign::CampaignStore;
use support::{BANNER, NOON, World};

/// A bidder with one line item, targeted as the document says.
fn world(targeting: &Value) -> World {
    let mut config = Config::default();
    config
        .exchanges
        .insert("other".to_owned(), ExchangeConfig::default());
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
