//! The four media, and what a slot for moving pictures or sound asks of an ad's length.

use domain::Micros;
use serde_json::Value;

use super::json::{integers, items, number, price};
use super::{Rule, banner, native, vast};
use crate::render::{Markup, elements, kind};

/// The four kinds of ad, numbered as `mtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Banner,
    Video,
    Audio,
    Native,
}

pub(super) type Broken = Vec<(Rule, String)>;

impl Medium {
    pub(super) const ALL: [Self; 4] = [Self::Banner, Self::Video, Self::Audio, Self::Native];

    /// The impression's field that offers it.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Native => "native",
        }
    }

    /// Its `mtype`.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Banner => 1,
            Self::Video => 2,
            Self::Audio => 3,
            Self::Native => 4,
        }
    }

    /// Whether an ad of it lasts a time.
    pub(super) fn is_timed(self) -> bool {
        matches!(self, Self::Video | Self::Audio)
    }

    /// Whether markup is of this medium.
    pub(super) fn fits(self, markup: &str) -> bool {
        match self {
            Self::Banner => kind(markup) == Markup::Html,
            Self::Video | Self::Audio => kind(markup) == Markup::Vast,
            Self::Native => kind(markup) == Markup::Native,
        }
    }

    /// The rules of this medium, which is offered by a field of `imp`.
    pub(super) fn check(
        self,
        offer: &Value,
        (imp, bid): (&Value, &Value),
        markup: &str,
        broken: &mut Broken,
    ) {
        match self {
            Self::Banner => banner::check(offer, bid, markup, broken),
            Self::Video | Self::Audio => vast::check((offer, imp), bid, markup, broken),
            Self::Native => native::check(offer, markup, broken),
        }
    }
}

/// Whether an ad of this length may play: exact lengths win over a range, which may be extended.
pub(super) fn accepts_duration(offer: &Value, seconds: f64) -> bool {
    let in_pod = number(&offer["poddur"]).is_none_or(|whole| seconds <= whole);
    let required = integers(&offer["rqddurs"]);
    if !required.is_empty() {
        return in_pod && required.iter().any(|required| *required as f64 == seconds);
    }
    let extension = number(&offer["maxextended"]).unwrap_or(0.0);
    let in_range = seconds >= number(&offer["minduration"]).unwrap_or(0.0)
        && number(&offer["maxduration"])
            .is_none_or(|most| extension < 0.0 || seconds <= most + extension);
    in_pod && in_range
}

/// `HH:MM:SS` or `HH:MM:SS.mmm` in seconds.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':');
    let mut next = || parts.next()?.parse::<f64>().ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Some(hours * 3600.0 + minutes * 60.0 + seconds)
}

/// The floor that a slot or a deal sets by the ad's length.
pub(super) fn duration_floor(owner: &Value, bid: &Value) -> Option<Micros> {
    let markup = bid["adm"].as_str().unwrap_or_default();
    let length = number(&bid["dur"]).or_else(|| {
        elements(markup, "Duration")
            .first()
            .and_then(|text| seconds(text))
    })?;
    let of_range = items(&owner["durfloors"]).iter().find(|range| {
        let least = number(&range["mindur"]).unwrap_or(0.0);
        let most = number(&range["maxdur"]).unwrap_or(f64::INFINITY);
        (least..=most).contains(&length)
    });
    let per_second = price(&owner["mincpmpersec"]);
    of_range.map(|range| price(&range["bidfloor"])).or_else(|| {
        let whole = Micros(per_second.0.saturating_mul(length.ceil() as i64));
        (per_second > Micros::ZERO).then_some(whole)
    })
}
