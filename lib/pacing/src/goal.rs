//! Goals on the cost of an action: a multiplier beside the budget's, of which the lower one counts (min-pacing).
//!
//! The constraint "what was paid <= goal x actions predicted", in log space. The multiplier starts where a bid is the
//! goal times the prediction, at which nothing can cost too much, and never falls below. Above that it stands in
//! proportion to what was saved so far, so that with outcomes known at once the goal holds at every moment. It is
//! the dual of Balseiro, Bhawalkar, Deng, Feng, Mao, Mirrokni 2023 with the step in proportion to a win's cost.

/// Savings of so many mean wins raise bids by a factor of e.
const WINS_PER_E: f64 = 50.0;
/// Wins that the mean cost is averaged over.
const MEAN_WINS: f64 = 200.0;
/// Predictions are not believed where actions stay below them by more than so many standard deviations,
/// which chance alone does to one campaign in six.
const DEVIATIONS: f64 = 1.0;

/// One campaign's goal.
#[derive(Debug, Clone)]
pub struct CostGoal {
    /// Micros per action.
    goal: f64,
    /// The log of the multiplier at which nothing can cost too much.
    log_min: f64,
    mean_cost: f64,
    wins: f64,
    paid: f64,
    predicted: f64,
    actions: f64,
}

impl CostGoal {
    /// `goal` is what an action may cost on average, `value` what unpaced bids pay for one, both in micros.
    pub fn new(goal: f64, value: f64) -> Self {
        Self {
            goal,
            log_min: (goal / value.max(f64::MIN_POSITIVE)).ln().clamp(-50.0, 0.0),
            mean_cost: 0.0,
            wins: 0.0,
            paid: 0.0,
            predicted: 0.0,
            actions: 0.0,
        }
    }

    /// What every bid is multiplied with at most, in `(0, 1]`.
    pub fn multiplier(&self) -> f64 {
        let belief = self.belief();
        let saved = self.goal * self.predicted * belief - self.paid;
        let unit = (self.mean_cost * WINS_PER_E).max(f64::MIN_POSITIVE);
        let log = self.log_min + belief.ln() + (saved / unit).max(0.0);
        log.min(0.0).exp()
    }

    /// What predictions are multiplied with: below 1 where clearly fewer actions came than were predicted.
    pub fn belief(&self) -> f64 {
        let most = self.actions + DEVIATIONS * (self.actions + 1.0).sqrt() + 1.0;
        (most / self.predicted.max(f64::MIN_POSITIVE)).min(1.0)
    }

    /// Learns what a win cost, in micros, and how many actions were predicted for it; `acted` tells those that came.
    pub fn observe(&mut self, cost: f64, prediction: f64, acted: f64) {
        self.paid += cost;
        self.predicted += prediction;
        self.actions += acted;
        self.wins += 1.0;
        let weight = 1.0 / self.wins.min(MEAN_WINS);
        self.mean_cost += weight * (cost - self.mean_cost);
    }
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;

    use super::*;

    /// Second-price auctions with prices uniform in 0..1000; returns cost per action, predicted and real, and wins.
    fn run(goal: f64, truth: f64, seed: u64) -> (f64, f64, u32) {
        let (mut control, mut rng) = (CostGoal::new(goal, 200_000.0), SplitMix64::new(seed));
        let (mut cost, mut predicted, mut actions, mut wins) = (0.0, 0.0, 0.0, 0);
        for _ in 0..50_000 {
            let (pctr, price) = (0.02 * rng.unit(), 1_000.0 * rng.unit());
            if 200_000.0 * pctr * control.multiplier() > price {
                let acted = f64::from(u8::from(rng.chance(pctr * truth)));
                control.observe(price, pctr, acted);
                cost += price;
                predicted += pctr;
                actions += acted;
                wins += 1;
            }
        }
        (cost / predicted, cost / actions, wins)
    }

    #[test]
    fn the_goal_holds_and_is_used_up() {
        for seed in 0..5 {
            let (cost, _, wins) = run(20_000.0, 1.0, seed);
            assert!(cost <= 20_000.0 && cost > 19_000.0, "seed {seed}: {cost}");
            assert!(wins > 1_000);
            let (cost, _, _) = run(1e9, 1.0, seed);
            assert!(cost < 60_000.0, "a goal out of reach stops nothing: {cost}");
        }
    }

    #[test]
    fn predictions_that_do_not_come_true_are_not_paid_for() {
        for seed in 0..5 {
            let (predicted, real, _) = run(20_000.0, 0.5, seed);
            assert!(
                real < 1.35 * 20_000.0,
                "seed {seed}: {real} where {predicted} was predicted"
            );
        }
    }
}
