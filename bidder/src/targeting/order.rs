//! Few numbers out of a known range put in order, each once, by setting bits: quicker than comparing them.

/// Bits of a word.
const WORD: usize = 64;

/// Bits that are all zero between two uses.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// One for each number.
    numbers: Vec<u64>,
    /// One for each word of those.
    words: Vec<u64>,
}

impl Order {
    /// Sorts numbers below `below` and leaves each once. Others are left out.
    pub(super) fn sort(&mut self, list: &mut Vec<u32>, below: usize) {
        let words = below.div_ceil(WORD);
        if self.numbers.len() < words {
            self.numbers.resize(words, 0);
            self.words.resize(words.div_ceil(WORD), 0);
        }
        for number in list.drain(..) {
            let at = number as usize / WORD;
            if let Some((own, word)) = self.numbers.get_mut(at).zip(self.words.get_mut(at / WORD)) {
                *own |= 1 << (number as usize % WORD);
                *word |= 1 << (at % WORD);
            }
        }
        for (at, word) in self.words.iter_mut().enumerate() {
            for at in ones(std::mem::take(word)).map(|bit| at * WORD + bit) {
                let own = self.numbers.get_mut(at).map(std::mem::take);
                list.extend(ones(own.unwrap_or(0)).map(|bit| (at * WORD + bit) as u32));
            }
        }
    }
}

/// The places of the bits that are set, in rising order.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = word.trailing_zeros() as usize;
        let met = word != 0;
        word &= word.wrapping_sub(1);
        met.then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;

    use super::*;

    #[test]
    fn the_order_is_that_of_sorting_and_removing_doubles() {
        let mut rng = SplitMix64::new(11);
        let mut order = Order::default();
        for below in [1, 63, 64, 65, 4096, 4097, 100_000, 200] {
            for count in [0, 1, 2, 40, 300] {
                let mut list: Vec<_> = (0..count).map(|_| rng.below(below) as u32).collect();
                let mut wanted = list.clone();
                wanted.sort_unstable();
                wanted.dedup();
                order.sort(&mut list, below as usize);
                assert_eq!(list, wanted, "{count} below {below}");
            }
        }
    }
}
