//! What a run leaves behind: every impression bought, with what was predicted of it and what is true, and the money.

use std::collections::BTreeMap;

use domain::{BidModel, Campaign, Micros, Timestamp};

use super::browsing::View;
use super::{Plan, hour_of};

/// An impression that was bought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sale {
    /// When it was bid for.
    pub at: Timestamp,
    /// Which exchange, by place.
    pub exchange: u8,
    /// Which site.
    pub site: u8,
    /// Which size.
    pub size: u8,
    /// Which position.
    pub position: u8,
    /// What the user browses with.
    pub device: u8,
    /// Where the user lives.
    pub country: u8,
    /// The campaign's place.
    pub campaign: u16,
    /// The line item's place, which is the creative's.
    pub item: u16,
    /// The user.
    pub user: u32,
    /// What it costs, in micros.
    pub cost: i64,
    /// The chance of a click that the bid was made by; not a number where bids know of none.
    pub predicted_click: f32,
    /// The chance of a purchase after a click that the bid was logged with.
    pub predicted_conversion: f32,
    /// The true chance of a click.
    pub true_click: f32,
    /// The true chance of a purchase after a click.
    pub true_conversion: f32,
    /// Whether the ad was shown, as far as the pixel knows.
    pub shown: bool,
    /// Whether it was clicked.
    pub clicked: bool,
    /// Whether a purchase was told before the end.
    pub converted: bool,
    /// Whether the bill came.
    pub billed: bool,
}

impl Sale {
    pub(super) fn new(
        view: &View,
        (device, country): (usize, usize),
        (campaign, item): (usize, usize),
    ) -> Self {
        Self {
            at: view.at,
            exchange: view.exchange as u8,
            site: view.site as u8,
            size: view.size as u8,
            position: view.position as u8,
            device: device as u8,
            country: country as u8,
            campaign: campaign as u16,
            item: item as u16,
            user: view.user as u32,
            cost: 0,
            predicted_click: f32::NAN,
            predicted_conversion: f32::NAN,
            true_click: 0.0,
            true_conversion: 0.0,
            shown: false,
            clicked: false,
            converted: false,
            billed: false,
        }
    }

    /// The hour of the run.
    pub fn hour(&self) -> usize {
        hour_of(self.at)
    }
}

/// What a line item pays for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Worth(pub(super) BidModel);

impl Worth {
    /// What an impression with these chances of click and purchase is worth, in micros.
    pub(super) fn at(self, click: f64, conversion: f64) -> f64 {
        match self.0 {
            BidModel::Cpc(micros) => micros.0 as f64 * click,
            BidModel::Cpa(micros) => micros.0 as f64 * click * conversion,
            BidModel::Cpm(price) => price.0.0 as f64 / 1_000.0,
        }
    }

    /// What an impression was truly worth, in micros.
    pub(super) fn of(self, sale: &Sale) -> f64 {
        self.at(f64::from(sale.true_click), f64::from(sale.true_conversion))
    }
}

/// A view that is kept for the oracle: what it would have been worth to each line item, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chance {
    /// The day of the run.
    pub(super) day: u16,
    /// The least that it costs, in micros.
    pub(super) cost: f32,
    /// The true value in micros to each line item that fits, by place.
    pub(super) worth: Vec<(u16, f32)>,
}

/// A campaign as the run's accounts have it at the end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Booked {
    /// As it was set up.
    pub(super) campaign: Campaign,
    /// Whether it pays per click.
    pub(super) pays_clicks: bool,
    /// All that was spent.
    pub(super) spent: Micros,
    /// The part of it that was told late.
    pub(super) late: Micros,
    /// Won, but never billed.
    pub(super) unbilled: Micros,
    /// What the ledger has by hour of the run, in micros, late notices too.
    pub(super) by_hour: Vec<i64>,
    /// The part of it that was late.
    pub(super) late_by_hour: Vec<i64>,
    /// Pacing's multiplier at the end of each hour.
    pub(super) multipliers: Vec<f64>,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// What was played.
    pub plan: Plan,
    /// Requests decided.
    pub requests: u64,
    /// Bids answered.
    pub bids: u64,
    /// Notices that the exchanges never sent, by their kind.
    pub notices_lost: u64,
    /// Bills that came after their hold time.
    pub notices_late: u64,
    /// Models that bids were made by.
    pub models: u64,
    /// Every impression bought, in the order of the auctions.
    pub sales: Vec<Sale>,
    pub(super) campaigns: Vec<Booked>,
    /// The campaign of each line item.
    pub(super) items: Vec<usize>,
    /// What each line item pays for.
    pub(super) worth: Vec<Worth>,
    pub(super) sites: Vec<String>,
    pub(super) chances: Vec<Chance>,
    /// One view in so many is among `chances`.
    pub(super) chance_every: u64,
}

impl Played {
    /// The impressions that the pixel knows to have been shown: what clicks are counted on.
    pub fn shown(&self) -> impl Iterator<Item = &Sale> + Clone {
        self.sales.iter().filter(|sale| sale.shown)
    }

    /// A hash of all that was bought and spent: the same seed gives the same one.
    pub fn trace(&self) -> u64 {
        let mut trace = crate::trace::Trace::default();
        for sale in &self.sales {
            trace.signed(sale.at.0);
            trace.signed(sale.cost);
            trace.bytes(&sale.predicted_click.to_bits().to_be_bytes());
        }
        self.campaigns
            .iter()
            .for_each(|booked| trace.signed(booked.spent.0));
        trace.value()
    }
}

/// The ledger of a campaign by hour: all, and what was late of it.
pub(super) fn by_hour(rows: &[domain::ledger::LedgerRow], hours: usize) -> (Vec<i64>, Vec<i64>) {
    let (mut all, mut late) = (vec![0; hours], vec![0; hours]);
    for row in rows {
        let hour = hour_of(row.at).min(hours.saturating_sub(1));
        all[hour] += row.billed.0;
        if row.late {
            late[hour] += row.billed.0;
        }
    }
    (all, late)
}

/// Sums by a key.
pub(super) fn sums<K: Ord>(of: impl Iterator<Item = (K, f64)>) -> BTreeMap<K, f64> {
    let mut sums = BTreeMap::new();
    for (key, value) in of {
        *sums.entry(key).or_default() += value;
    }
    sums
}
