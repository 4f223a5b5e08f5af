//! Frequency cap documents, the same on campaigns, line items and creatives.

use domain::FrequencyCap;
use domain::frequency::FREQUENCY_WINDOW_S_MAX;
use serde::{Deserialize, Serialize};

use super::rules::{Checker, FREQUENCY_CAPS_MAX};
use super::words::ScopeWord;

/// At most so many impressions to one user, device or household in any window of so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FrequencyCapDoc {
    /// How many are allowed.
    pub impressions: u32,
    /// The length of the rolling window, in seconds.
    pub window_s: u32,
    /// Whose impressions are counted; the user's when left out.
    #[serde(default)]
    pub per: ScopeWord,
}

impl From<&FrequencyCap> for FrequencyCapDoc {
    fn from(cap: &FrequencyCap) -> Self {
        Self {
            impressions: cap.impressions,
            window_s: cap.window_s,
            per: cap.per.into(),
        }
    }
}

/// The documents of an object's caps.
pub(super) fn docs(caps: &[FrequencyCap]) -> Vec<FrequencyCapDoc> {
    caps.iter().map(FrequencyCapDoc::from).collect()
}

/// The caps that `frequency_caps` says, as far as its rules hold.
pub(super) fn check(caps: Vec<FrequencyCapDoc>, checker: &mut Checker) -> Vec<FrequencyCap> {
    checker.length("frequency_caps", caps.len(), FREQUENCY_CAPS_MAX);
    let rule = "must allow 1 to 10000 impressions in a window of 1 to 2592000 seconds (30 days)";
    checker.list("frequency_caps", caps, rule, |cap| {
        let sound = (1..=10_000).contains(&cap.impressions)
            && (1..=FREQUENCY_WINDOW_S_MAX).contains(&cap.window_s);
        sound.then_some(FrequencyCap {
            impressions: cap.impressions,
            window_s: cap.window_s,
            per: cap.per.into(),
        })
    })
}
