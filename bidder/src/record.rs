//! What goes to the event log: every bid with what produced it, and every few seconds the counts of each line item.

use domain::{EventId, Reject, Timestamp};
use proto::event::{self, BidRecord, Delivery, EncodedRef, IdKind, Kind, Privacy, ReasonCount};

use crate::auction::{Auction, Win};
use crate::tally::Entry;

/// Appends the record of a bid.
pub fn write_bid(out: &mut Vec<u8>, auction: &Auction<'_>, win: &Win, reference: &EncodedRef) {
    let numbers = &win.candidate.numbers;
    let imp = auction.request.imps.get(win.imp);
    let deal = imp
        .zip(win.candidate.deal)
        .and_then(|(imp, at)| imp.pmp.deals.get(at));
    let privacy = auction.facts.privacy;
    let record = BidRecord {
        id: event::event_id(reference.bid_id(), IdKind::Bid, b""),
        region: &auction.config.region,
        at: auction.now,
        reference,
        auction_id: clip(auction.request.id),
        imp_id: imp.map(|imp| clip(imp.id)).unwrap_or_default(),
        features: win.features.as_slice(),
        feature_list: ctr_model::feature::list_hash(),
        model_version: auction.serving.served.model.version(),
        predicted_ctr: numbers.click,
        predicted_cvr: numbers.conversion,
        value: numbers.value,
        multiplier: numbers.multiplier,
        shade: numbers.shade,
        floor: numbers.floor,
        deal: deal.map(|deal| clip(deal.id)).unwrap_or_default(),
        site: auction.facts.site,
        country: auction.facts.country,
        privacy: Privacy {
            user_allowed: privacy.user_allowed,
            coppa: privacy.coppa,
            gdpr: privacy.gdpr,
            opted_out: privacy.opted_out,
            profile_refused: !privacy.profile_allowed,
            measure_refused: !privacy.measure_allowed,
        },
        revision: auction.snapshot.revision,
        modifier_ppm: numbers.factor_ppm,
        raw_ctr: win.raw[0],
        raw_cvr: win.raw[1],
    };
    record.encode(out);
}

/// Cuts what others sent to the length that events keep.
fn clip(text: &str) -> &str {
    let mut end = text.len().min(domain::limits::FIELD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
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
