//! Responses: what is written is read back as it was given, however hostile.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::money::{Cpm, Currency, Micros};
use proptest::prelude::*;
use proto::openrtb::{Bid, DsaAnswer, MarkupType, ResponseHead, no_bid, write_response};
use serde_json::{Value, json};

fn head(bids: usize) -> ResponseHead<'static> {
    ResponseHead {
        id: "r",
        bidid: "b",
        cur: Currency::USD,
        seat: Some("s"),
        bids,
        grouped: 0,
    }
}

fn written(head: &ResponseHead<'_>, bids: &[Bid<'_>]) -> Value {
    let mut out = Vec::new();
    write_response(&mut out, head, |part, add| bids[part].iter().for_each(add));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_full_bid_is_written_field_by_field() {
    let categories = ["IAB3".to_owned(), "IAB3-1".to_owned()];
    let bid = Bid {
        adid: Some("a"),
        crid: "cr",
        cid: "c",
        adomain: "shop.example",
        cat: &categories,
        cattax: Some(6),
        attr: &[1, 16],
        burl: Some(&["https://b", "?p=${AUCTION_PRICE}"]),
        nurl: Some(&["https://n"]),
        lurl: Some(&["https://", "l", ""]),
        iurl: Some("https://i"),
        w: 300,
        h: 250,
        dur_s: Some(15),
        slotinpod: Some(-1),
        dealid: Some("d"),
        exp_s: Some(300),
        language: Some("en"),
        langb: Some("en-GB"),
        apis: &[5],
        dsa: Some(DsaAnswer {
            behalf: "Shop",
            paid: "\"Agency\"",
        }),
        ..Bid::new(
            "1",
            "i1",
            Cpm(Micros(1_234_567)),
            MarkupType::Video,
            "<VAST/>",
        )
    };
    let found = written(
        &head(2),
        &[bid, Bid::new("2", "i2", Cpm::ZERO, MarkupType::Banner, "x")],
    );
    let expected = json!({ "id": "r", "bidid": "b", "cur": "USD", "seatbid": [{ "seat": "s", "bid": [
        { "id": "1", "impid": "i1", "price": 1.234567, "adm": "<VAST/>", "mtype": 2, "adid": "a", "crid": "cr",
          "cid": "c", "adomain": ["shop.example"], "cat": ["IAB3", "IAB3-1"], "cattax": 6, "attr": [1, 16],
          "burl": "https://b?p=${AUCTION_PRICE}", "nurl": "https://n", "lurl": "https://l", "iurl": "https://i",
          "w": 300, "h": 250, "dur": 15, "slotinpod": -1, "dealid": "d", "exp": 300, "language": "en",
          "langb": "en-GB", "apis": [5], "ext": { "dsa": { "behalf": "Shop", "paid": "\"Agency\"" } } },
        { "id": "2", "impid": "i2", "price": 0, "adm": "x", "mtype": 1 },
    ] }] });
    assert_eq!(found, expected);
}

#[test]
fn prices_are_exact_decimals() {
    for (micros, expected) in [
        (0, "0"),
        (1, "0.000001"),
        (10, "0.00001"),
        (1_500_000, "1.5"),
        (2_000_000, "2"),
        (123_000_001, "123.000001"),
        (i64::MAX, "9223372036854.775807"),
    ] {
        let mut out = Vec::new();
        let bid = Bid::new("1", "1", Cpm(Micros(micros)), MarkupType::Banner, "");
        write_response(&mut out, &head(1), |_, add| add(&bid));
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("\"price\":{expected},")), "{text}");
    }
}

#[test]
fn a_reason_for_no_bid_is_a_response() {
    let mut out = Vec::new();
    no_bid(&mut out, "a\"b", 2);
    let found: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(found, json!({ "id": "a\"b", "seatbid": [], "nbr": 2 }));
}

proptest! {
    #[test]
    fn any_text_survives_a_response(id: String, imp: String, adm: String, price in 0..i64::MAX) {
        let (parts, burl) = ([id.as_str(), imp.as_str()], format!("{id}{imp}"));
        let bid = Bid {
            crid: &adm,
            burl: Some(&parts),
            ..Bid::new(&id, &imp, Cpm(Micros(price)), MarkupType::Banner, adm.as_str())
        };
        let found = written(&ResponseHead { id: &id, ..head(1) }, &[bid]);
        prop_assert_eq!(found["id"].as_str(), Some(id.as_str()));
        let bid = &found["seatbid"][0]["bid"][0];
        prop_assert_eq!(bid["impid"].as_str(), Some(imp.as_str()));
        prop_assert_eq!(bid["adm"].as_str(), Some(adm.as_str()));
        prop_assert_eq!(bid["burl"].as_str(), Some(burl.as_str()));
    }
}
