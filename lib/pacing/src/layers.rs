//! Layered throttling after Smart Pacing (Xu et al., KDD 2015): which requests to bid for when bids keep their price.
//!
//! Requests are put in layers by what a predicted response costs there, the best first. A layer is open, closed or
//! bid for with some chance, and a better one never has the lower chance. From what each layer costs when it is
//! open, the best are opened until they spend what is wanted. Unlike the paper, layers are cut by response per cost
//! instead of by response alone: where the price differs more than the response, the latter buys the dear ones.

use domain::Timestamp;

/// Chances are set anew so often, in milliseconds.
const STEP_MS: i64 = 120_000;
/// Layers are cut anew so often, in milliseconds.
const CUT_MS: i64 = 3_600_000;
/// The first closed layer is bid for with this part of the money, to hear of it.
const TRIAL: f64 = 0.01;
/// The chance of every layer until their costs are known: a slow start.
const RATE_START: f64 = 0.1;
/// Cells of response rates: so many for each factor of e, down from a rate of 1.
const CELLS_PER_E: f64 = 8.0;
/// Cells in all: they reach down to a rate of e^-16, a ten-millionth.
const CELLS: usize = 128;
/// A cell's cost per response starts as if it had been won so often at everybody's mean price.
const PRIOR_WINS: f64 = 20.0;
/// With fewer wins a cell forgets nothing.
const EVIDENCE_WINS: f64 = 400.0;
/// What of the past is kept at a step, and at a cut.
const KEEP: (f64, f64) = (0.8, 0.5);

/// One campaign's layers.
#[derive(Debug, Clone)]
pub struct Layers {
    /// The chance of each layer, the best first.
    rates: Vec<f64>,
    /// What a layer would cost a request if it were open: sums of cost and requests, of which the past fades.
    open: Vec<f64>,
    requests: f64,
    cells: Vec<Cell>,
    next_step: Option<Timestamp>,
    next_cut: Option<Timestamp>,
    /// The step's start, and its requests.
    step: (Timestamp, f64),
}

/// Requests with about the same response rate.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    requests: f64,
    /// Of wins, each counted for those that were throttled too.
    wins: f64,
    cost: f64,
    response: f64,
    layer: usize,
}

impl Cell {
    /// Forgets a part of the past, but not what a closed layer would have to be opened for to learn it again.
    fn fade(&mut self) {
        self.requests *= KEEP.1;
        if self.wins > EVIDENCE_WINS {
            self.wins *= KEEP.1;
            self.cost *= KEEP.1;
            self.response *= KEEP.1;
        }
    }
}

/// A request as the layers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl Layers {
    /// So many layers, all with the same chance.
    pub fn new(layers: usize) -> Self {
        let layers = layers.max(1);
        let mut cells = vec![Cell::default(); CELLS];
        for (at, cell) in cells.iter_mut().enumerate() {
            cell.layer = at * layers / CELLS;
        }
        Self {
            rates: vec![RATE_START; layers],
            open: vec![0.0; layers],
            requests: 0.0,
            cells,
            next_step: None,
            next_cut: None,
            step: (Timestamp(0), 0.0),
        }
    }

    /// Where a request with this response rate belongs.
    pub fn place(&self, response: f64) -> Place {
        let depth = -response.max(f64::MIN_POSITIVE).ln() * CELLS_PER_E;
        Place((depth.max(0.0) as usize).min(CELLS - 1))
    }

    /// The chance of such a request to be bid for, in `[0, 1]`.
    pub fn rate(&self, place: Place) -> f64 {
        let layer = self.cells.get(place.0).map_or(0, |cell| cell.layer);
        self.rates.get(layer).copied().unwrap_or(0.0)
    }

    /// The chance of a request of any kind.
    pub fn mean_rate(&self) -> f64 {
        let seen: f64 = self.cells.iter().map(|cell| cell.requests).sum();
        let bid = |cell: &Cell| cell.requests * self.rates.get(cell.layer).copied().unwrap_or(0.0);
        self.cells.iter().map(bid).sum::<f64>() / seen.max(1.0)
    }

    /// Learns what a bid with this chance came to: its cost, 0 if it was lost, and the response it bought.
    pub fn observe(&mut self, place: Place, rate: f64, (cost, response): (f64, f64)) {
        let Some(cell) = self.cells.get_mut(place.0).filter(|_| rate > 0.0) else {
            return;
        };
        if let Some(open) = self.open.get_mut(cell.layer) {
            *open += cost / rate;
        }
        if response > 0.0 {
            cell.wins += 1.0 / rate;
            cell.cost += cost / rate;
            cell.response += response / rate;
        }
    }

    /// Takes note of a request, and where it is time sets all chances so that `wanted_per_ms` is spent.
    pub fn step(&mut self, now: Timestamp, place: Place, wanted_per_ms: f64) {
        if let Some(cell) = self.cells.get_mut(place.0) {
            cell.requests += 1.0;
        }
        self.requests += 1.0;
        self.step.1 += 1.0;
        let next = *self.next_step.get_or_insert_with(|| {
            self.step = (now, 0.0);
            now.plus_ms(STEP_MS)
        });
        if now < next {
            return;
        }
        let per_ms = self.step.1 / now.since(self.step.0).max(1) as f64;
        (self.next_step, self.step) = (Some(now.plus_ms(STEP_MS)), (now, 0.0));
        // The first cut is made as soon as something is known.
        if now >= *self.next_cut.get_or_insert(now) {
            self.next_cut = Some(now.plus_ms(CUT_MS));
            self.cut();
        }
        if per_ms > 0.0 {
            self.fill(wanted_per_ms / per_ms);
        }
        for open in &mut self.open {
            *open *= KEEP.0;
        }
        self.requests *= KEEP.0;
    }

    /// Opens layers from the best on until a request costs `wanted`.
    fn fill(&mut self, wanted: f64) {
        let (mut left, mut tried) = (wanted, false);
        for (rate, open) in self.rates.iter_mut().zip(&self.open) {
            let cost = open / self.requests.max(1.0);
            *rate = match () {
                () if left <= 0.0 && tried => 0.0,
                () if left <= 0.0 => {
                    tried = true;
                    if cost > 0.0 {
                        (TRIAL * wanted / cost).min(1.0)
                    } else {
                        TRIAL
                    }
                }
                () if cost > 0.0 => (left / cost).min(1.0),
                () => 1.0,
            };
            left -= cost * *rate;
        }
        for at in 1..self.rates.len() {
            self.rates[at] = self.rates[at].min(self.rates[at - 1]);
        }
    }

    /// Makes layers of about as many requests each, in the order of what a response costs.
    fn cut(&mut self) {
        let wins: f64 = self.cells.iter().map(|cell| cell.wins).sum();
        let cost: f64 = self.cells.iter().map(|cell| cell.cost).sum();
        if wins <= 0.0 {
            return;
        }
        let prior = PRIOR_WINS * cost / wins;
        let worth = |(at, cell): (usize, &Cell)| {
            let response = (-(at as f64 + 0.5) / CELLS_PER_E).exp();
            (cell.response + PRIOR_WINS * response) / (cell.cost + prior)
        };
        let worth: Vec<f64> = self.cells.iter().enumerate().map(worth).collect();
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        order.sort_by(|one, other| worth[*other].total_cmp(&worth[*one]));
        let all: f64 = self.cells.iter().map(|cell| cell.requests).sum();
        let layers = self.rates.len();
        let (mut passed, mut open) = (0.0, vec![0.0; layers]);
        for at in order {
            let cell = &mut self.cells[at];
            let middle = passed + cell.requests / 2.0;
            passed += cell.requests;
            cell.layer = ((middle / all * layers as f64) as usize).min(layers - 1);
            open[cell.layer] += cell.cost;
            cell.fade();
        }
        (self.open, self.requests) = (open, all);
    }
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;

    use super::*;

    /// Two kinds of requests: `rates` of response at `prices`. Returns response per cost and cost per request.
    fn run(kinds: [(f64, f64); 2], wanted: f64) -> (f64, f64, Layers) {
        let (mut layers, mut rng) = (Layers::new(8), SplitMix64::new(1));
        let (mut cost, mut response) = (0.0, 0.0);
        let rows = 100_000;
        for at in 0..rows {
            let (pctr, price) = kinds[usize::from(rng.chance(0.5))];
            let place = layers.place(pctr);
            layers.step(Timestamp(at * 500), place, wanted / 500.0);
            let rate = layers.rate(place);
            if rng.chance(rate) {
                layers.observe(place, rate, (price, pctr));
                if at > rows / 2 {
                    cost += price;
                    response += pctr;
                }
            }
        }
        (response / cost, cost / (rows / 2) as f64, layers)
    }

    #[test]
    fn money_goes_to_the_layers_where_a_response_costs_least() {
        for kinds in [
            [(0.01, 10.0), (0.001, 10.0)],
            // The better response is not worth its price.
            [(0.01, 200.0), (0.001, 10.0)],
        ] {
            let worth = |(pctr, price): (f64, f64)| pctr / price;
            let best = worth(kinds[0]).max(worth(kinds[1]));
            let (got, spent, _) = run(kinds, 2.0);
            assert!(got > 0.93 * best, "{kinds:?}: {got} of {best}");
            assert!((spent / 2.0 - 1.0).abs() < 0.1, "{kinds:?}: {spent}");
        }
    }

    #[test]
    fn a_better_layer_never_has_the_lower_chance() {
        let (_, _, layers) = run([(0.01, 10.0), (0.001, 10.0)], 7.0);
        assert!(
            layers.rates.windows(2).all(|pair| pair[0] >= pair[1]),
            "{:?}",
            layers.rates
        );
        assert!(layers.rates.iter().all(|rate| (0.0..=1.0).contains(rate)));
    }
}
