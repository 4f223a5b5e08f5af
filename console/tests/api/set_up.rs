//! A first campaign set up by forms alone, and what forms say about wrong input.

use axum::http::StatusCode;
use domain::targeting::Dimension;
use domain::{Micros, Plan};
use store::campaign::CampaignStore;

use crate::support::{ADMIN, World};

type Pairs = &'static [(&'static str, &'static str)];

const CAMPAIGN: Pairs = &[
    ("name", "Launch"),
    ("budget_micros", "250.5"),
    ("daily_budget_micros", ""),
    ("currency", "eur"),
    ("flight_start_ms", "2026-11-23T08:00"),
    ("flight_end_ms", "2026-12-23T08:00"),
    ("plan", "asap"),
    ("goal", "clicks"),
    ("status", "active"),
];
const CREATIVE: Pairs = &[
    ("name", "Banner"),
    ("format.type", "banner"),
    ("format.size", "300x250"),
    ("status", "active"),
    ("format.html", "<b>Hello</b>"),
    ("click_url", "https://new.example/"),
    ("adomain", "new.example"),
];
const LINE_ITEM: Pairs = &[
    ("name", "Item"),
    ("status", "active"),
    ("bid.type", "cpm"),
    ("bid.amount_micros", "1.25"),
    ("max_bid_cpm_micros", "3"),
    ("creative_ids", "3"),
    ("targeting.countries.include", "deu, usa"),
    ("targeting.hours.include", "8-10\n12"),
    ("deals.type", "open_only"),
];

/// Sends a form that must lead on to `location`.
async fn accepted(world: &World, path: &str, pairs: Pairs, location: &str) {
    let reply = world.post(path, ADMIN, pairs).await;
    assert_eq!(reply.header("location"), location, "{}", reply.body);
}

async fn shows(world: &World, path: &str, text: &str) {
    let page = world.get(path, ADMIN).await.body;
    assert!(page.contains(text), "{path}: {text}: {page}");
}

async fn set_up(world: &World) {
    let new: Pairs = &[("name", "New"), ("domain", "New.Example")];
    accepted(world, "/advertisers", new, "/advertisers/3").await;
    shows(world, "/advertisers/3", "1. Create a campaign").await;
    accepted(world, "/advertisers/3/campaigns", CAMPAIGN, "/campaigns/3").await;
    shows(world, "/campaigns/3", "Add a creative").await;
    shows(world, "/advertisers/3", "2. Add a creative").await;
    accepted(world, "/advertisers/3/creatives", CREATIVE, "/creatives/3").await;
    shows(world, "/campaigns/3", "Add a line item").await;
    shows(world, "/advertisers/3", "3. Add a line item").await;
    accepted(world, "/campaigns/3/line-items", LINE_ITEM, "/campaigns/3").await;
    shows(world, "/campaigns/3", "Why does it not deliver?").await;
}

#[tokio::test]
async fn a_first_campaign_is_set_up_by_forms_alone() {
    let world = World::new();
    set_up(&world).await;
    let catalogue = world.campaigns.catalogue().unwrap();
    let (stored, item) = (&catalogue.campaigns[2], &catalogue.line_items[2]);
    assert_eq!(
        (stored.budget, stored.plan),
        (Micros(250_500_000), Plan::Asap)
    );
    let included = |dimension| {
        let rule = item.targeting.rule(dimension).unwrap();
        rule.include.iter().collect::<Vec<_>>()
    };
    assert_eq!(included(Dimension::Countries), ["DEU", "USA"]);
    assert_eq!(included(Dimension::Hours), ["8-10", "12"]);
}

#[tokio::test]
async fn buttons_pause_and_resume() {
    let world = World::new();
    set_up(&world).await;
    let (pause, resume): (Pairs, Pairs) = (&[("status", "paused")], &[("status", "active")]);
    shows(&world, "/campaigns/3", ">live<").await;
    let buttons = [
        ("/campaigns/3/status", "/campaigns/3", ">paused<"),
        ("/line-items/3/status", "/campaigns/3", "nothing to show"),
        ("/creatives/3/status", "/creatives/3", "nothing to show"),
    ];
    for (path, location, word) in buttons {
        accepted(&world, path, pause, location).await;
        shows(&world, "/campaigns/3", word).await;
        accepted(&world, path, resume, location).await;
        shows(&world, "/campaigns/3", ">live<").await;
        let reply = world.post(path, ADMIN, &[("status", "broken")]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// Sends a form that must come back with its errors and its input.
async fn refused(path: &str, pairs: Pairs, expected: &[&str]) {
    let world = World::new();
    let before = world.campaigns.catalogue().unwrap();
    let reply = world.post(path, ADMIN, pairs).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    for text in expected {
        assert!(reply.body.contains(text), "{path}: {text}: {}", reply.body);
    }
    assert!(reply.body.contains("class=\"error\""), "{path}");
    assert_eq!(world.campaigns.catalogue().unwrap(), before);
}

#[tokio::test]
async fn wrong_advertisers_and_campaigns_come_back() {
    let pairs: Pairs = &[("name", ""), ("domain", "no domain")];
    let expected = ["must be a domain", "value=\"no domain\""];
    refused("/advertisers/1", pairs, &expected).await;
    let pairs: Pairs = &[
        ("name", "Kept"),
        ("budget_micros", "lots"),
        ("flight_start_ms", "2026-12-02T00:00"),
        ("flight_end_ms", "2026-12-01T00:00"),
        ("currency", "EURO"),
        ("plan", "none"),
    ];
    let expected = [
        "must be an amount",
        "must be after the start",
        "three-letter",
        "value=\"Kept\"",
        "value=\"lots\"",
        "one of the choices",
    ];
    refused("/advertisers/1/campaigns", pairs, &expected).await;
}

#[tokio::test]
async fn wrong_line_items_and_creatives_come_back() {
    let pairs: Pairs = &[
        ("name", "Kept"),
        ("bid.type", "cpm"),
        ("bid.amount_micros", "-1"),
        ("max_bid_cpm_micros", "1"),
        ("targeting.countries.include", "Germany"),
        ("targeting.hours.include", "170"),
        ("deals.type", "only"),
        ("status", "active"),
        ("frequency_caps.0.impressions", "many"),
        ("creative_ids", "2"),
    ];
    let expected = [
        "must be an ISO 3166-1",
        "must be an hour",
        "at least one deal",
        ">\nGermany<",
        "value=\"many\"",
    ];
    refused("/campaigns/1/line-items", pairs, &expected).await;
    let pairs: Pairs = &[
        ("name", "Kept"),
        ("format.type", "video"),
        ("format.url", "http://x"),
        ("click_url", "javascript:alert(1)"),
        ("attributes", "one"),
        ("status", "active"),
        ("adomain", "example.com"),
    ];
    let expected = [
        "must be an absolute https",
        "must be numbers",
        "must be a whole number",
        "value=\"javascript:alert(1)\"",
    ];
    refused("/advertisers/1/creatives", pairs, &expected).await;
}
