//! The static bid functions of the literature, with parameters chosen on earlier rows and then frozen.

use super::stream::Row;
use super::{Auction, Strategy, Stream};

/// Parameters tried, from this part of the mean to as many times of it, in equal ratios.
const RANGE: f64 = 64.0;
/// How many are tried, for the functions with one parameter and for each of ORTB's two.
const TRIED: usize = 97;
const TRIED_OF_TWO: (usize, usize) = (13, 49);

/// A bid in micros from a predicted click rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    /// The same for all.
    Constant(f64),
    /// So much for a click: truthful with what one is worth, linear with what fits the budget.
    PerClick(f64),
    /// `sqrt(c / lambda x p + c^2) - c`, with `c` and `1 / lambda`.
    Ortb(f64, f64),
}

impl Function {
    /// The bid.
    pub(super) fn bid(self, pctr: f64) -> i64 {
        let bid = match self {
            Self::Constant(bid) => bid,
            Self::PerClick(value) => value * pctr,
            Self::Ortb(c, inverse) => (c * inverse * pctr + c * c).sqrt() - c,
        };
        bid as i64
    }

    /// The best of a strategy's functions on these rows with that share of their cost; `None` where a strategy is
    /// none of them.
    pub(super) fn fit(
        strategy: Strategy,
        rows: &Stream,
        share: f64,
        auction: Auction,
    ) -> Option<Self> {
        let count = rows.rows.len() as f64;
        let price = rows.cost() as f64 / count;
        let pctr = rows.rows.iter().map(|row| row.pctr).sum::<f64>() / count;
        let per_click = price / pctr.max(f64::MIN_POSITIVE);
        let budget = (rows.cost() as f64 * share) as i64;
        let tried: Vec<Self> = match strategy {
            Strategy::Constant => ratios(TRIED).map(|by| Self::Constant(price * by)).collect(),
            Strategy::Linear => ratios(TRIED)
                .map(|by| Self::PerClick(per_click * by))
                .collect(),
            Strategy::Ortb => {
                let (of_c, of_lambda) = TRIED_OF_TWO;
                let pairs = ratios(of_c).flat_map(|c| ratios(of_lambda).map(move |l| (c, l)));
                pairs
                    .map(|(c, l)| Self::Ortb(price * c, per_click * l))
                    .collect()
            }
            Strategy::Truthful => {
                let clicks = rows.rows.iter().filter(|row| row.click).count() as f64;
                let predicted = count * pctr;
                let clicks = if clicks > 0.0 { clicks } else { predicted };
                return Some(Self::PerClick(
                    rows.cost() as f64 / clicks.max(f64::MIN_POSITIVE),
                ));
            }
            _ => return None,
        };
        let value = |function: &Self| function.value(&rows.rows, budget, auction);
        let best = tried.iter().map(|function| (value(function), *function));
        best.max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, function)| function)
    }

    /// Predicted clicks won until the money is gone.
    fn value(self, rows: &[Row], budget: i64, auction: Auction) -> f64 {
        let (mut left, mut value) = (budget, 0.0);
        for row in rows {
            let bid = self.bid(row.pctr);
            let cost = match auction {
                Auction::Second => row.price,
                Auction::First => bid,
            };
            if bid > row.price && cost <= left {
                left -= cost;
                value += row.pctr;
            }
        }
        value
    }
}

fn ratios(count: usize) -> impl Iterator<Item = f64> {
    let step = 2.0 * RANGE.ln() / (count - 1) as f64;
    (0..count).map(move |at| (at as f64 * step - RANGE.ln()).exp())
}

#[cfg(test)]
mod tests {
    use super::super::stream::columns;
    use super::*;

    #[test]
    fn parameters_are_those_that_buy_most() {
        // Dear rows of little worth, then cheap ones of much: only a bid between them leaves money for the latter.
        let text = "50 0.01\n".repeat(100) + &"10 0.1\n".repeat(100);
        let rows = Stream::read(text.as_bytes(), &columns("price,pctr").unwrap(), 1.0).unwrap();
        let budget = (rows.cost() as f64 * (1.0 / 6.0)) as i64;
        for strategy in [Strategy::Linear, Strategy::Ortb, Strategy::Constant] {
            let fitted = Function::fit(strategy, &rows, 1.0 / 6.0, Auction::Second).unwrap();
            let value = fitted.value(&rows.rows, budget, Auction::Second);
            assert!(
                (value - 10.0).abs() < 0.11,
                "{strategy:?} {fitted:?}: {value}"
            );
        }
        assert_eq!(
            Function::fit(Strategy::Dual, &rows, 0.5, Auction::Second),
            None
        );
        let truthful = Function::fit(Strategy::Truthful, &rows, 0.5, Auction::Second);
        assert_eq!(
            truthful.map(|function| function.bid(0.11)),
            Some(60_000),
            "11 for 6,000"
        );
    }
}
