//! What most line items are refused or outbid by, in flat arrays: a request asks many line items and reads few.

use std::ops::Range;
use std::sync::Arc;

use ctr_model::CreativeHalf;
use ctr_model::engine::prefetch_whole;
use domain::campaign::Deals;
use domain::creative::CreativeFormat;
use domain::targeting::Size;
use domain::{BidModel, Cpm, Currency, Timestamp};

use super::{Ad, Item, LiveCampaign};
use crate::money::CampaignMoney;

/// The arrays, by position of line item, ad and campaign.
#[derive(Debug, Default)]
pub struct Fronts {
    /// The first questions to each line item.
    pub items: Vec<Front>,
    /// What those bid that pass them.
    pub quotes: Vec<Quote>,
    /// The ads of all line items, those of one side by side.
    pub ads: Vec<AdFront>,
    /// When and with what money each campaign delivers.
    pub funds: Vec<Funds>,
}

/// The first questions to a line item. Two of these share a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    /// The position of its campaign.
    pub campaign: u32,
    /// What its ads need of a slot, if they need the same.
    pub shape: Shape,
    /// The most that it bids without modifiers, in its campaign's currency.
    pub most: Cpm,
    /// That currency.
    pub currency: Currency,
    /// Whether it buys the open auction.
    pub buys_open: bool,
}

const _: () = assert!(size_of::<Front>() <= 32, "two fronts share a cache line");

/// What a line item bids, in its campaign's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// What it pays for.
    pub bid: BidModel,
    /// The most that it bids.
    pub max_bid: Cpm,
    /// The position of its first ad.
    first: u32,
    /// How many ads it has.
    count: u16,
    /// Where it buys.
    pub buys: Buys,
    /// It asks more of a request than an estimate looks at: all of its impressions, or authorized sellers.
    pub asks_more: bool,
}

const _: () = assert!(size_of::<Quote>() <= 32, "two quotes share a cache line");

/// Where a line item buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buys {
    /// In the open auction, whatever deals there are.
    Open,
    /// There and on every deal.
    Everywhere,
    /// On the deals that it names.
    Named,
}

/// What an ad needs of a slot, and what the model knows it by.
#[derive(Debug, Clone, Copy)]
pub struct AdFront {
    /// Its features, hashed.
    pub hashed: CreativeHalf,
    /// What it needs of a slot.
    pub shape: Shape,
    /// How long it plays, in seconds; 0 where it does not.
    pub duration_s: u32,
    /// Its place among all ads.
    pub position: u32,
}

/// What ads need of a slot, so that most slots are refused without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A banner of this size.
    Banner(Size),
    /// A video.
    Video,
    /// A spot to be heard.
    Audio,
    /// A native ad.
    Native,
    /// Those of a line item differ: ask each.
    Mixed,
}

/// When a campaign delivers, and its money.
#[derive(Debug)]
pub struct Funds {
    /// Its flight.
    pub flight: Range<Timestamp>,
    /// Shared by all cores and all snapshots.
    pub money: Arc<CampaignMoney>,
}

impl Fronts {
    pub(super) fn build(items: &[Item], campaigns: &[LiveCampaign]) -> Self {
        let mut fronts = Self {
            items: Vec::with_capacity(items.len()),
            quotes: Vec::with_capacity(items.len()),
            ads: Vec::with_capacity(items.iter().map(|item| item.ads.len()).sum()),
            funds: Vec::with_capacity(campaigns.len()),
        };
        for item in items {
            let first = u32::try_from(fronts.ads.len()).unwrap_or(u32::MAX);
            fronts.items.push(front(item, campaigns));
            fronts.quotes.push(Quote {
                bid: item.line_item.bid,
                max_bid: item.line_item.max_bid,
                first,
                count: u16::try_from(item.ads.len()).unwrap_or(u16::MAX),
                buys: match &item.line_item.deals {
                    Deals::OpenOnly => Buys::Open,
                    Deals::OpenAndAnyDeal => Buys::Everywhere,
                    Deals::Only(_) => Buys::Named,
                },
                asks_more: item.line_item.roadblock || item.line_item.authorized_sellers,
            });
            fronts
                .ads
                .extend(item.ads.iter().zip(first..).map(ad_front));
        }
        fronts.funds.extend(campaigns.iter().map(|live| Funds {
            flight: live.campaign.flight_start..live.campaign.flight_end,
            money: Arc::clone(&live.money),
        }));
        fronts
    }

    /// Asks for a line item's first ad ahead of its use.
    pub fn fetch_ad(&self, quote: &Quote) {
        let ad = self.ads.get(quote.first as usize);
        ad.into_iter().for_each(prefetch_whole);
    }

    /// The ads of a line item, by its position.
    pub fn ads_of(&self, position: usize) -> &[AdFront] {
        let quote = self.quotes.get(position);
        let range = quote.map_or(0..0, |quote| {
            let first = quote.first as usize;
            first..first + usize::from(quote.count)
        });
        self.ads.get(range).unwrap_or_default()
    }
}

fn front(item: &Item, campaigns: &[LiveCampaign]) -> Front {
    let max_bid = item.line_item.max_bid;
    let campaign = campaigns.get(item.campaign);
    Front {
        campaign: u32::try_from(item.campaign).unwrap_or(u32::MAX),
        shape: common_shape(&item.ads),
        most: match item.line_item.bid {
            BidModel::Cpm(value) => value.min(max_bid),
            BidModel::Cpc(_) | BidModel::Cpa(_) => max_bid,
        },
        currency: campaign
            .map(|live| live.campaign.currency)
            .unwrap_or_default(),
        buys_open: item.buys_open(),
    }
}

fn ad_front((ad, position): (&Ad, u32)) -> AdFront {
    let duration_s = match &ad.creative.format {
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => media.duration_s,
        CreativeFormat::Banner { .. } | CreativeFormat::Native(_) => 0,
    };
    AdFront {
        hashed: CreativeHalf::new(&ad.features),
        shape: shape(ad),
        duration_s,
        position,
    }
}

fn shape(ad: &Ad) -> Shape {
    match &ad.creative.format {
        CreativeFormat::Banner { width, height, .. } => Shape::Banner(Size {
            width: *width,
            height: *height,
        }),
        CreativeFormat::Video(_) => Shape::Video,
        CreativeFormat::Audio(_) => Shape::Audio,
        CreativeFormat::Native(_) => Shape::Native,
    }
}

fn common_shape(ads: &[Ad]) -> Shape {
    let mut shapes = ads.iter().map(shape);
    match shapes.next() {
        Some(first) if shapes.all(|shape| shape == first) => first,
        _ => Shape::Mixed,
    }
}
