//! Parsing takes nothing from the heap once its arena has met ordinary requests, and no request makes it hoard memory.
#![expect(clippy::unwrap_used, reason = "tests")]

use counting::{COUNT, LIVE_BYTES, PEAK_BYTES};
use domain::limits::REQUEST_BODY_BYTES_MAX;
use proto::openrtb::protobuf::Decoded;
use proto::openrtb::{Arena, parse};
use serde_json::{Value, json};

#[path = "../../ctr-model/tests/counting/mod.rs"]
mod counting;
#[path = "support/twin.rs"]
mod twin;

/// Every fixture that is a request, and some with more of everything.
fn requests() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/openrtb");
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        let cases = match serde_json::from_slice(&text).unwrap() {
            Value::Array(cases) => cases,
            case => vec![case],
        };
        requests.extend(cases.iter().map(|case| match &case["request"] {
            Value::String(raw) => raw.clone().into_bytes(),
            request => request.to_string().into_bytes(),
        }));
    }
    for slots in [1, 4, 11] {
        requests.push(large(slots).to_string().into_bytes());
    }
    requests
}

/// A request with so many slots for everything.
fn large(slots: usize) -> Value {
    let layout = json!({ "ver": "1.2", "assets": [
        { "id": 1, "required": 1, "title": { "len": 90 } },
        { "id": 2, "img": { "type": 3, "w": 1200, "h": 627, "mimes": ["image/png"] } },
    ], "eventtrackers": [{ "event": 1, "methods": [1, 2] }] });
    let deals: Vec<_> = (0..20)
        .map(|id| json!({ "id": id, "bidfloor": 1.25, "wseat": ["a", "b"] }))
        .collect();
    let imp = |id: usize| {
        json!({ "id": id, "bidfloor": "0.5", "tagid": 123_456_789_012_u64, "pmp": { "deals": deals },
            "banner": { "format": [{ "w": 300, "h": 250 }, { "wratio": 16, "hratio": 9 }], "mimes": "a,b" },
            "video": { "mimes": ["video/mp4"], "protocol": 2, "protocols": [3, 5, 6],
                "durfloors": [{ "mindur": 5, "bidfloor": 2 }] },
            "native": { "request": layout.to_string() } })
    };
    let eids: Vec<_> = (0..25)
        .map(|id| json!({ "source": format!("{id}.example"), "uids": [{ "id": "\u{e9}\"x" }] }))
        .collect();
    json!({ "id": 17.5, "imp": (1..=slots).map(imp).collect::<Vec<_>>(), "cur": ["USD", "EUR"],
        "user": { "eids": eids, "ext": { "eids": eids }, "keywords": "a,b", "kwarray": ["c"] },
        "regs": { "gpp_sid": [7, 2], "ext": { "gpp_sid": "8,9" } } })
}

#[test]
fn parsing_takes_nothing_from_the_heap() {
    let (requests, mut arena) = (requests(), Arena::new());
    let mut read = 0;
    for pass in 0..4 {
        for request in &requests {
            let mut body = request.clone();
            let before = COUNT.get();
            let is_read = parse(&mut body, &mut arena).is_ok();
            let taken = COUNT.get() - before;
            if pass >= 2 {
                assert_eq!(taken, 0, "{:.300}", String::from_utf8_lossy(request));
                read += u32::from(is_read);
            }
        }
    }
    assert!(read > 80, "only {read} requests were read");
}

/// Decoding protobuf makes a message of its own; reading that one takes nothing.
#[test]
fn reading_a_decoded_message_takes_nothing_from_the_heap() {
    let text = include_bytes!("../fixtures/openrtb/typical.json");
    let typical: Value = serde_json::from_slice(text).unwrap();
    let message = twin::Schema::read().translate(&typical["request"]);
    let decoded = Decoded::decode(&twin::encode(&message.unwrap())).unwrap();
    let mut arena = Arena::new();
    for pass in 0..4 {
        let before = COUNT.get();
        assert!(decoded.request(&mut arena).is_ok());
        let taken = COUNT.get() - before;
        assert!(pass < 2 || taken == 0, "{taken}");
    }
}

/// A body of the largest size that repeats `piece`.
fn full_of(before: &str, piece: &str, after: &str) -> Vec<u8> {
    let room = REQUEST_BODY_BYTES_MAX - before.len() - after.len();
    let pieces = piece.repeat(room / piece.len());
    let pieces = pieces.strip_suffix(',').unwrap();
    format!("{before}{pieces}{after}").into_bytes()
}

#[test]
fn no_request_takes_much_memory_or_keeps_it() {
    let top = r#"{"id":"1","imp":[{"id":"1"}],"#;
    let bodies = [
        full_of(
            &format!(r#"{top}"source":{{"schain":{{"nodes":["#),
            "{},",
            "]}}}",
        ),
        full_of(&format!(r#"{top}"user":{{"data":["#), "{},", "]}}"),
        full_of(&format!(r#"{top}"bcat":["#), "1.5,", "]}"),
        full_of(&format!(r#"{top}"bcat":["#), "1,", "]}"),
        full_of(top, r#""wlang":"e","#, "}"),
        full_of(top, r#""site":{"cat":"e"},"#, "}"),
        full_of(
            r#"{"id":"1","imp":[{"id":"1","pmp":{"deals":["#,
            r#"{"id":1},"#,
            "]}}]}",
        ),
        full_of(
            r#"{"id":"1","imp":[{"id":"1","#,
            r#""native":{"request":"{}"},"#,
            "}]}",
        ),
        full_of(r#"{"id":"1","#, r#""imp":[{"id":1}],"#, "}"),
    ];
    let mut arena = Arena::new();
    for mut body in bodies {
        let start = String::from_utf8_lossy(&body[..80]).into_owned();
        let before = LIVE_BYTES.get();
        PEAK_BYTES.set(before);
        assert!(parse(&mut body, &mut arena).is_ok(), "{start}");
        let peak = PEAK_BYTES.get() - before;
        assert!(peak < 50 * REQUEST_BODY_BYTES_MAX as i64, "{start}: {peak}");
        parse(
            &mut br#"{"id":"1","imp":[{"id":"1"}]}"#.to_vec(),
            &mut arena,
        )
        .unwrap();
        let kept = LIVE_BYTES.get() - before;
        assert!(kept < 2 << 20, "{start}: {kept}");
    }
}
