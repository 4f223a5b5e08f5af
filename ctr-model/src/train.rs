//! Online learning: a Bayesian logistic regression, one Gaussian per weight, one step per example.
//!
//! Each weight has a mean m and a precision 1/v, starting from a prior (0, v0). An example with active
//! weights of summed variance S = sum(v) and score s moves the score to the most probable one given the
//! label y: the d that solves d = S (y - sigmoid(s + d)). The movement is shared in proportion to the
//! variances, and each precision grows by what the example says, p(1 - p), at the new score (the diagonal
//! form of Chapelle and Li 2011, algorithm 3, with an exact step as in implicit online learning). Rates
//! are so per coordinate and fall like 1/n; with few data the prior is the L2 penalty.
//! What is more than that textbook step: `sharing`.

use crate::feature::{FIELDS, Features};
use crate::file::{self, ModelError};
use crate::metrics::Progressive;
use crate::model::{Evaluation, Model, PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE};
use crate::weights::{Head, SLOTS, WEIGHT_MAX, is_cross, probability, slot};

// The constants below were chosen together on synthetic traffic of 1,000 to 200,000 impressions (up to
// forty seeds, base rates near 8 %) and on a public sample of 60,000 real ones, whose last 10,000 rows
// cost 0.4477 nats in one pass. Halving or doubling any of them changes that by less than 1 %.

/// Prior variance of the intercept: a standard deviation of 2 lets it travel from the prior rate to any
/// usual one within a few dozen clicks.
const BIAS_VARIANCE: f32 = 4.0;
/// Prior variance of a single feature's weight, a standard deviation of 0.2.
const SINGLE_VARIANCE: f32 = 0.04;
/// Prior variance of a cross's weight: smaller, so that crosses learn what singles cannot say.
const CROSS_VARIANCE: f32 = 0.02;

/// How many times information counts: (S / v) to this power.
///
/// A diagonal keeps no correlations, so weights that always appear together look as uncertain after an
/// example as if the others had not learned from it too, and together move too far. 0 is the textbook,
/// 1 is exact for weights that never part and too sure of those that do. Few examples have not told
/// weights apart yet, so it starts near 1 and falls as they come in.
fn sharing(examples: u64) -> f32 {
    const LASTING: f32 = 0.1;
    const EARLY: f32 = 0.6;
    const EARLY_EXAMPLES: f32 = 1_000.0;
    LASTING + EARLY / (1.0 + examples as f32 / EARLY_EXAMPLES)
}

/// Learns clicks and conversions from logged features; one thread, deterministic.
#[derive(Debug, Clone, PartialEq)]
pub struct Trainer {
    pub(crate) click: Head,
    pub(crate) conversion: Head,
    pub(crate) click_progress: Progressive,
    pub(crate) conversion_progress: Progressive,
}

impl Default for Trainer {
    fn default() -> Self {
        Self::new()
    }
}

impl Trainer {
    /// A trainer that knows only the prior rates.
    pub fn new() -> Self {
        Self {
            click: Head::new(PRIOR_CLICK_RATE),
            conversion: Head::new(PRIOR_CONVERSION_RATE),
            click_progress: Progressive::default(),
            conversion_progress: Progressive::default(),
        }
    }

    /// Learns whether an impression was clicked; returns what was predicted before.
    pub fn learn_click(&mut self, features: &Features, clicked: bool) -> f32 {
        learn(&mut self.click, &mut self.click_progress, features, clicked)
    }

    /// Learns whether a click converted; returns what was predicted before.
    pub fn learn_conversion(&mut self, features: &Features, converted: bool) -> f32 {
        learn(
            &mut self.conversion,
            &mut self.conversion_progress,
            features,
            converted,
        )
    }

    /// A late click on an impression that was already learned as not clicked.
    ///
    /// The log loss has the gradient p - y, so turning y from 0 to 1 changes it by exactly -1 whatever p
    /// was when the example was learned; the information p(1 - p) does not depend on y and is already
    /// counted. The step is therefore that of a gradient of -1, damped like any other step.
    /// Until it arrives, what was seen only lately (this hour, a new site) looks worse than it is: learn
    /// negatives after a window that most clicks fall into, so that few have to be corrected.
    pub fn correct_click(&mut self, features: &Features) {
        let slots = slots(features);
        let predicted = probability(self.click.score(&slots));
        correct(&mut self.click, &slots);
        self.click_progress.correct(predicted);
    }

    /// The clicks' figures so far.
    pub fn click_progress(&self) -> &Progressive {
        &self.click_progress
    }

    /// The conversions' figures so far.
    pub fn conversion_progress(&self) -> &Progressive {
        &self.conversion_progress
    }

    /// What is served: the means, in the order of slots, with the figures so far.
    pub fn model(&self, version: u64) -> Model {
        let pairs = self.click.mean.iter().zip(&self.conversion.mean);
        let mut weights = Vec::with_capacity(SLOTS);
        weights.extend(pairs.map(|(&click, &conversion)| [click, conversion]));
        Model {
            version,
            evaluation: Evaluation {
                click: self.click_progress.figures(),
                conversion: self.conversion_progress.figures(),
            },
            bias: [self.click.bias, self.conversion.bias],
            weights: weights.into_boxed_slice(),
        }
    }

    /// The whole state, with the caller's `position` in its input, to go on from after a restart.
    ///
    /// # Panics
    /// When the position is longer than [`file::POSITION_BYTES_MAX`].
    pub fn encode(&self, position: &[u8]) -> Vec<u8> {
        file::encode_trainer(self, position)
    }

    /// Reads what [`Self::encode`] wrote: the trainer and the position.
    ///
    /// # Errors
    /// Names what is wrong with the file and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Vec<u8>), ModelError> {
        file::parse_trainer(bytes)
    }
}

fn slots(features: &Features) -> [usize; FIELDS] {
    features.0.map(slot)
}

/// The variances of the active weights, of the intercept, and their sum.
fn variances(head: &Head, slots: &[usize; FIELDS]) -> ([f32; FIELDS], f32, f32) {
    let bias = 1.0 / (1.0 / BIAS_VARIANCE + head.bias_information);
    let mut each = [0.0; FIELDS];
    let mut sum = bias;
    for (field, &slot) in slots.iter().enumerate() {
        let prior = if is_cross(field) {
            CROSS_VARIANCE
        } else {
            SINGLE_VARIANCE
        };
        each[field] = 1.0 / (1.0 / prior + head.information[slot]);
        sum += each[field];
    }
    (each, bias, sum)
}

fn learn(head: &mut Head, progress: &mut Progressive, features: &Features, label: bool) -> f32 {
    let slots = slots(features);
    let score = head.score(&slots);
    let (each, bias, sum) = variances(head, &slots);
    let (step, information) = most_probable_step(score, sum, label);
    let sharing = sharing(progress.examples);
    let gain = |variance: f32| {
        information * (sum / variance).powf(sharing) / (1.0 + information * (sum - variance))
    };
    head.bias_information += gain(bias);
    for (&slot, &variance) in slots.iter().zip(&each) {
        head.information[slot] += gain(variance);
    }
    apply(head, &slots, &each, step / sum);
    head.bias = bounded(head.bias + bias * step / sum);
    let predicted = probability(score);
    progress.add(predicted, label);
    predicted
}

fn correct(head: &mut Head, slots: &[usize; FIELDS]) {
    let p = probability(head.score(slots));
    let (each, bias, sum) = variances(head, slots);
    let gradient = 1.0 / (1.0 + p * (1.0 - p) * sum);
    apply(head, slots, &each, gradient);
    head.bias = bounded(head.bias + bias * gradient);
}

fn apply(head: &mut Head, slots: &[usize; FIELDS], variances: &[f32; FIELDS], gradient: f32) {
    for (&slot, &variance) in slots.iter().zip(variances) {
        head.mean[slot] = bounded(head.mean[slot] + variance * gradient);
    }
}

fn bounded(weight: f32) -> f32 {
    weight.clamp(-WEIGHT_MAX, WEIGHT_MAX)
}

/// Steps of Newton's method; the bracket halves at worst, six reach float precision in practice.
const NEWTON_STEPS: usize = 8;

/// Solves d = sum (label - sigmoid(score + d)); returns d and p(1 - p) at the new score.
fn most_probable_step(score: f32, sum: f32, label: bool) -> (f32, f32) {
    let label = f32::from(u8::from(label));
    let full = sum * (label - probability(score));
    let (mut low, mut high) = (full.min(0.0), full.max(0.0));
    let mut step = full / (1.0 + sum * 0.25);
    for _ in 0..NEWTON_STEPS {
        let p = probability(score + step);
        let error = step - sum * (label - p);
        if error.abs() < 1e-5 {
            break;
        }
        if error > 0.0 {
            high = step
        } else {
            low = step
        }
        let next = step - error / (1.0 + sum * p * (1.0 - p));
        step = if next > low && next < high {
            next
        } else {
            0.5 * (low + high)
        };
    }
    let p = probability(score + step);
    (step, p * (1.0 - p))
}

#[cfg(test)]
mod tests;
