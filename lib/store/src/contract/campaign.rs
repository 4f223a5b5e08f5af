//! What the campaign store promises.

use domain::campaign::Deals;
use domain::creative::{AppStore, BannerMarkup};
use domain::targeting::{Dimension, Expression, Modifier};
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Catalogue, Cpm, Creative,
    CreativeFormat, CreativeId, Currency, FrequencyCap, Goal, IdScope, LineItem, LineItemId,
    Micros, Plan, Status, Targeting, Timestamp,
};

use crate::StoreError;
use crate::campaign::CampaignStore;

/// Checks every documented promise.
pub fn campaign_store<S: CampaignStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    assert_eq!(
        store.catalogue().unwrap(),
        Catalogue {
            revision: store.revision().unwrap(),
            ..Catalogue::default()
        }
    );
    let expected = creates(&store);
    let expected = replaces(&store, expected);
    unknown_objects_are_refused(&store);
    broken_objects_are_refused(&store);
    assert_eq!(
        store.catalogue().unwrap(),
        expected,
        "a refused change changes nothing"
    );
    let store = reopen(store);
    assert_eq!(
        store.catalogue().unwrap(),
        expected,
        "changes outlive the process"
    );
    assert_eq!(store.revision().unwrap(), expected.revision);
    let id = store.put_advertiser(&advertiser()).unwrap();
    assert_eq!(id, AdvertiserId(3), "ids go on after a restart");
    many_threads_change_it(&store);
}

fn advertiser() -> Advertiser {
    Advertiser {
        id: AdvertiserId(0),
        name: "Émile & Söhne".to_owned(),
        domain: "example.com".to_owned(),
    }
}

fn campaign() -> Campaign {
    Campaign {
        id: CampaignId(0),
        advertiser: AdvertiserId(1),
        name: "Spring".to_owned(),
        status: Status::Draft,
        currency: Currency::USD,
        budget: Micros::from_units(999_999_999),
        daily_budget: Some(Micros(1)),
        flight_start: Timestamp(1),
        flight_end: Timestamp(4_000_000_000_000),
        plan: Plan::Traffic,
        goal: Goal::Conversions,
        frequency_caps: vec![FrequencyCap {
            impressions: 3,
            window_s: 3600,
            per: IdScope::Household,
        }],
    }
}

fn creative() -> Creative {
    let html = "<a href='{CLICK_URL}'>\"it's\" ✓</a>".to_owned();
    Creative {
        id: CreativeId(0),
        advertiser: AdvertiserId(1),
        name: "Box".to_owned(),
        status: Status::Active,
        format: CreativeFormat::Banner {
            width: 300,
            height: 250,
            markup: BannerMarkup::Html { html },
        },
        click_url: "https://example.com/?a=b".to_owned(),
        adomain: "example.com".to_owned(),
        categories: vec!["IAB3-1".to_owned()],
        attributes: vec![1, 13],
        language: Some("de".to_owned()),
        app_store: Some(AppStore {
            item: 525_463_029,
            campaign: None,
            source_identifier: Some(4321),
        }),
        frequency_caps: vec![FrequencyCap {
            impressions: 3,
            window_s: 3600,
            per: IdScope::Device,
        }],
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Default::default(),
        approvals: Default::default(),
    }
}

fn line_item() -> LineItem {
    let mut targeting = Targeting::default();
    targeting.include(Dimension::Countries, ["DEU", "USA"]);
    targeting.exclude(Dimension::Devices, ["out_of_home"]);
    targeting.include(Dimension::Sizes, ["300x250"]);
    targeting.include(Dimension::Hours, (0..168).map(|hour: u8| hour.to_string()));
    targeting.groups = Some(Box::new(Expression::Not(Box::new(Expression::Is(
        Dimension::Keywords,
        ["war"].into_iter().collect(),
    )))));
    targeting.modifiers.push(Modifier {
        dimension: Dimension::Os,
        value: "ios".into(),
        factor_ppm: 1_500_000,
    });
    LineItem {
        id: LineItemId(0),
        campaign: CampaignId(1),
        name: "Phones".to_owned(),
        status: Status::Active,
        bid: BidModel::Cpc(Micros(500_000)),
        max_bid: Cpm(Micros::from_units(9)),
        targeting,
        frequency_caps: vec![FrequencyCap {
            impressions: 3,
            window_s: 86_400,
            per: IdScope::User,
        }],
        deals: Deals::Only(vec!["deal 1".to_owned()]),
        creatives: vec![CreativeId(2), CreativeId(1)],
        rotation: Default::default(),
        roadblock: false,
        authorized_sellers: false,
    }
}

/// Two of each kind; returns what the catalogue must hold.
fn creates(store: &impl CampaignStore) -> Catalogue {
    let mut expected = Catalogue::default();
    let mut last = store.revision().unwrap();
    let mut grew = || {
        let revision = store.revision().unwrap();
        assert!(revision > last, "every change raises the revision");
        last = revision;
        revision
    };
    for id in 1..=2 {
        assert_eq!(
            store.put_advertiser(&advertiser()).unwrap(),
            AdvertiserId(id)
        );
        grew();
        assert_eq!(store.put_campaign(&campaign()).unwrap(), CampaignId(id));
        grew();
        assert_eq!(store.put_creative(&creative()).unwrap(), CreativeId(id));
        grew();
        expected.advertisers.push(Advertiser {
            id: AdvertiserId(id),
            ..advertiser()
        });
        expected.campaigns.push(Campaign {
            id: CampaignId(id),
            ..campaign()
        });
        expected.creatives.push(Creative {
            id: CreativeId(id),
            ..creative()
        });
    }
    for id in 1..=2 {
        assert_eq!(store.put_line_item(&line_item()).unwrap(), LineItemId(id));
        expected.revision = grew();
        expected.line_items.push(LineItem {
            id: LineItemId(id),
            ..line_item()
        });
    }
    assert_eq!(store.catalogue().unwrap(), expected);
    expected
}

fn replaces(store: &impl CampaignStore, mut expected: Catalogue) -> Catalogue {
    expected.advertisers[0].name = "Renamed".to_owned();
    expected.campaigns[0].status = Status::Paused;
    expected.campaigns[0].daily_budget = None;
    expected.campaigns[0].advertiser = AdvertiserId(2);
    expected.line_items[1].creatives = vec![CreativeId(1)];
    expected.line_items[1].deals = Deals::OpenAndAnyDeal;
    expected.creatives[1].language = None;
    assert_eq!(
        store.put_advertiser(&expected.advertisers[0]).unwrap(),
        AdvertiserId(1)
    );
    assert_eq!(
        store.put_campaign(&expected.campaigns[0]).unwrap(),
        CampaignId(1)
    );
    assert_eq!(
        store.put_line_item(&expected.line_items[1]).unwrap(),
        LineItemId(2)
    );
    assert_eq!(
        store.put_creative(&expected.creatives[1]).unwrap(),
        CreativeId(2)
    );
    assert_eq!(
        store.revision().unwrap(),
        expected.revision + 4,
        "one for each change"
    );
    expected.revision += 4;
    assert_eq!(store.catalogue().unwrap(), expected);
    expected
}

fn unknown_objects_are_refused(store: &impl CampaignStore) {
    for id in [99, u64::MAX] {
        let not_found = |what| StoreError::NotFound { what, id };
        let (no_advertiser, no_campaign) = (AdvertiserId(id), CampaignId(id));
        let unknown = Advertiser {
            id: no_advertiser,
            ..advertiser()
        };
        assert_eq!(store.put_advertiser(&unknown), Err(not_found("advertiser")));
        let unknown = Campaign {
            id: no_campaign,
            ..campaign()
        };
        assert_eq!(store.put_campaign(&unknown), Err(not_found("campaign")));
        let orphan = Campaign {
            advertiser: no_advertiser,
            ..campaign()
        };
        assert_eq!(store.put_campaign(&orphan), Err(not_found("advertiser")));
        let unknown = Creative {
            id: CreativeId(id),
            ..creative()
        };
        assert_eq!(store.put_creative(&unknown), Err(not_found("creative")));
        let orphan = Creative {
            advertiser: no_advertiser,
            ..creative()
        };
        assert_eq!(store.put_creative(&orphan), Err(not_found("advertiser")));
        let unknown = LineItem {
            id: LineItemId(id),
            ..line_item()
        };
        assert_eq!(store.put_line_item(&unknown), Err(not_found("line item")));
        let orphan = LineItem {
            campaign: no_campaign,
            ..line_item()
        };
        assert_eq!(store.put_line_item(&orphan), Err(not_found("campaign")));
        let bare = LineItem {
            creatives: vec![CreativeId(1), CreativeId(id)],
            ..line_item()
        };
        assert_eq!(store.put_line_item(&bare), Err(not_found("creative")));
    }
}

fn broken_objects_are_refused(store: &impl CampaignStore) {
    let invalid = |result: Result<u64, StoreError>, what: &str| match result {
        Err(StoreError::Invalid { field, .. }) => assert_eq!(field, what),
        other => assert!(other.is_err(), "a broken {what} was stored"),
    };
    let nameless = Advertiser {
        name: String::new(),
        ..advertiser()
    };
    invalid(store.put_advertiser(&nameless).map(|id| id.0), "advertiser");
    let free = Campaign {
        budget: Micros::ZERO,
        ..campaign()
    };
    invalid(store.put_campaign(&free).map(|id| id.0), "campaign");
    let free = LineItem {
        max_bid: Cpm::ZERO,
        ..line_item()
    };
    invalid(store.put_line_item(&free).map(|id| id.0), "line item");
    let unlinked = Creative {
        click_url: "example.com".to_owned(),
        ..creative()
    };
    invalid(store.put_creative(&unlinked).map(|id| id.0), "creative");
}

/// Four threads create at once while a fifth reads: no id twice, no revision lost, every copy consistent.
fn many_threads_change_it(store: &impl CampaignStore) {
    const THREADS: usize = 4;
    const EACH: usize = 10;
    let before = store.catalogue().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    store.put_advertiser(&advertiser()).unwrap();
                }
            });
        }
        for _ in 0..EACH {
            let seen = store.catalogue().unwrap();
            let created = seen.advertisers.len() - before.advertisers.len();
            assert_eq!(
                seen.revision,
                before.revision + created as u64,
                "a copy is of one revision"
            );
        }
    });
    let after = store.catalogue().unwrap();
    assert_eq!(after.revision, before.revision + (THREADS * EACH) as u64);
    assert_eq!(
        after.advertisers.len(),
        before.advertisers.len() + THREADS * EACH
    );
}
