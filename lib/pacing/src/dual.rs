//! The receding-horizon dual multiplier: how far a campaign's bids are lowered so that its money lasts.
//!
//! Bids are value / mu, mu >= 1. After Balseiro, Lu, Mirrokni (dual mirror descent with the entropic map, so that
//! steps are taken in log mu), with two changes. What one request may cost, rho, is computed anew at each step from
//! what is left and what the plan says of the next minutes, so that errors of the forecast heal. And the gradient
//! comes from a running estimate of what a request costs at mu = 1 instead of the last outcome alone: outcomes are
//! put into it whenever they are known, with the multiplier that they were bid with, so that late ones teach as much
//! as early ones and the loop does not wait for them.

use domain::Timestamp;

/// How many percent more is spent where bids are one percent higher, about: the price and the chance to win both
/// rise with the bid. Only the speed of the loop depends on it, not where it comes to rest.
const ELASTICITY: f64 = 2.0;
/// The cost of a request is averaged over this part of the horizon,
const LEVEL_SHARE: f64 = 0.3;
/// and over at least so many requests: fewer say little.
const LEVEL_REQUESTS_MIN: f64 = 100.0;
/// The rate of requests is averaged over so many of them.
const RATE_REQUESTS: f64 = 100.0;
/// With each request the multiplier goes this part of the way to where it should be.
const STEP: f64 = 0.02;
/// The multiplier moves by no more than this in log space and step.
const MOVE_MAX: f64 = 0.5;
/// log mu stays below this: bids of less than a thousandth of their value win nothing.
const LOG_MU_MAX: f64 = 6.9;

/// One campaign's controller.
#[derive(Debug, Clone)]
pub struct Dual {
    log_mu: f64,
    traffic: Mean,
    /// What a request costs at mu = 1, in micros.
    level: Mean,
    last: Option<Timestamp>,
}

/// A sum and what it is divided by, of which the past fades.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, (sum, count): (f64, f64), keep: f64) {
        self.sum = self.sum * keep + sum;
        self.count = self.count * keep + count;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

impl Default for Dual {
    fn default() -> Self {
        Self::new()
    }
}

impl Dual {
    /// Starts with bids at full value.
    pub fn new() -> Self {
        Self {
            log_mu: 0.0,
            traffic: Mean::default(),
            level: Mean::default(),
            last: None,
        }
    }

    /// What every bid is multiplied with, in `(0, 1]`.
    pub fn multiplier(&self) -> f64 {
        (-self.log_mu).exp()
    }

    /// What one request is expected to cost now, in micros; `None` before any outcome is known.
    pub fn expected_cost(&self) -> Option<f64> {
        let level = self.level.value()?;
        Some(level * (-ELASTICITY * self.log_mu).exp())
    }

    /// Learns what `requests` cost together, in micros, that were bid for with `multiplier`; those that no bid was
    /// made for, or that were lost, count.
    pub fn observe(&mut self, (requests, cost): (f64, f64), multiplier: f64, horizon_ms: i64) {
        let per_ms = self.requests_per_ms().unwrap_or(0.0);
        let window = (per_ms * horizon_ms as f64 * LEVEL_SHARE).max(LEVEL_REQUESTS_MIN);
        let multiplier = multiplier.max((-LOG_MU_MAX).exp());
        let at_full_value = cost * multiplier.powf(-ELASTICITY);
        let keep = (-requests / window).exp();
        self.level.add((at_full_value, requests), keep);
    }

    /// Takes note of `requests` that came since the last step and moves the multiplier towards where they cost
    /// `wanted_per_ms` (see `Schedule::wanted_per_ms`). Returns it.
    pub fn step(&mut self, now: Timestamp, requests: f64, wanted_per_ms: f64) -> f64 {
        let Some(last) = self.last.replace(now) else {
            return self.multiplier();
        };
        let elapsed_ms = now.since(last);
        if elapsed_ms < 0 {
            // The clock went back: nothing can be said of rates, so nothing is changed.
            return self.multiplier();
        }
        let keep = (-requests / RATE_REQUESTS).exp();
        self.traffic.add((requests, elapsed_ms as f64), keep);
        if let (Some(cost), Some(per_ms)) = (self.expected_cost(), self.requests_per_ms())
            && per_ms > 0.0
        {
            let way = 1.0 - (-STEP * requests).exp();
            let distance = distance(cost, wanted_per_ms / per_ms);
            self.log_mu = (self.log_mu + way * distance).clamp(0.0, LOG_MU_MAX);
        }
        self.multiplier()
    }

    fn requests_per_ms(&self) -> Option<f64> {
        self.traffic.value()
    }
}

/// How far log mu is from where a request costs `rho`.
fn distance(cost: f64, rho: f64) -> f64 {
    let distance = match () {
        () if cost <= 0.0 => -MOVE_MAX,
        () if rho <= 0.0 => MOVE_MAX,
        () => (cost / rho).ln() / ELASTICITY,
    };
    distance.clamp(-MOVE_MAX, MOVE_MAX)
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;
    use domain::{Micros, Plan};

    use super::*;
    use crate::plan::{Funds, Schedule};

    /// Second-price auctions against random rivals, `per_s` requests a second, stepped once a second; returns spend
    /// by second.
    fn deliver(plan: Plan, budget: f64, seconds: i64, per_s: u64, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::new(seed);
        let schedule = Schedule::new(plan, Timestamp(0), Timestamp(seconds * 1000));
        let horizon_ms = schedule.horizon_ms();
        let mut dual = Dual::new();
        let (mut left, mut spends) = (budget, Vec::new());
        dual.step(Timestamp(0), 0.0, 0.0);
        for second in 1..=seconds {
            let (mut cost, multiplier) = (0.0, dual.multiplier());
            for _ in 0..per_s {
                let (bid, rival) = (1000.0 * rng.unit() * multiplier, 1000.0 * rng.unit());
                if bid > rival && left >= rival {
                    left -= rival;
                    cost += rival;
                }
            }
            spends.push(cost);
            let (now, funds) = (
                Timestamp(second * 1000),
                Funds {
                    budget: Micros(budget as i64),
                    left: Micros(left as i64),
                },
            );
            dual.observe((per_s as f64, cost), multiplier, horizon_ms);
            let wanted = schedule.wanted_per_ms(now, horizon_ms, funds);
            dual.step(now, per_s as f64, wanted);
        }
        spends
    }

    #[test]
    fn even_delivery_spends_all_of_it_evenly() {
        for seed in 0..10 {
            let spends = deliver(Plan::Even, 1_000_000.0, 300, 100, seed);
            let total: f64 = spends.iter().sum();
            assert!(total > 995_000.0, "seed {seed}: {total}");
            let half: f64 = spends[..150].iter().sum();
            assert!((half / 500_000.0 - 1.0).abs() < 0.02, "seed {seed}: {half}");
        }
    }

    #[test]
    fn asap_never_lowers_a_bid() {
        let spends = deliver(Plan::Asap, 1_000_000.0, 300, 100, 1);
        assert!(spends[..150].iter().sum::<f64>() > 900_000.0);
    }

    #[test]
    fn what_cannot_be_bought_does_not_wind_up() {
        let mut dual = Dual::new();
        for second in 0..500 {
            dual.observe((50.0, 1.0), 1.0, 10_000);
            assert_eq!(dual.step(Timestamp(second * 1000), 50.0, 1e9), 1.0);
        }
        for second in 500..503 {
            dual.observe((50.0, 1e9), 1.0, 10_000);
            dual.step(Timestamp(second * 1000), 50.0, 1.0);
        }
        assert!(dual.multiplier() < 0.6, "it reacts at once");
    }

    #[test]
    fn clocks_that_jump_do_not_move_it() {
        let mut dual = Dual::new();
        dual.step(Timestamp(5_000_000), 100.0, 1.0);
        dual.observe((100.0, 900_000.0), 1.0, 10_000);
        let before = dual.step(Timestamp(5_001_000), 100.0, 1.0);
        assert_eq!(
            dual.step(Timestamp(1_400_000), 100.0, 1.0),
            before,
            "an hour back"
        );
        let forward = dual.step(Timestamp(5_000_000), 100.0, 1.0);
        assert!(
            forward >= before * (-MOVE_MAX).exp() - 1e-9,
            "an hour forward is one bounded step"
        );
    }

    #[test]
    fn outcomes_that_are_late_lead_to_the_same_place() {
        let settled = |delay: usize| {
            let (mut dual, mut open) = (Dual::new(), std::collections::VecDeque::new());
            for at in 0..6_000 {
                let multiplier = dual.multiplier();
                open.push_back((100.0 * multiplier * multiplier, multiplier));
                if open.len() > delay {
                    let (cost, multiplier) = open.pop_front().unwrap();
                    dual.observe((1.0, cost), multiplier, 60_000);
                }
                dual.step(Timestamp(at * 10), 1.0, 2.5);
            }
            dual.multiplier()
        };
        // A quarter of what full value costs is wanted.
        for delay in [0, 1, 400] {
            assert!(
                (settled(delay) - 0.5).abs() < 0.01,
                "{delay}: {}",
                settled(delay)
            );
        }
    }
}
