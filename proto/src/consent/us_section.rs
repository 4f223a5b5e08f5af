//! The GPP sections of the USA: the national one and those of the states, each a row of two-bit answers.
//!
//! After IAB Tech Lab, "Sections/US-National" and "Sections/US-States" of the Global Privacy Platform. The sections 24 to 27
//! are published with a header before their core, and written without one by the reference implementation: both are read.

use super::Undecodable;
use super::bits::Bits;
use super::gpp::US_NATIONAL;

/// What a section says, reduced to what a buyer must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsChoices {
    /// Opted out of sale, sharing or targeted advertising, by a choice or by Global Privacy Control; or a notice
    /// that must come before was not given, or the seller acts for somebody who may not sell.
    pub opted_out: bool,
    /// Personal data of somebody known to be a child.
    pub child: bool,
    /// Sensitive data whose use is refused.
    pub sensitive: bool,
}

/// How many answers of each kind a section's core holds, in this order.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Whether the two answers on the agreement between the parties come first, rather than three at the end.
    agreement_first: bool,
    notices: u8,
    opt_outs: u8,
    sensitive: u8,
    child: u8,
    /// Consent to other uses of personal data.
    personal: u8,
    /// What a further segment of type-less bits holds: answers on sensitive data. 0: segments have types.
    sensitive_after: u8,
}

const fn layout(notices: u8, opt_outs: u8, sensitive: u8, child: u8, personal: u8) -> Layout {
    Layout {
        agreement_first: false,
        notices,
        opt_outs,
        sensitive,
        child,
        personal,
        sensitive_after: 0,
    }
}

const fn later(child: u8, sensitive_after: u8) -> Layout {
    Layout {
        agreement_first: true,
        sensitive_after,
        ..layout(3, 2, 0, child, 1)
    }
}

/// The layout of a section in a version; `None` for one that is not known.
fn layout_of(section: u32, version: u32) -> Option<Layout> {
    match (section, version) {
        (US_NATIONAL, 1) => return Some(layout(6, 3, 12, 2, 1)),
        (US_NATIONAL, 2) => return Some(layout(6, 3, 16, 3, 1)),
        (_, 1) => {}
        _ => return None,
    }
    Some(match section {
        // California.
        8 => layout(3, 2, 9, 2, 1),
        // Virginia, Colorado, Utah, Connecticut.
        9 => layout(3, 2, 8, 1, 0),
        10 => layout(3, 2, 7, 1, 0),
        11 => layout(4, 2, 8, 1, 0),
        12 => layout(3, 2, 8, 3, 0),
        // Florida, Montana and New Hampshire; Oregon.
        13 | 14 | 20 => layout(3, 2, 8, 3, 1),
        15 => layout(3, 2, 11, 3, 1),
        // Texas, Nebraska, Tennessee, Minnesota.
        16 | 19 | 22 | 23 => layout(3, 2, 8, 1, 1),
        // Delaware, Iowa, New Jersey.
        17 => layout(3, 2, 9, 5, 1),
        18 => layout(4, 2, 8, 1, 0),
        21 => layout(3, 2, 10, 5, 1),
        // Maryland; Indiana, Kentucky and Rhode Island.
        24 => later(0, 0),
        25..=27 => later(1, 8),
        _ => return None,
    })
}

impl UsChoices {
    /// Reads the section with this id: 7 for the whole country, 8 to 27 for a state.
    ///
    /// # Errors
    /// When there is no such section, its version is not known, it is cut, or an answer is none of those defined.
    pub fn parse(section: u32, text: &str) -> Result<Self, Undecodable> {
        Self::read(section, text).ok_or(Undecodable)
    }

    fn read(section: u32, text: &str) -> Option<Self> {
        let mut segments = text.split('.');
        let mut core = Bits::of(segments.next()?)?;
        let mut version = core.take(6)?;
        if (24..=27).contains(&section) && version == section {
            // A header: the section's id and its version. Then the core, with the agreement's version.
            if core.take(6)? != 1 {
                return None;
            }
            core = Bits::of(segments.next()?)?;
            version = core.take(6)?;
        }
        let layout = layout_of(section, version)?;
        let mut choices = Self::read_core(&mut core, layout)?;
        for segment in segments {
            choices.read_more(Bits::of(segment)?, layout)?;
        }
        Some(choices)
    }

    fn read_core(bits: &mut Bits<'_>, layout: Layout) -> Option<Self> {
        let mut choices = Self::default();
        if layout.agreement_first {
            let [_, mode] = [answer(bits)?, answer(bits)?];
            choices.opted_out |= mode == SERVICE_PROVIDER_MODE;
        }
        choices.opted_out |= any(bits, layout.notices, |notice| notice == NO_NOTICE)?;
        choices.opted_out |= any(bits, layout.opt_outs, |choice| choice == OPTED_OUT)?;
        choices.sensitive |= any(bits, layout.sensitive, |choice| choice == OPTED_OUT)?;
        choices.child |= any(bits, layout.child, |choice| choice != NOT_APPLICABLE)?;
        choices.opted_out |= any(bits, layout.personal, |choice| choice == NO_CONSENT)?;
        if !layout.agreement_first {
            let [_, _, service_provider] = [answer(bits)?, answer(bits)?, answer(bits)?];
            choices.opted_out |= service_provider == YES;
        }
        Some(choices)
    }

    /// A segment after the core: Global Privacy Control, or sensitive data in the sections that keep it apart.
    fn read_more(&mut self, mut bits: Bits<'_>, layout: Layout) -> Option<()> {
        if layout.sensitive_after > 0 {
            self.sensitive |= any(&mut bits, layout.sensitive_after, |c| c == NO_CONSENT)?;
            return Some(());
        }
        // Type 1 is Global Privacy Control; no other is defined.
        (bits.take(2)? == 1).then_some(())?;
        self.opted_out |= bits.flag()?;
        Some(())
    }
}

const NOT_APPLICABLE: u32 = 0;
/// On a choice: opted out, or no consent given.
const OPTED_OUT: u32 = 1;
const NO_CONSENT: u32 = 1;
const YES: u32 = 1;
const NO_NOTICE: u32 = 2;
const SERVICE_PROVIDER_MODE: u32 = 2;

/// One answer of two bits; 3 is not defined anywhere.
fn answer(bits: &mut Bits<'_>) -> Option<u32> {
    bits.take(2).filter(|answer| *answer != 3)
}

/// Whether one of the next `count` answers is such; all of them are read.
fn any(bits: &mut Bits<'_>, count: u8, such: impl Fn(u32) -> bool) -> Option<bool> {
    let mut met = false;
    for _ in 0..count {
        met |= such(answer(bits)?);
    }
    Some(met)
}

#[cfg(test)]
mod tests;
