//! The scorer: weights laid out for serving; immutable, shared without a lock.

use super::weights::{Weights, WeightsError};
use crate::weights::probability;

/// A model that is served.
#[derive(Debug, Clone)]
pub struct Scorer {
    weights: Weights,
}

impl Scorer {
    /// Lays weights out.
    ///
    /// # Errors
    /// When the weights' lists do not fit each other or hold a number that is not finite.
    pub fn new(weights: &Weights) -> Result<Self, WeightsError> {
        weights.check()?;
        Ok(Self {
            weights: weights.clone(),
        })
    }

    /// The probability of label 1.
    pub fn predict(&self, columns: &[u32]) -> f32 {
        let found = |key: &u32| self.weights.keys.binary_search(key).ok();
        let linear = &self.weights.linear;
        let weight = |key| {
            found(key)
                .and_then(|at| linear.get(at))
                .copied()
                .unwrap_or(0.0)
        };
        probability(self.weights.bias + columns.iter().map(weight).sum::<f32>())
    }
}
