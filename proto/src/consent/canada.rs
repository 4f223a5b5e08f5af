//! The Canadian section of a GPP string: who may do what by express consent, vendor by vendor.
//!
//! After IAB Tech Lab, "IAB Canada TCF Technical Specification", version 1.1. Its ranges are Fibonacci numbers, but
//! strings were long written with ranges of whole numbers, as in Europe: what reads both ways counts as far as both agree.

use super::bits::Bits;
use super::{CONSENT_CHARS_MAX, Undecodable, VendorChoices};

/// Bits that may fill up the last characters: to a whole byte, and that to four characters.
const PADDING_MAX: usize = 24;

/// How lists of vendors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranges {
    /// By the distance from the vendor before, as the specification says.
    Fibonacci,
    /// By 16 bits a vendor.
    Whole,
}

/// What the vendor with this id may do; implied consent is told as its interest.
///
/// # Errors
/// When the string is too long, of another version, cut, or written in neither way.
pub fn choices(text: &str, vendor: u16) -> Result<VendorChoices, Undecodable> {
    if text.len() > CONSENT_CHARS_MAX {
        return Err(Undecodable);
    }
    let read = |ranges| Reading { ranges, vendor }.string(text);
    match (read(Ranges::Fibonacci), read(Ranges::Whole)) {
        (Some(one), Some(other)) => Ok(one.and(other)),
        (one, other) => one.or(other).ok_or(Undecodable),
    }
}

/// A string in one of the two ways, as to one vendor.
#[derive(Debug, Clone, Copy)]
struct Reading {
    ranges: Ranges,
    vendor: u16,
}

impl Reading {
    fn string(self, text: &str) -> Option<VendorChoices> {
        let mut segments = text.split('.');
        let mut core = Bits::of(segments.next()?)?;
        let mut disclosed = None;
        for segment in segments {
            let mut bits = Bits::of(segment)?;
            match bits.take(3)? {
                1 if disclosed.is_none() => disclosed = Some(self.holds(&mut bits)?),
                3 => check_publisher(&mut bits)?,
                _ => return None,
            }
            is_padding(bits).then_some(())?;
        }
        let choices = self.core(&mut core)?;
        let known = self.vendor != 0 && disclosed != Some(false);
        Some(if known {
            choices
        } else {
            VendorChoices::default()
        })
    }

    fn core(self, bits: &mut Bits<'_>) -> Option<VendorChoices> {
        if bits.take(6)? != 1 {
            return None;
        }
        // Created, updated, CMP id and version, screen, language, vendor list's and policy's version, stacks.
        bits.skip(36 + 36 + 12 + 12 + 6 + 12 + 12 + 6 + 1)?;
        let special_features = bits.small(12)?;
        let (express, implied) = (bits.take(24)?, bits.take(24)?);
        let (expressly, impliedly) = (self.holds(bits)?, self.holds(bits)?);
        let (not_express, not_implied) = self.restrictions(bits)?;
        is_padding(*bits).then_some(())?;
        let when = |given: bool, purposes: u32| if given { purposes } else { 0 };
        Some(VendorChoices {
            consent: when(expressly, express & !not_express),
            interest: when(impliedly, implied & !not_implied),
            special_features: if expressly { special_features } else { 0 },
        })
    }

    /// Whether a list of vendors holds this one: a field of bits, or ranges.
    fn holds(self, bits: &mut Bits<'_>) -> Option<bool> {
        let max = bits.small(16)?;
        if bits.flag()? {
            return self.in_ranges(bits);
        }
        let place = self.vendor.checked_sub(1).filter(|place| *place < max);
        let held = place.is_some_and(|place| bits.peek(usize::from(place)) == Some(true));
        bits.skip(usize::from(max))?;
        Some(held)
    }

    fn in_ranges(self, bits: &mut Bits<'_>) -> Option<bool> {
        let (mut held, mut last) = (false, 0_u32);
        for _ in 0..bits.small(12)? {
            let several = bits.flag()?;
            let first = match self.ranges {
                Ranges::Fibonacci => last.checked_add(bits.fibonacci()?)?,
                Ranges::Whole => bits.take(16)?,
            };
            last = match (self.ranges, several) {
                (_, false) => first,
                (Ranges::Fibonacci, true) => first.checked_add(bits.fibonacci()?)?,
                (Ranges::Whole, true) => bits.take(16)?,
            };
            let sound = first >= 1 && first <= last && last <= u32::from(u16::MAX);
            sound.then_some(())?;
            held |= (first..=last).contains(&u32::from(self.vendor));
        }
        Some(held)
    }

    /// The purposes that the publisher forbids to rest on express consent, and those on implied consent.
    fn restrictions(self, bits: &mut Bits<'_>) -> Option<(u32, u32)> {
        let (mut not_express, mut not_implied) = (0, 0);
        for _ in 0..bits.small(12)? {
            let purpose = bits.take(6)?;
            let kind = bits.take(2)?;
            let held = match self.ranges {
                Ranges::Fibonacci => self.holds(bits)?,
                Ranges::Whole => self.in_ranges(bits)?,
            };
            if !held {
                continue;
            }
            // 0 forbids the purpose, 1 demands express consent, 2 demands implied consent; 3 is not defined.
            let bit = super::tcf::purpose_bit(u8::try_from(purpose).ok()?);
            if kind != 1 {
                not_express |= bit;
            }
            if kind != 2 {
                not_implied |= bit;
            }
        }
        Some((not_express, not_implied))
    }
}

/// The publisher's own segment: of no meaning to a vendor, but a string cut inside it is not whole.
fn check_publisher(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(24 + 24)?;
    let custom = bits.small(6)?;
    bits.skip(usize::from(custom) * 2)
}

/// Whether nothing but a few unset bits is left.
fn is_padding(mut bits: Bits<'_>) -> bool {
    let mut left = 0;
    while let Some(bit) = bits.flag() {
        left += 1;
        if bit || left >= PADDING_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
