//! What bids hold of their campaign's money until their notices have come: how much, and in which buckets.

use domain::{Micros, Timestamp};

use crate::account::Resolved;

/// While what is left is more than so many times what is held and leased, bids hold their expected cost only.
pub const EXPECTED_HOLD_MARGIN: i64 = 5;
/// Expected cost is held with this much on top, since the ratio is itself an estimate.
const SAFETY: f64 = 1.25;
/// A bid never holds less than this share of itself.
const RATIO_MIN: f64 = 0.02;

/// The hold of one bid whose whole cost would be `full`, in micros of the campaign's currency.
/// `full_holds` says that little is left, so that nothing is left to expectation.
pub fn hold_amount(full: Micros, expected_ratio: f64, full_holds: bool) -> Micros {
    if full_holds {
        return full;
    }
    full.scale(expected_ratio.clamp(RATIO_MIN, 1.0))
        .clamp(Micros(1).min(full), full)
}

/// What bids cost in the end, as a share of what was bid: lost ones cost nothing, won ones the clearing price.
///
/// Only bids whose hold was released count, so that bids whose notice is still to come do not look cheap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CostRatio(f64);

impl CostRatio {
    /// Of resolved bids; `prior` micros of bids that cost all of their price are counted in, so that little
    /// evidence means a careful estimate.
    pub fn new(resolved: Resolved, prior: Micros) -> Self {
        let prior = prior.0.max(1) as f64;
        let (bid, cost) = (
            resolved.bid.at_least_zero().0 as f64,
            resolved.cost.at_least_zero().0 as f64,
        );
        Self(((cost + prior) / (bid + prior)).clamp(0.0, 1.0))
    }

    /// The estimate, in `0..=1`: for pacing.
    pub fn estimate(self) -> f64 {
        self.0
    }

    /// What bids are still expected to cost, of which some may be billed already.
    pub fn outstanding(self, unresolved: Resolved) -> Micros {
        let expected = unresolved.bid.at_least_zero().scale(self.0);
        (expected - unresolved.cost).at_least_zero()
    }

    /// The estimate with its margin, in `RATIO_MIN..=1`: for holds.
    pub fn for_holds(self) -> f64 {
        (self.0 * SAFETY).clamp(RATIO_MIN, 1.0)
    }
}

/// Holds are kept by exchange, hold time and the slot of time in which the bid was made. A slot lasts a second,
/// or a 64th of the hold time where that is longer, so that an account keeps at most some hundred buckets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldKey {
    /// Whose watermark releases it.
    pub exchange: String,
    /// How long a notice may take, in milliseconds.
    pub hold_ms: i64,
    /// When the slot begins, in seconds since 1970-01-01.
    pub second: i64,
}

impl HoldKey {
    /// The bucket of a bid made at `bid_at`.
    pub fn of(exchange: &str, hold_ms: i64, bid_at: Timestamp) -> Self {
        Self {
            exchange: exchange.to_owned(),
            hold_ms,
            second: Self::slot_of(hold_ms, bid_at),
        }
    }

    /// When the slot of a bid made at `bid_at` begins, in seconds since 1970-01-01.
    pub fn slot_of(hold_ms: i64, bid_at: Timestamp) -> i64 {
        bid_at.0.div_euclid(1000).div_euclid(slot_s(hold_ms)) * slot_s(hold_ms)
    }

    /// Until when notices are in time: the hold time after the end of its slot.
    pub(crate) fn deadline(&self) -> Timestamp {
        Timestamp((self.second + slot_s(self.hold_ms)).saturating_mul(1000)).plus_ms(self.hold_ms)
    }
}

fn slot_s(hold_ms: i64) -> i64 {
    (hold_ms / 64_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_lie_between_one_micro_and_the_full_bid() {
        let full = Micros(2_000);
        assert_eq!(hold_amount(full, 0.3, false), Micros(600));
        assert_eq!(hold_amount(full, 0.3, true), full);
        assert_eq!(hold_amount(full, 7.0, false), full);
        assert_eq!(hold_amount(Micros(3), 0.0, false), Micros(1));
        assert_eq!(hold_amount(Micros(0), 0.5, false), Micros(0));
    }

    #[test]
    fn the_ratio_starts_careful_and_learns() {
        let ratio = |bid, cost| {
            CostRatio::new(
                Resolved {
                    bid: Micros(bid),
                    cost: Micros(cost),
                },
                Micros(10_000),
            )
        };
        assert_eq!(ratio(0, 0).for_holds(), 1.0);
        assert_eq!(ratio(10_000, 0).estimate(), 0.5);
        assert!((ratio(10_000_000, 2_000_000).estimate() - 0.2).abs() < 0.01);
        assert!((ratio(10_000_000, 2_000_000).for_holds() - 0.25).abs() < 0.01);
        let half = ratio(10_000, 0);
        let outstanding = |bid, cost| {
            half.outstanding(Resolved {
                bid: Micros(bid),
                cost: Micros(cost),
            })
        };
        assert_eq!(outstanding(1_000, 100), Micros(400));
        assert_eq!(outstanding(1_000, 900), Micros::ZERO);
    }
}
