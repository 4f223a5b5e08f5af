//! The whole loop of one impression: bid, win, billing, view of the page, click, conversion, report.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::folder::Folder;
use crate::support::server::{Administrator, PUBLIC_URL, Server, banner_request};

/// What the exchange says was paid for a thousand impressions, in USD.
const PRICE: &str = "1.23";
/// The same for one impression, in micros.
const PRICE_MICROS: i64 = 1_230;
const COUNTED_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_bid_becomes_spend_and_a_report() {
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let administrator = server.sign_in();
    server.leave_first_line_item(&administrator);
    let response = server.ask(&banner_request("r1"));
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"));
    let response = response.json();
    assert_eq!(
        (&response["id"], &response["cur"]),
        (&json!("r1"), &json!("USD"))
    );
    let bid = &response["seatbid"][0]["bid"][0];
    check(bid);

    deliver(&server, bid);

    let totals = server.totals();
    assert_eq!(totals["ledger"], json!({"1": PRICE_MICROS}), "{totals}");
    assert_eq!(totals["accounts"], json!({"1": PRICE_MICROS}), "{totals}");
    let kinds = json!({"wins": 1, "billed": 1, "impressions": 1, "views": 0, "clicks": 1, "conversions": 1, "playback": [0, 0, 0, 0, 0, 0, 0]});
    let expected = json!({"spend_micros": PRICE_MICROS, "kinds": kinds});
    assert_eq!(totals["reports"]["1"], expected, "{totals}");
    assert_eq!(totals["repeated_rows"], 0);
    read_reports(&mut server, &administrator);

    let stopped = server.program.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    let mut again = Server::start(&folder);
    assert_eq!(again.totals()["reports"], totals["reports"]);
}

fn check(bid: &Value) {
    let price = bid["price"].as_f64().unwrap();
    assert!((0.5..=100.0).contains(&price), "{bid}");
    assert_eq!(bid["impid"], "1");
    assert_eq!(bid["adomain"], json!(["outfitters.example"]));
    assert_eq!((&bid["w"], &bid["h"]), (&json!(300), &json!(250)));
    for key in ["id", "crid", "cid", "adm"] {
        assert!(!bid[key].as_str().unwrap().is_empty(), "{key}: {bid}");
    }
    for key in ["nurl", "burl", "lurl"] {
        assert!(
            bid[key].as_str().unwrap().starts_with(PUBLIC_URL),
            "{key}: {bid}"
        );
    }
}

/// Everything that follows a won auction, each of it twice: only the first counts.
fn deliver(server: &Server, bid: &Value) {
    let mut events = Vec::new();
    for key in ["nurl", "burl"] {
        let url = bid[key]
            .as_str()
            .unwrap()
            .replace("${AUCTION_PRICE}", PRICE);
        events.push(twice(server, &url, 204));
    }
    let markup = bid["adm"].as_str().unwrap();
    events.push(twice(server, &url_in(markup, "/imp"), 200));
    let click = url_in(markup, "/click");
    events.push(twice(server, &click, 302));
    let landing = server.fire(&click).header("location").unwrap().to_owned();
    let (page, token) = landing.split_once("?paceline_t=").unwrap();
    assert_eq!(page, "https://outfitters.example/");
    let conversion = format!("{PUBLIC_URL}/conv?t={token}&name=order&order=7&value=49.90");
    events.push(twice(server, &conversion, 200));
    let distinct: std::collections::BTreeSet<_> = events.iter().collect();
    assert_eq!(distinct.len(), 5, "{events:?}");
}

/// Fires a URL and repeats it; gives the id of the event, which must be the same.
fn twice(server: &Server, url: &str, status: u16) -> String {
    let [first, repeat] = [(); 2].map(|()| server.fire(url));
    assert_eq!((first.status, repeat.status), (status, status), "{url}");
    assert_eq!(first.event(), repeat.event(), "{url}");
    let id = first.event();
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    id
}

/// The URL of ours in markup that has this path.
pub(crate) fn url_in(markup: &str, path: &str) -> String {
    let url = format!("{PUBLIC_URL}{path}?");
    let found = markup.split('"').find(|text| text.starts_with(&url));
    found
        .unwrap_or_else(|| panic!("no {url} in {markup}"))
        .to_owned()
}

fn read_reports(server: &mut Server, administrator: &Administrator) {
    // The bidder hands over its counts of bids every so often.
    server.program.until("counted bids", COUNTED_WITHIN, || {
        let report = administrator.read("/api/v1/reports?campaign=1");
        (report["rows"][0]["bids"] == 1).then_some(())
    });
    for question in ["campaign=1", "group=campaign", "campaign=1&group=line_item"] {
        let report = administrator.read(&format!("/api/v1/reports?{question}"));
        let rows = report["rows"].as_array().unwrap();
        // Other line items could have bid, and did not.
        assert!(rows.iter().skip(1).all(|row| row["bids"] == 0), "{report}");
        for key in [
            "bids",
            "wins",
            "billed",
            "impressions",
            "clicks",
            "conversions",
        ] {
            assert_eq!(rows[0][key], 1, "{question}: {key}: {report}");
        }
        assert_eq!(
            rows[0]["spend_micros"], PRICE_MICROS,
            "{question}: {report}"
        );
    }
    let account = administrator.read("/api/v1/campaigns/1/account");
    assert_eq!(account["spent_micros"], PRICE_MICROS, "{account}");
    assert_eq!(account["late_micros"], 0, "{account}");
}
