//! The 64-bit key that a value of a dimension is compared by.

use super::Dimension;
use crate::random::mix;

/// FNV-1a's offset basis and prime (Fowler, Noll, Vo).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A key under construction: FNV-1a over the dimension and the parts of the value. With a hundred keys a request
/// and ten million entries, one request in 10^10 meets a value that is not its own.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    state: u64,
    folds: bool,
}

impl Key {
    /// Of a dimension; text follows.
    pub fn of(dimension: Dimension) -> Self {
        Self {
            state: BASIS ^ (dimension as u64 + 1).wrapping_mul(PRIME),
            folds: dimension.folds_case(),
        }
    }

    /// With more text. Dimensions that do not tell `A` from `a` take ASCII letters in lower case.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            let byte = if self.folds {
                byte.to_ascii_lowercase()
            } else {
                byte
            };
            self.state = (self.state ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        self
    }

    /// With a number.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.state = mix(self.state ^ mix(number));
        self
    }

    /// The key.
    pub fn get(self) -> u64 {
        mix(self.state)
    }
}
