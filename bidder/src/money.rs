//! A campaign's money as the cores share it: headroom, multiplier, how holds are measured. Atomics only.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use domain::{CampaignId, Micros, Timestamp};

use crate::config::HOLD_SUMS_MAX;

/// What the bid path may spend for one campaign until the background speaks again.
///
/// Every core subtracts its holds from `headroom`; the background adds what the store grants. A lease that
/// lapsed starts a new `epoch`, so that a hold taken before it is not given back into the new one.
#[derive(Debug)]
pub struct CampaignMoney {
    headroom: AtomicI64,
    /// On the steady clock, so that a wall clock that jumps back makes no lease longer.
    expires_us: AtomicU64,
    epoch: AtomicU64,
    multiplier: AtomicU64,
    expected_ratio: AtomicU64,
    full_holds: AtomicBool,
}

impl Default for CampaignMoney {
    /// No headroom: nothing is bid before the first grant.
    fn default() -> Self {
        Self {
            headroom: AtomicI64::new(0),
            expires_us: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            multiplier: AtomicU64::new(1.0_f64.to_bits()),
            expected_ratio: AtomicU64::new(1.0_f64.to_bits()),
            full_holds: AtomicBool::new(true),
        }
    }
}

/// Money that a bid has taken from its campaign's headroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a hold is reported or given back, never forgotten"]
pub struct Hold {
    /// How much.
    pub amount: Micros,
    epoch: u64,
}

impl CampaignMoney {
    /// What every bid is multiplied with, in (0, 1].
    pub fn multiplier(&self) -> f64 {
        f64::from_bits(self.multiplier.load(Ordering::Relaxed))
    }

    /// What a bid whose whole cost is `full` must hold.
    pub fn hold_amount(&self, full: Micros) -> Micros {
        let ratio = f64::from_bits(self.expected_ratio.load(Ordering::Relaxed));
        pacing::hold_amount(full, ratio, self.full_holds.load(Ordering::Relaxed))
    }

    /// Takes `amount` if the lease covers it at `at_us` on the steady clock.
    pub fn try_hold(&self, amount: Micros, at_us: u64) -> Option<Hold> {
        if at_us >= self.expires_us.load(Ordering::Acquire) || amount.0 <= 0 {
            return None;
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let take = |headroom: i64| (headroom >= amount.0).then(|| headroom - amount.0);
        let taken = self
            .headroom
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.is_ok().then_some(Hold { amount, epoch })
    }

    /// Whether `try_hold` would take `amount`, without taking it.
    pub fn covers(&self, amount: Micros, at_us: u64) -> bool {
        let live = at_us < self.expires_us.load(Ordering::Acquire);
        live && amount.0 > 0 && self.headroom() >= amount
    }

    /// Puts back what an unsent bid had taken.
    pub fn give_back(&self, hold: Hold) {
        if self.epoch.load(Ordering::Acquire) == hold.epoch {
            self.headroom.fetch_add(hold.amount.0, Ordering::AcqRel);
        }
    }

    /// What may still be held.
    pub fn headroom(&self) -> Micros {
        Micros(self.headroom.load(Ordering::Acquire))
    }

    /// Takes over what the store granted at `now`, which was `at_us` on the steady clock.
    pub fn apply(&self, grant: &pacing::Grant, (now, at_us): (Timestamp, u64)) {
        if grant.lapsed {
            self.epoch.fetch_add(1, Ordering::AcqRel);
            self.headroom.store(grant.added.0, Ordering::Release);
        } else {
            self.headroom.fetch_add(grant.added.0, Ordering::AcqRel);
        }
        self.full_holds.store(grant.full_holds, Ordering::Relaxed);
        let lasts_ms = u64::try_from(grant.expires_at.since(now)).unwrap_or(0);
        let expires_us = at_us.saturating_add(lasts_ms.saturating_mul(1000));
        self.expires_us.store(expires_us, Ordering::Release);
    }

    /// Sets what pacing decided.
    pub fn steer(&self, multiplier: f64, expected_ratio: f64) {
        self.multiplier
            .store(multiplier.to_bits(), Ordering::Relaxed);
        self.expected_ratio
            .store(expected_ratio.to_bits(), Ordering::Relaxed);
    }
}

/// What one core has done since its last report; the background alone reads it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct CoreReport {
    /// Impressions that campaigns were eligible for.
    pub eligible: Vec<(CampaignId, u64)>,
    /// Holds, one a bid until they are added up.
    pub holds: Vec<(HoldPlace, HoldSum)>,
}

/// The bucket of a hold in numbers, so that noting a bid allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldPlace {
    /// Whose money.
    pub campaign: CampaignId,
    /// The position of the exchange's name.
    pub exchange: usize,
    /// As in the account's bucket, in milliseconds.
    pub hold_ms: i64,
    /// When the bucket's slot begins, in seconds since 1970-01-01.
    pub second: i64,
}

/// Bids of one bucket.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct HoldSum {
    /// What they hold.
    pub amount: Micros,
    /// What they would cost at their own price.
    pub bid: Micros,
}

/// What was done for one campaign, as pacing wants to know it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Impressions it was eligible for.
    pub eligible: u64,
    /// What its bids would cost if all were won at their own price.
    pub bid: Micros,
}

impl CoreReport {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.eligible.is_empty() && self.holds.is_empty()
    }

    /// Whether one more hold can be kept; without room no bid may be made.
    pub fn has_room(&mut self) -> bool {
        if self.holds.len() >= HOLD_SUMS_MAX {
            self.add_up();
        }
        self.holds.len() < HOLD_SUMS_MAX
    }

    /// Notes a hold of a bid whose whole cost is `full`.
    pub fn hold(&mut self, place: HoldPlace, (amount, full): (Micros, Micros)) {
        self.holds.push((place, HoldSum { amount, bid: full }));
    }

    /// Notes impressions that a campaign was eligible for.
    pub fn eligible(&mut self, campaign: CampaignId, count: u64) {
        self.eligible.push((campaign, count));
    }

    /// Makes one sum of all that belongs together, in order.
    pub fn add_up(&mut self) {
        self.holds.sort_unstable_by_key(|(place, _)| *place);
        self.holds.dedup_by(|(place, sum), (kept, into)| {
            let same = place == kept;
            if same {
                into.amount = into.amount.saturating_add(sum.amount);
                into.bid = into.bid.saturating_add(sum.bid);
            }
            same
        });
        self.eligible
            .sort_unstable_by_key(|(campaign, _)| *campaign);
        self.eligible.dedup_by(|(campaign, count), (kept, into)| {
            let same = campaign == kept;
            *into += if same { *count } else { 0 };
            same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(added: i64, lapsed: bool) -> pacing::Grant {
        pacing::Grant {
            added: Micros(added),
            lapsed,
            full_holds: true,
            expires_at: Timestamp(10_000),
            left: Micros(1_000_000),
            left_total: Micros(1_000_000),
            spent: Micros::ZERO,
            exposed: Micros::ZERO,
            resolved: pacing::Resolved::default(),
            unresolved: pacing::Resolved::default(),
            bidders: 1,
        }
    }

    #[test]
    fn holds_never_pass_the_lease_nor_its_end() {
        let money = CampaignMoney::default();
        let now = 5_000_000;
        assert_eq!(money.try_hold(Micros(1), now), None, "no grant yet");
        money.apply(&grant(100, true), (Timestamp(0), 0));
        let hold = money.try_hold(Micros(60), now).unwrap();
        assert_eq!(money.try_hold(Micros(60), now), None);
        assert_eq!(money.try_hold(Micros(40), 10_000_000), None, "lapsed");
        let covered = [(60, now), (40, 10_000_000), (0, now), (40, now)];
        let covered = covered.map(|(amount, at)| money.covers(Micros(amount), at));
        assert_eq!(covered, [false, false, false, true]);
        money.give_back(hold);
        assert_eq!(money.headroom(), Micros(100));
        assert_eq!(
            money.try_hold(Micros(0), now),
            None,
            "every bid costs something"
        );
    }

    #[test]
    fn a_lapsed_lease_takes_its_headroom_along() {
        let money = CampaignMoney::default();
        money.apply(&grant(100, true), (Timestamp(0), 0));
        let hold = money.try_hold(Micros(30), 0).unwrap();
        money.apply(&grant(50, true), (Timestamp(0), 0));
        money.give_back(hold);
        assert_eq!(money.headroom(), Micros(50));
        money.apply(&grant(25, false), (Timestamp(0), 0));
        assert_eq!(money.headroom(), Micros(75));
    }

    #[test]
    fn cores_together_never_hold_more_than_the_lease() {
        let money = CampaignMoney::default();
        money.apply(&grant(10_000, true), (Timestamp(0), 0));
        let take = || {
            let mut held = 0;
            for round in 0..5_000 {
                if let Some(hold) = money.try_hold(Micros(7), 0) {
                    // Every third answer is late.
                    if round % 3 == 0 {
                        money.give_back(hold);
                    } else {
                        held += hold.amount.0;
                    }
                }
            }
            held
        };
        let held: i64 = std::thread::scope(|scope| {
            let cores: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            cores.into_iter().map(|core| core.join().unwrap()).sum()
        });
        assert_eq!(held + money.headroom().0, 10_000);
        assert!(
            (0..7).contains(&money.headroom().0),
            "all that fits is held"
        );
    }

    #[test]
    fn reports_add_up_by_bucket() {
        let place = |campaign, second| HoldPlace {
            campaign: CampaignId(campaign),
            exchange: 0,
            hold_ms: 60_000,
            second,
        };
        let one = (Micros(5), Micros(9));
        let mut report = CoreReport::default();
        for (campaign, second) in [(2, 7), (1, 7), (1, 8), (1, 7)] {
            report.hold(place(campaign, second), one);
            report.eligible(CampaignId(campaign), 3);
        }
        report.add_up();
        let sum = |times: i64| HoldSum {
            amount: Micros(5 * times),
            bid: Micros(9 * times),
        };
        let holds = [
            (place(1, 7), sum(2)),
            (place(1, 8), sum(1)),
            (place(2, 7), sum(1)),
        ];
        assert_eq!(report.holds, holds);
        assert_eq!(report.eligible, [(CampaignId(1), 9), (CampaignId(2), 3)]);
    }

    #[test]
    fn a_full_report_has_room_again_only_for_known_buckets() {
        let mut report = CoreReport::default();
        let mut second = 0;
        while report.has_room() {
            for _ in 0..2 {
                let place = HoldPlace {
                    campaign: CampaignId(1),
                    exchange: 0,
                    hold_ms: 1000,
                    second,
                };
                report.hold(place, (Micros(1), Micros(1)));
            }
            second += 1;
        }
        report.add_up();
        assert_eq!(report.holds.len() as i64, second);
        let held: i64 = report.holds.iter().map(|(_, sum)| sum.amount.0).sum();
        assert_eq!(held, 2 * second);
    }
}
