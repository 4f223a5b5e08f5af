//! Why line items do not bid: counts by reason, each with a sentence of what to change.

use std::collections::BTreeMap;

use domain::time::Minute;
use domain::{LineItemId, Reject};
use store::report::ReportFilter;

use crate::problem::Problem;
use crate::state::App;

/// How often one reason kept line items from bidding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The reason's word in reports.
    pub(crate) label: String,
    /// The reason for people.
    pub(crate) title: &'static str,
    /// How often.
    pub(crate) count: i64,
    /// What to change.
    pub(crate) advice: &'static str,
}

/// Refusals of these line items together from `since` on, most frequent first. Blocks.
pub(crate) fn refusals_of(
    app: &App,
    line_items: impl IntoIterator<Item = LineItemId>,
    since: Option<Minute>,
) -> Result<Vec<Refusal>, Problem> {
    let mut counts = BTreeMap::<String, i64>::new();
    for id in line_items {
        let filter = ReportFilter {
            line_item: Some(id),
            from: since,
            ..ReportFilter::default()
        };
        for (label, count) in app.stored(app.deps.reports.refusals(&filter))? {
            *counts.entry(label).or_default() += count;
        }
    }
    let mut refusals: Vec<_> = counts.into_iter().map(describe).collect();
    refusals.sort_by_key(|refusal| std::cmp::Reverse(refusal.count));
    Ok(refusals)
}

fn describe((label, count): (String, i64)) -> Refusal {
    let known = Reject::from_label(&label);
    Refusal {
        title: known.map_or("Another reason", title),
        advice: known.map_or("See the documentation.", advice),
        label,
        count,
    }
}

/// A reason for people.
fn title(reject: Reject) -> &'static str {
    match reject {
        Reject::NotLive => "Not live",
        Reject::Targeting => "Outside the targeting",
        Reject::Format => "No creative fits the slot",
        Reject::Mime => "File type not accepted",
        Reject::Duration => "Too long or too short",
        Reject::BlockedAdvertiser => "Advertiser blocked",
        Reject::BlockedCategory => "Category blocked",
        Reject::BlockedAttribute => "Creative attribute blocked",
        Reject::BlockedCreative => "Creative blocked",
        Reject::Separation => "Kept apart in its pod",
        Reject::Transparency => "Advertiser cannot be shown",
        Reject::Language => "Language not accepted",
        Reject::Approval => "Creative not approved",
        Reject::Deal => "Deal not bought",
        Reject::Roadblock => "Not all of the page",
        Reject::FrequencyCap => "Frequency cap reached",
        Reject::UnknownUser => "User not known",
        Reject::Pacing => "Held back by pacing",
        Reject::Budget => "No budget left",
        Reject::Floor => "Below the floor price",
        Reject::Currency => "Currency not accepted",
        Reject::Outbid => "Outbid by your own",
        Reject::NoTime => "Too late",
    }
}

/// What to change.
fn advice(reject: Reject) -> &'static str {
    match reject {
        Reject::NotLive => {
            "Activate the line item, its campaign and at least one of its creatives, and check the flight's dates."
        }
        Reject::Targeting => {
            "Widen the include lists or shorten the exclude lists if this is most of your traffic; sellers that are not authorized count here too."
        }
        Reject::Format => {
            "Add creatives in the sizes and formats that the slots ask for: 300x250, 728x90 and 320x50 cover most banners."
        }
        Reject::Mime => {
            "Offer the media as video/mp4 or audio/mpeg, or the banner without an interface the slot lacks."
        }
        Reject::Duration => "Add a cut of the media in a common length: 6, 15 or 30 seconds.",
        Reject::BlockedAdvertiser => {
            "The publisher blocks this domain; ask for a release or exclude its sites to save effort."
        }
        Reject::BlockedCategory => {
            "Check the creative's categories; declare the narrower one if a broad one is blocked."
        }
        Reject::BlockedAttribute => {
            "Remove attributes that the creative does not have, or add a version without them, such as without expansion."
        }
        Reject::BlockedCreative => {
            "The exchange refused this creative; look at its review there and put a corrected one in its place."
        }
        Reject::Separation => {
            "The pod keeps ads of one advertiser, category or file apart; add creatives that differ to fill more of it."
        }
        Reject::Transparency => {
            "The publisher must show who is behind an ad and leaves that to the ad, which no creative here does."
        }
        Reject::Language => {
            "Add a creative in the slot's language, or leave the language empty when there is no text."
        }
        Reject::Approval => {
            "Submit the creative to the exchange; an administrator notes its decision on the creative's page."
        }
        Reject::Deal => "Let the line item buy any deal, or add the deal's id to it.",
        Reject::Roadblock => {
            "It takes all impressions of a page or none: add creatives for every slot, or let it bid on single ones."
        }
        Reject::FrequencyCap => {
            "Raise the cap or shorten its window if these users should see more; otherwise it works as set."
        }
        Reject::UnknownUser => {
            "A frequency cap needs a known user: remove the caps to bid for users without an id too."
        }
        Reject::Pacing => {
            "The budget is spread over the flight: raise it, shorten the flight or choose the plan \"as soon as possible\" to spend faster."
        }
        Reject::Budget => "Raise the campaign's budget or its daily budget.",
        Reject::Floor => {
            "Raise the bid or the highest bid; the exchange asks for more than this line item offers."
        }
        Reject::Currency => {
            "The exchange takes no bids in a currency that this campaign's can be converted to."
        }
        Reject::Outbid => {
            "Another line item here was worth more; raise this one's bid or separate their targeting."
        }
        Reject::NoTime => {
            "The answer would have missed the exchange's deadline; tell the operator if this is frequent."
        }
    }
}
