//! Native answers as messages: they say what the JSON text says, and what no message holds stays a text.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "a part of the support is for other tests")]

#[path = "support/ads.rs"]
mod ads;
#[path = "support/twin.rs"]
mod twin;

use ads::{PIXEL, TRACKER, creative, fill, picture};
use domain::creative::{NativeAssets, Trackers};
use domain::{Cpm, Creative, CreativeFormat, Currency, Micros};
use prost::Message;
use proto::openrtb::markup::{Compiler, Filled, Shape};
use proto::openrtb::protobuf::wire;
use proto::openrtb::{Adm, Arena, Bid, Format, MarkupType, ResponseHead, parse};
use serde_json::{Value, json};
use twin::Schema;

const HOSTILE: &str = "a\"b\\c\n<d> ключ ${AUCTION_PRICE}";

fn native(trackers: Trackers) -> Creative {
    let assets = NativeAssets {
        title: HOSTILE.to_owned(),
        description: "d".to_owned(),
        sponsored: "s".to_owned(),
        call_to_action: "c".to_owned(),
        image: picture("i.png", 1200, 627),
        icon: picture("k.png", 80, 80),
    };
    Creative {
        trackers,
        ..creative(CreativeFormat::Native(assets))
    }
}

/// The answer to a layout, in this form, with the ad as a message where that is possible.
fn answer(creative: &Creative, layout: &Value, format: Format) -> Vec<u8> {
    let native = json!({"request": layout.to_string()});
    let request = json!({"id": "r", "imp": [{"id": "1", "native": native}]});
    let mut bytes = request.to_string().into_bytes();
    let mut arena = Arena::new();
    let request = parse(&mut bytes, &mut arena).unwrap();
    let filled = Filled {
        markup: &Compiler::new(PIXEL).compile(creative),
        creative,
        shape: Shape::Native(request.imps[0].native.as_ref().unwrap().parsed().unwrap()),
        fill: &fill("x y&z"),
    };
    let price = Cpm(Micros(1_000_000));
    let bid = Bid::new("b", "1", price, MarkupType::Native, Adm::Message(filled));
    let head = ResponseHead {
        id: "r",
        bidid: "b",
        cur: Currency::USD,
        seat: None,
        bids: 1,
        grouped: 0,
    };
    let mut out = Vec::new();
    format.write_response(&mut out, &head, |_, add| add(&bid));
    out
}

fn bid_of(answer: &Value) -> &Value {
    &answer["seatbid"][0]["bid"][0]
}

fn in_both(creative: &Creative, layout: &Value) -> (Value, Value) {
    let text: Value = serde_json::from_slice(&answer(creative, layout, Format::Json)).unwrap();
    let bytes = answer(creative, layout, Format::Protobuf);
    let message = wire::BidResponse::decode(bytes.as_slice()).unwrap();
    assert_eq!(message.encode_to_vec(), bytes, "in the order of prost");
    let packed = twin::response_json(&Schema::read(), &bytes);
    (bid_of(&text).clone(), bid_of(&packed).clone())
}

#[test]
fn a_message_says_what_the_text_says() {
    let assets = json!([
        {"id": 0, "title": {"len": 140}}, {"id": -7, "img": {"type": 3}}, {"id": 3, "img": {"type": 1}},
        {"id": 4, "data": {"type": 1}}, {"id": 5, "data": {"type": 2}}, {"id": 6, "data": {"type": 12}},
        {"id": 7, "data": {"type": 3}},
    ]);
    let others = Trackers {
        impression: vec![TRACKER.to_owned(), "https://two.example/\"q\\".to_owned()],
        click: vec![TRACKER.to_owned()],
    };
    let told = |event: u32| json!({"event": event, "methods": [1, 2]});
    for trackers in [Trackers::default(), others] {
        let creative = native(trackers);
        for (version, events) in [
            ("1.2", json!([told(1), told(2)])),
            ("1.2", json!([told(2)])),
            ("1.2", json!([told(1)])),
            ("1.1", json!([])),
            ("1.0", json!([])),
        ] {
            let layout = json!({"ver": version, "assets": assets, "eventtrackers": events});
            let (text, packed) = in_both(&creative, &layout);
            let text: Value = serde_json::from_str(text["adm"].as_str().unwrap()).unwrap();
            let wanted = if version == "1.0" {
                &text["native"]
            } else {
                &text
            };
            assert_eq!(&packed["adm_native"], wanted, "{layout}");
            assert_eq!(packed["assets"].as_array(), None);
            assert_eq!(packed.get("adm"), None, "one of both");
        }
    }
}

#[test]
fn an_id_beyond_a_message_leaves_the_text() {
    let layout = json!({"assets": [{"id": 5_000_000_000_u64, "title": {"len": 140}}]});
    let (text, packed) = in_both(&native(Trackers::default()), &layout);
    assert_eq!(packed["adm"], text["adm"]);
    assert_eq!(packed.get("adm_native"), None);
}

#[test]
fn other_markup_stays_a_text() {
    let html = domain::creative::BannerMarkup::Html {
        html: "<b>".to_owned(),
    };
    let banner = creative(CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup: html,
    });
    let filled = Filled {
        markup: &Compiler::new(PIXEL).compile(&banner),
        creative: &banner,
        shape: Shape::Banner { script: false },
        fill: &fill("x"),
    };
    let written = |adm: Adm<'_>| {
        let bid = Bid::new("b", "1", Cpm(Micros(1)), MarkupType::Banner, adm);
        let head = ResponseHead {
            id: "r",
            bidid: "b",
            cur: Currency::USD,
            seat: None,
            bids: 1,
            grouped: 0,
        };
        let mut out = Vec::new();
        Format::Protobuf.write_response(&mut out, &head, |_, add| add(&bid));
        out
    };
    assert_eq!(written(Adm::Message(filled)), written(Adm::Ad(filled)));
}
