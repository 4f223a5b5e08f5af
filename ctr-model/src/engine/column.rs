//! Columns: how a field's value becomes a token.

use domain::random::mix;

/// The golden ratio's bits: an odd multiplier without structure.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Numbers above this fall into buckets; those up to it are tokens of their own.
const OWN_TOKEN_MAX: f64 = 2.0;
/// Fractions below 2^-30 share the lowest quarter of an octave.
const QUARTERS_MIN: f64 = -120.0;

/// A field's salt: the same value in two fields is two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(u64);

impl Salt {
    /// From the field's name and the model's hash salt.
    pub fn new(name: &str, model: u64) -> Self {
        Self(mix(hash_bytes(name.as_bytes()) ^ model))
    }

    /// The token of a missing value.
    pub fn missing(self) -> u32 {
        self.token(0, 0)
    }

    /// The token of a value that is a name; empty is missing.
    pub fn category(self, value: &[u8]) -> u32 {
        if value.is_empty() {
            return self.missing();
        }
        self.token(hash_bytes(value), 1)
    }

    /// The token of a number. Whole numbers up to 2 in size are tokens of their own; above that v is floor(ln(|v|)^2),
    /// so that buckets widen as numbers grow; fractions below it, which are shares and rates, fall into four buckets an
    /// octave. The sign counts. NaN is missing.
    pub fn number(self, value: f64) -> u32 {
        let size = value.abs();
        let sign = u64::from(value < 0.0);
        if value.is_nan() {
            self.missing()
        } else if size > OWN_TOKEN_MAX {
            self.token(size.ln().powi(2) as u64, 2 + sign)
        } else if size.fract() == 0.0 {
            self.token(size as u64, 4 + sign)
        } else {
            let quarter = (4.0 * size.log2()).floor().max(QUARTERS_MIN);
            self.token((quarter - QUARTERS_MIN) as u64, 6 + sign)
        }
    }

    /// The class keeps "missing", names and numbers of the same bits apart.
    fn token(self, value: u64, class: u64) -> u32 {
        (mix(self.0 ^ value.wrapping_mul(ODD).wrapping_add(class)) >> 32) as u32
    }
}

/// Hashes eight bytes at a time, 64 bits wide.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let add = |hash: u64, word: [u8; 8]| mix(hash.wrapping_mul(ODD) ^ u64::from_le_bytes(word));
    add(words.iter().copied().fold(bytes.len() as u64, add), last)
}
