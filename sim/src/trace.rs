//! One number for everything that a run put out: two runs of a seed must agree on it.

use domain::random::mix;

/// A running hash; the order of what it is told counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    state: u64,
}

impl Trace {
    /// Adds a number.
    pub(crate) fn number(&mut self, value: u64) {
        self.state = mix(self.state.rotate_left(7) ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    /// Adds a signed number.
    pub(crate) fn signed(&mut self, value: i64) {
        self.number(value as u64);
    }

    /// Adds bytes and their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
    }

    /// The hash so far.
    pub(crate) fn value(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(values: &[&[u8]]) -> u64 {
        let mut trace = Trace::default();
        values.iter().for_each(|bytes| trace.bytes(bytes));
        trace.value()
    }

    #[test]
    fn order_and_borders_count() {
        assert_eq!(traced(&[b"ab", b"c"]), traced(&[b"ab", b"c"]));
        assert_ne!(traced(&[b"ab", b"c"]), traced(&[b"c", b"ab"]));
        assert_ne!(traced(&[b"ab", b"c"]), traced(&[b"a", b"bc"]));
        assert_ne!(traced(&[b"\0"]), traced(&[b"\0\0"]));
    }
}
