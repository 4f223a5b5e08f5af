//! Apps in Apple's store as documents.

use domain::creative::AppStore;
use serde::{Deserialize, Serialize};

use super::rules::Checker;

/// Largest app number: what every reader of JSON keeps exactly; today's have ten digits.
const ITEM_MAX: u64 = (1 << 53) - 1;

/// The app that a creative advertises in Apple's store, and what SKAdNetwork reports its installs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppStoreDoc {
    /// The app's number in the store.
    pub item: u64,
    /// 1 to 100, for SKAdNetwork before 4.0. This, `source_identifier` or both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<u32>,
    /// 1000 to 9999, for SKAdNetwork from 4.0 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identifier: Option<u32>,
}

impl From<AppStore> for AppStoreDoc {
    fn from(app: AppStore) -> Self {
        Self {
            item: app.item,
            campaign: app.campaign,
            source_identifier: app.source_identifier,
        }
    }
}

impl AppStoreDoc {
    pub(super) fn check(self, checker: &mut Checker) -> AppStore {
        checker.ensure(
            (1..=ITEM_MAX).contains(&self.item),
            "app_store.item",
            "must be the app's number in the store",
        );
        let inside = |number: Option<u32>, least: u32, most: u32| {
            number.is_none_or(|number| (least..=most).contains(&number))
        };
        checker.ensure(
            inside(self.campaign, 1, 100),
            "app_store.campaign",
            "must be 1 to 100",
        );
        checker.ensure(
            inside(self.source_identifier, 1000, 9999),
            "app_store.source_identifier",
            "must have four digits, 1000 to 9999",
        );
        checker.ensure(
            self.campaign.is_some() || self.source_identifier.is_some(),
            "app_store.campaign",
            "must be given unless app_store.source_identifier is",
        );
        AppStore {
            item: self.item,
            campaign: self.campaign,
            source_identifier: self.source_identifier,
        }
    }
}
