//! Conversions that come late: whether a click will convert and how long that takes.
//!
//! A click converts with p = sigmoid(w.x), and then after a delay that is exponential with rate l = exp(u.x) (Chapelle 2014,
//! "Modeling delayed feedback in display advertising"). A click of age e without conversion has the likelihood
//! 1 - p + p exp(-l e); its gradient is that of a label q = p exp(-l e) / (1 - p + p exp(-l e)), the chance that it still
//! converts: an open click counts with q instead of 0.
//!
//! Unlike there, u is not fitted with p: many conversions that take long and few that are quick look alike at first, and the two
//! would drift together. It is fitted on the delays of conversions alone, given that they came within the clicks' ages: the
//! density l exp(-l d) / (1 - exp(-l e)).

use crate::odds::{WEIGHT_MAX, log_odds, probability};

/// Slots of both tables, as a power of two.
const TABLE_BITS: u32 = 18;
/// Size of steps (AdaGrad): that of the first one in log-odds.
const RATE: f32 = 0.1;
/// What squared gradients begin with, so that the first step is not larger than the rate.
const SQUARES_START: f32 = 1.0;
/// Shortest and longest mean delay, in seconds: ten seconds and a hundred days.
const DELAY_S_MIN: f32 = 10.0;
const DELAY_S_MAX: f32 = 8_640_000.0;
/// The mean delay before anything was learned: six hours, in seconds.
const DELAY_S_PRIOR: f32 = 21_600.0;
/// Largest step of a delay's logarithm from one example: one very late conversion is no new rule.
const DELAY_GRADIENT_MAX: f32 = 3.0;

/// A click as it is known now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Click<'a> {
    /// Its features.
    pub tokens: &'a [u32],
    /// So long ago it was, in seconds.
    pub age_s: f32,
    /// So long after it the conversion came, in seconds; `None` while there is none.
    pub delay_s: Option<f32>,
}

/// What is expected of a click.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The chance that it ever converts.
    pub conversion: f32,
    /// How long that takes on average, in seconds.
    pub delay_s: f32,
}

/// One linear model with its squared gradients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub(crate) bias: [f32; 2],
    /// Weight and squared gradients.
    pub(crate) table: Box<[[f32; 2]]>,
}

impl Linear {
    fn new(bias: f32) -> Self {
        Self {
            bias: [bias, SQUARES_START],
            table: vec![[0.0, SQUARES_START]; 1 << TABLE_BITS].into_boxed_slice(),
        }
    }

    /// Forgets how far it has stepped, so that new passes move again.
    fn restart(&mut self) {
        self.bias[1] = SQUARES_START;
        self.table
            .iter_mut()
            .for_each(|[_, squares]| *squares = SQUARES_START);
    }

    fn score(&self, tokens: &[u32]) -> f32 {
        let weight = |token: &u32| self.table[slot(*token)][0];
        self.bias[0] + tokens.iter().map(weight).sum::<f32>()
    }

    /// A step up the gradient of the log likelihood.
    fn step(&mut self, tokens: &[u32], gradient: f32) {
        let one = |[weight, squares]: &mut [f32; 2]| {
            *squares += gradient * gradient;
            *weight = (*weight + RATE * gradient / squares.sqrt()).clamp(-WEIGHT_MAX, WEIGHT_MAX);
        };
        one(&mut self.bias);
        tokens
            .iter()
            .for_each(|token| one(&mut self.table[slot(*token)]));
    }
}

fn slot(token: u32) -> usize {
    (token >> (32 - TABLE_BITS)) as usize
}

/// How long conversions take, learned from their delays alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Delays(pub(crate) Linear);

impl Default for Delays {
    fn default() -> Self {
        Self(Linear::new(-DELAY_S_PRIOR.ln()))
    }
}

impl Delays {
    /// How long a conversion after a click with these features takes on average, in seconds.
    pub fn mean_s(&self, tokens: &[u32]) -> f32 {
        let delay = (-self.0.score(tokens)).exp();
        if delay.is_nan() {
            DELAY_S_PRIOR
        } else {
            delay.clamp(DELAY_S_MIN, DELAY_S_MAX)
        }
    }

    /// Learns from a conversion that came so long after its click; later than `horizon_s` it could not have been seen.
    pub fn learn(&mut self, tokens: &[u32], delay_s: f32, horizon_s: f32) {
        let (delay_s, mean_s) = (bounded(delay_s), self.mean_s(tokens));
        let horizon = (bounded(horizon_s).max(delay_s) / mean_s).clamp(1e-3, 50.0);
        let gradient = 1.0 - delay_s / mean_s - horizon / horizon.exp_m1();
        let gradient = gradient.clamp(-DELAY_GRADIENT_MAX, DELAY_GRADIENT_MAX);
        self.0.step(tokens, gradient);
    }
}

/// The chance that a click of this age, of which no conversion has come, still converts; `p` is the chance that such a
/// click ever does.
pub fn still_converts(p: f32, mean_s: f32, age_s: f32) -> f32 {
    still_converts_within(p, (mean_s, f32::INFINITY), age_s)
}

/// As [`still_converts`], where conversions count until `window_s` after the click and `p` is the chance of those.
pub fn still_converts_within(p: f32, (mean_s, window_s): (f32, f32), age_s: f32) -> f32 {
    let after = |seconds: f32| (-seconds / mean_s).exp();
    let never = after(window_s);
    let open = (after(bounded(age_s)) - never) / (1.0 - never).max(f32::MIN_POSITIVE);
    let waiting = p * open.clamp(0.0, 1.0);
    waiting / (1.0 - p + waiting)
}

/// The conversion head; one thread, deterministic.
#[derive(Debug, Clone, PartialEq)]
pub struct DelayedHead {
    conversion: Linear,
    delay: Delays,
}

impl DelayedHead {
    /// One that expects this rate of all clicks.
    pub fn new(prior: f32) -> Self {
        Self {
            conversion: Linear::new(log_odds(prior)),
            delay: Delays::default(),
        }
    }

    /// What is expected of a click with these features.
    pub fn expect(&self, tokens: &[u32]) -> Expected {
        Expected {
            conversion: probability(self.conversion.score(tokens)),
            delay_s: self.delay.mean_s(tokens),
        }
    }

    /// Fits the clicks that are kept, such as those of the attribution window, as they are known now; goes on from the
    /// fit before. Three to five passes are enough.
    pub fn fit<'a, I>(&mut self, clicks: &I, passes: usize)
    where
        I: Iterator<Item = Click<'a>> + Clone,
    {
        self.conversion.restart();
        self.delay.0.restart();
        // Delays first: what they say of open clicks should be right before those are believed.
        for _ in 0..passes {
            clicks.clone().for_each(|click| self.learn_delay(click));
        }
        for _ in 0..passes {
            clicks
                .clone()
                .for_each(|click| self.learn_conversion(click));
        }
    }

    fn learn_delay(&mut self, click: Click<'_>) {
        if let Some(delay_s) = click.delay_s {
            self.delay.learn(click.tokens, delay_s, click.age_s);
        }
    }

    fn learn_conversion(&mut self, click: Click<'_>) {
        let expected = self.expect(click.tokens);
        let label = match click.delay_s {
            Some(_) => 1.0,
            None => still_converts(expected.conversion, expected.delay_s, click.age_s),
        };
        self.conversion
            .step(click.tokens, label - expected.conversion);
    }
}

fn bounded(seconds: f32) -> f32 {
    if seconds.is_nan() {
        0.0
    } else {
        seconds.clamp(0.0, DELAY_S_MAX)
    }
}

#[cfg(test)]
mod tests;
