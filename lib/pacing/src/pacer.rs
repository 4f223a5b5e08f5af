//! The receding-horizon dual multiplier: how far a campaign's bids are lowered so that its money lasts.
//!
//! Bids are value / mu, mu >= 1. After Balseiro, Lu, Mirrokni (dual mirror descent, entropic map):
//! log mu += step * (cost / rho - 1) for each eligible request, where rho is the money that one request may cost,
//! computed anew from what is left and what the plan says of the rest, so that errors of the forecast heal.

use domain::{Micros, Timestamp};

use crate::plan::Schedule;

/// The dual step for one eligible request.
const STEP: f64 = 0.002;
/// With little traffic the steps of one second add up to at least this gain.
const GAIN_MIN_PER_S: f64 = 0.15;
/// The multiplier moves by no more than this in log space and second.
const MOVE_MAX_PER_S: f64 = 0.5;
/// log mu stays below this: bids of less than a thousandth of their value win nothing.
const LOG_MU_MAX: f64 = 6.9;
/// Weight of the newest second in the request rate.
const RATE_WEIGHT: f64 = 0.3;

/// What happened since the last step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Requests that the campaign was eligible for.
    pub eligible: u64,
    /// What the bids made are expected to cost.
    pub cost: Micros,
    /// Left to spend, by budget and day.
    pub left: Micros,
}

/// One campaign's controller.
#[derive(Debug, Clone)]
pub struct Pacer {
    schedule: Schedule,
    log_mu: f64,
    requests_per_s: Option<f64>,
    last: Option<Timestamp>,
}

impl Pacer {
    /// Starts with bids at full value.
    pub fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            log_mu: 0.0,
            requests_per_s: None,
            last: None,
        }
    }

    /// Follows a changed plan without forgetting what was learned.
    pub fn replan(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// What every bid is multiplied with, in `(0, 1]`.
    pub fn multiplier(&self) -> f64 {
        (-self.log_mu).exp()
    }

    /// The plan.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The spend per second that the plan wants at `now`, of what is left.
    pub fn planned_per_s(&self, now: Timestamp, left: Micros) -> Micros {
        let rate = self.schedule.rate_of_rest(now) * 1000.0;
        left.at_least_zero().scale(rate.min(1.0))
    }

    /// Takes what happened since the last step and returns the new multiplier.
    pub fn step(&mut self, now: Timestamp, tick: Tick) -> f64 {
        let Some(last) = self.last.replace(now) else {
            return self.multiplier();
        };
        let seconds = now.since(last) as f64 / 1000.0;
        if seconds <= 0.0 {
            // The clock stood or went back: nothing can be said of rates, so nothing is changed.
            return self.multiplier();
        }
        let rate = tick.eligible as f64 / seconds;
        let smooth = self
            .requests_per_s
            .map_or(rate, |old| old + RATE_WEIGHT * (rate - old));
        self.requests_per_s = Some(smooth);
        let target_per_s =
            tick.left.at_least_zero().0 as f64 * self.schedule.rate_of_rest(now) * 1000.0;
        if smooth > 0.0 {
            let cost_per_s = tick.cost.0 as f64 / seconds;
            self.log_mu = next_log_mu(
                self.log_mu,
                error(cost_per_s, rate, target_per_s, smooth),
                smooth,
                seconds,
            );
        }
        self.multiplier()
    }
}

/// How far the cost per request was from rho, relative to rho: -1 when nothing was spent.
fn error(cost_per_s: f64, rate: f64, target_per_s: f64, smooth: f64) -> f64 {
    if target_per_s <= 0.0 {
        return f64::from(u8::from(cost_per_s > 0.0));
    }
    if rate <= 0.0 {
        return 0.0;
    }
    let rho = target_per_s / smooth;
    (cost_per_s / rate) / rho - 1.0
}

fn next_log_mu(log_mu: f64, error: f64, requests_per_s: f64, seconds: f64) -> f64 {
    let gain = (STEP * requests_per_s).max(GAIN_MIN_PER_S) * seconds;
    let bound = MOVE_MAX_PER_S * seconds.clamp(0.1, 2.0);
    (log_mu + (gain * error).clamp(-bound, bound)).clamp(0.0, LOG_MU_MAX)
}

#[cfg(test)]
mod tests {
    use domain::Plan;
    use domain::random::SplitMix64;

    use super::*;

    /// Second-price auctions against random rivals, `per_s` requests a second; returns spend by second.
    fn deliver(plan: Plan, budget: f64, seconds: i64, per_s: u64, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::new(seed);
        let mut pacer = Pacer::new(Schedule::new(plan, Timestamp(0), Timestamp(seconds * 1000)));
        let (mut left, mut spends) = (budget, Vec::new());
        pacer.step(
            Timestamp(0),
            Tick {
                eligible: 0,
                cost: Micros(0),
                left: Micros(left as i64),
            },
        );
        for second in 1..=seconds {
            let mut cost = 0.0;
            for _ in 0..per_s {
                let (value, rival) = (
                    1000.0 * rng.unit() * pacer.multiplier(),
                    1000.0 * rng.unit(),
                );
                if value > rival && left >= rival {
                    left -= rival;
                    cost += rival;
                }
            }
            spends.push(cost);
            let tick = Tick {
                eligible: per_s,
                cost: Micros(cost as i64),
                left: Micros(left as i64),
            };
            pacer.step(Timestamp(second * 1000), tick);
        }
        spends
    }

    #[test]
    fn even_delivery_spends_all_of_it_evenly() {
        for seed in 0..10 {
            let spends = deliver(Plan::Even, 1_000_000.0, 300, 100, seed);
            let total: f64 = spends.iter().sum();
            assert!(total > 985_000.0, "seed {seed}: {total}");
            let half: f64 = spends[..150].iter().sum();
            assert!(
                (half / 500_000.0 - 1.0).abs() < 0.12,
                "seed {seed}: half {half}"
            );
        }
    }

    #[test]
    fn asap_never_lowers_a_bid() {
        let spends = deliver(Plan::Asap, 1_000_000.0, 300, 100, 1);
        assert!(spends[..150].iter().sum::<f64>() > 900_000.0);
    }

    #[test]
    fn what_cannot_be_bought_does_not_wind_up() {
        let mut pacer = Pacer::new(Schedule::new(
            Plan::Even,
            Timestamp(0),
            Timestamp(1_000_000),
        ));
        for second in 0..500 {
            let tick = Tick {
                eligible: 50,
                cost: Micros(1),
                left: Micros(1_000_000_000),
            };
            assert_eq!(pacer.step(Timestamp(second * 1000), tick), 1.0);
        }
        let rich = Tick {
            eligible: 50,
            cost: Micros(1_000_000_000),
            left: Micros(1_000_000),
        };
        assert!(
            pacer.step(Timestamp(500_000), rich) < 0.95,
            "it reacts at once"
        );
    }

    #[test]
    fn clocks_that_jump_do_not_move_it() {
        let mut pacer = Pacer::new(Schedule::new(
            Plan::Even,
            Timestamp(0),
            Timestamp(10_000_000),
        ));
        let tick = Tick {
            eligible: 100,
            cost: Micros(900_000),
            left: Micros(1_000_000),
        };
        pacer.step(Timestamp(5_000_000), tick);
        let before = pacer.step(Timestamp(5_001_000), tick);
        assert_eq!(
            pacer.step(Timestamp(1_400_000), tick),
            before,
            "an hour back"
        );
        let forward = pacer.step(Timestamp(5_000_000), tick);
        assert!(
            forward >= before * (-1.0_f64).exp() - 1e-9,
            "an hour forward is one bounded step"
        );
    }
}
