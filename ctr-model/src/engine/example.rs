//! One example's arithmetic: the score from its tokens, and the step of every number it used.

use super::factors::Factors;
use super::simd::{Kernel, dot};

/// The buffers of one example; made once per thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Rows of the example's tokens: field and row.
    pub(crate) rows: Vec<(usize, u32)>,
    /// For each field, the factors that its partners hold for it; zero where a partner has none.
    facing: Vec<f32>,
    /// One row, as it is read and written.
    row: Vec<f32>,
    fields: usize,
}

impl Scratch {
    pub(crate) fn new(fields: usize, k: usize, numbers: usize) -> Self {
        Self {
            rows: Vec::with_capacity(fields),
            facing: vec![0.0; fields * fields * k],
            row: vec![0.0; numbers],
            fields,
        }
    }
}

/// The interactions' part of a score: sum over pairs of fields of v(a, for b) . v(b, for a).
///
/// Rows come one after another; what each holds for later fields is laid out facing them, so that every
/// later row meets its partners in one contiguous product, and so that learning finds its gradients there.
pub(crate) struct Interactions<'a, const K: usize> {
    pub(crate) factors: &'a Factors,
    pub(crate) scratch: &'a mut Scratch,
}

impl<const K: usize> Kernel for Interactions<'_, K> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let Scratch {
            rows,
            facing,
            row,
            fields,
        } = self.scratch;
        let width = *fields * K;
        let mut sum = 0.0;
        let mut present = rows.iter().copied().peekable();
        for field in 0..*fields {
            let (facing_blocks, _) = facing.as_chunks_mut::<K>();
            let column = facing_blocks.iter_mut().skip(field).step_by(*fields);
            let Some((_, id)) = present.next_if(|next| next.0 == field) else {
                column.for_each(|block| *block = [0.0; K]);
                continue;
            };
            let weights = &mut row[..width];
            self.factors.read(id, weights);
            let (blocks, _) = weights.as_chunks::<K>();
            for (to, from) in column.zip(blocks) {
                *to = *from;
            }
            let own = field * width;
            facing[own + field * K..own + field * K + K].fill(0.0);
            sum += dot(&weights[..field * K], &facing[own..own + field * K]);
        }
        sum
    }
}

/// How fast factors learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FactorRate {
    /// Step of a gradient of one at the beginning, times the root of `start`.
    pub(crate) rate: f32,
    /// Squared gradients assumed before the first.
    pub(crate) start: f32,
    /// Pull towards zero at each sighting.
    pub(crate) decay: f32,
}

/// One step of AdaGrad (Duchi, Hazan and Singer 2011) for every factor of the example, one rate a block.
pub(crate) struct Step<'a, const K: usize> {
    pub(crate) factors: &'a Factors,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) rate: FactorRate,
    /// Derivative of the loss by the score.
    pub(crate) gradient: f32,
}

impl<const K: usize> Kernel for Step<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Scratch {
            rows,
            facing,
            row,
            fields,
        } = self.scratch;
        let width = *fields * K;
        for &(field, id) in rows.iter() {
            self.factors.read(id, row);
            let (weights, sums) = row.split_at_mut(width);
            let (weights, _) = weights.as_chunks_mut::<K>();
            let (facing, _) = facing[field * width..(field + 1) * width].as_chunks::<K>();
            self.rate
                .step(self.gradient, weights, facing, &mut sums[..*fields]);
            // A field never meets itself: zeros there cost nothing in a file.
            weights[field] = [0.0; K];
            self.factors.write(id, row);
        }
    }
}

impl FactorRate {
    #[inline(always)]
    fn step<const K: usize>(
        &self,
        gradient: f32,
        weights: &mut [[f32; K]],
        facing: &[[f32; K]],
        sums: &mut [f32],
    ) {
        let mut rates = [0.0_f32; super::FIELDS_MAX];
        let squared = gradient * gradient / K as f32;
        for (sum, facing) in sums.iter_mut().zip(facing) {
            *sum += squared * norm(facing);
        }
        for (rate, sum) in rates.iter_mut().zip(sums.iter()) {
            *rate = self.rate / (self.start + sum).sqrt();
        }
        for ((weights, facing), rate) in weights.iter_mut().zip(facing).zip(&rates) {
            for (weight, facing) in weights.iter_mut().zip(facing) {
                *weight -= rate * (gradient * facing + self.decay * *weight);
            }
        }
    }
}

#[inline(always)]
fn norm<const K: usize>(block: &[f32; K]) -> f32 {
    let mut halves = [0.0; 2];
    let (pairs, _) = block.as_chunks::<2>();
    for pair in pairs {
        halves[0] += pair[0] * pair[0];
        halves[1] += pair[1] * pair[1];
    }
    halves[0] + halves[1]
}

/// One step of AdaGrad for every linear weight of the example.
pub(crate) struct LinearStep<'a> {
    pub(crate) weights: &'a mut [f32],
    pub(crate) states: &'a mut [f32],
    pub(crate) rate: f32,
    /// Squared gradients assumed before the first.
    pub(crate) start: f32,
    /// Derivative of the loss by the score.
    pub(crate) gradient: f32,
}

impl Kernel for LinearStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let squared = self.gradient * self.gradient;
        let step = self.rate * self.gradient;
        for (weight, state) in self.weights.iter_mut().zip(self.states) {
            *state += squared;
            *weight -= step / (self.start + *state).sqrt();
        }
    }
}
