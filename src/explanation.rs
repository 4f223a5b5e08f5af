//! Explanations as JSON: of a request, and of a bid as it was made. Names and units are those of the events.

use bidder::samples::Sample;
use bidder::{Explanation, Numbers, ServedBid, Verdict};
use ctr_model::Model;
use domain::{Outcome, Reject};
use serde::Serialize;

/// The word for how a request ended.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Bid => "bid",
        Outcome::NoBid(why) => why.label(),
    }
}

/// One request, explained.
#[derive(Debug, Serialize)]
pub(crate) struct ExplanationJson {
    outcome: &'static str,
    privacy: Option<PrivacyJson>,
    /// Of worth, floor and price.
    currency: Option<String>,
    revision: Option<u64>,
    model_version: Option<u64>,
    line_items: Vec<VerdictJson>,
}

#[derive(Debug, Serialize)]
struct PrivacyJson {
    user_allowed: bool,
    profile_allowed: bool,
    measure_allowed: bool,
    location_allowed: bool,
    coppa: bool,
    gdpr: bool,
    opted_out: bool,
}

/// One line item on one impression.
#[derive(Debug, Serialize)]
struct VerdictJson {
    imp: String,
    line_item: u64,
    name: String,
    refused: Option<&'static str>,
    detail: &'static str,
    /// None where no creative was reached.
    numbers: Option<NumbersJson>,
}

#[derive(Debug, Serialize)]
struct NumbersJson {
    creative: u64,
    predicted_ctr: f32,
    predicted_cvr: f32,
    value_cpm_micros: i64,
    modifier_ppm: i64,
    multiplier: f64,
    worth_cpm_micros: i64,
    shade: f64,
    floor_cpm_micros: i64,
    price_cpm_micros: i64,
    hold_micros: i64,
    on_deal: bool,
}

impl From<Explanation> for ExplanationJson {
    fn from(from: Explanation) -> Self {
        Self {
            outcome: outcome(from.outcome),
            privacy: from.privacy.map(|privacy| PrivacyJson {
                user_allowed: privacy.user_allowed,
                profile_allowed: privacy.profile_allowed,
                measure_allowed: privacy.measure_allowed,
                location_allowed: privacy.location_allowed,
                coppa: privacy.coppa,
                gdpr: privacy.gdpr,
                opted_out: privacy.opted_out,
            }),
            currency: from.currency.map(|currency| currency.to_string()),
            revision: from.versions.map(|versions| versions.revision),
            model_version: from.versions.map(|versions| versions.model),
            line_items: from.verdicts.into_iter().map(VerdictJson::from).collect(),
        }
    }
}

impl From<Verdict> for VerdictJson {
    fn from(from: Verdict) -> Self {
        Self {
            imp: from.imp,
            line_item: from.line_item.0,
            name: from.name,
            refused: from.refused.map(Reject::label),
            detail: from.detail,
            numbers: NumbersJson::of(&from.numbers),
        }
    }
}

impl NumbersJson {
    fn of(numbers: &Numbers) -> Option<Self> {
        Some(Self {
            creative: numbers.creative?.0,
            predicted_ctr: numbers.click,
            predicted_cvr: numbers.conversion,
            value_cpm_micros: numbers.value.0.0,
            modifier_ppm: numbers.factor_ppm,
            multiplier: numbers.multiplier,
            worth_cpm_micros: numbers.worth.0.0,
            shade: numbers.shade,
            floor_cpm_micros: numbers.floor.0.0,
            price_cpm_micros: numbers.price.0.0,
            hold_micros: numbers.hold.0,
            on_deal: numbers.on_deal,
        })
    }
}

/// A request that is kept.
#[derive(Debug, Serialize)]
pub(crate) struct KeptJson {
    number: u64,
    exchange: String,
    at_ms: i64,
    outcome: &'static str,
    bytes: usize,
}

impl From<Sample> for KeptJson {
    fn from(from: Sample) -> Self {
        Self {
            number: from.number,
            exchange: from.exchange,
            at_ms: from.at.0,
            outcome: outcome(from.outcome),
            bytes: from.body.len(),
        }
    }
}

/// A bid as it was made.
#[derive(Debug, Serialize)]
pub(crate) struct ServedJson {
    bid_id: String,
    at_ms: i64,
    exchange: String,
    auction_id: String,
    imp: String,
    campaign: u64,
    line_item: u64,
    creative: u64,
    revision: u64,
    model_version: u64,
    predicted_ctr: f32,
    predicted_cvr: f32,
    /// In the campaign's currency.
    value_cpm_micros: i64,
    modifier_ppm: i64,
    multiplier: f64,
    shade: f64,
    /// Of floor and price.
    currency: String,
    floor_cpm_micros: i64,
    price_cpm_micros: i64,
    campaign_currency: String,
    hold_micros: i64,
    deal: String,
    test: bool,
    /// None where another model is in service now.
    predicted_again: Option<AgainJson>,
}

/// What the model in service says to the logged features.
#[derive(Debug, Serialize)]
struct AgainJson {
    predicted_ctr: f32,
    predicted_cvr: f32,
    agrees: bool,
}

impl ServedJson {
    /// With the prediction of `model`, if that is the one that made the bid.
    pub(crate) fn new(served: ServedBid, model: &Model) -> Self {
        let again = served.predict_again(model).map(|again| AgainJson {
            predicted_ctr: again.click,
            predicted_cvr: again.conversion,
            agrees: (again.click, again.conversion)
                == (served.bid.predicted_ctr, served.bid.predicted_cvr),
        });
        let (of, bid) = (served.reference, served.bid);
        Self {
            bid_id: of.id().to_string(),
            at_ms: served.at.0,
            exchange: of.exchange,
            auction_id: bid.auction_id,
            imp: bid.imp_id,
            campaign: of.campaign,
            line_item: of.line_item,
            creative: of.creative,
            revision: bid.revision,
            model_version: bid.model_version,
            predicted_ctr: bid.predicted_ctr,
            predicted_cvr: bid.predicted_cvr,
            value_cpm_micros: bid.value_cpm_micros,
            modifier_ppm: bid.modifier_ppm,
            multiplier: bid.multiplier,
            shade: bid.shade,
            currency: of.currency,
            floor_cpm_micros: bid.floor_cpm_micros,
            price_cpm_micros: of.price_cpm_micros,
            campaign_currency: of.campaign_currency,
            hold_micros: of.hold_micros,
            deal: bid.deal,
            test: of.test,
            predicted_again: again,
        }
    }
}
