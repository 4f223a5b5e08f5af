//! Events: the envelope, deterministic ids, topics' keys, and the bid reference in domain types.

mod encode;

use domain::random::mix;
use domain::{
    BidId, CampaignId, Cpm, CreativeId, Currency, EventId, Exchange, LineItemId, Micros, Timestamp,
    UserKey,
};
use prost::Message;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "generated code"
)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/paceline.event.v1.rs"));
}

pub use encode::{BidRecord, EncodedRef, Reference};
pub use wire::{
    Bid, BidRef, Billing, Click, Conversion, Delivery, Event, Impression, Loss, NativePart,
    Playback, PlaybackStep, Privacy, ReasonCount, Rendering, SegmentEntry, View, Win, event::Kind,
};

/// The version of the event schema that this build writes.
pub const SCHEMA: u32 = 1;

/// Entries of a user into a segment within an hour are one event; in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not protobuf, or not this message.
    #[error("event does not decode: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A required part is missing or has the wrong length.
    #[error("event lacks a valid {0}")]
    Missing(&'static str),
}

/// Builds an event with the current schema.
pub fn event(id: EventId, region: &str, at: Timestamp, kind: Kind) -> Event {
    Event {
        id: id.0.to_vec(),
        schema: SCHEMA,
        region: region.to_owned(),
        at_ms: at.0,
        kind: Some(kind),
    }
}

/// Reads an event and checks its id.
///
/// # Errors
/// When the bytes are not an event, or it has no kind or no 16-byte id.
pub fn parse(bytes: &[u8]) -> Result<Event, EventError> {
    let event = Event::decode(bytes)?;
    if event.id.len() != 16 {
        return Err(EventError::Missing("id"));
    }
    if event.kind.is_none() {
        return Err(EventError::Missing("kind"));
    }
    Ok(event)
}

impl Event {
    /// Its id; `parse` has checked the length.
    pub fn event_id(&self) -> EventId {
        EventId::from_slice(&self.id).unwrap_or_default()
    }

    /// When it was taken.
    pub fn at(&self) -> Timestamp {
        Timestamp(self.at_ms)
    }

    /// The bid it refers to, for every kind that has one.
    pub fn bid_ref(&self) -> Option<&BidRef> {
        match self.kind.as_ref()? {
            Kind::Bid(bid) => bid.r#ref.as_ref(),
            Kind::Win(win) => win.r#ref.as_ref(),
            Kind::Loss(loss) => loss.r#ref.as_ref(),
            Kind::Billing(billing) => billing.r#ref.as_ref(),
            Kind::Impression(impression) => impression.r#ref.as_ref(),
            Kind::View(view) => view.r#ref.as_ref(),
            Kind::Click(click) => click.r#ref.as_ref(),
            Kind::Conversion(conversion) => conversion.r#ref.as_ref(),
            Kind::Playback(playback) => playback.r#ref.as_ref(),
            Kind::Segment(entry) => entry.r#ref.as_ref(),
            Kind::Delivery(_) => None,
        }
    }
}

/// Which of a bid's happenings an event id is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// The bid itself.
    Bid,
    /// The win notice.
    Win,
    /// The loss notice.
    Loss,
    /// The billing notice.
    Billing,
    /// The impression.
    Impression,
    /// The viewable impression.
    View,
    /// The click.
    Click,
    /// A conversion; told apart by name and order.
    Conversion,
    /// A step of playback; told apart by its number.
    Playback,
    /// An entry into a segment, of a user instead of a bid; told apart by hour, advertiser and name.
    Segment,
}

/// The id of a happening of a bid: every repeat of it gets the same one.
/// `discriminator` tells conversions of one bid apart and is empty for the rest.
pub fn event_id(bid: BidId, kind: IdKind, discriminator: &[u8]) -> EventId {
    let mut high = u64::from_be_bytes(bid.0[..8].try_into().expect("8 of 16 bytes"));
    let mut low = u64::from_be_bytes(bid.0[8..].try_into().expect("8 of 16 bytes"));
    let tag = kind as u64 + 1;
    for chunk in discriminator.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        high = mix(high ^ u64::from_le_bytes(word)).wrapping_add(chunk.len() as u64);
        low = mix(low.rotate_left(29) ^ u64::from_le_bytes(word));
    }
    // Two bijections of the bid id, so different bids never share an id of one kind.
    let high = mix(high.wrapping_add(tag.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let low = mix(low ^ tag.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    EventId(bytes)
}

impl PlaybackStep {
    /// The step of a VAST event's name.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "start" => Self::Start,
            "firstQuartile" => Self::FirstQuartile,
            "midpoint" => Self::Midpoint,
            "thirdQuartile" => Self::ThirdQuartile,
            "complete" => Self::Complete,
            "skip" => Self::Skip,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

impl BidRef {
    /// The bid's id; nil when the field is malformed.
    pub fn id(&self) -> BidId {
        BidId::from_slice(&self.bid_id).unwrap_or_default()
    }

    /// The campaign.
    pub fn campaign_id(&self) -> CampaignId {
        CampaignId(self.campaign)
    }

    /// The line item.
    pub fn line_item_id(&self) -> LineItemId {
        LineItemId(self.line_item)
    }

    /// The creative.
    pub fn creative_id(&self) -> CreativeId {
        CreativeId(self.creative)
    }

    /// The exchange.
    pub fn exchange_name(&self) -> Exchange {
        Exchange::new(&self.exchange)
    }

    /// The user's pseudonym, if one may be used.
    pub fn user_key(&self) -> Option<UserKey> {
        UserKey::from_slice(&self.user)
    }

    /// Whose impressions are counted: the user, the device and the household, as far as the token names them.
    pub fn counted_keys(&self) -> impl Iterator<Item = UserKey> {
        let keys = [&self.user, &self.device, &self.household];
        keys.into_iter().filter_map(|key| UserKey::from_slice(key))
    }

    /// When the bid was made.
    pub fn bid_at(&self) -> Timestamp {
        Timestamp(self.bid_at_ms)
    }

    /// The price that was bid, in the bid's currency.
    pub fn price(&self) -> Cpm {
        Cpm(Micros(self.price_cpm_micros))
    }

    /// The bid's currency; USD where the field is malformed.
    pub fn bid_currency(&self) -> Currency {
        Currency::parse(&self.currency).unwrap_or_default()
    }

    /// The campaign's currency; USD where the field is malformed.
    pub fn account_currency(&self) -> Currency {
        Currency::parse(&self.campaign_currency).unwrap_or_default()
    }

    /// Impressions bought at once, at least 1.
    pub fn impressions(&self) -> i64 {
        i64::from(self.quantity.max(1))
    }

    /// What the campaign pays for this purchase at `price` in the bid's currency, never more than at the bid:
    /// the media cost in the exchange's and in the campaign's currency, rounded to the nearest micro.
    pub fn media_cost(&self, price: Cpm) -> (Micros, Micros) {
        let charged = price.min(self.price()).cost_of(self.impressions());
        let rate = if self.rate > 0 {
            self.rate
        } else {
            domain::money::MICROS_PER_UNIT
        };
        let converted = domain::money::convert_at(
            charged,
            rate,
            domain::money::MICROS_PER_UNIT,
            domain::money::Rounding::Nearest,
        );
        (charged, converted)
    }
}

/// The id of a user's entry into an advertiser's segment: the same all through an hour, whichever bid led there.
pub fn segment_event_id(user: UserKey, advertiser: u64, name: &str, at: Timestamp) -> EventId {
    let mut which = at.0.div_euclid(HOUR_MS).to_le_bytes().to_vec();
    which.extend_from_slice(&advertiser.to_le_bytes());
    which.extend_from_slice(name.as_bytes());
    event_id(BidId(user.0), IdKind::Segment, &which)
}

/// The partition key of user events: the user, else the bid, so that one auction stays together.
pub fn user_partition_key(reference: &BidRef) -> Vec<u8> {
    if reference.user.is_empty() {
        reference.bid_id.clone()
    } else {
        reference.user.clone()
    }
}

/// The partition key of billing events: the campaign, so that it has one writer.
pub fn campaign_partition_key(reference: &BidRef) -> Vec<u8> {
    reference.campaign.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_tell_kinds_bids_and_orders_apart() {
        let (a, b) = (BidId([1; 16]), BidId([2; 16]));
        let ids = [
            event_id(a, IdKind::Bid, b""),
            event_id(a, IdKind::Win, b""),
            event_id(b, IdKind::Win, b""),
            event_id(a, IdKind::Conversion, b"order-1"),
            event_id(a, IdKind::Conversion, b"order-2"),
            event_id(a, IdKind::Conversion, b""),
        ];
        for (i, x) in ids.iter().enumerate() {
            assert!(ids.iter().skip(i + 1).all(|y| x != y));
        }
        assert_eq!(
            event_id(a, IdKind::Win, b""),
            ids[1],
            "a repeat has the same id"
        );
    }

    #[test]
    fn events_round_trip_and_garbage_is_refused() {
        let reference = BidRef {
            bid_id: vec![7; 16],
            campaign: 3,
            ..BidRef::default()
        };
        let kind = Kind::Click(Click {
            r#ref: Some(reference),
        });
        let event = event(EventId([9; 16]), "local", Timestamp(5), kind);
        assert_eq!(parse(&event.encode_to_vec()).unwrap(), event);
        assert!(parse(b"").is_err());
        assert!(parse(&[0xff; 40]).is_err());
    }

    #[test]
    fn a_notice_never_costs_more_than_the_bid() {
        let reference = BidRef {
            price_cpm_micros: 2_000_000,
            rate: 500_000,
            ..BidRef::default()
        };
        let (charged, media) = reference.media_cost(Cpm::from_decimal(9.0).unwrap());
        assert_eq!((charged, media), (Micros(2000), Micros(1000)));
    }
}
