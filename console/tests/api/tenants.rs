//! Two tenants: neither sees nor changes what belongs to the other, by any address.

use axum::http::StatusCode;
use serde_json::{Value, json};
use store::campaign::CampaignStore;

use crate::rest::{deliver, operations};
use crate::support::{ADMIN, ANN, BOB, World};

/// Every page about one object of Bob, whose objects all have id 2.
const PAGES: &[&str] = &[
    "/advertisers/2",
    "/advertisers/2/edit",
    "/advertisers/2/campaigns/new",
    "/advertisers/2/creatives/new?format=video",
    "/campaigns/2",
    "/campaigns/2/edit",
    "/campaigns/2/report.csv",
    "/campaigns/2/line-items/new",
    "/line-items/2/edit",
    "/creatives/2",
    "/creatives/2/edit",
];
/// Every form about one object of Bob.
const FORMS: &[&str] = &[
    "/advertisers/2",
    "/advertisers/2/campaigns",
    "/advertisers/2/creatives",
    "/campaigns/2",
    "/campaigns/2/status",
    "/campaigns/2/line-items",
    "/line-items/2",
    "/line-items/2/status",
    "/creatives/2",
    "/creatives/2/status",
    "/creatives/2/approvals",
];

/// A document that its owner could send to `path`.
fn sound(path: &str) -> Value {
    match path.split('/').nth(3).unwrap() {
        _ if path.contains("/approvals/") => json!({"state": "approved"}),
        "advertisers" => json!({"name": "Taken", "domain": "evil.example"}),
        "campaigns" => json!({"advertiser_id": 2, "name": "Taken", "budget_micros": 1_000_000,
            "flight_start_ms": 0, "flight_end_ms": 1}),
        "line-items" => json!({"campaign_id": 2, "name": "Taken", "max_bid_cpm_micros": 1,
            "bid": {"type": "cpm", "amount_micros": 1}}),
        "creatives" => {
            json!({"advertiser_id": 2, "name": "Taken", "click_url": "https://e.example/",
            "adomain": "e.example", "format": {"type": "banner", "size": "1x1", "html": "x"}})
        }
        _ => json!({}),
    }
}

#[tokio::test]
async fn ids_of_others_are_not_found_in_the_api() {
    let world = World::new();
    let before = world.campaigns.catalogue().unwrap();
    let with_id = operations()
        .into_iter()
        .filter(|(_, path)| path.contains("{id}"));
    let mut tried = 0;
    for (method, path) in with_id {
        let body = match method.as_str() {
            "GET" => Value::Null,
            "PATCH" => json!({"status": "paused"}),
            _ => sound(&path),
        };
        let path = path.replace("{id}", "2");
        let reply = world.rest(&method, &path, ANN, &body).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path}");
        if method == "GET" {
            let reply = world.rest(&method, &path, BOB, &body).await;
            assert_eq!(reply.status, StatusCode::OK, "{method} {path}");
        }
        tried += 1;
    }
    assert!(tried >= 13, "{tried}");
    assert_eq!(world.campaigns.catalogue().unwrap(), before);
}

#[tokio::test]
async fn nothing_is_created_under_others() {
    let world = World::new();
    let before = world.campaigns.catalogue().unwrap();
    for (kind, field) in [
        ("campaigns", "advertiser_id"),
        ("line-items", "campaign_id"),
        ("creatives", "advertiser_id"),
    ] {
        let path = format!("/api/v1/{kind}");
        let reply = world.rest("POST", &path, ANN, &sound(&path)).await;
        assert_eq!(
            reply.json()["error"]["fields"][0]["field"],
            field,
            "{reply:?}"
        );
    }
    let path = "/api/v1/advertisers";
    let reply = world.rest("POST", path, ANN, &sound(path)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let mut own = sound("/api/v1/line-items");
    own["campaign_id"] = json!(1);
    own["creative_ids"] = json!([1, 2]);
    let reply = world.rest("POST", "/api/v1/line-items", ANN, &own).await;
    assert_eq!(
        reply.json()["error"]["fields"][0]["field"],
        "creative_ids[1]"
    );
    // Nor does an administrator mix them up.
    let reply = world.rest("POST", "/api/v1/line-items", ADMIN, &own).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    own["creative_ids"] = json!([1]);
    own["targeting"] = json!({"groups": {"not": {"is": {
        "dimension": "segments", "values": ["own/2/buyers within 7d"]}}}});
    let reply = world.rest("POST", "/api/v1/line-items", ANN, &own).await;
    assert_eq!(
        reply.json()["error"]["fields"][0]["field"],
        "targeting.segments",
        "{reply:?}"
    );
    let mut moved = sound("/api/v1/campaigns");
    moved["advertiser_id"] = json!(1);
    let reply = world
        .rest("PUT", "/api/v1/campaigns/2", ADMIN, &moved)
        .await;
    assert_eq!(reply.json()["error"]["fields"][0]["field"], "advertiser_id");
    assert_eq!(world.campaigns.catalogue().unwrap(), before);
}

#[tokio::test]
async fn lists_and_pages_show_ones_own_only() {
    let world = World::new();
    deliver(&world);
    for kind in ["advertisers", "campaigns", "line-items", "creatives"] {
        let path = format!("/api/v1/{kind}");
        let own = world.rest("GET", &path, ANN, &Value::Null).await;
        assert!(
            own.body.contains("Ann") && !own.body.contains("Bob"),
            "{own:?}"
        );
        let all = world.rest("GET", &path, ADMIN, &Value::Null).await;
        assert!(
            all.body.contains("Ann") && all.body.contains("Bob"),
            "{all:?}"
        );
    }
    for path in [
        "/",
        "/advertisers/1",
        "/campaigns/1",
        "/creatives/1",
        "/line-items/1/edit",
    ] {
        let own = world.get(path, ANN).await;
        assert_eq!(own.status, StatusCode::OK, "{path}");
        assert!(
            own.body.contains("Ann") && !own.body.contains("Bob"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn ids_of_others_are_not_found_in_pages() {
    let world = World::new();
    let before = world.campaigns.catalogue().unwrap();
    for path in PAGES {
        assert_eq!(
            world.get(path, ANN).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        assert_eq!(world.get(path, BOB).await.status, StatusCode::OK, "{path}");
        let anybody = world.get(path, "").await;
        assert_eq!(anybody.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(anybody.header("location"), "/login");
    }
    for path in FORMS {
        let pairs = [
            ("status", "paused"),
            ("name", "Taken"),
            ("state", "approved"),
        ];
        let reply = world.post(path, ANN, &pairs).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/live/campaigns/2", "/live/campaigns/99"] {
        assert_eq!(world.get(path, ANN).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        world.get("/live/overview", "").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(world.campaigns.catalogue().unwrap(), before);
}

#[tokio::test]
async fn administrators_alone_create_advertisers_and_users() {
    let world = World::new();
    assert_eq!(
        world.get("/advertisers/new", ANN).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.get("/advertisers/new", ADMIN).await.status,
        StatusCode::OK
    );
    let new = [
        ("name", "Mine"),
        ("domain", "mine.example"),
        ("email", "x@y.example"),
        ("password", "0123456789"),
    ];
    for path in ["/advertisers", "/advertisers/1/users"] {
        let reply = world.post(path, ANN, &new).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
    }
    let user = json!({"email": "x@y.example", "password": "0123456789"});
    let reply = world.rest("POST", "/api/v1/users", ANN, &user).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let bad = json!({"email": "nobody", "password": "short"});
    let reply = world.rest("POST", "/api/v1/users", ADMIN, &bad).await;
    assert_eq!(reply.json()["error"]["fields"].as_array().unwrap().len(), 2);
    let taken = json!({"email": "Ann@Example.com", "password": "0123456789"});
    let reply = world.rest("POST", "/api/v1/users", ADMIN, &taken).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{reply:?}");
}

#[tokio::test]
async fn forms_without_their_sessions_token_are_refused() {
    let world = World::new();
    let before = world.campaigns.catalogue().unwrap();
    let bobs = crate::support::form_token(&world.get("/account", BOB).await.body);
    let forms = FORMS.iter().map(|path| path.replace('2', "1"));
    let others = [
        "/advertisers",
        "/advertisers/1/users",
        "/logout",
        "/account",
    ];
    for path in forms.chain(others.map(str::to_owned)) {
        for token in ["", "guess", &bobs] {
            let pairs = [("status", "paused"), ("form_token", token)];
            let reply = world.post_raw(&path, ANN, &pairs).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(world.campaigns.catalogue().unwrap(), before);
}

#[tokio::test]
async fn cookies_change_nothing_over_the_api_without_the_token() {
    use axum::body::Body;
    use axum::http::Request;
    let world = World::new();
    let token = crate::support::form_token(&world.get("/account", ANN).await.body);
    for (token, status) in [("", 403), ("guess", 403), (token.as_str(), 200)] {
        let request = Request::patch("/api/v1/campaigns/1")
            .header("cookie", format!("paceline_session={ANN}"))
            .header("x-csrf-token", token)
            .header("content-type", "application/json")
            .body(Body::from(r#"{"status":"paused"}"#));
        let reply = world.send(request.unwrap()).await;
        assert_eq!(reply.status.as_u16(), status, "{token}");
    }
    assert_eq!(
        world.get("/api/v1/campaigns", ANN).await.status,
        StatusCode::OK
    );
}
