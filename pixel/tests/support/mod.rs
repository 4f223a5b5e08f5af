//! Keys, a bid and a time that every test of the pixel starts from.

use domain::Timestamp;
use proto::event::BidRef;
use proto::token::TokenKeys;

/// 2026-11-22 14:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_795_356_000_000);

/// The installation's keys.
pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new([(1, [7; 32])]).unwrap()
}

/// A bid of a second ago, as its click token carries it.
pub(crate) fn bid() -> BidRef {
    BidRef {
        bid_id: (1..=16).collect(),
        campaign: 12,
        line_item: 34,
        creative: 56,
        exchange: "generic".into(),
        user: vec![9; 16],
        bid_at_ms: NOW.0 - 1000,
        price_cpm_micros: 2_500_000,
        currency: "USD".into(),
        rate: 1_000_000,
        campaign_currency: "USD".into(),
        hold_micros: 2500,
        hold_ms: 60_000,
        landing: "https://shop.example/p?id=7#top".into(),
        ..BidRef::default()
    }
}
