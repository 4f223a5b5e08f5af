//! The judge's rules for bids that are won together or not at all.

use serde_json::Value;

use super::json::{integer, is_set, items, text};
use super::{Court, Found, Rule, flag};

/// Groups are whole, and what wants to be in one is.
pub(super) fn check(court: &Court<'_>, found: &mut Found) {
    for seat in items(&court.response["seatbid"]) {
        match integer(&seat["group"]) {
            Some(1) => whole(court, seat, found),
            None if seat["group"].is_null() => alone(court, seat, found),
            Some(0) => alone(court, seat, found),
            _ => flag(found, Rule::Group, "", &seat["group"].to_string()),
        }
    }
}

/// All impressions of the page, each once, for one advertiser; the exchange says that there are no others.
fn whole(court: &Court<'_>, seat: &Value, found: &mut Found) {
    let bids = items(&seat["bid"]);
    let mut tell = |detail: &str| flag(found, Rule::Group, "", detail);
    if !is_set(&court.request["allimps"]) {
        tell("a group where nobody says that these are all impressions");
    }
    let mut offered: Vec<_> = items(&court.request["imp"])
        .iter()
        .filter_map(|imp| text(&imp["id"]))
        .collect();
    let mut taken: Vec<_> = bids.iter().filter_map(|bid| text(&bid["impid"])).collect();
    offered.sort();
    offered.dedup();
    taken.sort();
    if taken.windows(2).any(|pair| pair[0] == pair[1]) {
        tell("two bids of a group for one impression");
    }
    taken.dedup();
    if taken != offered {
        tell("a group that leaves impressions out");
    }
    let mut campaigns: Vec<_> = bids.iter().map(|bid| text(&bid["cid"])).collect();
    campaigns.dedup();
    if campaigns.len() > 1 {
        tell("a group of several campaigns");
    }
}

/// What takes all or none is in no part of the answer where it could win alone.
fn alone(court: &Court<'_>, seat: &Value, found: &mut Found) {
    for bid in items(&seat["bid"]) {
        let creative = text(&bid["crid"]).unwrap_or_default();
        if court.expectations.roadblocks.contains(&creative) {
            flag(
                found,
                Rule::Group,
                &text(&bid["id"]).unwrap_or_default(),
                "alone",
            );
        }
    }
}
