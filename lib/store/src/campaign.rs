//! Campaigns as the console edits them and the bidder reads them.

use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Creative, CreativeId, LineItem,
    LineItemId,
};

use proto::catalogue::{AdvertiserDoc, CampaignDoc, CreativeDoc, FieldError, LineItemDoc};

use crate::StoreError;

/// The catalogue. Every change is one transaction that also raises the revision; ids of new objects are
/// given by the store (pass id 0), so `put` with id 0 creates and with a known id replaces. Ids start at 1 for
/// each kind and are never given twice. Every `put` refuses as `Invalid` what `proto::catalogue` would, so that
/// whatever is stored can be shown, edited and read back.
pub trait CampaignStore: Send + Sync {
    /// Grows with every change; cheap enough to ask ten times a second.
    ///
    /// # Errors
    /// When the storage fails.
    fn revision(&self) -> Result<u64, StoreError>;

    /// A consistent copy of everything.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    fn catalogue(&self) -> Result<Catalogue, StoreError>;

    /// Creates (id 0) or replaces an advertiser.
    ///
    /// # Errors
    /// `NotFound` for an unknown id; `Invalid`; `Storage`.
    fn put_advertiser(&self, advertiser: &Advertiser) -> Result<AdvertiserId, StoreError>;

    /// Creates or replaces a campaign. Its advertiser must exist.
    ///
    /// # Errors
    /// `NotFound` for an unknown id or advertiser; `Invalid`; `Storage`.
    fn put_campaign(&self, campaign: &Campaign) -> Result<CampaignId, StoreError>;

    /// Creates or replaces a line item. Its campaign and creatives must exist.
    ///
    /// # Errors
    /// `NotFound` for an unknown id, campaign or creative; `Invalid`; `Storage`.
    fn put_line_item(&self, line_item: &LineItem) -> Result<LineItemId, StoreError>;

    /// Creates or replaces a creative. Its advertiser must exist.
    ///
    /// # Errors
    /// `NotFound` for an unknown id or advertiser; `Invalid`; `Storage`.
    fn put_creative(&self, creative: &Creative) -> Result<CreativeId, StoreError>;
}

/// The advertiser's document, when every rule holds.
///
/// # Errors
/// `Invalid` with the first broken rule.
pub fn advertiser_doc(advertiser: &Advertiser) -> Result<AdvertiserDoc, StoreError> {
    let doc = AdvertiserDoc::from(advertiser);
    refused("advertiser", doc.clone().check()).map(|_| doc)
}

/// The campaign's document, when every rule holds.
///
/// # Errors
/// `Invalid` with the first broken rule.
pub fn campaign_doc(campaign: &Campaign) -> Result<CampaignDoc, StoreError> {
    let doc = CampaignDoc::from(campaign);
    refused("campaign", doc.clone().check()).map(|_| doc)
}

/// The line item's document, when every rule holds.
///
/// # Errors
/// `Invalid` with the first broken rule.
pub fn line_item_doc(line_item: &LineItem) -> Result<LineItemDoc, StoreError> {
    let doc = LineItemDoc::from(line_item);
    refused("line item", doc.clone().check()).map(|_| doc)
}

/// The creative's document, when every rule holds.
///
/// # Errors
/// `Invalid` with the first broken rule.
pub fn creative_doc(creative: &Creative) -> Result<CreativeDoc, StoreError> {
    let doc = CreativeDoc::from(creative);
    refused("creative", doc.clone().check()).map(|_| doc)
}

fn refused<T>(what: &'static str, checked: Result<T, Vec<FieldError>>) -> Result<T, StoreError> {
    checked.map_err(|errors| StoreError::Invalid {
        field: what,
        rule: errors.first().map_or_else(String::new, ToString::to_string),
    })
}
