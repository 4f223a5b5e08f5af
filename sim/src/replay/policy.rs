//! What decides a replay's bids: pacing as the bidder runs it, or a function of the literature.

use domain::random::SplitMix64;
use domain::{Micros, Timestamp};
use pacing::{CostGoal, Dual, Funds, Layers, Pid, PriceCurve, Schedule, Shader, Throttle};

use pacing::shade::Worth;

use super::fitted::Function;

/// One auction before it is bid for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    pub(super) now: Timestamp,
    pub(super) pctr: f64,
    /// The budget, and what is known to be left of it.
    pub(super) funds: Funds,
}

/// A bid, and what it was made with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Bid {
    /// In micros; 0 is none.
    pub(super) price: i64,
    /// What the value was multiplied with, or the chance that the bid had.
    pub(super) signal: f64,
    /// What it is expected to cost, in micros.
    expected: f64,
}

/// What became of a bid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// In micros, where it was won.
    pub(super) paid: Option<i64>,
    /// The price that was to be outbid, where notices tell it.
    pub(super) price: Option<i64>,
    pub(super) pctr: f64,
    pub(super) click: bool,
}

/// A strategy with its state, for one bidder.
#[derive(Debug)]
pub(super) enum Policy {
    Paced(Box<Paced>),
    Throttled(Throttle, Unpaced),
    Layered(Box<Layers>, Unpaced),
    Pid(Pid, Unpaced),
    Function(Function),
}

/// What strategies share that do not follow the dual.
#[derive(Debug)]
pub(super) struct Unpaced {
    /// What a click is worth, in micros.
    pub(super) value: f64,
    pub(super) schedule: Schedule,
    /// The part of all rows that this bidder sees.
    pub(super) share: f64,
    pub(super) rng: SplitMix64,
}

/// The bidder's own pacing.
#[derive(Debug)]
pub(super) struct Paced {
    pub(super) base: Unpaced,
    pub(super) dual: Dual,
    pub(super) goal: Option<CostGoal>,
    /// In first-price auctions.
    pub(super) shader: Option<Box<Shader>>,
    /// What open bids are expected to cost.
    open: f64,
}

impl Paced {
    pub(super) fn new(base: Unpaced, goal: Option<CostGoal>, is_first_price: bool) -> Self {
        Self {
            base,
            dual: Dual::new(),
            goal,
            shader: is_first_price.then(Box::default),
            open: 0.0,
        }
    }

    fn bid(&mut self, chance: &Chance) -> Bid {
        let schedule = &self.base.schedule;
        let left = chance.funds.left - Micros(self.open as i64);
        let funds = Funds {
            left,
            ..chance.funds
        };
        let wanted = schedule.wanted_per_ms(chance.now, schedule.horizon_ms(), funds);
        let budget = self.dual.step(chance.now, 1.0, wanted * self.base.share);
        let goal = self.goal.as_ref().map_or(1.0, CostGoal::multiplier);
        let signal = budget.min(goal);
        let value = self.base.value * chance.pctr * signal;
        let price = match &mut self.shader {
            Some(shader) => {
                shader.step(chance.now);
                let draws = (self.base.rng.unit(), self.base.rng.unit());
                let worth = Worth {
                    value,
                    response: chance.pctr,
                    left: left.at_least_zero().0 as f64,
                };
                shader.bid(worth, draws) as i64
            }
            None => value as i64,
        };
        let expected = self
            .dual
            .expected_cost()
            .unwrap_or(price as f64)
            .min(price as f64);
        self.open += expected;
        Bid {
            price,
            signal,
            expected,
        }
    }

    fn learn(&mut self, bid: &Bid, outcome: &Outcome) {
        self.open -= bid.expected;
        let cost = outcome.paid.unwrap_or(0) as f64;
        let horizon_ms = self.base.schedule.horizon_ms();
        self.dual.observe((1.0, cost), bid.signal, horizon_ms);
        if let Some(shader) = self.shader.as_mut().filter(|_| bid.price > 0) {
            let price = outcome.price.map(|price| price as f64);
            let bid = (bid.price as f64, outcome.pctr);
            shader.observe(bid, outcome.paid.is_some(), price);
        }
        if let (Some(goal), Some(_)) = (&mut self.goal, outcome.paid) {
            goal.observe(cost, outcome.pctr, f64::from(u8::from(outcome.click)));
        }
    }
}

impl Unpaced {
    fn shares(&self, chance: &Chance) -> (f64, f64) {
        let budget = chance.funds.budget.0.max(1) as f64;
        let spent = 1.0 - chance.funds.left.0 as f64 / budget;
        (spent, self.schedule.share(chance.now))
    }

    fn bid(&self, chance: &Chance, signal: f64) -> Bid {
        Bid {
            price: (self.value * chance.pctr * signal) as i64,
            signal,
            expected: 0.0,
        }
    }

    /// The unpaced bid with this chance, else none.
    fn bid_with_chance(&mut self, chance: &Chance, rate: f64) -> Bid {
        if !self.rng.chance(rate) {
            return Bid::default();
        }
        Bid {
            signal: rate,
            ..self.bid(chance, 1.0)
        }
    }
}

impl Policy {
    /// Decides one auction.
    pub(super) fn bid(&mut self, chance: &Chance) -> Bid {
        match self {
            Self::Paced(paced) => paced.bid(chance),
            Self::Throttled(throttle, base) => {
                let (spent, planned) = base.shares(chance);
                throttle.step(chance.now, spent, planned);
                base.bid_with_chance(chance, throttle.rate())
            }
            Self::Layered(layers, base) => {
                let schedule = &base.schedule;
                let wanted =
                    schedule.wanted_per_ms(chance.now, schedule.horizon_ms(), chance.funds);
                let place = layers.place(chance.pctr);
                layers.step(chance.now, place, wanted * base.share);
                let rate = layers.rate(place);
                base.bid_with_chance(chance, rate)
            }
            Self::Pid(pid, base) => {
                let (spent, planned) = base.shares(chance);
                pid.step(chance.now, spent, planned);
                base.bid(chance, pid.multiplier())
            }
            Self::Function(function) => Bid {
                price: function.bid(chance.pctr),
                signal: 1.0,
                expected: 0.0,
            },
        }
    }

    /// Learns what became of a bid, or of an auction without one.
    pub(super) fn learn(&mut self, bid: &Bid, outcome: &Outcome) {
        match self {
            Self::Paced(paced) => paced.learn(bid, outcome),
            Self::Layered(layers, _) if bid.price > 0 => {
                let (cost, response) = outcome.paid.map_or((0, 0.0), |paid| (paid, outcome.pctr));
                let place = layers.place(outcome.pctr);
                layers.observe(place, bid.signal, (cost as f64, response));
            }
            _ => {}
        }
    }

    /// The price curve it has learned.
    pub(super) fn curve(&self) -> Option<&PriceCurve> {
        match self {
            Self::Paced(paced) => paced.shader.as_ref().map(|shader| shader.curve()),
            _ => None,
        }
    }

    /// What it steers by, for the plot.
    pub(super) fn signal(&self, bid: &Bid) -> f64 {
        match self {
            Self::Throttled(throttle, _) => throttle.rate(),
            Self::Layered(layers, _) => layers.mean_rate(),
            _ => bid.signal,
        }
    }
}
