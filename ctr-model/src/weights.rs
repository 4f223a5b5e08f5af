//! The weight tables: how a token finds its slot, a head's state in training, and the score.

use crate::feature::FIELDS;
use crate::feature::list::SINGLES;

/// Slots of a table, as a power of two: 262,144 weights a head, 2 MiB served.
pub(crate) const TABLE_BITS: u32 = 18;
/// Slots of a table.
pub(crate) const SLOTS: usize = 1 << TABLE_BITS;
/// Probabilities stay this far from 0 and 1, so that no logarithm is infinite.
pub(crate) const PROBABILITY_MIN: f32 = 1e-6;
/// Weights beyond this are refused in files: e^±64 is far outside any rate.
pub(crate) const WEIGHT_MAX: f32 = 64.0;

/// The slot of a token: its upper bits, which the hash mixes best.
pub(crate) fn slot(token: u32) -> usize {
    (token >> (32 - TABLE_BITS)) as usize
}

/// Log-odds to a probability that is never 0, 1 or NaN.
pub(crate) fn probability(score: f32) -> f32 {
    off_the_ends(1.0 / (1.0 + (-score).exp()))
}

/// Keeps a probability off 0 and 1; NaN becomes the lower bound.
pub(crate) fn off_the_ends(p: f32) -> f32 {
    if p.is_nan() {
        PROBABILITY_MIN
    } else {
        p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN)
    }
}

/// A probability to log-odds.
pub(crate) fn log_odds(rate: f32) -> f32 {
    let rate = off_the_ends(rate);
    (rate / (1.0 - rate)).ln()
}

/// One head in training: the mean of each weight, and what examples said about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    /// Mean of the intercept.
    pub(crate) bias: f32,
    /// Information gathered about the intercept.
    pub(crate) bias_information: f32,
    /// Mean of each weight.
    pub(crate) mean: Box<[f32]>,
    /// Information gathered about each weight; 0 where no example came by.
    pub(crate) information: Box<[f32]>,
}

impl Head {
    /// A head that predicts `rate` for everything.
    pub(crate) fn new(rate: f32) -> Self {
        Self {
            bias: log_odds(rate),
            bias_information: 0.0,
            mean: vec![0.0; SLOTS].into_boxed_slice(),
            information: vec![0.0; SLOTS].into_boxed_slice(),
        }
    }

    /// The log-odds; the same additions in the same order as the served model's.
    pub(crate) fn score(&self, slots: &[usize; FIELDS]) -> f32 {
        slots
            .iter()
            .fold(self.bias, |sum, &slot| sum + self.mean[slot])
    }
}

/// Whether a field is a cross; crosses begin nearer to zero.
pub(crate) fn is_cross(field: usize) -> bool {
    field >= SINGLES.len()
}
