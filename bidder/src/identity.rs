//! Which device and which household a request names, for frequency caps.
//!
//! A device is known by `device.ifa`, else by an extended id that its issuer declares to be one of a device or of an
//! app on it (`atype` 1 or 2). A household is known only by extended ids of sources that the operator has listed
//! as naming homes. Addresses and user agents name neither: an office or a carrier shares one address among
//! thousands, a truncated one covers whole streets, and both would follow people who have reset their id.

use domain::{IdScope, UserKey};
use proto::openrtb::BidRequest;

use crate::facts::{Reader, RequestFacts};
use crate::people::Keys;
use crate::pseudonym::{IdSource, names_somebody};

/// `atype` of an id tied to one browser or device.
const ATYPE_DEVICE: u32 = 1;
/// `atype` of a device's id as apps see it.
const ATYPE_APP: u32 = 2;

/// Which ids some cap asks for, beside the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    /// Some cap counts per device.
    pub device: bool,
    /// Some cap counts per household.
    pub household: bool,
}

impl Scopes {
    /// Adds what a cap counts for.
    pub fn add(&mut self, per: IdScope) {
        match per {
            IdScope::User => {}
            IdScope::Device => self.device = true,
            IdScope::Household => self.household = true,
        }
    }
}

/// The pseudonyms of a request, as far as its privacy signals let ids be used; only those that some cap asks for.
pub fn keys_of(
    request: &BidRequest<'_>,
    reader: Reader<'_>,
    (facts, scopes): (&RequestFacts<'_>, Scopes),
) -> Keys {
    let allowed = facts.privacy.user_allowed;
    let device = (allowed && scopes.device).then(|| device(request, reader));
    let household = (allowed && scopes.household).then(|| household(request, reader));
    [facts.user, device.flatten(), household.flatten()]
}

fn device(request: &BidRequest<'_>, reader: Reader<'_>) -> Option<UserKey> {
    let pseudonyms = reader.pseudonyms;
    if let Some(id) = request.device.ifa.filter(|id| names_somebody(id)) {
        return Some(pseudonyms.of_lower(IdSource::CapDevice(""), id));
    }
    let of_device = |atype| matches!(atype, Some(ATYPE_DEVICE | ATYPE_APP));
    let (source, id) = best(request, |source, atype| {
        of_device(atype).then_some(())?;
        rank(reader.eid_sources, source)
    })?;
    Some(pseudonyms.of(IdSource::CapDevice(source), id))
}

fn household(request: &BidRequest<'_>, reader: Reader<'_>) -> Option<UserKey> {
    let listed = |source: &str, _| {
        reader
            .household_sources
            .iter()
            .position(|own| own == source)
    };
    let (source, id) = best(request, listed)?;
    Some(reader.pseudonyms.of(IdSource::Household(source), id))
}

fn rank(listed: &[String], source: &str) -> Option<usize> {
    match listed {
        [] => Some(0),
        listed => listed.iter().position(|own| own == source),
    }
}

/// The extended id of the lowest rank; between equals the source decides, so that the order in a request does not.
fn best<'a>(
    request: &BidRequest<'a>,
    rank: impl Fn(&str, Option<u32>) -> Option<usize>,
) -> Option<(&'a str, &'a str)> {
    let ids = request.user.eids.iter().flat_map(|eid| {
        let uids = eid.uids.iter();
        uids.map(move |uid| (eid.source, uid.id, uid.atype))
    });
    let usable = ids.filter_map(|(source, id, atype)| {
        let rank = rank(source, atype).filter(|_| names_somebody(id))?;
        Some((rank, source, id))
    });
    usable.min().map(|(_, source, id)| (source, id))
}
