//! How good predictions are: log loss, AUC, calibration, all in one pass over examples.

pub mod tally;

use crate::odds::{log_odds, off_the_ends};

/// The mean of -ln(probability given to what happened), in nats.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LogLoss {
    sum: f64,
    examples: f64,
}

impl LogLoss {
    /// Counts one example; the probability is kept off 0 and 1.
    pub fn add(&mut self, predicted: f32, happened: bool) {
        self.sum += loss(predicted, happened);
        self.examples += 1.0;
    }

    /// The mean; `None` without examples.
    pub fn mean(&self) -> Option<f64> {
        ratio(self.sum, self.examples)
    }
}

/// The loss of one example, in nats; the probability is kept off 0 and 1.
pub fn loss(predicted: f32, happened: bool) -> f64 {
    let p = f64::from(off_the_ends(predicted));
    if happened { -p.ln() } else { -(-p).ln_1p() }
}

fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

/// The exact area under the ROC curve: the chance that a positive scores above a negative, a tie
/// counting one half. `None` unless both kinds are there.
pub fn auc(examples: &[(f32, bool)]) -> Option<f64> {
    let mut sorted = examples.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let groups = sorted.chunk_by(|a, b| a.0 == b.0).map(|tied| {
        let positives = tied.iter().filter(|example| example.1).count() as f64;
        (tied.len() as f64 - positives, positives)
    });
    area(groups)
}

/// The area from groups of (negatives, positives) of equal score, ascending.
fn area(groups: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut below, mut positives, mut ordered) = (0.0, 0.0, 0.0);
    for (group_negatives, group_positives) in groups {
        ordered += group_positives * (below + group_negatives / 2.0);
        below += group_negatives;
        positives += group_positives;
    }
    ratio(ordered, below * positives)
}

/// Bins of the score histogram: 0.055 of log-odds each.
pub(crate) const BINS: usize = 512;
/// Log-odds beyond this share the outermost bins; it is where probabilities are clamped.
const SCORE_MAX: f32 = 14.0;
/// When so many examples are counted, all sums are halved: figures speak of recent examples, and old
/// mistakes of a young model are forgotten.
const EXAMPLES_MAX: f64 = 400_000.0;

/// A prediction's figures; `None` where there were not enough examples to say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Examples ever counted.
    pub examples: u64,
    /// Mean log loss, in nats.
    pub log_loss: Option<f64>,
    /// Log loss of the best constant rate, known only in hindsight.
    pub baseline_log_loss: Option<f64>,
    /// Area under the ROC curve, over bins of the score.
    pub auc: Option<f64>,
    /// Sum of predictions over positives: above 1 is too hopeful.
    pub calibration: Option<f64>,
}

/// One bucket of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Examples in the bucket.
    pub examples: f64,
    /// Their mean prediction.
    pub predicted: f64,
    /// Their observed rate.
    pub observed: f64,
}

/// Figures of predictions made before their examples were learned, in bounded memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Progressive {
    pub(crate) examples: u64,
    /// Counted, positives, sum of predictions, sum of losses; halved at [`EXAMPLES_MAX`].
    pub(crate) sums: [f64; 4],
    /// Negatives, positives and sum of predictions by bin of the score.
    pub(crate) bins: Box<[[f64; 3]]>,
}

impl Default for Progressive {
    fn default() -> Self {
        Self {
            examples: 0,
            sums: [0.0; 4],
            bins: vec![[0.0; 3]; BINS].into_boxed_slice(),
        }
    }
}

impl Progressive {
    /// Counts one example.
    pub fn add(&mut self, predicted: f32, happened: bool) {
        let happened_count = f64::from(u8::from(happened));
        self.examples += 1;
        self.sums[0] += 1.0;
        self.sums[1] += happened_count;
        self.sums[2] += f64::from(predicted);
        self.sums[3] += loss(predicted, happened);
        let bin = &mut self.bins[bin(predicted)];
        bin[usize::from(happened)] += 1.0;
        bin[2] += f64::from(predicted);
        if self.sums[0] >= EXAMPLES_MAX {
            self.sums.iter_mut().for_each(|sum| *sum *= 0.5);
            self.bins.iter_mut().flatten().for_each(|sum| *sum *= 0.5);
        }
    }

    /// One of the examples counted as negative was positive after all; `predicted` is today's
    /// prediction, the one made then is not kept.
    pub fn correct(&mut self, predicted: f32) {
        let bin = &mut self.bins[bin(predicted)];
        if bin[0] < 1.0 || self.sums[0] < self.sums[1] + 1.0 {
            return;
        }
        bin[0] -= 1.0;
        bin[1] += 1.0;
        self.sums[1] += 1.0;
        self.sums[3] = (self.sums[3] + loss(predicted, true) - loss(predicted, false)).max(0.0);
    }

    /// Positives among the examples that the figures speak of.
    pub fn positives(&self) -> u64 {
        self.sums[1] as u64
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        let [counted, positives, predicted, loss] = self.sums;
        Figures {
            examples: self.examples,
            log_loss: ratio(loss, counted),
            baseline_log_loss: ratio(positives, counted).map(entropy),
            auc: area(self.bins.iter().map(|bin| (bin[0], bin[1]))),
            calibration: ratio(predicted, positives),
        }
    }

    /// A reliability table: at most `buckets` buckets of about equally many examples, by rising score.
    pub fn calibration(&self, buckets: usize) -> Vec<Bucket> {
        reliability(&self.bins, self.sums[0], buckets)
    }
}

/// Bins of (not clicked, clicked, predicted) put together to buckets of about equally many examples.
fn reliability(bins: &[[f64; 3]], total: f64, buckets: usize) -> Vec<Bucket> {
    let share = total / buckets.max(1) as f64;
    let mut table = Vec::new();
    let (mut examples, mut positives, mut predicted) = (0.0, 0.0, 0.0);
    for (i, bin) in bins.iter().enumerate() {
        examples += bin[0] + bin[1];
        positives += bin[1];
        predicted += bin[2];
        if examples > 0.0 && (examples >= share || i + 1 == bins.len()) {
            table.push(Bucket {
                examples,
                predicted: predicted / examples,
                observed: positives / examples,
            });
            (examples, positives, predicted) = (0.0, 0.0, 0.0);
        }
    }
    table
}

/// The log loss of predicting `rate` where `rate` happens.
fn entropy(rate: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    part(rate) + part(1.0 - rate)
}

fn bin(predicted: f32) -> usize {
    let place = (log_odds(predicted) + SCORE_MAX) / (2.0 * SCORE_MAX) * BINS as f32;
    (place.max(0.0) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests;
