//! What a signed-in person may see: the one place that draws the line between advertisers.

use std::sync::Arc;

use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Creative, CreativeId, LineItem,
    LineItemId,
};

use proto::catalogue::FieldError;

use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// The catalogue through one person's eyes. What belongs to others does not exist in it.
pub(crate) struct Seen {
    catalogue: Arc<Catalogue>,
    only: Option<AdvertiserId>,
}

impl Seen {
    /// Reads the catalogue as `identity` may see it. Blocks.
    pub(crate) fn read(app: &App, identity: &Identity) -> Result<Self, Problem> {
        Ok(Self {
            catalogue: app.catalogue()?,
            only: identity.advertiser(),
        })
    }

    fn owns(&self, advertiser: AdvertiserId) -> bool {
        self.only.is_none_or(|only| only == advertiser)
    }

    /// Advertisers by id.
    pub(crate) fn advertisers(&self) -> impl Iterator<Item = &Advertiser> {
        let all = self.catalogue.advertisers.iter();
        all.filter(|advertiser| self.owns(advertiser.id))
    }

    /// Campaigns by id.
    pub(crate) fn campaigns(&self) -> impl Iterator<Item = &Campaign> {
        let all = self.catalogue.campaigns.iter();
        all.filter(|campaign| self.owns(campaign.advertiser))
    }

    /// Line items by id.
    pub(crate) fn line_items(&self) -> impl Iterator<Item = &LineItem> {
        let all = self.catalogue.line_items.iter();
        all.filter(|line_item| self.campaign(line_item.campaign).is_ok())
    }

    /// Creatives by id.
    pub(crate) fn creatives(&self) -> impl Iterator<Item = &Creative> {
        let all = self.catalogue.creatives.iter();
        all.filter(|creative| self.owns(creative.advertiser))
    }

    /// One advertiser.
    pub(crate) fn advertiser(&self, id: AdvertiserId) -> Result<&Advertiser, Problem> {
        let found = find(&self.catalogue.advertisers, |a| a.id.cmp(&id));
        found.filter(|a| self.owns(a.id)).ok_or(Problem::NotFound)
    }

    /// One campaign.
    pub(crate) fn campaign(&self, id: CampaignId) -> Result<&Campaign, Problem> {
        let found = find(&self.catalogue.campaigns, |c| c.id.cmp(&id));
        found
            .filter(|c| self.owns(c.advertiser))
            .ok_or(Problem::NotFound)
    }

    /// One line item.
    pub(crate) fn line_item(&self, id: LineItemId) -> Result<&LineItem, Problem> {
        let found = find(&self.catalogue.line_items, |l| l.id.cmp(&id));
        found
            .filter(|l| self.campaign(l.campaign).is_ok())
            .ok_or(Problem::NotFound)
    }

    /// What keeps a line item from ever matching.
    pub(crate) fn warnings(&self, line_item: &LineItem) -> Vec<FieldError> {
        let creatives = line_item.creatives.iter();
        let creatives: Vec<_> = creatives.filter_map(|id| self.creative(*id).ok()).collect();
        proto::catalogue::warnings(line_item, &creatives)
    }

    /// One creative.
    pub(crate) fn creative(&self, id: CreativeId) -> Result<&Creative, Problem> {
        let found = find(&self.catalogue.creatives, |c| c.id.cmp(&id));
        found
            .filter(|c| self.owns(c.advertiser))
            .ok_or(Problem::NotFound)
    }

    /// The line items of one campaign.
    pub(crate) fn line_items_of(&self, id: CampaignId) -> impl Iterator<Item = &LineItem> {
        let seen = self.campaign(id).is_ok();
        let all = self.catalogue.line_items.iter();
        all.filter(move |item| seen && item.campaign == id)
    }

    /// The campaigns of one advertiser.
    pub(crate) fn campaigns_of(&self, id: AdvertiserId) -> impl Iterator<Item = &Campaign> {
        self.campaigns().filter(move |one| one.advertiser == id)
    }

    /// The creatives of one advertiser.
    pub(crate) fn creatives_of(&self, id: AdvertiserId) -> impl Iterator<Item = &Creative> {
        self.creatives().filter(move |one| one.advertiser == id)
    }
}

fn find<T>(sorted: &[T], order: impl FnMut(&T) -> std::cmp::Ordering) -> Option<&T> {
    let index = sorted.binary_search_by(order).ok()?;
    sorted.get(index)
}
