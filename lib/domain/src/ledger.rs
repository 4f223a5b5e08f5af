//! Ledger rows: what was booked, once each and for ever.

use crate::ids::{BidId, CampaignId, EventId, LineItemId};
use crate::money::{Currency, Micros};
use crate::time::Timestamp;

/// What a row does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Spend of a billing notice.
    Book,
    /// A correction of an earlier row.
    Adjust,
    /// An earlier row taken back, as for invalid traffic.
    Reverse,
}

/// One append-only row. Amounts are exact; `media` was converted with rounding to the nearest micro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// The event that caused it; a second row with the same id is never written.
    pub event: EventId,
    /// What it does.
    pub entry: Entry,
    /// Whose budget it counts against.
    pub campaign: CampaignId,
    /// Which line item bid.
    pub line_item: LineItemId,
    /// The bid that was billed.
    pub bid: BidId,
    /// When the notice was acknowledged.
    pub at: Timestamp,
    /// What the exchange charges, in `exchange_currency`.
    pub exchange_amount: Micros,
    /// The exchange's currency.
    pub exchange_currency: Currency,
    /// The same in the campaign's currency.
    pub media: Micros,
    /// The platform's fee on it, in the campaign's currency.
    pub fee: Micros,
    /// `media + fee`: what the budget counts.
    pub billed: Micros,
    /// The campaign's currency.
    pub currency: Currency,
    /// Campaign-currency micros for one unit of the exchange's, fixed at bid time.
    pub rate: i64,
    /// The day of that rate, as days since 1970-01-01.
    pub rate_day: i32,
    /// Whether the notice came after its hold had been released.
    pub late: bool,
}
