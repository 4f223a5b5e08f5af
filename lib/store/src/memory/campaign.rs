//! The catalogue in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Creative, CreativeId, LineItem,
    LineItemId,
};
use parking_lot::Mutex;

use crate::StoreError;
use crate::campaign::{CampaignStore, advertiser_doc, campaign_doc, creative_doc, line_item_doc};

/// A catalogue that lives as long as its last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryCampaigns {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    revision: u64,
    advertisers: Objects<Advertiser>,
    campaigns: Objects<Campaign>,
    line_items: Objects<LineItem>,
    creatives: Objects<Creative>,
}

/// Objects of one kind; nothing is ever deleted, so the next id is one above the last.
#[derive(Debug)]
struct Objects<T> {
    what: &'static str,
    by_id: BTreeMap<u64, T>,
}

impl<T> Objects<T> {
    fn check(&self, id: u64) -> Result<(), StoreError> {
        if self.by_id.contains_key(&id) {
            return Ok(());
        }
        Err(StoreError::NotFound {
            what: self.what,
            id,
        })
    }

    /// The id to store under: the next free one for 0, else a known one.
    fn place(&self, id: u64) -> Result<u64, StoreError> {
        if id == 0 {
            return Ok(self.by_id.last_key_value().map_or(1, |(last, _)| last + 1));
        }
        self.check(id).map(|()| id)
    }
}

macro_rules! objects_default {
    ($($object:ident = $what:literal),+ $(,)?) => {$(
        impl Default for Objects<$object> {
            fn default() -> Self {
                Self { what: $what, by_id: BTreeMap::new() }
            }
        }
    )+};
}
objects_default!(
    Advertiser = "advertiser",
    Campaign = "campaign",
    LineItem = "line item",
    Creative = "creative",
);

impl MemoryCampaigns {
    /// An empty catalogue.
    pub fn new() -> Self {
        Self::default()
    }
}

impl CampaignStore for MemoryCampaigns {
    fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.inner.lock().revision)
    }

    fn catalogue(&self) -> Result<Catalogue, StoreError> {
        let inner = self.inner.lock();
        Ok(Catalogue {
            revision: inner.revision,
            advertisers: inner.advertisers.by_id.values().cloned().collect(),
            campaigns: inner.campaigns.by_id.values().cloned().collect(),
            line_items: inner.line_items.by_id.values().cloned().collect(),
            creatives: inner.creatives.by_id.values().cloned().collect(),
        })
    }

    fn put_advertiser(&self, advertiser: &Advertiser) -> Result<AdvertiserId, StoreError> {
        advertiser_doc(advertiser)?;
        let mut inner = self.inner.lock();
        let id = inner.advertisers.place(advertiser.id.0)?;
        let mut advertiser = advertiser.clone();
        advertiser.id = AdvertiserId(id);
        inner.advertisers.by_id.insert(id, advertiser);
        inner.revision += 1;
        Ok(AdvertiserId(id))
    }

    fn put_campaign(&self, campaign: &Campaign) -> Result<CampaignId, StoreError> {
        campaign_doc(campaign)?;
        let mut inner = self.inner.lock();
        let id = inner.campaigns.place(campaign.id.0)?;
        inner.advertisers.check(campaign.advertiser.0)?;
        let mut campaign = campaign.clone();
        campaign.id = CampaignId(id);
        inner.campaigns.by_id.insert(id, campaign);
        inner.revision += 1;
        Ok(CampaignId(id))
    }

    fn put_line_item(&self, line_item: &LineItem) -> Result<LineItemId, StoreError> {
        line_item_doc(line_item)?;
        let mut inner = self.inner.lock();
        let id = inner.line_items.place(line_item.id.0)?;
        inner.campaigns.check(line_item.campaign.0)?;
        for creative in &line_item.creatives {
            inner.creatives.check(creative.0)?;
        }
        let mut line_item = line_item.clone();
        line_item.id = LineItemId(id);
        inner.line_items.by_id.insert(id, line_item);
        inner.revision += 1;
        Ok(LineItemId(id))
    }

    fn put_creative(&self, creative: &Creative) -> Result<CreativeId, StoreError> {
        creative_doc(creative)?;
        let mut inner = self.inner.lock();
        let id = inner.creatives.place(creative.id.0)?;
        inner.advertisers.check(creative.advertiser.0)?;
        let mut creative = creative.clone();
        creative.id = CreativeId(id);
        inner.creatives.by_id.insert(id, creative);
        inner.revision += 1;
        Ok(CreativeId(id))
    }
}
