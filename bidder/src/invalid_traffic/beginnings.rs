//! A quick look for the beginnings of words, so that texts without any of them need not be searched.

/// So many bytes of a word are looked for.
const LOOKED_AT: usize = 4;

/// For each of a word's first bytes and each value of it: which words have it there, in either case. All words share 64
/// bits, so that with more words more texts are searched in vain.
#[derive(Debug)]
pub(super) struct Beginnings(Box<[[u64; 256]; LOOKED_AT]>);

impl Beginnings {
    /// Of words of three bytes or more.
    pub(super) fn of(words: &[String]) -> Self {
        let mut own = Box::new([[0; 256]; LOOKED_AT]);
        for (at, word) in words.iter().enumerate() {
            let bit = 1 << (at % 64);
            for (place, values) in own.iter_mut().enumerate() {
                for (value, words) in (0..=u8::MAX).zip(values) {
                    let byte = word.as_bytes().get(place);
                    if byte.is_none_or(|byte| byte.eq_ignore_ascii_case(&value)) {
                        *words |= bit;
                    }
                }
            }
        }
        Self(own)
    }

    /// Whether a word may be in there; without one it is not. No byte waits for the one before, as in a search.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let mut end = [0; 2 * LOOKED_AT - 2];
        let last = text.get(text.len().saturating_sub(LOOKED_AT - 1)..);
        for (place, byte) in end.iter_mut().zip(last.unwrap_or_default()) {
            *place = *byte;
        }
        self.met(text) | self.met(&end) != 0
    }

    /// The bits of words that begin in there like this.
    fn met(&self, text: &[u8]) -> u64 {
        let words = |(values, byte): (&[u64; 256], &u8)| values.get(usize::from(*byte)).copied();
        let begun = |bytes: &[u8]| {
            let each = self.0.iter().zip(bytes).filter_map(words);
            each.fold(u64::MAX, |all, one| all & one)
        };
        let windows = text.windows(LOOKED_AT);
        windows.fold(0, |met, bytes| met | begun(bytes))
    }
}
