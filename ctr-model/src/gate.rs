//! The gate: whether a model may go into service in the place of another, by their figures on the same newest rows.

use crate::trained::Scores;

/// Fewest clicks to judge by unless told otherwise: below them a figure says more of luck than of the model.
pub const CLICKS_MIN: u64 = 100;
/// How far from 1 the calibration of the first model may be: nothing serves that could be compared.
pub const FIRST_CALIBRATION_MAX: f64 = 0.2;

/// How much worse than the serving model a candidate may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Log loss, as a share of the serving model's.
    pub log_loss: f64,
    /// AUC, in its own units.
    pub auc: f64,
    /// Distance from 1 of predicted by observed clicks.
    pub calibration: f64,
    /// Fewest clicks to judge by.
    pub clicks: u64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            log_loss: 0.001,
            auc: 0.002,
            calibration: 0.02,
            clicks: CLICKS_MIN,
        }
    }
}

/// Why a candidate stays out.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Too little to judge by.
    #[error(
        "{clicks} clicks to judge by, at least {needed} are needed: give more of the newest rows"
    )]
    Clicks {
        /// How many there were.
        clicks: u64,
        /// How many are needed.
        needed: u64,
    },
    /// A figure that is worse than allowed, or missing.
    #[error("{figure} {found:.5}, allowed {allowed:.5}")]
    Worse {
        /// Which.
        figure: &'static str,
        /// The candidate's; NaN when there is none.
        found: f64,
        /// The worst that is let through.
        allowed: f64,
    },
}

/// Lets a candidate through, or says all that keeps it out. Without a serving model it must beat the best constant
/// and be calibrated.
///
/// # Errors
/// Every reason.
pub fn check(
    candidate: &Scores,
    serving: Option<&Scores>,
    tolerance: Tolerance,
) -> Result<(), Vec<Refusal>> {
    if candidate.clicks < tolerance.clicks {
        return Err(vec![Refusal::Clicks {
            clicks: candidate.clicks,
            needed: tolerance.clicks,
        }]);
    }
    let off = |scores: &Scores| {
        scores
            .calibration
            .map_or(f64::NAN, |ratio| (ratio - 1.0).abs())
    };
    let value = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
    let mut refusals = Vec::new();
    // A figure that is no number is never within its bound.
    let mut within = |figure, found: f64, allowed: f64, passes: bool| {
        if !passes {
            refusals.push(Refusal::Worse {
                figure,
                found,
                allowed,
            });
        }
    };
    match serving {
        None => {
            let rig = value(candidate.rig);
            within("information gain", rig, 0.0, rig > 0.0);
            let off = off(candidate);
            within(
                "calibration's distance from 1",
                off,
                FIRST_CALIBRATION_MAX,
                off <= FIRST_CALIBRATION_MAX,
            );
        }
        Some(serving) => {
            let (loss, most) = (
                value(candidate.log_loss),
                value(serving.log_loss) * (1.0 + tolerance.log_loss),
            );
            within("log loss", loss, most, loss <= most);
            let (auc, least) = (value(candidate.auc), value(serving.auc) - tolerance.auc);
            within("AUC", auc, least, auc >= least);
            let (off, most) = (off(candidate), off(serving) + tolerance.calibration);
            within("calibration's distance from 1", off, most, off <= most);
        }
    }
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(log_loss: f64, auc: f64, calibration: f64) -> Scores {
        Scores {
            rows: 10_000,
            clicks: 1_000,
            log_loss: Some(log_loss),
            auc: Some(auc),
            rig: Some(1.0 - log_loss / 0.325),
            calibration: Some(calibration),
        }
    }

    /// How many figures keep it out.
    fn refusals(candidate: Scores, serving: Option<Scores>) -> usize {
        check(&candidate, serving.as_ref(), Tolerance::default())
            .map_or_else(|all| all.len(), |()| 0)
    }

    #[test]
    fn each_figure_alone_keeps_a_candidate_out() {
        let serving = Some(scores(0.30, 0.70, 1.01));
        for (candidate, expected) in [
            (scores(0.30, 0.70, 1.01), 0),
            (scores(0.3002, 0.699, 0.98), 0),
            (scores(0.28, 0.75, 1.0), 0),
            (scores(0.3004, 0.70, 1.0), 1),
            (scores(0.30, 0.697, 1.0), 1),
            (scores(0.30, 0.70, 1.04), 1),
            (scores(0.30, 0.70, 0.96), 1),
            (scores(0.31, 0.60, 2.0), 3),
            (scores(f64::NAN, 0.70, 1.0), 1),
        ] {
            assert_eq!(refusals(candidate, serving), expected, "{candidate:?}");
        }
    }

    #[test]
    fn the_first_model_must_beat_a_constant() {
        assert_eq!(refusals(scores(0.30, 0.70, 1.1), None), 0);
        assert_eq!(refusals(scores(0.33, 0.70, 1.1), None), 1);
        assert_eq!(refusals(scores(0.33, 0.70, 1.3), None), 2);
    }

    #[test]
    fn few_clicks_judge_nothing() {
        let mut few = scores(0.1, 0.9, 1.0);
        few.clicks = 99;
        let refused = check(&few, None, Tolerance::default()).unwrap_err();
        assert!(refused[0].to_string().contains("99 clicks"));
    }
}
