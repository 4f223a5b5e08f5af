//! Hostile requests: no panic, no deep stack, no slow parse; and the parser against serde_json.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use domain::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_DEPTH_MAX, REQUEST_IMPS_MAX};
use proptest::prelude::*;
use proptest::sample::Index;
use proto::openrtb::{Arena, RequestError, parse};
use serde_json::Value;

/// Every request of the fixtures that is JSON.
fn requests() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/openrtb");
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        let cases = match serde_json::from_slice(&text).unwrap() {
            Value::Array(cases) => cases,
            case => vec![case],
        };
        let texts = cases.iter().map(|case| match &case["request"] {
            Value::String(raw) => raw.clone(),
            request => request.to_string(),
        });
        requests.extend(texts.map(String::into_bytes));
    }
    requests.sort();
    requests
}

fn nested(open: &str, close: &str, depth: usize) -> Vec<u8> {
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    format!("{{\"id\":\"1\",\"imp\":[{{\"id\":\"1\"}}],\"ext\":{open}1{close}}}").into_bytes()
}

#[test]
fn depth_ends_at_its_limit() {
    let deepest = REQUEST_DEPTH_MAX - 1; // the request itself is one level
    assert!(parse(&mut nested("[", "]", deepest), &mut Arena::new()).is_ok());
    assert!(parse(&mut nested("{\"a\":", "}", deepest), &mut Arena::new()).is_ok());
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [deepest + 1, 150_000] {
            let error = parse(&mut nested(open, close, depth), &mut Arena::new()).unwrap_err();
            assert_eq!(error, RequestError::TooDeep, "{depth}");
        }
    }
    assert_eq!(
        parse(&mut b"[".repeat(200_000), &mut Arena::new()).unwrap_err(),
        RequestError::TooDeep
    );
}

#[test]
fn depth_inside_a_native_request_ends_too() {
    let inner = "[".repeat(200_000);
    let body =
        serde_json::json!({ "id": "1", "imp": [{ "id": "1", "native": { "request": inner } }] });
    let mut body = body.to_string().into_bytes();
    let mut arena = Arena::new();
    let request = parse(&mut body, &mut arena).unwrap();
    let native = request.imps[0].native.as_ref().unwrap();
    assert_eq!(native.parsed().unwrap_err(), RequestError::TooDeep);
}

#[test]
fn size_ends_at_its_limit() {
    let mut body = b"{\"id\":\"1\",\"imp\":[{\"id\":\"1\"}]}".to_vec();
    body.resize(REQUEST_BODY_BYTES_MAX, b' ');
    assert!(parse(&mut body.clone(), &mut Arena::new()).is_ok());
    body.push(b' ');
    let bytes = body.len();
    assert_eq!(
        parse(&mut body, &mut Arena::new()).unwrap_err(),
        RequestError::TooLarge { bytes }
    );
}

#[test]
fn many_impressions_are_cut_to_the_limit() {
    let imps = vec![serde_json::json!({ "id": "1" }); REQUEST_IMPS_MAX + 5];
    let body = serde_json::json!({ "id": "1", "imp": imps }).to_string();
    let mut body = body.into_bytes();
    assert_eq!(
        parse(&mut body, &mut Arena::new()).unwrap().imps.len(),
        REQUEST_IMPS_MAX
    );
}

#[test]
fn long_lists_to_be_merged_stay_bounded() {
    let ids: Vec<usize> = (0..20_000).collect();
    let eids: Vec<_> = (0..10_000)
        .map(|id| serde_json::json!({ "source": id, "uids": [{ "id": id }] }))
        .collect();
    let body = serde_json::json!({
        "id": "1", "imp": [{ "id": "1" }], "site": { "cat": ids, "keywords": ids },
        "regs": { "gpp_sid": ids }, "user": { "eids": eids },
    });
    let mut body = body.to_string().into_bytes();
    let mut arena = Arena::new();
    let request = parse(&mut body, &mut arena).unwrap();
    assert!(request.user.eids.len() < 100);
    assert!(request.regs.gpp_sid.len() < 100);
    assert!(request.site.unwrap().cat.len() < 1_000);
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    for bad in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
        let mut body = b"{\"id\":\"1\",\"imp\":[{\"id\":\"".to_vec();
        body.extend_from_slice(bad);
        body.extend_from_slice(b"\"}]}");
        let error = parse(&mut body, &mut Arena::new()).unwrap_err();
        assert!(
            matches!(error, RequestError::Malformed { .. }),
            "{bad:?}: {error}"
        );
    }
}

#[test]
fn serde_json_agrees_on_what_is_json_and_on_the_ids() {
    let mut read = 0;
    for body in requests() {
        let oracle: Option<Value> = serde_json::from_slice(&body).ok();
        let text = String::from_utf8_lossy(&body).into_owned();
        match (parse(&mut body.clone(), &mut Arena::new()), oracle) {
            (Ok(request), Some(value)) => {
                let id = value["id"].as_str().map(str::to_owned);
                let id = id.unwrap_or_else(|| value["id"].to_string());
                assert_eq!(request.id, id, "{text}");
                let answerable = |imp: &&Value| {
                    matches!(&imp["id"], Value::String(id) if !id.is_empty())
                        || imp["id"].is_number()
                };
                let imps = value["imp"].as_array().unwrap().iter().filter(answerable);
                assert_eq!(request.imps.len(), imps.count(), "{text}");
                read += 1;
            }
            (Err(RequestError::Malformed { .. }), oracle) => assert_eq!(oracle, None, "{text}"),
            (Err(error), Some(_)) => assert!(matches!(error, RequestError::Invalid { .. })),
            (read, None) => assert!(read.is_err(), "{text} is no JSON: {read:?}"),
        }
    }
    assert!(read > 30, "only {read} requests were compared");
}

/// What a mutation may put in: the characters that JSON is made of, and some that it is not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            "\"",
            ":",
            ",",
            "\\",
            "\\u",
            "\\ud800",
            "null",
            "true",
            "1e999",
            "-0",
            "-",
            ".5",
            "99999999999999999999",
            "\"ext\":",
            "\"bidfloor\":-1,",
            "\u{0}",
            "\n",
            "[[[[",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ]
}

/// A value of a type that a field may not expect.
fn junk() -> impl Strategy<Value = Value> {
    let values = serde_json::json!([
        null, true, 0, -1, 1e300, 18_446_744_073_709_551_615_u64, "", "x", "1", "[]", [], {}, [[1]],
        ["a", 1, null], { "id": 1 }, [{ "id": "1" }]
    ]);
    prop::sample::select(values.as_array().unwrap().clone())
}

/// How many values are in `value`, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The value met at place `at` on a walk through all of them.
fn node(value: &mut Value, at: usize) -> Option<&mut Value> {
    if at == 0 {
        return Some(value);
    }
    let inside: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    let mut before = 1;
    for child in inside {
        let size = count(child);
        if at < before + size {
            return node(child, at - before);
        }
        before += size;
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn mutated_requests_never_panic(
        which in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), 0_usize..6, piece()), 1..6),
    ) {
        let requests = requests_once();
        let mut body = which.get(requests).clone();
        for (at, removed, added) in edits {
            let at = at.index(body.len() + 1);
            let end = (at + removed).min(body.len());
            body.splice(at..end, added);
        }
        let is_json = serde_json::from_slice::<Value>(&body).is_ok();
        let utf8 = std::str::from_utf8(&body).map(str::to_owned);
        let mut arena = Arena::new();
        let read = parse(&mut body, &mut arena);
        let taken_for_json = match read {
            Err(RequestError::TooDeep) => is_json,
            Err(RequestError::Malformed { .. }) => false,
            _ => true,
        };
        prop_assert_eq!(taken_for_json, is_json, "{:?}: {:?}", utf8, read);
        if let Ok(request) = read {
            prop_assert!(utf8.is_ok());
            prop_assert!(!request.id.is_empty() && !request.imps.is_empty());
            for native in request.imps.iter().filter_map(|imp| imp.native.as_ref()) {
                prop_assert!(native.parsed().map_or(0, |native| native.assets.len()) < 100);
            }
        }
    }

    #[test]
    fn values_of_any_type_are_never_malformed(
        which in any::<Index>(),
        swaps in prop::collection::vec((any::<Index>(), junk()), 1..4),
    ) {
        let requests = requests_once();
        let Ok(mut request) = serde_json::from_slice::<Value>(which.get(requests).as_slice()) else {
            return Ok(());
        };
        for (at, junk) in swaps {
            let at = at.index(count(&request));
            *node(&mut request, at).unwrap() = junk;
        }
        let mut body = request.to_string().into_bytes();
        let error = parse(&mut body, &mut Arena::new()).err();
        prop_assert!(
            matches!(error, None | Some(RequestError::Invalid { .. })),
            "{error:?}: {request}"
        );
    }

    #[test]
    fn texts_are_read_as_they_were_meant(text: String, other: String, escaped: bool) {
        let text = text + "."; // an empty id is none
        let written = |text: &str| match escaped {
            true => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
            false => {
                let quoted = serde_json::to_string(text).unwrap();
                let bare = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                bare.unwrap().to_owned()
            }
        };
        let (site, id, page) = (written("site"), written(&text), written(&other));
        let body = format!(r#"{{"id":"{id}","imp":[{{"id":"1"}}],"{site}":{{"page":"{page}"}}}}"#);
        let (mut body, mut arena) = (body.into_bytes(), Arena::new());
        let request = parse(&mut body, &mut arena).unwrap();
        prop_assert_eq!(request.id, text);
        prop_assert_eq!(request.site.unwrap().page.unwrap_or_default(), other);
    }

    #[test]
    fn any_bytes_never_panic(mut body in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&mut body, &mut Arena::new()).is_err());
    }
}

fn requests_once() -> &'static [Vec<u8>] {
    static REQUESTS: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    REQUESTS.get_or_init(requests)
}
