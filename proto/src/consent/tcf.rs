//! The TC string, version 2, of the Transparency and Consent Framework: who may do what, vendor by vendor.
//!
//! After IAB Tech Lab, "Consent string and vendor list formats v2", text of 2026-02: strings that are not specific to a
//! service are invalid, and the segment of disclosed vendors must be there.

use super::bits::Bits;
use super::{CONSENT_CHARS_MAX, Undecodable};

/// Most purposes a string can speak of.
const PURPOSES_MAX: u8 = 24;
/// Purposes that can never rest on a legitimate interest: 1 by its nature, 3 to 6 since version 2.2.
const CONSENT_ONLY: u32 =
    purpose_bit(1) | purpose_bit(3) | purpose_bit(4) | purpose_bit(5) | purpose_bit(6);

/// A string that is sound in all its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcString<'a> {
    consented: u32,
    transparent: u32,
    special_features: u16,
    consents: VendorSet<'a>,
    interests: VendorSet<'a>,
    restrictions: Restrictions<'a>,
    disclosed: VendorSet<'a>,
}

/// What one vendor may do, publisher's restrictions applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VendorChoices {
    pub(super) consent: u32,
    pub(super) interest: u32,
    pub(super) special_features: u16,
}

impl VendorChoices {
    /// Whether the user consents to this purpose (1 to 24) of this vendor, and the publisher lets the vendor rest on it.
    pub fn consents_to(self, purpose: u8) -> bool {
        self.consent & purpose_bit(purpose) != 0
    }

    /// Whether the vendor may rest this purpose (1 to 24) on its legitimate interest: never 1 and 3 to 6.
    pub fn has_interest_in(self, purpose: u8) -> bool {
        self.interest & purpose_bit(purpose) != 0
    }

    /// Whether the user opted in to a special feature (1 to 12); 1 is precise geolocation. Not without a vendor's consent.
    pub fn opted_in_to(self, feature: u8) -> bool {
        matches!(feature, 1..=12) && self.special_features >> (12 - feature) & 1 == 1
    }

    /// What both allow.
    pub fn and(self, other: Self) -> Self {
        Self {
            consent: self.consent & other.consent,
            interest: self.interest & other.interest,
            special_features: self.special_features & other.special_features,
        }
    }
}

impl<'a> TcString<'a> {
    /// Reads all segments of a string.
    ///
    /// # Errors
    /// When it is too long, of another version, cut, without disclosed vendors, or says that it is not specific
    /// to a service.
    pub fn parse(text: &'a str) -> Result<Self, Undecodable> {
        Self::read(text).ok_or(Undecodable)
    }

    fn read(text: &'a str) -> Option<Self> {
        if text.len() > CONSENT_CHARS_MAX {
            return None;
        }
        let mut segments = text.split('.');
        let mut core = Bits::of(segments.next()?)?;
        let mut disclosed = None;
        for segment in segments {
            let mut bits = Bits::of(segment)?;
            match bits.take(3)? {
                1 if disclosed.is_none() => disclosed = Some(VendorSet::read(&mut bits)?),
                3 => check_publisher(bits)?,
                // Allowed vendors: gone from the specification, of no meaning when met.
                2 => {}
                _ => return None,
            }
        }
        Self::read_core(&mut core, disclosed?)
    }

    fn read_core(bits: &mut Bits<'a>, disclosed: VendorSet<'a>) -> Option<Self> {
        if bits.take(6)? != 2 {
            return None;
        }
        // Created, updated, CMP id and version, screen, language, vendor list's and policy's version.
        bits.skip(36 + 36 + 12 + 12 + 6 + 12 + 12 + 6)?;
        let service_specific = bits.flag()?;
        bits.skip(1)?;
        let special_features = bits.small(12)?;
        let (consented, transparent) = (bits.take(24)?, bits.take(24)?);
        // Treatment of purpose one, and the publisher's country.
        bits.skip(1 + 12)?;
        service_specific.then_some(())?;
        Some(Self {
            consented,
            transparent: transparent & !CONSENT_ONLY,
            special_features,
            consents: VendorSet::read(bits)?,
            interests: VendorSet::read(bits)?,
            restrictions: Restrictions::read(bits)?,
            disclosed,
        })
    }

    /// What the vendor with this id on the global vendor list may do, if it is registered for consent.
    pub fn choices_of(&self, vendor: u16) -> VendorChoices {
        if vendor == 0 || !self.disclosed.contains(vendor) {
            return VendorChoices::default();
        }
        let (not_by_consent, not_by_interest) = self.restrictions.of(vendor);
        let consenting = self.consents.contains(vendor);
        let when = |given: bool, purposes: u32| if given { purposes } else { 0 };
        VendorChoices {
            consent: when(consenting, self.consented & !not_by_consent),
            interest: when(
                self.interests.contains(vendor),
                self.transparent & !not_by_interest,
            ),
            special_features: if consenting { self.special_features } else { 0 },
        }
    }
}

/// The bit of a purpose in a field of 24, the first purpose first; none for a purpose there is not.
pub(super) const fn purpose_bit(purpose: u8) -> u32 {
    if purpose == 0 || purpose > PURPOSES_MAX {
        return 0;
    }
    1 << (PURPOSES_MAX - purpose)
}

/// The publisher's own segment: of no meaning to a vendor, but a string cut inside it is not whole.
fn check_publisher(mut bits: Bits<'_>) -> Option<()> {
    bits.skip(24 + 24)?;
    let custom = bits.small(6)?;
    bits.skip(usize::from(custom) * 2)
}

/// Vendors as a field of bits, or as ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VendorSet<'a> {
    Field { max: u16, bits: Bits<'a> },
    Ranges(Ranges<'a>),
}

impl<'a> VendorSet<'a> {
    fn read(bits: &mut Bits<'a>) -> Option<Self> {
        let max = bits.small(16)?;
        if bits.flag()? {
            return Ranges::read(bits).map(Self::Ranges);
        }
        let field = *bits;
        bits.skip(usize::from(max))?;
        Some(Self::Field { max, bits: field })
    }

    fn contains(&self, vendor: u16) -> bool {
        match self {
            Self::Field { max, bits } => {
                (1..=*max).contains(&vendor) && bits.peek(usize::from(vendor) - 1) == Some(true)
            }
            Self::Ranges(ranges) => ranges.contains(vendor),
        }
    }
}

/// A list of single vendors and of ranges of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranges<'a> {
    entries: u16,
    bits: Bits<'a>,
}

impl<'a> Ranges<'a> {
    fn read(bits: &mut Bits<'a>) -> Option<Self> {
        let entries = bits.small(12)?;
        let ranges = Self {
            entries,
            bits: *bits,
        };
        for _ in 0..entries {
            range(bits)?;
        }
        Some(ranges)
    }

    fn contains(&self, vendor: u16) -> bool {
        let mut bits = self.bits;
        (0..self.entries)
            .map_while(|_| range(&mut bits))
            .any(|(first, last)| (first..=last).contains(&vendor))
    }
}

fn range(bits: &mut Bits<'_>) -> Option<(u16, u16)> {
    let several = bits.flag()?;
    let first = bits.small(16)?;
    let last = if several { bits.small(16)? } else { first };
    (first >= 1 && first <= last).then_some((first, last))
}

/// What the publisher took back, by purpose and vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Restrictions<'a> {
    entries: u16,
    bits: Bits<'a>,
}

impl<'a> Restrictions<'a> {
    fn read(bits: &mut Bits<'a>) -> Option<Self> {
        let entries = bits.small(12)?;
        let restrictions = Self {
            entries,
            bits: *bits,
        };
        for _ in 0..entries {
            restriction(bits)?;
        }
        Some(restrictions)
    }

    /// The purposes that the vendor may not rest on consent, and those not on its legitimate interest.
    fn of(&self, vendor: u16) -> (u32, u32) {
        let mut bits = self.bits;
        let (mut not_by_consent, mut not_by_interest) = (0, 0);
        let entries = (0..self.entries).map_while(|_| restriction(&mut bits));
        for (purpose, kind, vendors) in entries {
            if !vendors.contains(vendor) {
                continue;
            }
            // 0 forbids the purpose, 1 demands consent, 2 demands legitimate interest; 3 is not defined.
            let bit = purpose_bit(purpose);
            if kind != 1 {
                not_by_consent |= bit;
            }
            if kind != 2 {
                not_by_interest |= bit;
            }
        }
        (not_by_consent, not_by_interest)
    }
}

fn restriction<'a>(bits: &mut Bits<'a>) -> Option<(u8, u32, Ranges<'a>)> {
    let purpose = u8::try_from(bits.take(6)?).ok()?;
    let kind = bits.take(2)?;
    Some((purpose, kind, Ranges::read(bits)?))
}

#[cfg(test)]
mod tests;
