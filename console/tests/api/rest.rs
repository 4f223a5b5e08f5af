//! The REST API: each endpoint allowed and refused.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use console::Console;
use domain::report::{Counters, Playback, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, Exchange, LineItemId, Micros};
use serde_json::{Value, json};
use store::report::{ReportDelta, ReportStore};

use crate::support::{ADMIN, ANN, NOW, World};

/// Every operation of the description: method and path.
pub(crate) fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&Console::api_description()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    each.collect()
}

fn banner(name: &str) -> Value {
    json!({"advertiser_id": 1, "name": name, "click_url": "https://example.com/", "adomain": "example.com",
        "format": {"type": "banner", "size": "300x250", "image_url": "https://cdn.example.com/a.png"}})
}

fn campaign() -> Value {
    json!({"advertiser_id": 1, "name": "Spring", "budget_micros": 5_000_000,
        "flight_start_ms": NOW.0, "flight_end_ms": NOW.0 + 1000})
}

#[tokio::test]
async fn nobody_does_anything_without_a_session() {
    let world = World::new();
    for (method, path) in operations() {
        let path_1 = path.replace("{id}", "1");
        for token in ["", "wrong"] {
            if (method.as_str(), path.as_str()) == ("POST", "/api/v1/session") {
                continue;
            }
            let reply = world.rest(&method, &path_1, token, &json!({})).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(reply.json()["error"]["code"], "unauthenticated");
        }
    }
}

#[tokio::test]
async fn objects_are_created_read_replaced_and_paused() {
    let world = World::new();
    let objects = [
        (
            "advertisers",
            json!({"name": "Shop", "domain": "shop.example"}),
        ),
        ("campaigns", campaign()),
        ("creatives", banner("Banner")),
        (
            "line-items",
            json!({"campaign_id": 1, "name": "Item", "bid": {"type": "cpm", "amount_micros": 1_000_000},
                "max_bid_cpm_micros": 2_000_000, "creative_ids": [1],
                "targeting": {"countries": {"include": ["DEU"]}}}),
        ),
    ];
    for (kind, document) in objects {
        let base = format!("/api/v1/{kind}");
        let created = world.rest("POST", &base, ADMIN, &document).await;
        assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
        let mut stored = created.json();
        let id = stored["id"].as_u64().unwrap();
        let one = format!("{base}/{id}");
        let read = world.rest("GET", &one, ADMIN, &Value::Null).await;
        assert_eq!((read.status, read.json()), (StatusCode::OK, stored.clone()));
        stored["name"] = json!("Renamed");
        let replaced = world.rest("PUT", &one, ADMIN, &stored).await;
        assert_eq!(replaced.json(), stored);
        let listed = world.rest("GET", &base, ADMIN, &Value::Null).await.json();
        assert_eq!(listed["items"].as_array().unwrap().last(), Some(&stored));
        if kind != "advertisers" {
            for status in ["paused", "active"] {
                let change = json!({ "status": status });
                let reply = world.rest("PATCH", &one, ADMIN, &change).await;
                assert_eq!(reply.json()["status"], status, "{reply:?}");
            }
        }
        let other = world
            .rest("PUT", &format!("{base}/999"), ADMIN, &document)
            .await;
        assert_eq!(other.status, StatusCode::NOT_FOUND, "{other:?}");
    }
}

#[tokio::test]
async fn broken_requests_are_refused_with_what_to_change() {
    let world = World::new();
    let mut unknown = campaign();
    unknown["colour"] = json!("red");
    let mut numbered = campaign();
    numbered["id"] = json!(7);
    let mut poor = campaign();
    poor["budget_micros"] = json!(0);
    poor["flight_end_ms"] = json!(1);
    let mut foreign = campaign();
    foreign["advertiser_id"] = json!(99);
    let cases = [
        (json!("text"), 400, "malformed", vec![]),
        (unknown, 400, "malformed", vec![]),
        (numbered, 422, "invalid", vec!["id"]),
        (poor, 422, "invalid", vec!["budget_micros", "flight_end_ms"]),
        (foreign, 422, "invalid", vec!["advertiser_id"]),
    ];
    for (document, status, code, fields) in cases {
        let reply = world
            .rest("POST", "/api/v1/campaigns", ADMIN, &document)
            .await;
        let error = reply.json()["error"].clone();
        assert_eq!(reply.status.as_u16(), status, "{error}");
        assert_eq!(error["code"], code);
        assert!(!error["message"].as_str().unwrap().is_empty());
        let found: Vec<_> = error["fields"].as_array().unwrap().iter().collect();
        let found: Vec<_> = found.iter().map(|f| f["field"].as_str().unwrap()).collect();
        assert_eq!(found, fields);
    }
    let moved = json!({"advertiser_id": 1, "name": "A", "currency": "EUR", "budget_micros": 1,
        "flight_start_ms": 0, "flight_end_ms": 1});
    let reply = world
        .rest("PUT", "/api/v1/campaigns/1", ADMIN, &moved)
        .await;
    assert_eq!(reply.json()["error"]["fields"][0]["field"], "currency");
}

#[tokio::test]
async fn odd_http_is_refused_politely() {
    let world = World::new();
    let auth = format!("Bearer {ADMIN}");
    let post = || Request::post("/api/v1/campaigns").header("authorization", auth.as_str());
    let json = "application/json";
    let cases = [
        (post().body(Body::from("{}")), 415),
        (
            post().header("content-type", json).body(Body::from("{")),
            400,
        ),
        (
            post()
                .header("content-type", json)
                .body(Body::from("[".repeat(100_000))),
            400,
        ),
        (
            post()
                .header("content-type", json)
                .body(Body::from(vec![b' '; (4 << 20) + 1])),
            413,
        ),
        (
            Request::delete("/api/v1/campaigns")
                .header("authorization", auth.as_str())
                .body(Body::empty()),
            405,
        ),
        (Request::get("/api/v1/nothing").body(Body::empty()), 404),
        (
            Request::get("/api/v1/campaigns/x")
                .header("authorization", auth.as_str())
                .body(Body::empty()),
            404,
        ),
        (
            Request::get("/api/v1/campaigns")
                .header("authorization", "Basic YTpi")
                .body(Body::empty()),
            401,
        ),
        (
            Request::get("/api/v1/campaigns?limit=%ff")
                .header("authorization", auth.as_str())
                .body(Body::empty()),
            400,
        ),
    ];
    for (request, status) in cases {
        let reply = world.send(request.unwrap()).await;
        assert_eq!(reply.status.as_u16(), status, "{reply:?}");
        assert!(reply.json()["error"]["code"].is_string());
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new();
    for n in 0..5 {
        let document = banner(&format!("Banner {n}"));
        world
            .rest("POST", "/api/v1/creatives", ANN, &document)
            .await;
    }
    let list = |query: &'static str| {
        let world = &world;
        async move {
            let path = format!("/api/v1/creatives{query}");
            world.rest("GET", &path, ANN, &Value::Null).await.json()
        }
    };
    let first = list("?limit=4").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 4);
    assert_eq!(first["next"], 5);
    let second = list("?limit=4&after=5").await;
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
    assert!(second["next"].is_null());
    assert_eq!(list("?advertiser=2").await["items"], json!([]));
    for bad in ["?limit=0", "?limit=1001", "?limit=x", "?after=-1"] {
        assert_eq!(list(bad).await["error"]["code"], "invalid", "{bad}");
    }
}

/// Ten wins in each of the last three minutes for both tenants.
pub(crate) fn deliver(world: &World) {
    let mut delta = ReportDelta::default();
    for (campaign, minutes_ago) in [1, 2]
        .into_iter()
        .flat_map(|c| (1..=3).map(move |m| (c, m)))
    {
        let minute = Minute(NOW.minute().0 - minutes_ago);
        let key = ReportKey {
            minute,
            campaign: CampaignId(campaign),
            line_item: LineItemId(campaign),
            creative: CreativeId(campaign),
            exchange: Exchange::new("generic"),
        };
        let counters = Counters {
            eligible: 1000,
            bids: 40,
            wins: 10,
            impressions: 10,
            clicks: 2,
            views: 5,
            spend: Micros::from_units(1),
            playback: Playback {
                starts: 4,
                completes: 3,
                errors: 1,
                ..Playback::default()
            },
            ..Counters::default()
        };
        delta.errors.insert((key.clone(), 402), 1);
        delta.rows.insert(key, counters);
        let reason = (
            minute,
            LineItemId(campaign),
            Exchange::new("generic"),
            "floor".to_owned(),
        );
        delta.refusals.insert(reason, 7);
    }
    world.reports.apply(&delta).unwrap();
}

#[tokio::test]
async fn reports_group_and_keep_to_their_span() {
    let world = World::new();
    deliver(&world);
    let ask = |query: String| {
        let world = &world;
        async move {
            let path = format!("/api/v1/reports?{query}");
            world.rest("GET", &path, ANN, &Value::Null).await.json()
        }
    };
    let totals = ask(String::new()).await;
    assert_eq!(
        totals["rows"].as_array().unwrap().len(),
        1,
        "only one's own"
    );
    assert_eq!(totals["rows"][0]["campaign_id"], 1);
    assert_eq!(totals["rows"][0]["spend_micros"], 3_000_000);
    assert_eq!(totals["rows"][0]["ecpc_micros"], 500_000);
    let items = ask("campaign=1&group=line_item".to_owned()).await;
    assert_eq!(items["rows"][0]["line_item_id"], 1);
    let creatives = ask("campaign=1&group=creative".to_owned()).await;
    let row = &creatives["rows"][0];
    assert_eq!(
        (&row["creative_id"], &row["starts"]),
        (&1.into(), &12.into())
    );
    assert_eq!(
        (&row["completes"], &row["playback_errors"]),
        (&9.into(), &3.into())
    );
    assert_eq!(
        (&row["view_rate"], &row["completion_rate"]),
        (&0.5.into(), &0.75.into())
    );
    let (from, to) = (NOW.0 - 120_000, NOW.0);
    let minutes = ask(format!("campaign=1&group=minute&from={from}&to={to}")).await;
    let starts: Vec<_> = minutes["rows"].as_array().unwrap().iter().collect();
    assert_eq!(starts.len(), 2);
    assert_eq!(starts[0]["minute_ms"], NOW.0 - 120_000);
    let refused = [
        ("campaign=2", "not_found"),
        ("group=day", "invalid"),
        ("group=minute&campaign=1", "invalid"),
        ("group=minute&campaign=1&from=0&to=99999999999", "invalid"),
        ("group=line_item", "invalid"),
        ("group=creative", "invalid"),
        ("from=x", "invalid"),
        ("from=18446744073709551615", "invalid"),
    ];
    for (query, code) in refused {
        assert_eq!(
            ask(query.to_owned()).await["error"]["code"],
            code,
            "{query}"
        );
    }
}

#[tokio::test]
async fn accounts_and_refusals_are_told() {
    let world = World::new();
    deliver(&world);
    let path = "/api/v1/campaigns/1/account";
    let account = world.rest("GET", path, ANN, &Value::Null).await.json();
    assert_eq!(account["spent_micros"], 40_000_000);
    assert_eq!(account["left_micros"], 57_000_000);
    let path = "/api/v1/line-items/1/refusals";
    let refusals = world.rest("GET", path, ANN, &Value::Null).await.json();
    assert_eq!(refusals[0]["reason"], "floor");
    assert_eq!(refusals[0]["count"], 21);
    assert!(refusals[0]["advice"].as_str().unwrap().contains("bid"));
}

#[tokio::test]
async fn the_description_is_served() {
    let world = World::new();
    let reply = world
        .rest("GET", "/api/v1/openapi.json", "", &Value::Null)
        .await;
    let description: Value = serde_json::from_str(&Console::api_description()).unwrap();
    assert_eq!(reply.json(), description);
}
