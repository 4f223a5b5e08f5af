//! Auctions against rivals: who wins, what is paid, and what follows.

use serde_json::json;

use super::*;

fn answer(price: f64) -> BidAnswer {
    let track = |path: &str| format!("https://pixel.localhost/{path}");
    let bid = json!({
        "id": "b", "impid": "1", "price": price, "cid": "5", "crid": "7",
        "adm": format!("<a href=\"{}\"><img src=\"https://cdn.example/a.png\"></a><img src=\"{}\"><img src=\"{}\">",
            track("click?t=c"), track("imp?t=i"), track("view?t=v")),
        "nurl": track("win?t=n&p=${AUCTION_PRICE}"), "burl": track("bill?t=n&p=${AUCTION_PRICE}"),
        "lurl": track("loss?t=n&r=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}"),
    });
    serde_json::from_value(
        json!({"id": "x", "cur": "USD", "seatbid": [{"seat": "s", "bid": [bid]}]}),
    )
    .unwrap()
}

/// Settles `count` auctions in which the only bid is `price`.
fn settle_many(plan: &Plan, price: f64, first_price: bool, count: usize) -> Vec<Settlement> {
    let mut traffic = Traffic::new(plan.seed, 0, 200, crate::traffic::Times::default());
    let auctions: Vec<_> = (0..count)
        .map(|_| traffic.next_auction(20, first_price))
        .collect();
    let ours = OurHost::new(&plan.public_url);
    let truth = Truth::new(plan.seed);
    auctions
        .iter()
        .map(|auction| {
            let scene = Scene {
                plan,
                truth: &truth,
                ours: &ours,
                traffic: &traffic,
                auction,
                now: Timestamp(0),
            };
            settle(&scene, &answer(price), |_| true)
        })
        .collect()
}

fn count(settlements: &[Settlement], kind: Kind, repeat: bool) -> usize {
    let events = settlements.iter().flat_map(|settled| &settled.events);
    events
        .filter(|(_, event)| event.kind == kind && event.repeat == repeat)
        .count()
}

#[test]
fn higher_bids_win_more_and_second_prices_are_lower() {
    let plan = Plan::default();
    let wins = |price, first| {
        let settled = settle_many(&plan, price, first, 2_000);
        let sales: Vec<_> = settled.iter().flat_map(|s| &s.sales).collect();
        let paid: i64 = sales.iter().map(|sale| sale.cost.0).sum();
        (sales.len(), paid / sales.len().max(1) as i64)
    };
    assert_eq!(wins(0.01, true).0, 0, "under every floor");
    let (low, _) = wins(1.0, true);
    let (middle, first_paid) = wins(1.6, true);
    let (high, _) = wins(50.0, true);
    assert!(
        low > 200 && low < middle && middle < high && high == 2_000,
        "{low} {middle} {high}"
    );
    assert_eq!(first_paid, 1_600);
    let (same, second_paid) = wins(1.6, false);
    assert_eq!(same, middle);
    assert!(second_paid < 1_400 && second_paid > 300, "{second_paid}");
}

#[test]
fn notices_are_lost_doubled_and_late_in_the_planned_shares() {
    let plan = Plan::default();
    let settled = settle_many(&plan, 50.0, false, 10_000);
    let lost: u64 = settled.iter().map(|s| s.notices_lost).sum();
    let doubled: u64 = settled.iter().map(|s| s.notices_doubled).sum();
    let late: u64 = settled.iter().map(|s| s.notices_late).sum();
    assert!((140..260).contains(&lost), "{lost} of 20,000 lost");
    assert!((850..1_150).contains(&doubled), "{doubled} doubled");
    assert!((300..500).contains(&late), "{late} late");
    let sent = count(&settled, Kind::Win, false) + count(&settled, Kind::Billing, false);
    assert_eq!(sent as u64, 20_000 - lost);
    let repeats = count(&settled, Kind::Win, true) + count(&settled, Kind::Billing, true);
    assert_eq!(repeats as u64, doubled);
    assert_eq!(count(&settled, Kind::Impression, false), 10_000);
    let clicks = count(&settled, Kind::Click, false);
    let expected: f64 = settled
        .iter()
        .flat_map(|s| &s.sales)
        .map(|sale| sale.click_probability)
        .sum();
    assert!(
        (clicks as f64 - expected).abs() < 4.0 * expected.sqrt(),
        "{clicks} of {expected}"
    );
}

#[test]
fn prices_and_reasons_reach_the_notices() {
    let plan = Plan::default();
    let won = settle_many(&plan, 50.0, true, 50);
    let events = won.iter().flat_map(|s| &s.events);
    for (_, event) in events {
        let expected = match event.kind {
            Kind::Win => "/win?t=n&p=50",
            Kind::Billing => "/bill?t=n&p=50",
            Kind::Impression => "/imp?t=i",
            Kind::View => "/view?t=v",
            Kind::Click => "/click?t=c",
            Kind::Loss | Kind::Conversion => panic!("{event:?}"),
        };
        assert_eq!(event.path, expected);
    }
    let lost = settle_many(&plan, 0.01, true, 200);
    let losses: u64 = lost.iter().map(|s| s.losses).sum();
    assert_eq!(losses, 200);
    let notices: Vec<_> = lost.iter().flat_map(|s| &s.events).collect();
    assert!(!notices.is_empty() && notices.len() < 100);
    for (_, event) in notices {
        assert!(
            event.path.starts_with("/loss?t=n&r=102&m=0.")
                || event.path.starts_with("/loss?t=n&r=102&m=")
        );
        assert_eq!((event.kind, event.sale), (Kind::Loss, None));
    }
}

#[test]
fn invalid_bids_never_win_and_draws_repeat() {
    let plan = Plan::default();
    assert_eq!(
        settle_many(&plan, 2.0, true, 100),
        settle_many(&plan, 2.0, true, 100)
    );
    let mut traffic = Traffic::new(1, 0, 10, crate::traffic::Times::default());
    let auction = traffic.next_auction(20, true);
    let (ours, truth) = (OurHost::new(&plan.public_url), Truth::new(1));
    let scene = Scene {
        plan: &plan,
        truth: &truth,
        ours: &ours,
        traffic: &traffic,
        auction: &auction,
        now: Timestamp(0),
    };
    assert_eq!(
        settle(&scene, &answer(50.0), |_| false),
        Settlement::default()
    );
}

#[test]
fn the_landing_page_finds_its_token() {
    let ours = OurHost::new("https://pixel.localhost/t");
    let purchase = Purchase {
        delay_us: 0,
        order: "o-1".into(),
        value: "9.50".into(),
    };
    let path = |location| conversion_path(&ours, location, &purchase);
    assert_eq!(
        path("https://shop.example/?a=1&paceline_t=abc-_#top").as_deref(),
        Some("/t/conv?t=abc-_&name=purchase&order=o-1&value=9.50")
    );
    assert_eq!(path("https://shop.example/?a=1"), None);
    assert_eq!(path("https://shop.example/"), None);
}
