//! What a model knows, in plain lists that a file can keep, and what its learner needs beside.

use super::Spec;

/// A value that has no row of factors.
pub const NO_ROW: u32 = u32::MAX;

/// All numbers of a score. Serving needs nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The shape.
    pub spec: Spec,
    /// The intercept, in log-odds.
    pub bias: f32,
    /// Tokens that have weights, ascending.
    pub keys: Vec<u32>,
    /// The linear weight of each key.
    pub linear: Vec<f32>,
    /// What examples said about each linear weight, in squared gradients; empty when it is not kept.
    pub information: Vec<f32>,
    /// Which row of `factors` each key has, or [`NO_ROW`].
    pub rows: Vec<u32>,
    /// Rows of [`Spec::row_len`] factors: for each field of a partner, `k` numbers.
    pub factors: Vec<f32>,
    /// The dense layer's numbers; none but in [`super::Kind::DeepFfm`].
    pub dense: Vec<f32>,
}

/// What the optimiser remembers; empty lists begin anew.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Optimiser {
    /// Examples learned.
    pub examples: u64,
    /// Decides the first values of factors.
    pub seed: u64,
    /// The epoch it was in.
    pub epoch: u8,
    /// State of the bias.
    pub bias: f32,
    /// Sightings (upper bits, 0 where a key has a row) and last epoch (lowest 8 bits) of each key.
    pub seen: Vec<u32>,
    /// State of the factors: for each row, [`Spec::fields`] numbers.
    pub factors: Vec<f32>,
    /// How fast linear weights and factors learn: a rate and the mean square of what moves it, each.
    pub paces: Vec<f32>,
    /// State of [`Weights::dense`].
    pub dense: Vec<f32>,
}

/// A learner at rest: it goes on from here as if it had never stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// What it knows.
    pub weights: Weights,
    /// What it needs to go on.
    pub optimiser: Optimiser,
}

/// Why weights are refused: whoever made them is at fault, so keep those in service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// The shape itself.
    #[error(transparent)]
    Spec(#[from] super::SpecError),
    /// A list of a length that the shape does not allow.
    #[error("{what} has {found} numbers, expected {expected}")]
    Length {
        /// The list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length by the shape.
        expected: usize,
    },
    /// Keys that do not rise, or a row that is not there.
    #[error("{what} are not in order or point outside")]
    Order {
        /// The list.
        what: &'static str,
    },
    /// NaN, infinite, or below zero where that cannot be.
    #[error("{what} has a number that cannot be")]
    Number {
        /// The list.
        what: &'static str,
    },
}

impl Weights {
    /// Refuses what cannot be served.
    ///
    /// # Errors
    /// Names the list and what is wrong with it.
    pub fn check(&self) -> Result<(), WeightsError> {
        self.spec.check()?;
        let keys = self.keys.len();
        length("linear", self.linear.len(), keys)?;
        if !self.information.is_empty() {
            length("information", self.information.len(), keys)?;
        }
        length("rows", self.rows.len(), keys)?;
        let row_len = self.spec.row_len();
        let rows = self.factors.len().checked_div(row_len).unwrap_or(0);
        length("factors", self.factors.len(), rows * row_len)?;
        length("dense", self.dense.len(), super::dense::len(&self.spec))?;
        if !self.keys.is_sorted_by(|a, b| a < b) {
            return Err(WeightsError::Order { what: "keys" });
        }
        if self
            .rows
            .iter()
            .any(|&row| row != NO_ROW && row as usize >= rows)
        {
            return Err(WeightsError::Order { what: "rows" });
        }
        for (what, numbers) in [
            ("bias", std::slice::from_ref(&self.bias)),
            ("linear", &self.linear),
            ("information", &self.information),
            ("factors", &self.factors),
            ("dense", &self.dense),
        ] {
            if !numbers.iter().all(|number| number.is_finite()) {
                return Err(WeightsError::Number { what });
            }
        }
        if self
            .information
            .iter()
            .any(|&information| information < 0.0)
        {
            return Err(WeightsError::Number {
                what: "information",
            });
        }
        Ok(())
    }
}

impl Optimiser {
    /// Refuses lists that are neither empty nor as long as the weights', and what is no number.
    pub(crate) fn check(&self, weights: &Weights) -> Result<(), WeightsError> {
        let keys = weights.keys.len();
        let rows = weights
            .factors
            .len()
            .checked_div(weights.spec.k)
            .unwrap_or(0);
        let rows = if weights.spec.row_len() == 0 { 0 } else { rows };
        for (what, found, expected) in [
            ("optimiser seen", self.seen.len(), keys),
            ("optimiser factors", self.factors.len(), rows),
            ("optimiser dense", self.dense.len(), weights.dense.len()),
        ] {
            if found != 0 {
                length(what, found, expected)?;
            }
        }
        let numbers = self
            .factors
            .iter()
            .chain(&self.paces)
            .chain(&self.dense)
            .chain([&self.bias]);
        if numbers
            .copied()
            .all(|number| number.is_finite() && number >= 0.0)
        {
            return Ok(());
        }
        Err(WeightsError::Number { what: "optimiser" })
    }
}

fn length(what: &'static str, found: usize, expected: usize) -> Result<(), WeightsError> {
    if found == expected {
        return Ok(());
    }
    Err(WeightsError::Length {
        what,
        found,
        expected,
    })
}
