//! Campaigns as the console edits them and the bidder reads them.

use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Creative, CreativeId, LineItem,
    LineItemId,
};

use crate::StoreError;

/// The catalogue. Every change is one transaction that also raises the revision; ids of new objects are
/// given by the store (pass id 0), so `put` with id 0 creates and with a known id replaces.
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
    /// `NotFound` for an unknown id; `Storage`.
    fn put_advertiser(&self, advertiser: &Advertiser) -> Result<AdvertiserId, StoreError>;

    /// Creates or replaces a campaign. Its advertiser must exist.
    ///
    /// # Errors
    /// `NotFound` for an unknown id or advertiser; `Storage`.
    fn put_campaign(&self, campaign: &Campaign) -> Result<CampaignId, StoreError>;

    /// Creates or replaces a line item. Its campaign and creatives must exist.
    ///
    /// # Errors
    /// `NotFound` for an unknown id, campaign or creative; `Storage`.
    fn put_line_item(&self, line_item: &LineItem) -> Result<LineItemId, StoreError>;

    /// Creates or replaces a creative. Its advertiser must exist.
    ///
    /// # Errors
    /// `NotFound` for an unknown id or advertiser; `Storage`.
    fn put_creative(&self, creative: &Creative) -> Result<CreativeId, StoreError>;
}
