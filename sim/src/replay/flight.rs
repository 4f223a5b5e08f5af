//! A stream as a flight: what is forecast of it, and the plan that follows from the forecast.

use domain::random::SplitMix64;
use domain::{Plan, Timestamp};
use pacing::Schedule;

use super::stream::HOUR_MS;
use super::{Options, Shape, Strategy, Stream};

/// The plan of a replay: fixed at the start, and what is judged against.
#[derive(Debug, Clone)]
pub struct Flight {
    /// What controllers follow and figures compare with.
    pub schedule: Schedule,
    /// What the strategy itself follows: the same, but for those that hurry.
    pub followed: Schedule,
}

impl Flight {
    /// Forecasts every hour and spreads the budget.
    pub fn new(stream: &Stream, options: &Options, strategy: Strategy) -> Self {
        let slots = slots(stream, options);
        let slot_ms = HOUR_MS / options.slots_per_hour as i64;
        let plan = |plan| Schedule::new(plan, Timestamp(0), stream.end());
        let schedule = match options.plan {
            Shape::Even => plan(Plan::Even),
            Shape::Traffic => plan(Plan::Traffic).with_forecast(slot_ms, &slots),
        };
        let followed = match strategy {
            Strategy::Asap => plan(Plan::Asap),
            _ => schedule.clone(),
        };
        Self { schedule, followed }
    }
}

/// The requests forecast for each slot.
fn slots(stream: &Stream, options: &Options) -> Vec<f64> {
    let mut rows = vec![0.0; stream.hours];
    for row in &stream.rows {
        rows[row.hour] += 1.0;
    }
    let mut rng = SplitMix64::new(options.seed);
    let per_slot = |rows: &f64| {
        let error = options.forecast_noise * (2.0 * rng.unit() - 1.0);
        rows * options.volume_error * (1.0 + error) / options.slots_per_hour as f64
    };
    let hours: Vec<f64> = rows.iter().map(per_slot).collect();
    let slots = hours
        .iter()
        .flat_map(|hour| std::iter::repeat_n(*hour, options.slots_per_hour));
    slots.collect()
}

#[cfg(test)]
mod tests {
    use super::super::stream::columns;
    use super::*;

    #[test]
    fn plans_follow_the_forecast_or_the_clock() {
        let text = "1 0.1 0\n1 0.1 0\n1 0.1 0\n1 0.1 1\n";
        let columns = columns("price,pctr,hour").unwrap();
        let stream = Stream::read(text.as_bytes(), &columns, 1.0).unwrap();
        let share = |options: Options| {
            let flight = Flight::new(&stream, &options, Strategy::Dual);
            flight.schedule.share(Timestamp(HOUR_MS))
        };
        let options = Options::default();
        assert!((share(options.clone()) - 0.75).abs() < 1e-12);
        let even = Options {
            plan: Shape::Even,
            ..options.clone()
        };
        assert_eq!(share(even), 0.5);
        let smaller = Options {
            volume_error: 0.7,
            ..options.clone()
        };
        assert!((share(smaller) - 0.75).abs() < 1e-12, "the same shape");
        // The first draws of seed 1, by the reference generator.
        let mut rng = SplitMix64::new(1);
        let (one, two) = (0.7 + 0.6 * rng.unit(), 0.7 + 0.6 * rng.unit());
        let noisy = Options {
            forecast_noise: 0.3,
            ..options
        };
        let wanted = 3.0 * one / (3.0 * one + two);
        assert!((share(noisy) - wanted).abs() < 1e-12);
    }
}
