//! The account against its promises: boundaries first, then random actions against a model.

use proptest::prelude::*;

use super::*;

const LIMITS: BudgetLimits = BudgetLimits {
    budget: Micros(1_000_000),
    daily: None,
};
const HOLD_MS: i64 = 10_000;

fn request(placed: Vec<PlacedHold>) -> LeaseRequest {
    LeaseRequest {
        bidder: [1; 16],
        placed,
        wanted: Micros(20_000),
        share_ppm: 20_000,
        full_bid: Micros(5_000),
        hold_ms_max: HOLD_MS,
        ratio_ppm: 1_000_000,
    }
}

fn placed(second: i64, amount: i64) -> PlacedHold {
    PlacedHold {
        key: key(second),
        amount: Micros(amount),
        bid: Micros(amount),
    }
}

fn key(second: i64) -> HoldKey {
    HoldKey {
        exchange: "x".into(),
        hold_ms: HOLD_MS,
        second,
    }
}

fn notice(second: i64, hold: i64, billed: i64) -> Settlement {
    Settlement {
        key: key(second),
        bid_at: Timestamp(second * 1000),
        hold: Micros(hold),
        full: Micros(hold),
        media: Micros(billed),
        billed: Micros(billed),
        at: Timestamp(second * 1000 + 500),
    }
}

#[test]
fn a_lease_is_topped_up_and_holds_leave_it() {
    let (mut account, marks) = (Account::default(), Watermarks::new(0));
    let first = account.renew(&request(vec![]), &LIMITS, &marks, Timestamp(0));
    assert_eq!(
        (first.added, first.lapsed),
        (Micros(20_000), true),
        "2 % of what is left"
    );
    let second = account.renew(
        &request(vec![placed(0, 7_000)]),
        &LIMITS,
        &marks,
        Timestamp(1_000),
    );
    assert_eq!((second.added, second.lapsed), (Micros(7_000), false));
    assert_eq!(account.held(), Micros(7_000));
    assert_eq!(account.exposed(), Micros(27_000));
}

#[test]
fn billing_settles_a_hold_once_and_late_notices_are_told_apart() {
    let (mut account, mut marks) = (Account::default(), Watermarks::new(0));
    account.renew(
        &request(vec![placed(0, 7_000)]),
        &LIMITS,
        &marks,
        Timestamp(1_000),
    );
    assert!(!account.bill(&notice(0, 3_000, 1_000), &marks));
    assert_eq!(
        (account.spent, account.held()),
        (Micros(1_000), Micros(4_000))
    );
    marks.observe("x", Timestamp(60_000));
    account.advance(&marks, Timestamp(60_000));
    assert_eq!(
        account.held(),
        Micros::ZERO,
        "the watermark releases the rest"
    );
    assert!(account.bill(&notice(0, 4_000, 1_500), &marks));
    assert_eq!(
        (account.spent, account.late),
        (Micros(2_500), Micros(1_500))
    );
    assert_eq!(account.held(), Micros::ZERO);
}

#[test]
fn a_notice_before_the_bidders_report_keeps_the_sum_right() {
    let (mut account, marks) = (Account::default(), Watermarks::new(0));
    account.renew(&request(vec![]), &LIMITS, &marks, Timestamp(0));
    let before = account.exposed();
    account.bill(&notice(0, 3_000, 1_000), &marks);
    assert_eq!(account.exposed(), before - Micros(3_000));
    account.renew(
        &LeaseRequest {
            wanted: Micros(0),
            ..request(vec![placed(0, 3_000)])
        },
        &LIMITS,
        &marks,
        Timestamp(1_000),
    );
    assert_eq!(account.exposed(), before - Micros(3_000));
    assert_eq!(account.held(), Micros::ZERO);
}

#[test]
fn wins_that_are_never_billed_are_unbilled() {
    let (mut account, mut marks) = (Account::default(), Watermarks::new(0));
    account.renew(
        &request(vec![placed(0, 9_000)]),
        &LIMITS,
        &marks,
        Timestamp(1_000),
    );
    for _ in 0..3 {
        account.win(&notice(0, 3_000, 1_000), &marks);
    }
    account.bill(&notice(0, 3_000, 1_000), &marks);
    marks.observe("x", Timestamp(60_000));
    account.advance(&marks, Timestamp(60_000));
    assert_eq!(
        (account.spent, account.unbilled),
        (Micros(1_000), Micros(2_000))
    );
}

#[test]
fn a_dead_bidders_lease_waits_for_every_exchange() {
    let (mut account, mut marks) = (Account::default(), Watermarks::new(0));
    account.renew(&request(vec![]), &LIMITS, &marks, Timestamp(0));
    let dead_at = Timestamp(LEASE_MS_MAX);
    account.advance(&marks, dead_at);
    assert_eq!(account.held(), Micros(20_000), "the lease became a hold");
    marks.observe("x", dead_at.plus_ms(HOLD_MS));
    account.advance(&marks, dead_at.plus_ms(HOLD_MS));
    assert_eq!(
        account.held(),
        Micros(20_000),
        "its last second is not over"
    );
    marks.observe("x", dead_at.plus_ms(HOLD_MS + 1_000));
    account.advance(&marks, dead_at.plus_ms(HOLD_MS + 1_000));
    assert_eq!(account.exposed(), Micros::ZERO);
    let back = account.renew(&request(vec![]), &LIMITS, &marks, dead_at.plus_ms(30_000));
    assert!(back.lapsed);
}

#[test]
fn leases_of_the_dead_do_not_keep_a_new_bidder_small() {
    let (mut account, marks) = (Account::default(), Watermarks::new(0));
    account.renew(&request(vec![]), &LIMITS, &marks, Timestamp(0));
    account.lapse_all(Timestamp(1_000));
    assert_eq!(
        account.held(),
        Micros(20_000),
        "what it may have bid stays held"
    );
    let mut new = request(vec![]);
    new.bidder = [2; 16];
    assert_eq!(
        account.renew(&new, &LIMITS, &marks, Timestamp(1_000)).added,
        Micros(20_000)
    );
}

#[test]
fn a_silent_exchange_gets_one_small_probe() {
    let (mut account, marks) = (Account::default(), Watermarks::new(0));
    let limits = BudgetLimits {
        budget: Micros(10_000),
        daily: None,
    };
    account.renew(
        &request(vec![placed(0, 10_000)]),
        &limits,
        &marks,
        Timestamp(1_000),
    );
    assert_eq!(
        account
            .renew(&request(vec![]), &limits, &marks, Timestamp(5_000))
            .added,
        Micros::ZERO
    );
    let later = Timestamp(30_000);
    assert_eq!(
        account
            .renew(&request(vec![]), &limits, &marks, later)
            .added,
        Micros(5_000)
    );
    let spent = request(vec![placed(30, 5_000)]);
    assert_eq!(
        account
            .renew(&spent, &limits, &marks, later.plus_ms(1_000))
            .added,
        Micros::ZERO,
        "no second one"
    );
}

#[test]
fn the_day_limits_too_and_starts_anew_at_midnight() {
    let (mut account, marks) = (Account::default(), Watermarks::new(0));
    let limits = BudgetLimits {
        daily: Some(Micros(3_000)),
        ..LIMITS
    };
    let day = 86_400;
    account.bill(&notice(day * 5 + 10, 0, 2_500), &marks);
    assert_eq!(
        account.left(&limits, Timestamp(day * 5_000 + 20_000)),
        Micros(500)
    );
    assert_eq!(account.left(&limits, Timestamp(day * 6_000)), Micros(3_000));
    account.bill(&notice(day * 6 + 10, 0, 1_000), &marks);
    account.bill(&notice(day * 5 + 20, 0, 1_000), &marks);
    assert_eq!(
        account.left(&limits, Timestamp(day * 6_000 + 20_000)),
        Micros(2_000),
        "yesterday's notice"
    );
}

#[derive(Debug, Clone)]
enum Action {
    Bid { hold: i64, bidder: u8 },
    Bill { which: usize, share: i64 },
    Lose { which: usize },
    Renew { bidder: u8 },
    Wait { ms: i64 },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (100..4_000_i64, 0..3_u8).prop_map(|(hold, bidder)| Action::Bid { hold, bidder }),
        4 => (any::<usize>(), 0..=100_i64).prop_map(|(which, share)| Action::Bill { which, share }),
        2 => any::<usize>().prop_map(|which| Action::Lose { which }),
        3 => (0..3_u8).prop_map(|bidder| Action::Renew { bidder }),
        2 => (0..4_000_i64).prop_map(|ms| Action::Wait { ms }),
    ]
}

/// Bidders that bid only out of their headroom, with full holds, against an exchange that bills at most the bid.
#[derive(Default)]
struct World {
    account: Account,
    marks: Watermarks,
    now: i64,
    headroom: BTreeMap<u8, (i64, i64)>,
    reports: BTreeMap<u8, Vec<PlacedHold>>,
    open: Vec<(i64, i64)>,
}

impl World {
    fn step(&mut self, action: &Action, limits: &BudgetLimits) {
        match *action {
            Action::Wait { ms } => self.now += ms,
            Action::Renew { bidder } => self.renew(bidder, limits),
            Action::Bid { hold, bidder } => self.bid(bidder, hold),
            Action::Bill { which, share } => {
                if let Some((at, hold)) = self.take(which) {
                    self.marks.observe("x", Timestamp(at));
                    let bill = self.notice(at, hold, hold * share / 100);
                    self.account.bill(&bill, &self.marks);
                }
            }
            Action::Lose { which } => {
                if let Some((at, hold)) = self.take(which) {
                    self.marks.observe("x", Timestamp(at));
                    let loss = self.notice(at, hold, 0);
                    self.account.lose(&loss, &self.marks);
                }
            }
        }
    }

    fn notice(&self, at: i64, hold: i64, billed: i64) -> Settlement {
        Settlement {
            at: Timestamp(self.now),
            ..notice(at / 1000, hold, billed)
        }
    }

    fn take(&mut self, which: usize) -> Option<(i64, i64)> {
        (!self.open.is_empty()).then(|| self.open.swap_remove(which % self.open.len()))
    }

    fn bid(&mut self, bidder: u8, hold: i64) {
        let (headroom, expires) = self.headroom.entry(bidder).or_default();
        if *headroom >= hold && self.now < *expires {
            *headroom -= hold;
            self.open.push((self.now, hold));
            self.reports
                .entry(bidder)
                .or_default()
                .push(placed(self.now / 1000, hold));
        }
    }

    fn renew(&mut self, bidder: u8, limits: &BudgetLimits) {
        let mut ask = request(self.reports.remove(&bidder).unwrap_or_default());
        ask.bidder = [bidder; 16];
        let grant = self
            .account
            .renew(&ask, limits, &self.marks, Timestamp(self.now));
        let (headroom, expires) = self.headroom.entry(bidder).or_default();
        *headroom = if grant.lapsed {
            grant.added.0
        } else {
            *headroom + grant.added.0
        };
        *expires = grant.expires_at.0;
    }
}

proptest! {
    #[test]
    fn spend_that_is_not_late_never_passes_the_bound(
        actions in proptest::collection::vec(action(), 1..300),
        budget in 5_000..60_000_i64,
    ) {
        let limits = BudgetLimits { budget: Micros(budget), daily: None };
        let mut world = World::default();
        for action in &actions {
            world.step(action, &limits);
            let on_time = world.account.spent - world.account.late;
            // Three bidders, one full bid each, is the stated bound.
            prop_assert!(on_time.0 <= budget + 3 * 5_000, "{} of {budget}", on_time.0);
        }
    }
}
