//! Bids encoded from borrowed values: the bytes of the messages `BidRef` and `Event`, without making those.

use domain::{
    AdvertiserId, BidId, CampaignId, Cpm, CreativeId, Currency, EventId, LineItemId, Micros,
    Timestamp, UserKey,
};
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{Privacy, SCHEMA};
use crate::fields::{bytes, double, float, message, number, signed, whole};

/// What [`BidRef`](super::BidRef) says of a bid, without its id and its landing page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of BidRef, which tells their units")]
pub struct Reference<'a> {
    pub campaign: CampaignId,
    pub line_item: LineItemId,
    pub creative: CreativeId,
    pub exchange: &'a str,
    pub user: Option<UserKey>,
    pub bid_at: Timestamp,
    pub price: Cpm,
    pub currency: Currency,
    pub rate: i64,
    pub rate_day: i32,
    pub campaign_currency: Currency,
    pub hold: Micros,
    pub hold_ms: i64,
    pub quantity: i32,
    pub test: bool,
    pub first_price: bool,
    pub predicted_ctr_ppm: u32,
    pub fee_ppm: u32,
    pub trial_arm: u32,
    pub device: Option<UserKey>,
    pub household: Option<UserKey>,
    /// Only where a profile may be kept.
    pub advertiser: Option<AdvertiserId>,
}

/// A bid's reference, encoded once for its tokens and its record. The buffer is kept from bid to bid.
#[derive(Debug, Clone, Default)]
pub struct EncodedRef {
    bid_id: BidId,
    bytes: Vec<u8>,
    /// Where the landing page would stand.
    landing_at: usize,
    /// Where device and household begin.
    people_at: usize,
    /// Where the advertiser begins.
    advertiser_at: usize,
}

impl EncodedRef {
    /// Encodes a reference.
    pub fn set(&mut self, bid_id: BidId, from: &Reference<'_>) {
        let out = &mut self.bytes;
        out.clear();
        number(out, 2, from.campaign.0);
        number(out, 3, from.line_item.0);
        number(out, 4, from.creative.0);
        bytes(out, 5, from.exchange.as_bytes());
        key(out, 6, from.user);
        signed(out, 7, from.bid_at.0);
        signed(out, 8, from.price.0.0);
        bytes(out, 9, from.currency.as_str().as_bytes());
        signed(out, 10, from.rate);
        signed(out, 11, i64::from(from.rate_day));
        bytes(out, 12, from.campaign_currency.as_str().as_bytes());
        signed(out, 13, from.hold.0);
        signed(out, 14, from.hold_ms);
        signed(out, 15, i64::from(from.quantity));
        number(out, 16, u64::from(from.test));
        number(out, 17, u64::from(from.first_price));
        self.landing_at = out.len();
        number(out, 19, u64::from(from.predicted_ctr_ppm));
        number(out, 20, u64::from(from.fee_ppm));
        number(out, 21, u64::from(from.trial_arm));
        self.people_at = out.len();
        key(out, 31, from.device);
        key(out, 32, from.household);
        self.advertiser_at = out.len();
        number(out, 33, from.advertiser.unwrap_or_default().0);
        self.bid_id = bid_id;
    }

    /// The bid's id.
    pub fn bid_id(&self) -> BidId {
        self.bid_id
    }

    /// Appends everything but the bid's id and the advertiser.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(..self.advertiser_at).unwrap_or_default());
    }

    /// Appends the advertiser, where a profile may be kept.
    pub(crate) fn write_advertiser(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(self.advertiser_at..).unwrap_or_default());
    }

    /// Appends device, household and advertiser.
    pub(crate) fn write_people(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(self.people_at..).unwrap_or_default());
    }

    /// Appends everything but the bid's id, device, household and advertiser, with a landing page unless that is empty.
    pub(crate) fn write_alone(&self, out: &mut Vec<u8>, landing: &str) {
        let alone = self.bytes.get(..self.people_at).unwrap_or_default();
        let (before, after) = alone.split_at_checked(self.landing_at).unwrap_or_default();
        out.extend_from_slice(before);
        bytes(out, 18, landing.as_bytes());
        out.extend_from_slice(after);
    }
}

fn key(out: &mut Vec<u8>, field: u32, key: Option<UserKey>) {
    if let Some(key) = key {
        whole(out, field, &key.0);
    }
}

/// What an event of kind [`Bid`](super::Bid) says. Texts must not be longer than events keep.
#[derive(Debug, Clone, Copy)]
#[expect(
    missing_docs,
    reason = "the fields of Event and Bid, which tell their units"
)]
pub struct BidRecord<'a> {
    pub id: EventId,
    pub region: &'a str,
    pub at: Timestamp,
    pub reference: &'a EncodedRef,
    pub auction_id: &'a str,
    pub imp_id: &'a str,
    pub features: &'a [u32],
    pub feature_list: u64,
    pub model_version: u64,
    pub predicted_ctr: f32,
    pub predicted_cvr: f32,
    pub value: Cpm,
    pub multiplier: f64,
    pub shade: f64,
    pub floor: Cpm,
    pub deal: &'a str,
    pub site: &'a str,
    pub country: &'a str,
    pub privacy: Privacy,
    pub revision: u64,
    pub modifier_ppm: i64,
    pub raw_ctr: f32,
    pub raw_cvr: f32,
}

impl BidRecord<'_> {
    /// Appends the event.
    pub fn encode(&self, out: &mut Vec<u8>) {
        whole(out, 1, &self.id.0);
        number(out, 2, u64::from(SCHEMA));
        bytes(out, 3, self.region.as_bytes());
        signed(out, 4, self.at.0);
        message(out, 10, |out| self.encode_bid(out));
    }

    fn encode_bid(&self, out: &mut Vec<u8>) {
        message(out, 1, |out| {
            whole(out, 1, &self.reference.bid_id.0);
            self.reference.write(out);
        });
        bytes(out, 2, self.auction_id.as_bytes());
        bytes(out, 3, self.imp_id.as_bytes());
        if !self.features.is_empty() {
            encode_key(4, WireType::LengthDelimited, out);
            encode_varint(size_of_val(self.features) as u64, out);
            for feature in self.features {
                out.extend_from_slice(&feature.to_le_bytes());
            }
        }
        number(out, 5, self.feature_list);
        number(out, 6, self.model_version);
        float(out, 7, self.predicted_ctr);
        float(out, 8, self.predicted_cvr);
        signed(out, 9, self.value.0.0);
        double(out, 10, self.multiplier);
        double(out, 11, self.shade);
        signed(out, 12, self.floor.0.0);
        bytes(out, 13, self.deal.as_bytes());
        bytes(out, 14, self.site.as_bytes());
        bytes(out, 15, self.country.as_bytes());
        prost::encoding::message::encode(16, &self.privacy, out);
        number(out, 17, self.revision);
        signed(out, 18, self.modifier_ppm);
        float(out, 19, self.raw_ctr);
        float(out, 20, self.raw_cvr);
    }
}
