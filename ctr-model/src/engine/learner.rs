//! The learner: predicts, then learns.

use std::collections::BTreeMap;

use super::weights::{NO_ROW, Optimiser, Snapshot, Weights, WeightsError};
use super::{Rows, Spec, SpecError};
use crate::weights::probability;

/// How full the table is and what did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableStats {
    /// Tokens that have a weight.
    pub keys: usize,
    /// Tokens that have a row of factors.
    pub rows: usize,
    /// Lookups ever made of a token that found no room, and so shared or lost its weight.
    pub refused: u64,
    /// Lookups ever made while learning.
    pub lookups: u64,
}

/// A model in training.
#[derive(Debug, Clone)]
pub struct Learner {
    spec: Spec,
    bias: [f32; 2],
    linear: BTreeMap<u32, [f32; 2]>,
    examples: u64,
}

impl Learner {
    /// One that knows nothing; the seed decides the factors' first values.
    ///
    /// # Errors
    /// When the shape is out of bounds.
    pub fn new(spec: Spec, seed: u64) -> Result<Self, SpecError> {
        let _ = seed;
        spec.check()?;
        Ok(Self {
            spec,
            bias: [0.0; 2],
            linear: BTreeMap::new(),
            examples: 0,
        })
    }

    /// Goes on from a snapshot.
    ///
    /// # Errors
    /// When the snapshot's lists do not fit each other.
    pub fn resume(snapshot: &Snapshot) -> Result<Self, WeightsError> {
        let Snapshot { weights, optimiser } = snapshot;
        weights.check()?;
        let state = |at: usize| optimiser.linear.get(at).copied().unwrap_or(0.0);
        let numbered = weights.keys.iter().zip(&weights.linear).enumerate();
        Ok(Self {
            spec: weights.spec,
            bias: [weights.bias, optimiser.bias],
            linear: numbered
                .map(|(at, (&key, &weight))| (key, [weight, state(at)]))
                .collect(),
            examples: optimiser.examples,
        })
    }

    /// The shape.
    pub fn spec(&self) -> Spec {
        self.spec
    }

    /// Examples learned.
    pub fn examples(&self) -> u64 {
        self.examples
    }

    /// The probability of label 1.
    pub fn predict(&self, columns: &[u32]) -> f32 {
        let weight = |key: &u32| self.linear.get(key).map_or(0.0, |weight| weight[0]);
        probability(self.bias[0] + columns.iter().map(weight).sum::<f32>())
    }

    /// Learns one example; returns what was predicted before.
    pub fn learn(&mut self, columns: &[u32], label: f32, weight: f32) -> f32 {
        let predicted = self.predict(columns);
        let gradient = (predicted - label) * weight;
        let step = |state: &mut [f32; 2]| {
            state[1] += gradient * gradient;
            state[0] -= 0.1 * gradient / (0.1 + state[1]).sqrt();
        };
        step(&mut self.bias);
        columns
            .iter()
            .for_each(|&key| step(self.linear.entry(key).or_default()));
        self.examples += 1;
        predicted
    }

    /// Learns rows, on so many threads; `predictions` gets what was predicted of each before it was learned.
    /// With one thread the result depends on nothing but the rows and the seed.
    ///
    /// # Panics
    /// When the slices do not have one entry (`columns`: one per field) a row.
    pub fn learn_batch(&mut self, rows: Rows<'_>, threads: usize, predictions: &mut [f32]) {
        let _ = threads;
        let each = rows.columns.chunks_exact(self.spec.fields).zip(rows.labels);
        for (at, ((columns, &label), out)) in each.zip(predictions).enumerate() {
            let weight = rows.weights.get(at).copied().unwrap_or(1.0);
            *out = self.learn(columns, label, weight);
        }
    }

    /// Time goes on by one: what is not seen for many of these is forgotten first.
    pub fn next_epoch(&mut self) {}

    /// How full the table is.
    pub fn stats(&self) -> TableStats {
        TableStats {
            keys: self.linear.len(),
            ..TableStats::default()
        }
    }

    /// What it knows, for files and for serving.
    pub fn weights(&self) -> Weights {
        Weights {
            spec: self.spec,
            bias: self.bias[0],
            keys: self.linear.keys().copied().collect(),
            linear: self.linear.values().map(|state| state[0]).collect(),
            rows: vec![NO_ROW; self.linear.len()],
            factors: Vec::new(),
            dense: Vec::new(),
        }
    }

    /// All it needs to go on later.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            weights: self.weights(),
            optimiser: Optimiser {
                examples: self.examples,
                bias: self.bias[1],
                linear: self.linear.values().map(|state| state[1]).collect(),
                ..Optimiser::default()
            },
        }
    }
}
