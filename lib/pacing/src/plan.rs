//! Plans: which share of a budget should be spent by when.

use domain::{Micros, Plan, Timestamp};

/// How far "ahead" runs before even.
const AHEAD: f64 = 1.05;
/// What a campaign ahead of its plan still spends of what is planned.
const SLOWEST: f64 = 0.2;
/// The longest horizon, in milliseconds: what two thirds of a slot's money corrects is no jolt.
const HORIZON_MS_MAX: i64 = 6 * 60_000;
/// A flight has at least so many horizons, so that a short one is corrected as often,
const HORIZONS_MIN: i64 = 60;
/// but none is shorter than this, in milliseconds: bidders take a step a second.
const HORIZON_MS_MIN: i64 = 5_000;

/// A plan over a flight. Shares run from 0 at the start to 1 at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    plan: Plan,
    start: Timestamp,
    end: Timestamp,
    /// When all is to be spent.
    planned_end: Timestamp,
    /// How traffic is expected to come, for `Plan::Traffic`; evenly until a forecast is known.
    shape: Option<Shape>,
}

/// Relative traffic in slots of equal length, from the start of the flight on.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    slot_ms: i64,
    /// The share of all traffic that comes before each slot, and 1 at the end.
    before: Box<[f64]>,
}

/// A budget and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Funds {
    /// All that the plan spreads.
    pub budget: Micros,
    /// What is neither spent nor expected to be by the bids that are open.
    pub left: Micros,
}

impl Schedule {
    /// A plan from `start` up to `end`; an empty flight has spent everything at once.
    pub fn new(plan: Plan, start: Timestamp, end: Timestamp) -> Self {
        // Ahead is even up to an earlier end; what is left then is spent as soon as possible.
        let lead = match plan {
            Plan::Ahead => (end.since(start) as f64 * (1.0 - 1.0 / AHEAD)) as i64,
            Plan::Even | Plan::Asap | Plan::Traffic => 0,
        };
        Self {
            plan,
            start,
            end,
            planned_end: end.plus_ms(-lead),
            shape: None,
        }
    }

    /// Shapes `Plan::Traffic` by a forecast: requests in slots of `slot_ms` from the start of the flight on. It is
    /// ignored unless it can be used: numbers that are neither negative nor all nothing.
    pub fn with_forecast(mut self, slot_ms: i64, requests: &[f64]) -> Self {
        let total: f64 = requests.iter().sum();
        let sound = requests.iter().all(|slot| slot.is_finite() && *slot >= 0.0);
        let mut sum = 0.0;
        let before = requests.iter().map(|slot| {
            sum += slot;
            sum / total
        });
        let before = std::iter::once(0.0).chain(before).collect();
        self.shape = (sound && total > 0.0 && slot_ms > 0).then_some(Shape { slot_ms, before });
        self
    }

    /// The share of the budget planned to be spent by `now`.
    pub fn share(&self, now: Timestamp) -> f64 {
        let linear = self.linear(now);
        match (self.plan, &self.shape) {
            (Plan::Asap, _) => f64::from(u8::from(now >= self.start)),
            (Plan::Traffic, Some(shape)) if now < self.end => shape.share(now.since(self.start)),
            _ => linear,
        }
    }

    /// When the flight starts and ends.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        (self.start, self.end)
    }

    /// How far a controller should look ahead, in milliseconds: far enough that a correction is no jolt, and short
    /// against what is left to correct errors in.
    pub fn horizon_ms(&self) -> i64 {
        (self.end.since(self.start) / HORIZONS_MIN).clamp(HORIZON_MS_MIN, HORIZON_MS_MAX)
    }

    /// Micros to be spent per millisecond so that the plan is met again after `horizon_ms`; 0 outside the flight.
    /// A campaign that is ahead of its plan slows down to a part of it, and never falls silent for that.
    pub fn wanted_per_ms(&self, now: Timestamp, horizon_ms: i64, funds: Funds) -> f64 {
        if now < self.start || now >= self.end {
            return 0.0;
        }
        let (budget, left) = (funds.budget.0 as f64, funds.left.at_least_zero().0 as f64);
        if self.plan == Plan::Asap {
            // No bid is ever lowered.
            return f64::INFINITY;
        }
        let until = now.plus_ms(horizon_ms.max(1)).min(self.end);
        let (here, there) = (self.share(now), self.share(until));
        let wanted = left - budget * (1.0 - there);
        let least = SLOWEST * budget * (there - here);
        wanted.max(least).min(left) / until.since(now) as f64
    }

    fn linear(&self, now: Timestamp) -> f64 {
        let length = self.planned_end.since(self.start);
        if length <= 0 {
            return 1.0;
        }
        (now.since(self.start) as f64 / length as f64).clamp(0.0, 1.0)
    }
}

impl Shape {
    fn share(&self, elapsed_ms: i64) -> f64 {
        let slot = elapsed_ms.div_euclid(self.slot_ms);
        let inside = elapsed_ms.rem_euclid(self.slot_ms) as f64 / self.slot_ms as f64;
        let before = |slot: i64| {
            let found = usize::try_from(slot).map(|slot| self.before.get(slot).copied());
            found.map_or(0.0, |share| share.unwrap_or(1.0))
        };
        before(slot) + inside * (before(slot + 1) - before(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const MILLION: Micros = Micros(1_000_000);

    fn schedule(plan: Plan) -> Schedule {
        Schedule::new(plan, Timestamp(0), Timestamp(100 * HOUR_MS))
    }

    fn hours(weight: impl Fn(usize) -> usize) -> Vec<f64> {
        (0..100).map(|hour| weight(hour) as f64).collect()
    }

    #[test]
    fn shares_start_at_nothing_and_end_at_all() {
        for plan in [Plan::Even, Plan::Ahead, Plan::Traffic] {
            let schedule = schedule(plan).with_forecast(HOUR_MS, &hours(|hour| hour % 5));
            assert_eq!(schedule.share(Timestamp(-1)), 0.0, "{plan:?}");
            assert_eq!(schedule.share(Timestamp(100 * HOUR_MS)), 1.0, "{plan:?}");
            let mut before = 0.0;
            for hour in 0..=100 {
                let share = schedule.share(Timestamp(hour * HOUR_MS));
                assert!(share >= before, "{plan:?} falls at {hour}");
                before = share;
            }
        }
    }

    #[test]
    fn what_is_wanted_integrates_to_the_share() {
        let schedule = schedule(Plan::Traffic).with_forecast(HOUR_MS, &hours(|hour| 1 + hour % 7));
        let (mut left, step) = (1e6, 60_000);
        for minute in 0..50 * 60 {
            let funds = Funds {
                budget: MILLION,
                left: Micros(left as i64),
            };
            let now = Timestamp(minute * step);
            left -= schedule.wanted_per_ms(now, schedule.horizon_ms(), funds) * step as f64;
        }
        let planned = 1e6 * (1.0 - schedule.share(Timestamp(50 * HOUR_MS)));
        assert!((left - planned).abs() < 0.003 * 1e6, "{left} {planned}");
    }

    #[test]
    fn errors_are_corrected_within_the_horizon() {
        let even = schedule(Plan::Even);
        let wanted = |left| {
            let funds = Funds {
                budget: MILLION,
                left: Micros(left),
            };
            even.wanted_per_ms(Timestamp(50 * HOUR_MS), HOUR_MS, funds) * HOUR_MS as f64
        };
        // 10,000 an hour are planned.
        let cases = [
            (500_000, 10_000.0),
            (505_000, 15_000.0),
            (495_000, 5_000.0),
            (400_000, 2_000.0),
            (0, 0.0),
        ];
        for (left, spend) in cases {
            assert!(
                (wanted(left) - spend).abs() < 1.0,
                "{left}: {}",
                wanted(left)
            );
        }
        let funds = Funds {
            budget: MILLION,
            left: Micros(7_000),
        };
        let last = Timestamp(100 * HOUR_MS - 7);
        assert_eq!(even.wanted_per_ms(last, HOUR_MS, funds), 1_000.0);
        assert_eq!(even.wanted_per_ms(Timestamp(-1), HOUR_MS, funds), 0.0);
        assert_eq!(
            even.wanted_per_ms(Timestamp(100 * HOUR_MS), HOUR_MS, funds),
            0.0
        );
    }

    #[test]
    fn ahead_is_done_before_the_end_and_asap_at_once() {
        assert_eq!(schedule(Plan::Ahead).share(Timestamp(97 * HOUR_MS)), 1.0);
        let funds = Funds {
            budget: MILLION,
            left: MILLION,
        };
        let wanted = schedule(Plan::Asap).wanted_per_ms(Timestamp(0), HOUR_MS, funds);
        assert_eq!(wanted, f64::INFINITY);
    }

    #[test]
    fn an_empty_flight_and_a_useless_forecast_do_no_harm() {
        let empty = Schedule::new(Plan::Even, Timestamp(5), Timestamp(5));
        assert_eq!(
            (empty.share(Timestamp(5)), empty.horizon_ms()),
            (1.0, HORIZON_MS_MIN)
        );
        for forecast in [vec![], vec![0.0; 9], vec![1.0, -1.0], vec![f64::NAN]] {
            let schedule = schedule(Plan::Traffic).with_forecast(HOUR_MS, &forecast);
            assert_eq!(schedule.share(Timestamp(50 * HOUR_MS)), 0.5, "{forecast:?}");
        }
    }
}
