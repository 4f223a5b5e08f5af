//! Hostile text stays text, and pages show the numbers that were delivered.

use axum::http::StatusCode;
use domain::campaign::Deals;
use domain::{AdvertiserId, CampaignId, CreativeFormat, CreativeId};
use store::campaign::CampaignStore;

use crate::rest::deliver;
use crate::support::{ANN, World, advertiser, campaign, creative, line_item};

const HOSTILE: &str = "\"'><script>alert(1)</script>&amp;</textarea>";

/// Ann's objects with hostile text wherever the store would take it.
fn poison(world: &World) {
    let store = &world.campaigns;
    let mut one = advertiser(HOSTILE);
    one.id = AdvertiserId(1);
    store.put_advertiser(&one).unwrap();
    let mut one = campaign(HOSTILE, AdvertiserId(1));
    one.id = CampaignId(1);
    store.put_campaign(&one).unwrap();
    let mut one = line_item(HOSTILE, CampaignId(1), CreativeId(1));
    one.id = domain::LineItemId(1);
    one.targeting
        .include(domain::targeting::Dimension::Segments, [HOSTILE]);
    one.deals = Deals::Only(vec![HOSTILE.to_owned()]);
    store.put_line_item(&one).unwrap();
    let mut one = creative(HOSTILE, AdvertiserId(1));
    one.id = CreativeId(1);
    one.format = CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup: domain::creative::BannerMarkup::Html {
            html: HOSTILE.to_owned(),
        },
    };
    store.put_creative(&one).unwrap();
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let world = World::new();
    deliver(&world);
    poison(&world);
    let pages = [
        "/",
        "/advertisers/1",
        "/advertisers/1/edit",
        "/campaigns/1",
        "/campaigns/1/edit",
        "/line-items/1/edit",
        "/creatives/1",
        "/creatives/1/edit",
        "/campaigns/1/line-items/new",
    ];
    for path in pages {
        let page = world.get(path, ANN).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.body.contains("<script>"), "{path}: {}", page.body);
        assert!(page.body.contains("&lt;script&gt;"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        let preview = path == "/creatives/1";
        assert_eq!(
            policy.contains("unsafe-inline"),
            preview,
            "{path}: {policy}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let preview = world.get("/creatives/1", ANN).await.body;
    assert!(
        preview.contains("sandbox=\"\" srcdoc=\"&lt;style&gt;body{margin:0}&lt;/style&gt;&quot;"),
        "{preview}"
    );
    let reply = world
        .post(
            "/campaigns/1",
            ANN,
            &[("name", HOSTILE), ("budget_micros", HOSTILE)],
        )
        .await;
    assert!(!reply.body.contains("<script>"), "{}", reply.body);
    let reply = world
        .get("/advertisers/1/creatives/new?format=%3Cscript%3E", ANN)
        .await;
    assert!(reply.status == StatusCode::OK && !reply.body.contains("<script>"));
}

#[tokio::test]
async fn pages_show_the_numbers() {
    let world = World::new();
    deliver(&world);
    let overview = world.get("/", ANN).await.body;
    for text in [
        "Ann campaign",
        ">live<",
        "40.00 · 40.0%",
        "100.00 USD",
        "20.0%",
        "0.50",
    ] {
        assert!(overview.contains(text), "{text}: {overview}");
    }
    let page = world.get("/campaigns/1", ANN).await.body;
    for text in [
        "Held",
        "57.00",
        "Late",
        "Unbilled",
        "<polyline",
        "Below the floor price",
        "3,000",
        "data-live=\"/live/campaigns/1\"",
        "Playback",
        "75.0%",
        "the media file took too long",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    for (path, kind) in [
        ("/assets/style.css", "text/css"),
        ("/assets/live.js", "text/javascript"),
        ("/favicon.ico", "image/svg+xml"),
    ] {
        let asset = world.get(path, "").await;
        assert!(asset.header("content-type").starts_with(kind), "{asset:?}");
    }
    assert_eq!(
        world.get("/nothing", "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.get("/logout", "").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn no_name_is_a_formula_in_a_spreadsheet() {
    let world = World::new();
    deliver(&world);
    let mut one = line_item(
        "=HYPERLINK(\"https://evil.example\"),1",
        CampaignId(1),
        CreativeId(1),
    );
    one.id = domain::LineItemId(1);
    world.campaigns.put_line_item(&one).unwrap();
    let sheet = world.get("/campaigns/1/report.csv", ANN).await;
    assert_eq!(sheet.status, StatusCode::OK);
    assert_eq!(sheet.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(sheet.header("x-content-type-options"), "nosniff");
    assert!(
        sheet
            .header("content-disposition")
            .starts_with("attachment")
    );
    let lines: Vec<_> = sheet.body.lines().collect();
    let expected = "1,\"'=HYPERLINK(\"\"https://evil.example\"\"),1 line item\",";
    assert!(lines[1].starts_with(expected), "{}", sheet.body);
    let columns = lines[0].split(',').count();
    // The name has one comma.
    assert_eq!(lines[1].split(',').count(), columns + 1, "{}", sheet.body);
}
