//! Explanations against what was served: the same numbers, nothing moved, and the bid found again by its id.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use bidder::served::{Search, find};
use bidder::{Config, Explainer, Explanation, Verdict};
use domain::{BidId, Outcome, Reject};
use proto::event::{Bid, Kind};
use proto::openrtb::Format;
use support::{BANNER, World};

fn explain(explainer: &mut Explainer, request: &str) -> Explanation {
    let mut body = request.as_bytes().to_vec();
    let explained = explainer.explain("generic", Format::Json, &mut body);
    explained.unwrap()
}

fn bid_of(explanation: &Explanation) -> &Verdict {
    let mut bids = explanation.verdicts.iter().filter(|v| v.refused.is_none());
    let bid = bids.next().unwrap();
    assert_eq!(bids.next(), None, "one bid: {explanation:?}");
    bid
}

fn logged(world: &mut World) -> Vec<Bid> {
    let events = world.events().into_iter();
    events
        .filter_map(|event| match event.kind {
            Some(Kind::Bid(bid)) => Some(bid),
            _ => None,
        })
        .collect()
}

/// As a user whom nothing forbids to know.
fn known() -> String {
    BANNER.replace(r#""site""#, r#""user":{"buyeruid":"u-1"},"site""#)
}

#[test]
fn an_explanation_has_the_numbers_of_the_served_bid() {
    let names = ["banner", "banner-cpc", "banner-rich", "german", "video"];
    let mut world = World::new(&names, Config::default());
    let mut explainer = Explainer::new(&world.bidder);
    let served = world.bid(BANNER).unwrap();
    let served = &served["seatbid"][0]["bid"][0];
    let explained = explain(&mut explainer, BANNER);
    assert_eq!(explained.outcome, Outcome::Bid);
    let verdict = bid_of(&explained);
    let numbers = &verdict.numbers;
    assert_eq!(served["crid"], numbers.creative.unwrap().to_string());
    assert_eq!(served["price"], numbers.price.0.as_decimal());
    let bid = logged(&mut world).pop().unwrap();
    let reference = bid.r#ref.as_ref().unwrap();
    assert_eq!(reference.line_item, verdict.line_item.0);
    assert_eq!(reference.price_cpm_micros, numbers.price.0.0);
    assert_eq!(reference.hold_micros, numbers.hold.0);
    assert_eq!(
        (bid.predicted_ctr, bid.predicted_cvr),
        (numbers.click, numbers.conversion)
    );
    assert_eq!(bid.value_cpm_micros, numbers.value.0.0);
    assert_eq!(bid.floor_cpm_micros, numbers.floor.0.0);
    assert_eq!(bid.modifier_ppm, numbers.factor_ppm);
    assert_eq!(
        (bid.multiplier, bid.shade),
        (numbers.multiplier, numbers.shade)
    );
    let versions = explained.versions.unwrap();
    assert_eq!(
        (bid.revision, bid.model_version),
        (versions.revision, versions.model)
    );
    let refused = |name: &str| {
        let of = explained.verdicts.iter().find(|v| v.name == name).unwrap();
        (of.refused, of.detail)
    };
    assert_eq!(refused("german"), (Some(Reject::Targeting), "countries"));
    assert_eq!(refused("video"), (Some(Reject::Format), ""));
}

#[test]
fn explaining_moves_nothing() {
    let mut world = World::new(&["capped", "german"], Config::default());
    let snapshot = world.bidder.snapshot().unwrap();
    let money = || -> Vec<_> {
        let campaigns = snapshot.campaigns.iter();
        campaigns.map(|live| live.money.headroom()).collect()
    };
    let before = (money(), world.log.record_count());
    let mut explainer = Explainer::new(&world.bidder);
    let first = explain(&mut explainer, &known());
    for _ in 0..20 {
        // The cap of two an hour would refuse the third, if one counted.
        assert_eq!(explain(&mut explainer, &known()), first);
    }
    assert_eq!(first.verdicts.len(), 2);
    drop(explainer);
    world.second();
    assert_eq!(world.log.record_count(), before.1, "nothing is logged");
    let after = money();
    assert!(
        after
            .iter()
            .zip(&before.0)
            .all(|(after, before)| after >= before),
        "nothing is held: {before:?}, then {after:?}"
    );
    assert!(world.bid(&known()).is_some());
}

#[test]
fn some_requests_are_kept_for_later() {
    let config = Config {
        explain_requests: 2,
        explain_every: 3,
        ..Config::default()
    };
    let mut world = World::new(&["banner"], config);
    assert_eq!(world.bidder.samples(), []);
    for number in 1..=9 {
        let id = format!(r#"{{"id":"r{number}""#);
        assert!(world.bid(&BANNER.replace(r#"{"id":"r""#, &id)).is_some());
    }
    let kept = world.bidder.samples();
    let numbers: Vec<_> = kept.iter().map(|sample| sample.number).collect();
    assert_eq!(numbers, [3, 2], "the newest two of three");
    let newest = &kept[0];
    assert!(newest.body.starts_with(br#"{"id":"r9""#), "as it came");
    assert_eq!(newest.outcome, Outcome::Bid);
    let mut explainer = Explainer::new(&world.bidder);
    let mut body = newest.body.clone();
    let explained = explainer.explain(&newest.exchange, newest.format, &mut body);
    assert_eq!(explained.unwrap().outcome, Outcome::Bid);
    assert_eq!(world.bidder.samples(), kept, "explaining keeps nothing");
    let large = format!("{BANNER}{}", " ".repeat(1 << 20));
    for _ in 0..3 {
        world.bid(&large);
    }
    assert_eq!(world.bidder.samples(), kept, "a large one is left out");
}

#[test]
fn what_no_exchange_or_no_reader_accepts_is_told() {
    let world = World::new(&["banner"], Config::default());
    let mut explainer = Explainer::new(&world.bidder);
    let nowhere = explainer.explain("nowhere", Format::Json, &mut BANNER.as_bytes().to_vec());
    assert_eq!(nowhere, None);
    let broken = explain(&mut explainer, "{\"id\":");
    assert_eq!(broken.outcome, Outcome::NoBid(domain::NoBid::Malformed));
    assert_eq!((broken.versions, broken.verdicts.len()), (None, 0));
}

#[test]
fn a_bid_is_found_by_its_id_and_predicted_again() {
    let mut world = World::new(&["banner-cpc"], Config::default());
    let served = world.bid(BANNER).unwrap();
    assert!(world.bid(BANNER).is_some());
    let bids = logged(&mut world);
    let id = served["seatbid"][0]["bid"][0]["id"].as_str().unwrap();
    let id = BidId::from_hex(id).unwrap();
    let Search::Found(found) = find(&world.log, id).unwrap() else {
        panic!("the bid is in the log")
    };
    assert_eq!(found.reference.id(), id);
    assert_eq!(found.reference, bids[0].r#ref.clone().unwrap());
    assert_eq!(found.bid.features, bids[0].features);
    let snapshot = world.bidder.snapshot().unwrap();
    let again = found.predict_again(&snapshot.served.model).unwrap();
    assert_eq!(
        (again.click, again.conversion),
        (found.bid.predicted_ctr, found.bid.predicted_cvr)
    );
    let mut older = found.clone();
    older.bid.model_version += 1;
    assert_eq!(older.predict_again(&snapshot.served.model), None);
    let missing = find(&world.log, BidId([3; 16])).unwrap();
    assert_eq!(missing, Search::NotThere);
}
