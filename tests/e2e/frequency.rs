//! An impression at the pixel counts in the bidder's decisions within a second.

use std::time::Duration;

use serde_json::{Value, json};

use crate::delivery::url_in;
use crate::support::folder::Folder;
use crate::support::http;
use crate::support::server::{Server, banner_request};

const COUNTS_WITHIN: Duration = Duration::from_secs(1);
const USERS: usize = 20;

/// A request of a user; as a test it is decided like any other but counts nowhere, so that asking changes nothing.
fn request(user: usize, test: u8) -> Value {
    let mut request = banner_request("r1");
    request["user"] = json!({ "buyeruid": format!("u{user}") });
    request["test"] = json!(test);
    request
}

/// The cap comes after the bids, so that no bid of the bidder's own memory counts against it: what refuses can only
/// be the impression, through pixel, log, updater, store and the core's cache.
#[test]
fn an_impression_counts_at_the_bidder_within_a_second() {
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let administrator = server.sign_in();
    server.leave_first_line_item(&administrator);
    let bids = (0..USERS).map(|user| server.ask(&request(user, 0)).json());
    let impressions: Vec<String> = bids
        .map(|answer| {
            url_in(
                answer["seatbid"][0]["bid"][0]["adm"].as_str().unwrap(),
                "/imp",
            )
        })
        .collect();
    let caps = json!([{"impressions": 1, "window_s": 3600}]);
    administrator.set("line-items/1", "frequency_caps", caps);
    let bidder = server.bidder;
    let ask = |request: &Value| {
        http::post_json(bidder, "/bid/generic", request.to_string().as_bytes()).status
    };
    let mut anonymous = request(0, 1);
    anonymous["user"] = json!({});
    server.program.until("the cap", COUNTS_WITHIN, || {
        (ask(&anonymous) == 204).then_some(())
    });
    for (user, impression) in impressions.iter().enumerate() {
        let request = request(user, 1);
        assert_eq!(ask(&request), 200, "{user}: nothing was shown yet");
        assert_eq!(server.fire(impression).status, 200);
        server.program.until("the impression", COUNTS_WITHIN, || {
            (ask(&request) == 204).then_some(())
        });
    }
}
