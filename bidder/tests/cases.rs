//! Every bid request of `fixtures`, with what must become of it: bids, refusals by rule, and statuses.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use bidder::config::{ExchangeConfig, NoBidStyle, Pays, PerImp};
use bidder::sellers::AuthorizedSellers;
use bidder::skadn::AdNetwork;
use bidder::supply::{BlockedSellers, ChainConfig, ChainRule};
use bidder::{Config, Explanation, Reply};
use p256::SecretKey;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::Value;
use support::World;

/// What a crawler found.
const SELLERS: &str = "
ads,news.example,ssp.example,77,DIRECT
ads,news.example,ssp.example,78,RESELLER
ads,news.example,net.example,n1,DIRECT
ads,news.example,open.example,A1,DIRECT
ads,empty.example
ads,dev.example,ssp.example,app-9,DIRECT
app,com.game,dev.example
seller,ssp.example,77,PUBLISHER
seller,ssp.example,app-9,BOTH
seller,net.example,n1,INTERMEDIARY
";

/// Exchanges that cases may name beside the generic one.
fn config() -> Config {
    let mut config = Config {
        // The vendor that the consent strings of the cases speak of.
        tcf_vendor_id: Some(42),
        blocked_sellers: BlockedSellers::new(["blocked.example"]),
        household_sources: vec!["homes.example".to_owned()],
        ..Config::default()
    };
    config.sellers = AuthorizedSellers::parse(SELLERS).unwrap();
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    config.skadnetwork = Some(AdNetwork::new("ours.skadnetwork", Some(300), &pem).unwrap());
    config.traffic.add_ranges("198.51.100.0/24").unwrap();
    let mut exchange = |name: &str, exchange| config.exchanges.insert(name.to_owned(), exchange);
    exchange(
        "first",
        ExchangeConfig {
            pays: Pays::FirstPrice,
            ..ExchangeConfig::default()
        },
    );
    exchange(
        "seated",
        ExchangeConfig {
            seat: Some("77".into()),
            ..ExchangeConfig::default()
        },
    );
    exchange(
        "chained",
        ExchangeConfig {
            chain: ChainConfig {
                rule: ChainRule::RequireComplete,
                domain: "chained.example".into(),
                publisher_is_seller: true,
            },
            ..ExchangeConfig::default()
        },
    );
    exchange("authorized", authorized());
    exchange(
        "approves",
        ExchangeConfig {
            approval_required: true,
            ..ExchangeConfig::default()
        },
    );
    exchange(
        "reasons",
        ExchangeConfig {
            no_bid: NoBidStyle::Reason,
            ..ExchangeConfig::default()
        },
    );
    let mut counted = |name: &str, bids_max, (all, deals, open)| {
        let per_imp = PerImp { all, deals, open };
        let exchange = ExchangeConfig {
            bids_max,
            per_imp,
            ..ExchangeConfig::default()
        };
        config.exchanges.insert(name.to_owned(), exchange)
    };
    counted("one", 1, (16, 1, 1));
    counted("single", 64, (1, 1, 1));
    counted("several", 64, (16, 2, 2));
    config
}

/// An exchange that wants everybody who sells to be listed.
fn authorized() -> ExchangeConfig {
    ExchangeConfig {
        no_bid: NoBidStyle::Reason,
        authorized_sellers: true,
        chain: ChainConfig {
            domain: "ssp.example".into(),
            ..ChainConfig::default()
        },
        ..ExchangeConfig::default()
    }
}

struct Got {
    outcome: &'static str,
    status: u16,
    body: Vec<u8>,
}

fn status(reply: Reply) -> u16 {
    match reply {
        Reply::Content => 200,
        Reply::NoContent => 204,
        Reply::BadRequest => 400,
        Reply::NotFound => 404,
        Reply::TooLarge => 413,
    }
}

fn body_of(case: &Value) -> Vec<u8> {
    match case.get("raw") {
        Some(raw) => raw.as_str().unwrap().as_bytes().to_vec(),
        None => serde_json::to_vec(&case["request"]).unwrap(),
    }
}

fn world_of(case: &Value) -> World {
    let setup: Vec<_> = case["setup"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    World::new(&setup, config())
}

fn run(case: &Value) -> (Got, Got, Explanation, World) {
    let exchange = case["exchange"].as_str().unwrap_or("generic");
    let mut world = world_of(case);
    let (answer, explanation) = world
        .core
        .explain(&world.call(exchange), &mut body_of(case));
    let got = |answer: bidder::Answer<'_>| Got {
        outcome: bidder::metrics::outcome_label(answer.outcome),
        status: status(answer.reply),
        body: answer.body.to_vec(),
    };
    let explained = got(answer);
    let mut other = world_of(case);
    let plain = got(other.core.decide(&other.call(exchange), &mut body_of(case)));
    (plain, explained, explanation, world)
}

fn check_case(path: &Path) {
    let name = path.display();
    let case: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(
        case["description"]
            .as_str()
            .is_some_and(|text| text.len() > 10),
        "{name}"
    );
    let (plain, explained, explanation, world) = run(&case);
    assert_eq!(
        plain.body, explained.body,
        "{name}: explaining changes the answer"
    );
    let expect = &case["expect"];
    assert_eq!(
        plain.outcome,
        expect["outcome"].as_str().unwrap(),
        "{name}: {explanation:#?}"
    );
    if let Some(wanted) = expect["status"].as_u64() {
        assert_eq!(u64::from(plain.status), wanted, "{name}");
    }
    if let Some(wanted) = expect.get("response") {
        let response: Value = serde_json::from_slice(&plain.body).unwrap();
        assert_matches(wanted, &response, &format!("{name}"));
    }
    if let Some(wanted) = expect.get("bids") {
        let response: Value = serde_json::from_slice(&plain.body).unwrap();
        check_bids(
            &world,
            wanted.as_array().unwrap(),
            &response,
            &format!("{name}"),
        );
    }
    check_verdicts(expect, &explanation, &format!("{name}"));
}

/// Why line items were refused, and what more is said of it.
fn check_verdicts(expect: &Value, explanation: &Explanation, name: &str) {
    let of = |line_item: &str| {
        let mut verdicts = explanation.verdicts.iter();
        let found = verdicts.find(|verdict| verdict.name == line_item);
        found.unwrap_or_else(|| panic!("{name}: no verdict on {line_item}"))
    };
    for (line_item, reason) in expect["refused"].as_object().into_iter().flatten() {
        let verdict = of(line_item);
        let got = verdict.refused.map(domain::Reject::label);
        assert_eq!(got, reason.as_str(), "{name}: {line_item}: {verdict:?}");
    }
    for (line_item, detail) in expect["details"].as_object().into_iter().flatten() {
        assert_eq!(of(line_item).detail, detail, "{name}: {line_item}");
    }
}

/// Each expected bid names its line item and some of the bid's fields.
fn check_bids(world: &World, wanted: &[Value], response: &Value, name: &str) {
    let bids = response["seatbid"][0]["bid"].as_array().unwrap();
    assert_eq!(bids.len(), wanted.len(), "{name}: {response:#}");
    for (wanted, bid) in wanted.iter().zip(bids) {
        let mut wanted = wanted.as_object().unwrap().clone();
        if let Some(line_item) = wanted.remove("line_item") {
            let found = world.line_items.iter().find(|(own, ..)| *own == line_item);
            let (_, _, creative) = found.unwrap();
            assert_eq!(bid["crid"], creative.to_string(), "{name}");
        }
        for (key, part) in wanted.iter().filter(|(key, _)| key.ends_with("_has")) {
            let text = bid[key.trim_end_matches("_has")]
                .as_str()
                .unwrap_or_default();
            assert!(
                text.contains(part.as_str().unwrap()),
                "{name}: {key}: {text}"
            );
        }
        wanted.retain(|key, _| !key.ends_with("_has"));
        assert_matches(&Value::Object(wanted), bid, name);
    }
}

/// Everything in `wanted` is in `got`; objects may hold more.
fn assert_matches(wanted: &Value, got: &Value, at: &str) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, value) in wanted {
                let found = got.get(key).unwrap_or(&Value::Null);
                assert_matches(value, found, &format!("{at}/{key}"));
            }
        }
        (Value::Array(wanted), Value::Array(got)) => {
            assert_eq!(wanted.len(), got.len(), "{at}: {got:?}");
            for (wanted, got) in wanted.iter().zip(got) {
                assert_matches(wanted, got, at);
            }
        }
        (Value::Number(wanted), Value::Number(got)) => {
            assert_eq!(wanted.as_f64(), got.as_f64(), "{at}");
        }
        (wanted, got) => assert_eq!(wanted, got, "{at}"),
    }
}

fn check_folder(folder: &str, at_least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(
        files.len() >= at_least,
        "{folder} holds {} cases",
        files.len()
    );
    files.iter().for_each(|file| check_case(file));
}

#[test]
fn requests_that_get_bids() {
    check_folder("bid", 20);
}

#[test]
fn requests_that_get_none() {
    check_folder("nobid", 40);
}

#[test]
fn requests_that_are_not_requests() {
    check_folder("invalid", 10);
}
