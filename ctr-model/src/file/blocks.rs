//! Numbers in blocks: whole f32, or 16 or 8 bit integers with one scale a block.
//!
//! An integer is the number by the block's step, rounded. A step is the block's largest number by the largest integer, but
//! not finer than the list needs: finer steps would only be noise that does not compress. Integers are written zigzag,
//! all low bytes of a list, then all high bytes, which are zero for most numbers.

use super::ModelError;
use super::reader::Reader;

/// Numbers that share a scale.
const BLOCK: usize = 128;

/// How numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they were learned.
    Full,
    /// 16 bit by block.
    Bits16,
    /// 8 bit by block.
    Bits8,
}

impl Precision {
    /// Bits a number.
    pub fn bits(self) -> u16 {
        match self {
            Self::Full => 32,
            Self::Bits16 => 16,
            Self::Bits8 => 8,
        }
    }

    /// By bits a number; `None` unless they are 32, 16 or 8.
    pub fn of_bits(bits: u16) -> Option<Self> {
        [Self::Full, Self::Bits16, Self::Bits8]
            .into_iter()
            .find(|precision| precision.bits() == bits)
    }

    fn largest(self) -> f32 {
        match self {
            Self::Full | Self::Bits16 => f32::from(i16::MAX),
            Self::Bits8 => f32::from(i8::MAX),
        }
    }
}

/// The bytes that so many numbers take.
pub(super) fn bytes_of(numbers: usize, precision: Precision) -> usize {
    let scales = match precision {
        Precision::Full => 0,
        Precision::Bits16 | Precision::Bits8 => 4 * numbers.div_ceil(BLOCK),
    };
    numbers
        .saturating_mul(usize::from(precision.bits()) / 8)
        .saturating_add(scales)
}

/// Appends numbers; `finest` is the finest step worth keeping.
pub(super) fn put(out: &mut Vec<u8>, numbers: &[f32], precision: Precision, finest: f32) {
    if precision == Precision::Full {
        numbers
            .iter()
            .for_each(|number| out.extend(number.to_le_bytes()));
        return;
    }
    let mut integers = Vec::with_capacity(numbers.len());
    for block in numbers.chunks(BLOCK) {
        let largest = block
            .iter()
            .fold(0.0_f32, |most, number| most.max(number.abs()));
        let step = (largest / precision.largest()).max(finest);
        out.extend(step.to_le_bytes());
        let whole = |number: &f32| zigzag((number / step).round() as i16);
        integers.extend(block.iter().map(whole));
    }
    out.extend(integers.iter().map(|integer| *integer as u8));
    if precision == Precision::Bits16 {
        out.extend(integers.iter().map(|integer| (integer >> 8) as u8));
    }
}

/// Reads so many numbers.
pub(super) fn read(
    from: &mut Reader<'_>,
    count: usize,
    precision: Precision,
    what: &'static str,
) -> Result<Vec<f32>, ModelError> {
    if precision == Precision::Full {
        let bytes = from.take(count.saturating_mul(4), what)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        return Ok(numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect());
    }
    let (steps, _) = from.take(4 * count.div_ceil(BLOCK), what)?.as_chunks::<4>();
    let low = from.take(count, what)?;
    let high = match precision {
        Precision::Bits16 => from.take(count, what)?,
        Precision::Full | Precision::Bits8 => &[],
    };
    let mut numbers = Vec::with_capacity(count);
    let mut high = high.iter().copied().chain(std::iter::repeat(0));
    for (step, block) in steps.iter().zip(low.chunks(BLOCK)) {
        let step = f32::from_le_bytes(*step);
        let sound = step.is_finite() && step >= 0.0;
        if !sound {
            return Err(ModelError::Number { what });
        }
        let integers = block
            .iter()
            .zip(&mut high)
            .map(|(&low, high)| u16::from_le_bytes([low, high]));
        numbers.extend(integers.map(|integer| step * f32::from(unzigzag(integer))));
    }
    Ok(numbers)
}

fn zigzag(integer: i16) -> u16 {
    ((integer << 1) ^ (integer >> 15)) as u16
}

fn unzigzag(integer: u16) -> i16 {
    (integer >> 1) as i16 ^ -((integer & 1) as i16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::random::SplitMix64;

    #[test]
    fn numbers_come_back_within_half_a_step() {
        let mut rng = SplitMix64::new(1);
        for count in [0, 1, 127, 128, 129, 1_000] {
            let numbers: Vec<f32> = (0..count).map(|_| rng.normal() as f32).collect();
            for (precision, allowed) in [
                (Precision::Full, 0.0),
                (Precision::Bits16, 0.6 * 4.5 / 32_767.0),
                (Precision::Bits8, 0.6 * 4.5 / 127.0),
            ] {
                let mut out = Vec::new();
                put(&mut out, &numbers, precision, 1e-9);
                assert_eq!(out.len(), bytes_of(count, precision));
                let mut reader = Reader::new(&out);
                let back = read(&mut reader, count, precision, "x").unwrap();
                let worst = back.iter().zip(&numbers).map(|(a, b)| (a - b).abs());
                assert!(worst.fold(0.0, f32::max) <= allowed, "{precision:?}");
                assert!(reader.finish().is_ok());
            }
        }
    }

    #[test]
    fn every_integer_comes_back() {
        assert!((i16::MIN..=i16::MAX).all(|integer| unzigzag(zigzag(integer)) == integer));
        assert!((-127..=127_i16).all(|integer| zigzag(integer) < 256));
    }

    #[test]
    fn a_step_that_is_no_number_is_refused() {
        let mut out = Vec::new();
        put(&mut out, &[1.0; 3], Precision::Bits8, 0.0);
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            out[..4].copy_from_slice(&bad.to_le_bytes());
            let refused = read(&mut Reader::new(&out), 3, Precision::Bits8, "x");
            assert_eq!(refused, Err(ModelError::Number { what: "x" }));
        }
    }
}
