//! One event into minute report rows: pure.

use domain::report::{Counters, Playback, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, Exchange, LineItemId, Micros, Timestamp};
use proto::event::{self, BidRef, Delivery, Kind, PlaybackStep};
use store::report::ReportDelta;

use crate::settle::Charge;

/// Adds an event to a delta. `charge` is that of a billing notice with whether it was late.
pub fn add(delta: &mut ReportDelta, kind: &Kind, at: Timestamp, charge: Option<(&Charge, bool)>) {
    if let Kind::Delivery(delivery) = kind {
        add_delivery(delta, delivery);
        return;
    }
    let Some((reference, counters)) = counters(kind, charge) else {
        return;
    };
    if reference.test {
        return;
    }
    let key = key(reference, at);
    if let Kind::Playback(playback) = kind
        && playback.step() == PlaybackStep::Error
    {
        let code = (key.clone(), playback.error);
        *delta.errors.entry(code).or_default() += 1;
    }
    delta.rows.entry(key).or_default().add(&counters);
}

/// What one playback event counts.
pub(crate) fn playback(event: &event::Playback) -> Playback {
    let mut counts = Playback::default();
    match event.step() {
        PlaybackStep::Start => counts.starts = 1,
        PlaybackStep::FirstQuartile => counts.first_quartiles = 1,
        PlaybackStep::Midpoint => counts.midpoints = 1,
        PlaybackStep::ThirdQuartile => counts.third_quartiles = 1,
        PlaybackStep::Complete => counts.completes = 1,
        PlaybackStep::Skip => counts.skips = 1,
        PlaybackStep::Error => counts.errors = 1,
        PlaybackStep::Unknown => {}
    }
    counts
}

fn counters<'a>(kind: &'a Kind, charge: Option<(&Charge, bool)>) -> Option<(&'a BidRef, Counters)> {
    let mut counters = Counters::default();
    let reference = match kind {
        Kind::Win(win) => {
            counters.wins = 1;
            win.r#ref.as_ref()
        }
        Kind::Billing(billing) => {
            counters.billed = 1;
            if let Some((charge, late)) = charge {
                counters.spend = charge.billed();
                counters.late = if late { charge.billed() } else { Micros::ZERO };
            }
            billing.r#ref.as_ref()
        }
        Kind::Impression(impression) => {
            counters.impressions = 1;
            counters.predicted_clicks_ppm = impression
                .r#ref
                .as_ref()
                .map_or(0, |r| i64::from(r.predicted_ctr_ppm));
            impression.r#ref.as_ref()
        }
        Kind::View(view) => {
            counters.views = 1;
            view.r#ref.as_ref()
        }
        Kind::Click(click) => {
            counters.clicks = 1;
            click.r#ref.as_ref()
        }
        Kind::Conversion(conversion) => {
            counters.conversions = 1;
            conversion.r#ref.as_ref()
        }
        Kind::Playback(event) => {
            counters.playback = playback(event);
            event.r#ref.as_ref()
        }
        // Bids are counted by their Delivery event; losses and segments change no report.
        Kind::Bid(_) | Kind::Loss(_) | Kind::Delivery(_) | Kind::Segment(_) => None,
    };
    Some((reference?, counters))
}

fn key(reference: &BidRef, at: Timestamp) -> ReportKey {
    ReportKey {
        minute: at.minute(),
        campaign: reference.campaign_id(),
        line_item: reference.line_item_id(),
        creative: reference.creative_id(),
        exchange: reference.exchange_name(),
    }
}

fn add_delivery(delta: &mut ReportDelta, delivery: &Delivery) {
    let (minute, line_item) = (Minute(delivery.minute), LineItemId(delivery.line_item));
    let exchange = Exchange::new(&delivery.exchange);
    let key = ReportKey {
        minute,
        campaign: CampaignId(delivery.campaign),
        line_item,
        creative: CreativeId(0),
        exchange: exchange.clone(),
    };
    let counters = Counters {
        eligible: delivery.eligible,
        bids: delivery.bids,
        multiplier_sum_ppm: delivery.multiplier_sum_ppm,
        ..Counters::default()
    };
    delta.rows.entry(key).or_default().add(&counters);
    for refused in &delivery.refused {
        let key = (minute, line_item, exchange.clone(), refused.reason.clone());
        *delta.refusals.entry(key).or_default() += refused.count;
    }
}
