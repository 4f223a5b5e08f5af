//! A model trained on a table, with all that serving, going on and judging it need.

use crate::calibration::Calibration;
use crate::engine::learner::Learner;
use crate::engine::weights::{Optimiser, Snapshot, Weights, WeightsError};
use crate::engine::{Scorer, Spec};
use crate::file::{self, ModelError, Precision};
use crate::metrics::Progressive;
use crate::metrics::tally::Tally;
use crate::table::Columns;

/// A model's figures on examples it had not learned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scores {
    /// Examples.
    pub rows: u64,
    /// Those that were clicked.
    pub clicks: u64,
    /// Mean log loss in nats.
    pub log_loss: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Relative information gain over the best constant.
    pub rig: Option<f64>,
    /// Predicted clicks by clicks.
    pub calibration: Option<f64>,
}

impl From<&Tally> for Scores {
    fn from(tally: &Tally) -> Self {
        Self {
            rows: tally.rows(),
            clicks: tally.clicks(),
            log_loss: tally.log_loss(),
            auc: tally.auc(),
            rig: tally.rig(),
            calibration: tally.calibration(),
        }
    }
}

impl From<&Progressive> for Scores {
    fn from(progress: &Progressive) -> Self {
        let figures = progress.figures();
        let both = figures.log_loss.zip(figures.baseline_log_loss);
        Self {
            rows: figures.examples,
            clicks: progress.positives(),
            log_loss: figures.log_loss,
            auc: figures.auc,
            rig: both
                .filter(|(_, least)| *least > 0.0)
                .map(|(found, best)| 1.0 - found / best),
            calibration: figures.calibration,
        }
    }
}

/// What a model file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Grows from model to model; 0 is one that was not given one.
    pub version: u64,
    /// The version it was trained from; 0 is none.
    pub parent: u64,
    /// The columns it reads.
    pub columns: Columns,
    /// Its figures: predictions made before their examples were learned.
    pub scores: Scores,
    /// Its calibration.
    pub calibration: Calibration,
    /// The columns, by field, whose tokens are the calibration's slices.
    pub calibrated_by: Vec<u16>,
    /// How its numbers are kept.
    pub precision: Precision,
    /// What it knows.
    pub weights: Weights,
    /// What its learner needs to go on; only with [`Precision::Full`].
    pub optimiser: Option<Optimiser>,
}

impl Trained {
    /// The shape of its weights.
    pub fn spec(&self) -> Spec {
        self.weights.spec
    }

    /// The model file; see [`crate::file`].
    pub fn encode(&self) -> Vec<u8> {
        file::encode_trained(self)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// Names what is wrong with the file and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        file::parse_trained(bytes)
    }

    /// Takes it apart to learn on.
    ///
    /// # Errors
    /// When it is an export, which has no state to go on from, or its lists do not fit each other.
    pub fn learner(&self) -> Result<Learner, ResumeError> {
        let optimiser = self.optimiser.clone().ok_or(ResumeError::Export)?;
        let weights = self.weights.clone();
        Ok(Learner::resume(&Snapshot { weights, optimiser })?)
    }

    /// Lays it out for serving.
    ///
    /// # Errors
    /// When the weights cannot be served.
    pub fn scorer(&self) -> Result<CalibratedScorer, WeightsError> {
        Ok(CalibratedScorer {
            scorer: Scorer::new(&self.weights)?,
            calibration: self.calibration.clone(),
            calibrated_by: self.calibrated_by.clone(),
            keys: Vec::with_capacity(self.calibrated_by.len()),
        })
    }
}

/// How two models differ.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Difference {
    /// Keys that only the second has.
    pub keys_added: usize,
    /// Keys that only the first has.
    pub keys_removed: usize,
    /// Mean change of the linear weights that both have, in log-odds.
    pub mean: f64,
    /// Largest change of one.
    pub max: f64,
    /// Change of the intercept.
    pub intercept: f64,
}

impl Trained {
    /// What changed from this model to another: one walk over both lists of keys.
    pub fn difference(&self, to: &Self) -> Difference {
        let mut difference = Difference {
            intercept: f64::from(to.weights.bias - self.weights.bias),
            ..Difference::default()
        };
        let pairs = |weights: &Weights| {
            let keys = weights.keys.clone().into_iter();
            keys.zip(weights.linear.clone()).peekable()
        };
        let (mut old, mut new) = (pairs(&self.weights), pairs(&to.weights));
        let (mut sum, mut both) = (0.0, 0_usize);
        loop {
            match (old.peek().copied(), new.peek().copied()) {
                (None, None) => break,
                (Some((a, x)), Some((b, y))) if a == b => {
                    let change = f64::from(y - x).abs();
                    sum += change;
                    both += 1;
                    difference.max = difference.max.max(change);
                    old.next();
                    new.next();
                }
                (Some((a, _)), found) if found.is_none_or(|(b, _)| a < b) => {
                    difference.keys_removed += 1;
                    old.next();
                }
                _ => {
                    difference.keys_added += 1;
                    new.next();
                }
            }
        }
        difference.mean = sum / both.max(1) as f64;
        difference
    }
}

/// Why learning cannot go on from a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// It has no optimiser's state.
    #[error("the model is an export for serving: go on from the one it was exported from")]
    Export,
    /// Its lists do not fit each other.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// A scorer with its calibration on top.
#[derive(Debug)]
pub struct CalibratedScorer {
    scorer: Scorer,
    calibration: Calibration,
    calibrated_by: Vec<u16>,
    keys: Vec<u32>,
}

impl CalibratedScorer {
    /// The probability of a click on a row.
    pub fn predict(&mut self, columns: &[u32]) -> f32 {
        let predicted = self.scorer.predict(columns);
        if self.calibration.is_identity() {
            return predicted;
        }
        slice_keys(&self.calibrated_by, columns, &mut self.keys);
        self.calibration.apply(predicted, &self.keys)
    }

    /// The scorer without calibration.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }
}

/// The slices of a row: its tokens in the columns that calibration goes by.
pub fn slice_keys(calibrated_by: &[u16], columns: &[u32], keys: &mut Vec<u32>) {
    keys.clear();
    let of = |field: &u16| columns.get(usize::from(*field)).copied().unwrap_or(0);
    keys.extend(calibrated_by.iter().map(of));
}
