//! How fast a part of the score learns: a rate that finds itself while learning.
//!
//! The derivative of an example's loss by a factor in front of a part of the score (all linear weights, or all
//! interactions) is (p - y) x that part. Measured before the example is learned it says, on data the part has
//! not seen, whether what it has learned is worth more (negative: the rate was too low) or less (positive: it
//! has learned noise). The rate follows its sign until both are in balance, so that one default serves small
//! and large data: hypergradient descent (Baydin et al. 2018) in the direction of the weights themselves, as
//! learned scales do (Mechanic; Cutkosky, Defazio and Mehta 2023).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::example::LinearRate;

/// How far one example of usual strength moves the rate, as a share of it: thousands agree before it doubles.
const STEP: f32 = 3e-4;
/// Examples beyond this many times the usual strength count as that.
const STRENGTH_MAX: f32 = 3.0;
/// Share of the newest example in the usual strength.
const MEMORY: f32 = 1e-3;
/// Squared strength assumed at first.
const FIRST_SQUARE: f32 = 1e-3;
/// Rates stay within these.
const RATE_MIN: f32 = 0.002;
const RATE_MAX: f32 = 0.5;

/// Squared gradients assumed before the first, for linear weights.
const LINEAR_START: f32 = 1.0;
/// Squared gradients assumed before the first, for factors.
const FACTOR_START: f32 = 0.01;
/// Squared gradients assumed before the first, for factors of a stream: it begins with few clicks.
const STREAM_FACTOR_START: f32 = 0.001;
/// What the prior knows of a linear weight of a stream: a standard deviation of 0.25.
const STREAM_PRIOR: f32 = 16.0;
/// Share of a full step that a linear weight of a stream takes, at first and at last: tokens that come together step too far
/// together, until enough examples have told them apart.
const STREAM_SHARE_FIRST: f32 = 0.25;
const STREAM_SHARE_LAST: f32 = 0.7;
/// Examples after which the share is half way.
const STREAM_SHARE_EXAMPLES: f32 = 10_000.0;

/// By what law numbers step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// AdaGrad with rates that find themselves: for tables, which are long.
    #[default]
    Table,
    /// Linear weights step by their information: few clicks say much, and rates fall like 1/n. For streams that
    /// begin with nothing.
    Stream,
}

impl Steps {
    /// How fast linear weights learn after so many examples.
    pub(super) fn linear_rate(self, pace: &Pace, examples: u64) -> LinearRate {
        match self {
            Self::Table => LinearRate::Root {
                rate: pace.rate(),
                start: LINEAR_START,
            },
            Self::Stream => LinearRate::Information {
                share: stream_share(examples),
                prior: STREAM_PRIOR,
            },
        }
    }

    /// Squared gradients that are assumed before the first, for factors.
    pub(super) fn factor_start(self) -> f32 {
        match self {
            Self::Table => FACTOR_START,
            Self::Stream => STREAM_FACTOR_START,
        }
    }
}

fn stream_share(examples: u64) -> f32 {
    let early = 1.0 / (1.0 + examples as f32 / STREAM_SHARE_EXAMPLES);
    STREAM_SHARE_LAST - (STREAM_SHARE_LAST - STREAM_SHARE_FIRST) * early
}

/// A rate and the mean square of what moves it.
#[derive(Debug)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    pub(super) fn new(rate: f32) -> Self {
        Self(AtomicU64::new(packed([rate, FIRST_SQUARE])))
    }

    /// The rate in use.
    #[inline(always)]
    pub(super) fn rate(&self) -> f32 {
        unpacked(self.0.load(Relaxed))[0]
    }

    /// Takes an example in: the derivative of its loss by the score, and the part of the score.
    #[inline(always)]
    pub(super) fn follow(&self, gradient: f32, part: f32) {
        let [rate, square] = unpacked(self.0.load(Relaxed));
        let signal = -gradient * part;
        if !signal.is_finite() {
            return;
        }
        let square = square + MEMORY * (signal * signal - square);
        let strength = (signal / (square.sqrt() + f32::EPSILON)).clamp(-STRENGTH_MAX, STRENGTH_MAX);
        let rate = (rate * (1.0 + STEP * strength)).clamp(RATE_MIN, RATE_MAX);
        self.0.store(packed([rate, square.min(f32::MAX)]), Relaxed);
    }

    /// For snapshots.
    pub(super) fn state(&self) -> [f32; 2] {
        unpacked(self.0.load(Relaxed))
    }

    /// From a snapshot; numbers outside their bounds begin anew.
    pub(super) fn restore(&self, [rate, square]: [f32; 2]) {
        if (RATE_MIN..=RATE_MAX).contains(&rate) && square.is_finite() && square >= 0.0 {
            self.0.store(packed([rate, square]), Relaxed);
        }
    }
}

/// Two numbers in one atomic.
#[inline(always)]
pub(super) fn packed([low, high]: [f32; 2]) -> u64 {
    u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32
}

#[inline(always)]
pub(super) fn unpacked(bits: u64) -> [f32; 2] {
    [bits as u32, (bits >> 32) as u32].map(f32::from_bits)
}
