//! Where a JSON text's quotes, backslashes and control characters are: one bit a byte, found for 64 bytes at once.

/// Bytes behind one word of marks.
const BLOCK: usize = 64;
/// Times a word of eight bytes that are 0 or 1, this has those as its highest byte: the first one lowest.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// The marks of a body, in space that is reused from body to body.
#[derive(Default)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    /// Marks the bytes that end a run of plain text, and all behind the end of `body`.
    pub(super) fn set(&mut self, body: &[u8]) {
        let (blocks, rest) = body.as_chunks::<BLOCK>();
        let mut last = [b'"'; BLOCK];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.0.clear();
        self.0.extend(blocks.iter().map(marks));
        // One more word, so that two can always be looked at.
        self.0.extend([marks(&last), u64::MAX]);
    }

    /// The first marked byte at or after `at`. Most are found in the 64 bytes there, without a loop.
    #[inline(always)]
    pub(super) fn next(&self, at: usize) -> usize {
        let (word, bit) = (at / BLOCK, at % BLOCK);
        if let Some([own, after]) = self.0.get(word..).and_then(<[u64]>::first_chunk) {
            let met = own >> bit | after << 1 << (BLOCK - 1 - bit);
            if met != 0 {
                return at + met.trailing_zeros() as usize;
            }
        }
        self.next_after(word + 1)
    }

    /// The first marked byte of a word or those after it.
    #[inline(never)]
    fn next_after(&self, word: usize) -> usize {
        let mut words = self.0.iter().enumerate().skip(word);
        let met = words.find(|(_, marks)| **marks != 0);
        met.map_or(self.0.len() * BLOCK, |(word, marks)| {
            word * BLOCK + marks.trailing_zeros() as usize
        })
    }
}

/// The marks of one block. The first loop compiles to comparisons of many bytes at once.
#[inline(always)]
fn marks(block: &[u8; BLOCK]) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(*byte == b'"') | u8::from(*byte == b'\\') | u8::from(*byte < b' ');
    }
    let (words, _) = flags.as_chunks::<8>();
    let gathered = words
        .iter()
        .map(|word| u64::from_le_bytes(*word).wrapping_mul(GATHER) >> (BLOCK - 8));
    gathered.rev().fold(0, |marks, eight| marks << 8 | eight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_of_a_look_at_each_byte() {
        let mut rng = domain::random::SplitMix64::new(7);
        let mut marks = Marks::default();
        for bytes in (0..200).chain([640, 1000]) {
            for spread in [4, 60, 100_000] {
                let special = [b'"', b'\\', 0, 0x1f, b'\n'];
                let mut byte = || match rng.below(spread) {
                    at if at < 5 => special[at as usize],
                    _ => b' ' + (rng.below(0xe0) as u8),
                };
                let body: Vec<u8> = (0..bytes).map(|_| byte()).collect();
                marks.set(&body);
                for at in 0..=bytes {
                    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                    let wanted = body.iter().skip(at).position(is_special);
                    let wanted = wanted.map_or(bytes, |after| at + after);
                    assert_eq!(marks.next(at), wanted, "{at} of {bytes}");
                }
            }
        }
    }
}
