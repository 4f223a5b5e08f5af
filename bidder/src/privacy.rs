//! Whether a request's user data may be used, and for what: a verdict that errs on the side of privacy.

use proto::consent::gpp::{CANADA_TCF, EU_TCF, US_NATIONAL, US_PRIVACY, US_STATES_END};
use proto::consent::{Gpp, TcString, Undecodable, UsChoices, UsPrivacy, VendorChoices, canada};
use proto::openrtb::Signal;

/// Purposes of the TCF: store or read an id, plain ads, profile for ads, ads by profile, measure ads.
const STORE: u8 = 1;
const PLAIN: u8 = 2;
const MAKE_PROFILE: u8 = 3;
const USE_PROFILE: u8 = 4;
const MEASURE: u8 = 7;
/// The special feature of the TCF: precise geolocation.
const PRECISE_LOCATION: u8 = 1;

/// The signals of one request, from wherever it carries them; of two that disagree the stricter.
#[derive(Debug, Clone, Copy)]
pub struct Signals<'a> {
    /// `regs.coppa`.
    pub coppa: bool,
    /// `regs.gdpr` or `regs.ext.gdpr`.
    pub gdpr: bool,
    /// The TC string of `user.consent` or `user.ext.consent`.
    pub consent: &'a Signal<'a>,
    /// The US privacy string.
    pub us_privacy: &'a Signal<'a>,
    /// The GPP string.
    pub gpp: &'a Signal<'a>,
    /// The sections of it that apply; -1 says that none does.
    pub sections: &'a [i32],
    /// `device.lmt`, `device.dnt` or `regs.gpc`.
    pub limited: bool,
}

/// What was decided, as it goes into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whether ids may be read, used for frequency caps and stored.
    pub user_allowed: bool,
    /// Whether segments and what is known of the user may choose and price ads.
    pub profile_allowed: bool,
    /// Whether what the user does with the ad may be measured for this user.
    pub measure_allowed: bool,
    /// Whether a place more precise than a region may be used.
    pub location_allowed: bool,
    /// The request is for children.
    pub coppa: bool,
    /// The GDPR applies.
    pub gdpr: bool,
    /// Canada's law applies.
    pub canada: bool,
    /// The user opted out: US privacy, GPP, limited tracking.
    pub opted_out: bool,
}

/// Decides for us as `vendor` of the TCF's list. Without an id there no consent can be given to us.
pub fn decide(signals: &Signals<'_>, vendor: Option<u16>) -> Verdict {
    let gpp = signals.gpp.as_str().map(Gpp::parse);
    let opted_out =
        signals.limited || sale_opted_out(signals.us_privacy) || gpp_opted_out(signals, gpp);
    let in_force = |section: u32| signals.sections.contains(&(section as i32));
    let verdict = Verdict {
        coppa: signals.coppa,
        gdpr: signals.gdpr || in_force(EU_TCF),
        canada: in_force(CANADA_TCF),
        opted_out,
        ..Verdict::default()
    };
    if verdict.coppa || verdict.opted_out {
        return verdict;
    }
    let mut verdict = Verdict {
        user_allowed: true,
        profile_allowed: true,
        measure_allowed: true,
        location_allowed: true,
        ..verdict
    };
    if verdict.gdpr {
        let listed = gpp.filter(|_| in_force(EU_TCF));
        let choices = consent(signals.consent, listed, vendor);
        verdict.restrict(choices.unwrap_or_default(), STORE);
    }
    if verdict.canada {
        let section = gpp.and_then(|gpp| gpp.ok()?.section(CANADA_TCF));
        let choices = section
            .zip(vendor)
            .and_then(|(text, vendor)| canada::choices(text, vendor).ok());
        verdict.restrict(choices.unwrap_or_default(), PLAIN);
    }
    verdict
}

impl Verdict {
    /// Leaves what the user consents to. `known` is the purpose without which nobody may be recognised: Canada has
    /// none for storing, and plain ads are those whose frequency is counted.
    fn restrict(&mut self, choices: VendorChoices, known: u8) {
        let and = |purpose| choices.consents_to(known) && choices.consents_to(purpose);
        self.user_allowed &= choices.consents_to(known);
        self.profile_allowed &= and(MAKE_PROFILE) && and(USE_PROFILE);
        self.measure_allowed &= and(MEASURE);
        self.location_allowed &=
            choices.consents_to(known) && choices.opted_in_to(PRECISE_LOCATION);
    }
}

/// What the user lets us do, by all strings that speak of it; `None` as soon as one of them cannot be read.
fn consent(
    own: &Signal<'_>,
    listed: Option<Result<Gpp<'_>, Undecodable>>,
    vendor: Option<u16>,
) -> Option<VendorChoices> {
    let vendor = vendor?;
    let choices = |text: &str| {
        TcString::parse(text)
            .ok()
            .map(|string| string.choices_of(vendor))
    };
    let own = match own {
        Signal::Absent => None,
        Signal::Text(text) => Some(choices(text)?),
        Signal::Unreadable => return None,
    };
    let listed = match listed {
        None => None,
        Some(gpp) => Some(choices(gpp.ok()?.section(EU_TCF)?)?),
    };
    match (own, listed) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.or(other),
    }
}

fn sale_opted_out(us_privacy: &Signal<'_>) -> bool {
    match us_privacy {
        Signal::Absent => false,
        Signal::Text(text) => forbids_sale(text),
        Signal::Unreadable => true,
    }
}

fn forbids_sale(text: &str) -> bool {
    !matches!(
        UsPrivacy::parse(text),
        Ok(UsPrivacy::NotApplicable | UsPrivacy::SaleAllowed)
    )
}

/// Whether a section in force refuses or cannot be read; a string without a list of sections says nothing that counts.
fn gpp_opted_out(signals: &Signals<'_>, gpp: Option<Result<Gpp<'_>, Undecodable>>) -> bool {
    if *signals.gpp == Signal::Unreadable || (gpp.is_some() && signals.sections.is_empty()) {
        return true;
    }
    let mut in_force = signals
        .sections
        .iter()
        .filter_map(|id| u32::try_from(*id).ok());
    in_force.any(|id| match (id, gpp) {
        // The sections of Europe and Canada ask for consent instead; no section has the number 0.
        (0 | EU_TCF | CANADA_TCF, _) => false,
        (_, Some(Ok(gpp))) => gpp
            .section(id)
            .is_none_or(|text| section_opted_out(id, text)),
        _ => true,
    })
}

fn section_opted_out(id: u32, text: &str) -> bool {
    match id {
        US_PRIVACY => forbids_sale(text),
        US_NATIONAL..=US_STATES_END => {
            UsChoices::parse(id, text).map_or(true, |choices| choices != UsChoices::default())
        }
        // Others are not known.
        _ => true,
    }
}

#[cfg(test)]
mod tests;
