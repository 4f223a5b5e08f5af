//! One batch of one partition into every sink: state first, since it decides which events count.

use std::sync::Arc;

use domain::{AdvertiserId, EventId, Timestamp};
use event_log::{Partition, Stored, Topic};
use proto::event::{self, BidRef, Event, Kind};
use store::StoreError;
use store::budget::Budgets;
use store::offsets::Offsets;
use store::profile::Shown;
use store::report::{ReportDelta, ReportStore};
use store::state::{Position, Sighting, StateTxn, Window};

use crate::learner::Learner;
use crate::settle::{self, Charge};
use crate::{UpdaterError, metrics, rollup};

/// Every sink, with how far it is.
pub(crate) struct Sinks {
    pub(crate) budgets: Budgets,
    pub(crate) state_offsets: Offsets,
    pub(crate) reports: Arc<dyn ReportStore>,
    pub(crate) report_offsets: Offsets,
    pub(crate) learner: Learner,
}

/// An event that counts, with what the state said of it.
struct Counted {
    offset: u64,
    event: Event,
    charge: Option<(Charge, bool)>,
}

impl Sinks {
    /// The offsets of the sinks, in no order.
    pub(crate) fn all_offsets(&self) -> impl Iterator<Item = &Offsets> {
        [
            &self.state_offsets,
            &self.report_offsets,
            self.learner.offsets(),
        ]
        .into_iter()
    }

    /// Reads anew how far the stores are: a change whose answer was lost may have been made all the same.
    ///
    /// # Errors
    /// When a store fails.
    pub(crate) fn reload(&mut self) -> Result<(), StoreError> {
        self.state_offsets = store::state::applied(self.budgets.keyed().as_ref())?;
        self.report_offsets = self.reports.applied()?;
        Ok(())
    }

    /// Applies a batch. May be called again with the same one: no sink applies anything twice.
    pub(crate) fn apply(
        &mut self,
        partition: Partition,
        records: &[Stored],
        now: Timestamp,
    ) -> Result<(), UpdaterError> {
        let Some(next) = records.last().map(|record| record.offset + 1) else {
            return Ok(());
        };
        let events = parse(records);
        if let Some((_, newest)) = events.last() {
            ::metrics::gauge!(metrics::LAG_MS).set(now.since(newest.at()) as f64);
        }
        let counted = self.apply_state(partition, next, events)?;
        self.apply_reports(partition, next, &counted)?;
        self.apply_learner(partition, next, &counted);
        ::metrics::counter!(metrics::EVENTS_APPLIED, "topic" => partition.topic.name())
            .increment(counted.len() as u64);
        Ok(())
    }

    /// Decides which events count and books them, in one change with the offset.
    fn apply_state(
        &mut self,
        partition: Partition,
        next: u64,
        events: Vec<(u64, Event)>,
    ) -> Result<Vec<Counted>, UpdaterError> {
        let mut offsets = self.state_offsets.clone();
        let ahead = next > offsets.next(partition.topic.name(), partition.index);
        if ahead {
            offsets.advance(partition.topic.name(), partition.index, next);
        }
        let verdicts = self.budgets.transact(|change| {
            let mut verdicts = Vec::with_capacity(events.len());
            for (offset, event) in &events {
                verdicts.push(decide(change, partition, *offset, event)?);
            }
            if ahead {
                change.set_offsets(&offsets);
            }
            Ok(verdicts)
        })?;
        self.state_offsets = offsets;
        let counted = events
            .into_iter()
            .zip(verdicts)
            .filter_map(|((offset, event), verdict)| match verdict {
                Verdict::Count(charge) => Some(Counted {
                    offset,
                    event,
                    charge,
                }),
                Verdict::Skip => None,
            });
        Ok(counted.collect())
    }

    fn apply_reports(
        &mut self,
        partition: Partition,
        next: u64,
        counted: &[Counted],
    ) -> Result<(), StoreError> {
        let done = self
            .report_offsets
            .next(partition.topic.name(), partition.index);
        if next <= done {
            return Ok(());
        }
        let mut delta = ReportDelta {
            offsets: self.report_offsets.clone(),
            ..ReportDelta::default()
        };
        delta
            .offsets
            .advance(partition.topic.name(), partition.index, next);
        for counted in counted.iter().filter(|counted| counted.offset >= done) {
            if let Some(kind) = &counted.event.kind {
                let charge = counted
                    .charge
                    .as_ref()
                    .map(|(charge, late)| (charge, *late));
                rollup::add(&mut delta, kind, counted.event.at(), charge);
            }
        }
        self.reports.apply(&delta)?;
        self.report_offsets = delta.offsets;
        Ok(())
    }

    fn apply_learner(&mut self, partition: Partition, next: u64, counted: &[Counted]) {
        let done = self
            .learner
            .offsets()
            .next(partition.topic.name(), partition.index);
        for counted in counted.iter().filter(|counted| counted.offset >= done) {
            let charge = counted.charge.as_ref().map(|(charge, _)| charge);
            self.learner.count(&counted.event, charge);
            if let Some(kind) = &counted.event.kind {
                self.learner.apply(kind, counted.event.at());
            }
        }
        if next > done {
            self.learner
                .advance(partition.topic.name(), partition.index, next);
        }
        self.learner.learn();
    }
}

/// Records that are no events are counted and skipped: one bad record must not stop the rest.
fn parse(records: &[Stored]) -> Vec<(u64, Event)> {
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        match event::parse(&record.payload) {
            Ok(event) => events.push((record.offset, event)),
            Err(error) => {
                tracing::debug!(offset = record.offset, %error, "record skipped");
                ::metrics::counter!(metrics::RECORDS_DAMAGED).increment(1);
            }
        }
    }
    events
}

enum Verdict {
    Count(Option<(Charge, bool)>),
    Skip,
}

/// Whether an event counts; one that is seen for the first time changes the state here.
fn decide(
    change: &mut StateTxn,
    partition: Partition,
    offset: u64,
    event: &Event,
) -> Result<Verdict, StoreError> {
    // Bids are logged best effort and once: their bidder never repeats an append.
    let (Some(kind), Some(reference)) = (&event.kind, event.bid_ref()) else {
        return Ok(Verdict::Count(None));
    };
    if partition.topic == Topic::Bids {
        return Ok(Verdict::Count(None));
    }
    let position = Position {
        topic: partition.topic.name(),
        partition: partition.index,
        offset,
    };
    let window = window(kind);
    let charge = match kind {
        Kind::Billing(billing) => Some(settle::charge(
            reference,
            domain::Cpm(domain::Micros(billing.price_cpm_micros)),
        )),
        _ => None,
    };
    // Its id is of an hour, not of a bid.
    let since = match kind {
        Kind::Segment(_) => event.at(),
        _ => reference.bid_at(),
    };
    match change.sight(event.event_id(), window, since, &position)? {
        Sighting::First => {
            let late = book(change, kind, reference, event, charge.as_ref())?;
            Ok(Verdict::Count(charge.map(|charge| (charge, late))))
        }
        Sighting::Again { late } => Ok(Verdict::Count(charge.map(|charge| (charge, late)))),
        Sighting::Repeat => {
            ::metrics::counter!(metrics::EVENTS_REPEATED).increment(1);
            Ok(Verdict::Skip)
        }
        Sighting::Stale => {
            ::metrics::counter!(metrics::EVENTS_STALE).increment(1);
            Ok(Verdict::Skip)
        }
    }
}

fn window(kind: &Kind) -> Window {
    match kind {
        Kind::Click(_) | Kind::Conversion(_) => Window::Month,
        _ => Window::Day,
    }
}

/// Changes accounts, ledger and profiles. Returns whether a billing notice was late.
fn book(
    change: &mut StateTxn,
    kind: &Kind,
    reference: &BidRef,
    event: &Event,
    charge: Option<&Charge>,
) -> Result<bool, StoreError> {
    if reference.test {
        return Ok(false);
    }
    let mut late = false;
    match kind {
        Kind::Billing(_) => {
            if let Some(charge) = charge {
                late = bill(change, event.event_id(), reference, charge, event.at())?;
            }
            change.observe_notice(&reference.exchange, reference.bid_at());
        }
        Kind::Win(win) => {
            let charge =
                settle::charge(reference, domain::Cpm(domain::Micros(win.price_cpm_micros)));
            let notice = settle::settlement(reference, &charge, event.at());
            let (account, marks) = change.account(reference.campaign_id())?;
            account.win(&notice, marks);
            change.observe_notice(&reference.exchange, reference.bid_at());
        }
        Kind::Loss(_) => {
            let free = settle::charge(reference, domain::Cpm::ZERO);
            let notice = settle::settlement(reference, &free, event.at());
            let (account, marks) = change.account(reference.campaign_id())?;
            account.lose(&notice, marks);
            change.observe_notice(&reference.exchange, reference.bid_at());
        }
        Kind::Impression(_) => {
            let shown = Shown {
                bid: reference.id(),
                campaign: reference.campaign_id(),
                line_item: reference.line_item_id(),
                creative: reference.creative_id(),
            };
            for key in reference.counted_keys() {
                change.profile(key)?.count_impression(&shown, event.at());
            }
        }
        Kind::Click(_) => {
            if let Some(user) = reference.user_key() {
                change.profile(user)?.count_click(event.at());
            }
        }
        Kind::Segment(entry) => {
            if let (Some(user), 1..) = (reference.user_key(), reference.advertiser) {
                let advertiser = AdvertiserId(reference.advertiser);
                change
                    .profile(user)?
                    .enter(advertiser, &entry.name, event.at());
            }
        }
        Kind::Bid(_)
        | Kind::View(_)
        | Kind::Playback(_)
        | Kind::Conversion(_)
        | Kind::Delivery(_) => {}
    }
    Ok(late)
}

fn bill(
    change: &mut StateTxn,
    id: EventId,
    reference: &BidRef,
    charge: &Charge,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let notice = settle::settlement(reference, charge, at);
    let (account, marks) = change.account(reference.campaign_id())?;
    let sequence = account.rows;
    let late = account.bill(&notice, marks);
    change.append_row(&settle::row(id, reference, charge, at, late), sequence);
    if late {
        change.mark_late(id, Window::Day, reference.bid_at());
    }
    Ok(late)
}
