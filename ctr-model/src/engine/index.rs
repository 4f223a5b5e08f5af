//! The served index: from a token to its weight and its row, in one cache line mostly.

use super::table::named;
use super::weights::Weights;

/// Entries of a bucket, which is one cache line.
const WAYS: usize = 4;

/// What a token has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) weight: f32,
    pub(super) information: f32,
    pub(super) row: u32,
}

/// Tokens that share a home; a free place holds the token 0, which no weight has.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    tokens: [u32; WAYS],
    weights: [f32; WAYS],
    information: [f32; WAYS],
    rows: [u32; WAYS],
}

/// All tokens of a model; immutable.
#[derive(Debug)]
pub(super) struct Index {
    buckets: Box<[Bucket]>,
    shift: u32,
}

impl Index {
    /// At most half full, so that a search ends in its first bucket mostly.
    pub(super) fn new(weights: &Weights) -> Self {
        let buckets = (weights.keys.len() / (WAYS / 2)).next_power_of_two().max(2);
        let mut index = Self {
            buckets: vec![Bucket::default(); buckets].into_boxed_slice(),
            shift: 32 - buckets.ilog2(),
        };
        let numbers = weights.linear.iter().zip(&weights.rows).enumerate();
        for (&key, (at, (&weight, &row))) in weights.keys.iter().zip(numbers) {
            let information = weights.information.get(at).copied().unwrap_or(0.0);
            index.put(
                named(key),
                Found {
                    weight,
                    information,
                    row,
                },
            );
        }
        index
    }

    fn put(&mut self, token: u32, found: Found) {
        let mut at = (token >> self.shift) as usize;
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(way) = bucket.tokens.iter().position(|&taken| taken == 0) {
                bucket.tokens[way] = token;
                bucket.weights[way] = found.weight;
                bucket.information[way] = found.information;
                bucket.rows[way] = found.row;
                return;
            }
            at = (at + 1) % self.buckets.len();
        }
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, token: u32) {
        if let Some(bucket) = self.buckets.get((named(token) >> self.shift) as usize) {
            super::simd::prefetch(bucket);
        }
    }

    #[inline(always)]
    pub(super) fn find(&self, token: u32) -> Option<Found> {
        let token = named(token);
        let home = (token >> self.shift) as usize;
        let (before, from) = self.buckets.split_at(home);
        for bucket in from.iter().chain(before) {
            if let Some(way) = bucket.tokens.iter().position(|&kept| kept == token) {
                return Some(Found {
                    weight: bucket.weights[way],
                    information: bucket.information[way],
                    row: bucket.rows[way],
                });
            }
            if bucket.tokens.contains(&0) {
                return None;
            }
        }
        None
    }
}
