//! What a core hands over: records of bids, counts, holds, and step by step the counters of each line item.

use std::sync::Arc;
use std::sync::mpsc::TrySendError;

use domain::{EventId, Timestamp};
use prost::Message;

use super::BidderCore;
use crate::outbox::Content;
use crate::record::{self, Subject};
use crate::snapshot::Snapshot;
use crate::tally::Entry;

/// Line items whose counters are logged before requests have their turn again: some tens of microseconds of work.
const STEP_ITEMS: usize = 64;

impl BidderCore {
    /// Hands the records of bids to the log; called many times a second.
    pub fn hand_over(&mut self) {
        self.outbox.hand_over(self.shared.log.as_ref());
    }

    /// Hands over counts, holds and the counters of line items; called before the end.
    pub fn flush(&mut self, now: Timestamp) {
        while self.flush_some(now, usize::MAX) || self.work.tally.begin_drain() {}
        self.report();
    }

    /// Sets the counters of line items apart that have moved so far; they follow in steps.
    pub fn begin_flush(&mut self) {
        self.work.tally.begin_drain();
    }

    /// Hands over counts and holds; called often enough for holds. Never loses a hold: what the background cannot
    /// take now stays here.
    pub fn report(&mut self) {
        self.report_eligible();
        self.hand_over();
        self.counts.hand_over();
        self.report.add_up();
        let report = std::mem::take(&mut self.report);
        if report.is_empty() {
            return;
        }
        match self.reports.try_send(report) {
            Ok(()) => {}
            Err(TrySendError::Full(report) | TrySendError::Disconnected(report)) => {
                self.report = report;
            }
        }
    }

    /// Logs the counters of a few line items; says whether more are to be logged.
    pub fn flush_step(&mut self, now: Timestamp) -> bool {
        self.flush_some(now, STEP_ITEMS)
    }

    /// Goes over to a snapshot: the counters of the last one are logged in steps.
    pub(super) fn turn_to(&mut self, newest: &Arc<Snapshot>, now: Timestamp) {
        self.report_eligible();
        // Counters of two snapshots before: only where snapshots follow each other faster than reports.
        while self.before.is_some() {
            self.flush_some(now, usize::MAX);
        }
        let mut next = std::mem::take(&mut self.spare);
        let exchanges = self.shared.exchanges.len();
        next.resize(newest.items.len(), newest.campaigns.len(), exchanges);
        let last = std::mem::replace(&mut self.work.tally, next);
        match self.snapshot.replace(Arc::clone(newest)) {
            Some(before) => self.before = Some((before, last)),
            None => self.spare = last,
        }
    }

    fn report_eligible(&mut self) {
        let Some(snapshot) = self.snapshot.as_ref() else {
            return;
        };
        let report = &mut self.report;
        self.work.tally.drain_campaigns(|position, count| {
            if let Some(live) = snapshot.campaigns.get(position) {
                report.eligible(live.campaign.id, count);
            }
        });
    }

    fn flush_some(&mut self, now: Timestamp, most: usize) -> bool {
        if let Some((snapshot, mut tally)) = self.before.take() {
            let more = tally.drain_items(most, |at, entry| {
                self.log_delivery(&snapshot, at, (entry, now));
            }) || tally.begin_drain();
            if more {
                self.before = Some((snapshot, tally));
            } else {
                self.spare = tally;
            }
            return true;
        }
        let Some(snapshot) = self.snapshot.as_ref().map(Arc::clone) else {
            return false;
        };
        let mut tally = std::mem::take(&mut self.work.tally);
        let more = tally.drain_items(most, |at, entry| {
            self.log_delivery(&snapshot, at, (entry, now));
        });
        self.work.tally = tally;
        more
    }

    fn log_delivery(
        &mut self,
        snapshot: &Snapshot,
        (position, exchange): (usize, usize),
        (entry, now): (&Entry, Timestamp),
    ) {
        let shared = &self.shared;
        let (Some(item), Some(exchange)) =
            (snapshot.items.get(position), shared.exchanges.get(exchange))
        else {
            return;
        };
        let subject = Subject {
            campaign: item.line_item.campaign.0,
            line_item: item.line_item.id.0,
            exchange,
            region: &shared.config.region,
        };
        let id = EventId(self.event_ids.next_id().0);
        let event = record::delivery_event(id, subject, entry, now);
        let (log, key) = (shared.log.as_ref(), subject.line_item.to_be_bytes());
        self.outbox.add(log, (&key, Content::Delivery), |out| {
            event.encode(out).expect("a Vec takes every write");
        });
    }
}
