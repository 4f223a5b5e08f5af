//! Bits in web-safe base64 characters, read where they stand: six to a character, most significant first.

/// Fibonacci numbers that section ids can reach: sums of these cover more than 16 bits.
const FIBONACCI: [u32; 23] = [
    1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765, 10_946,
    17_711, 28_657, 46_368,
];

/// A place in a text of six-bit characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits<'a> {
    characters: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// The beginning of `text`, once all of it is known to be base64 without padding.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let characters = text.as_bytes();
        let sound = !characters.is_empty() && characters.iter().all(|c| value(*c).is_some());
        sound.then_some(Self { characters, at: 0 })
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn take(&mut self, count: usize) -> Option<u32> {
        let (mut number, mut left) = (0, count);
        while left > 0 {
            let six = u32::from(value(*self.characters.get(self.at / 6)?)?);
            let there = 6 - self.at % 6;
            let taken = there.min(left);
            let part = six >> (there - taken) & ((1 << taken) - 1);
            number = number << taken | part;
            self.at += taken;
            left -= taken;
        }
        Some(number)
    }

    /// The next `count` bits, at most 16, as a number.
    pub(super) fn small(&mut self, count: usize) -> Option<u16> {
        u16::try_from(self.take(count)?).ok()
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let bit = self.peek(0)?;
        self.at += 1;
        Some(bit)
    }

    /// The bit `ahead` places on, without moving.
    pub(super) fn peek(self, ahead: usize) -> Option<bool> {
        let at = self.at.checked_add(ahead)?;
        let six = value(*self.characters.get(at / 6)?)?;
        Some(six >> (5 - at % 6) & 1 == 1)
    }

    /// Passes over `count` bits, which must be there.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let at = self.at.checked_add(count)?;
        if at > self.characters.len() * 6 {
            return None;
        }
        self.at = at;
        Some(())
    }

    /// A number in Fibonacci coding: the sum of the numbers whose bits are set, ended by two set bits in a row.
    pub(super) fn fibonacci(&mut self) -> Option<u32> {
        let (mut sum, mut last) = (0_u32, false);
        for number in FIBONACCI {
            let bit = self.flag()?;
            if bit && last {
                return Some(sum);
            }
            if bit {
                sum = sum.checked_add(number)?;
            }
            last = bit;
        }
        // The last number of the list may still be closed by its second bit.
        (last && self.flag()?).then_some(sum)
    }
}

/// What each character stands for; `NO_VALUE` for those that are none of the alphabet's.
static VALUES: [u8; 256] = values();
const NO_VALUE: u8 = 64;

const fn values() -> [u8; 256] {
    let mut values = [NO_VALUE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut at = 0;
    while at < alphabet.len() {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values
}

fn value(character: u8) -> Option<u8> {
    let value = VALUES.get(usize::from(character)).copied();
    value.filter(|value| *value < NO_VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_in_order_and_not_beyond_the_end() {
        let mut bits = Bits::of("BQ-_").unwrap();
        assert_eq!((bits.take(6), bits.take(6)), (Some(1), Some(16)));
        assert_eq!((bits.peek(5), bits.peek(6)), (Some(false), Some(true)));
        assert_eq!(bits.take(12), Some(62 << 6 | 63));
        assert_eq!(
            (bits.flag(), bits.skip(1), bits.skip(0)),
            (None, None, Some(()))
        );
        for text in ["", "A=", "A+", "A B", "é"] {
            assert_eq!(Bits::of(text), None, "{text}");
        }
    }

    #[test]
    fn fibonacci_numbers_are_those_of_the_specification() {
        // 11, 011, 0011, 1011, 00011, 10011, 01011 and two bits of padding.
        let mut bits = Bits::of("2djms").unwrap();
        let read: Vec<_> = std::iter::from_fn(|| bits.fibonacci()).collect();
        assert_eq!(read, [1, 2, 3, 4, 5, 6, 7]);
        let mut zeros = Bits::of("AAAAAAAA").unwrap();
        assert_eq!(zeros.fibonacci(), None);
    }
}
