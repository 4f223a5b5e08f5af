//! The same request in JSON and in protobuf: the same decision, the same answer, also through the socket.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;
#[path = "../../proto/tests/support/twin.rs"]
mod twin;

use std::fs;
use std::path::Path;

use bidder::config::{ExchangeConfig, NativeForm, NoBidStyle};
use bidder::{Call, Config, Reply};
use domain::random::SplitMix64;
use domain::{NoBid, Outcome};
use proto::openrtb::Format;
use serde_json::Value;
use support::World;
use twin::{Message, Schema, encode, write_json};

/// Line items of every format, for known users and for anybody.
const CATALOGUE: [&str; 10] = [
    "banner",
    "video",
    "audio",
    "native",
    "script",
    "any-deal",
    "deal-only",
    "capped",
    "euro",
    "gambling",
];
/// What is new in every bid, whatever it is for: ids, and addresses with sealed tokens in them.
const OF_ONE_BID: [&str; 7] = ["id", "bidid", "adm", "burl", "nurl", "lurl", "iurl"];

struct Answered {
    outcome: Outcome,
    reply: Reply,
    body: Vec<u8>,
}

fn decide(world: &mut World, format: Format, body: &mut [u8]) -> Answered {
    let call = Call {
        format,
        ..world.call("generic")
    };
    let answer = world.core.decide(&call, body);
    Answered {
        outcome: answer.outcome,
        reply: answer.reply,
        body: answer.body.to_vec(),
    }
}

/// The answer without what is new in every bid.
fn comparable(mut answer: Value) -> Value {
    if let Value::Object(fields) = &mut answer {
        fields.remove("bidid");
    }
    for seat in answer["seatbid"].as_array_mut().into_iter().flatten() {
        for bid in seat["bid"].as_array_mut().into_iter().flatten() {
            let fields = bid.as_object_mut().unwrap();
            fields.retain(|name, _| !OF_ONE_BID.contains(&name.as_str()));
            // JSON writes a whole price without a point.
            let price = fields["price"].as_f64().unwrap();
            fields.insert("price".into(), price.into());
        }
    }
    answer
}

/// Decides `json` and `message` in twin worlds; whether there was a bid.
fn check(schema: &Schema, worlds: &mut [World; 2], json: &str, message: &Message) -> bool {
    let [one, other] = worlds;
    let plain = decide(one, Format::Json, &mut json.as_bytes().to_vec());
    let packed = decide(other, Format::Protobuf, &mut encode(message));
    assert_eq!(
        (plain.outcome, plain.reply),
        (packed.outcome, packed.reply),
        "{json}"
    );
    if plain.body.is_empty() {
        assert!(packed.body.is_empty(), "{json}");
        return false;
    }
    let plain: Value = serde_json::from_slice(&plain.body).unwrap();
    let packed = twin::response_json(schema, &packed.body);
    let addresses = |answer: &Value| {
        let bids = answer["seatbid"][0]["bid"].as_array();
        let names = ["adm", "burl", "nurl", "lurl"];
        let of = |bid: &Value| names.map(|name| bid[name].as_str().map(str::len));
        bids.map(|bids| bids.iter().map(of).collect::<Vec<_>>())
    };
    assert_eq!(addresses(&plain), addresses(&packed), "{json}");
    assert_eq!(comparable(plain), comparable(packed), "{json}");
    true
}

fn config() -> Config {
    let mut config = Config::default();
    let reasons = ExchangeConfig {
        no_bid: NoBidStyle::Reason,
        ..ExchangeConfig::default()
    };
    config.exchanges.insert("reasons".into(), reasons);
    config
}

#[test]
fn made_up_requests_are_decided_alike() {
    let (schema, mut rng) = (Schema::read(), SplitMix64::new(11));
    let mut worlds = [(); 2].map(|()| World::new(&CATALOGUE, config()));
    let mut bids = 0;
    for _ in 0..1500 {
        let message = schema.random(&mut rng);
        bids += u32::from(check(&schema, &mut worlds, &write_json(&message), &message));
    }
    assert!(bids > 150, "{bids}");
}

#[test]
fn the_cases_are_decided_alike() {
    let (schema, mut compared, mut bids) = (Schema::read(), 0, 0);
    for folder in ["bid", "nobid"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(folder);
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let case: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            let Some(message) = schema.translate(&case["request"]) else {
                continue;
            };
            let setup = case["setup"].as_array().unwrap().iter();
            let setup: Vec<_> = setup.map(|name| name.as_str().unwrap()).collect();
            let mut worlds = [(); 2].map(|()| World::new(&setup, config()));
            let json = write_json(&message);
            bids += u32::from(check(&schema, &mut worlds, &json, &message));
            compared += 1;
        }
    }
    assert!(compared > 60 && bids > 25, "{compared} {bids}");
}

#[test]
fn an_exchange_may_take_native_ads_as_messages() {
    let mut config = Config::default();
    let messages = ExchangeConfig {
        native: NativeForm::Message,
        ..ExchangeConfig::default()
    };
    config.exchanges.insert("messages".into(), messages);
    let mut world = World::new(&["native"], config);
    let (schema, case) = (Schema::read(), include_str!("../fixtures/bid/native.json"));
    let mut case: Value = serde_json::from_str(case).unwrap();
    let slot = case["request"]["imp"][0].as_object_mut().unwrap();
    slot.retain(|_, value| !value.is_null());
    let message = schema.translate(&case["request"]).unwrap();
    for (exchange, has) in [("generic", "adm"), ("messages", "adm_native")] {
        let call = |format| Call {
            format,
            ..world.call(exchange)
        };
        let (json, packed) = (call(Format::Json), call(Format::Protobuf));
        let answer = world
            .core
            .decide(&json, write_json(&message).into_bytes().as_mut());
        let text: Value = serde_json::from_slice(answer.body).unwrap();
        assert!(text["seatbid"][0]["bid"][0]["adm"].is_string(), "{text}");
        let answer = world.core.decide(&packed, &mut encode(&message));
        let packed = twin::response_json(&schema, answer.body);
        let bid = packed["seatbid"][0]["bid"][0].as_object().unwrap();
        let found: Vec<_> = bid.keys().filter(|key| key.starts_with("adm")).collect();
        assert_eq!(found, [has], "{packed}");
    }
}

#[test]
fn refusals_keep_their_form() {
    let mut world = World::new(&["banner"], config());
    let no_bid = |world: &mut World, exchange, format, body: &[u8]| {
        let call = Call {
            format,
            ..world.call(exchange)
        };
        let mut body = body.to_vec();
        let answer = world.core.decide(&call, &mut body);
        (answer.outcome, answer.reply, answer.body.to_vec())
    };
    // A request for nobody: id "r", one slot "1".
    let request = [0x0a, 1, b'r', 0x12, 3, 0x0a, 1, b'1'];
    let (_, reply, body) = no_bid(&mut world, "reasons", Format::Protobuf, &request);
    assert_eq!(
        (reply, &body[..]),
        (Reply::Content, &[0x0a, 1, b'r', 0x30, 0][..])
    );
    let malformed = (
        Outcome::NoBid(NoBid::Malformed),
        Reply::BadRequest,
        Vec::new(),
    );
    for body in [support::BANNER.as_bytes(), &request[..7], &[0xff]] {
        assert_eq!(
            no_bid(&mut world, "generic", Format::Protobuf, body),
            malformed
        );
    }
    assert_eq!(
        no_bid(&mut world, "generic", Format::Json, &request),
        malformed
    );
    let large = vec![0; 2 << 20];
    let (_, reply, _) = no_bid(&mut world, "generic", Format::Protobuf, &large);
    assert_eq!(reply, Reply::TooLarge);
}
