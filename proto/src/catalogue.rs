//! Catalogue documents: advertisers, campaigns, line items and creatives as JSON, for the REST API and the disk.
//!
//! A document is what a caller wrote; `check` turns it into the domain's value or says, field by field, what
//! to change. `From<&domain>` goes the other way and never fails. Money is integer micros, times are
//! milliseconds since 1970, enums are lower-case words, and unknown fields are refused.

mod app_store;
mod campaign;
mod creative;
mod frequency;
mod line_item;
mod rules;
mod targeting;
#[cfg(test)]
mod tests;
mod warnings;
mod words;

use serde::{Deserialize, Serialize};

pub use app_store::AppStoreDoc;
pub use campaign::{AdvertiserDoc, CampaignDoc};
pub use creative::{
    ApprovalDoc, BannerDoc, CreativeDoc, FormatDoc, MediaDoc, MediaFileDoc, NativeDoc, PictureDoc,
    WrapperDoc,
};
pub use frequency::FrequencyCapDoc;
pub use line_item::{BidDoc, DealsDoc, LineItemDoc, RotationDoc};
pub use rules::{
    ADDRESS_BYTES_MAX, AMOUNT_MICROS_MAX, CREATIVES_MAX, DEALS_MAX, FLIGHT_END_MS_MAX,
    FREQUENCY_CAPS_MAX, NAME_CHARS_MAX, is_address, is_domain, parse_size,
};
pub use targeting::{GroupDoc, IsDoc, ModifierDoc, RuleDoc, TargetingDoc, ValueDoc};
pub use warnings::warnings;
pub use words::{
    ApprovalWord, BidWord, DealsWord, GoalWord, PlanWord, RotationWord, ScopeWord, StatusWord,
};

/// One rule that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Where, such as `targeting.countries.include[3]`.
    pub field: String,
    /// What it must be.
    pub rule: String,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.rule)
    }
}
