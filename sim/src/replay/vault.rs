//! The money of a replay whose billing notices come late: the account, its leases and holds, as bidder and updater
//! keep them.
//!
//! Late is told in rows, so this clock counts rows too: a hundred a second. Bidders renew their leases once a second.

use std::collections::{HashSet, VecDeque};

use bidder::money::{CampaignMoney, Hold};
use domain::random::SplitMix64;
use domain::{Micros, Timestamp};
use pacing::account::HoldKey;
use pacing::{Account, BudgetLimits, CostRatio, LeaseRequest, PlacedHold, Settlement, Watermarks};

use super::figures::Money;
use super::{Holds, Options};

/// One row takes so many milliseconds.
const ROW_MS: i64 = 10;
/// Leases are renewed every so many rows, which is a second.
const RENEWAL_ROWS: usize = 100;
/// All leases are at most so many millionths of what is left, as a bidder is configured.
const SHARE_PPM: i64 = 20_000;
/// The cost ratio starts with the weight of this many full bids.
const PRIOR_BIDS: i64 = 10;
/// The one exchange.
const EXCHANGE: &str = "replay";
/// Everything, in millionths.
const WHOLE_PPM: i64 = 1_000_000;

/// What bids hold and what notices did.
pub(super) struct Vault {
    account: Account,
    limits: BudgetLimits,
    marks: Watermarks,
    processes: Vec<Process>,
    /// Billing notices under way, by the row they come at, and those that come again.
    notices: VecDeque<(usize, Notice)>,
    repeats: VecDeque<(usize, Notice)>,
    /// Rows whose bid is billed: a notice that comes again changes nothing.
    billed: HashSet<usize>,
    terms: Terms,
    rng: SplitMix64,
    /// Won, and its notice is lost.
    unbilled: i64,
    bidders_ever: u64,
}

/// What does not change.
#[derive(Debug, Clone, Copy)]
struct Terms {
    holds: Holds,
    in_flight: usize,
    hold_ms: i64,
    full_bid: Micros,
    lost: f64,
    duplicates: f64,
}

/// One bidder.
struct Process {
    id: [u8; 16],
    money: CampaignMoney,
    placed: Vec<PlacedHold>,
    ratio: f64,
    /// It renews nothing before this row.
    away_until: usize,
}

/// Money that a bid holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    row: usize,
    amount: Micros,
    full: Micros,
}

/// A billing notice.
#[derive(Debug, Clone, Copy)]
struct Notice {
    held: Held,
    paid: i64,
}

impl Vault {
    /// Notices come `in_flight` rows after the bid; no bid costs more than `full_bid`.
    pub(super) fn new(budget: i64, full_bid: i64, (in_flight, options): (usize, &Options)) -> Self {
        let rows = i64::try_from(in_flight).unwrap_or(i64::MAX / ROW_MS / 4);
        let mut vault = Self {
            account: Account::default(),
            limits: BudgetLimits {
                budget: Micros(budget),
                daily: None,
            },
            marks: Watermarks::new(0),
            processes: Vec::new(),
            notices: VecDeque::new(),
            repeats: VecDeque::new(),
            billed: HashSet::new(),
            terms: Terms {
                holds: options.holds,
                in_flight,
                hold_ms: (2 * rows * ROW_MS).max(1),
                full_bid: Micros(full_bid.max(1)),
                lost: options.lost,
                duplicates: options.duplicates,
            },
            rng: SplitMix64::new(options.seed ^ 0x7661_756c_7400),
            unbilled: 0,
            bidders_ever: 0,
        };
        for _ in 0..options.bidders.max(1) {
            let process = vault.process(0);
            vault.processes.push(process);
        }
        vault
    }

    fn process(&mut self, away_until: usize) -> Process {
        self.bidders_ever += 1;
        Process {
            id: u128::from(self.bidders_ever).to_be_bytes(),
            money: CampaignMoney::default(),
            placed: Vec::new(),
            ratio: 1.0,
            away_until,
        }
    }

    /// A bidder dies with all it has not reported, and a new one takes its place at a later row.
    pub(super) fn kill(&mut self, bidder: usize, until: usize) {
        let fresh = self.process(until);
        if let Some(process) = self.processes.get_mut(bidder) {
            *process = fresh;
        }
    }

    /// What is due before this row: notices, and once a second the leases.
    pub(super) fn advance(&mut self, row: usize) {
        while let Some(notice) = due(&mut self.notices, row) {
            self.book(notice, row);
        }
        while let Some(notice) = due(&mut self.repeats, row) {
            self.book(notice, row);
        }
        if row.is_multiple_of(RENEWAL_ROWS) {
            for bidder in 0..self.processes.len() {
                self.renew(bidder, row);
            }
        }
    }

    fn book(&mut self, notice: Notice, row: usize) {
        if !self.billed.insert(notice.held.row) {
            return;
        }
        let bid_at = at(notice.held.row);
        self.marks.observe(EXCHANGE, bid_at);
        let settlement = self.settlement(notice.held, notice.paid, row);
        self.account.bill(&settlement, &self.marks);
    }

    fn settlement(&self, held: Held, paid: i64, row: usize) -> Settlement {
        let bid_at = at(held.row);
        Settlement {
            key: HoldKey::of(EXCHANGE, self.terms.hold_ms, bid_at),
            bid_at,
            hold: held.amount,
            full: held.full,
            media: Micros(paid),
            billed: Micros(paid),
            at: at(row),
        }
    }

    fn renew(&mut self, bidder: usize, row: usize) {
        let terms = self.terms;
        let Some(process) = self.processes.get_mut(bidder) else {
            return;
        };
        if row < process.away_until || terms.holds == Holds::KnownSpend {
            return;
        }
        let request = LeaseRequest {
            bidder: process.id,
            placed: std::mem::take(&mut process.placed),
            // The ceiling of leases decides how much it gets.
            wanted: self.limits.budget,
            share_ppm: SHARE_PPM,
            full_bid: terms.full_bid,
            hold_ms_max: terms.hold_ms,
            ratio_ppm: (process.ratio * WHOLE_PPM as f64) as i64,
        };
        let grant = self
            .account
            .renew(&request, &self.limits, &self.marks, at(row));
        process.money.apply(&grant, (at(row), steady_us(row)));
        if terms.holds == Holds::Expected {
            let prior = Micros(terms.full_bid.0.saturating_mul(PRIOR_BIDS));
            process.ratio = CostRatio::new(grant.resolved, prior).for_holds();
        }
        process.money.steer(1.0, process.ratio);
    }

    /// Takes the money for a bid, if it is there.
    pub(super) fn hold(&mut self, bidder: usize, price: i64, row: usize) -> Option<Held> {
        let full = Micros(price);
        if self.terms.holds == Holds::KnownSpend {
            let amount = Micros::ZERO;
            return (self.account.spent < self.limits.budget).then_some(Held { row, amount, full });
        }
        let process = self.processes.get_mut(bidder)?;
        let amount = process.money.hold_amount(full);
        let Hold { amount, .. } = process.money.try_hold(amount, steady_us(row))?;
        let key = HoldKey::of(EXCHANGE, self.terms.hold_ms, at(row));
        match process.placed.last_mut().filter(|last| last.key == key) {
            Some(last) => {
                last.amount += amount;
                last.bid += full;
            }
            None => process.placed.push(PlacedHold {
                key,
                amount,
                bid: full,
            }),
        }
        Some(Held { row, amount, full })
    }

    /// A bid won: its billing notice is under way, or lost.
    pub(super) fn won(&mut self, held: Held, paid: i64, row: usize) {
        if self.terms.holds != Holds::KnownSpend {
            let settlement = self.settlement(held, paid, row);
            self.account.win(&settlement, &self.marks);
        }
        if self.rng.chance(self.terms.lost) {
            self.unbilled += paid;
            return;
        }
        let (notice, due) = (Notice { held, paid }, row + self.terms.in_flight);
        self.notices.push_back((due, notice));
        if self.rng.chance(self.terms.duplicates) {
            self.repeats.push_back((due + self.terms.in_flight, notice));
        }
    }

    /// A bid is known to be lost: it holds nothing any more.
    pub(super) fn lost(&mut self, held: Held, row: usize) {
        if self.terms.holds != Holds::KnownSpend {
            let settlement = self.settlement(held, 0, row);
            self.account.lose(&settlement, &self.marks);
        }
    }

    /// Lets all notices come that are still under way.
    pub(super) fn finish(&mut self, rows: usize) {
        let last = rows + 2 * self.terms.in_flight;
        self.advance(last);
    }

    /// What became of the money.
    pub(super) fn money(&self) -> Money {
        Money {
            spent: (self.account.spent - self.account.late).0,
            late: self.account.late.0,
            unbilled: self.unbilled,
        }
    }
}

/// The next notice that has come by this row.
fn due(notices: &mut VecDeque<(usize, Notice)>, row: usize) -> Option<Notice> {
    notices.front().filter(|(due, _)| *due <= row)?;
    notices.pop_front().map(|(_, notice)| notice)
}

fn at(row: usize) -> Timestamp {
    Timestamp(row as i64 * ROW_MS)
}

fn steady_us(row: usize) -> u64 {
    row as u64 * ROW_MS as u64 * 1_000
}
