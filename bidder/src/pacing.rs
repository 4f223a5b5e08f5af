//! One campaign's control, stepped once a second: its multiplier, the cost of its bids, its lease request.

use domain::targeting::Inventory;
use domain::{Campaign, Cpm, Micros, Timestamp};
use pacing::{
    BudgetLimits, CostRatio, Grant, LeaseRequest, Pacer, PlacedHold, Resolved, Schedule, Tick,
};
use proto::openrtb::Imp;

use crate::config::{HOLD_MS_MAX, HoldTimes};
use crate::money::{CampaignMoney, Done};

/// Leases cover this much planned spend, in seconds.
const LEASE_SECONDS: i64 = 2;
/// The cost ratio starts with the weight of this many full bids.
const PRIOR_BIDS: i64 = 10;

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
    pacer: Pacer,
    ratio: CostRatio,
    /// So much of bids at their own price makes a first estimate of the ratio.
    prior: Micros,
    left: Micros,
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
            pacer: Pacer::new(schedule(campaign)),
            ratio: CostRatio::new(Resolved::default(), full_bid),
            prior: Micros(full_bid.0.saturating_mul(PRIOR_BIDS)),
            left: campaign.budget,
            hold_ms_max: hold_ms,
            share_ppm,
            hold_ratio: 1.0,
            told_ppm: 0,
        }
    }

    /// Follows a changed campaign.
    pub fn replan(&mut self, campaign: &Campaign) {
        self.pacer.replan(schedule(campaign));
    }

    /// Takes what the cores did since the last step and steers the campaign's bids.
    pub fn step(&mut self, done: Done, money: &CampaignMoney, now: Timestamp) {
        let tick = Tick {
            eligible: done.eligible,
            cost: done.bid.scale(self.ratio.estimate()),
            left: self.left,
        };
        let multiplier = self.pacer.step(now, tick);
        self.hold_ratio = self.ratio.for_holds();
        money.steer(multiplier, self.hold_ratio);
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
        let planned = self.pacer.planned_per_s(now, self.left);
        LeaseRequest {
            bidder,
            placed,
            wanted: Micros(planned.0.saturating_mul(LEASE_SECONDS)),
            share_ppm: self.share_ppm,
            full_bid,
            hold_ms_max: self.hold_ms_max,
            ratio_ppm: self.told_ppm,
        }
    }

    /// Learns from what the store answered.
    pub fn granted(&mut self, grant: &Grant) {
        self.left = grant.left;
        self.ratio = CostRatio::new(grant.resolved, self.prior);
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
