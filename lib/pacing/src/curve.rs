//! What a bid must outbid, learned from own auctions: the chance that a bid of some height wins.
//!
//! Where notices tell the price (second price, or `AUCTION_MIN_TO_WIN`), it is the Kaplan-Meier estimate: a lost bid
//! says only that the price was higher. Where a win tells nothing but that the bid was enough (first price), it is
//! the isotonic regression of wins on bids (Ayer et al. 1955), the maximum-likelihood curve of such data. A curve of
//! wins alone would take the cheap auctions for all of them.

/// Cells for each factor of e: a cell is two percent wide.
const CELLS_PER_E: f64 = 50.0;
/// Cells in all: they reach from a micro to a million units.
const CELLS: usize = 1_400;

/// The chance to win by the height of the bid. Cells are equal ratios, so that no scale is preferred.
#[derive(Debug, Clone)]
pub struct PriceCurve {
    /// Auctions whose price is known, by its cell.
    priced: Vec<f64>,
    /// Auctions lost and won at an unknown price, by the cell of the bid.
    lost: Vec<f64>,
    won: Vec<f64>,
    /// The chance to win with a bid at the upper end of a cell, as of the last `rebuild`.
    chance: Vec<f64>,
    /// Cells in which there is any evidence.
    span: (usize, usize),
}

impl Default for PriceCurve {
    fn default() -> Self {
        Self {
            priced: vec![0.0; CELLS],
            lost: vec![0.0; CELLS],
            won: vec![0.0; CELLS],
            chance: vec![0.0; CELLS],
            span: (CELLS, 0),
        }
    }
}

/// The cell of an amount in micros.
pub(crate) fn cell(amount: f64) -> usize {
    let place = amount.max(1.0).ln() * CELLS_PER_E;
    (place as usize).min(CELLS - 1)
}

/// The upper end of a cell, in micros.
pub(crate) fn top(cell: usize) -> f64 {
    ((cell + 1) as f64 / CELLS_PER_E).exp()
}

impl PriceCurve {
    /// Learns from one auction: the bid in micros, whether it won, and the price if it is known.
    pub fn observe(&mut self, bid: f64, won: bool, price: Option<f64>) {
        let (cells, at) = match (price, won) {
            (Some(price), _) => (&mut self.priced, cell(price)),
            (None, true) => (&mut self.won, cell(bid)),
            (None, false) => (&mut self.lost, cell(bid)),
        };
        if let Some(count) = cells.get_mut(at) {
            *count += 1.0;
        }
        self.span = (self.span.0.min(at), self.span.1.max(at));
    }

    /// Works the curve out anew, and keeps that part of the evidence for the next time.
    pub fn rebuild(&mut self, keep: f64) {
        if self.priced.iter().any(|count| *count > 0.0) {
            self.product_limit();
        } else {
            self.isotonic();
        }
        for cells in [&mut self.priced, &mut self.lost, &mut self.won] {
            for count in cells.iter_mut() {
                *count *= keep;
            }
        }
    }

    /// The first and the last cell that evidence lies in; none before the first observation.
    pub(crate) fn span(&self) -> Option<(usize, usize)> {
        (self.span.0 <= self.span.1).then_some(self.span)
    }

    /// The chance at the upper end of a cell.
    pub(crate) fn chance_at(&self, cell: usize) -> f64 {
        self.chance.get(cell).copied().unwrap_or(1.0)
    }

    /// The chance that a bid of so many micros wins: that the price is below it.
    pub fn chance(&self, bid: f64) -> f64 {
        let at = cell(bid);
        let before = at.checked_sub(1).map_or(0.0, |below| self.chance_at(below));
        let inside = bid.max(1.0).ln() * CELLS_PER_E - at as f64;
        before + inside.clamp(0.0, 1.0) * (self.chance_at(at) - before)
    }

    /// Kaplan and Meier 1958: cell by cell the part of what might have been there that was.
    fn product_limit(&mut self) {
        let mut at_risk: f64 = self.priced.iter().chain(&self.lost).sum();
        let mut above = 1.0;
        let counts = self.priced.iter().zip(&self.lost);
        for (chance, (priced, lost)) in self.chance.iter_mut().zip(counts) {
            // A bid that was lost in this cell was at risk for half of it.
            let exposed = at_risk - lost / 2.0;
            if exposed > 0.0 {
                above *= (1.0 - priced / exposed).max(0.0);
            }
            at_risk -= priced + lost;
            *chance = 1.0 - above;
        }
    }

    /// Pool adjacent violators: neighbours that win less often with more are taken as one.
    fn isotonic(&mut self) {
        // Won, all, and how many cells: empty cells belong to the block below them.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        for (won, lost) in self.won.iter().zip(&self.lost) {
            let mut block = (*won, won + lost, 1);
            while let Some(below) = blocks.pop_if(|below| violates(*below, block)) {
                block = (below.0 + block.0, below.1 + block.1, below.2 + block.2);
            }
            blocks.push(block);
        }
        let rates = blocks.iter().flat_map(|(won, all, cells)| {
            let rate = if *all > 0.0 { won / all } else { 0.0 };
            std::iter::repeat_n(rate, *cells)
        });
        for (chance, rate) in self.chance.iter_mut().zip(rates) {
            *chance = rate;
        }
    }
}

/// Whether a block wins no more often than the one below it. Before the first auction nothing is known to be won.
fn violates(below: (f64, f64, usize), block: (f64, f64, usize)) -> bool {
    let (is_empty, nothing_below) = (block.1 <= 0.0, below.1 <= 0.0);
    match (is_empty, nothing_below) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => below.0 * block.1 >= block.0 * below.1,
    }
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;

    use super::*;

    /// Prices uniform in 0..1000 micros, bids uniform up to `highest`; the largest error up to there.
    fn error(highest: f64, tells: impl Fn(bool) -> bool) -> f64 {
        let (mut curve, mut rng) = (PriceCurve::default(), SplitMix64::new(1));
        for _ in 0..40_000 {
            let (price, bid) = (1_000.0 * rng.unit(), highest * rng.unit());
            let won = bid > price;
            curve.observe(bid, won, tells(won).then_some(price));
        }
        curve.rebuild(1.0);
        let error = |bid: f64| (curve.chance(bid) - (bid / 1_000.0).min(1.0)).abs();
        (1..=20)
            .map(|part| error(highest * f64::from(part) / 20.0))
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_curve_is_found_from_whatever_notices_tell() {
        let (all, wins, none) = (
            error(700.0, |_| true),
            error(700.0, |won| won),
            error(700.0, |_| false),
        );
        assert!(all < 0.02, "every price: {all}");
        assert!(wins < 0.02, "prices of wins: {wins}");
        assert!(none < 0.08, "no price: {none}");
    }

    #[test]
    fn chances_rise_with_the_bid_and_start_at_nothing() {
        let mut curve = PriceCurve::default();
        curve.rebuild(1.0);
        assert_eq!((curve.chance(5.0), curve.span()), (0.0, None));
        for (bid, won) in [
            (10.0, false),
            (20.0, true),
            (40.0, false),
            (40.0, true),
            (80.0, true),
        ] {
            curve.observe(bid, won, None);
        }
        curve.rebuild(0.5);
        let chances = [5.0, 11.0, 25.0, 45.0, 90.0].map(|bid| curve.chance(bid));
        // One of two at 40 pulls the one at 20 down to two of three for both.
        for (chance, wanted) in chances
            .into_iter()
            .zip([0.0, 0.0, 2.0 / 3.0, 2.0 / 3.0, 1.0])
        {
            assert!((chance - wanted).abs() < 1e-9, "{chances:?}");
        }
    }
}
