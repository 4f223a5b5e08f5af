//! Tests of which leases are renewed when.

use domain::{
    AdvertiserId, BidModel, Campaign, Catalogue, Cpm, Creative, CreativeFormat, CreativeId,
    Currency, Goal, LineItem, LineItemId, Plan, Status,
};
use pacing::Resolved;

use super::*;
use crate::money::{HoldPlace, HoldSum};
use crate::snapshot::Ingredients;

const TERMS: Terms = Terms {
    hold_ms: 60_000,
    share_ppm: 100_000,
    fee_ppm: 0,
};

fn creative() -> Creative {
    Creative {
        id: CreativeId(1),
        advertiser: AdvertiserId(1),
        name: String::new(),
        status: Status::Active,
        format: CreativeFormat::Banner {
            width: 1,
            height: 1,
            markup: domain::creative::BannerMarkup::Html {
                html: String::new(),
            },
        },
        click_url: String::new(),
        adomain: String::new(),
        categories: Vec::new(),
        attributes: Vec::new(),
        frequency_caps: Vec::new(),
        language: None,
        app_store: None,
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Default::default(),
        approvals: Default::default(),
    }
}

fn snapshot(count: u64, budget: Micros) -> Snapshot {
    let campaigns = (1..=count).map(|id| Campaign {
        id: CampaignId(id),
        advertiser: AdvertiserId(1),
        name: String::new(),
        status: Status::Active,
        currency: Currency::USD,
        budget,
        daily_budget: None,
        flight_start: Timestamp(0),
        flight_end: Timestamp(1_000_000),
        plan: Plan::Even,
        goal: Goal::Clicks,
        frequency_caps: Vec::new(),
    });
    let line_items = (1..=count).map(|id| LineItem {
        id: LineItemId(id),
        campaign: CampaignId(id),
        name: String::new(),
        status: Status::Active,
        bid: BidModel::Cpm(Cpm(Micros(1_000_000))),
        max_bid: Cpm(Micros(1_000_000)),
        targeting: Default::default(),
        frequency_caps: Vec::new(),
        deals: Default::default(),
        creatives: vec![CreativeId(1)],
        rotation: Default::default(),
        roadblock: false,
        authorized_sellers: false,
    });
    let catalogue = Catalogue {
        revision: 1,
        campaigns: campaigns.collect(),
        line_items: line_items.collect(),
        creatives: vec![creative()],
        ..Catalogue::default()
    };
    let ingredients = Ingredients {
        trial: None,
        model: Arc::new(ctr_model::Model::untrained()),
        money: &mut BTreeMap::new(),
        public_url: "https://pixel.example",
        exchanges: &[],
        now: Timestamp(0),
        last: None,
    };
    Snapshot::build(catalogue, ingredients)
}

fn grant(added: i64, now: Timestamp) -> Grant {
    Grant {
        added: Micros(added),
        lapsed: false,
        full_holds: true,
        expires_at: now.plus_ms(10_000),
        left: Micros(1_000_000),
        left_total: Micros(1_000_000),
        spent: Micros::ZERO,
        exposed: Micros::ZERO,
        resolved: Resolved::default(),
        unresolved: Resolved::default(),
        bidders: 1,
    }
}

/// Steers, asks and has everything granted; which campaigns were asked for.
fn beat(leases: &mut Leases, added: i64, now: Timestamp) -> Vec<u64> {
    leases.steer(now);
    let due = leases.due([1; 16], now);
    let grants: Vec<_> = due
        .iter()
        .map(|(id, ..)| (*id, grant(added, now)))
        .collect();
    leases.granted(&grants, (now, 0));
    grants.iter().map(|(id, _)| id.0).collect()
}

fn bid(campaign: u64) -> CoreReport {
    let place = HoldPlace {
        campaign: CampaignId(campaign),
        exchange: 0,
        hold_ms: 60_000,
        second: 0,
    };
    let sum = HoldSum {
        amount: Micros(10),
        bid: Micros(10),
    };
    CoreReport {
        holds: vec![(place, sum)],
        ..CoreReport::default()
    }
}

#[test]
fn idle_leases_are_renewed_in_time_and_spread() {
    let mut leases = Leases::default();
    leases.follow(&snapshot(1_000, Micros(1_000_000)), TERMS);
    let (mut renewed, mut most) = (BTreeMap::<u64, Timestamp>::new(), 0);
    for beat_at in 0..100 {
        let now = Timestamp(beat_at * 400);
        let asked = beat(&mut leases, 5_000, now);
        for id in &asked {
            if let Some(before) = renewed.insert(*id, now) {
                let rest = now.since(before);
                assert!((RENEW_MS..=5_200).contains(&rest), "{id} after {rest} ms");
            }
        }
        if beat_at > 0 {
            most = most.max(asked.len());
        }
    }
    assert_eq!(renewed.len(), 1_000);
    assert!(most < 700, "{most} renewals at once");
}

#[test]
fn what_was_bid_is_reported_at_once_and_kept_until_it_is_taken() {
    let exchanges = ["x".to_owned()];
    let mut leases = Leases::default();
    leases.follow(&snapshot(3, Micros(1_000_000)), TERMS);
    beat(&mut leases, 5_000, Timestamp(0));
    let now = Timestamp(400);
    leases.take(bid(2), &exchanges);
    leases.take(bid(2), &exchanges);
    for _ in 0..2 {
        let due = leases.due([1; 16], now);
        let [(CampaignId(2), _, request)] = due.as_slice() else {
            panic!("{due:?}");
        };
        let placed: Vec<_> = request.placed.iter().map(|hold| hold.amount).collect();
        assert_eq!(placed, [Micros(20)]);
        leases.failed(due);
    }
    assert_eq!(beat(&mut leases, 0, now), [2]);
    assert_eq!(beat(&mut leases, 0, now), [0; 0]);
    // A campaign that has left the snapshot still reports, but asks for nothing more.
    leases.follow(&snapshot(1, Micros(1_000_000)), TERMS);
    leases.take(bid(3), &exchanges);
    let due = leases.due([1; 16], now);
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].0, due[0].2.wanted), (CampaignId(3), Micros::ZERO));
}

#[test]
fn starved_and_changed_campaigns_do_not_wait() {
    let mut leases = Leases::default();
    leases.follow(&snapshot(2, Micros(1_000_000)), TERMS);
    assert_eq!(beat(&mut leases, 10, Timestamp(0)), [1, 2]);
    assert_eq!(beat(&mut leases, 10, Timestamp(400)), [0; 0]);
    let asked = beat(&mut leases, 5_000, Timestamp(1_000));
    assert_eq!(asked, [1, 2], "no bid fits the lease");
    assert_eq!(beat(&mut leases, 0, Timestamp(2_000)), [0; 0]);
    leases.follow(&snapshot(2, Micros(2_000_000)), TERMS);
    assert_eq!(beat(&mut leases, 0, Timestamp(2_001)), [1, 2]);
    // A clock that went back is not waited for.
    assert_eq!(beat(&mut leases, 0, Timestamp(1_500)), [1, 2]);
}
