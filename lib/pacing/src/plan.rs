//! Plans: which share of a budget should be spent by when.

use domain::{Plan, Timestamp};

/// How far "ahead" runs before even.
const AHEAD: f64 = 1.05;

/// A plan over a flight. Shares run from 0 at the start to 1 at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    plan: Plan,
    start: Timestamp,
    end: Timestamp,
    /// When all is to be spent.
    planned_end: Timestamp,
    /// Relative traffic by hour of the week, for `Plan::Traffic`; all equal until a history is known.
    hours: Option<Box<[f64; 168]>>,
}

const HOUR_MS: i64 = 3_600_000;

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
            hours: None,
        }
    }

    /// Shapes `Plan::Traffic` by eligible requests in each hour of the week; ignored unless some are positive.
    pub fn with_traffic(mut self, hours: [f64; 168]) -> Self {
        let usable =
            hours.iter().all(|h| h.is_finite() && *h >= 0.0) && hours.iter().sum::<f64>() > 0.0;
        self.hours = usable.then(|| Box::new(hours));
        self
    }

    /// The share of the budget planned to be spent by `now`.
    pub fn share(&self, now: Timestamp) -> f64 {
        let linear = self.linear(now);
        match self.plan {
            Plan::Even | Plan::Ahead => linear,
            Plan::Asap => f64::from(u8::from(now >= self.start)),
            Plan::Traffic => self.traffic_share(now).unwrap_or(linear),
        }
    }

    /// The share of what is still to be planned that falls into one millisecond after `now`; 0 outside the flight.
    pub fn rate_of_rest(&self, now: Timestamp) -> f64 {
        if now < self.start || now >= self.end {
            return 0.0;
        }
        match self.plan {
            Plan::Asap => 1.0,
            Plan::Traffic if self.hours.is_some() => self.traffic_rate(now),
            _ => 1.0 / self.planned_end.since(now).max(1) as f64,
        }
    }

    fn linear(&self, now: Timestamp) -> f64 {
        let length = self.planned_end.since(self.start);
        if length <= 0 {
            return 1.0;
        }
        (now.since(self.start) as f64 / length as f64).clamp(0.0, 1.0)
    }

    fn traffic_share(&self, now: Timestamp) -> Option<f64> {
        let whole = self.weight(self.start, self.end)?;
        let done = self.weight(self.start, now.clamp(self.start, self.end))?;
        (whole > 0.0).then(|| done / whole)
    }

    fn traffic_rate(&self, now: Timestamp) -> f64 {
        let rest = self.weight(now, self.end).unwrap_or(0.0);
        let here = self.hour_weight(now).unwrap_or(0.0) / HOUR_MS as f64;
        if rest > 0.0 { here / rest } else { 0.0 }
    }

    fn hour_weight(&self, at: Timestamp) -> Option<f64> {
        self.hours
            .as_ref()?
            .get(usize::from(at.hour_of_week()))
            .copied()
    }

    /// The traffic between two moments: whole weeks at once, then hour by hour.
    fn weight(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        let week_ms = 168 * HOUR_MS;
        let weeks = to.since(from).max(0) / week_ms;
        let mut total = self.hours.as_ref()?.iter().sum::<f64>() * weeks as f64;
        let mut at = from.plus_ms(weeks * week_ms);
        while at < to {
            let next = Timestamp((at.0.div_euclid(HOUR_MS) + 1) * HOUR_MS).min(to);
            total += self.hour_weight(at)? * next.since(at) as f64 / HOUR_MS as f64;
            at = next;
        }
        Some(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(plan: Plan) -> Schedule {
        Schedule::new(plan, Timestamp(0), Timestamp(100 * HOUR_MS))
    }

    #[test]
    fn shares_start_at_nothing_and_end_at_all() {
        for plan in [Plan::Even, Plan::Ahead, Plan::Traffic] {
            let schedule = schedule(plan).with_traffic(std::array::from_fn(|h| (h % 5) as f64));
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
    fn rates_integrate_to_the_share() {
        let schedule =
            schedule(Plan::Traffic).with_traffic(std::array::from_fn(|h| 1.0 + (h % 7) as f64));
        let mut left = 1.0;
        let step = 60_000;
        for minute in 0..50 * 60 {
            left -= left * schedule.rate_of_rest(Timestamp(minute * step)) * step as f64;
        }
        let planned = 1.0 - schedule.share(Timestamp(50 * HOUR_MS));
        assert!((left - planned).abs() < 0.01, "{left} {planned}");
    }

    #[test]
    fn ahead_is_done_before_the_end_and_then_hurries() {
        let ahead = schedule(Plan::Ahead);
        let late = Timestamp(97 * HOUR_MS);
        assert_eq!(ahead.share(late), 1.0);
        assert_eq!(ahead.rate_of_rest(late), 1.0);
        assert!(
            ahead.rate_of_rest(Timestamp(50 * HOUR_MS))
                > schedule(Plan::Even).rate_of_rest(Timestamp(50 * HOUR_MS))
        );
    }

    #[test]
    fn an_empty_flight_and_a_silent_history_do_no_harm() {
        let empty = Schedule::new(Plan::Even, Timestamp(5), Timestamp(5));
        assert_eq!(
            (empty.share(Timestamp(5)), empty.rate_of_rest(Timestamp(5))),
            (1.0, 0.0)
        );
        let silent = schedule(Plan::Traffic).with_traffic([0.0; 168]);
        assert_eq!(silent.share(Timestamp(50 * HOUR_MS)), 0.5);
    }
}
