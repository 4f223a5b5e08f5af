//! One campaign's control, stepped once a second: its multiplier, the cost of its bids, its lease request.

use domain::targeting::Inventory;
use domain::{Campaign, Cpm, Micros, Plan, Timestamp};
use pacing::{
    BudgetLimits, CostRatio, Dual, Funds, Grant, LeaseRequest, PlacedHold, Resolved, Schedule,
};
use proto::openrtb::Imp;

use crate::config::{HOLD_MS_MAX, HoldTimes};
use crate::money::{CampaignMoney, Done};

/// Leases cover this much planned spend, in seconds.
const LEASE_SECONDS: i64 = 2;
/// The cost ratio starts with the weight of this many full bids.
const PRIOR_BIDS: i64 = 10;
/// A UTC day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// How long a bid's money waits for its notice: by the kind of slot, unless `imp.exp` says.
pub fn hold_ms(times: HoldTimes, imp: &Imp<'_>, inventory: Option<Inventory>) -> i64 {
    let usual = match () {
        () if imp.instl || imp.video.is_some() || imp.audio.is_some() => times.interstitial_ms,
        () if imp.native.is_some() => times.native_ms,
        () if inventory == Some(Inventory::App) => times.app_ms,
        () if inventory == Some(Inventory::Dooh) => times.interstitial_ms,
        () => times.web_ms,
    };
    let told = imp
        .exp_s
        .filter(|seconds| *seconds > 0)
        .map(|seconds| i64::from(seconds) * 1000);
    told.unwrap_or(usual).clamp(1000, HOLD_MS_MAX)
}

/// A campaign's controller.
#[derive(Debug)]
pub struct Controller {
    dual: Dual,
    plan: Plan,
    schedule: Schedule,
    budget: Micros,
    daily: Option<Micros>,
    ratio: CostRatio,
    /// So much of bids at their own price makes a first estimate of the ratio.
    prior: Micros,
    /// Left of the budget, and of what the day allows, less what open bids are expected to cost.
    left: (Micros, Micros),
    /// What bids are expected to cost that the last grant did not know.
    since_grant: Micros,
    /// Bidder processes that share the campaign.
    bidders: u32,
    hold_ms_max: i64,
    share_ppm: i64,
    /// What bids hold of their full cost now.
    hold_ratio: f64,
    /// The ratio that the store was told last, in millionths.
    told_ppm: i64,
}

impl Controller {
    /// Starts at full value and full holds. `hold_ms` is the longest hold time that is configured, `share_ppm`
    /// what leases may be of what is left.
    pub fn new(campaign: &Campaign, full_bid: Micros, (hold_ms, share_ppm): (i64, i64)) -> Self {
        Self {
            dual: Dual::new(),
            plan: campaign.plan,
            schedule: schedule(campaign),
            budget: campaign.budget,
            daily: campaign.daily_budget,
            ratio: CostRatio::new(Resolved::default(), full_bid),
            prior: Micros(full_bid.0.saturating_mul(PRIOR_BIDS)),
            left: (
                campaign.budget,
                campaign.daily_budget.unwrap_or(campaign.budget),
            ),
            since_grant: Micros::ZERO,
            bidders: 1,
            hold_ms_max: hold_ms,
            share_ppm,
            hold_ratio: 1.0,
            told_ppm: 0,
        }
    }

    /// Follows a changed campaign.
    pub fn replan(&mut self, campaign: &Campaign) {
        self.plan = campaign.plan;
        self.schedule = schedule(campaign);
        (self.budget, self.daily) = (campaign.budget, campaign.daily_budget);
    }

    /// Takes what the cores did since the last step and steers the campaign's bids.
    pub fn step(&mut self, done: Done, money: &CampaignMoney, now: Timestamp) {
        let (requests, cost) = (done.eligible as f64, done.bid.scale(self.ratio.estimate()));
        self.since_grant = self.since_grant.saturating_add(cost);
        let horizon_ms = self.schedule.horizon_ms();
        let outcome = (requests, cost.0 as f64);
        self.dual
            .observe(outcome, self.dual.multiplier(), horizon_ms);
        let wanted = self.wanted_per_ms(now) / f64::from(self.bidders.max(1));
        let multiplier = self.dual.step(now, requests, wanted);
        self.hold_ratio = self.ratio.for_holds();
        money.steer(multiplier, self.hold_ratio);
    }

    /// What all bidders together should spend: what the flight's plan wants, and no more than the day's. A day is
    /// spread like the flight, from its midnight on.
    fn wanted_per_ms(&self, now: Timestamp) -> f64 {
        let wanted = |schedule: &Schedule, budget, left: Micros| {
            let left = left - self.since_grant;
            schedule.wanted_per_ms(now, schedule.horizon_ms(), Funds { budget, left })
        };
        let flight = wanted(&self.schedule, self.budget, self.left.0);
        self.daily.map_or(flight, |daily| {
            flight.min(wanted(&self.today(now), daily, self.left.1))
        })
    }

    /// The part of the flight that lies on the day of `now`.
    fn today(&self, now: Timestamp) -> Schedule {
        let midnight = Timestamp(now.day().saturating_mul(DAY_MS));
        let (start, end) = self.schedule.span();
        let day = midnight.max(start)..midnight.plus_ms(DAY_MS).min(end);
        Schedule::new(self.plan, day.start, day.end)
    }

    /// Whether bids hold another part of their cost than the store was told.
    pub fn has_news(&self) -> bool {
        self.ratio_ppm() != self.told_ppm
    }

    /// What bids hold of their full cost. Rounded down, so that the store never thinks that it is more.
    fn ratio_ppm(&self) -> i64 {
        (self.hold_ratio * 1e6) as i64
    }

    /// What to ask of the store: `placed` are the holds placed since it last granted something.
    pub fn request(
        &mut self,
        (bidder, placed): ([u8; 16], Vec<PlacedHold>),
        full_bid: Micros,
        now: Timestamp,
    ) -> LeaseRequest {
        self.told_ppm = self.ratio_ppm();
        let longest = placed
            .iter()
            .map(|placed| placed.key.hold_ms)
            .max()
            .unwrap_or(0);
        self.hold_ms_max = self.hold_ms_max.max(longest);
        let planned = self.wanted_per_ms(now) * 1000.0 / f64::from(self.bidders.max(1));
        // What bids hold to spend that much, where they hold more than they cost.
        let held = planned * self.hold_ratio / self.ratio.estimate().max(f64::MIN_POSITIVE);
        let held = Micros(held.min(self.left.0.0.max(0) as f64) as i64);
        LeaseRequest {
            bidder,
            placed,
            wanted: Micros(held.0.saturating_mul(LEASE_SECONDS)),
            share_ppm: self.share_ppm,
            full_bid,
            hold_ms_max: self.hold_ms_max,
            ratio_ppm: self.told_ppm,
        }
    }

    /// Learns from what the store answered.
    pub fn granted(&mut self, grant: &Grant) {
        self.ratio = CostRatio::new(grant.resolved, self.prior);
        let open = self.ratio.outstanding(grant.unresolved);
        self.left = (grant.left_total - open, grant.left - open);
        self.since_grant = Micros::ZERO;
        self.bidders = grant.bidders;
    }
}

fn schedule(campaign: &Campaign) -> Schedule {
    Schedule::new(campaign.plan, campaign.flight_start, campaign.flight_end)
}

/// The budget as the account checks it.
pub fn limits(campaign: &Campaign) -> BudgetLimits {
    BudgetLimits {
        budget: campaign.budget,
        daily: campaign.daily_budget,
    }
}

/// What a single bid at `max_bid` costs, fee included.
pub fn full_bid(max_bid: Cpm, fee_ppm: i64) -> Micros {
    let unit = domain::money::MICROS_PER_UNIT;
    // One micro more than the cost: a conversion there and back may round up once.
    crate::price::full_cost(max_bid, 1, unit, fee_ppm).saturating_add(Micros(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_times_follow_slot_and_exp() {
        let times = HoldTimes::default();
        let web = Imp::default();
        assert_eq!(hold_ms(times, &web, Some(Inventory::Site)), times.web_ms);
        assert_eq!(hold_ms(times, &web, Some(Inventory::App)), times.app_ms);
        let full_screen = Imp {
            instl: true,
            ..Imp::default()
        };
        assert_eq!(hold_ms(times, &full_screen, None), times.interstitial_ms);
        let told = |exp_s| Imp {
            exp_s: Some(exp_s),
            ..Imp::default()
        };
        assert_eq!(hold_ms(times, &told(5), None), 5_000);
        assert_eq!(hold_ms(times, &told(u32::MAX), None), HOLD_MS_MAX);
        assert_eq!(hold_ms(times, &told(0), None), times.web_ms);
    }
}
