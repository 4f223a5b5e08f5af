//! The scorer: weights laid out for serving; immutable, shared without a lock, scored without allocation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::dense;
use super::index::{Found, Index};
use super::simd::{Kernel, Level, dot, prefetch};
use super::weights::{NO_ROW, Weights, WeightsError};
use super::{FIELDS_MAX, Spec};
use crate::odds::probability;

/// Prior precision of a token's weight: a standard deviation of 0.2, as little known tokens turn out to have.
const PRIOR_PRECISION: f32 = 25.0;

/// Numbers of a cache line.
const LINE_NUMBERS: usize = 16;

/// The numbers of all fields.
const ALL_FIELDS: [usize; FIELDS_MAX] = {
    let mut fields = [0; FIELDS_MAX];
    let mut at = 0;
    while at < FIELDS_MAX {
        fields[at] = at;
        at += 1;
    }
    fields
};

/// A probability with how sure the model is of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The probability of label 1.
    pub probability: f32,
    /// The same in log-odds.
    pub score: f32,
    /// Variance of the log-odds, from the squared gradients that each token has gathered: the diagonal
    /// of the information (Chapelle and Li 2011). For choosing by Thompson sampling or an upper bound.
    pub variance: f32,
}

impl Estimate {
    pub(crate) fn new(score: f32, variance: f32) -> Self {
        Self {
            probability: probability(score),
            score,
            variance,
        }
    }

    /// The probability with the log-odds moved.
    #[inline(always)]
    pub(crate) fn shifted(&self, offset: f32) -> f32 {
        match offset {
            0.0 => self.probability,
            _ => probability(self.score + offset),
        }
    }
}

/// A model that is served.
#[derive(Debug)]
pub struct Scorer {
    pub(super) spec: Spec,
    pub(super) level: Level,
    /// Tells halves of different scorers apart.
    pub(super) id: u64,
    bias: f32,
    index: Index,
    factors: Box<[f32]>,
    dense: Box<[f32]>,
}

/// What tokens say by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    /// Added to the log-odds.
    pub score: f32,
    /// Added to their variance.
    pub variance: f32,
}

impl Scorer {
    /// Lays weights out.
    ///
    /// # Errors
    /// When the weights' lists do not fit each other or hold a number that is not finite.
    pub fn new(weights: &Weights) -> Result<Self, WeightsError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        weights.check()?;
        Ok(Self {
            spec: weights.spec,
            level: Level::detect(),
            id: NEXT.fetch_add(1, Relaxed),
            bias: weights.bias,
            index: Index::new(weights),
            factors: weights.factors.clone().into_boxed_slice(),
            dense: weights.dense.clone().into_boxed_slice(),
        })
    }

    /// Uses these builds of the kernels: for tests and for measuring.
    pub fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// The shape.
    pub fn spec(&self) -> Spec {
        self.spec
    }

    /// The probability of label 1 for an example with one token a field; missing ones say nothing.
    pub fn predict(&self, columns: &[u32]) -> f32 {
        self.estimate(columns).probability
    }

    /// As [`Self::predict`], with the variance of the score.
    pub fn estimate(&self, columns: &[u32]) -> Estimate {
        let mut rows: [&[f32]; FIELDS_MAX] = [&[]; FIELDS_MAX];
        let columns = columns.get(..self.spec.fields).unwrap_or(columns);
        let sums = self.look_up(columns, &mut rows);
        let factored = self.spec.factored().min(columns.len());
        let (rows, fields) = (&rows[..factored], &ALL_FIELDS[..factored]);
        let pairs = match self.spec.k {
            _ if self.spec.row_len() == 0 => 0.0,
            8 => self.level.run(Pairs::<8> { rows, fields }),
            _ => self.level.run(Pairs::<4> { rows, fields }),
        };
        self.sum([sums.score, pairs], sums.variance)
    }

    /// The estimate from the sums of linear weights and of interactions.
    #[inline(always)]
    pub(super) fn sum(&self, parts: [f32; 2], variance: f32) -> Estimate {
        let score = self.bias + parts[0] + parts[1] + dense::residual(&self.dense, parts);
        Estimate::new(score, variance)
    }

    /// Adds up what tokens say by themselves and finds their rows; a token without one has an empty row.
    pub(super) fn look_up<'a>(&'a self, tokens: &[u32], rows: &mut [&'a [f32]]) -> Sums {
        tokens.iter().for_each(|&token| self.index.prefetch(token));
        let mut sums = Sums::default();
        for (&token, row) in tokens.iter().zip(rows) {
            let found = self.index.find(token).unwrap_or(Found {
                weight: 0.0,
                information: 0.0,
                row: NO_ROW,
            });
            sums.score += found.weight;
            sums.variance += 1.0 / (PRIOR_PRECISION + found.information);
            *row = self.row(found.row);
            // All lines of all rows are on their way before the first is used.
            row.iter().step_by(LINE_NUMBERS).for_each(prefetch);
        }
        sums
    }

    /// What tokens say by their linear weights alone.
    pub(crate) fn linear_sums(&self, tokens: &[u32]) -> Sums {
        tokens.iter().for_each(|&token| self.index.prefetch(token));
        let mut sums = Sums::default();
        for &token in tokens {
            let found = self.index.find(token);
            let [weight, known] = found.map_or([0.0; 2], |f| [f.weight, f.information]);
            sums.score += weight;
            sums.variance += 1.0 / (PRIOR_PRECISION + known);
        }
        sums
    }

    fn row(&self, row: u32) -> &[f32] {
        if row == NO_ROW {
            return &[];
        }
        let width = self.spec.row_len();
        let start = row as usize * width;
        self.factors.get(start..start + width).unwrap_or_default()
    }
}

/// The sum over pairs of fields of v(a, for b) . v(b, for a); rows may be empty.
pub(super) struct Pairs<'a, const K: usize> {
    pub(super) rows: &'a [&'a [f32]],
    /// Which field each row is of.
    pub(super) fields: &'a [usize],
}

impl<const K: usize> Kernel for Pairs<'_, K> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let mut sums = [0.0_f32; K];
        let all = self.rows.iter().zip(self.fields);
        for (at, (row, &field)) in all.clone().enumerate() {
            let (own, _) = row.as_chunks::<K>();
            for (other, &other_field) in all.clone().take(at) {
                let (other, _) = other.as_chunks::<K>();
                if let (Some(own), Some(other)) = (own.get(other_field), other.get(field)) {
                    for lane in 0..K {
                        sums[lane] += own[lane] * other[lane];
                    }
                }
            }
        }
        sums.iter().sum()
    }
}

/// The product of two halves.
pub(super) struct Product<'a> {
    pub(super) left: &'a [f32],
    pub(super) right: &'a [f32],
}

impl Kernel for Product<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        dot(self.left, self.right)
    }
}
