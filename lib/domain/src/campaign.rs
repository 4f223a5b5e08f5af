//! Advertisers, campaigns and line items as plain values.

use crate::frequency::FrequencyCap;
use crate::ids::{AdvertiserId, CampaignId, CreativeId, LineItemId};
use crate::money::{Cpm, Currency, Micros};
use crate::targeting::Targeting;
use crate::time::Timestamp;

/// Who pays: the owner of campaigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertiser {
    /// Given by the store.
    pub id: AdvertiserId,
    /// As shown in the console.
    pub name: String,
    /// The landing domain declared to exchanges as `adomain`.
    pub domain: String,
}

/// Whether something may deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Never delivers until activated.
    Draft,
    /// Delivers inside its flight and budget.
    #[default]
    Active,
    /// Stopped by a person.
    Paused,
    /// Kept for its reports only.
    Archived,
}

/// How a campaign's money is spread over its flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plan {
    /// The same money in every slot.
    #[default]
    Even,
    /// As fast as supply allows.
    Asap,
    /// 5 % ahead of even, so that the end is not missed.
    Ahead,
    /// In proportion to the campaign's own eligible traffic.
    Traffic,
}

/// What the advertiser counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// Seen impressions.
    #[default]
    Impressions,
    /// Clicks.
    Clicks,
    /// Conversions after a click or view.
    Conversions,
}

/// A budget with a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Given by the store.
    pub id: CampaignId,
    /// Its owner.
    pub advertiser: AdvertiserId,
    /// As shown in the console.
    pub name: String,
    /// Whether it may deliver.
    pub status: Status,
    /// The currency of its budget and bids.
    pub currency: Currency,
    /// All it may spend.
    pub budget: Micros,
    /// What it may spend in one UTC day; `None` for no daily limit.
    pub daily_budget: Option<Micros>,
    /// First millisecond of delivery.
    pub flight_start: Timestamp,
    /// First millisecond after delivery.
    pub flight_end: Timestamp,
    /// How the money is spread.
    pub plan: Plan,
    /// What counts as success.
    pub goal: Goal,
    /// Limits over all its line items together; without the id that a limit counts for, none of them bids.
    pub frequency_caps: Vec<FrequencyCap>,
}

/// What a line item pays for, in its campaign's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BidModel {
    /// A fixed price per thousand impressions.
    Cpm(Cpm),
    /// The value of one click; the bid is this times the predicted click rate.
    Cpc(Micros),
    /// The value of one conversion; the bid is this times predicted click and conversion rates.
    Cpa(Micros),
}

/// Which deals a line item buys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Deals {
    /// The open auction only.
    #[default]
    OpenOnly,
    /// The open auction and any deal that is offered.
    OpenAndAnyDeal,
    /// Only the deals with these ids.
    Only(Vec<String>),
}

/// Which of the creatives that fit a slot is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rotation {
    /// The one with the best predicted value.
    #[default]
    Value,
    /// Each as often as the others.
    Even,
    /// In proportion to these weights, one for each of the line item's creatives in their order.
    Weighted(Vec<u32>),
    /// One after the other for each user, by how often the user has seen the line item; the first one for a user
    /// who is not known.
    Sequence,
}

/// What is targeted, and how much it bids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItem {
    /// Given by the store.
    pub id: LineItemId,
    /// Whose budget it spends.
    pub campaign: CampaignId,
    /// As shown in the console.
    pub name: String,
    /// Whether it may deliver.
    pub status: Status,
    /// What it pays for.
    pub bid: BidModel,
    /// The most it ever bids.
    pub max_bid: Cpm,
    /// Where it may deliver.
    pub targeting: Targeting,
    /// Its own limits; without the id that a limit counts for, it does not bid.
    pub frequency_caps: Vec<FrequencyCap>,
    /// Which deals it buys.
    pub deals: Deals,
    /// What it shows.
    pub creatives: Vec<CreativeId>,
    /// Which of them, where several fit.
    pub rotation: Rotation,
    /// Whether it takes all impressions of a page together or none (`allimps`, `seatbid.group`).
    pub roadblock: bool,
    /// Whether it bids only where everybody in the supply chain may sell, by ads.txt and sellers.json.
    pub authorized_sellers: bool,
}

impl Campaign {
    /// Whether it may deliver at `now`: active and inside its flight.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == Status::Active && self.flight_start <= now && now < self.flight_end
    }
}
