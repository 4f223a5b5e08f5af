//! The judge's rules for ad pods: sums, counts, places, and repetition across the slots of one pod.

use serde_json::Value;

use super::json::{integer, integers, number, text, texts};
use super::{Court, Found, Rule, flag};
use crate::render::elements;

/// AdCOM's pod deduplication.
const BY_ADVERTISER: i64 = 1;
const BY_CATEGORY: i64 = 2;
const BY_CREATIVE: i64 = 3;
const BY_FILE: i64 = 4;

/// A slot for several ads in a row.
struct Pod<'a> {
    imp: &'a Value,
    offer: &'a Value,
    mtype: i64,
}

/// The part of an impression that belongs to a pod, if one does.
fn pods(imp: &Value) -> impl Iterator<Item = &Value> {
    media(imp).map(|(_, offer)| offer)
}

/// Its media that last a time, with their `mtype`.
fn media(imp: &Value) -> impl Iterator<Item = (i64, &Value)> {
    [(2, "video"), (3, "audio")]
        .into_iter()
        .map(|(mtype, medium)| (mtype, &imp[medium]))
        .filter(|(_, offer)| offer.is_object())
}

/// Whether bidders choose how many ads fill the impression.
pub(super) fn is_dynamic(imp: &Value) -> bool {
    pods(imp).any(|offer| number(&offer["poddur"]).is_some())
}

pub(super) fn check(court: &Court<'_>, found: &mut Found) {
    let imps = super::items(&court.request["imp"]);
    let all = imps
        .iter()
        .flat_map(|imp| media(imp).map(move |(mtype, offer)| Pod { imp, offer, mtype }));
    let mut checked = Vec::new();
    for pod in all {
        let bids: Vec<&Value> = court.bids().filter(|bid| pod.takes(bid)).collect();
        pod.sums(&bids, found);
        pod.places(&bids, found);
        if let Some(id) = text(&pod.offer["podid"])
            && !checked.contains(&id)
        {
            repetition(court, &id, found);
            checked.push(id);
        }
    }
}

impl Pod<'_> {
    /// Whether a bid is for this impression, and of the medium that makes it a pod.
    fn takes(&self, bid: &Value) -> bool {
        let same = integer(&bid["mtype"]).is_none_or(|mtype| mtype == self.mtype);
        same && text(&bid["impid"]) == text(&self.imp["id"])
    }

    fn sums(&self, bids: &[&Value], found: &mut Found) {
        let Some(whole) = number(&self.offer["poddur"]) else {
            return;
        };
        let mut sum = 0.0;
        for bid in bids {
            match number(&bid["dur"]).filter(|seconds| *seconds > 0.0) {
                Some(seconds) => sum += seconds,
                None => flag(found, Rule::Pod, &id(bid), "no duration in a pod"),
            }
        }
        let last = bids.last().map(|bid| id(bid)).unwrap_or_default();
        if sum > whole {
            flag(found, Rule::Pod, &last, &format!("{sum} s in {whole} s"));
        }
        let most = integer(&self.offer["maxseq"]);
        if most.is_some_and(|most| bids.len() as i64 > most) {
            let detail = format!("{} ads of at most {most:?}", bids.len());
            flag(found, Rule::Pod, &last, &detail);
        }
    }

    fn places(&self, bids: &[&Value], found: &mut Found) {
        let dynamic = number(&self.offer["poddur"]).is_some();
        for bid in bids.iter().filter(|bid| !bid["slotinpod"].is_null()) {
            let known = matches!(integer(&bid["slotinpod"]), Some(-1..=2));
            if !(known && dynamic) {
                let detail = format!("slotinpod {} (dynamic: {dynamic})", bid["slotinpod"]);
                flag(found, Rule::Pod, &id(bid), &detail);
            }
        }
    }
}

fn id(bid: &Value) -> String {
    text(&bid["id"]).unwrap_or_default()
}

/// No two ads of one pod share what it wants to see once.
fn repetition(court: &Court<'_>, podid: &str, found: &mut Found) {
    let imps = super::items(&court.request["imp"]);
    let inside = |offer: &Value| text(&offer["podid"]).as_deref() == Some(podid);
    let members: Vec<&Value> = imps.iter().filter(|imp| pods(imp).any(inside)).collect();
    let rules: Vec<i64> = members
        .iter()
        .flat_map(|imp| pods(imp).filter(|offer| inside(offer)))
        .flat_map(|offer| integers(&offer["poddedupe"]))
        .collect();
    let mut seen: Vec<(i64, String)> = Vec::new();
    for bid in court.bids() {
        let own = text(&bid["impid"]);
        let moving = integer(&bid["mtype"]).is_none_or(|mtype| mtype == 2 || mtype == 3);
        if !moving || !members.iter().any(|imp| text(&imp["id"]) == own) {
            continue;
        }
        let marks = marks(bid);
        let wanted = marks.into_iter().filter(|(rule, _)| rules.contains(rule));
        let mut of_this: Vec<_> = wanted.collect();
        of_this.dedup();
        if let Some((rule, mark)) = of_this.iter().find(|mark| seen.contains(mark)) {
            flag(
                found,
                Rule::Pod,
                &id(bid),
                &format!("{mark} again (rule {rule})"),
            );
        }
        seen.extend(of_this);
    }
}

/// What a bid could repeat, by the rule that forbids it.
fn marks(bid: &Value) -> Vec<(i64, String)> {
    let markup = bid["adm"].as_str().unwrap_or_default();
    let lists = [
        (BY_ADVERTISER, texts(&bid["adomain"])),
        (BY_CATEGORY, texts(&bid["cat"])),
        (BY_CREATIVE, text(&bid["crid"]).into_iter().collect()),
        (BY_FILE, elements(markup, "MediaFile")),
    ];
    lists
        .into_iter()
        .flat_map(|(rule, marks)| marks.into_iter().map(move |mark| (rule, mark)))
        .collect()
}
