//! The admin address of a running server explains requests, and its own bids by their ids.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use support::folder::Folder;
use support::http;
use support::server::{Server, banner_request};

/// How long a bid may take to be in the log.
const PATIENCE: Duration = Duration::from_secs(30);
/// The id of no bid.
const UNKNOWN: &str = "00000000000000000000000000000000";
/// Most bytes of a request's body.
const BODY_BYTES_MAX: usize = 1 << 20;

#[test]
fn a_server_explains_requests_and_its_own_bids() {
    let folder = Folder::with_examples();
    let config = folder.file("paceline.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let keep = "[bidder]\nexplain_requests = 8\nexplain_every = 1\n";
    std::fs::write(&config, text.replace("[bidder]\n", keep)).unwrap();
    let mut server = Server::start(&folder);
    let administrator = server.sign_in();
    server.leave_first_line_item(&administrator);
    let admin = server.admin;
    let request = banner_request("r1");
    let served = server.ask(&request).json()["seatbid"][0]["bid"][0].clone();

    let body = request.to_string();
    let explained = http::post_json(admin, "/explain/generic", body.as_bytes());
    assert_eq!(explained.status, 200, "{explained:?}");
    let explained = explained.json();
    assert_eq!(explained["outcome"], "bid");
    assert_eq!(explained["privacy"]["user_allowed"], true);
    let all = explained["line_items"].as_array().unwrap();
    let chosen = all.iter().find(|one| one["refused"].is_null()).unwrap();
    let refused = all.iter().filter(|one| one["refused"].is_string());
    assert_eq!(refused.count() + 1, all.len());
    let numbers = &chosen["numbers"];
    let micros = |value: &serde_json::Value| value.as_i64().unwrap() as f64 / 1e6;
    assert_eq!(micros(&numbers["price_cpm_micros"]), served["price"]);

    let kept = http::get(admin, "/explain/requests").json();
    assert_eq!(
        (&kept[0]["number"], &kept[0]["outcome"]),
        (&1.into(), &"bid".into())
    );
    assert_eq!(kept[0]["bytes"], body.len());
    let again = http::post_json(admin, "/explain/requests/1", b"");
    assert_eq!(again.json(), explained, "{again:?}");

    let id = served["id"].as_str().unwrap();
    let path = format!("/explain/bid/{id}");
    let bid = server.program.until("the bid's record", PATIENCE, || {
        let reply = http::get(admin, &path);
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(bid["bid_id"], id);
    assert_eq!(
        bid["creative"].to_string(),
        served["crid"].as_str().unwrap()
    );
    for number in [
        "predicted_ctr",
        "value_cpm_micros",
        "price_cpm_micros",
        "shade",
    ] {
        assert_eq!(bid[number], numbers[number], "{number}");
    }
    for version in ["revision", "model_version"] {
        assert_eq!(bid[version], explained[version], "{version}");
    }
    assert_eq!(bid["predicted_again"]["agrees"], true, "{bid}");
    let beside = folder.run(&["explain", id, "--data", "data", "--json"]);
    assert_eq!(beside.code, Some(0), "{beside:?}");
    let beside: serde_json::Value = serde_json::from_str(&beside.out).unwrap();
    assert_eq!(beside, bid);

    what_cannot_be_explained_is_said(admin);
    let stopped = server.program.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    let after = folder.run(&["explain", id, "--data", "data"]);
    assert_eq!(after.code, Some(0), "{after:?}");
    let price = format!("price_cpm_micros   {}", bid["price_cpm_micros"]);
    assert!(after.out.lines().any(|line| line == price), "{after:?}");
    let missing = folder.run(&["explain", UNKNOWN, "--data", "data"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("no such bid"), "{missing:?}");
}

fn what_cannot_be_explained_is_said(admin: SocketAddr) {
    let cases = [
        ("GET", format!("/explain/bid/{UNKNOWN}"), 404, "no such bid"),
        ("GET", "/explain/bid/7".into(), 400, "32 hexadecimal digits"),
        ("POST", "/explain/requests/2".into(), 404, "is kept"),
        ("POST", "/explain/nowhere".into(), 404, "no exchange"),
        ("GET", "/explain/generic".into(), 405, ""),
    ];
    for (method, path, status, text) in cases {
        let reply = http::send(
            admin,
            &http::request(&format!("{method} {path}"), &[], b"{}"),
        );
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert!(reply.body.contains(text), "{path}: {reply:?}");
    }
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    let reply = http::post_json(admin, "/explain/generic", &large);
    assert_eq!(reply.status, 413, "{reply:?}");
}
