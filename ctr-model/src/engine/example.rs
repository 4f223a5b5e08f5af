//! One example's arithmetic: the score from its tokens, and the step of every number it used.

use super::factors::Factors;
use super::simd::{Kernel, LANES, dot};

/// Rows of an example's tokens: field and row, by rising field.
pub(crate) type PresentRows = Vec<(usize, u32)>;

/// The buffers of one example's factors; made once per thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// For each field, the factors that its partners hold for it; zero where a partner has none.
    facing: Vec<f32>,
    /// The rows, as they were read, by field.
    own: Vec<f32>,
    /// Numbers of a row.
    numbers: usize,
    fields: usize,
}

impl Scratch {
    pub(crate) fn new(fields: usize, k: usize, numbers: usize) -> Self {
        Self {
            facing: vec![0.0; fields * fields * k],
            own: vec![0.0; fields * numbers],
            numbers,
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
    pub(crate) rows: &'a PresentRows,
    pub(crate) scratch: &'a mut Scratch,
}

impl<const K: usize> Kernel for Interactions<'_, K> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let Scratch {
            facing,
            own,
            numbers,
            fields,
        } = self.scratch;
        let (fields, width) = (*fields, *fields * K);
        let mut sum = 0.0;
        let mut present = self.rows.iter().peekable();
        for (field, own) in own.chunks_exact_mut(*numbers).enumerate() {
            let (facing_blocks, _) = facing.as_chunks_mut::<K>();
            let Some(&(_, row)) = present.next_if(|next| next.0 == field) else {
                for facing in facing_blocks.chunks_exact_mut(fields) {
                    facing[field] = [0.0; K];
                }
                continue;
            };
            self.factors.read(row, own);
            let (blocks, _) = own.as_chunks::<K>();
            for (facing, block) in facing_blocks.chunks_exact_mut(fields).zip(blocks) {
                facing[field] = *block;
            }
            facing_blocks[field * fields + field] = [0.0; K];
            let facing = &facing[field * width..][..field * K];
            sum += dot(&own[..field * K], facing);
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
    pub(crate) rows: &'a PresentRows,
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
            facing,
            own,
            numbers,
            fields,
        } = self.scratch;
        let width = *fields * K;
        for &(field, row) in self.rows {
            let own = &mut own[field * *numbers..][..*numbers];
            let (weights, sums) = own.split_at_mut(width);
            let (weights, _) = weights.as_chunks_mut::<K>();
            let (facing, _) = facing[field * width..][..width].as_chunks::<K>();
            let (sums, _) = sums.as_chunks_mut::<LANES>();
            self.rate.step(self.gradient, weights, facing, sums);
            // A field never meets itself: zeros there cost nothing in a file.
            weights[field] = [0.0; K];
            self.factors.write(row, own);
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
        sums: &mut [[f32; LANES]],
    ) {
        let mut rates = [[0.0_f32; LANES]; super::FIELDS_MAX / LANES];
        let flat = rates.as_flattened_mut();
        for (norm, facing) in flat.iter_mut().zip(facing) {
            *norm = squared_length(facing);
        }
        let squared = gradient * gradient / K as f32;
        for (rates, sums) in rates.iter_mut().zip(sums) {
            for (rate, sum) in rates.iter_mut().zip(sums) {
                *sum += squared * *rate;
                *rate = self.rate / (self.start + *sum).sqrt();
            }
        }
        let rates = rates.as_flattened();
        for ((weights, facing), rate) in weights.iter_mut().zip(facing).zip(rates) {
            for (weight, facing) in weights.iter_mut().zip(facing) {
                *weight -= rate * (gradient * facing + self.decay * *weight);
            }
        }
    }
}

#[inline(always)]
fn squared_length<const K: usize>(block: &[f32; K]) -> f32 {
    let mut halves = [0.0; 2];
    let (pairs, _) = block.as_chunks::<2>();
    for pair in pairs {
        halves[0] += pair[0] * pair[0];
        halves[1] += pair[1] * pair[1];
    }
    halves[0] + halves[1]
}

/// How fast linear weights learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LinearRate {
    /// AdaGrad: by the root of the squared gradients, with so many assumed before the first.
    Root {
        /// The first rate.
        rate: f32,
        /// Squared gradients assumed.
        start: f32,
    },
    /// By the squared gradients themselves, which are on average the information that labels have about a weight
    /// (Chapelle and Li 2011): the step of a Gaussian's mean.
    Information {
        /// Share of the full step.
        share: f32,
        /// What the prior knows.
        prior: f32,
    },
}

/// One step for every linear weight of the example.
pub(crate) struct LinearStep<'a> {
    pub(crate) weights: &'a mut [f32],
    pub(crate) states: &'a mut [f32],
    pub(crate) rate: LinearRate,
    /// Derivative of the loss by the score.
    pub(crate) gradient: f32,
}

impl Kernel for LinearStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let squared = self.gradient * self.gradient;
        let numbers = self.weights.iter_mut().zip(self.states);
        match self.rate {
            LinearRate::Root { rate, start } => {
                let step = rate * self.gradient;
                for (weight, state) in numbers {
                    *state += squared;
                    *weight -= step / (start + *state).sqrt();
                }
            }
            LinearRate::Information { share, prior } => {
                let step = share * self.gradient;
                for (weight, state) in numbers {
                    *state += squared;
                    *weight -= step / (prior + *state);
                }
            }
        }
    }
}
