//! Every parser that reads what strangers send, as a function of bytes that may do anything but panic.
//!
//! `fuzz/` hands them to libFuzzer; [`attack`] tries mutations of the committed seeds, for stable compilers and for CI.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ctr_model::feature::FIELDS;
use ctr_model::trained::Trained;
use ctr_model::{Features, Model, Published};
use domain::limits::REQUEST_BODY_BYTES_MAX;
use domain::random::SplitMix64;
use domain::{Cpm, Timestamp};
use pixel::collect::{Answer, Hit, Method, PixelCore};
use pixel::price::{Price, Told};
use proto::event::BidRef;
use proto::openrtb::Format;
use proto::price::SealedPriceKeys;
use proto::token::{Purpose, TokenKeys};
use serde_json::{Value, json};
use service_kit::unpack::{Packing, Unpacker};
use store::memory::MemoryCampaigns;

use crate::auctions::{self, Desk, NOON};

mod mutate;

pub use mutate::mutate;

/// Stands in a URL for a token that opens.
const TOKEN: &str = "{TOKEN}";
/// Where that token's click leads, and nothing else does.
const LANDING: &str = "https://shop.example/";
/// What the bid of that token offered, in micros.
const PRICE_MICROS: i64 = 2_500_000;

/// A parser under attack.
pub struct Target {
    /// Also the name of its folder of seeds.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("request_json", request_json),
    target("request_protobuf", request_protobuf),
    target("gzip", gzip),
    target("zstd", zstd),
    target("native_request", native_request),
    target("consent", consent),
    target("pixel_url", pixel_url),
    target("price", price),
    target("sealed_price", sealed_price),
    target("model_file", model_file),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(desk());
    static UNPACKER: RefCell<Unpacker> = RefCell::new(Unpacker::new());
}

fn desk() -> Desk {
    let campaigns = MemoryCampaigns::new();
    auctions::fill(&campaigns, 1);
    Desk::new(&campaigns, 1)
}

/// A bid request: whatever it is, the answer is JSON or nothing.
pub fn request_json(data: &[u8]) {
    decide(Format::Json, data);
}

/// The same in protobuf.
pub fn request_protobuf(data: &[u8]) {
    decide(Format::Protobuf, data);
}

fn decide(format: Format, data: &[u8]) {
    DESK.with_borrow_mut(|desk| {
        let (_, answer) = desk.decide_in(format, data);
        if format == Format::Json && !answer.is_empty() {
            let read = serde_json::from_slice::<Value>(answer);
            assert!(read.is_ok_and(|answer| answer.is_object()));
        }
    });
}

/// A packed body: unpacked within its limit, or refused.
pub fn gzip(data: &[u8]) {
    unpack(Packing::Gzip, data);
}

/// The same for the other packing.
pub fn zstd(data: &[u8]) {
    unpack(Packing::Zstd, data);
}

fn unpack(packing: Packing, data: &[u8]) {
    UNPACKER.with_borrow_mut(|unpacker| {
        let mut raw = data.to_vec();
        if let Ok(body) = unpacker.unpack(packing, &mut raw, REQUEST_BODY_BYTES_MAX) {
            assert!(body.len() <= REQUEST_BODY_BYTES_MAX);
        }
    });
}

/// A native layout inside a request.
pub fn native_request(data: &[u8]) {
    let native = json!({"request": String::from_utf8_lossy(data)});
    let request = json!({"id": "1", "imp": [{"id": "1", "native": native}]});
    decide(Format::Json, request.to_string().as_bytes());
}

/// One text in every place where consent is told.
pub fn consent(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let request = json!({
        "id": "1", "imp": [{"id": "1", "banner": {"w": 300, "h": 250}}],
        "regs": {"gdpr": 1, "gpp": text, "gpp_sid": [2, 6, 7, 8], "us_privacy": text},
        "user": {"id": "u-1", "consent": text},
    });
    decide(Format::Json, request.to_string().as_bytes());
}

fn keys() -> TokenKeys {
    TokenKeys::new([(1, [7; 32])]).expect("a key of 32 bytes")
}

fn bid() -> BidRef {
    BidRef {
        bid_id: vec![7; 16],
        exchange: "generic".to_owned(),
        bid_at_ms: NOON.0,
        price_cpm_micros: PRICE_MICROS,
        currency: "USD".to_owned(),
        campaign_currency: "USD".to_owned(),
        rate: 1_000_000,
        landing: LANDING.to_owned(),
        ..BidRef::default()
    }
}

/// A path and a query: nothing leads anywhere but to the landing page of a token that opens.
pub fn pixel_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let sealed = keys().seal(&bid(), Purpose::Click);
    let text = text.replace(TOKEN, &sealed);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let core = PixelCore::new(keys(), "fuzz", 16);
    for method in [Method::Get, Method::Post, Method::Head] {
        let hit = Hit {
            method,
            path,
            query,
            looks_ahead: false,
        };
        let decision = core.hit(hit, Timestamp(NOON.0 + 1000));
        if let Answer::Redirect(to) = decision.answer {
            assert!(to.starts_with(LANDING) && text.contains(&sealed), "{to}");
        }
    }
}

/// What an exchange puts in for its macros: never more than the bid, never less than nothing.
pub fn price(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (price, currency) = text.split_once('\n').unwrap_or((&text, "USD"));
    let told = Told { price, currency };
    bounded(Price::read(told, &bid(), None).cpm());
}

/// A sealed price under keys that it was not sealed with.
pub fn sealed_price(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let key = "c2tVNDZ6UnQ3bHFwZ1VxUnlNQ2lzQQ";
    let keys = SealedPriceKeys::parse(key, key).expect("keys of 22 bytes");
    let told = Told {
        price: &text,
        currency: "USD",
    };
    bounded(Price::read(told, &bid(), Some(&keys)).cpm());
}

/// A model file, as it is and with the checksum put right: what is accepted can be written and read again, and served.
pub fn model_file(data: &[u8]) {
    let content = data.get(..data.len().saturating_sub(4)).unwrap_or_default();
    let sealed = [content, &crc32fast::hash(content).to_le_bytes()].concat();
    for file in [data, &sealed] {
        if let Ok(model) = Trained::parse(file) {
            assert!(Trained::parse(&model.encode()).is_ok());
            let columns = vec![7; model.columns.names().len()];
            let predicted = model.scorer().map(|mut scorer| scorer.predict(&columns));
            assert!(predicted.is_ok_and(|p| (0.0..=1.0).contains(&p)));
        }
        if let Ok(published) = Published::parse(file) {
            assert!(Published::parse(&published.encode()).is_ok());
            let predicted =
                Model::new(&published).map(|model| model.predict(&Features([7; FIELDS])));
            assert!(predicted.is_ok_and(|p| (0.0..=1.0).contains(&p.click)));
        }
    }
}

fn bounded(price: Cpm) {
    assert!((0..=PRICE_MICROS).contains(&price.0.0), "{price:?}");
}

/// Tries so many mutations of the seeds.
///
/// # Errors
/// The first input under which the target panicked.
pub fn attack(
    target: &Target,
    seeds: &[Vec<u8>],
    (rng, cases): (&mut SplitMix64, u64),
) -> Result<(), String> {
    for _ in 0..cases {
        let input = mutate(rng, seeds);
        let run = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        if run.is_err() {
            let text = String::from_utf8_lossy(&input);
            return Err(format!("{}: {text:?} = {input:02x?}", target.name));
        }
    }
    Ok(())
}
