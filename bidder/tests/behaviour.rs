//! What a bidder does over time: pauses, caps, models, records, the same again from the same seed.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use bidder::config::ExchangeConfig;
use bidder::{Config, Reply};
use domain::targeting::Dimension;
use domain::{Cpm, Micros, NoBid, Outcome, Status, UserKey};
use proto::event::Kind;
use proto::token::Purpose;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::keyed::KeyedStore;
use store::snapshot::SnapshotStore;
use support::{BANNER, NOON, World};

const KNOWN: &str =
    r#"{"id":"r","imp":[{"id":"1","banner":{"w":300,"h":250}}],"user":{"buyeruid":"u1"}}"#;

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || {
        let mut world = World::new(&["banner", "banner-rich", "banner-cpc"], Config::default());
        let mut bytes = Vec::new();
        for _ in 0..5 {
            for request in [BANNER, KNOWN] {
                let mut body = request.as_bytes().to_vec();
                bytes.extend_from_slice(world.core.decide(&world.call("generic"), &mut body).body);
            }
            world.second();
        }
        let logged = world.events();
        (bytes, logged)
    };
    let (first, again) = (run(), run());
    assert!(first.0.len() > 1000 && first.1.len() > 10);
    assert_eq!(first, again);
}

#[test]
fn nothing_is_bid_before_everything_is_loaded() {
    let mut world = World::unready(&["banner"], Config::default());
    let refused = |world: &mut World| {
        let mut body = BANNER.as_bytes().to_vec();
        world.core.decide(&world.call("generic"), &mut body).outcome
    };
    assert_eq!(refused(&mut world), Outcome::NoBid(NoBid::NotReady));
    world.background.refresh(NOON).unwrap();
    assert!(!world.bidder.ready(), "budgets are missing");
    assert_eq!(refused(&mut world), Outcome::NoBid(NoBid::NotReady));
    world.background.tick(NOON).unwrap();
    assert!(world.bidder.ready());
    assert_eq!(refused(&mut world), Outcome::Bid);
}

#[test]
fn an_empty_installation_is_ready() {
    assert!(World::new(&[], Config::default()).bidder.ready());
}

#[test]
fn a_pause_works_with_the_next_refresh() {
    let mut world = World::new(&["banner"], Config::default());
    assert!(world.bid(BANNER).is_some());
    let catalogue = world.campaigns.catalogue().unwrap();
    let mut line_item = catalogue.line_items[0].clone();
    line_item.status = Status::Paused;
    world.campaigns.put_line_item(&line_item).unwrap();
    assert!(world.background.refresh(NOON).unwrap());
    assert!(
        !world.background.refresh(NOON).unwrap(),
        "nothing changed since"
    );
    assert!(world.bid(BANNER).is_none());
    world.second();
    let accounts = Budgets::new(Arc::new(world.keyed.clone()), 1000)
        .accounts()
        .unwrap();
    assert_eq!(
        accounts.values().next().unwrap().held(),
        Micros(2000),
        "its holds still count"
    );
}

#[test]
fn models_are_swapped_in_and_bad_ones_are_refused() {
    let mut world = World::new(&["banner-cpc"], Config::default());
    let price = |world: &mut World| {
        let answer = world.bid(BANNER).unwrap();
        answer["seatbid"][0]["bid"][0]["price"].as_f64().unwrap()
    };
    let before = price(&mut world);
    let mut trainer = ctr_model::Trainer::default();
    let logged = world.events();
    let Some(Kind::Bid(bid)) = &logged[0].kind else {
        unreachable!("the first record is the bid")
    };
    let features = ctr_model::Features::from_slice(&bid.features).unwrap();
    for _ in 0..200 {
        trainer.learn_click(&features, true);
    }
    let snapshots: &dyn SnapshotStore = &world.snapshots;
    snapshots
        .publish(
            bidder::background::MODEL,
            7,
            &trainer.publish(7, 0).encode(),
        )
        .unwrap();
    world.second();
    let after = price(&mut world);
    assert!(after > before, "{before} to {after}");
    let snapshots: &dyn SnapshotStore = &world.snapshots;
    snapshots
        .publish(bidder::background::MODEL, 8, b"garbage")
        .unwrap();
    world.second();
    assert_eq!(price(&mut world), after, "the good model stays");
    let mut line_item = world.campaigns.catalogue().unwrap().line_items[0].clone();
    line_item.status = Status::Paused;
    world.campaigns.put_line_item(&line_item).unwrap();
    world.second();
    assert!(
        world.bid(BANNER).is_none(),
        "a bad model does not keep a pause from working"
    );
}

/// Every version of a model that is swapped in while bids are made predicts its own bids again to the last bit, from
/// the features that they logged: nothing is scored by two versions.
#[test]
fn logged_bids_are_predicted_again_to_the_last_bit() {
    let mut world = World::new(&["banner-cpc"], Config::default());
    let mut trainers =
        [ctr_model::ModelKind::Lr, ctr_model::ModelKind::Ffm].map(ctr_model::Trainer::new);
    let mut models = std::collections::BTreeMap::<u64, Vec<u8>>::new();
    let mut checked = 0;
    for version in 1..=12 {
        assert!(world.bid(BANNER).is_some() && world.bid(KNOWN).is_some());
        for event in world.events() {
            let Some(Kind::Bid(bid)) = &event.kind else {
                continue;
            };
            let features = ctr_model::Features::from_slice(&bid.features).unwrap();
            if let Some(file) = models.get(&bid.model_version) {
                let again = ctr_model::Model::parse(file).unwrap().predict(&features);
                let logged = [
                    bid.predicted_ctr,
                    bid.predicted_cvr,
                    bid.raw_ctr,
                    bid.raw_cvr,
                ];
                let again = [again.click, again.conversion, again.raw[0], again.raw[1]];
                assert_eq!(again.map(f32::to_bits), logged.map(f32::to_bits));
                checked += 1;
            }
            for trainer in &mut trainers {
                for at in 0..300 {
                    let served = ctr_model::Served {
                        model: version - 1,
                        raw: [0.01; 2],
                        ..ctr_model::Served::default()
                    };
                    trainer.learn_click(&features, at % 3 == 0);
                    trainer.calibrate_click(&features, &served, at % 3 == 0);
                    let bought = ctr_model::Look::at_last((at % 2 == 0).then_some(60.0));
                    trainer.learn_conversion(&features, bought);
                }
            }
        }
        let trainer = &mut trainers[version as usize % 2];
        trainer.serves(version);
        let file = trainer.publish(version, version - 1).encode();
        let snapshots: &dyn SnapshotStore = &world.snapshots;
        snapshots
            .publish(bidder::background::MODEL, version, &file)
            .unwrap();
        models.insert(version, file);
        world.second();
    }
    assert!(checked >= 22, "{checked}");
}

#[test]
fn caps_count_bids_whose_impressions_are_not_known_yet() {
    let mut world = World::new(&["capped"], Config::default());
    let bids = (0..10).filter(|_| world.bid(KNOWN).is_some()).count();
    assert_eq!(bids, 2);
    let other = KNOWN.replace("u1", "u2");
    assert!(
        world.bid(&other).is_some(),
        "another user has a cap of their own"
    );
    let two = r#"{"id":"r","imp":[{"id":"1","banner":{"w":300,"h":250}},{"id":"2","banner":{"w":300,"h":250}},
        {"id":"3","banner":{"w":300,"h":250}}],"user":{"buyeruid":"u3"}}"#;
    let answer = world.bid(two).unwrap();
    assert_eq!(answer["seatbid"][0]["bid"].as_array().unwrap().len(), 2);
}

#[test]
fn caps_count_impressions_of_the_profile() {
    let mut world = World::new(&["capped"], Config::default());
    let answer = world.bid(KNOWN).unwrap();
    let user = user_of(&world, &answer).unwrap();
    let mut txn = store::state::StateTxn::begin(
        &(Arc::new(world.keyed.clone()) as Arc<dyn KeyedStore>),
        1000,
    )
    .unwrap();
    let (_, line_item, _) = world.line_items[0].clone();
    let profile = txn.profile(user).unwrap();
    let shown = store::profile::Shown {
        bid: domain::BidId([9; 16]),
        campaign: domain::CampaignId(1),
        line_item,
        creative: domain::CreativeId(1),
    };
    profile.count_impression(&shown, NOON);
    profile.count_impression(&shown, NOON);
    txn.commit().unwrap();
    // Two minutes later the bid itself no longer counts, the impressions still do.
    world.clock.set(NOON.plus_ms(119_000));
    world.second();
    assert!(world.bid(KNOWN).is_none());
}

fn user_of(world: &World, answer: &serde_json::Value) -> Option<UserKey> {
    let burl = answer["seatbid"][0]["bid"][0]["burl"].as_str()?;
    let token = burl.split("t=").nth(1)?.split('&').next()?;
    world.keys.open(token, Purpose::Notice).unwrap().user_key()
}

#[test]
fn tokens_say_what_was_bid() {
    let config = Config {
        fee_ppm: 100_000,
        ..Config::default()
    };
    let mut world = World::new(&["euro"], config);
    let answer = world.bid(KNOWN).unwrap();
    let bid = &answer["seatbid"][0]["bid"][0];
    let token = |url: &str| {
        url.split("t=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    let burl = token(bid["burl"].as_str().unwrap());
    let reference = world.keys.open(&burl, Purpose::Notice).unwrap();
    assert_eq!(reference.id().to_string(), bid["id"].as_str().unwrap());
    assert_eq!(reference.price_cpm_micros, 2_200_000);
    assert_eq!(
        (
            reference.currency.as_str(),
            reference.campaign_currency.as_str()
        ),
        ("USD", "EUR")
    );
    assert_eq!(reference.rate, 909_091);
    assert_eq!(
        (reference.hold_ms, reference.quantity, reference.test),
        (60_000, 1, false)
    );
    // 2.2 USD per mille are 2,000.0002 micros of a euro, held as 2,001, and a tenth of that as the fee.
    assert_eq!(reference.hold_micros, 2202);
    assert!(reference.user_key().is_some());
    let adm = bid["adm"].as_str().unwrap();
    let click = adm
        .split("/click?t=")
        .nth(1)
        .unwrap()
        .split(['"', '&'])
        .next()
        .unwrap();
    let click = world.keys.open(click, Purpose::Click).unwrap();
    assert_eq!(
        click.landing,
        "https://shop.example/landing?id=com.shop.app"
    );
}

#[test]
fn a_test_request_moves_no_money_and_counts_nothing() {
    let mut world = World::new(&["banner"], Config::default());
    let request = BANNER.replace(r#""id":"r""#, r#""id":"r","test":1"#);
    let answer = world.bid(&request).unwrap();
    assert!(user_of(&world, &answer).is_none());
    world.second();
    let accounts = Budgets::new(Arc::new(world.keyed.clone()), 1000)
        .accounts()
        .unwrap();
    assert_eq!(accounts.values().next().unwrap().held(), Micros::ZERO);
    let logged = world.events();
    assert_eq!(logged.len(), 1, "the bid alone, no delivery counts");
    assert!(logged[0].bid_ref().unwrap().test);
}

#[test]
fn deliveries_count_eligible_bids_and_refusals() {
    let mut world = World::new(&["banner", "banner-rich"], Config::default());
    assert!(world.bid(BANNER).is_some());
    assert!(
        world
            .bid(&BANNER.replace(r#""h":250"#, r#""h":250,"x":1"#))
            .is_some()
    );
    world.second();
    let mut seen = Vec::new();
    for event in world.events() {
        if let Some(Kind::Delivery(delivery)) = event.kind {
            let refused = delivery
                .refused
                .iter()
                .map(|r| (r.reason.clone(), r.count))
                .collect::<Vec<_>>();
            seen.push((
                delivery.line_item,
                delivery.eligible,
                delivery.bids,
                refused,
            ));
        }
    }
    let ids: Vec<_> = world.line_items.iter().map(|(_, id, _)| id.0).collect();
    let wanted = vec![
        (ids[0], 2, 0, vec![("outbid".to_owned(), 2)]),
        (ids[1], 2, 2, vec![]),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn a_full_log_costs_records_and_nothing_else() {
    let mut world = World::new(&["banner"], Config::default());
    let faults = event_log::memory::Faults {
        refuse_appends: u32::MAX,
        keep_refused: false,
    };
    world.log.set_faults(faults);
    assert!(world.bid(BANNER).is_some());
    assert!(world.events().is_empty());
}

#[test]
fn pacing_lowers_bids_of_a_campaign_that_spends_too_fast() {
    let mut world = World::new(&["banner"], Config::default());
    let catalogue = world.campaigns.catalogue().unwrap();
    let mut campaign = catalogue.campaigns[0].clone();
    (campaign.plan, campaign.budget) = (domain::Plan::Even, Micros::from_units(1));
    world.campaigns.put_campaign(&campaign).unwrap();
    world.second();
    let mut prices = Vec::new();
    for _ in 0..20 {
        for _ in 0..50 {
            let answer = world.bid(BANNER);
            prices.extend(answer.and_then(|a| a["seatbid"][0]["bid"][0]["price"].as_f64()));
        }
        world.second();
    }
    let (first, last) = (prices[0], prices[prices.len() - 1]);
    assert!(last < first / 2.0, "from {first} to {last}");
}

#[test]
fn cut_and_flipped_requests_never_panic() {
    let names = ["banner", "any-deal", "script", "video", "audio", "native"];
    let mut config = Config::default();
    config
        .exchanges
        .insert("x".into(), ExchangeConfig::default());
    let mut world = World::new(&names, config);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bid");
    let mut bids = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let case: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let bytes = serde_json::to_vec(&case["request"]).unwrap();
        // Every prefix and every flipped byte: nothing may panic or cost more than a refusal.
        for cut in 0..bytes.len() {
            let mut body = bytes[..cut].to_vec();
            let answer = world.core.decide(&world.call("x"), &mut body);
            assert!(matches!(answer.reply, Reply::BadRequest), "{cut}");
            let mut body = bytes.clone();
            body[cut] ^= 0x04;
            let answer = world.core.decide(&world.call("x"), &mut body);
            bids += usize::from(answer.outcome == Outcome::Bid);
        }
        world.second();
    }
    assert!(
        bids > 100,
        "most flipped bytes change nothing that matters: {bids}"
    );
}

#[test]
fn swaps_between_reports_lose_no_count() {
    let mut world = World::new(&["banner", "german", "video"], Config::default());
    let line_item = world.campaigns.catalogue().unwrap().line_items[1].clone();
    let mut bids = 0;
    for turn in 0..40 {
        bids += i64::from(world.bid(BANNER).is_some());
        // Changes follow each other faster than reports, and reports faster than their steps.
        if turn % 3 == 0 {
            world.campaigns.put_line_item(&line_item).unwrap();
            assert!(world.background.refresh(NOON).unwrap());
        }
        match turn % 5 {
            0 => world.core.report(),
            1 | 2 => {
                world.core.flush_step(NOON);
            }
            _ => {}
        }
    }
    world.core.flush(NOON);
    let counted = world.events().into_iter().filter_map(|event| {
        let Some(Kind::Delivery(delivery)) = event.kind else {
            return None;
        };
        Some((delivery.bids, delivery.eligible))
    });
    let counted = counted.fold((0, 0), |sums, more| (sums.0 + more.0, sums.1 + more.1));
    // Targeting lets the video pass as well; the slot refuses it.
    assert_eq!((bids, counted), (40, (40, 80)));
}

#[test]
fn a_snapshot_takes_over_only_what_stayed_as_it_was() {
    let mut world = World::new(&["banner", "banner-cpc"], Config::default());
    let mut before = world.bidder.snapshot().unwrap();
    // Whether the index and both markups are the last snapshot's.
    let mut shared = |world: &mut World| {
        assert!(world.background.refresh(NOON).unwrap());
        let now = world.bidder.snapshot().unwrap();
        let pairs = before.items.iter().zip(&now.items);
        let same = pairs.map(|(a, b)| Arc::ptr_eq(&a.ads[0].markup, &b.ads[0].markup));
        let found = (Arc::ptr_eq(&before.index, &now.index), same.collect());
        before = now;
        found
    };
    let catalogue = world.campaigns.catalogue().unwrap();
    let mut line_item = catalogue.line_items[0].clone();
    line_item.max_bid = Cpm(Micros(line_item.max_bid.0.0 + 1));
    world.campaigns.put_line_item(&line_item).unwrap();
    assert_eq!(shared(&mut world), (true, vec![true, true]));
    let mut creative = catalogue.creatives[1].clone();
    creative.click_url = "https://other.example/".to_owned();
    world.campaigns.put_creative(&creative).unwrap();
    assert_eq!(shared(&mut world), (true, vec![true, false]));
    line_item.targeting.include(Dimension::Countries, ["BRA"]);
    world.campaigns.put_line_item(&line_item).unwrap();
    assert_eq!(shared(&mut world), (false, vec![true, true]));
    line_item.status = Status::Paused;
    world.campaigns.put_line_item(&line_item).unwrap();
    let (index, _): (bool, Vec<bool>) = shared(&mut world);
    assert!(!index, "positions have moved");
    let last = world.bidder.snapshot().unwrap();
    assert_eq!(last.items.len(), 1);
    assert_eq!(*last.items[0].ads[0].creative, creative);
}
