//! Creative documents.

use std::collections::BTreeMap;

use domain::creative::{Approval, Trackers};
use domain::{AdvertiserId, Creative, CreativeFormat, CreativeId};
use serde::{Deserialize, Serialize};

use super::FieldError;
use super::app_store::AppStoreDoc;
use super::frequency::{self, FrequencyCapDoc};
use super::rules::{Checker, is_address};
use super::words::{ApprovalWord, StatusWord};
use declared::{check_approvals, check_categories, check_declared, check_trackers};

mod banner;
mod declared;
mod media;
mod native;
#[cfg(test)]
mod tests;

pub use banner::BannerDoc;
pub use media::{MediaDoc, MediaFileDoc, WrapperDoc};
pub use native::{NativeDoc, PictureDoc};

/// A creative as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreativeDoc {
    /// Given by the store; leave out or 0 to create.
    #[serde(default)]
    pub id: u64,
    /// Its owner.
    pub advertiser_id: u64,
    /// 1 to 200 characters.
    pub name: String,
    /// Whether it may be shown.
    #[serde(default)]
    pub status: StatusWord,
    /// What it is made of.
    pub format: FormatDoc,
    /// Where a click leads: an absolute `https` or `http` address.
    pub click_url: String,
    /// The advertiser's domain, declared to exchanges.
    pub adomain: String,
    /// Categories of the taxonomy, such as `IAB3-1`.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The taxonomy of the categories, of AdCOM's list: 1 when left out, IAB Content Taxonomy 1.0.
    #[serde(default = "content_taxonomy_1")]
    pub category_taxonomy: u32,
    /// OpenRTB creative attributes. 16, that it can be skipped, follows from the format and is not listed.
    #[serde(default)]
    pub attributes: Vec<u32>,
    /// API frameworks of OpenRTB that it needs: it is only shown where the slot has all of them.
    #[serde(default)]
    pub apis: Vec<u32>,
    /// ISO 639-1 language in lower case, such as `en`.
    #[serde(default)]
    pub language: Option<String>,
    /// Its own limits, wherever it is shown; without the id that a limit counts for, it is not shown.
    #[serde(default)]
    pub frequency_caps: Vec<FrequencyCapDoc>,
    /// The app that it advertises in Apple's store, for SKAdNetwork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_store: Option<AppStoreDoc>,
    /// An `https` picture of the ad for the exchanges' review.
    #[serde(default)]
    pub sample_url: Option<String>,
    /// `https` addresses with macros that are loaded when the ad is shown.
    #[serde(default)]
    pub impression_trackers: Vec<String>,
    /// `https` addresses with macros that are loaded when the ad is clicked; not for banners.
    #[serde(default)]
    pub click_trackers: Vec<String>,
    /// What exchanges say of it, by the exchange's name. Only administrators change it.
    #[serde(default)]
    pub approvals: BTreeMap<String, ApprovalDoc>,
}

/// What an exchange says of a creative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApprovalDoc {
    /// Its decision.
    pub state: ApprovalWord,
    /// Its reason, at most 500 characters.
    #[serde(default)]
    pub reason: String,
}

fn content_taxonomy_1() -> u32 {
    declared::CONTENT_TAXONOMY_1
}

/// What a creative is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum FormatDoc {
    /// A banner.
    Banner(BannerDoc),
    /// A linear video ad.
    Video(MediaDoc),
    /// An audio ad.
    Audio(MediaDoc),
    /// A native ad.
    Native(NativeDoc),
}

impl From<&Creative> for CreativeDoc {
    fn from(creative: &Creative) -> Self {
        Self {
            id: creative.id.0,
            advertiser_id: creative.advertiser.0,
            name: creative.name.clone(),
            status: creative.status.into(),
            format: (&creative.format).into(),
            click_url: creative.click_url.clone(),
            adomain: creative.adomain.clone(),
            categories: creative.categories.clone(),
            category_taxonomy: creative.taxonomy,
            attributes: creative.attributes.clone(),
            apis: creative.apis.clone(),
            language: creative.language.clone(),
            frequency_caps: frequency::docs(&creative.frequency_caps),
            app_store: creative.app_store.map(AppStoreDoc::from),
            sample_url: creative.sample_url.clone(),
            impression_trackers: creative.trackers.impression.clone(),
            click_trackers: creative.trackers.click.clone(),
            approvals: creative
                .approvals
                .iter()
                .map(|(exchange, approval)| (exchange.clone(), approval.into()))
                .collect(),
        }
    }
}

impl From<&CreativeFormat> for FormatDoc {
    fn from(format: &CreativeFormat) -> Self {
        match format {
            CreativeFormat::Banner {
                width,
                height,
                markup,
            } => Self::Banner(BannerDoc::of(*width, *height, markup)),
            CreativeFormat::Video(media) => Self::Video(media.into()),
            CreativeFormat::Audio(media) => Self::Audio(media.into()),
            CreativeFormat::Native(assets) => Self::Native(assets.into()),
        }
    }
}

impl From<&Approval> for ApprovalDoc {
    fn from(approval: &Approval) -> Self {
        Self {
            state: approval.state.into(),
            reason: approval.reason.clone(),
        }
    }
}

impl FormatDoc {
    fn check(self, checker: &mut Checker) -> CreativeFormat {
        match self {
            Self::Banner(banner) => banner.check(checker),
            Self::Video(media) => CreativeFormat::Video(media.check(checker, "video")),
            Self::Audio(media) => CreativeFormat::Audio(media.check(checker, "audio")),
            Self::Native(assets) => CreativeFormat::Native(assets.check(checker)),
        }
    }
}

impl CreativeDoc {
    /// The creative, when every rule holds.
    ///
    /// # Errors
    /// Every broken rule with its field.
    pub fn check(self) -> Result<Creative, Vec<FieldError>> {
        let mut checker = Checker::default();
        checker.name(&self.name);
        let address = "must be an absolute https or http address of at most 2048 bytes; percent-encode spaces and quotes";
        checker.ensure(is_address(&self.click_url), "click_url", address);
        checker.domain("adomain", &self.adomain);
        checker.ensure(
            self.language.as_deref().is_none_or(declared::is_language),
            "language",
            "must be an ISO 639-1 code of two lower-case letters, such as en",
        );
        if let Some(url) = &self.sample_url {
            checker.https("sample_url", url);
        }
        let format = self.format.check(&mut checker);
        let frequency_caps = frequency::check(self.frequency_caps, &mut checker);
        let app_store = self.app_store.map(|app| app.check(&mut checker));
        let trackers = Trackers {
            impression: self.impression_trackers,
            click: self.click_trackers,
        };
        check_trackers(&trackers, &format, &mut checker);
        let categories = check_categories(self.categories, self.category_taxonomy, &mut checker);
        check_declared((&self.attributes, &self.apis), &format, &mut checker);
        let approvals = check_approvals(self.approvals, &mut checker);
        checker.finish(Creative {
            id: CreativeId(self.id),
            advertiser: AdvertiserId(self.advertiser_id),
            name: self.name,
            status: self.status.into(),
            format,
            click_url: self.click_url,
            adomain: self.adomain,
            categories,
            taxonomy: self.category_taxonomy,
            attributes: self.attributes,
            apis: self.apis,
            language: self.language,
            frequency_caps,
            app_store,
            sample_url: self.sample_url,
            trackers,
            approvals,
        })
    }
}
