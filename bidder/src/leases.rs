//! Every campaign's money as the background drives it: what cores did, how to steer, which leases to renew.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use domain::random::mix;
use domain::{CampaignId, Micros, Timestamp};
use pacing::account::HoldKey;
use pacing::{BudgetLimits, Grant, LeaseRequest, PlacedHold};

use crate::money::{CampaignMoney, CoreReport, Done};
use crate::pacing::{Controller, full_bid, limits};
use crate::snapshot::Snapshot;

/// A lease that nothing was taken from is renewed after so many milliseconds, and up to `RENEW_SPREAD_MS` more by
/// the campaign's id, so that many of them are not due together: before half of it is over.
const RENEW_MS: i64 = 4_000;
/// See `RENEW_MS`.
const RENEW_SPREAD_MS: u64 = 1_000;
/// A campaign whose headroom does not cover a bid asks again after so many milliseconds.
const STARVED_MS: i64 = 900;

/// One request for a lease, as the store takes it.
pub(crate) type Renewal = (CampaignId, BudgetLimits, LeaseRequest);

/// What all campaigns share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// The longest hold time that is configured, in milliseconds.
    pub(crate) hold_ms: i64,
    /// What leases may be of what is left, in millionths.
    pub(crate) share_ppm: i64,
    /// The platform's fee, in millionths.
    pub(crate) fee_ppm: i64,
}

/// The campaigns that this process has ever had in a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    all: Vec<Own>,
    by_id: BTreeMap<CampaignId, usize>,
    /// The positions of what the last call of `due` has asked for, in its order.
    asked: Vec<usize>,
}

/// One campaign.
#[derive(Debug)]
struct Own {
    id: CampaignId,
    money: Arc<CampaignMoney>,
    controller: Controller,
    limits: BudgetLimits,
    /// What its largest possible bid costs.
    full_bid: Micros,
    /// When it may bid; never, once it has left the snapshot.
    flight: Range<Timestamp>,
    /// What no controller has been told yet.
    untold: Done,
    /// Holds that no successful renewal has carried yet.
    placed: Vec<PlacedHold>,
    renewed: Option<Timestamp>,
}

impl Leases {
    /// Gives every campaign of a snapshot a controller that follows its plan.
    pub(crate) fn follow(&mut self, snapshot: &Snapshot, terms: Terms) {
        for own in &mut self.all {
            own.flight = Timestamp(0)..Timestamp(0);
        }
        for live in &snapshot.campaigns {
            let campaign = &live.campaign;
            let (limits, full_bid) = (limits(campaign), full_bid(live.max_bid, terms.fee_ppm));
            let at = *self.by_id.entry(campaign.id).or_insert_with(|| {
                let holds = (terms.hold_ms, terms.share_ppm);
                self.all.push(Own {
                    id: campaign.id,
                    money: Arc::clone(&live.money),
                    controller: Controller::new(campaign, full_bid, holds),
                    limits,
                    full_bid,
                    flight: Timestamp(0)..Timestamp(0),
                    untold: Done::default(),
                    placed: Vec::new(),
                    renewed: None,
                });
                self.all.len() - 1
            });
            let Some(own) = self.all.get_mut(at) else {
                continue;
            };
            own.controller.replan(campaign);
            own.flight = campaign.flight_start..campaign.flight_end;
            if (own.limits, own.full_bid) != (limits, full_bid) {
                (own.limits, own.full_bid, own.renewed) = (limits, full_bid, None);
            }
        }
    }

    /// Takes over what a core did. `exchanges` are the names that its places count.
    pub(crate) fn take(&mut self, report: CoreReport, exchanges: &[String]) {
        for (campaign, count) in report.eligible {
            if let Some(own) = self.own(campaign) {
                own.untold.eligible += count;
            }
        }
        for (place, sum) in report.holds {
            let exchange = exchanges.get(place.exchange);
            let (Some(exchange), Some(own)) = (exchange, self.own(place.campaign)) else {
                continue;
            };
            own.untold.bid = own.untold.bid.saturating_add(sum.bid);
            own.place(PlacedHold {
                key: HoldKey {
                    exchange: exchange.clone(),
                    hold_ms: place.hold_ms,
                    second: place.second,
                },
                amount: sum.amount,
                bid: sum.bid,
            });
        }
    }

    fn own(&mut self, campaign: CampaignId) -> Option<&mut Own> {
        let at = self.by_id.get(&campaign)?;
        self.all.get_mut(*at)
    }

    /// Steps the controllers of all campaigns in the snapshot.
    pub(crate) fn steer(&mut self, now: Timestamp) {
        for own in self.all.iter_mut().filter(|own| !own.flight.is_empty()) {
            let done = std::mem::take(&mut own.untold);
            own.controller.step(done, &own.money, now);
        }
    }

    /// The requests that are due. `granted` or `failed` must follow, with the same requests.
    pub(crate) fn due(&mut self, bidder: [u8; 16], now: Timestamp) -> Vec<Renewal> {
        let mut requests = Vec::new();
        self.asked.clear();
        for (at, own) in self.all.iter_mut().enumerate() {
            if own.is_due(now) {
                self.asked.push(at);
                requests.push((own.id, own.limits, own.request(bidder, now)));
            }
        }
        requests
    }

    /// Takes over what the store granted at `now`, which was `at_us` on the steady clock.
    pub(crate) fn granted(
        &mut self,
        grants: &[(CampaignId, Grant)],
        (now, at_us): (Timestamp, u64),
    ) {
        for (at, (_, grant)) in self.asked.drain(..).zip(grants) {
            if let Some(own) = self.all.get_mut(at) {
                own.renewed = Some(now);
                own.controller.granted(grant);
                own.money.apply(grant, (now, at_us));
            }
        }
    }

    /// Keeps what the store did not take for the next time.
    pub(crate) fn failed(&mut self, requests: Vec<Renewal>) {
        for (at, (_, _, request)) in self.asked.drain(..).zip(requests) {
            if let Some(own) = self.all.get_mut(at) {
                own.placed = request.placed;
            }
        }
    }
}

impl Own {
    fn place(&mut self, hold: PlacedHold) {
        match self.placed.iter_mut().find(|known| known.key == hold.key) {
            Some(known) => {
                known.amount = known.amount.saturating_add(hold.amount);
                known.bid = known.bid.saturating_add(hold.bid);
            }
            None => self.placed.push(hold),
        }
    }

    /// What was bid is reported at once, and the store always knows what bids hold of their cost. Else a lease is
    /// renewed in time, sooner where no bid fits it.
    fn is_due(&self, now: Timestamp) -> bool {
        if !self.placed.is_empty() {
            return true;
        }
        if !self.flight.contains(&now) {
            return false;
        }
        let Some(renewed) = self.renewed.filter(|_| !self.controller.has_news()) else {
            return true;
        };
        // A clock that went back counts from where it is now.
        let older = |ms| !(0..ms).contains(&now.since(renewed));
        let spread = (mix(self.id.0) % RENEW_SPREAD_MS) as i64;
        let starved = || self.money.headroom() < self.full_bid;
        older(RENEW_MS + spread) || older(STARVED_MS) && starved()
    }

    fn request(&mut self, bidder: [u8; 16], now: Timestamp) -> LeaseRequest {
        let placed = std::mem::take(&mut self.placed);
        let is_live = self.flight.contains(&now);
        let full_bid = if is_live { self.full_bid } else { Micros::ZERO };
        let mut request = self.controller.request((bidder, placed), full_bid, now);
        if !is_live {
            request.wanted = Micros::ZERO;
        }
        request
    }
}

#[cfg(test)]
mod tests;
