//! Counts the log again, for `paceline verify`: what ledger and reports must agree with.

use std::collections::{BTreeMap, BTreeSet};

use domain::report::Counters;
use domain::{CampaignId, Cpm, EventId, Micros};
use proto::event::{self, BidRef, Kind};

use crate::{rollup, settle};

/// A recount of raw events that shares only the price arithmetic with the sinks.
#[derive(Debug, Default)]
pub struct Recount {
    seen: BTreeSet<EventId>,
    /// By campaign, each event once: spend and counts of what the pixel took.
    pub counters: BTreeMap<CampaignId, Counters>,
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
        if let (Some(kind), Some(reference)) = (&event.kind, event.bid_ref())
            && !reference.test
        {
            count(
                self.counters.entry(reference.campaign_id()).or_default(),
                kind,
                reference,
            );
        }
    }

    /// Whether an event with this id stands in the log.
    pub fn contains(&self, event: EventId) -> bool {
        self.seen.contains(&event)
    }
}

fn count(counters: &mut Counters, kind: &Kind, reference: &BidRef) {
    match kind {
        Kind::Billing(billing) => {
            counters.billed += 1;
            counters.spend +=
                settle::charge(reference, Cpm(Micros(billing.price_cpm_micros))).billed();
        }
        Kind::Win(_) => counters.wins += 1,
        Kind::Impression(_) => counters.impressions += 1,
        Kind::View(_) => counters.views += 1,
        Kind::Click(_) => counters.clicks += 1,
        Kind::Conversion(_) => counters.conversions += 1,
        Kind::Playback(playback) => counters.playback.add(&rollup::playback(playback)),
        Kind::Bid(_) | Kind::Loss(_) | Kind::Delivery(_) | Kind::Segment(_) => {}
    }
}
