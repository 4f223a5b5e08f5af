//! First-price bids: what to bid of a value so that chance times surplus is the most.
//!
//! The best bid for each value stands in a table over a logarithmic grid, worked out in the background, so that the
//! bid path looks one number up. A little noise around it keeps the curve known where bids are made.

use domain::Timestamp;

use crate::curve::{PriceCurve, cell, top};

/// The curve is worked out anew so often, in milliseconds, once it is known.
const REBUILD_MS: i64 = 300_000;
/// What is learned counts half after a day, in milliseconds.
const HALF_LIFE_MS: f64 = 86_400_000.0;
/// Auctions before there is a first curve; with twice as many it is worked out again, and so on.
const FIRST: u64 = 1000;
/// Until then a bid is at most this part of what is left, so that learning cannot cost much of a budget,
const RISK: f64 = 0.0015;
/// and bids are spread down to this part of it, to see where the market is.
const SPREAD: f64 = 0.03;
/// Segments of the response rate, a factor of e each,
const SEGMENTS: usize = 16;
/// which count once so many of their auctions are known; before that all auctions are asked.
const SEGMENT_SEEN: u64 = 1_000;
/// One bid in so many is moved, and more of the first: anywhere up to the value, at which nothing is lost yet,
const EXPLORED: f64 = 0.01;
/// and down by a factor of e to this.
const BELOW: f64 = 0.3;
/// Values above all evidence by more than this, a factor of e^6, are spread again: nobody has seen what they buy.
const CELLS_ABOVE: usize = 300;

/// The best bids, learned from own auctions.
#[derive(Debug, Clone)]
pub struct Shader {
    all: Table,
    /// By the predicted response: prices often go with what makes an impression worth more.
    segments: Vec<Table>,
    next: u64,
    rebuilt: Option<Timestamp>,
}

/// A curve, and the best bid by the cell of the value in micros; empty before the first curve.
#[derive(Debug, Clone, Default)]
struct Table {
    curve: PriceCurve,
    best: Vec<f64>,
    seen: u64,
}

/// What a bid is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// The value after pacing, in micros.
    pub value: f64,
    /// The predicted response rate that it rests on.
    pub response: f64,
    /// What is left of the budget, in micros: a bid into the unknown risks a small part of it only.
    pub left: f64,
}

impl Default for Shader {
    fn default() -> Self {
        Self {
            all: Table::default(),
            segments: vec![Table::default(); SEGMENTS],
            next: FIRST,
            rebuilt: None,
        }
    }
}

impl Shader {
    /// What to bid, in micros. `draws` are two uniform draws in `[0, 1)`.
    pub fn bid(&self, worth: Worth, draws: (f64, f64)) -> f64 {
        let value = worth.value;
        let segment = self.segments.get(segment(worth.response));
        let table = segment.filter(|table| table.seen >= SEGMENT_SEEN && !table.best.is_empty());
        let table = table.unwrap_or(&self.all);
        // Where nothing is known to win, as where nothing is known.
        let Some(best) = table.best.get(cell(value)).filter(|best| **best > 0.0) else {
            return value.min(worth.left * RISK) * SPREAD.powf(draws.1);
        };
        let explored = EXPLORED.max(FIRST as f64 / table.seen.max(1) as f64);
        if draws.0 >= explored {
            return best.min(value);
        }
        // Between the best bid and the value a bid may still gain; a little below the best one too.
        let up = (value / best).max(1.0).ln();
        let moved = draws.1 * (up + BELOW) - BELOW;
        (best * moved.exp()).min(value)
    }

    /// Learns from one auction: the bid in micros and the response rate it was made for, whether it won, and the price
    /// to win where it is known.
    pub fn observe(&mut self, (bid, response): (f64, f64), won: bool, price: Option<f64>) {
        let own = self.segments.get_mut(segment(response));
        for table in own.into_iter().chain([&mut self.all]) {
            table.seen += 1;
            table.curve.observe(bid, won, price);
        }
    }

    /// Works the tables out anew where it is time.
    pub fn step(&mut self, now: Timestamp) {
        let since = self.rebuilt.map(|then| now.since(then));
        let due = self.all.seen >= self.next || since.is_some_and(|since| since >= REBUILD_MS);
        if self.all.seen >= FIRST && due {
            let keep = since.map_or(1.0, |since| {
                0.5_f64.powf(since.max(0) as f64 / HALF_LIFE_MS)
            });
            for table in self.segments.iter_mut().chain([&mut self.all]) {
                table.rebuild(keep);
            }
            self.next = self.all.seen.saturating_mul(2);
            self.rebuilt = Some(now);
        }
    }

    /// The curve of all auctions as it was last worked out.
    pub fn curve(&self) -> &PriceCurve {
        &self.all.curve
    }
}

fn segment(response: f64) -> usize {
    let depth = -response.max(f64::MIN_POSITIVE).ln();
    (depth.max(0.0) as usize).min(SEGMENTS - 1)
}

impl Table {
    /// The best bid never falls with the value, so that the search for one value starts at the last one's.
    fn rebuild(&mut self, keep: f64) {
        self.curve.rebuild(keep);
        let Some((first, last)) = self.curve.span() else {
            return;
        };
        self.best.clear();
        let chances: Vec<(f64, f64)> = (first..=last)
            .map(|at| (top(at), self.curve.chance_at(at)))
            .collect();
        let mut from = 0;
        for at in 0..=last + CELLS_ABOVE {
            let value = top(at);
            let surplus = |(bid, chance): &(f64, f64)| (value - bid) * chance;
            let mut best = (0.0, 0.0);
            for (index, point) in chances.iter().enumerate().skip(from) {
                if point.0 >= value {
                    break;
                }
                if surplus(point) > best.0 {
                    (best, from) = ((surplus(point), point.0), index);
                }
            }
            self.best.push(best.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;

    use super::*;

    const WORTH: Worth = Worth {
        value: 800.0,
        response: 0.01,
        left: 1e12,
    };

    #[test]
    fn half_of_the_value_is_best_where_prices_are_uniform() {
        let (mut shader, mut rng) = (Shader::default(), SplitMix64::new(1));
        for at in 0..50_000 {
            let (price, bid) = (1_000.0 * rng.unit(), 1_000.0 * rng.unit());
            let won = bid > price;
            shader.observe((bid, 0.01), won, won.then_some(price));
            shader.step(Timestamp(at * 10));
        }
        let bid = shader.bid(WORTH, (0.9, 0.5));
        assert!((bid - 400.0).abs() < 60.0, "{bid}");
        let explored = [0.0, 0.5, 0.99].map(|draw| shader.bid(WORTH, (0.0, draw)));
        assert!(explored[0] < bid && explored[2] > bid, "{explored:?}");
        assert!(explored.iter().all(|bid| *bid <= WORTH.value));
    }

    #[test]
    fn a_bid_into_the_unknown_risks_little() {
        let shader = Shader::default();
        let poor = Worth {
            left: 10_000.0,
            ..WORTH
        };
        assert!(shader.bid(poor, (0.9, 0.0)) <= 10_000.0 * RISK);
        assert_eq!(shader.bid(WORTH, (0.9, 0.0)), WORTH.value);
        assert!(shader.bid(WORTH, (0.9, 0.9)) < 0.1 * WORTH.value);
    }
}
