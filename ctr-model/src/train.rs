//! Online learning of what is served: a learner a head, each prediction made before its example is learned.

use std::collections::BTreeMap;

use crate::calibration::Calibration;
use crate::delayed::{self, Delays};
use crate::engine::weights::{Optimiser, Snapshot, WeightsError};
use crate::engine::{Learner, Steps};
use crate::feature::{FIELDS, Features};
use crate::fields::{self, CALIBRATED_BY, ModelKind};
use crate::file::{self, ModelError, Precision};
use crate::metrics::Progressive;
use crate::model::{PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE};
use crate::published::{self, Published};
use crate::trained::{ResumeError, Trained};

/// Room for tokens of clicks, as a power of two: those of some hundred thousand impressions.
const CLICK_BITS: u32 = 18;
/// Room for tokens of conversions: clicks are far fewer.
const CONVERSION_BITS: u32 = 16;
/// Served versions whose age is remembered; at one each second, predictions older than an hour calibrate nothing.
const VERSIONS_MAX: usize = 4_096;
/// A model of fewer examples is not calibrated: it still finds its own level.
const EXAMPLES_MIN: u64 = 2_000;
/// Tokens not seen for so many epochs are forgotten.
const EPOCHS_KEPT: u8 = 28;

/// One head in training.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) learner: Learner,
    pub(crate) progress: Progressive,
    pub(crate) calibration: Calibration,
}

/// Learns clicks and conversions from logged features; one thread, deterministic.
#[derive(Debug)]
pub struct Trainer {
    pub(crate) click: Head,
    pub(crate) conversion: Head,
    pub(crate) delays: Delays,
    /// Examples of clicks that each served version had learned.
    pub(crate) published: BTreeMap<u64, u64>,
}

/// What a bid was served with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Served {
    /// The version of the model.
    pub model: u64,
    /// Its probabilities of a click and of a conversion after it, as they were used.
    pub predicted: [f32; 2],
    /// The same before calibration.
    pub raw: [f32; 2],
}

/// A click as it is known when it is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// So long ago it was, in seconds.
    pub age_s: f32,
    /// Its age at the look before, in seconds; `None` at the first.
    pub before_s: Option<f32>,
    /// So long after it the conversion came, in seconds; `None` while there is none.
    pub delay_s: Option<f32>,
    /// The longest delay that could have been seen by now, in seconds.
    pub horizon_s: f32,
    /// Until this age conversions count, in seconds.
    pub window_s: f32,
}

impl Look {
    /// Of a click about which nothing more will be known: it converted after so many seconds, or never.
    pub fn at_last(delay_s: Option<f32>) -> Self {
        Self {
            age_s: f32::MAX,
            before_s: None,
            delay_s,
            horizon_s: f32::MAX,
            window_s: f32::MAX,
        }
    }
}

impl Default for Trainer {
    fn default() -> Self {
        Self::new(ModelKind::default())
    }
}

impl Head {
    fn new(kind: ModelKind, bits: u32, rate: f32) -> Self {
        let weights = published::prior_weights(kind, bits, rate);
        let optimiser = Optimiser::default();
        let learner = Learner::resume(&Snapshot { weights, optimiser });
        Self {
            learner: learner
                .expect("weights of nothing are sound")
                .with_steps(Steps::Stream),
            progress: Progressive::default(),
            calibration: Calibration::new(CALIBRATED_BY.len()),
        }
    }

    fn publish(&self, label: &str) -> Trained {
        Trained {
            scores: (&self.progress).into(),
            calibration: self.calibration.clone(),
            ..published::head(label, self.learner.weights())
        }
    }

    /// All of it, to go on from.
    pub(crate) fn save(&self, label: &str) -> Trained {
        let Snapshot { weights, optimiser } = self.learner.snapshot();
        Trained {
            calibration: self.calibration.clone(),
            precision: Precision::Full,
            optimiser: Some(optimiser),
            ..published::head(label, weights)
        }
    }

    pub(crate) fn restore(saved: &Trained, progress: Progressive) -> Result<Self, WeightsError> {
        let learner = saved.learner().map_err(|error| match error {
            ResumeError::Weights(error) => error,
            ResumeError::Export => WeightsError::Number { what: "optimiser" },
        })?;
        Ok(Self {
            learner: learner.with_steps(Steps::Stream),
            progress,
            calibration: saved.calibration.clone(),
        })
    }

    fn calibrate(&mut self, columns: &[u32; FIELDS], raw: f32, happened: bool) {
        self.calibration.learn(raw, &slices(columns), happened);
    }
}

fn slices(columns: &[u32; FIELDS]) -> [u32; CALIBRATED_BY.len()] {
    CALIBRATED_BY.map(|field| columns[usize::from(field)])
}

impl Trainer {
    /// A trainer that knows only the prior rates. Conversions are few: their head is linear in any kind.
    pub fn new(kind: ModelKind) -> Self {
        Self {
            click: Head::new(kind, CLICK_BITS, PRIOR_CLICK_RATE),
            conversion: Head::new(ModelKind::Lr, CONVERSION_BITS, PRIOR_CONVERSION_RATE),
            delays: Delays::default(),
            published: BTreeMap::new(),
        }
    }

    /// What its click head is made of.
    pub fn kind(&self) -> ModelKind {
        ModelKind::of(self.click.learner.spec()).unwrap_or_default()
    }

    /// Learns whether an impression was clicked; returns what was predicted before, calibrated.
    pub fn learn_click(&mut self, features: &Features, clicked: bool) -> f32 {
        let (columns, head) = (fields::columns(features), &mut self.click);
        let label = f32::from(u8::from(clicked));
        let raw = head.learner.learn(&columns, label, 1.0);
        let predicted = head.calibration.apply(raw, &slices(&columns));
        head.progress.add(predicted, clicked);
        predicted
    }

    /// A late click on an impression that was already learned as not clicked.
    ///
    /// Until it arrives, what was seen only lately (this hour, a new site) looks worse than it is: learn
    /// negatives after a window that most clicks fall into, so that few have to be corrected.
    pub fn correct_click(&mut self, features: &Features, served: &Served) {
        let calibrates = self.is_settled(served);
        let (columns, head) = (fields::columns(features), &mut self.click);
        let predicted = head.learner.predict(&columns);
        head.learner.correct(&columns);
        head.progress.correct(predicted);
        if calibrates {
            head.calibration.correct(&slices(&columns));
        }
    }

    /// Learns a click as it is known at a look, once for each look until it has converted: what it has done between
    /// two ages, given that it had not converted before. Young clicks are so no lost ones ([`crate::delayed`]). Looks
    /// must come at the same ages for clicks with and without conversion.
    ///
    /// The likelihood of no conversion by an age has the gradient p - q, with q the chance that the click still
    /// converts; that of none between two ages is the difference of their q, that of one is 1 less the q before.
    pub fn learn_conversion(&mut self, features: &Features, look: Look) {
        let (columns, head) = (fields::columns(features), &mut self.conversion.learner);
        if let Some(delay_s) = look.delay_s {
            self.delays.learn(&columns, delay_s, look.horizon_s);
        }
        let (p, mean_s) = (head.predict(&columns), self.delays.mean_s(&columns));
        let open = |age_s| delayed::still_converts_within(p, (mean_s, look.window_s), age_s);
        let label = look.delay_s.map_or_else(|| open(look.age_s), |_| 1.0);
        match look.before_s {
            None => {
                head.learn(&columns, label, 1.0);
            }
            Some(before_s) => head.correct_by(&columns, label - open(before_s)),
        }
    }

    /// Learns the calibration of clicks from an impression as it was served.
    pub fn calibrate_click(&mut self, features: &Features, served: &Served, clicked: bool) {
        if self.is_settled(served) {
            let columns = fields::columns(features);
            self.click.calibrate(&columns, served.raw[0], clicked);
        }
    }

    /// Counts a click whose attribution window has passed, and learns the calibration of conversions from it.
    pub fn settle_conversion(&mut self, features: &Features, served: &Served, converted: bool) {
        self.conversion.progress.add(served.predicted[1], converted);
        if self.is_settled(served) {
            let columns = fields::columns(features);
            self.conversion
                .calibrate(&columns, served.raw[1], converted);
        }
    }

    /// Whether the model that served has learned at least half of what is known by now: what an earlier one got wrong
    /// has been put right by learning, and must not be put right twice.
    fn is_settled(&self, served: &Served) -> bool {
        let known = self.published.get(&served.model);
        known.is_some_and(|&known| {
            known >= EXAMPLES_MIN && 2 * known >= self.click.learner.examples()
        })
    }

    /// Time goes on: what was not seen for long makes room.
    pub fn next_epoch(&mut self) {
        for head in [&mut self.click, &mut self.conversion] {
            head.learner.next_epoch();
            head.learner.evict(EPOCHS_KEPT);
        }
    }

    /// The clicks' figures so far.
    pub fn click_progress(&self) -> &Progressive {
        &self.click.progress
    }

    /// The conversions' figures so far.
    pub fn conversion_progress(&self) -> &Progressive {
        &self.conversion.progress
    }

    /// Takes note that what it knows now is served under this version: its predictions may teach calibration.
    pub fn serves(&mut self, version: u64) {
        let examples = self.click.learner.examples();
        self.published.entry(version).or_insert(examples);
        while self.published.len() > VERSIONS_MAX {
            self.published.pop_first();
        }
    }

    /// What is to be served, with the figures so far, in the place of `parent`.
    pub fn publish(&self, version: u64, parent: u64) -> Published {
        Published {
            version,
            parent,
            click: self.click.publish("click"),
            conversion: self.conversion.publish("conversion"),
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

#[cfg(test)]
mod tests;
