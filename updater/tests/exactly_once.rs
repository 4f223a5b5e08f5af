//! Shuffled, repeated and late events, failing stores and crashes, against a plain model: every total exact, once.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::random::SplitMix64;
use domain::{BidId, CampaignId, Capped, EventId, Micros, Timestamp, UserKey};
use event_log::memory::MemoryLog;
use event_log::{EventLog, Record, Topic};
use prost::Message;
use proto::event::{
    self, BidRef, Billing, Click, IdKind, Impression, Kind, Playback, PlaybackStep, Win,
};
use store::keyed::KeyedStore;
use store::memory::{MemoryKeyed, MemoryReports, MemorySnapshots};
use store::profile::{ProfileSource, Profiles};
use store::report::{ReportFilter, ReportStore};
use updater::totals::Recount;
use updater::{Config, Deps, Updater};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

struct World {
    log: MemoryLog,
    keyed: MemoryKeyed,
    reports: MemoryReports,
    snapshots: MemorySnapshots,
}

impl World {
    fn new() -> Self {
        Self {
            log: MemoryLog::new(1),
            keyed: MemoryKeyed::new(),
            reports: MemoryReports::new(),
            snapshots: MemorySnapshots::new(),
        }
    }

    fn updater(&self) -> Updater {
        let deps = Deps {
            log: Arc::new(self.log.clone()),
            keyed: Arc::new(self.keyed.clone()),
            reports: Arc::new(self.reports.clone()),
            snapshots: Arc::new(self.snapshots.clone()),
        };
        Updater::open(
            deps,
            &Config {
                checkpoint_every_ms: 3,
                ..Config::default()
            },
            NOW,
        )
        .unwrap()
    }

    fn append(&self, topic: Topic, id: EventId, kind: Kind) {
        let event = event::event(id, "test", NOW, kind);
        let record = Record {
            key: vec![1],
            payload: event.encode_to_vec(),
        };
        self.log.append(
            topic,
            vec![record],
            Box::new(|result| assert!(result.is_ok())),
        );
    }

    fn accounts(&self) -> BTreeMap<CampaignId, pacing::Account> {
        let keyed: Arc<dyn KeyedStore> = Arc::new(self.keyed.clone());
        store::state::accounts(keyed.as_ref()).unwrap()
    }
}

fn reference(n: u64) -> BidRef {
    let mut bid = [0; 16];
    bid[..8].copy_from_slice(&n.to_be_bytes());
    BidRef {
        bid_id: bid.to_vec(),
        campaign: n % 3 + 1,
        line_item: n % 5 + 1,
        creative: 1,
        exchange: "x".into(),
        user: vec![u8::try_from(n % 7).unwrap() + 1; 16],
        device: vec![20 + (n % 4) as u8; if n.is_multiple_of(4) { 0 } else { 16 }],
        household: vec![40; if n.is_multiple_of(2) { 0 } else { 16 }],
        bid_at_ms: NOW.0 - 1_000,
        price_cpm_micros: 5_000_000,
        rate: 1_000_000,
        hold_micros: 5_000,
        hold_ms: 60_000,
        ..BidRef::default()
    }
}

fn drain(updater: &mut Updater, rng: &mut SplitMix64, crash: f64) -> bool {
    let mut now = NOW;
    loop {
        now = now.plus_ms(1);
        if rng.chance(crash) {
            return false;
        }
        match updater.step(now, Duration::ZERO) {
            Ok(true) | Err(_) => {}
            Ok(false) => return true,
        }
    }
}

#[derive(Default)]
struct Expected {
    spend: BTreeMap<CampaignId, Micros>,
    impressions: u64,
    clicks: u64,
    wins: u64,
    seen: BTreeSet<EventId>,
    /// Impressions of each object to each user, device and household.
    shown: BTreeMap<(UserKey, Capped), u32>,
}

fn append_random(world: &World, rng: &mut SplitMix64, expected: &mut Expected) {
    for _ in 0..200 {
        let n = rng.below(80);
        let (bid, part) = (reference(n), rng.below(4));
        let id = |kind| event::event_id(BidId::from_slice(&bid.bid_id).unwrap(), kind, b"");
        let campaign = bid.campaign_id();
        match part {
            0 => {
                let id = id(IdKind::Billing);
                let price = 1_000_000 + i64::try_from(n).unwrap() * 1_000;
                if expected.seen.insert(id) {
                    *expected.spend.entry(campaign).or_default() += Micros(price / 1_000);
                }
                let billing = Billing {
                    r#ref: Some(bid),
                    price_cpm_micros: price,
                    price_missing: false,
                    ..Billing::default()
                };
                world.append(Topic::Billing, id, Kind::Billing(billing));
            }
            1 => {
                expected.wins += u64::from(expected.seen.insert(id(IdKind::Win)));
                let win = Win {
                    r#ref: Some(bid.clone()),
                    price_cpm_micros: 1_000_000,
                    ..Win::default()
                };
                world.append(Topic::Billing, id(IdKind::Win), Kind::Win(win));
            }
            2 => {
                let first = expected.seen.insert(id(IdKind::Impression));
                expected.impressions += u64::from(first);
                let objects = [
                    Capped::Campaign(campaign),
                    Capped::LineItem(bid.line_item_id()),
                    Capped::Creative(bid.creative_id()),
                ];
                for key in bid.counted_keys().filter(|_| first) {
                    for object in objects {
                        *expected.shown.entry((key, object)).or_default() += 1;
                    }
                }
                let kind = Kind::Impression(Impression {
                    r#ref: Some(bid.clone()),
                });
                world.append(Topic::UserEvents, id(IdKind::Impression), kind);
            }
            _ => {
                expected.clicks += u64::from(expected.seen.insert(id(IdKind::Click)));
                let kind = Kind::Click(Click {
                    r#ref: Some(bid.clone()),
                });
                world.append(Topic::UserEvents, id(IdKind::Click), kind);
            }
        }
    }
}

fn check(world: &World, expected: &Expected, seed: u64) {
    let accounts = world.accounts();
    let totals = world.reports.totals(&ReportFilter::default()).unwrap();
    for (campaign, spend) in &expected.spend {
        assert_eq!(
            accounts[campaign].spent, *spend,
            "seed {seed}: ledger of {campaign}"
        );
        assert_eq!(
            totals[campaign].spend, *spend,
            "seed {seed}: report of {campaign}"
        );
        let keyed: Arc<dyn KeyedStore> = Arc::new(world.keyed.clone());
        let rows = store::state::ledger_rows(keyed.as_ref(), *campaign, 0, 10_000).unwrap();
        let booked: Micros = rows.iter().map(|row| row.billed).sum();
        assert_eq!(booked, *spend, "seed {seed}: rows of {campaign}");
    }
    let sum = |count: fn(&domain::report::Counters) -> i64| {
        u64::try_from(totals.values().map(count).sum::<i64>()).unwrap()
    };
    assert_eq!(sum(|c| c.impressions), expected.impressions, "seed {seed}");
    let profiles = Profiles::new(Arc::new(world.keyed.clone()));
    for ((key, object), count) in &expected.shown {
        let mut found = Vec::new();
        profiles.read(&[*key], 0, &mut found).unwrap();
        let profile = found[0].take().unwrap();
        let counted = profile.impressions_within(*object, 3_600, NOW);
        assert_eq!(counted, *count, "seed {seed}: {object:?} to {key}");
    }
    assert_eq!(sum(|c| c.clicks), expected.clicks, "seed {seed}");
    assert_eq!(sum(|c| c.wins), expected.wins, "seed {seed}");
}

#[test]
fn totals_are_exact_through_repeats_crashes_and_failing_stores() {
    for seed in 0..60 {
        let mut rng = SplitMix64::new(seed);
        let (world, mut expected) = (World::new(), Expected::default());
        for _ in 0..4 {
            append_random(&world, &mut rng, &mut expected);
            if rng.chance(0.5) {
                world
                    .keyed
                    .fail_commits(u32::try_from(rng.below(3)).unwrap());
            }
            // Crashes at random steps, each followed by a start from what the stores have.
            while !drain(&mut world.updater(), &mut rng, 0.2) {}
        }
        assert!(drain(&mut world.updater(), &mut rng, 0.0));
        check(&world, &expected, seed);
    }
}

#[test]
fn a_segment_is_entered_once_an_hour_for_a_user() {
    const HOUR_MS: i64 = 3_600_000;
    let world = World::new();
    let user = UserKey([9; 16]);
    let enter = |bid: u64, name: &str, at: Timestamp| {
        let reference = BidRef {
            user: user.0.to_vec(),
            advertiser: 5,
            ..reference(bid)
        };
        let entry = event::SegmentEntry {
            r#ref: Some(reference),
            name: name.to_owned(),
        };
        let id = event::segment_event_id(user, 5, name, at);
        let event = event::event(id, "test", at, Kind::Segment(entry));
        let record = Record {
            key: vec![1],
            payload: event.encode_to_vec(),
        };
        let stored = Box::new(|result: Result<_, _>| assert!(result.is_ok()));
        world.log.append(Topic::UserEvents, vec![record], stored);
    };
    let hour = Timestamp(NOW.0.div_euclid(HOUR_MS) * HOUR_MS);
    let within = |minutes: i64| hour.plus_ms(minutes * 60_000);
    enter(1, "shoes", within(1));
    enter(1, "shoes", within(59));
    enter(2, "shoes", within(30));
    enter(2, "hats", within(30));
    let drained = drain(&mut world.updater(), &mut SplitMix64::new(1), 0.0);
    assert!(drained);
    let entered = || {
        let profiles = Profiles::new(Arc::new(world.keyed.clone()));
        let mut found = Vec::new();
        profiles.read(&[user], 0, &mut found).unwrap();
        let own = found.remove(0).unwrap().segments.into_iter();
        own.map(|own| (own.id, own.entered))
            .collect::<BTreeMap<_, _>>()
    };
    let first = BTreeMap::from([
        ("5/hats".to_owned(), within(30)),
        ("5/shoes".to_owned(), within(1)),
    ]);
    assert_eq!(entered(), first, "the repeats of the hour change nothing");
    enter(1, "shoes", within(61));
    assert!(drain(&mut world.updater(), &mut SplitMix64::new(1), 0.0));
    assert_eq!(entered()["5/shoes"], within(61));
}

#[test]
fn playback_reaches_the_reports_by_creative_and_error_code() {
    let world = World::new();
    let play = |n: u64, step: PlaybackStep, error: u32| {
        let bid = reference(n);
        let id = BidId::from_slice(&bid.bid_id).unwrap();
        let id = event::event_id(id, IdKind::Playback, &[step as u8]);
        let playback = Playback {
            r#ref: Some(bid),
            step: step.into(),
            error,
        };
        world.append(Topic::UserEvents, id, Kind::Playback(playback));
    };
    use PlaybackStep as S;
    let whole = [
        S::Start,
        S::FirstQuartile,
        S::Midpoint,
        S::ThirdQuartile,
        S::Complete,
    ];
    whole.into_iter().for_each(|step| play(3, step, 0));
    for (n, step, error) in [
        (3, S::Start, 0),
        (6, S::Start, 0),
        (6, S::Skip, 0),
        (9, S::Error, 402),
        (12, S::Error, 402),
        (4, S::Error, 303),
    ] {
        play(n, step, error);
    }
    assert!(drain(&mut world.updater(), &mut SplitMix64::new(1), 0.0));
    let filter = ReportFilter {
        campaign: Some(reference(3).campaign_id()),
        ..ReportFilter::default()
    };
    let creatives = world.reports.creative_totals(&filter).unwrap();
    let counts = creatives[&reference(3).creative_id()].playback;
    let expected = domain::report::Playback {
        starts: 2,
        first_quartiles: 1,
        midpoints: 1,
        third_quartiles: 1,
        completes: 1,
        skips: 1,
        errors: 2,
    };
    assert_eq!(counts, expected, "a repeated start counts once");
    assert_eq!(
        world.reports.playback_errors(&filter).unwrap(),
        [(402, 2)].into()
    );
    let mut recount = Recount::default();
    let partition = event_log::Partition {
        topic: Topic::UserEvents,
        index: 0,
    };
    for record in world.log.read(partition, 0, usize::MAX).unwrap() {
        recount.add(&record.payload);
    }
    let campaign = reference(3).campaign_id();
    assert_eq!(recount.counters[&campaign].playback, expected);
}

#[test]
fn a_recount_of_the_log_agrees_with_the_ledger() {
    let mut rng = SplitMix64::new(99);
    let (world, mut expected) = (World::new(), Expected::default());
    append_random(&world, &mut rng, &mut expected);
    assert!(drain(&mut world.updater(), &mut rng, 0.0));
    let mut recount = Recount::default();
    for topic in [Topic::Billing, Topic::UserEvents] {
        let partition = event_log::Partition { topic, index: 0 };
        for record in world.log.read(partition, 0, usize::MAX).unwrap() {
            recount.add(&record.payload);
        }
    }
    recount.add(b"not an event");
    for (campaign, spend) in &expected.spend {
        assert_eq!(recount.counters[campaign].spend, *spend);
    }
    assert_eq!(recount.damaged, 1);
    assert_eq!(recount.events, expected.seen.len() as u64);
    assert!(expected.seen.iter().all(|id| recount.contains(*id)));
}
