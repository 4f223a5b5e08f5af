//! Counts the log again, for `paceline verify`: what ledger and reports must agree with.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CampaignId, Cpm, EventId, Micros};
use proto::event::{self, Kind};

use crate::settle;

/// A recount of raw events that shares only the price arithmetic with the sinks.
#[derive(Debug, Default)]
pub struct Recount {
    seen: BTreeSet<EventId>,
    /// Billed micros by campaign, each billing event once.
    pub billed: BTreeMap<CampaignId, Micros>,
    /// Events by id, each once.
    pub events: u64,
    /// Records that stood in the log more than once.
    pub repeats: u64,
    /// Records that are no events.
    pub damaged: u64,
}

impl Recount {
    /// Takes one record of the log.
    pub fn add(&mut self, payload: &[u8]) {
        let Ok(event) = event::parse(payload) else {
            self.damaged += 1;
            return;
        };
        if !self.seen.insert(event.event_id()) {
            self.repeats += 1;
            return;
        }
        self.events += 1;
        if let (Some(Kind::Billing(billing)), Some(reference)) = (&event.kind, event.bid_ref())
            && !reference.test
        {
            let charge = settle::charge(reference, Cpm(Micros(billing.price_cpm_micros)));
            *self.billed.entry(reference.campaign_id()).or_default() += charge.billed();
        }
    }

    /// Whether an event with this id stands in the log.
    pub fn contains(&self, event: EventId) -> bool {
        self.seen.contains(&event)
    }
}
