//! The gate between learner and service, and the orders of an operator, over a store.

use super::*;
use ctr_model::{CreativeFeatures, ModelKind, Published, RequestFeatures, RequestHalf, Trainer};
use domain::random::SplitMix64;
use domain::{AdvertiserId, CampaignId, CreativeId, LineItemId};
use prost::Message;
use store::memory::MemorySnapshots;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// Impressions on one of twenty sites, whose click rates differ; `invert` turns the truth around.
struct Traffic {
    rng: SplitMix64,
    examples: Vec<Features>,
}

impl Traffic {
    fn new() -> Self {
        let sites: Vec<String> = (0..20).map(|site| format!("site{site}.example")).collect();
        let creative = CreativeFeatures {
            advertiser: AdvertiserId(1),
            campaign: CampaignId(1),
            line_item: LineItemId(1),
            creative: CreativeId(1),
            format: "banner",
        };
        let of = |site: &String| {
            let request = RequestFeatures {
                site,
                ..RequestFeatures::default()
            };
            RequestHalf::new(&request).with(&creative)
        };
        Self {
            rng: SplitMix64::new(7),
            examples: sites.iter().map(of).collect(),
        }
    }

    fn draw(&mut self, invert: bool) -> (Features, bool) {
        let site = self.rng.below(20);
        let place = if invert { 19 - site } else { site };
        let rate = 0.01 + 0.02 * place as f64;
        let clicked = self.rng.chance(rate);
        (self.examples[site as usize], clicked)
    }
}

/// A learner in front of a service.
struct World {
    snapshots: MemorySnapshots,
    service: Service,
    trainer: Trainer,
    traffic: Traffic,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let snapshots = MemorySnapshots::new();
        let service = Service::open(&snapshots, Tolerance::default()).unwrap();
        Self {
            snapshots,
            service,
            trainer: Trainer::default(),
            traffic: Traffic::new(),
            now: NOW,
        }
    }

    /// Learns from examples whose labels are `noise` with that chance, and offers what was learned.
    fn learn(&mut self, examples: usize, (invert, noise): (bool, f64)) {
        for _ in 0..examples {
            let (features, clicked) = self.traffic.draw(invert);
            let heard = clicked ^ self.traffic.rng.chance(noise);
            let learner = self.trainer.learn_click(&features, heard);
            self.service.observe(&features, learner, clicked);
        }
        self.offer();
    }

    fn offer(&mut self) {
        self.now = self.now.plus_ms(5_000);
        let trainer = &self.trainer;
        let learned = |version| trainer.publish(version, 0).encode();
        self.service
            .offer(&self.snapshots, self.now, &learned)
            .unwrap();
    }

    /// What a bidder would load.
    fn published(&self) -> u64 {
        let loaded = self.snapshots.load(MODEL).unwrap();
        loaded.map_or(0, |(_, bytes)| Model::parse(&bytes).unwrap().version())
    }

    fn kept(&self) -> Vec<u64> {
        let record = self.service.status().registry;
        record.kept.iter().map(|own| own.version).collect()
    }
}

const GOOD: (bool, f64) = (false, 0.0);

#[test]
fn a_learner_that_gets_worse_leaves_the_last_good_model_in_service() {
    let mut world = World::new();
    world.learn(200, GOOD);
    assert_eq!(world.published(), 0, "too few clicks to judge by");
    world.learn(3_000, GOOD);
    let good = world.published();
    assert!(good > 0);
    assert_eq!(world.service.serving(), good);
    world.learn(3_000, GOOD);
    let better = world.published();
    let reference = world.service.status().reference;
    assert!(better > good && reference == good);
    // Labels that are wrong for two in five: what is learned from them predicts worse than what serves.
    world.learn(3_000, (false, 0.4));
    world.learn(3_000, (false, 0.4));
    assert_eq!(
        world.published(),
        reference,
        "what was learned last is no better than what is refused"
    );
    assert!(world.service.status().refusing);
    let (version, bytes) = world.snapshots.load(REFUSED).unwrap().unwrap();
    assert_eq!(Model::parse(&bytes).unwrap().version(), version);
    let found = world.service.bytes(&world.snapshots, version).unwrap();
    assert_eq!(found, Some(bytes));
    // The next refusals are counted only.
    world.offer();
    assert_eq!(world.snapshots.version(REFUSED).unwrap(), Some(version));
    // The labels are right again, and once it has learned that, it serves.
    for _ in 0..40 {
        if world.published() > better {
            break;
        }
        world.learn(3_000, GOOD);
    }
    assert!(world.published() > better, "{:?}", world.service.status());
    assert!(!world.service.status().refusing);
}

#[test]
fn a_roll_back_holds_until_it_is_released_also_over_a_restart() {
    let mut world = World::new();
    world.learn(3_000, GOOD);
    let first = world.published();
    world.learn(3_000, GOOD);
    let second = world.published();
    assert_eq!(
        world.kept(),
        [first],
        "a learner's models are kept every ten minutes"
    );
    let rolled = world.service.roll_back(&world.snapshots, None, world.now);
    assert_eq!(rolled.unwrap(), first);
    assert_eq!(world.published(), first);
    assert_eq!(world.kept(), [first, second], "what left service is kept");
    world.service = Service::open(&world.snapshots, Tolerance::default()).unwrap();
    for _ in 0..3 {
        world.learn(3_000, GOOD);
        assert_eq!(world.published(), first);
    }
    world.service.release(&world.snapshots).unwrap();
    world.offer();
    assert!(world.published() > second);
    let none = world.service.release(&world.snapshots);
    assert!(none.unwrap_err().to_string().contains("nothing is held"));
    let to = world
        .service
        .roll_back(&world.snapshots, Some(second), world.now);
    assert_eq!((to.unwrap(), world.published()), (second, second));
    let unknown = world
        .service
        .roll_back(&world.snapshots, Some(7), world.now);
    assert!(unknown.unwrap_err().to_string().contains("not kept"));
    assert_eq!(world.published(), second);
}

#[test]
fn an_operators_model_serves_once_it_has_passed() {
    let mut world = World::new();
    world.learn(6_000, GOOD);
    let learned = world.published();
    let mut elsewhere = Trainer::parse(&world.trainer.encode(b"")).unwrap().0;
    for _ in 0..30_000 {
        let (features, clicked) = world.traffic.draw(false);
        elsewhere.learn_click(&features, clicked);
    }
    let good = elsewhere.publish(1, 0).encode();
    let bad = Published::untrained(ModelKind::Ffm, [0.5; 2]).encode();
    let garbage = world
        .service
        .take_in(&world.snapshots, b"garbage", world.now);
    assert!(matches!(garbage, Err(OrderError::Refused(_))));
    let refused = world.service.take_in(&world.snapshots, &bad, world.now);
    let refused = refused.unwrap();
    assert!(refused > learned, "{refused} over {learned}");
    world.learn(100, GOOD);
    let status = world.service.status();
    assert_eq!(status.registry.candidate, refused, "still judged");
    world.learn(3_000, GOOD);
    let status = world.service.status();
    assert_eq!((status.registry.candidate, status.registry.held), (0, 0));
    assert!(world.published() != refused && world.kept().contains(&refused));
    // Judging goes on over a restart.
    let taken = world.service.take_in(&world.snapshots, &good, world.now);
    let taken = taken.unwrap();
    world.service = Service::open(&world.snapshots, Tolerance::default()).unwrap();
    world.learn(3_000, GOOD);
    assert_eq!((world.published(), world.service.serving()), (taken, taken));
    let status = world.service.status();
    assert_eq!(status.registry.held, taken);
    let entry = status.registry.kept.iter().find(|own| own.version == taken);
    assert!(entry.unwrap().scores.unwrap().clicks >= 100);
    world.learn(3_000, GOOD);
    assert_eq!(world.published(), taken, "it is held");
}

#[test]
fn trials_are_published_and_ended() {
    let mut world = World::new();
    world.learn(3_000, GOOD);
    let first = world.published();
    world.learn(3_000, GOOD);
    let (service, snapshots) = (&mut world.service, &world.snapshots);
    let trial = |share_ppm, of| (of, share_ppm);
    for share in [0, 1_000_000] {
        let refused = service.begin_trial(snapshots, trial(share, TrialOf::Kept(first)), world.now);
        assert!(matches!(refused, Err(OrderError::Refused(_))));
    }
    let serving = service.serving();
    let same = service.begin_trial(snapshots, trial(5, TrialOf::Kept(serving)), world.now);
    assert!(same.unwrap_err().to_string().contains("serves already"));
    let begun = service
        .begin_trial(snapshots, trial(100_000, TrialOf::Kept(first)), world.now)
        .unwrap();
    assert_eq!((begun.number, begun.version), (1, first));
    let load = || {
        let (_, bytes) = snapshots.load(TRIAL).unwrap().unwrap();
        TrialModel::decode(bytes.as_slice()).unwrap()
    };
    assert_eq!(load().trial, Some(begun));
    assert_eq!(Model::parse(&load().model).unwrap().version(), first);
    let file = Published::untrained(ModelKind::Ffm, [0.1; 2]).encode();
    let next = service
        .begin_trial(snapshots, trial(500_000, TrialOf::File(&file)), world.now)
        .unwrap();
    assert!(next.number == 2 && next.version > serving);
    assert_eq!(Model::parse(&load().model).unwrap().version(), next.version);
    assert_eq!(service.end_trial(snapshots).unwrap(), next);
    assert_eq!(load(), TrialModel::default());
    assert!(service.end_trial(snapshots).is_err());
}
