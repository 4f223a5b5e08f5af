//! What an exchange's own settings change in its answers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use bidder::config::{BillingSignal, ExchangeConfig, MarkupPlace, Notices};
use bidder::{Config, Reply};
use domain::{NoBid, Outcome};
use proto::token::Purpose;
use serde_json::{Value, json};
use support::World;

fn world(exchange: ExchangeConfig) -> World {
    let mut config = Config::default();
    config.exchanges.insert("own".into(), exchange);
    World::new(&["banner"], config)
}

/// A request with so many impressions and so much time.
fn request(imps: usize, tmax: i64) -> Vec<u8> {
    let imps: Vec<Value> = (0..imps)
        .map(|id| json!({"id": id.to_string(), "banner": {"w": 300, "h": 250}}))
        .collect();
    let device = json!({"ua": "Mozilla/5.0"});
    serde_json::to_vec(&json!({"id": "r", "tmax": tmax, "imp": imps, "device": device})).unwrap()
}

fn bids(world: &mut World, exchange: &str, mut body: Vec<u8>) -> Vec<Value> {
    let answer = world.core.decide(&world.call(exchange), &mut body);
    if answer.reply != Reply::Content {
        return Vec::new();
    }
    let answer: Value = serde_json::from_slice(answer.body).unwrap();
    answer["seatbid"][0]["bid"].as_array().unwrap().clone()
}

#[test]
fn no_answer_has_more_bids_than_its_exchange_takes() {
    for bids_max in 1..=3 {
        let mut world = world(ExchangeConfig {
            bids_max,
            ..ExchangeConfig::default()
        });
        assert_eq!(bids(&mut world, "own", request(4, 100)).len(), bids_max);
        assert_eq!(bids(&mut world, "own", request(1, 100)).len(), 1);
        assert_eq!(bids(&mut world, "generic", request(4, 100)).len(), 4);
    }
}

#[test]
fn time_is_measured_by_the_exchange() {
    let mut world = world(ExchangeConfig {
        deadline_ms: Some(300),
        network_margin_ms: Some(90),
        ..ExchangeConfig::default()
    });
    let mut outcome = |exchange: &str, tmax: i64| {
        let mut body = request(1, tmax);
        world.core.decide(&world.call(exchange), &mut body).outcome
    };
    assert_eq!(outcome("generic", 90), Outcome::Bid);
    assert_eq!(outcome("own", 90), Outcome::NoBid(NoBid::NoTime));
    assert_eq!(outcome("own", 91), Outcome::NoBid(NoBid::NoTime));
    assert_eq!(outcome("own", 100), Outcome::Bid);
    assert_eq!(outcome("own", 1000), Outcome::Bid);
}

#[test]
fn where_a_win_is_the_sale_its_notice_bills() {
    let mut world = world(ExchangeConfig {
        billing: BillingSignal::Nurl,
        price_macro: "${PRICE_PAID}".into(),
        notices: Notices {
            win: true,
            loss: false,
        },
        ..ExchangeConfig::default()
    });
    let bids = bids(&mut world, "own", request(1, 100));
    let bid = &bids[0];
    assert_eq!((bid.get("burl"), bid.get("lurl")), (None, None));
    let nurl = bid["nurl"].as_str().unwrap();
    assert!(
        nurl.contains("/bill?t=") && nurl.contains("&p=${PRICE_PAID}&"),
        "{nurl}"
    );
    let token = nurl.split(['=', '&']).nth(1).unwrap();
    let reference = world.keys.open(token, Purpose::Notice).unwrap();
    assert_eq!(reference.exchange, "own");
}

#[test]
fn the_win_notice_fetches_the_markup_where_the_exchange_wants_it_so() {
    for (billing, win, has_adm) in [
        (BillingSignal::Burl, true, false),
        (BillingSignal::Nurl, true, false),
        (BillingSignal::Burl, false, true),
    ] {
        let mut world = world(ExchangeConfig {
            markup: MarkupPlace::WinNotice,
            billing,
            notices: Notices { win, loss: true },
            ..ExchangeConfig::default()
        });
        let bids = bids(&mut world, "own", request(1, 100));
        let bid = &bids[0];
        assert_eq!(bid.get("adm").is_some(), has_adm, "{bid}");
        let token = |name: &str| {
            let url = bid[name].as_str().unwrap_or_default();
            url.split_once("&a=").map(|(_, token)| token.to_owned())
        };
        assert_eq!((token("burl"), token("lurl")), (None, None));
        let opened = token("nurl").map(|token| world.keys.open_rendering(&token).unwrap());
        assert_eq!(opened.is_none(), has_adm);
        if let Some((id, _)) = opened {
            let mut hex = [0; domain::BidId::HEX_CHARS];
            assert_eq!(bid["id"], id.write_hex(&mut hex));
        }
    }
}

#[test]
fn markup_that_needs_too_much_stays_in_the_bid() {
    let mut config = Config::default();
    let own = ExchangeConfig {
        markup: MarkupPlace::WinNotice,
        ..ExchangeConfig::default()
    };
    config.exchanges.insert("own".into(), own);
    let mut world = World::new(&["tag"], config);
    let mut of = |domain: String| {
        let body = json!({"id": "r", "device": {"ua": "Mozilla/5.0"}, "site": {"domain": domain},
            "imp": [{"id": "1", "banner": {"w": 300, "h": 250}}]});
        bids(&mut world, "own", body.to_string().into_bytes())[0].clone()
    };
    assert_eq!(of("news.example".into()).get("adm"), None);
    let long = of("n".repeat(4000));
    assert!(long["adm"].is_string() && !long["nurl"].as_str().unwrap().contains("&a="));
}
