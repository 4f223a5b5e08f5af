//! The loop: row by row what is due becomes known, a bidder decides, the market answers.

use std::collections::VecDeque;
use std::ops::Range;

use domain::Micros;
use domain::random::SplitMix64;
use pacing::{CostGoal, Funds, Layers, Pid, PriceCurve, Throttle};

use super::books::Books;
use super::figures::{Figures, Ledger, Money};
use super::fitted::Function;
use super::flight::Flight;
use super::policy::{Bid, Chance, Outcome, Paced, Policy, Unpaced};
use super::stream::Row;
use super::vault::{Held, Vault};
use super::{Auction, Options, Strategy, Stream, oracle};

/// A killed bidder is away for one row in so many.
const AWAY_PARTS: usize = 100;

/// Where money is held, no bid is above this part of the budget: one bid may not tie up a lease.
const FULL_BIDS_MIN: i64 = 200;

/// A replay under way.
struct Replay<'a> {
    stream: &'a Stream,
    options: &'a Options,
    flight: Flight,
    budget: i64,
    /// The largest bid where money is held.
    full_bid: i64,
    policies: Vec<Policy>,
    /// What bids and their outcomes wait for, by row.
    unknown: VecDeque<Fate>,
    /// Cost of wins that bidders know of.
    known: i64,
    vault: Option<Vault>,
    books: Books,
}

/// A row that was decided.
struct Fate {
    bidder: usize,
    bid: Bid,
    outcome: Outcome,
    held: Option<Held>,
}

/// What a replay came to, and what the figures were made of.
#[derive(Debug)]
pub struct Played {
    /// The figures.
    pub figures: Figures,
    /// What was counted.
    pub books: Books,
    /// The plan.
    pub flight: Flight,
}

/// Replays a stream. `fit` are the rows that fitted strategies are fitted on, else the stream itself.
pub fn run(stream: &Stream, fit: Option<&Stream>, strategy: Strategy, options: &Options) -> Played {
    let budget = options.budget_micros(stream);
    let click_value = oracle::click_value(stream, budget, options.max_bid_pressure);
    let flight = Flight::new(stream, options, strategy);
    let share = budget as f64 / stream.cost() as f64;
    let fitted = Function::fit(strategy, fit.unwrap_or(stream), share, options.auction);
    let pctr_max = stream.rows.iter().map(|row| row.pctr).fold(0.0, f64::max);
    let full_bid = ((click_value * pctr_max) as i64)
        .min(budget / FULL_BIDS_MIN)
        .max(1);
    let mut seeds = SplitMix64::new(options.seed).fork();
    let policies = (0..options.bidders.max(1)).map(|_| {
        let base = Unpaced {
            value: click_value,
            schedule: flight.followed.clone(),
            share: 1.0 / options.bidders.max(1) as f64,
            rng: seeds.fork(),
        };
        policy(strategy, options, base, fitted)
    });
    let mut replay = Replay {
        stream,
        options,
        budget,
        full_bid,
        policies: policies.collect(),
        unknown: VecDeque::new(),
        known: 0,
        vault: options
            .in_flight
            .map(|rows| Vault::new(budget, full_bid, (rows, options))),
        books: Books::default(),
        flight,
    };
    replay.play();
    let money = replay.money();
    let ledger = Ledger {
        stream,
        plan: &replay.flight.schedule,
        books: &replay.books,
        money,
        auction: options.auction,
    };
    let learned = replay.policies.first().and_then(Policy::curve);
    let cdf_error = learned.map(|curve| cdf_error(curve, stream, replay.books.highest_bid));
    let figures = ledger.figures(strategy, (budget, click_value), cdf_error);
    Played {
        figures,
        books: replay.books,
        flight: replay.flight,
    }
}

fn policy(
    strategy: Strategy,
    options: &Options,
    base: Unpaced,
    fitted: Option<Function>,
) -> Policy {
    if let Some(function) = fitted {
        return Policy::Function(function);
    }
    match strategy {
        Strategy::Layers => Policy::Layered(Box::new(Layers::new(options.layers)), base),
        Strategy::Throttle => Policy::Throttled(Throttle::default(), base),
        Strategy::Pid => Policy::Pid(Pid::default(), base),
        _ => {
            let goal = options
                .goal_ecpc
                .map(|goal| CostGoal::new(goal, base.value));
            let is_first_price = options.auction == Auction::First;
            Policy::Paced(Box::new(Paced::new(base, goal, is_first_price)))
        }
    }
}

impl Replay<'_> {
    fn play(&mut self) {
        for (index, row) in self.stream.rows.iter().enumerate() {
            if let Some(vault) = &mut self.vault {
                if self.options.kill_one && index == away(self.stream).start {
                    vault.kill(0, away(self.stream).end);
                }
                vault.advance(index);
            }
            self.row(index, row);
            if self.unknown.len() > self.options.feedback_delay {
                self.reveal(index);
            }
        }
        while !self.unknown.is_empty() {
            self.reveal(self.stream.rows.len());
        }
        if let Some(vault) = &mut self.vault {
            vault.finish(self.stream.rows.len());
        }
    }

    /// One auction, from the request to what the market makes of it.
    fn row(&mut self, index: usize, row: &Row) {
        let bidder = index % self.policies.len();
        let (mut bid, mut held) = (Bid::default(), None);
        let is_away = self.is_away(bidder, index);
        if !is_away {
            let left = Micros(self.budget - self.known);
            let chance = Chance {
                now: row.at,
                pctr: row.pctr,
                funds: Funds {
                    budget: Micros(self.budget),
                    left,
                },
            };
            bid = self.policies[bidder].bid(&chance);
            if let Some(vault) = self.vault.as_mut().filter(|_| bid.price > 0) {
                bid.price = bid.price.min(self.full_bid);
                held = vault.hold(bidder, bid.price, index);
                bid.price = if held.is_some() { bid.price } else { 0 };
            }
        }
        let paid = self.auction(row, bid.price);
        if let (Some(vault), Some(held), Some(paid)) = (&mut self.vault, held, paid) {
            vault.won(held, paid, index);
        }
        let signal = self.policies[bidder].signal(&bid);
        self.books.row((index, row), self.budget, (bid.price, paid));
        self.books.moment(row.at, self.stream.end(), signal);
        if is_away {
            return;
        }
        self.unknown.push_back(Fate {
            bidder,
            bid,
            held,
            outcome: Outcome {
                paid,
                price: (self.options.min_to_win || paid.is_some()).then_some(row.price),
                pctr: row.pctr,
                click: row.click,
            },
        });
    }

    /// What a bid pays, if it wins. Where nothing is held, a win that does not fit the money left is refused.
    fn auction(&self, row: &Row, bid: i64) -> Option<i64> {
        let cost = match self.options.auction {
            Auction::Second => row.price,
            Auction::First => bid,
        };
        let fits = self.vault.is_some() || cost <= self.budget - self.books.cost;
        (bid > row.price && fits).then_some(cost)
    }

    fn is_away(&self, bidder: usize, index: usize) -> bool {
        self.options.kill_one && bidder == 0 && away(self.stream).contains(&index)
    }

    /// Lets the bidder know what became of its oldest bid.
    fn reveal(&mut self, now: usize) {
        let Some(fate) = self.unknown.pop_front() else {
            return;
        };
        self.known += fate.outcome.paid.unwrap_or(0);
        if let (Some(vault), Some(held)) = (&mut self.vault, fate.held)
            && fate.outcome.paid.is_none()
        {
            vault.lost(held, now);
        }
        self.policies[fate.bidder].learn(&fate.bid, &fate.outcome);
    }

    fn money(&self) -> Money {
        let at_once = Money {
            spent: self.books.cost,
            ..Money::default()
        };
        self.vault.as_ref().map_or(at_once, Vault::money)
    }
}

/// The rows for which the killed bidder is away.
fn away(stream: &Stream) -> Range<usize> {
    let rows = stream.rows.len();
    rows / 2..rows / 2 + rows / AWAY_PARTS
}

/// The mean distance of the learned curve from the stream's own, over whole prices up to the highest own bid.
fn cdf_error(curve: &PriceCurve, stream: &Stream, highest: i64) -> f64 {
    let mut prices: Vec<i64> = stream.rows.iter().map(|row| row.price).collect();
    prices.sort_unstable();
    // Above all prices the curve of the stream is 1: further whole prices would only dilute the error.
    let highest = highest.min(prices.last().copied().unwrap_or(0) + stream.unit as i64) as f64;
    let whole = ((highest / stream.unit) as usize).max(1);
    let error = |price: usize| {
        let bid = price as f64 * stream.unit;
        let below = prices.partition_point(|price| (*price as f64) < bid);
        (curve.chance(bid) - below as f64 / prices.len() as f64).abs()
    };
    (1..=whole).map(error).sum::<f64>() / whole as f64
}
