//! Reads numbers from a file's bytes, each within its bounds, never past the end.

use super::ModelError;
use crate::odds::WEIGHT_MAX;

/// What is left of a file.
pub(super) struct Reader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            whole: bytes,
            rest: bytes,
        }
    }

    /// Takes the checksum off the end and compares it with all before it.
    pub(super) fn check_seal(&mut self) -> Result<(), ModelError> {
        let short = ModelError::Length { what: "checksum" };
        let (rest, seal) = self.rest.split_last_chunk::<4>().ok_or(short)?;
        let expected = crc32fast::hash(&self.whole[..self.whole.len() - seal.len()]);
        let found = u32::from_le_bytes(*seal);
        if expected != found {
            return Err(ModelError::Checksum { expected, found });
        }
        self.rest = rest;
        Ok(())
    }

    /// All must have been read.
    pub(super) fn finish(self) -> Result<(), ModelError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ModelError::Length { what: "the end" })
        }
    }

    /// Bytes that were not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(
        &mut self,
        length: usize,
        what: &'static str,
    ) -> Result<&'a [u8], ModelError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(ModelError::Length { what })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], ModelError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(ModelError::Length { what })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, ModelError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count that the bytes left can hold, each item taking at least `item_bytes`.
    pub(super) fn count(
        &mut self,
        max: usize,
        item_bytes: usize,
        what: &'static str,
    ) -> Result<usize, ModelError> {
        let count = u32::from_le_bytes(self.array(what)?) as usize;
        if count > max || count.saturating_mul(item_bytes) > self.rest.len() {
            return Err(ModelError::Length { what });
        }
        Ok(count)
    }

    pub(super) fn varint(&mut self, what: &'static str) -> Result<u64, ModelError> {
        let mut value = 0;
        // Five groups of seven bits hold every slot and mask.
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ModelError::Number { what })
    }

    /// A weight: finite, within its bound.
    pub(super) fn weight(&mut self, what: &'static str) -> Result<f32, ModelError> {
        let weight = f32::from_le_bytes(self.array(what)?);
        if weight.abs() <= WEIGHT_MAX {
            Ok(weight)
        } else {
            Err(ModelError::Number { what })
        }
    }

    /// What examples said about a weight: finite, not negative.
    pub(super) fn information(&mut self, what: &'static str) -> Result<f32, ModelError> {
        let information = f32::from_le_bytes(self.array(what)?);
        let sound = information.is_finite() && information >= 0.0;
        if sound {
            Ok(information)
        } else {
            Err(ModelError::Number { what })
        }
    }

    /// A sum of counts or losses: finite, not negative.
    pub(super) fn amount(&mut self, what: &'static str) -> Result<f64, ModelError> {
        let amount = f64::from_le_bytes(self.array(what)?);
        let sound = amount.is_finite() && amount >= 0.0;
        if sound {
            Ok(amount)
        } else {
            Err(ModelError::Number { what })
        }
    }

    /// A figure of the evaluation: NaN is "not known".
    pub(super) fn figure(&mut self, what: &'static str) -> Result<Option<f64>, ModelError> {
        let figure = f64::from_le_bytes(self.array(what)?);
        match figure.is_nan() {
            true => Ok(None),
            false if figure.is_finite() => Ok(Some(figure)),
            false => Err(ModelError::Number { what }),
        }
    }
}
