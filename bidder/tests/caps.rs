//! Frequency caps over several requests, cores and line items, and what tokens say of them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use bidder::Config;
use domain::{FrequencyCap, IdScope, LineItemId, UserKey};
use proto::event::BidRef;
use proto::token::Purpose;
use serde_json::Value;
use store::campaign::CampaignStore;
use store::keyed::KeyedStore;
use store::profile::Shown;
use store::state::StateTxn;
use support::{NOON, World};

fn request(user: &str, household: &str) -> String {
    format!(
        r#"{{"id":"r","imp":[{{"id":"1","banner":{{"w":300,"h":250}}}}],"device":{{"ua":"Mozilla/5.0","ifa":"{user}-d"}},"user":{{"buyeruid":
        "{user}","eids":[{{"source":"homes.example","uids":[{{"id":"{household}","atype":3}}]}}]}}}}"#
    )
}

fn world(names: &[&str]) -> World {
    let config = Config {
        household_sources: vec!["homes.example".to_owned()],
        ..Config::default()
    };
    World::new(names, config)
}

fn token(text: &str) -> &str {
    let token = text.split("t=").nth(1).unwrap();
    token.split(['&', '"']).next().unwrap()
}

/// What the impression's address carries.
fn impression_of(world: &World, answer: &Value) -> BidRef {
    let markup = answer["seatbid"][0]["bid"][0]["adm"].as_str().unwrap();
    let imp = markup.split("/imp?").nth(1).unwrap();
    world.keys.open(token(imp), Purpose::Event).unwrap()
}

/// What the updater does with an impression.
fn show(world: &World, bid: &BidRef) {
    let store = Arc::new(world.keyed.clone()) as Arc<dyn KeyedStore>;
    let mut change = StateTxn::begin(&store, 1000).unwrap();
    let shown = Shown {
        bid: bid.id(),
        campaign: bid.campaign_id(),
        line_item: bid.line_item_id(),
        creative: bid.creative_id(),
    };
    let now = domain::Clock::now(world.clock.as_ref());
    for key in bid.counted_keys() {
        change.profile(key).unwrap().count_impression(&shown, now);
    }
    change.commit().unwrap();
}

#[test]
fn all_cores_count_one_bid() {
    let mut world = world(&["capped-device"]);
    let mut cores = [world.bidder.core(1), world.bidder.core(2)];
    assert!(world.bid(&request("a", "h")).is_some());
    let mut ask = |core: usize| {
        let call = world.call("generic");
        let mut body = request("a", "h").into_bytes();
        cores[core].decide(&call, &mut body).reply == bidder::Reply::Content
    };
    assert_eq!([ask(0), ask(1), ask(0)], [true, false, false]);
}

/// Two bids are allowed: an impression takes the place of its bid, and counts when the hold is long over.
#[test]
fn an_impression_takes_the_place_of_its_bid() {
    for name in [
        "capped",
        "capped-campaign",
        "capped-creative",
        "capped-device",
        "capped-household",
    ] {
        let mut world = world(&[name]);
        let first = world.bid(&request("a", "h")).unwrap();
        show(&world, &impression_of(&world, &first));
        world.second();
        assert!(
            world.bid(&request("a", "h")).is_some(),
            "{name}: it counts once"
        );
        assert!(
            world.bid(&request("a", "h")).is_none(),
            "{name}: two are two"
        );
        world.clock.set(NOON.plus_ms(120_000));
        world.second();
        let third = world.bid(&request("a", "h"));
        show(
            &world,
            &impression_of(
                &world,
                &third.expect("the bid that was not shown no longer counts"),
            ),
        );
        world.clock.set(NOON.plus_ms(600_000));
        world.second();
        assert!(
            world.bid(&request("a", "h")).is_none(),
            "{name}: two were shown"
        );
        let other = world.bid(&request("b", "other"));
        assert!(other.is_some(), "{name}: another id has caps of its own");
        let shared = world.bid(&request("b", "h")).is_some();
        assert_eq!(shared, name != "capped-household", "{name}: b lives with a");
    }
}

#[test]
fn a_campaign_counts_over_its_line_items_and_a_creative_over_campaigns() {
    let mut world = world(&["capped-campaign"]);
    let catalogue = world.campaigns.catalogue().unwrap();
    let mut second = catalogue.line_items[0].clone();
    second.id = LineItemId(0);
    world.campaigns.put_line_item(&second).unwrap();
    world.second();
    let bids = (0..9).filter(|_| world.bid(&request("a", "h")).is_some());
    assert_eq!(bids.count(), 2, "two line items, one campaign");

    let mut creative = catalogue.creatives[0].clone();
    creative.frequency_caps = vec![FrequencyCap {
        impressions: 3,
        window_s: 60,
        per: IdScope::User,
    }];
    world.campaigns.put_creative(&creative).unwrap();
    for name in ["one", "other"] {
        let mut campaign = catalogue.campaigns[0].clone();
        campaign.id = domain::CampaignId(0);
        campaign.name = name.to_owned();
        campaign.frequency_caps = Vec::new();
        second.campaign = world.campaigns.put_campaign(&campaign).unwrap();
        world.campaigns.put_line_item(&second).unwrap();
    }
    world.second();
    let bids = (0..9).filter(|_| world.bid(&request("c", "h")).is_some());
    assert_eq!(
        bids.count(),
        3,
        "four line items, three campaigns, one creative"
    );
}

#[test]
fn tokens_name_device_and_household_only_where_a_cap_counts_for_them() {
    let mut seen = Vec::<UserKey>::new();
    for (name, keys) in [("capped", 1), ("capped-device", 2), ("capped-household", 2)] {
        let mut world = world(&[name]);
        let answer = world.bid(&request("a", "a")).unwrap();
        let bid = impression_of(&world, &answer);
        assert_eq!(bid.counted_keys().count(), keys, "{name}");
        seen.extend(bid.counted_keys().skip(1).chain(bid.user_key()));
        let burl = answer["seatbid"][0]["bid"][0]["burl"].as_str().unwrap();
        let notice = world.keys.open(token(burl), Purpose::Notice).unwrap();
        assert_eq!(notice.counted_keys().count(), 1, "{name}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(
        seen.len(),
        3,
        "one user, one device, one household, none like another"
    );
}

#[test]
fn a_store_that_fails_keeps_capped_line_items_out_and_others_in() {
    let mut world = world(&["capped", "banner"]);
    let bid = world.bid(&request("a", "h")).unwrap();
    let user = impression_of(&world, &bid).user_key().unwrap();
    let store = &world.keyed;
    let mut batch = store::keyed::Batch::default();
    batch.put(store::keyed::Table::Profiles, user.0, vec![0xff; 9]);
    store.commit(batch).unwrap();
    world.second();
    let (_, capped, _) = world.line_items[0].clone();
    for _ in 0..20 {
        let answer = world.bid(&request("a", "h")).unwrap();
        assert_ne!(impression_of(&world, &answer).line_item_id(), capped);
    }
}
