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

/// What one side says by itself: linear weights and interactions within it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Part {
    sums: [f32; 2],
    variance: f32,
}

/// One side's part of the score, good for the scorer that made it alone. Reused, it allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Half {
    scorer: Option<u64>,
    part: Part,
    /// Vectors for the other side: by candidate's field, then request's field.
    vectors: Vec<f32>,
}

/// Whose half is computed.
#[derive(Clone, Copy)]
pub(crate) enum Side {
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
        let request = (&request.part, request.vectors.as_slice());
        let candidate = (&candidate.part, candidate.vectors.as_slice());
        Some(self.join(request, candidate, Sums::default()))
    }

    fn half(&self, (split, side): (&Split, Side), tokens: &[u32], half: &mut Half) {
        half.vectors.resize(half_len(&self.spec, split), 0.0);
        half.part = self.part((split, side), tokens, &mut half.vectors);
        half.scorer = Some(self.id);
    }

    /// One side's part; fills `vectors`, which has [`half_len`] numbers.
    pub(crate) fn part(
        &self,
        (split, side): (&Split, Side),
        tokens: &[u32],
        vectors: &mut [f32],
    ) -> Part {
        let (own, others) = split.sides(side);
        let mut rows: [&[f32]; FIELDS_MAX] = [&[]; FIELDS_MAX];
        let Sums { score, variance } = self.look_up(tokens, &mut rows[..own.len()]);
        // Fields without factors come last on either side.
        let factored = |fields: &[usize]| fields.partition_point(|f| *f < self.spec.factored());
        let (own, others) = (&own[..factored(own)], &others[..factored(others)]);
        let rows = &rows[..own.len()];
        let within = match self.spec.k {
            _ if self.spec.row_len() == 0 => 0.0,
            8 => lay_out::<8>((self, side), (own, others), rows, vectors),
            _ => lay_out::<4>((self, side), (own, others), rows, vectors),
        };
        let sums = [score, within];
        Part { sums, variance }
    }

    /// The estimate of both sides' parts with what tokens of both together say; all must be this scorer's.
    #[inline]
    pub(crate) fn join(
        &self,
        (request, left): (&Part, &[f32]),
        (candidate, right): (&Part, &[f32]),
        both: Sums,
    ) -> Estimate {
        let product = self.level.run(Product { left, right });
        let linear = request.sums[0] + candidate.sums[0] + both.score;
        let interactions = request.sums[1] + candidate.sums[1] + product;
        let variance = request.variance + candidate.variance + both.variance;
        self.sum([linear, interactions], variance)
    }

    /// Tells it apart from every other of this process.
    pub(crate) fn id(&self) -> u64 {
        self.id
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
    (scorer, side): (&Scorer, Side),
    (own, others): (&[usize], &[usize]),
    rows: &[&[f32]],
    vectors: &mut [f32],
) -> f32 {
    let block = |row: &[f32], field: usize| {
        let (blocks, _) = row.as_chunks::<K>();
        blocks.get(field).copied().unwrap_or([0.0; K])
    };
    let (into, _) = vectors.as_chunks_mut::<K>();
    let mut into = into.iter_mut();
    match side {
        Side::Request => {
            for &field in others {
                rows.iter()
                    .zip(&mut into)
                    .for_each(|(row, to)| *to = block(row, field));
            }
        }
        Side::Candidate => {
            for row in rows {
                others
                    .iter()
                    .zip(&mut into)
                    .for_each(|(&field, to)| *to = block(row, field));
            }
        }
    }
    scorer.level.run(Pairs::<K> { rows, fields: own })
}

/// Numbers of a half's vectors, for sizing buffers ahead.
pub fn half_len(spec: &Spec, split: &Split) -> usize {
    let factored = |fields: &[usize]| fields.partition_point(|field| *field < spec.factored());
    factored(&split.request) * factored(&split.candidate) * spec.k
}
