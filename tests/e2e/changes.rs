//! Changes made in the console while the bidder serves: they are live within a second.

use std::time::Duration;

use domain::Clock;
use domain::time::SystemClock;
use serde_json::{Value, json};

use crate::support::folder::Folder;
use crate::support::server::{Administrator, Server, banner_request};

/// How soon a change must be what the bidder does.
const LIVE_WITHIN: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 86_400_000;

/// Asks until the answer has this status, and gives it.
fn until(server: &mut Server, request: &Value, status: u16) -> Value {
    let bidder = server.bidder;
    let body = request.to_string();
    let what = format!("status {status}");
    server.program.until(&what, LIVE_WITHIN, || {
        let reply = crate::support::http::post_json(bidder, "/bid/generic", body.as_bytes());
        let body = if reply.body.is_empty() {
            Value::Null
        } else {
            reply.json()
        };
        (reply.status == status).then_some(body)
    })
}

#[test]
fn pausing_stops_bids_within_a_second() {
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let administrator = server.sign_in();
    server.leave_first_line_item(&administrator);
    let request = banner_request("r1");
    assert_eq!(server.ask(&request).status, 200);
    for object in ["campaigns/1", "line-items/1", "creatives/1"] {
        administrator.set_status(object, "paused");
        until(&mut server, &request, 204);
        administrator.set_status(object, "active");
        until(&mut server, &request, 200);
    }
}

#[test]
fn a_campaign_made_over_the_api_bids_within_a_second() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    let administrator = server.sign_in();
    let mut request = banner_request("r1");
    assert_eq!(
        server.ask(&request).status,
        204,
        "there is nothing to bid with"
    );
    let creative = make_campaign(&administrator);
    let response = until(&mut server, &request, 200);
    let bid = &response["seatbid"][0]["bid"][0];
    assert_eq!(bid["adomain"], json!(["boots.example"]), "{bid}");
    assert_eq!(bid["crid"], json!(creative.to_string()), "{bid}");
    assert!(bid["price"].as_f64().unwrap() <= 3.0, "{bid}");
    request["device"]["geo"]["country"] = json!("FRA");
    assert_eq!(server.ask(&request).status, 204, "not targeted");
}

/// Everything a first campaign needs; gives the creative's id.
fn make_campaign(administrator: &Administrator) -> u64 {
    let advertiser = json!({"name": "Boots", "domain": "boots.example"});
    let advertiser = administrator.create("advertisers", &advertiser);
    let now = SystemClock::new().now().0;
    let campaign = json!({
        "advertiser_id": advertiser, "name": "Winter", "status": "active", "budget_micros": 100_000_000,
        "flight_start_ms": now - 1_000, "flight_end_ms": now + DAY_MS, "plan": "asap",
        "goal": "impressions"
    });
    let campaign = administrator.create("campaigns", &campaign);
    let creative = json!({
        "advertiser_id": advertiser, "name": "Banner", "status": "active",
        "format": {"type": "banner", "size": "300x250", "html": "<a href=\"{CLICK_URL}\">Boots</a>"},
        "click_url": "https://boots.example/winter", "adomain": "boots.example"
    });
    let creative = administrator.create("creatives", &creative);
    let line_item = json!({
        "campaign_id": campaign, "name": "Germany", "status": "active",
        "bid": {"type": "cpm", "amount_micros": 3_000_000}, "max_bid_cpm_micros": 3_000_000,
        "creative_ids": [creative], "targeting": {"countries": {"include": ["DEU"]}}
    });
    administrator.create("line-items", &line_item);
    creative
}
