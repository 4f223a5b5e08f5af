//! What must not be stored is not: every byte that leaves or is kept, searched for what named the user.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use bidder::Config;
use bidder::pseudonym::{IdSource, Pseudonyms};
use domain::UserKey;
use prost::Message;
use proto::token::Purpose;
use support::World;

/// Signals each of which forbids user data, with the vendor id that consent strings would name.
const FORBIDDING: [&str; 7] = [
    r#""regs":{"gdpr":1}"#,
    r#""regs":{"gdpr":1},"user":{"consent":"CQfAJEAQfAJEAAfABBENCWFgAHIAAAAAAAYgAVQAQAVAAAAA.IAZAAAAAAAQE"}"#,
    r#""regs":{"coppa":1}"#,
    r#""regs":{"us_privacy":"1YYN"}"#,
    r#""regs":{"gpp":"DBABLA~BVVVVVVVVWA.QA","gpp_sid":[7]}"#,
    r#""regs":{"ext":{"gpc":"1"}}"#,
    r#""device":{"lmt":1}"#,
];
/// What names a person, a device or a place in the request.
const NAMING: [&str; 9] = [
    "buyer-id-77",
    "exchange-id-77",
    "ifa-77-a1b2",
    "eid-77-c3d4",
    "198.51.100.77",
    "2001:db8:77::77",
    "48.137",
    "11.575",
    "81541",
];

/// What a token may be sealed for.
const PURPOSES: [Purpose; 4] = [
    Purpose::Notice,
    Purpose::Event,
    Purpose::Conversion,
    Purpose::Click,
];

/// A request full of personal data. Objects that `signals` states once more are merged when it is read.
fn request(signals: &str) -> String {
    format!(
        r#"{{"id":"r","imp":[{{"id":"1","banner":{{"w":300,"h":250}}}}],"site":{{"domain":"a.example"}},
        "device":{{"ua":"Mozilla/5.0","ip":"198.51.100.77","ipv6":"2001:db8:77::77","ifa":"ifa-77-a1b2",
        "geo":{{"country":"DEU","lat":48.137,"lon":11.575,"zip":"81541"}}}},
        "user":{{"id":"exchange-id-77","buyeruid":"buyer-id-77","data":[{{"segment":[{{"id":"segment-77"}}]}}],
        "eids":[{{"source":"ids.example","uids":[{{"id":"eid-77-c3d4"}}]}}]}},{signals}}}"#
    )
}

fn pseudonyms() -> [UserKey; 3] {
    let of = Pseudonyms::new(&[9; 32]);
    [
        of.of(IdSource::Buyer, "buyer-id-77"),
        of.of(IdSource::Device, "ifa-77-a1b2"),
        of.of(IdSource::Extended("ids.example"), "eid-77-c3d4"),
    ]
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Everything that a decision leaves behind: the answer with its opened tokens, and the log.
fn left_behind(signals: &str) -> Vec<u8> {
    let config = Config {
        tcf_vendor_id: Some(42),
        ..Config::default()
    };
    let mut world = World::new(&["banner"], config);
    let answer = world.bid(&request(signals)).unwrap();
    world.second();
    let mut bytes = serde_json::to_vec(&answer).unwrap();
    let text = answer.to_string();
    for token in text.split("t=").skip(1) {
        let end = token
            .find(['&', '"', '\\', '\'', ' '])
            .unwrap_or(token.len());
        for purpose in PURPOSES {
            if let Ok(opened) = world.keys.open(token.get(..end).unwrap(), purpose) {
                bytes.extend(opened.encode_to_vec());
            }
        }
    }
    for event in world.events() {
        bytes.extend(event.encode_to_vec());
    }
    bytes
}

#[test]
fn nothing_that_names_a_user_is_left_where_it_is_forbidden() {
    for signals in FORBIDDING {
        let bytes = left_behind(signals);
        for naming in NAMING {
            assert!(!holds(&bytes, naming.as_bytes()), "{naming} with {signals}");
        }
        for pseudonym in pseudonyms() {
            assert!(!holds(&bytes, &pseudonym.0), "{signals}");
        }
    }
}

#[test]
fn no_request_is_kept_where_its_user_forbids_it() {
    let config = Config {
        tcf_vendor_id: Some(42),
        explain_requests: 4,
        explain_every: 1,
        ..Config::default()
    };
    let mut world = World::new(&["banner"], config);
    for signals in FORBIDDING {
        assert!(world.bid(&request(signals)).is_some());
        assert_eq!(world.bidder.samples(), [], "{signals}");
    }
    assert!(world.bid(&request(r#""at":2"#)).is_some());
    assert_eq!(
        world.bidder.samples().len(),
        1,
        "the search finds what is there"
    );
}

#[test]
fn where_it_is_allowed_the_pseudonym_and_nothing_else_is_kept() {
    let bytes = left_behind(r#""at":2"#);
    for naming in NAMING {
        assert!(!holds(&bytes, naming.as_bytes()), "{naming}");
    }
    let [buyer, ..] = pseudonyms();
    assert!(holds(&bytes, &buyer.0), "the search finds what is there");
}
