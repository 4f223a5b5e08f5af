//! The served model: immutable, shared without a lock, scored without allocation.

use crate::feature::list::{REQUEST_CROSSES, REQUEST_SINGLES, SINGLES};
use crate::feature::{Features, RequestHalf};
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

/// What a model says of a request before it knows the candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestScore {
    /// Intercepts and the request's single features, summed.
    singles: [f32; 2],
    /// Weights of the crosses within the request, which come after the candidate's singles in the sum.
    crosses: [[f32; 2]; REQUEST_CROSSES],
}

fn add(sums: &mut [f32; 2], weights: [f32; 2]) {
    sums[0] += weights[0];
    sums[1] += weights[1];
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

    /// The request's part of the score: what is the same for all its candidates.
    pub fn request_score(&self, half: &RequestHalf) -> RequestScore {
        let tokens = half.tokens();
        let mut sums = self.bias;
        for &token in &tokens[..REQUEST_SINGLES] {
            add(&mut sums, self.weights[slot(token)]);
        }
        let crosses = &tokens[SINGLES.len()..SINGLES.len() + REQUEST_CROSSES];
        let mut weights = [[0.0; 2]; REQUEST_CROSSES];
        for (into, &token) in weights.iter_mut().zip(crosses) {
            *into = self.weights[slot(token)];
        }
        RequestScore {
            singles: sums,
            crosses: weights,
        }
    }

    /// As `predict`, to the last bit, for a candidate of the request with this score: the additions are the same
    /// in the same order, but only what differs between candidates is looked up.
    pub fn predict_with(&self, request: &RequestScore, features: &Features) -> Prediction {
        let mut sums = request.singles;
        for &token in &features.0[REQUEST_SINGLES..SINGLES.len()] {
            add(&mut sums, self.weights[slot(token)]);
        }
        for weights in request.crosses {
            add(&mut sums, weights);
        }
        for &token in &features.0[SINGLES.len() + REQUEST_CROSSES..] {
            add(&mut sums, self.weights[slot(token)]);
        }
        let [click, conversion] = sums;
        Prediction {
            click: probability(click),
            conversion: probability(conversion),
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

    /// The same under another version.
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
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
