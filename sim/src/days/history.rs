//! Bids without predictions: each line item's own click and purchase rates so far, as a price per mille.

use ctr_model::model::{PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE};
use domain::{BidModel, Cpm, Micros};
use store::StoreError;
use store::campaign::CampaignStore;
use store::memory::MemoryCampaigns;

use super::catalogue::Catalogue;

/// The rate that a model begins with counts as much as so many clicks.
const PRIOR_CLICKS: f64 = 2.0;
/// The same of purchases.
const PRIOR_PURCHASES: f64 = 1.0;

/// What a line item's impressions came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// Shown.
    pub(super) impressions: u64,
    /// Clicked.
    pub(super) clicks: u64,
    /// Clicks so old that nearly all their purchases have been made.
    pub(super) ripe_clicks: u64,
    /// Purchases of those.
    pub(super) purchases: u64,
}

impl Past {
    fn click_rate(&self) -> f64 {
        let prior = f64::from(PRIOR_CLICK_RATE);
        (self.clicks as f64 + PRIOR_CLICKS) / (self.impressions as f64 + PRIOR_CLICKS / prior)
    }

    fn purchase_rate(&self) -> f64 {
        let prior = f64::from(PRIOR_CONVERSION_RATE);
        (self.purchases as f64 + PRIOR_PURCHASES)
            / (self.ripe_clicks as f64 + PRIOR_PURCHASES / prior)
    }

    /// The price per mille of what a line item pays for.
    fn bid(&self, pays: BidModel) -> BidModel {
        let per_impression = match pays {
            BidModel::Cpc(micros) => micros.0 as f64 * self.click_rate(),
            BidModel::Cpa(micros) => micros.0 as f64 * self.click_rate() * self.purchase_rate(),
            BidModel::Cpm(_) => return pays,
        };
        BidModel::Cpm(Cpm(Micros((per_impression * 1_000.0) as i64)))
    }
}

/// The bid of a line item without a past.
pub(super) fn first_bid(pays: BidModel) -> BidModel {
    Past::default().bid(pays)
}

/// Sets every line item's bid by its past.
pub(super) fn reprice(
    all: &mut Catalogue,
    pasts: &[Past],
    store: &MemoryCampaigns,
) -> Result<(), StoreError> {
    for (item, past) in all.items.iter_mut().zip(pasts) {
        let bid = past.bid(item.pays);
        if item.item.bid != bid {
            item.item.bid = bid;
            store.put_line_item(&item.item)?;
        }
    }
    Ok(())
}
