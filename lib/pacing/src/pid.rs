//! PID on the multiplier, after Zhang et al. (WSDM 2016): a reference for the dual, with untuned gains.

use domain::Timestamp;

/// How often it is stepped, in milliseconds.
const STEP_MS: i64 = 60_000;
/// Gains of the error, its sum and its change.
const GAINS: (f64, f64, f64) = (0.3, 0.05, 0.0);
/// The log of the multiplier stays within this.
const PHI_MIN: f64 = -6.9;

/// One campaign's multiplier.
#[derive(Debug, Clone, Default)]
pub struct Pid {
    phi: f64,
    sum: f64,
    before: f64,
    /// When the step began, and what was spent and planned then.
    last: Option<(Timestamp, f64, f64)>,
}

impl Pid {
    /// What every bid is multiplied with, in `(0, 1]`.
    pub fn multiplier(&self) -> f64 {
        self.phi.exp()
    }

    /// Compares what a minute spent with what it should have, both as shares of the budget since the start.
    pub fn step(&mut self, now: Timestamp, spent: f64, planned: f64) {
        let (at, spent_then, planned_then) = *self.last.get_or_insert((now, spent, planned));
        if now.since(at) < STEP_MS {
            return;
        }
        self.last = Some((now, spent, planned));
        let wanted = planned - planned_then;
        if wanted <= 0.0 {
            return;
        }
        // How far the plan is ahead of the spend, in steps of the plan.
        let error = ((wanted - (spent - spent_then)) / wanted).clamp(-1.0, 1.0);
        let behind = (planned - spent) / wanted;
        self.sum = behind.clamp(-20.0, 20.0);
        let (kp, ki, kd) = GAINS;
        let change = kp * error + ki * (self.sum - self.before) + kd * error;
        self.before = self.sum;
        self.phi = (self.phi + change).clamp(PHI_MIN, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lowers_bids_that_spend_too_much_and_raises_them_again() {
        let mut pid = Pid::default();
        for minute in 0..10 {
            let at = f64::from(minute);
            pid.step(Timestamp(i64::from(minute) * 60_000), at * 0.02, at * 0.01);
        }
        let low = pid.multiplier();
        assert!(low < 0.5, "{low}");
        for minute in 10..100 {
            let at = f64::from(minute);
            pid.step(Timestamp(i64::from(minute) * 60_000), 0.18, at * 0.01);
        }
        assert_eq!(pid.multiplier(), 1.0);
    }
}
