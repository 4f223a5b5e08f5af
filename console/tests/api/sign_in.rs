//! Signing in: the first administrator, the page, throttling, the end of a session, passwords.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use console::{Config, ENTROPY_BYTES, FIRST_ADMIN, ensure_admin};
use serde_json::{Value, json};

use crate::support::{ADMIN, ANN, HOUR_MS, NOW, Reply, World, encode, form_token};

fn first_start(config: Config) -> (World, String) {
    let world = World::empty(config);
    let entropy: Vec<u8> = (0..).take(ENTROPY_BYTES).collect();
    let entropy: [u8; ENTROPY_BYTES] = entropy.try_into().unwrap();
    let password = ensure_admin(&*world.users, &entropy).unwrap().unwrap();
    assert_eq!(ensure_admin(&*world.users, &entropy).unwrap(), None);
    assert!(!format!("{password:?}").contains(&password.to_string()));
    (world, password.to_string())
}

async fn session(world: &World, email: &str, password: &str) -> Reply {
    let document = json!({"email": email, "password": password});
    world.rest("POST", "/api/v1/session", "", &document).await
}

/// Sends the sign-in form with the cookie that its page set.
async fn login(world: &World, cookie: &str, pairs: &[(&str, &str)]) -> Reply {
    let request = Request::post("/login")
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(encode(pairs)));
    world.send(request.unwrap()).await
}

#[tokio::test]
async fn the_first_administrator_signs_in_on_the_page() {
    let config = Config {
        secure_cookies: true,
        ..Config::default()
    };
    let (world, password) = first_start(config);
    let page = world.get("/login", "").await;
    let set = page.header("set-cookie");
    for attribute in [
        "__Host-paceline_login=",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/",
    ] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(
        page.header("strict-transport-security")
            .starts_with("max-age")
    );
    let cookie = set.split(';').next().unwrap();
    let token = form_token(&page.body);
    for (password, token, status) in [("x", "guess", 403), ("wrong", token.as_str(), 401)] {
        let pairs = [
            ("email", FIRST_ADMIN),
            ("password", password),
            ("form_token", token),
        ];
        let reply = login(&world, cookie, &pairs).await;
        assert_eq!(reply.status.as_u16(), status, "{reply:?}");
        assert!(!reply.header("set-cookie").contains("paceline_session"));
    }
    let pairs = [
        ("email", " Admin@LOCALHOST "),
        ("password", &password),
        ("form_token", &token),
    ];
    assert_eq!(
        login(&world, "", &pairs).await.status,
        StatusCode::FORBIDDEN
    );
    let reply = login(&world, cookie, &pairs).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (StatusCode::SEE_OTHER, "/")
    );
    let set = reply.header("set-cookie");
    for attribute in [
        "__Host-paceline_session=",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
    ] {
        assert!(set.contains(attribute), "{set}");
    }
    let request = Request::get("/").header("cookie", set.split(';').next().unwrap());
    let overview = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(overview.status, StatusCode::OK);
    assert!(
        overview.body.contains("Create the first advertiser"),
        "{}",
        overview.body
    );
}

#[tokio::test]
async fn tokens_work_until_they_end() {
    let (world, password) = first_start(Config::default());
    let reply = session(&world, FIRST_ADMIN, &password).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let document = reply.json();
    assert_eq!(document["expires_at_ms"], NOW.0 + 12 * HOUR_MS);
    let token = document["token"].as_str().unwrap();
    let who = world
        .rest("GET", "/api/v1/session", token, &Value::Null)
        .await;
    assert_eq!(who.json()["role"], "admin");
    let other = session(&world, FIRST_ADMIN, &password).await.json();
    let ended = world
        .rest("DELETE", "/api/v1/session", token, &Value::Null)
        .await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let who = world
        .rest("GET", "/api/v1/session", token, &Value::Null)
        .await;
    assert_eq!(who.status, StatusCode::UNAUTHORIZED);
    let other = other["token"].as_str().unwrap();
    for (passed_ms, status) in [(12 * HOUR_MS - 1, 200), (12 * HOUR_MS, 401)] {
        world.clock.set(NOW.plus_ms(passed_ms));
        let who = world
            .rest("GET", "/api/v1/session", other, &Value::Null)
            .await;
        assert_eq!(who.status.as_u16(), status);
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_owner_gets_in_later() {
    let (world, password) = first_start(Config::default());
    for _ in 0..10 {
        let reply = session(&world, FIRST_ADMIN, "guess").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.json()["error"]["code"], "wrong_password");
    }
    let reply = session(&world, FIRST_ADMIN, &password).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.header("retry-after"), "30");
    // An unknown email is told the same as a wrong password.
    let reply = session(&world, "nobody@localhost", "guess").await;
    assert_eq!(reply.json()["error"]["code"], "wrong_password");
    world.clock.set(NOW.plus_ms(30_000));
    let reply = session(&world, FIRST_ADMIN, &password).await;
    assert_eq!(reply.status, StatusCode::CREATED);
}

#[tokio::test]
async fn overlong_credentials_are_refused_without_hashing() {
    let (world, _) = first_start(Config::default());
    for (email, password) in [
        ("a".repeat(300), String::new()),
        (String::new(), "p".repeat(100_000)),
    ] {
        let reply = session(&world, &email, &password).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn invited_people_sign_in_and_change_their_password() {
    let world = World::new();
    let invite = [
        ("email", "Cleo@Example.com"),
        ("password", "first password"),
    ];
    let reply = world.post("/advertisers/1/users", ADMIN, &invite).await;
    assert_eq!(reply.header("location"), "/advertisers/1", "{reply:?}");
    let reply = session(&world, "cleo@example.com", "first password").await;
    let document = reply.json();
    assert_eq!(document["user"]["advertiser_id"], 1);
    let token = document["token"].as_str().unwrap();
    let wrong = [("old_password", "no"), ("new_password", "second password")];
    let reply = world.post("/account", token, &wrong).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        reply.body.contains("is not your password"),
        "{}",
        reply.body
    );
    let right = [
        ("old_password", "first password"),
        ("new_password", "second password"),
    ];
    let reply = world.post("/account", token, &right).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
    let old = session(&world, "cleo@example.com", "first password").await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    let new = session(&world, "cleo@example.com", "second password").await;
    assert_eq!(new.status, StatusCode::CREATED);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let world = World::new();
    let reply = world.post("/logout", ANN, &[]).await;
    assert_eq!(reply.header("location"), "/login");
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(world.get("/", ANN).await.status, StatusCode::SEE_OTHER);
}
