//! A billing, win or loss notice as the ledger sees it: pure arithmetic on the event.

use domain::ledger::{Entry, LedgerRow};
use domain::{Cpm, EventId, Micros, Timestamp};
use pacing::Settlement;
use pacing::account::HoldKey;
use proto::event::BidRef;

/// What a notice costs the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What the exchange charges, in its currency.
    pub exchange_amount: Micros,
    /// The same in the campaign's currency, rounded to the nearest micro.
    pub media: Micros,
    /// The platform's fee on it, rounded down.
    pub fee: Micros,
}

impl Charge {
    /// What the budget counts.
    pub fn billed(&self) -> Micros {
        self.media + self.fee
    }
}

/// The charge of a notice at `price`: never above the bid, at the rates that were fixed at bid time.
pub fn charge(reference: &BidRef, price: Cpm) -> Charge {
    let (exchange_amount, media) = reference.media_cost(Cpm(price.0.at_least_zero()));
    Charge {
        exchange_amount,
        media,
        fee: media.mul_div(i64::from(reference.fee_ppm), 1_000_000),
    }
}

/// The notice as the account takes it.
pub fn settlement(reference: &BidRef, charge: &Charge, at: Timestamp) -> Settlement {
    Settlement {
        key: HoldKey::of(&reference.exchange, reference.hold_ms, reference.bid_at()),
        bid_at: reference.bid_at(),
        hold: Micros(reference.hold_micros),
        full: self::charge(reference, reference.price()).billed(),
        media: charge.media,
        billed: charge.billed(),
        at,
    }
}

/// The ledger row of a billing notice.
pub fn row(
    event: EventId,
    reference: &BidRef,
    charge: &Charge,
    at: Timestamp,
    late: bool,
) -> LedgerRow {
    LedgerRow {
        event,
        entry: Entry::Book,
        campaign: reference.campaign_id(),
        line_item: reference.line_item_id(),
        bid: reference.id(),
        at,
        exchange_amount: charge.exchange_amount,
        exchange_currency: reference.bid_currency(),
        media: charge.media,
        fee: charge.fee,
        billed: charge.billed(),
        currency: reference.account_currency(),
        rate: reference.rate,
        rate_day: reference.rate_day,
        late,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_come_on_top_and_prices_are_capped_by_the_bid() {
        let reference = BidRef {
            price_cpm_micros: 4_000_000,
            rate: 1_000_000,
            fee_ppm: 150_000,
            ..BidRef::default()
        };
        let full = charge(&reference, Cpm::from_decimal(9.0).unwrap());
        assert_eq!(
            (full.media, full.fee, full.billed()),
            (Micros(4_000), Micros(600), Micros(4_600))
        );
        let negative = charge(&reference, Cpm(Micros(-5)));
        assert_eq!(negative.billed(), Micros::ZERO);
    }
}
