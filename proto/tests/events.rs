//! Bids that are encoded from borrowed values: the bytes, tokens and records of the messages.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::{
    AdvertiserId, BidId, CampaignId, Cpm, CreativeId, Currency, EventId, LineItemId, Micros,
    Timestamp, UserKey, ids::BidIds,
};
use proptest::prelude::*;
use prost::Message;
use proto::event::{Bid, BidRecord, BidRef, EncodedRef, Event, Kind, Privacy, Reference, event};
use proto::token::{Purpose, Sealed, TokenKeys};

/// The same reference as a message and encoded.
fn both(id: BidId, numbers: [i64; 6], [exchange, landing]: [&str; 2]) -> (BidRef, EncodedRef) {
    let [campaign, price, rate, hold, small, flags] = numbers;
    let key = |bit: i64| (flags & bit != 0).then_some(UserKey([flags as u8; 16]));
    let bytes = |bit| key(bit).map(|key| key.0.to_vec()).unwrap_or_default();
    let (quantity, currency) = (small as i32, Currency::parse("EUR").unwrap());
    let message = BidRef {
        bid_id: id.0.to_vec(),
        campaign: campaign as u64,
        line_item: 7,
        creative: small as u32 as u64,
        exchange: exchange.to_owned(),
        user: bytes(1),
        bid_at_ms: rate,
        price_cpm_micros: price,
        currency: "EUR".to_owned(),
        rate,
        rate_day: quantity,
        campaign_currency: "USD".to_owned(),
        hold_micros: hold,
        hold_ms: hold,
        quantity,
        test: flags & 2 != 0,
        first_price: flags & 4 != 0,
        landing: landing.to_owned(),
        predicted_ctr_ppm: small as u32,
        fee_ppm: small as u32,
        trial_arm: small as u32 >> 1,
        device: bytes(8),
        household: bytes(16),
        advertiser: small as u32 as u64,
    };
    let mut encoded = EncodedRef::default();
    let from = Reference {
        campaign: CampaignId(campaign as u64),
        line_item: LineItemId(7),
        creative: CreativeId(small as u32 as u64),
        exchange,
        user: key(1),
        bid_at: Timestamp(rate),
        price: Cpm(Micros(price)),
        currency,
        rate,
        rate_day: quantity,
        campaign_currency: Currency::USD,
        hold: Micros(hold),
        hold_ms: hold,
        quantity,
        test: flags & 2 != 0,
        first_price: flags & 4 != 0,
        predicted_ctr_ppm: small as u32,
        fee_ppm: small as u32,
        trial_arm: small as u32 >> 1,
        device: key(8),
        household: key(16),
        advertiser: Some(AdvertiserId(small as u32 as u64)),
    };
    // The buffer of another bid.
    encoded.set(
        BidId([1; 16]),
        &Reference {
            exchange: "x",
            ..from
        },
    );
    encoded.set(id, &from);
    (message, encoded)
}

fn any_numbers() -> impl Strategy<Value = [i64; 6]> {
    prop::array::uniform6(prop_oneof![Just(0), any::<i64>(), 0..1000_i64])
}

proptest! {
    #[test]
    fn a_bids_tokens_are_those_of_its_message(
        numbers in any_numbers(), exchange: String, landing: String, short: bool,
    ) {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        let id = if short { BidIds::new(5).next_id() } else { BidId([9; 16]) };
        let (message, encoded) = both(id, numbers, [&exchange, &landing]);
        let elsewhere = BidRef { landing: String::new(), ..message.clone() };
        let mut sealed = Sealed::default();
        for purpose in [Purpose::Notice, Purpose::Event, Purpose::Click] {
            let (landing, message) = match purpose {
                Purpose::Click => (landing.as_str(), &message),
                _ => ("", &elsewhere),
            };
            keys.seal_bid(&mut sealed, (&encoded, landing), purpose);
            prop_assert_eq!(sealed.as_str(), keys.seal(message, purpose));
        }
    }

    #[test]
    fn a_bids_record_is_that_of_its_message(
        numbers in any_numbers(), text: String, float: f32, double: f64, flags: [bool; 6],
        features in prop::collection::vec(any::<u32>(), 0..40),
    ) {
        let (message, reference) = both(BidId([9; 16]), numbers, [&text, ""]);
        let [value, floor, revision, modifier_ppm, version, at] = numbers;
        let [user_allowed, coppa, gdpr, opted_out, profile_refused, measure_refused] = flags;
        let privacy = Privacy {
            user_allowed, coppa, gdpr, opted_out, profile_refused, measure_refused,
        };
        let record = BidRecord {
            id: EventId([3; 16]),
            region: &text,
            at: Timestamp(at),
            reference: &reference,
            auction_id: &text,
            imp_id: "1",
            features: &features,
            feature_list: version as u64,
            model_version: version as u64,
            predicted_ctr: float,
            predicted_cvr: 0.0,
            value: Cpm(Micros(value)),
            multiplier: double,
            shade: -0.0,
            floor: Cpm(Micros(floor)),
            deal: "",
            site: &text,
            country: "DEU",
            privacy,
            revision: revision as u64,
            modifier_ppm,
            raw_ctr: float,
            raw_cvr: 0.5,
        };
        let bid = Bid {
            // Only clicks and conversions say whose segments a user may come into.
            r#ref: Some(BidRef { advertiser: 0, ..message }),
            auction_id: text.clone(),
            imp_id: "1".to_owned(),
            features: features.clone(),
            feature_list: version as u64,
            model_version: version as u64,
            predicted_ctr: float,
            predicted_cvr: 0.0,
            value_cpm_micros: value,
            multiplier: double,
            shade: -0.0,
            floor_cpm_micros: floor,
            deal: String::new(),
            site: text.clone(),
            country: "DEU".to_owned(),
            privacy: Some(privacy),
            revision: revision as u64,
            modifier_ppm,
            raw_ctr: float,
            raw_cvr: 0.5,
        };
        let event: Event = event(EventId([3; 16]), &text, Timestamp(at), Kind::Bid(bid));
        let mut out = b"before".to_vec();
        record.encode(&mut out);
        prop_assert_eq!(out.strip_prefix(b"before").unwrap(), event.encode_to_vec());
    }
}
