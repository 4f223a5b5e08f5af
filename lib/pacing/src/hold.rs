//! How much of a campaign's money one bid holds until its notice has come.

use domain::Micros;

/// While what is left is more than so many times what is held and leased, bids hold their expected cost only.
pub const EXPECTED_HOLD_MARGIN: i64 = 5;
/// Expected cost is held with this much on top, since the ratio is itself an estimate.
const SAFETY: f64 = 1.25;
/// A bid never holds less than this share of itself.
const RATIO_MIN: f64 = 0.02;
/// Each observation keeps this share of the past: about 50 observations of memory.
const MEMORY: f64 = 0.98;

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
#[derive(Debug, Clone)]
pub struct CostRatio {
    bid: f64,
    cost: f64,
}

impl CostRatio {
    /// Starts at 1 (every bid is won at its own price) with the weight of `prior` micros of bids.
    pub fn new(prior: Micros) -> Self {
        let prior = prior.at_least_zero().0 as f64;
        Self {
            bid: prior,
            cost: prior,
        }
    }

    /// Adds what was bid and what was billed since the last call, and lets the past fade.
    /// Costs come later than their bids; in steady delivery the two sums still agree.
    pub fn observe(&mut self, bid: Micros, cost: Micros) {
        if bid.0 <= 0 && cost.0 <= 0 {
            return;
        }
        self.bid = self.bid * MEMORY + bid.at_least_zero().0 as f64;
        self.cost = self.cost * MEMORY + cost.at_least_zero().0 as f64;
    }

    /// The best estimate, in `0..=1`: for pacing.
    pub fn estimate(&self) -> f64 {
        if self.bid > 0.0 {
            (self.cost / self.bid).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }

    /// The estimate with its margin, in `RATIO_MIN..=1`: for holds.
    pub fn for_holds(&self) -> f64 {
        (self.estimate() * SAFETY).clamp(RATIO_MIN, 1.0)
    }
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
        let mut ratio = CostRatio::new(Micros(10_000));
        assert_eq!(ratio.for_holds(), 1.0);
        for _ in 0..400 {
            ratio.observe(Micros(10_000), Micros(2_000));
        }
        assert!(
            (ratio.estimate() - 0.2).abs() < 0.01,
            "{}",
            ratio.estimate()
        );
        assert!((ratio.for_holds() - 0.25).abs() < 0.02);
    }
}
