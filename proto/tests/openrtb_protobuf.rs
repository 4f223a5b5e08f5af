//! Protobuf against JSON: the same request is read, the same response is written, and no bytes are too hostile.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/twin.rs"]
mod twin;

use domain::limits::REQUEST_BODY_BYTES_MAX;
use domain::random::SplitMix64;
use domain::{Cpm, Currency, Micros};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use proto::openrtb::protobuf::{Decoded, wire};
use proto::openrtb::{
    Arena, Bid, DsaAnswer, Floor, Format, MarkupType, RequestError, ResponseHead, Signal, parse,
};
use twin::{Schema, encode, write_json};

#[test]
fn a_request_says_the_same_in_both_forms() {
    let (schema, mut rng, mut read) = (Schema::read(), SplitMix64::new(7), 0);
    for number in 0..4000 {
        let message = schema.random(&mut rng);
        let text = write_json(&message);
        let mut json = text.clone().into_bytes();
        let bytes = encode(&message);
        let decoded = Decoded::decode(&bytes).unwrap();
        let (mut one, mut other) = (Arena::new(), Arena::new());
        let (one, other) = (parse(&mut json, &mut one), decoded.request(&mut other));
        assert_eq!(one, other, "{number}: {text}");
        read += u32::from(one.is_ok());
    }
    assert!(read > 2500, "{read}");
}

#[test]
fn the_schema_file_is_what_prost_reads() {
    let (schema, mut rng) = (Schema::read(), SplitMix64::new(8));
    for _ in 0..200 {
        let bytes = encode(&schema.random(&mut rng));
        let message = wire::BidRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!(message.encode_to_vec(), bytes);
    }
}

/// Written by hand from the standard's numbers.
const GOLDEN_REQUEST: &[u8] = &[
    0x0a, 2, b'r', b'1', // id
    0x12, 22, // imp
    0x0a, 1, b'7', // its id
    0x12, 8, 0x08, 0xac, 2, 0x10, 0xfa, 1, 0x18, 0, // banner: w 300, h 250 and field 3
    0x41, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // bidfloor 1.5
];

#[test]
fn golden_bytes_are_read() {
    // Field 3 of a banner is its id, which nobody reads: of whatever type, it is skipped.
    let decoded = Decoded::decode(GOLDEN_REQUEST).unwrap();
    let mut arena = Arena::new();
    let request = decoded.request(&mut arena).unwrap();
    assert_eq!((request.id, request.imps.len()), ("r1", 1));
    let imp = &request.imps[0];
    assert_eq!(imp.id, "7");
    let sizes = &imp.banner.as_ref().unwrap().sizes;
    assert_eq!((sizes[0].width, sizes[0].height), (300, 250));
    assert_eq!(imp.floor, Floor::At(Cpm(Micros(1_500_000)), Currency::USD));
}

fn head(bids: usize, grouped: usize) -> ResponseHead<'static> {
    ResponseHead {
        id: "r1",
        bidid: "b",
        cur: Currency::USD,
        seat: Some("s"),
        bids,
        grouped,
    }
}

#[test]
fn golden_bytes_are_written() {
    let bid = Bid {
        attr: &[1, 300],
        slotinpod: Some(-1),
        w: 300,
        ..Bid::new("i", "7", Cpm(Micros(1_500_000)), MarkupType::Banner, "<a>")
    };
    let mut out = b"kept".to_vec();
    Format::Protobuf.write_response(&mut out, &head(1, 0), |_, add| add(&bid));
    let mut wanted = b"kept".to_vec();
    wanted.extend_from_slice(&[0x0a, 2, b'r', b'1', 0x12, 0x31, 0x0a, 0x2c]);
    wanted.extend_from_slice(&[0x0a, 1, b'i', 0x12, 1, b'7']);
    wanted.extend_from_slice(&[0x19, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
    wanted.extend_from_slice(&[0x32, 3, b'<', b'a', b'>', 0x5a, 3, 1, 0xac, 2]);
    wanted.extend_from_slice(&[0x80, 1, 0xac, 2, 0xe0, 1]);
    wanted.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    wanted.extend_from_slice(&[0x88, 2, 1, 0x12, 1, b's']);
    wanted.extend_from_slice(&[0x1a, 1, b'b', 0x22, 3, b'U', b'S', b'D']);
    assert_eq!(out, wanted);
}

#[test]
fn a_response_says_the_same_in_both_forms() {
    let categories = ["IAB1".to_owned(), "IAB2".to_owned()];
    let markup = "<b>ü\"</b>".repeat(4000);
    let full = Bid {
        adid: Some("ad"),
        crid: "cr",
        cid: "c",
        adomain: "shop.example",
        cat: &categories,
        cattax: Some(2),
        attr: &[1, 6],
        burl: Some(&["https://b"]),
        nurl: Some(&["https://n"]),
        lurl: Some(&["https://l"]),
        iurl: Some("https://i"),
        w: 640,
        h: 360,
        dur_s: Some(15),
        slotinpod: Some(2),
        dealid: Some("d"),
        exp_s: Some(600),
        language: Some("en"),
        langb: Some("en-GB"),
        apis: &[3, 7],
        dsa: Some(DsaAnswer {
            behalf: "Shop \"ü\"",
            paid: "Agency",
        }),
        ..Bid::new(
            "1",
            "2",
            Cpm(Micros(1_234_567)),
            MarkupType::Video,
            markup.as_str(),
        )
    };
    let bare = Bid::new("3", "4", Cpm(Micros(250_000)), MarkupType::Native, "{}");
    let schema = Schema::read();
    for (bids, grouped) in [
        (&[full, bare][..], 0),
        (&[bare], 0),
        (&[full, bare, bare], 2),
    ] {
        let head = head(bids.len(), grouped);
        let written = |format: Format| {
            let mut out = Vec::new();
            format.write_response(&mut out, &head, |part, add| bids[part].iter().for_each(add));
            out
        };
        let (json, bytes) = (written(Format::Json), written(Format::Protobuf));
        let wanted: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(twin::response_json(&schema, &bytes), wanted);
        let message = wire::BidResponse::decode(bytes.as_slice()).unwrap();
        assert_eq!(message.encode_to_vec(), bytes, "in the order of prost");
    }
    let mut bytes = Vec::new();
    Format::Protobuf.no_bid(&mut bytes, "r1", 2);
    assert_eq!(bytes, [0x0a, 2, b'r', b'1', 0x30, 2]);
}

/// The request with these fields changed from a plain one.
fn read(
    change: impl FnOnce(&mut wire::BidRequest),
    check: impl FnOnce(&proto::openrtb::BidRequest<'_>),
) {
    let imp = wire::Imp {
        id: Some("1".into()),
        ..Default::default()
    };
    let mut message = wire::BidRequest {
        id: Some("r".into()),
        imp: vec![imp],
        ..Default::default()
    };
    change(&mut message);
    let decoded = Decoded::decode(&message.encode_to_vec()).unwrap();
    check(&decoded.request(&mut Arena::new()).unwrap());
}

#[test]
fn money_is_read_strictly() {
    for floors in [
        vec![-1.0],
        vec![f64::NAN],
        vec![f64::INFINITY],
        vec![1.0, 2.0],
    ] {
        read(
            |message| message.imp[0].bidfloor = floors,
            |request| assert_eq!(request.imps[0].floor, Floor::Unreadable),
        );
    }
    for multiplier in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let multiplier = Some(multiplier);
        read(
            |message| message.imp[0].qty = Some(wire::Qty { multiplier }),
            |request| assert_eq!(request.imps[0].multiplier, None),
        );
    }
}

#[test]
fn privacy_takes_the_stricter_place() {
    let regs = wire::Regs {
        gdpr: vec![false],
        us_privacy: vec!["1YNN".into()],
        gpp: vec!["DBABM".into(), "DBACNY".into()],
        gpp_sid: vec![7, 2, 7],
        ext: Some(wire::RegsExt {
            gdpr: vec![true, false],
            us_privacy: vec!["1YYN".into()],
            gpc: vec!["0".into(), "what".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let user = wire::User {
        consent: vec!["one".into()],
        ext: Some(wire::UserExt {
            consent: vec!["other".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    read(
        |message| (message.regs, message.user) = (Some(regs), Some(user)),
        |request| {
            let regs = &request.regs;
            assert_eq!((regs.coppa, regs.gdpr, regs.gpc), (false, Some(true), true));
            assert_eq!(regs.us_privacy.as_str(), Some("1YYN"));
            assert_eq!(regs.gpp, Signal::Unreadable);
            assert_eq!(regs.gpp_sid, [2, 7]);
            assert_eq!(request.user.consent, Signal::Unreadable);
        },
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let malformed = RequestError::MalformedProtobuf;
    let cases: [(&[u8], RequestError); 7] = [
        (b"{\"id\":\"1\",\"imp\":[{\"id\":\"1\"}]}", malformed),
        (&[0x0a, 0x01, 0xff], malformed),             // not UTF-8
        (&[0x08, 0x01], malformed),                   // an id that is a number
        (&[0x12, 0x03, 0x0a, 0x05, b'1'], malformed), // an imp that is cut
        (&[0x80; 11], malformed),
        (b"", RequestError::Invalid { field: "id" }),
        (&[0x0a, 0x01, b'1'], RequestError::Invalid { field: "imp" }),
    ];
    for (bytes, wanted) in cases {
        let mut arena = Arena::new();
        let error =
            Decoded::decode(bytes).and_then(|decoded| decoded.request(&mut arena).map(|_| ()));
        assert_eq!(error, Err(wanted), "{bytes:?}");
    }
    let bytes = REQUEST_BODY_BYTES_MAX + 1;
    let error = Decoded::decode(&vec![0; bytes]).unwrap_err();
    assert_eq!(error, RequestError::TooLarge { bytes });
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(decoded) = Decoded::decode(&bytes) {
            decoded.request(&mut Arena::new()).ok();
        }
    }

    #[test]
    fn changed_requests_never_panic(seed: u64, changes: Vec<(Index, u8)>, cut: Index) {
        let mut bytes = encode(&Schema::read().random(&mut SplitMix64::new(seed)));
        prop_assume!(!bytes.is_empty());
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            let decoded = Decoded::decode(bytes);
            let mut arena = Arena::new();
            let request = decoded.as_ref().map_err(|error| *error);
            if let Ok(request) = request.and_then(|decoded| decoded.request(&mut arena)) {
                prop_assert!(!request.id.is_empty() && !request.imps.is_empty());
            }
        }
    }
}
