//! Caps against a plain model: random bids, impressions, old copies of profiles and holds that run out.

use std::collections::BTreeMap;

use domain::random::SplitMix64;
use domain::{CampaignId, CreativeId, LineItemId};
use store::profile::Shown;

use super::*;

const START: Timestamp = Timestamp(1_700_000_000_000);

fn cap(impressions: u32, window_s: u32, per: IdScope) -> FrequencyCap {
    FrequencyCap {
        impressions,
        window_s,
        per,
    }
}

fn person(key: u8, profile: Profile) -> Person {
    Person {
        key: UserKey([key; 16]),
        profile: Arc::new(profile),
    }
}

#[test]
fn every_window_of_every_object_must_have_room() {
    let recent = Provisional::new(1 << 16);
    let (mut people, mut profile) = (People::default(), Profile::default());
    let caps = [cap(2, 60, IdScope::User), cap(3, 3600, IdScope::User)];
    let own: Vec<Limit> = limits(Capped::LineItem(LineItemId(1)), &caps).collect();
    assert_eq!(
        own.len(),
        1,
        "caps of one object and scope are counted together"
    );
    let check = |people: &People, now| {
        let counting = Counting {
            people,
            recent: &recent,
            now,
        };
        counting.check(&own)
    };
    assert_eq!(check(&people, START), Err(Reject::UnknownUser));
    for (second, expected) in [(0, Ok(())), (100, Ok(())), (130, Err(Reject::FrequencyCap))] {
        let shown = Shown {
            bid: BidId([second as u8; 16]),
            campaign: CampaignId(1),
            line_item: LineItemId(1),
            creative: CreativeId(1),
        };
        let now = START.plus_ms(second * 1000);
        profile.count_impression(&shown, now);
        people.set(IdScope::User, person(1, profile.clone()));
        assert_eq!(check(&people, now), expected, "{second}");
    }
    assert_eq!(
        check(&people, START.plus_ms(161_000)),
        Err(Reject::FrequencyCap),
        "three in the hour"
    );
    assert_eq!(check(&people, START.plus_ms(3_601_000)), Ok(()));
}

#[test]
fn a_missing_id_refuses_and_reserves_nothing() {
    let recent = Provisional::new(1 << 16);
    let mut people = People::default();
    people.set(IdScope::User, person(1, Profile::default()));
    let caps = [cap(1, 60, IdScope::User), cap(1, 60, IdScope::Household)];
    let own: Vec<Limit> = limits(Capped::Campaign(CampaignId(1)), &caps).collect();
    let counting = Counting {
        people: &people,
        recent: &recent,
        now: START,
    };
    assert_eq!(counting.reserve(&own, 60_000), Err(Reject::UnknownUser));
    assert_eq!(counting.check(&own[..1]), Ok(()));
    assert_eq!(counting.reserve(&own[..1], 60_000), Ok(()));
    assert_eq!(
        counting.reserve(&own[..1], 60_000),
        Err(Reject::FrequencyCap)
    );
    counting.release(&own[..1]);
    assert_eq!(counting.check(&own[..1]), Ok(()));
}

/// A bid of the model: what it was for and what became of it.
struct Made {
    shown: Shown,
    keys: [UserKey; 3],
    hold_ends: Timestamp,
    seen_at: Option<Timestamp>,
}

struct Model {
    bids: Vec<Made>,
    /// As the store has them, and as a core read them some time before.
    fresh: BTreeMap<UserKey, Profile>,
    stale: BTreeMap<UserKey, Profile>,
    copied_at: Timestamp,
}

impl Model {
    fn people(&self, keys: [UserKey; 3], stale: bool) -> People {
        let from = if stale { &self.stale } else { &self.fresh };
        let mut people = People::default();
        for (scope, key) in IdScope::ALL.into_iter().zip(keys) {
            let profile = Arc::new(from.get(&key).cloned().unwrap_or_default());
            people.set(scope, Person { key, profile });
        }
        people
    }

    /// Whether one more bid keeps a limit, counting each bid once: open, or seen within the window. Bids of whole
    /// seconds count a little longer than their hold, by `slack_ms` at most.
    fn room(&self, limit: &Limit, keys: [UserKey; 3], (now, slack_ms): (Timestamp, i64)) -> bool {
        let of = self.bids.iter().filter(|bid| {
            bid.keys[limit.per as usize] == keys[limit.per as usize]
                && bid.shown.objects().contains(&limit.object)
        });
        limit.caps.iter().all(|cap| {
            let since = now.0.div_euclid(1000) - i64::from(cap.window_s);
            let counted = of.clone().filter(|bid| match bid.seen_at {
                Some(at) => at.0.div_euclid(1000) > since,
                None => bid.hold_ends.plus_ms(slack_ms) > now,
            });
            (counted.count() as u32) < cap.impressions
        })
    }
}

fn catalogue() -> Vec<(Shown, Vec<Limit>)> {
    let ad = |line_item: u64, creative: u64| Shown {
        bid: BidId::default(),
        campaign: CampaignId(1 + line_item % 2),
        line_item: LineItemId(line_item),
        creative: CreativeId(creative),
    };
    let caps = |shown: &Shown| {
        let household = [cap(6, 600, IdScope::Household), cap(4, 90, IdScope::User)];
        let own = [
            cap(2, 60, IdScope::User),
            cap(3, 300, IdScope::User),
            cap(3, 120, IdScope::Device),
        ];
        let mut all: Vec<Limit> = limits(Capped::Campaign(shown.campaign), &household).collect();
        all.extend(limits(Capped::LineItem(shown.line_item), &own));
        all.extend(limits(
            Capped::Creative(shown.creative),
            &[cap(4, 200, IdScope::Device)],
        ));
        all
    };
    let ads = [(1, 1), (2, 1), (3, 2)].map(|(line_item, creative)| ad(line_item, creative));
    ads.iter().map(|shown| (*shown, caps(shown))).collect()
}

/// With an old copy of the profiles a bid is never allowed that the model refuses; with a new one both agree.
#[test]
fn decisions_agree_with_a_plain_model() {
    let (mut allowed, mut refused) = (0, 0);
    for seed in 0..60 {
        let mut rng = SplitMix64::new(seed);
        let (catalogue, recent) = (catalogue(), Provisional::new(1 << 20));
        let mut model = Model {
            bids: Vec::new(),
            fresh: BTreeMap::new(),
            stale: BTreeMap::new(),
            copied_at: START,
        };
        let mut now = START;
        for turn in 0..600_u64 {
            let step = [0, 200, 8_000][rng.below(3) as usize];
            now = now.plus_ms(rng.below(1 + step) as i64);
            // No core's copy is older than the time within which impressions count everywhere.
            if now.since(model.copied_at) >= PROFILE_LAG_MS || rng.chance(0.1) {
                (model.stale, model.copied_at) = (model.fresh.clone(), now);
            }
            match rng.below(3) {
                0 => impression(&mut model, &mut rng, now),
                _ => {
                    let (shown, limits) = &catalogue[rng.below(3) as usize];
                    let user = rng.below(3) as u8;
                    let keys = [1 + user, 10 + user / 2, 20].map(|key| UserKey([key; 16]));
                    let stale = rng.chance(0.3);
                    let people = model.people(keys, stale);
                    let counting = Counting {
                        people: &people,
                        recent: &recent,
                        now,
                    };
                    let room = |slack_ms| {
                        let one = |limit| model.room(limit, keys, (now, slack_ms));
                        limits.iter().all(one)
                    };
                    let (must, may) = (room(PROFILE_LAG_MS + 1000), room(0));
                    let decided = counting.reserve(limits, 20_000);
                    assert!(may || decided.is_err(), "{seed}/{turn}: too little");
                    let refuses_well = stale || decided.is_ok() || !must;
                    assert!(refuses_well, "{seed}/{turn}: too much");
                    if decided.is_err() {
                        refused += 1;
                    } else if rng.chance(0.1) {
                        counting.release(limits);
                    } else {
                        allowed += 1;
                        let bid = BidId(
                            [seed.to_be_bytes(), turn.to_be_bytes()]
                                .concat()
                                .try_into()
                                .unwrap(),
                        );
                        counting.confirm(limits, bid);
                        let hold_ends = now.plus_ms(20_000);
                        let shown = Shown { bid, ..*shown };
                        model.bids.push(Made {
                            shown,
                            keys,
                            hold_ends,
                            seen_at: None,
                        });
                    }
                }
            }
        }
    }
    assert!(
        allowed > 1_000 && refused > 3_000,
        "{allowed} allowed, {refused} refused"
    );
}

/// An open bid becomes an impression, in the store at once.
fn impression(model: &mut Model, rng: &mut SplitMix64, now: Timestamp) {
    let open = model
        .bids
        .iter_mut()
        .filter(|bid| bid.seen_at.is_none() && bid.hold_ends > now);
    let mut open: Vec<&mut Made> = open.collect();
    if open.is_empty() {
        return;
    }
    let at = rng.below(open.len() as u64) as usize;
    let bid = &mut open[at];
    bid.seen_at = Some(now);
    for key in bid.keys {
        model
            .fresh
            .entry(key)
            .or_default()
            .count_impression(&bid.shown, now);
    }
}
