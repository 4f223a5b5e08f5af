//! Probabilities and log-odds, kept where no logarithm is infinite.

/// Probabilities stay this far from 0 and 1, so that no logarithm is infinite.
pub(crate) const PROBABILITY_MIN: f32 = 1e-6;
/// Weights beyond this are refused in files: e^±64 is far outside any rate.
pub(crate) const WEIGHT_MAX: f32 = 64.0;

/// Log-odds to a probability that is never 0, 1 or NaN.
pub(crate) fn probability(score: f32) -> f32 {
    off_the_ends(1.0 / (1.0 + (-score).exp()))
}

/// Keeps a probability off 0 and 1; NaN becomes the lower bound.
pub(crate) fn off_the_ends(p: f32) -> f32 {
    if p.is_nan() {
        PROBABILITY_MIN
    } else {
        p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN)
    }
}

/// A probability to log-odds.
pub(crate) fn log_odds(rate: f32) -> f32 {
    let rate = off_the_ends(rate);
    (rate / (1.0 - rate)).ln()
}
