//! The promises: the bound on spend, and that every total is exact.

use std::collections::{BTreeMap, BTreeSet};

use domain::ledger::LedgerRow;
use domain::report::Counters;
use domain::{CampaignId, Micros};
use event_log::{EventLog, Partition, Topic};
use pacing::Account;
use store::report::{ReportFilter, ReportStore};
use updater::totals::Recount;

use crate::faults::Kind;
use crate::workload::Entry;
use crate::world::World;

/// What must hold at every moment.
pub(crate) fn during(world: &mut World) {
    let accounts = accounts(world);
    for (id, account) in &accounts {
        check_account(world, *id, account);
    }
    let headrooms: Vec<_> = world
        .bidders
        .iter()
        .flatten()
        .filter_map(|process| process.bidder.snapshot())
        .flat_map(|snapshot| {
            let of = |live: &bidder::snapshot::LiveCampaign| live.money.headroom();
            snapshot.campaigns.iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    if headrooms.iter().any(|headroom| *headroom < Micros::ZERO) {
        world.fail("a bidder's headroom is negative".to_owned());
    }
}

/// What must hold once everything has come to rest.
pub(crate) fn end(world: &mut World) {
    during(world);
    let accounts = accounts(world);
    let reports = world.reports.totals(&ReportFilter::default());
    let reports = reports.unwrap_or_default();
    let recount = recount(world);
    let expected = world
        .market
        .expected(|campaign, price| cost(world, campaign, price));
    for entry in world.entries.clone() {
        let id = entry.campaign.id;
        let account = accounts.get(&id).cloned().unwrap_or_default();
        check_rows(world, &entry, &account);
        let wanted = expected.get(&id).copied().unwrap_or_default();
        let reported = reports.get(&id).copied().unwrap_or_default();
        let recounted = recount.counters.get(&id).copied().unwrap_or_default();
        equal(world, (id, "ledger"), &account.spent, &wanted.spend);
        equal(world, (id, "late"), &account.late, &reported.late);
        equal(
            world,
            (id, "report"),
            &figures(&reported),
            &figures(&wanted),
        );
        equal(
            world,
            (id, "recount"),
            &figures(&recounted),
            &figures(&wanted),
        );
        count(world, &entry, &account, &wanted);
    }
    let lost = world
        .market
        .acknowledged_ids()
        .filter(|event| !recount.contains(*event))
        .count();
    if lost > 0 || recount.damaged > 0 {
        let damaged = recount.damaged;
        world.fail(format!(
            "{lost} acknowledged events are lost, {damaged} records damaged"
        ));
    }
    world.outcome.stats.repeated_records = recount.repeats;
    check_lateness(world);
    world.outcome.stats.full_holds = full_holds(world);
}

/// Nothing is late, and every win is billed in time, where notices are only repeated in time or never come.
fn check_lateness(world: &mut World) {
    let delaying = [
        Kind::Late,
        Kind::Silence,
        Kind::ClockJump,
        Kind::LogRefuses,
        Kind::Doubled,
    ];
    let stats = &world.outcome.stats;
    if stats.kinds.iter().any(|kind| delaying.contains(kind)) {
        return;
    }
    let (late, unbilled) = (stats.late, stats.unbilled);
    if late != Micros::ZERO {
        world.fail(format!("{late:?} are late, but every notice came in time"));
    }
    let lost = world.outcome.stats.kinds.contains(&Kind::Lost);
    if !lost && unbilled != Micros::ZERO {
        world.fail(format!(
            "{unbilled:?} are unbilled, but every notice came in time"
        ));
    }
}

/// How many of the logged bids held all that they could cost.
fn full_holds(world: &World) -> u64 {
    let mut full = 0;
    for index in 0..world.log.partitions(Topic::Bids) {
        let partition = Partition {
            topic: Topic::Bids,
            index,
        };
        let records = world.log.read(partition, 0, usize::MAX);
        for record in records.unwrap_or_default() {
            let event = proto::event::parse(&record.payload).ok();
            let held = event.as_ref().and_then(|event| event.bid_ref()).map(|bid| {
                let most = cost(world, bid.campaign_id(), bid.price_cpm_micros);
                bid.hold_micros >= most.0
            });
            full += u64::from(held == Some(true));
        }
    }
    full
}

fn accounts(world: &World) -> BTreeMap<CampaignId, Account> {
    store::state::accounts(&world.keyed).expect("memory reads do not fail")
}

fn slack(world: &World, entry: &Entry, budget: Micros) -> Micros {
    let bids = i64::try_from(world.bidders.len()).unwrap_or(i64::MAX);
    Micros(entry.full_bid.0 * bids).max(budget.mul_div(1, 1_000))
}

fn check_account(world: &mut World, id: CampaignId, account: &Account) {
    let Some(entry) = world.entries.iter().find(|entry| entry.campaign.id == id) else {
        world.fail(format!("an account of no campaign: {id}"));
        return;
    };
    let (entry, in_time) = (entry.clone(), account.spent - account.late);
    let over = in_time - entry.budget_max;
    if over > slack(world, &entry, entry.budget_max) {
        let bids = over.0 as f64 / entry.full_bid.0 as f64;
        world.fail(format!(
            "campaign {id} spent {over:?} ({bids:.1} full bids) beyond its budget {:?}",
            entry.budget_max
        ));
    }
    let stats = &mut world.outcome.stats;
    stats.over = stats.over.max(over);
    stats.over_bids_ppk = stats
        .over_bids_ppk
        .max(over.mul_div(1_000, entry.full_bid.0).0);
    stats.over_with_late = stats.over_with_late.max(account.spent - entry.budget_max);
    let parts = [account.spent, account.late, account.unbilled, account.media];
    if parts.iter().any(|part| *part < Micros::ZERO) || account.late > account.spent {
        world.fail(format!("campaign {id} has impossible sums {parts:?}"));
    }
}

fn check_rows(world: &mut World, entry: &Entry, account: &Account) {
    let id = entry.campaign.id;
    let rows = store::state::ledger_rows(&world.keyed, id, 0, usize::MAX)
        .expect("memory reads do not fail");
    let events: BTreeSet<_> = rows.iter().map(|row| row.event).collect();
    equal(world, (id, "rows by event"), &events.len(), &rows.len());
    equal(world, (id, "rows"), &account.rows, &(rows.len() as u64));
    let sum = |of: fn(&LedgerRow) -> Micros| rows.iter().map(of).sum::<Micros>();
    equal(
        world,
        (id, "sum of rows"),
        &sum(|row| row.billed),
        &account.spent,
    );
    equal(world, (id, "media"), &sum(|row| row.media), &account.media);
    let late = rows.iter().filter(|row| row.late).map(|row| row.billed);
    equal(
        world,
        (id, "late rows"),
        &late.sum::<Micros>(),
        &account.late,
    );
    if let Some(daily) = entry.daily_max {
        check_days(world, entry, daily, &rows);
    }
    for row in &rows {
        world.trace.bytes(&row.event.0);
        world.trace.signed(row.billed.0);
    }
}

/// Each UTC day keeps to the daily budget as the whole run keeps to the budget.
fn check_days(world: &mut World, entry: &Entry, daily: Micros, rows: &[LedgerRow]) {
    let mut days: BTreeMap<i64, Micros> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.late) {
        *days.entry(row.at.day()).or_default() += row.billed;
    }
    for (day, spent) in days {
        let over = spent - daily;
        if over > slack(world, entry, daily) {
            let bids = over.0 as f64 / entry.full_bid.0 as f64;
            let id = entry.campaign.id;
            world.fail(format!(
                "campaign {id} spent {over:?} ({bids:.1} full bids) beyond the budget {daily:?} of day {day}"
            ));
        }
    }
}

/// What a billing notice at `price` (micros of CPM in USD) costs, computed apart from the product.
fn cost(world: &World, campaign: CampaignId, price: i64) -> Micros {
    let entry = world
        .entries
        .iter()
        .find(|entry| entry.campaign.id == campaign);
    let rate = entry.map_or(1_000_000, |entry| entry.rate);
    let charged = (price + 500) / 1_000;
    let media = (charged * rate + 500_000) / 1_000_000;
    Micros(media + media * world.shape.config.fee_ppm / 1_000_000)
}

fn recount(world: &World) -> Recount {
    let mut recount = Recount::default();
    for topic in [Topic::Billing, Topic::UserEvents] {
        for index in 0..world.log.partitions(topic) {
            let partition = Partition { topic, index };
            let records = world.log.read(partition, 0, usize::MAX);
            for record in records.unwrap_or_default() {
                recount.add(&record.payload);
            }
        }
    }
    recount
}

/// The figures that events make; bids and eligible impressions are best effort.
fn figures(counters: &Counters) -> [i64; 6] {
    [
        counters.wins,
        counters.billed,
        counters.impressions,
        counters.clicks,
        counters.conversions,
        counters.spend.0,
    ]
}

fn count(world: &mut World, entry: &Entry, account: &Account, wanted: &Counters) {
    let budget = entry.campaign.budget;
    let stats = &mut world.outcome.stats;
    stats.exhausted += u64::from(account.spent + entry.full_bid > budget);
    stats.spent_up += u64::from(account.spent >= budget.mul_div(98, 100));
    stats.billed += u64::try_from(wanted.billed).unwrap_or(0);
    stats.spent += account.spent;
    stats.late += account.late;
    stats.unbilled += account.unbilled;
    for part in [account.spent, account.late, account.unbilled] {
        world.trace.signed(part.0);
    }
    figures(wanted)
        .iter()
        .for_each(|figure| world.trace.signed(*figure));
}

fn equal<T: PartialEq + std::fmt::Debug>(
    world: &mut World,
    (campaign, what): (CampaignId, &str),
    got: &T,
    wanted: &T,
) {
    if got != wanted {
        world.fail(format!(
            "{what} of campaign {campaign}: {got:?}, but {wanted:?} is right"
        ));
    }
}
