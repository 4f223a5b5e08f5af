//! One campaign's account: what is spent, held and leased, and every change to it.
//!
//! The invariant: leases + holds are only ever given out of what is left, so that money cannot be bid twice.
//! A hold ends when its bid is billed or lost, or when the exchange's watermark has passed the bid's hold time;
//! a notice after that is `late`, and a win whose billing never came is `unbilled`.
//! Holds at expected cost are given only while everything open could be won at its full price and still fit into
//! what is left; after that bids hold their full cost, and what is open counts with its full cost too.
//! Buckets are signed: a notice may come before the bidder has reported the hold it settles. The bidder's lease
//! still contains that hold then, so the sum is right at every moment.

use std::collections::BTreeMap;

use domain::limits::LEASE_MS_MAX;
use domain::{Micros, Timestamp};

use crate::hold::EXPECTED_HOLD_MARGIN;
pub use crate::hold::HoldKey;
use crate::watermark::{ANY_EXCHANGE, Watermarks};

/// All of something, in millionths.
const WHOLE_PPM: i64 = 1_000_000;
/// Bidders report every hold within this time, in milliseconds.
const REPORT_MS_MAX: i64 = 3_000;
/// A silent exchange is probed with this part of the budget.
const PROBE_SHARE: i64 = 1_000;

/// What an account may spend, from the campaign as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// In all.
    pub budget: Micros,
    /// In one UTC day.
    pub daily: Option<Micros>,
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// Held for bids that are neither billed nor lost; negative while their report is under way.
    pub held: Micros,
    /// Won at these prices, but not billed yet; negative when the billing notice came first.
    pub won: Micros,
    /// What its bids would cost if all were won at their own price.
    pub bid: Micros,
    /// What was billed of them.
    pub cost: Micros,
    /// The part of `bid` that is neither billed nor lost.
    pub open: Micros,
}

/// What bids came to; in an account those of released buckets, of which the past fades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resolved {
    /// At their own price.
    pub bid: Micros,
    /// Billed.
    pub cost: Micros,
}

/// Unheld headroom of one bidder process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What it may still place holds for.
    pub amount: Micros,
    /// When it lapses without a renewal.
    pub expires_at: Timestamp,
    /// The longest hold time its bids may have had.
    pub hold_ms: i64,
    /// What its bids hold of their full cost.
    pub ratio: LeaseRatio,
}

/// The least that bids of a lease may hold of their full cost, those included that the bidder has not reported yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRatio {
    /// In millionths.
    pub ppm: i64,
    /// A higher one is believed from then on only: by then older bids are reported.
    pub until: Timestamp,
}

impl LeaseRatio {
    /// A lower ratio counts at once, a higher one when nothing older can be unreported.
    fn follow(before: Option<Self>, ppm: i64, now: Timestamp) -> Self {
        let ppm = ppm.clamp(1, WHOLE_PPM);
        match before {
            Some(before) if ppm > before.ppm && now < before.until => before,
            _ => Self {
                ppm,
                until: now.plus_ms(REPORT_MS_MAX),
            },
        }
    }

    /// The full cost of bids that hold `amount`.
    fn worth(self, amount: Micros) -> Micros {
        amount.mul_div(WHOLE_PPM, self.ppm.clamp(1, WHOLE_PPM))
    }
}

/// A campaign's money.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Billed so far, late notices included.
    pub spent: Micros,
    /// The part of `spent` whose notice came after its hold was released.
    pub late: Micros,
    /// Won, but never billed in time.
    pub unbilled: Micros,
    /// Media cost of what was billed, without fees.
    pub media: Micros,
    /// Ledger rows written.
    pub rows: u64,
    /// The UTC day that `day_spent` counts.
    pub day: i64,
    /// Billed on that day.
    pub day_spent: Micros,
    /// What bids cost in the end, for expected holds and pacing.
    pub resolved: Resolved,
    /// Given as a probe since everything open last fitted into what was left.
    pub probed: Micros,
    /// Holds.
    pub holds: BTreeMap<HoldKey, Bucket>,
    /// Leases by bidder process.
    pub leases: BTreeMap<[u8; 16], Lease>,
}

/// A bidder's report of holds it placed since its last renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedHold {
    /// The bucket they belong to.
    pub key: HoldKey,
    /// Their sum.
    pub amount: Micros,
    /// What the bids would cost at their own price.
    pub bid: Micros,
}

impl Resolved {
    /// Each addition keeps this percentage of the past.
    const MEMORY_PERCENT: i64 = 95;

    fn add(&mut self, bid: Micros, cost: Micros) {
        self.bid = self.bid.mul_div(Self::MEMORY_PERCENT, 100) + bid;
        self.cost = self.cost.mul_div(Self::MEMORY_PERCENT, 100) + cost;
    }
}

/// What a bidder asks for, each second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The bidder process.
    pub bidder: [u8; 16],
    /// Holds placed out of the lease since the last renewal.
    pub placed: Vec<PlacedHold>,
    /// Two seconds of planned spend.
    pub wanted: Micros,
    /// All leases of the campaign together are at most so many millionths of what is left, but one full bid.
    pub share_ppm: i64,
    /// The cost of its largest possible bid.
    pub full_bid: Micros,
    /// The longest hold time that its bids can have, in milliseconds.
    pub hold_ms_max: i64,
    /// What its bids hold of their full cost while expected cost is enough, in millionths.
    pub ratio_ppm: i64,
}

/// What a bidder gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// To be added to its headroom.
    pub added: Micros,
    /// The earlier lease had lapsed: the headroom it still has counts for nothing.
    pub lapsed: bool,
    /// Bids must hold their full cost.
    pub full_holds: bool,
    /// When the lease lapses: no bid may be made from then on.
    pub expires_at: Timestamp,
    /// Neither spent nor more than the day allows; holds and leases are part of it.
    pub left: Micros,
    /// Left of the whole budget.
    pub left_total: Micros,
    /// Billed so far.
    pub spent: Micros,
    /// Held and leased now.
    pub exposed: Micros,
    /// What bids came to whose fate is known.
    pub resolved: Resolved,
    /// All bids whose hold is not released yet, and what was billed of them so far.
    pub unresolved: Resolved,
    /// Bidder processes with a lease, this one included.
    pub bidders: u32,
}

/// A notice as the account sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The bucket of the bid.
    pub key: HoldKey,
    /// When the bid was made.
    pub bid_at: Timestamp,
    /// What the bid held.
    pub hold: Micros,
    /// What it would have cost at its own price.
    pub full: Micros,
    /// Media cost.
    pub media: Micros,
    /// Media cost and fee: what the budget counts.
    pub billed: Micros,
    /// When the notice was taken.
    pub at: Timestamp,
}

impl Account {
    /// What is neither spent nor beyond the day's limit; may be negative after late notices.
    pub fn left(&self, limits: &BudgetLimits, now: Timestamp) -> Micros {
        let total = limits.budget - self.spent;
        // A clock that stands before the newest notice does not get a second day.
        let today = if self.day >= now.day() {
            self.day_spent
        } else {
            Micros::ZERO
        };
        limits.daily.map_or(total, |daily| total.min(daily - today))
    }

    /// All that is held.
    pub fn held(&self) -> Micros {
        self.holds
            .values()
            .map(|bucket| bucket.held)
            .sum::<Micros>()
            .at_least_zero()
    }

    /// All that is held or leased.
    pub fn exposed(&self) -> Micros {
        let held: Micros = self.holds.values().map(|bucket| bucket.held).sum();
        let leased: Micros = self.leases.values().map(|lease| lease.amount).sum();
        (held + leased).at_least_zero()
    }

    /// What it would cost if everything open and everything leased were won at its own price.
    fn worst(&self) -> Micros {
        let open: Micros = self.holds.values().map(|bucket| bucket.open).sum();
        let leased: Micros = self
            .leases
            .values()
            .map(|lease| lease.ratio.worth(lease.amount))
            .sum();
        (open + leased).at_least_zero()
    }

    /// Books a billing notice. Returns whether it was late.
    pub fn bill(&mut self, notice: &Settlement, marks: &Watermarks) -> bool {
        let late = self.settle_hold(notice, marks);
        if !late {
            let bucket = self.bucket(&notice.key);
            bucket.won -= notice.media;
            bucket.cost += notice.billed;
        }
        self.spent += notice.billed;
        self.media += notice.media;
        self.rows += 1;
        if late {
            self.late += notice.billed;
        }
        self.count_day(notice.at, notice.billed);
        late
    }

    /// Takes note of a win: no money moves, but a win that is never billed shows up as `unbilled`.
    pub fn win(&mut self, notice: &Settlement, marks: &Watermarks) {
        if !marks.passed(&notice.key.exchange, notice.key.deadline()) {
            self.bucket(&notice.key).won += notice.media;
            self.drop_if_empty(&notice.key);
        }
    }

    /// Releases the hold of a lost bid at once.
    pub fn lose(&mut self, notice: &Settlement, marks: &Watermarks) {
        self.settle_hold(notice, marks);
        self.drop_if_empty(&notice.key);
    }

    /// Takes the bid's hold out of its bucket; true when the watermark had released it already.
    fn settle_hold(&mut self, notice: &Settlement, marks: &Watermarks) -> bool {
        let late = marks.passed(&notice.key.exchange, notice.key.deadline());
        if !late {
            let bucket = self.bucket(&notice.key);
            bucket.held -= notice.hold;
            bucket.open -= notice.full;
        }
        late
    }

    fn bucket(&mut self, key: &HoldKey) -> &mut Bucket {
        self.holds.entry(key.clone()).or_default()
    }

    fn drop_if_empty(&mut self, key: &HoldKey) {
        if self
            .holds
            .get(key)
            .is_some_and(|bucket| *bucket == Bucket::default())
        {
            self.holds.remove(key);
        }
    }

    fn count_day(&mut self, at: Timestamp, billed: Micros) {
        if at.day() > self.day {
            self.day = at.day();
            self.day_spent = Micros::ZERO;
        }
        if at.day() == self.day {
            self.day_spent += billed;
        }
    }

    /// Releases what the watermarks have passed and turns lapsed leases into holds.
    pub fn advance(&mut self, marks: &Watermarks, now: Timestamp) {
        self.lapse_leases(now);
        let mut released = Bucket::default();
        self.holds.retain(|key, bucket| {
            let keep = !marks.passed(&key.exchange, key.deadline());
            if !keep {
                released.won += bucket.won.at_least_zero();
                released.bid += bucket.bid;
                released.cost += bucket.cost;
            }
            keep
        });
        self.unbilled += released.won;
        if released.bid > Micros::ZERO {
            self.resolved.add(released.bid, released.cost);
        }
    }

    /// Turns every lease into a hold, where it is known that no bidder lives.
    pub fn lapse_all(&mut self, now: Timestamp) {
        for lease in self.leases.values_mut() {
            lease.expires_at = lease.expires_at.min(now);
        }
        self.lapse_leases(now);
    }

    /// A dead bidder may have bid all its lease, on any exchange, until the moment it lapsed.
    fn lapse_leases(&mut self, now: Timestamp) {
        let lapsed: Vec<_> = self
            .leases
            .iter()
            .filter(|(_, lease)| lease.expires_at <= now)
            .map(|(id, lease)| (*id, *lease))
            .collect();
        for (bidder, lease) in lapsed {
            self.leases.remove(&bidder);
            let key = HoldKey::of(ANY_EXCHANGE, lease.hold_ms, lease.expires_at);
            let bucket = self.bucket(&key);
            bucket.held += lease.amount;
            bucket.open += lease.ratio.worth(lease.amount);
            self.drop_if_empty(&key);
        }
    }

    /// One renewal: placed holds leave the lease, what can be released is, and the lease is topped up.
    pub fn renew(
        &mut self,
        request: &LeaseRequest,
        limits: &BudgetLimits,
        marks: &Watermarks,
        now: Timestamp,
    ) -> Grant {
        self.lapse_leases(now);
        let known = self.leases.get(&request.bidder).copied();
        let mut amount = known.map_or(Micros::ZERO, |lease| lease.amount);
        for placed in &request.placed {
            let bucket = self.bucket(&placed.key);
            bucket.held += placed.amount;
            bucket.bid += placed.bid;
            bucket.open += placed.bid;
            amount = (amount - placed.amount).at_least_zero();
            self.drop_if_empty(&placed.key);
        }
        self.leases.remove(&request.bidder);
        self.advance(marks, now);
        let left = self.left(limits, now);
        let ratio = LeaseRatio::follow(known.map(|lease| lease.ratio), request.ratio_ppm, now);
        let free = self.free(left, amount, ratio);
        if free >= Micros::ZERO {
            // Everything open fits again, an earlier probe's bids included.
            self.probed = Micros::ZERO;
        }
        let target = request
            .wanted
            .max(request.full_bid)
            .min(self.lease_ceiling(left, request));
        let mut added = (target - amount).min(free).at_least_zero();
        if amount + added < request.full_bid && left >= request.full_bid {
            added += self.probe(limits, request.full_bid, amount + added, now);
        }
        let lease = Lease {
            amount: amount + added,
            expires_at: now.plus_ms(LEASE_MS_MAX),
            hold_ms: request.hold_ms_max,
            ratio,
        };
        self.leases.insert(request.bidder, lease);
        let full_holds = self.is_tight(left);
        if full_holds {
            let ratio = LeaseRatio::follow(Some(ratio), WHOLE_PPM, now);
            self.leases.insert(request.bidder, Lease { ratio, ..lease });
        }
        Grant {
            added,
            lapsed: known.is_none(),
            full_holds,
            expires_at: lease.expires_at,
            left,
            left_total: limits.budget - self.spent,
            spent: self.spent,
            exposed: self.exposed(),
            resolved: self.resolved,
            unresolved: self.unresolved(),
            bidders: u32::try_from(self.leases.len()).unwrap_or(u32::MAX),
        }
    }

    /// Bids whose hold is not released yet.
    fn unresolved(&self) -> Resolved {
        Resolved {
            bid: self.holds.values().map(|bucket| bucket.bid).sum(),
            cost: self.holds.values().map(|bucket| bucket.cost).sum(),
        }
    }

    /// Whether expected cost is no longer enough.
    fn is_tight(&self, left: Micros) -> bool {
        left <= Micros(self.exposed().0.saturating_mul(EXPECTED_HOLD_MARGIN))
            || left <= self.worst()
    }

    /// What may be added to a lease of `own`, which is not among the leases now. Even if everything open and
    /// leased were won at its own price, it still fits into what is left.
    fn free(&self, left: Micros, own: Micros, ratio: LeaseRatio) -> Micros {
        (left - self.exposed() - own).min(left - self.worst() - ratio.worth(own))
    }

    /// Leases of other bidders count against the ceiling too.
    fn lease_ceiling(&self, left: Micros, request: &LeaseRequest) -> Micros {
        let leased: Micros = self.leases.values().map(|lease| lease.amount).sum();
        (left.mul_div(request.share_ppm, 1_000_000) - leased).max(request.full_bid)
    }

    /// When all that is left is held by bids that no notice settles, a little more is tried, once,
    /// so that a silent exchange can show that it is alive. It is the stated overspend bound.
    fn probe(
        &mut self,
        limits: &BudgetLimits,
        full_bid: Micros,
        has: Micros,
        now: Timestamp,
    ) -> Micros {
        let oldest = self
            .holds
            .iter()
            .filter(|(_, bucket)| bucket.held > Micros::ZERO)
            .map(|(key, _)| key.deadline())
            .min();
        let stalled = oldest.is_some_and(|deadline| deadline <= now);
        let day = limits.daily.unwrap_or(limits.budget);
        let allowance = day.mul_div(1, PROBE_SHARE).max(full_bid) - self.probed;
        if !stalled || allowance < full_bid - has {
            return Micros::ZERO;
        }
        let probe = full_bid - has;
        self.probed += probe;
        probe
    }
}

#[cfg(test)]
mod tests;
