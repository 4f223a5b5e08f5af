//! Halves: a request's part of the score once per request, a candidate's once per model.
//!
//! score = bias + request's own + candidate's own + sum over (candidate's field, request's field) of
//! v(request, for candidate's field) . v(candidate, for request's field).
//! Both sides lay the vectors of that last sum out in the same order, so it is one contiguous product.

use super::scorer::{Estimate, Pairs, Product, Scorer, Sums};
use super::{FIELDS_MAX, Spec};

/// Which fields the candidate has; the others are the request's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    request: Box<[usize]>,
    candidate: Box<[usize]>,
}

impl Split {
    /// With the candidate's fields by number, of all `fields`; numbers beyond are left out.
    pub fn new(fields: usize, candidate: &[usize]) -> Self {
        let (candidate, request) = (0..fields).partition(|field| candidate.contains(field));
        let (candidate, request): (Vec<usize>, Vec<usize>) = (candidate, request);
        Self {
            request: request.into_boxed_slice(),
            candidate: candidate.into_boxed_slice(),
        }
    }

    /// The request's fields, ascending: the order of its tokens.
    pub fn request(&self) -> &[usize] {
        &self.request
    }

    /// The candidate's fields, ascending: the order of its tokens.
    pub fn candidate(&self) -> &[usize] {
        &self.candidate
    }
}

/// One side's part of the score, good for the scorer that made it alone. Reused, it allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Half {
    scorer: Option<u64>,
    /// Linear weights, and interactions within the half.
    parts: [f32; 2],
    variance: f32,
    /// Vectors for the other side: by candidate's field, then request's field.
    vectors: Vec<f32>,
}

/// Whose half is computed.
#[derive(Clone, Copy)]
enum Side {
    Request,
    Candidate,
}

impl Scorer {
    /// The request's half from its tokens, in the order of [`Split::request`].
    pub fn request(&self, split: &Split, tokens: &[u32], half: &mut Half) {
        self.half((split, Side::Request), tokens, half);
    }

    /// A candidate's half from its tokens, in the order of [`Split::candidate`]: made once per model.
    pub fn candidate(&self, split: &Split, tokens: &[u32]) -> Half {
        let mut half = Half::default();
        self.half((split, Side::Candidate), tokens, &mut half);
        half
    }

    /// The estimate of a candidate for a request; `None` when a half is another model's.
    pub fn score(&self, request: &Half, candidate: &Half) -> Option<Estimate> {
        if request.scorer != Some(self.id) || candidate.scorer != Some(self.id) {
            return None;
        }
        let product = self.level.run(Product {
            left: &request.vectors,
            right: &candidate.vectors,
        });
        let linear = request.parts[0] + candidate.parts[0];
        let interactions = request.parts[1] + candidate.parts[1] + product;
        Some(self.sum(
            [linear, interactions],
            request.variance + candidate.variance,
        ))
    }

    fn half(&self, (split, side): (&Split, Side), tokens: &[u32], half: &mut Half) {
        let (own, _) = split.sides(side);
        let mut rows: [&[f32]; FIELDS_MAX] = [&[]; FIELDS_MAX];
        let Sums { score, variance } = self.look_up(tokens, &mut rows[..own.len()]);
        let rows = &rows[..own.len()];
        let within = match self.spec.k {
            _ if self.spec.row_len() == 0 => 0.0,
            8 => lay_out::<8>(self, (split, side), rows, half),
            _ => lay_out::<4>(self, (split, side), rows, half),
        };
        half.scorer = Some(self.id);
        half.parts = [score, within];
        half.variance = variance;
    }
}

impl Split {
    /// Own fields and the other side's.
    fn sides(&self, side: Side) -> (&[usize], &[usize]) {
        match side {
            Side::Request => (&self.request, &self.candidate),
            Side::Candidate => (&self.candidate, &self.request),
        }
    }
}

/// Fills the vectors of a half; gives the sum over pairs within it.
fn lay_out<const K: usize>(
    scorer: &Scorer,
    (split, side): (&Split, Side),
    rows: &[&[f32]],
    half: &mut Half,
) -> f32 {
    let block = |row: &[f32], field: usize| {
        row.as_chunks::<K>()
            .0
            .get(field)
            .copied()
            .unwrap_or([0.0; K])
    };
    let (own, others) = split.sides(side);
    half.vectors.clear();
    match side {
        Side::Request => {
            for &field in others {
                rows.iter()
                    .for_each(|row| half.vectors.extend_from_slice(&block(row, field)));
            }
        }
        Side::Candidate => {
            for row in rows {
                others
                    .iter()
                    .for_each(|&field| half.vectors.extend_from_slice(&block(row, field)));
            }
        }
    }
    scorer.level.run(Pairs::<K> { rows, fields: own })
}

/// Numbers of a half's vectors, for sizing buffers ahead.
pub fn half_len(spec: &Spec, split: &Split) -> usize {
    if spec.row_len() == 0 {
        0
    } else {
        split.request.len() * split.candidate.len() * spec.k
    }
}
