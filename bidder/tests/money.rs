//! Money over time: holds, leases, stores that fail, several cores, clocks that jump, answers that are late.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bidder::{Call, Config, Reply};
use domain::{Clock, Micros, NoBid, Outcome, Timestamp};
use proto::event::{self, Kind};
use store::budget::Budgets;
use support::{BANNER, NOON, World};

#[test]
fn holds_never_pass_the_budget() {
    // 0.05 units are 25 bids at 2.00 per mille. No notice ever comes, so that is all that may be bid.
    let mut world = World::new(&["small"], Config::default());
    let mut held = Micros::ZERO;
    for _ in 0..60 {
        for _ in 0..10 {
            held += world.bid(BANNER).map_or(Micros::ZERO, |_| Micros(2000));
        }
        world.second();
    }
    assert!(held >= Micros(40_000), "{held:?}");
    assert!(held <= Micros(50_000), "{held:?}");
    let budgets = Budgets::new(Arc::new(world.keyed.clone()), 1000);
    let accounts = budgets.accounts().unwrap();
    let account = accounts.values().next().unwrap();
    assert_eq!(account.held(), held, "every hold has reached the account");
    let logged = world.events();
    let bids = logged
        .iter()
        .filter(|event| matches!(event.kind, Some(Kind::Bid(_))))
        .count();
    assert_eq!(bids as i64 * 2000, held.0);
}

#[test]
fn cores_share_one_lease() {
    let mut world = World::new(
        &["small"],
        Config {
            cores: 3,
            ..Config::default()
        },
    );
    let mut others = [world.bidder.core(1), world.bidder.core(2)];
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..60 {
        for _ in 0..5 {
            let call = world.call("generic");
            for core in others.iter_mut().chain([&mut world.core]) {
                let mut body = BANNER.as_bytes().to_vec();
                let answer = core.decide(&call, &mut body);
                if answer.outcome == Outcome::Bid {
                    let answer: serde_json::Value = serde_json::from_slice(answer.body).unwrap();
                    let id = answer["seatbid"][0]["bid"][0]["id"]
                        .as_str()
                        .unwrap()
                        .to_owned();
                    assert!(ids.insert(id), "no two cores give out one id");
                }
            }
        }
        others
            .iter_mut()
            .for_each(|core| core.flush(world.clock.now()));
        world.second();
    }
    let accounts = Budgets::new(Arc::new(world.keyed.clone()), 1000)
        .accounts()
        .unwrap();
    let held = accounts.values().next().unwrap().held();
    assert_eq!(held, Micros(2000 * ids.len() as i64));
    assert!((40_000..=50_000).contains(&held.0), "{held:?}");
}

#[test]
fn a_wall_clock_that_jumps_back_makes_no_lease_longer() {
    let mut world = World::new(&["banner"], Config::default());
    let money = Arc::clone(&world.bidder.snapshot().unwrap().campaigns[0].money);
    let at_us = world.clock.monotonic_us();
    assert!(money.try_hold(Micros(1), at_us + 9_999_999).is_some());
    assert!(money.try_hold(Micros(1), at_us + 10_000_000).is_none());
    world.clock.set(NOON.plus_ms(3_600_000));
    assert!(
        world.bid(BANNER).is_none(),
        "an hour later the lease has lapsed"
    );
    world.second();
    assert!(world.bid(BANNER).is_some(), "a renewal mends it");
}

#[test]
fn a_store_that_is_away_stops_bids_when_the_lease_lapses() {
    let mut world = World::new(&["banner"], Config::default());
    world.keyed.fail_commits(u32::MAX);
    let (mut last_bid, mut failed) = (0, 0);
    for second in 1..30 {
        let now = NOON.plus_ms(second * 1000);
        world.clock.set(now);
        world.core.flush(now);
        failed += i32::from(world.background.tick(now).is_err());
        if world.bid(BANNER).is_some() {
            last_bid = second;
        }
    }
    assert!(
        last_bid < 10,
        "a lease lasts ten seconds, the last bid came after {last_bid}"
    );
    assert!(failed > 20, "holds are reported until the store takes them");
}

#[test]
fn holds_survive_a_store_that_fails_for_a_while() {
    let mut world = World::new(&["banner"], Config::default());
    assert!(world.bid(BANNER).is_some());
    world.keyed.fail_commits(64);
    world.core.flush(NOON);
    while world.background.tick(NOON).is_err() {}
    world.second();
    let accounts = Budgets::new(Arc::new(world.keyed.clone()), 1000)
        .accounts()
        .unwrap();
    assert_eq!(accounts.values().next().unwrap().held(), Micros(2000));
}

/// A clock whose steady time runs ahead by a step at every reading.
struct Running {
    us: AtomicI64,
    step_us: i64,
}

impl Clock for Running {
    fn now(&self) -> Timestamp {
        NOON
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.us.fetch_add(self.step_us, Ordering::Relaxed)).unwrap()
    }
}

#[test]
fn a_late_answer_is_withheld_and_its_money_goes_back() {
    let ready = World::new(&["banner"], Config::default());
    let World {
        campaigns,
        log,
        keyed,
        keys,
        ..
    } = ready;
    // Every reading is 30 ms after the one before: the answer is ready 90 ms after arrival, 80 ms were given.
    let clock = Arc::new(Running {
        us: AtomicI64::new(0),
        step_us: 30_000,
    });
    let seams = bidder::Seams {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        log: Arc::new(log),
        campaigns: Arc::new(campaigns),
        snapshots: Arc::new(store::memory::MemorySnapshots::new()),
        budgets: Budgets::new(Arc::new(keyed.clone()), 1000),
        profiles: Arc::new(store::profile::Profiles::new(Arc::new(keyed))),
        keys,
        user_secret: [9; 32],
        bidder: [2; 16],
        seed: 1,
    };
    let (late, mut background) = bidder::Bidder::new(Config::default(), seams).unwrap();
    background.refresh(NOON).unwrap();
    background.tick(NOON).unwrap();
    let money = Arc::clone(&late.snapshot().unwrap().campaigns[0].money);
    let before = money.headroom();
    let mut body = BANNER.as_bytes().to_vec();
    let mut core = late.core(0);
    let arrived_us = clock.monotonic_us();
    let answer = core.decide(
        &Call {
            exchange: "generic",
            arrived_us,
            format: proto::openrtb::Format::Json,
        },
        &mut body,
    );
    assert_eq!(
        (answer.outcome, answer.reply),
        (Outcome::NoBid(NoBid::NoTime), Reply::NoContent)
    );
    assert!(before > Micros::ZERO);
    assert_eq!(money.headroom(), before);
}

#[test]
fn a_bid_keeps_the_rate_of_its_time() {
    let euro = domain::Currency::parse("EUR").unwrap();
    let mut world = World::new(&["euro"], Config::default());
    let request = BANNER.replace("\"device\"", "\"cur\":[\"USD\"],\"device\"");
    let mut prices = Vec::new();
    for (day, rate) in [(20_000, 1_200_000), (20_001, 1_500_000)] {
        world
            .bidder
            .set_rates(domain::FxTable::new(day, [(euro, rate)]));
        let answer = world.bid(&request).unwrap();
        prices.push(answer["seatbid"][0]["bid"][0]["price"].as_f64().unwrap());
    }
    world.bidder.set_rates(domain::FxTable::new(20_002, []));
    assert_eq!(world.bid(&request), None, "a currency without a rate");
    assert_eq!(prices, [2.4, 3.0]);
    let events = world.events();
    let references = events.iter().filter_map(event::Event::bid_ref);
    let days: Vec<_> = references.map(|own| (own.rate_day, own.rate)).collect();
    assert_eq!(days, [(20_000, 833_333), (20_001, 666_667)]);
}
