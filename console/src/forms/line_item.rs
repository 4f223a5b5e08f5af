//! The line item form.

use std::collections::BTreeMap;

use domain::{Creative, LineItem};
use maud::{Markup, html};
use proto::catalogue::{
    BidDoc, BidWord, DealsDoc, DealsWord, LineItemDoc, RotationDoc, RotationWord, StatusWord,
};

use super::campaign::STATUSES;
use super::{FormView, Reader, checked, frequency, targeting};
use crate::extract::Values;
use crate::problem::{Problem, field_error};
use crate::text::decimal;

const BIDS: &[(&str, &str)] = &[
    ("cpm", "CPM: a price for a thousand impressions"),
    ("cpc", "CPC: what a click is worth"),
    ("cpa", "CPA: what a conversion is worth"),
];
const DEALS: &[(&str, &str)] = &[
    ("open_only", "The open auction only"),
    ("open_and_any_deal", "The open auction and any deal"),
    ("only", "Only the deals below"),
];
/// Rotations with their names.
const ROTATIONS: &[(&str, &str)] = &[
    ("value", "the one of the best predicted value"),
    ("even", "each as often as the others"),
    ("weighted", "each by its weight"),
    ("sequence", "one after the other to each user"),
];
/// What it can want beside, with its meaning.
const OPTIONS: &[(&str, &str)] = &[
    (
        ROADBLOCK,
        "Roadblock: all slots of a page together, or none; only where the exchange says that a request has them all",
    ),
    (
        AUTHORIZED_SELLERS,
        "Authorized sellers: only where ads.txt and sellers.json list everybody who sells",
    ),
];
/// Everybody who sells is listed.
const AUTHORIZED_SELLERS: &str = "authorized_sellers";
/// All slots of a page or none.
const ROADBLOCK: &str = "roadblock";

/// The inputs. `creatives` are those of the campaign's advertiser.
pub(crate) fn draw(form: &FormView<'_>, creatives: &[Creative]) -> Markup {
    let creatives: Vec<_> = creatives
        .iter()
        .map(|one| {
            (
                one.id.to_string(),
                format!("{} ({})", one.name, one.format.label()),
            )
        })
        .collect();
    let options: Vec<_> = OPTIONS
        .iter()
        .map(|(word, meaning)| ((*word).to_owned(), (*meaning).to_owned()))
        .collect();
    html! {
        (form.summary())
        div.columns {
            (form.text("name", "Name", ""))
            (form.choice("status", "Status", STATUSES))
        }
        div.columns {
            (form.choice("bid.type", "It pays for", BIDS))
            (form.number("bid.amount_micros", "Price or value", "In the campaign's currency."))
            (form.number("max_bid_cpm_micros", "Highest bid", "The most it ever bids for a thousand impressions."))
        }
        @if creatives.is_empty() {
            p.notice { "This advertiser has no creatives yet. Save the line item and add them later, or create one first." }
        } @else {
            (form.boxes("creative_ids", "Creatives", &creatives))
            (form.choice("rotation.type", "Where several fit, show", ROTATIONS))
            (form.area("rotation.weights", "Weights", "Only for weights: a creative's id and its weight, such as 12 3, one on each line."))
        }
        (targeting::draw(form))
        (frequency::draw(form, "this line item"))
        (form.boxes("options", "Wanted beside", &options))
        h3 { "Deals" }
        div.columns {
            (form.choice("deals.type", "It buys", DEALS))
            (form.area("deals.ids", "Deal ids", "One on each line."))
        }
    }
}

/// What the inputs hold for a new line item.
pub(crate) fn defaults() -> Values {
    let mut values = Values::default();
    values.set("status", "active");
    values.set("bid.type", "cpc");
    values.set("deals.type", "open_only");
    values
}

/// What the inputs hold for a stored line item.
pub(crate) fn values(line_item: &LineItem) -> Values {
    let document = LineItemDoc::from(line_item);
    let mut values = Values::default();
    values.set("name", document.name);
    values.set("status", document.status.word());
    values.set("bid.type", document.bid.kind.word());
    values.set("bid.amount_micros", decimal(document.bid.amount_micros));
    values.set("max_bid_cpm_micros", decimal(document.max_bid_cpm_micros));
    values.set("rotation.type", document.rotation.kind.word());
    let weights = document.creative_ids.iter().zip(&document.rotation.weights);
    let weights: Vec<_> = weights
        .map(|(id, weight)| format!("{id} {weight}"))
        .collect();
    values.set("rotation.weights", weights.join("\n"));
    for id in document.creative_ids {
        values.set("creative_ids", id.to_string());
    }
    targeting::set(&mut values, document.targeting);
    frequency::set(&mut values, &document.frequency_caps);
    if document.roadblock {
        values.set("options", ROADBLOCK);
    }
    if document.authorized_sellers {
        values.set("options", AUTHORIZED_SELLERS);
    }
    values.set("deals.type", document.deals.kind.word());
    values.set("deals.ids", document.deals.ids.join("\n"));
    values
}

/// Reads the form.
pub(crate) fn parse(values: &Values, id: u64, campaign: u64) -> Result<LineItem, Problem> {
    let mut reader = Reader::new(values);
    let options = reader.words("options", |word| {
        OPTIONS.iter().find(|(own, _)| *own == word)
    });
    let options: Vec<_> = options.iter().map(|(word, _)| *word).collect();
    let creative_ids = reader.words("creative_ids", |id| id.parse().ok());
    let document = LineItemDoc {
        id,
        campaign_id: campaign,
        name: reader.text("name"),
        status: reader.word("status", StatusWord::from_word, StatusWord::Draft),
        bid: BidDoc {
            kind: reader.word("bid.type", BidWord::from_word, BidWord::Cpm),
            amount_micros: reader.amount("bid.amount_micros"),
        },
        max_bid_cpm_micros: reader.amount("max_bid_cpm_micros"),
        targeting: targeting::parse(&mut reader),
        frequency_caps: frequency::parse(&mut reader),
        deals: DealsDoc {
            kind: reader.word("deals.type", DealsWord::from_word, DealsWord::OpenOnly),
            ids: reader.list("deals.ids"),
        },
        rotation: parse_rotation(&mut reader, &creative_ids),
        roadblock: options.contains(&ROADBLOCK),
        authorized_sellers: options.contains(&AUTHORIZED_SELLERS),
        creative_ids,
        warnings: Vec::new(),
    };
    checked(reader.errors, document.check())
}

/// Weights come by the creatives' ids, so that the order of the boxes does not matter.
fn parse_rotation(reader: &mut Reader<'_>, creatives: &[u64]) -> RotationDoc {
    let kind = match reader.optional("rotation.type") {
        Some(_) => {
            let or = RotationWord::default();
            reader.word("rotation.type", RotationWord::from_word, or)
        }
        None => RotationWord::default(),
    };
    if kind != RotationWord::Weighted {
        return RotationDoc {
            kind,
            weights: Vec::new(),
        };
    }
    let entries: Option<BTreeMap<u64, u32>> = reader
        .list("rotation.weights")
        .iter()
        .map(|line| {
            let (id, weight) = line.split_once(' ')?;
            Some((id.parse().ok()?, weight.trim().parse().ok()?))
        })
        .collect();
    let entries = entries.unwrap_or_else(|| {
        let rule = "must be a creative's id and its weight on each line, such as 12 3";
        reader.errors.push(field_error("rotation.weights", rule));
        BTreeMap::new()
    });
    let weights = creatives.iter().filter_map(|id| entries.get(id).copied());
    RotationDoc {
        kind,
        weights: weights.collect(),
    }
}
