//! The served model: immutable, shared without a lock, scored without allocation.

use crate::feature::Features;
use crate::file::{self, ModelError};
use crate::metrics::Figures;
use crate::weights::{SLOTS, log_odds, probability, slot};

/// The click rate predicted before anything was learned: a usual display rate is below it.
pub const PRIOR_CLICK_RATE: f32 = 0.01;
/// The rate of conversions after a click predicted before anything was learned.
pub const PRIOR_CONVERSION_RATE: f32 = 0.05;

/// What a model expects of one candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Probability of a click on the impression.
    pub click: f32,
    /// Probability of a conversion after a click.
    pub conversion: f32,
}

/// How well predictions were doing, measured on each example before it was learned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evaluation {
    /// The click head's figures.
    pub click: Figures,
    /// The conversion head's figures.
    pub conversion: Figures,
}

/// A model as it is served. Cloning copies the table: share it behind an `Arc`.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) version: u64,
    pub(crate) evaluation: Evaluation,
    /// Click and conversion intercepts.
    pub(crate) bias: [f32; 2],
    /// Click and conversion weights side by side: one cache line serves both heads.
    pub(crate) weights: Box<[[f32; 2]]>,
}

impl Model {
    /// Version 0: the prior rates for everything.
    pub fn untrained() -> Self {
        Self::with_prior(PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE)
    }

    /// As [`Self::untrained`], with other rates.
    pub fn with_prior(click: f32, conversion: f32) -> Self {
        Self {
            version: 0,
            evaluation: Evaluation::default(),
            bias: [log_odds(click), log_odds(conversion)],
            weights: vec![[0.0; 2]; SLOTS].into_boxed_slice(),
        }
    }

    /// Both probabilities, each within [1e-6, 1 - 1e-6].
    pub fn predict(&self, features: &Features) -> Prediction {
        let [mut click, mut conversion] = self.bias;
        for &token in &features.0 {
            let weights = self.weights[slot(token)];
            click += weights[0];
            conversion += weights[1];
        }
        Prediction {
            click: probability(click),
            conversion: probability(conversion),
        }
    }

    /// The version its trainer gave it; 0 is untrained.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Its trainer's figures at the time it was made.
    pub fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// The model file; see [`crate::file`].
    pub fn encode(&self) -> Vec<u8> {
        file::encode_model(self)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// Names what is wrong with the file and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        file::parse_model(bytes)
    }
}

#[cfg(test)]
mod tests;
