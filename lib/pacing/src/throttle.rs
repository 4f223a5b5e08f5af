//! Uniform throttling: every request has the same chance to be bid for, and bids keep their price.
//!
//! After Agarwal et al. (KDD 2014): the share spent is compared with the share planned, and the chance goes up or
//! down by a tenth a minute. For campaigns that want reach, and as the baseline of layered throttling.

use domain::Timestamp;

/// How often the chance is changed, in milliseconds.
const STEP_MS: i64 = 60_000;
/// What a step changes it by.
const STEP: f64 = 0.1;
/// A slow start: where it is not known yet what a campaign costs.
const RATE_START: f64 = 0.1;
/// With less it would hear too little of the market to come back.
const RATE_MIN: f64 = 0.001;

/// One campaign's chance to bid.
#[derive(Debug, Clone)]
pub struct Throttle {
    rate: f64,
    next: Option<Timestamp>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            rate: RATE_START,
            next: None,
        }
    }
}

impl Throttle {
    /// The chance of a request to be bid for, in `(0, 1]`.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Compares what is spent with what is planned, as shares of the budget, once a minute.
    pub fn step(&mut self, now: Timestamp, spent: f64, planned: f64) {
        let next = *self.next.get_or_insert(now.plus_ms(STEP_MS));
        if now < next {
            return;
        }
        self.next = Some(now.plus_ms(STEP_MS));
        let factor = if spent > planned {
            1.0 - STEP
        } else {
            1.0 + STEP
        };
        self.rate = (self.rate * factor).clamp(RATE_MIN, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_by_a_tenth_a_minute_towards_the_plan() {
        let mut throttle = Throttle::default();
        for second in 0..=60 {
            throttle.step(Timestamp(second * 1000), 0.0, 0.5);
        }
        assert!((throttle.rate() - 0.11).abs() < 1e-12);
        throttle.step(Timestamp(120_000), 0.6, 0.5);
        assert!((throttle.rate() - 0.099).abs() < 1e-12);
        for minute in 3..200 {
            throttle.step(Timestamp(minute * 60_000), 0.0, 0.5);
        }
        assert_eq!(throttle.rate(), 1.0);
    }
}
