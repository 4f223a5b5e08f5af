//! What goes to the event log: every bid with what produced it, and every few seconds the counts of each line item.

use domain::{EventId, Reject, Timestamp};
use proto::event::{self, Bid, BidRef, Delivery, IdKind, Kind, Privacy, ReasonCount};

use crate::auction::{Auction, Win};
use crate::tally::Entry;

/// The record of a bid.
pub fn bid_event(auction: &Auction<'_>, win: &Win, reference: BidRef) -> event::Event {
    let numbers = &win.candidate.numbers;
    let imp = auction.request.imps.get(win.imp);
    let deal = imp
        .zip(win.candidate.deal)
        .and_then(|(imp, at)| imp.pmp.deals.get(at));
    let privacy = auction.facts.privacy;
    let id = event::event_id(reference.id(), IdKind::Bid, b"");
    let bid = Bid {
        r#ref: Some(reference),
        auction_id: clip(auction.request.id),
        imp_id: imp.map(|imp| clip(imp.id)).unwrap_or_default(),
        features: win.features.as_slice().to_vec(),
        feature_list: ctr_model::feature::list_hash(),
        model_version: auction.snapshot.model.version(),
        predicted_ctr: numbers.click,
        predicted_cvr: numbers.conversion,
        value_cpm_micros: numbers.value.0.0,
        multiplier: numbers.multiplier,
        shade: numbers.shade,
        floor_cpm_micros: numbers.floor.0.0,
        deal: deal.map(|deal| clip(deal.id)).unwrap_or_default(),
        site: auction.facts.site.to_owned(),
        country: auction.facts.country.to_owned(),
        privacy: Some(Privacy {
            user_allowed: privacy.user_allowed,
            coppa: privacy.coppa,
            gdpr: privacy.gdpr,
            opted_out: privacy.opted_out,
            profile_refused: !privacy.profile_allowed,
            measure_refused: !privacy.measure_allowed,
        }),
        revision: auction.snapshot.revision,
        modifier_ppm: numbers.factor_ppm,
    };
    event::event(id, &auction.config.region, auction.now, Kind::Bid(bid))
}

/// Cuts what others sent to the length that events keep.
fn clip(text: &str) -> String {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends
        .take_while(|end| *end <= domain::limits::FIELD_BYTES_MAX)
        .last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// Whose counts a delivery event holds.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The campaign.
    pub campaign: u64,
    /// The line item.
    pub line_item: u64,
    /// The exchange.
    pub exchange: &'a str,
    /// The region of this process.
    pub region: &'a str,
}

/// The counts of one line item on one exchange since the last such event.
pub fn delivery_event(
    id: EventId,
    subject: Subject<'_>,
    entry: &Entry,
    now: Timestamp,
) -> event::Event {
    let refused = Reject::ALL
        .iter()
        .zip(entry.refused)
        .filter(|(_, count)| *count > 0);
    let delivery = Delivery {
        minute: now.minute().0,
        campaign: subject.campaign,
        line_item: subject.line_item,
        exchange: subject.exchange.to_owned(),
        eligible: whole(entry.eligible),
        bids: whole(entry.bids),
        multiplier_sum_ppm: whole(entry.multiplier_sum_ppm),
        refused: refused
            .map(|(why, count)| ReasonCount {
                reason: why.label().to_owned(),
                count: whole(count),
            })
            .collect(),
    };
    event::event(id, subject.region, now, Kind::Delivery(delivery))
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
