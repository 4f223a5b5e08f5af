//! Calibration on top of a model: an offset in log-odds for everything and for each slice, learned online.
//!
//! An offset is the mean of a Gaussian whose precision grows by p(1 - p) an example, the information that a label has about it
//! (one step of Newton's method an example). A slice begins at 0 with a narrow prior: one with few examples stays at the
//! global offset, one with many is on its own. Information is bounded, so that offsets follow a market that moves.

use std::collections::BTreeMap;

use crate::odds::{log_odds, probability};

/// Slices kept of one dimension; later ones share the global offset.
pub const SLICES_MAX: usize = 65_536;
/// Largest offset either way: e^3, a rate wrong by more than twenty times, is a fault and no bias.
pub const OFFSET_MAX: f32 = 3.0;
/// What the prior knows of the global offset: a standard deviation of 0.5.
const GLOBAL_PRIOR: f32 = 4.0;
/// What the prior knows of a slice's offset: a standard deviation of 0.2.
const SLICE_PRIOR: f32 = 25.0;
/// Most information kept, about 50,000 clicks' worth at low rates.
const INFORMATION_MAX: f32 = 50_000.0;
/// Dimensions of slices: exchange, campaign, and two to spare.
const DIMENSIONS_MAX: usize = 4;

/// One offset with the information behind it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Offset {
    /// Added to the score, in log-odds.
    pub value: f32,
    /// What examples said about it.
    pub information: f32,
}

impl Offset {
    fn learn(&mut self, error: f32, information: f32, prior: f32) {
        self.information = (self.information + information).min(INFORMATION_MAX);
        let step = error / (self.information + prior);
        self.value = (self.value + step).clamp(-OFFSET_MAX, OFFSET_MAX);
    }

    fn is_sound(self) -> bool {
        self.value.abs() <= OFFSET_MAX && (0.0..=INFORMATION_MAX).contains(&self.information)
    }
}

/// Why a calibration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("calibration out of bounds: {what}; go back to the version before")]
pub struct CalibrationError {
    /// The part.
    pub what: &'static str,
}

/// Offsets for everything and by slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The share of negatives that were learned; what their absence does to scores is undone.
    kept: f32,
    global: Offset,
    /// One map a dimension, such as exchange and campaign.
    slices: Vec<BTreeMap<u32, Offset>>,
}

impl Calibration {
    /// One that changes nothing yet, with so many dimensions of slices (at most 4 are kept).
    pub fn new(dimensions: usize) -> Self {
        Self {
            kept: 1.0,
            global: Offset::default(),
            slices: vec![BTreeMap::new(); dimensions.min(DIMENSIONS_MAX)],
        }
    }

    /// For a model that learned only this share of the negatives, drawn at random: the odds it learned are too high by
    /// its inverse.
    #[must_use]
    pub fn with_negatives_kept(mut self, share: f32) -> Self {
        self.kept = share.clamp(1e-4, 1.0);
        self
    }

    /// The share of negatives that were learned.
    pub fn negatives_kept(&self) -> f32 {
        self.kept
    }

    /// The number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.slices.len()
    }

    /// The global offset.
    pub fn global(&self) -> Offset {
        self.global
    }

    /// A dimension's slices, by key.
    pub fn slices(&self, dimension: usize) -> impl Iterator<Item = (u32, Offset)> {
        let of = self.slices.get(dimension).into_iter().flatten();
        of.map(|(key, offset)| (*key, *offset))
    }

    /// Whether it changes any score.
    pub fn is_identity(&self) -> bool {
        self.kept == 1.0 && self.global.value == 0.0 && self.slices.iter().all(BTreeMap::is_empty)
    }

    /// The probability for what a model predicts in these slices, one key a dimension.
    pub fn apply(&self, predicted: f32, keys: &[u32]) -> f32 {
        probability(log_odds(predicted) + self.offset(keys))
    }

    fn offset(&self, keys: &[u32]) -> f32 {
        let of = |(dimension, key): (usize, &u32)| self.slice(dimension, *key);
        self.base() + keys.iter().enumerate().map(of).sum::<f32>()
    }

    /// What is added to every score, in log-odds.
    pub fn base(&self) -> f32 {
        self.kept.ln() + self.global.value
    }

    /// What is added in a slice, in log-odds; 0 where nothing is known.
    pub fn slice(&self, dimension: usize, key: u32) -> f32 {
        let slices = self.slices.get(dimension);
        let offset = slices.and_then(|slices| slices.get(&key));
        offset.map_or(0.0, |offset| offset.value)
    }

    /// Learns from one example what a model predicted; returns what [`Self::apply`] said before.
    pub fn learn(&mut self, predicted: f32, keys: &[u32], clicked: bool) -> f32 {
        let p = self.apply(predicted, keys);
        let (error, information) = (f32::from(u8::from(clicked)) - p, p * (1.0 - p));
        // Each takes a share of the error, or together they would step too far.
        let share = 1.0 / (1 + self.slices.len()) as f32;
        self.global.learn(error * share, information, GLOBAL_PRIOR);
        for (slices, &key) in self.slices.iter_mut().zip(keys) {
            if slices.len() < SLICES_MAX || slices.contains_key(&key) {
                let offset = slices.entry(key).or_default();
                offset.learn(error, information, SLICE_PRIOR);
            }
        }
        p
    }

    /// A late click on an example that was learned as not clicked: the error was too small by one.
    pub fn correct(&mut self, keys: &[u32]) {
        let share = 1.0 / (1 + self.slices.len()) as f32;
        self.global.learn(share, 0.0, GLOBAL_PRIOR);
        for (slices, key) in self.slices.iter_mut().zip(keys) {
            if let Some(offset) = slices.get_mut(key) {
                offset.learn(1.0, 0.0, SLICE_PRIOR);
            }
        }
    }

    /// Puts one together, as read from a file.
    ///
    /// # Errors
    /// When a number is out of its bounds.
    pub fn from_parts(
        kept: f32,
        global: Offset,
        slices: Vec<BTreeMap<u32, Offset>>,
    ) -> Result<Self, CalibrationError> {
        let sound = |sound: bool, what| sound.then_some(()).ok_or(CalibrationError { what });
        sound((1e-4..=1.0).contains(&kept), "share of negatives")?;
        sound(global.is_sound(), "global offset")?;
        sound(slices.len() <= DIMENSIONS_MAX, "dimensions")?;
        sound(slices.iter().all(|of| of.len() <= SLICES_MAX), "slices")?;
        let all = slices.iter().flat_map(BTreeMap::values);
        sound(all.copied().all(Offset::is_sound), "slice offset")?;
        Ok(Self {
            kept,
            global,
            slices,
        })
    }
}

#[cfg(test)]
mod tests;
