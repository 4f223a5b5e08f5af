//! Minute reports: the key, the counters, and their sum.

use crate::ids::{CampaignId, CreativeId, Exchange, LineItemId};
use crate::money::Micros;
use crate::time::Minute;

/// What a report row is about. `creative` is 0 in rows that count a line item's requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportKey {
    /// When the counted events happened.
    pub minute: Minute,
    /// The campaign.
    pub campaign: CampaignId,
    /// The line item.
    pub line_item: LineItemId,
    /// The creative, or 0.
    pub creative: CreativeId,
    /// The exchange.
    pub exchange: Exchange,
}

/// Counters that only grow; a correction is a later row with negative parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests whose targeting matched the line item.
    pub eligible: i64,
    /// Bids sent.
    pub bids: i64,
    /// Win notices.
    pub wins: i64,
    /// Billing notices.
    pub billed: i64,
    /// Impressions that were counted.
    pub impressions: i64,
    /// Impressions that were viewable.
    pub views: i64,
    /// Clicks.
    pub clicks: i64,
    /// Conversions.
    pub conversions: i64,
    /// Spend that was booked, late notices included.
    pub spend: Micros,
    /// The part of `spend` whose notice came after its hold was released.
    pub late: Micros,
    /// Sum of the predicted click rates of counted impressions, in millionths.
    pub predicted_clicks_ppm: i64,
    /// Sum of the pacing multipliers of the bids, in millionths.
    pub multiplier_sum_ppm: i64,
    /// How far video and audio ads were played.
    pub playback: Playback,
}

/// How far video and audio ads were played: each step counts once for an impression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Playback {
    /// Began.
    pub starts: i64,
    /// Reached a quarter.
    pub first_quartiles: i64,
    /// Reached the half.
    pub midpoints: i64,
    /// Reached three quarters.
    pub third_quartiles: i64,
    /// Reached the end.
    pub completes: i64,
    /// Skipped.
    pub skips: i64,
    /// Failed, whatever the error code.
    pub errors: i64,
}

impl Playback {
    /// Adds the other's counts to these.
    pub fn add(&mut self, other: &Self) {
        self.starts += other.starts;
        self.first_quartiles += other.first_quartiles;
        self.midpoints += other.midpoints;
        self.third_quartiles += other.third_quartiles;
        self.completes += other.completes;
        self.skips += other.skips;
        self.errors += other.errors;
    }

    /// Played to the end per start; 0 without starts.
    pub fn completion_rate(&self) -> f64 {
        ratio(self.completes, self.starts)
    }
}

impl Counters {
    /// Adds the other's counts to these.
    pub fn add(&mut self, other: &Self) {
        self.eligible += other.eligible;
        self.bids += other.bids;
        self.wins += other.wins;
        self.billed += other.billed;
        self.impressions += other.impressions;
        self.views += other.views;
        self.clicks += other.clicks;
        self.conversions += other.conversions;
        self.spend += other.spend;
        self.late += other.late;
        self.predicted_clicks_ppm += other.predicted_clicks_ppm;
        self.multiplier_sum_ppm += other.multiplier_sum_ppm;
        self.playback.add(&other.playback);
    }

    /// Viewable impressions per impression; 0 without impressions.
    pub fn view_rate(&self) -> f64 {
        ratio(self.views, self.impressions)
    }

    /// Clicks per impression; 0 without impressions.
    pub fn ctr(&self) -> f64 {
        ratio(self.clicks, self.impressions)
    }

    /// Wins per bid; 0 without bids.
    pub fn win_rate(&self) -> f64 {
        ratio(self.wins, self.bids)
    }

    /// The mean of the predicted click rates of the impressions.
    pub fn predicted_ctr(&self) -> f64 {
        ratio(self.predicted_clicks_ppm, self.impressions) / 1e6
    }

    /// Spend per click; `None` without clicks.
    pub fn ecpc(&self) -> Option<Micros> {
        (self.clicks > 0).then(|| self.spend.mul_div(1, self.clicks))
    }
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole > 0 {
        part as f64 / whole as f64
    } else {
        0.0
    }
}
