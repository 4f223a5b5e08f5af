//! A trial of a model: who gets it, and what bids and their records say of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;

use bidder::Config;
use ctr_model::{ModelKind, Published};
use prost::Message;
use proto::event::{Bid, Kind};
use proto::state::{ModelTrial, TrialModel};
use store::snapshot::SnapshotStore;
use support::World;

const NUMBER: u32 = 3;
const TRIED: u64 = 77;

fn request(user: &str, id: usize) -> String {
    format!(
        r#"{{"id":"r{id}","imp":[{{"id":"1","banner":{{"w":300,"h":250}}}}],"user":{{{user}}},"site":{{"domain":"a.example"}},"device":{{"ua":"Mozilla/5.0"}}}}"#
    )
}

fn publish(world: &World, version: u64, trial: Option<u32>) {
    let model = Published::untrained(ModelKind::Lr, [0.02, 0.05]).with_version(TRIED);
    let published = TrialModel {
        trial: trial.map(|share_ppm| ModelTrial {
            number: NUMBER,
            version: TRIED,
            share_ppm,
            since_ms: 0,
        }),
        model: trial.map(|_| model.encode()).unwrap_or_default(),
    };
    let snapshots: &dyn SnapshotStore = &world.snapshots;
    snapshots
        .publish(
            bidder::background::TRIAL,
            version,
            &published.encode_to_vec(),
        )
        .unwrap();
}

fn logged(world: &mut World) -> Vec<Bid> {
    let kinds = world.events().into_iter().map(|event| event.kind);
    let bids = kinds.filter_map(|kind| match kind {
        Some(Kind::Bid(bid)) => Some(bid),
        _ => None,
    });
    bids.collect()
}

#[test]
fn a_share_of_the_users_is_bid_for_by_the_tried_model() {
    let mut world = World::new(&["banner-cpc"], Config::default());
    publish(&world, 1, Some(500_000));
    world.second();
    let mut prices: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for id in 0..300 {
        let user = format!("u{}", id % 60);
        let answer = world.bid(&request(&format!(r#""buyeruid":"{user}""#), id));
        let price = answer.unwrap()["seatbid"][0]["bid"][0]["price"].as_f64();
        prices.entry(user).or_default().push(price.unwrap());
    }
    assert!(
        prices
            .values()
            .all(|own| own.iter().all(|price| *price == own[0])),
        "a user stays with a model: {prices:?}"
    );
    let bids = logged(&mut world);
    let tried = bids.iter().filter(|bid| bid.model_version == TRIED).count();
    assert!((90..210).contains(&tried), "{tried} of {}", bids.len());
    for bid in &bids {
        let is_tried = bid.model_version == TRIED;
        let arm = bid.r#ref.as_ref().unwrap().trial_arm;
        assert_eq!(arm, 2 * NUMBER + u32::from(is_tried));
        let rate = if is_tried { 0.02 } else { 0.01 };
        assert!((bid.predicted_ctr - rate).abs() < 1e-4, "{bid:?}");
    }
    publish(&world, 2, None);
    world.second();
    let before = bids.len();
    for id in 0..20 {
        world.bid(&request("", id)).unwrap();
    }
    let after = &logged(&mut world)[before..];
    assert_eq!(after.len(), 20);
    let plain =
        |bid: &Bid| bid.model_version != TRIED && bid.r#ref.as_ref().unwrap().trial_arm == 0;
    assert!(after.iter().all(plain));
}

#[test]
fn a_trial_that_cannot_be_read_leaves_one_model_for_all() {
    let mut world = World::new(&["banner-cpc"], Config::default());
    publish(&world, 1, Some(999_999));
    world.second();
    world.bid(&request("", 1)).unwrap();
    let snapshots: &dyn SnapshotStore = &world.snapshots;
    let damaged = TrialModel {
        trial: Some(ModelTrial {
            share_ppm: 999_999,
            ..ModelTrial::default()
        }),
        model: b"garbage".to_vec(),
    };
    snapshots
        .publish(bidder::background::TRIAL, 2, &damaged.encode_to_vec())
        .unwrap();
    world.second();
    world.bid(&request("", 2)).unwrap();
    let versions: Vec<_> = logged(&mut world)
        .iter()
        .map(|bid| bid.model_version)
        .collect();
    assert_eq!(versions, [TRIED, 0]);
}
