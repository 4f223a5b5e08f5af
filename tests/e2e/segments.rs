//! A hit of the segment pixel makes its user one whom a line item on that segment bids for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::delivery::url_in;
use crate::support::folder::Folder;
use crate::support::http;
use crate::support::server::{PUBLIC_URL, Server, banner_request};

/// Long enough for a busy machine: nothing is promised here but that it happens.
const KNOWN_WITHIN: Duration = Duration::from_secs(20);

/// A request of a user; as a test it is decided like any other but counts nowhere.
fn request(user: &str, test: u8) -> Value {
    let mut request = banner_request("r1");
    request["user"] = json!({ "buyeruid": user });
    request["test"] = json!(test);
    request
}

#[test]
fn a_user_of_a_segment_is_bid_for() {
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let administrator = server.sign_in();
    let bid = server.ask(&request("u1", 0)).json();
    let markup = bid["seatbid"][0]["bid"][0]["adm"].as_str().unwrap();
    let landing = server.fire(&url_in(markup, "/click"));
    let landing = landing.header("location").unwrap();
    let (_, token) = landing.split_once("paceline_t=").unwrap();
    let segment = format!("{PUBLIC_URL}/seg?t={token}&s=buyers");

    server.leave_first_line_item(&administrator);
    let owner = administrator.read("/api/v1/campaigns/1")["advertiser_id"].clone();
    let rule = format!("own/{owner}/buyers within 1h");
    let targeting = json!({"segments": {"include": [rule]}});
    administrator.set("line-items/1", "targeting", targeting);
    let bidder = server.bidder;
    let ask = |user: &str| {
        let body = request(user, 1).to_string();
        http::post_json(bidder, "/bid/generic", body.as_bytes()).status
    };
    server.program.until("the targeting", KNOWN_WITHIN, || {
        (ask("u1") == 204).then_some(())
    });
    let entered = server.fire(&segment);
    assert_eq!((entered.status, entered.event().len()), (200, 32));
    server.program.until("the segment", KNOWN_WITHIN, || {
        (ask("u1") == 200).then_some(())
    });
    assert_eq!(ask("u2"), 204, "nobody else came into it");
}
