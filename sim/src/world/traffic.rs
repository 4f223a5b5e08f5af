//! Requests to the bidders, bids to the market, notices to the pixel.

use std::sync::Arc;

use bidder::{Call, Reply};
use domain::{CampaignId, Clock, Timestamp};
use event_log::EventLog;
use parking_lot::Mutex;
use pixel::{Answer, Hit, Method, Verdict};

use super::{CONTROL_MS_MAX, Step, TRIES_MAX, World};
use crate::faults::below;
use crate::market::Notice;
use crate::workload::{self, EXCHANGES};

impl World {
    /// Asks one bidder for a bid and lets the market decide on it.
    pub(super) fn request(&mut self) {
        self.outcome.stats.requests += 1;
        let number = self.outcome.stats.requests;
        let request = workload::request(&mut self.rng, number, self.shape.exchanges);
        let slot = usize::try_from(self.rng.below(self.bidders.len() as u64)).unwrap_or(0);
        let core = self.rng.next_u64();
        let Some(Some(process)) = self.bidders.get_mut(slot) else {
            self.outcome.stats.unanswered += 1;
            return;
        };
        let index = usize::try_from(core % process.cores.len() as u64).unwrap_or(0);
        let call = Call {
            exchange: EXCHANGES[request.exchange],
            arrived_us: process.clock.monotonic_us(),
            format: proto::openrtb::Format::Json,
        };
        let mut body = request.body.clone();
        let answer = process.cores[index].decide(&call, &mut body);
        self.trace.bytes(answer.body);
        if answer.reply != Reply::Content {
            return;
        }
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(answer.body);
        let Ok(response) = parsed else {
            self.fail("an answer is not JSON".to_owned());
            return;
        };
        for bid in response["seatbid"].as_array().into_iter().flatten() {
            for bid in bid["bid"].as_array().into_iter().flatten() {
                self.sell(&request, bid);
            }
        }
    }

    fn sell(&mut self, request: &workload::Request, bid: &serde_json::Value) {
        let Some(notices) = self.market.sell(&mut self.rng, request, bid) else {
            self.fail(format!("a bid lacks a part: {bid}"));
            return;
        };
        self.outcome.stats.bids += 1;
        let campaign = self.market.placed.last().map(|placed| placed.campaign);
        self.check_paused(campaign);
        for (delay, notice) in notices {
            self.after(delay, Step::Notice(Box::new(notice)));
        }
    }

    fn check_paused(&mut self, campaign: Option<CampaignId>) {
        let now = self.clock.now();
        let entry = self
            .entries
            .iter()
            .find(|entry| Some(entry.campaign.id) == campaign);
        let since = entry
            .and_then(|entry| entry.paused_at)
            .map(|at| now.since(at));
        if let Some(since) = since.filter(|since| *since > CONTROL_MS_MAX) {
            self.fail(format!("a bid {since} ms after its campaign was paused"));
        }
    }

    /// One hit of the pixel, as its server treats it: success is answered only after the acknowledgement.
    pub(super) fn hear(&mut self, notice: Notice, now: Timestamp) {
        let silent = self.silent_until[notice.exchange];
        if notice.kind.is_notice() && now < silent {
            let later = silent.plus_ms(below(&mut self.rng, 1_000));
            self.at(later, Step::Notice(Box::new(notice)));
            return;
        }
        let hit = Hit {
            method: Method::Get,
            path: &notice.path,
            query: &notice.query,
            looks_ahead: false,
        };
        let decision = self.pixel.hit(hit, now);
        if decision.kind != Some(notice.kind) {
            self.fail(format!("{} is not a {:?}", notice.path, notice.kind));
        }
        match decision.verdict {
            Verdict::Append(offer) => {
                if !self.append(&notice, &offer, now) {
                    return;
                }
                if let Answer::Redirect(target) = &decision.answer {
                    let conversions = self.market.after_click(&mut self.rng, &notice, target);
                    for (delay, conversion) in conversions {
                        self.after(delay, Step::Notice(Box::new(conversion)));
                    }
                }
            }
            Verdict::Repeat(id) => {
                self.outcome.stats.repeats += 1;
                let noted = self.market.acknowledged(&notice, id);
                self.note(noted);
            }
            Verdict::Rejected(_) => self.outcome.stats.rejected += 1,
            Verdict::NoHit => self.fail(format!("{} is no address of the pixel", notice.path)),
        }
    }

    /// Appends an event and returns whether it was acknowledged; the exchange tries a refused notice again.
    fn append(&mut self, notice: &Notice, offer: &pixel::Offer, now: Timestamp) -> bool {
        let result = Arc::new(Mutex::new(None));
        let told = Arc::clone(&result);
        self.log.append(
            offer.topic,
            vec![offer.record()],
            Box::new(move |appended| *told.lock() = Some(appended.is_ok())),
        );
        let acknowledged = *result.lock() == Some(true);
        if acknowledged || self.log_faults.keep_refused {
            self.market.landed(notice);
        }
        if acknowledged {
            self.pixel.acknowledged(offer.id);
            self.trace.bytes(&offer.id.0);
            let noted = self.market.acknowledged(notice, offer.id);
            self.note(noted);
            return true;
        }
        self.outcome.stats.appends_refused += 1;
        if notice.tries < TRIES_MAX {
            let again = Notice {
                tries: notice.tries + 1,
                ..notice.clone()
            };
            let later = now.plus_ms(200 + below(&mut self.rng, 2_000));
            self.at(later, Step::Notice(Box::new(again)));
        }
        false
    }
}
