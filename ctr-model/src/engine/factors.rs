//! Rows of factors: allocated in blocks as tokens are admitted, read and written by threads at once.
//!
//! A row has `k` weights for every field of a partner and one sum of squared gradients for each such
//! block: 20 bytes a pair at k = 4 where a sum for every weight would take 32. Two numbers share one relaxed atomic.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use domain::random::{SplitMix64, mix};

use super::Spec;
use super::simd::LANES;
use super::table::ROWS_MAX;

/// Rows allocated together: some hundred KiB, so that few allocations are made and little stays unused.
const BLOCK_ROWS: usize = 256;
/// New weights are uniform up to here on both sides, a standard deviation of 0.02: small enough that a new
/// row says nothing, large enough to learn from.
const FIRST_MAX: f32 = 0.035;
/// Pairs of numbers in a cache line.
const LINE_PAIRS: usize = 8;
/// Factors take at most 2^(`bits` + this) numbers.
const NUMBERS_PER_SLOT_BITS: u32 = 4;

/// All rows of a learner.
#[derive(Debug)]
pub(crate) struct Factors {
    blocks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    /// Rows handed out, freed ones included.
    used: AtomicU32,
    /// Rows to hand out again.
    free: Vec<u32>,
    /// How many of `free` are handed out again.
    reused: AtomicU32,
    seed: u64,
    weights: usize,
    /// Pairs of numbers of a row.
    pairs: usize,
    rows_max: usize,
}

impl Factors {
    pub(crate) fn new(spec: &Spec, seed: u64) -> Self {
        let weights = spec.row_len();
        // Sums fill whole registers, the last ones unused: a row is then handled without a remainder.
        let pairs = (weights + spec.factored().next_multiple_of(LANES)).div_ceil(2);
        let rows_max = match weights {
            0 => 0,
            _ => {
                ((1_usize << (spec.bits + NUMBERS_PER_SLOT_BITS)) / (2 * pairs)).clamp(1, ROWS_MAX)
            }
        };
        Self {
            blocks: (0..rows_max.div_ceil(BLOCK_ROWS))
                .map(|_| OnceLock::new())
                .collect(),
            used: AtomicU32::new(0),
            free: Vec::new(),
            reused: AtomicU32::new(0),
            seed,
            weights,
            pairs,
            rows_max,
        }
    }

    /// A new row for a token, with small weights that the seed and the token decide; `None` when all are taken.
    #[cold]
    pub(crate) fn admit(&self, token: u32) -> Option<u32> {
        let row = self.take()?;
        let mut rng = SplitMix64::new(mix(self.seed ^ u64::from(token)));
        let mut numbers = vec![0.0; 2 * self.pairs];
        for weight in numbers.iter_mut().take(self.weights) {
            *weight = FIRST_MAX * (2.0 * rng.unit() as f32 - 1.0);
        }
        self.write(row, &numbers);
        Some(row)
    }

    /// A row, its numbers still zero or of its last use.
    pub(crate) fn take(&self) -> Option<u32> {
        let next = |count: &AtomicU32, limit: usize| {
            let more = |now: u32| Some(now + 1).filter(|&next| next as usize <= limit);
            count.fetch_update(Relaxed, Relaxed, more).ok()
        };
        match next(&self.reused, self.free.len()) {
            Some(at) => self.free.get(at as usize).copied(),
            None => next(&self.used, self.rows_max),
        }
    }

    /// A row may be handed out again.
    pub(crate) fn release(&mut self, row: u32) {
        let reused = std::mem::take(self.reused.get_mut());
        self.free.drain(..reused as usize);
        self.free.push(row);
    }

    /// Numbers of a row as [`Self::read`] gives them: weights, sums of squares, and some that are not used.
    pub(crate) fn numbers(&self) -> usize {
        2 * self.pairs
    }

    /// Rows in use.
    pub(crate) fn rows(&self) -> usize {
        let waiting = self.free.len() - self.reused.load(Relaxed) as usize;
        self.used.load(Relaxed) as usize - waiting
    }

    #[inline(always)]
    fn cells(&self, row: u32) -> &[AtomicU64] {
        let row = row as usize;
        let block = self.blocks.get(row / BLOCK_ROWS).map(|block| {
            block.get_or_init(|| {
                (0..BLOCK_ROWS * self.pairs)
                    .map(|_| AtomicU64::new(0))
                    .collect()
            })
        });
        let start = row % BLOCK_ROWS * self.pairs;
        block
            .and_then(|block| block.get(start..start + self.pairs))
            .unwrap_or_default()
    }

    /// Copies the first numbers of a row, an even number of them.
    #[inline(always)]
    pub(crate) fn read(&self, row: u32, into: &mut [f32]) {
        let (into, _) = into.as_chunks_mut::<2>();
        for (to, cell) in into.iter_mut().zip(self.cells(row)) {
            let bits = cell.load(Relaxed);
            *to = [
                f32::from_bits(bits as u32),
                f32::from_bits((bits >> 32) as u32),
            ];
        }
    }

    /// Replaces a row.
    #[inline(always)]
    pub(crate) fn write(&self, row: u32, numbers: &[f32]) {
        let (numbers, _) = numbers.as_chunks::<2>();
        for (cell, [low, high]) in self.cells(row).iter().zip(numbers) {
            let bits = u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32;
            cell.store(bits, Relaxed);
        }
    }

    /// Brings a row into the cache.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: u32) {
        let cells = self.cells(row);
        for cell in cells.iter().step_by(LINE_PAIRS) {
            super::simd::prefetch(cell);
        }
    }
}
