//! The dense layer: eight units over the two sums of a score, learning what their sum leaves over.
//!
//! Both sums are known for every candidate without visiting its fields, so the layer costs a request's
//! candidates eight small products each. It sends no gradient back: weights and factors learn as without it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use domain::random::SplitMix64;

use super::pace::{packed, unpacked};
use super::{Kind, Spec};

/// Units of the layer.
const UNITS: usize = 8;
/// Numbers of a unit: a weight for either sum, an intercept, a weight for the result.
const NUMBERS: usize = 4;
/// Steps of AdaGrad.
const RATE: f32 = 0.01;
/// Squared gradients assumed before the first.
const START: f32 = 1.0;

/// Numbers of the layer of such a model.
pub(super) fn len(spec: &Spec) -> usize {
    match spec.kind {
        Kind::DeepFfm => UNITS * NUMBERS,
        Kind::Linear | Kind::Ffm | Kind::Wide(_) => 0,
    }
}

/// What the layer adds to the score of these two sums; 0 where there is no layer.
#[inline(always)]
pub(super) fn residual(layer: &[f32], parts: [f32; 2]) -> f32 {
    let (units, _) = layer.as_chunks::<NUMBERS>();
    units.iter().map(|unit| unit[3] * active(unit, parts)).sum()
}

/// x / (1 + |x|): like the hyperbolic tangent, without an exponential.
#[inline(always)]
fn active(unit: &[f32; NUMBERS], [linear, interactions]: [f32; 2]) -> f32 {
    let sum = unit[0] * linear + unit[1] * interactions + unit[2];
    sum / (1.0 + sum.abs())
}

/// A layer in training: each number beside its sum of squared gradients.
#[derive(Debug)]
pub(super) struct Dense(Box<[AtomicU64]>);

impl Dense {
    /// Units that look in different directions and say nothing yet.
    pub(super) fn new(spec: &Spec, seed: u64) -> Self {
        let mut rng = SplitMix64::new(seed);
        let mut first = |at: usize| match at % NUMBERS {
            3 => 0.0,
            _ => 2.0 * rng.unit() as f32 - 1.0,
        };
        let cells = (0..len(spec)).map(|at| AtomicU64::new(packed([first(at), 0.0])));
        Self(cells.collect())
    }

    /// Copies the numbers out.
    pub(super) fn numbers(&self) -> Vec<f32> {
        self.0
            .iter()
            .map(|cell| unpacked(cell.load(Relaxed))[0])
            .collect()
    }

    /// Copies the sums of squared gradients out.
    pub(super) fn states(&self) -> Vec<f32> {
        self.0
            .iter()
            .map(|cell| unpacked(cell.load(Relaxed))[1])
            .collect()
    }

    /// From a snapshot.
    pub(super) fn restore(&self, numbers: &[f32], states: &[f32]) {
        let states = states.iter().copied().chain(std::iter::repeat(0.0));
        for (cell, (&number, state)) in self.0.iter().zip(numbers.iter().zip(states)) {
            cell.store(packed([number, state]), Relaxed);
        }
    }

    /// As [`residual`].
    #[inline(always)]
    pub(super) fn residual(&self, parts: [f32; 2]) -> f32 {
        let (units, _) = self.0.as_chunks::<NUMBERS>();
        let unit = |cells: &[AtomicU64; NUMBERS]| {
            cells.each_ref().map(|cell| unpacked(cell.load(Relaxed))[0])
        };
        units
            .iter()
            .map(|cells| {
                let unit = unit(cells);
                unit[3] * active(&unit, parts)
            })
            .sum()
    }

    /// One step of AdaGrad, given the loss's derivative by the score.
    pub(super) fn step(&self, gradient: f32, parts: [f32; 2]) {
        let (units, _) = self.0.as_chunks::<NUMBERS>();
        for cells in units {
            let pairs = cells.each_ref().map(|cell| unpacked(cell.load(Relaxed)));
            let unit = pairs.map(|[number, _]| number);
            let active = active(&unit, parts);
            // The derivative of x / (1 + |x|) is (1 - |its value|)^2.
            let inner = gradient * unit[3] * (1.0 - active.abs()) * (1.0 - active.abs());
            let gradients = [inner * parts[0], inner * parts[1], inner, gradient * active];
            for ((cell, [number, state]), gradient) in cells.iter().zip(pairs).zip(gradients) {
                let state = state + gradient * gradient;
                let number = number - RATE * gradient / (START + state).sqrt();
                if number.is_finite() && state.is_finite() {
                    cell.store(packed([number, state]), Relaxed);
                }
            }
        }
    }
}
