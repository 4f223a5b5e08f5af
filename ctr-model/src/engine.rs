//! The prediction engine: one model of linear weights and field-aware factors, learned online.
//!
//! An example is a fixed list of hashed columns, one 32-bit token per field ([`mod@column`]), a label and a
//! weight. [`Learner`] predicts, then learns; [`Weights`] is what it knows, in the form that files keep;
//! [`Scorer`] is the same, laid out for serving.

pub mod column;
mod dense;
mod example;
mod factors;
pub mod halves;
mod index;
pub mod learner;
mod pace;
pub mod scorer;
mod simd;
mod snapshot;
mod table;
pub mod weights;

pub use halves::{Half, Split};
pub use learner::{Learner, TableStats};
pub use pace::Steps;
pub use scorer::{Estimate, Scorer, Sums};
pub use simd::{Level, prefetch, prefetch_whole};
pub use weights::{Optimiser, Snapshot, Weights};

/// Most fields of an example: the pair buffers of one example stay below a level-two cache.
pub const FIELDS_MAX: usize = 128;
/// Largest table, as a power of two of its linear weights.
pub const BITS_MAX: u32 = 28;
/// Smallest table, as a power of two of its linear weights.
pub const BITS_MIN: u32 = 8;

/// What a score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Logistic regression: one weight a value.
    Linear,
    /// Linear weights and field-aware factors (Juan, Zhuang, Chin and Lin 2016).
    Ffm,
    /// As `Ffm`, with a small dense layer over the sums of both.
    DeepFfm,
    /// As `Ffm`, with factors for the first so many fields alone; the others, such as crosses, have linear weights.
    Wide(u8),
}

/// The shape of a model: what has to be equal for weights to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// What a score is made of.
    pub kind: Kind,
    /// Columns of an example, 1 to [`FIELDS_MAX`].
    pub fields: usize,
    /// Room for linear weights, as a power of two.
    pub bits: u32,
    /// Factors of a pair of fields, 4 or 8; not used by [`Kind::Linear`].
    pub k: usize,
}

impl Spec {
    /// Refuses what no model can have.
    ///
    /// # Errors
    /// Names the number that is out of its bounds.
    pub fn check(&self) -> Result<(), SpecError> {
        let within = |what, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(SpecError {
                what,
                value,
                low,
                high,
            })
        };
        within("fields", self.fields, 1, FIELDS_MAX)?;
        within(
            "bits",
            self.bits as usize,
            BITS_MIN as usize,
            BITS_MAX as usize,
        )?;
        if let Kind::Wide(factored) = self.kind {
            within("fields with factors", usize::from(factored), 1, self.fields)?;
        }
        match (self.kind, self.k) {
            (Kind::Linear, _) | (_, 4) => Ok(()),
            (_, k) => within("k (4 or 8)", k, 8, 8),
        }
    }

    /// How many fields, from the first, have factors.
    pub fn factored(&self) -> usize {
        match self.kind {
            Kind::Linear => 0,
            Kind::Ffm | Kind::DeepFfm => self.fields,
            Kind::Wide(factored) => usize::from(factored),
        }
    }

    /// Numbers in a row of factors: `k` for every field that has some.
    pub fn row_len(&self) -> usize {
        self.factored() * self.k
    }
}

/// A number of a [`Spec`] that is out of its bounds: the caller is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, it must be from {low} to {high}")]
pub struct SpecError {
    what: &'static str,
    value: usize,
    low: usize,
    high: usize,
}

/// Examples, row by row in flat slices: what a cache file holds is what is learned, without a copy.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// [`Spec::fields`] tokens a row.
    pub columns: &'a [u32],
    /// 0 or 1, one a row.
    pub labels: &'a [f32],
    /// How much a row counts, one a row; empty when every row counts once.
    pub weights: &'a [f32],
}

impl<'a> Rows<'a> {
    /// # Panics
    /// When the slices do not fit each other.
    fn check(&self, fields: usize) {
        let rows = self.labels.len();
        assert_eq!(
            self.columns.len(),
            rows * fields,
            "a token for every field of every row"
        );
        let weights = self.weights.len();
        assert!(
            weights == 0 || weights == rows,
            "a weight for every row, or none"
        );
    }

    /// Parts of `rows` rows each, the last perhaps shorter.
    fn split(self, fields: usize, rows: usize) -> impl Iterator<Item = Self> {
        let columns = self.columns.chunks(rows * fields);
        let mut weights = self.weights.chunks(rows);
        columns
            .zip(self.labels.chunks(rows))
            .map(move |(columns, labels)| Rows {
                columns,
                labels,
                weights: weights.next().unwrap_or_default(),
            })
    }
}
