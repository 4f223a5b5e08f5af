//! The bid response, written into a buffer that the caller reuses.

use std::io::Write;

use domain::money::{Cpm, Currency};

use super::markup::escape::json_bytes;
use super::{DsaAnswer, SkadnAnswer, SkadnCampaign, SkadnSignature};

/// The kind of markup in a bid (`mtype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkupType {
    /// A banner.
    Banner = 1,
    /// VAST with video.
    Video = 2,
    /// VAST with audio.
    Audio = 3,
    /// A native answer.
    Native = 4,
}

/// The top level of a response of one seat.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// The request's id.
    pub id: &'a str,
    /// Our id of this response.
    pub bidid: &'a str,
    /// The currency of all its prices.
    pub cur: Currency,
    /// The seat that bids; not sent when absent.
    pub seat: Option<&'a str>,
    /// How many of the last bids are won together or not at all (`seatbid.group`).
    pub grouped: usize,
}

impl ResponseHead<'_> {
    /// The bids that are won one by one, and those that are won together; parts without bids are left out.
    pub(crate) fn parts<'b, 'c>(
        &self,
        bids: &'b [Bid<'c>],
    ) -> impl Iterator<Item = (bool, &'b [Bid<'c>])> {
        let alone = bids.len().saturating_sub(self.grouped);
        let (alone, together) = bids.split_at_checked(alone).unwrap_or_default();
        let parts = [(false, alone), (true, together)];
        parts.into_iter().filter(|(_, bids)| !bids.is_empty())
    }
}

/// One bid. Empty lists and absent values are not sent.
#[derive(Debug, Clone, Copy)]
pub struct Bid<'a> {
    /// Our id of the bid.
    pub id: &'a str,
    /// The slot.
    pub impid: &'a str,
    /// Price per mille in the response's currency.
    pub price: Cpm,
    /// The markup.
    pub adm: &'a str,
    /// What the markup is.
    pub mtype: MarkupType,
    /// Id of a preloaded ad.
    pub adid: Option<&'a str>,
    /// Creative id.
    pub crid: &'a str,
    /// Campaign id.
    pub cid: &'a str,
    /// The advertiser's domain.
    pub adomain: &'a str,
    /// Categories in `cattax`.
    pub cat: &'a [String],
    /// Taxonomy of `cat`, when not 1.
    pub cattax: Option<u32>,
    /// Creative attributes.
    pub attr: &'a [u32],
    /// Called when billable.
    pub burl: Option<&'a str>,
    /// Called when won.
    pub nurl: Option<&'a str>,
    /// Called when lost.
    pub lurl: Option<&'a str>,
    /// A picture of the ad for review.
    pub iurl: Option<&'a str>,
    /// Width; 0 is not sent.
    pub w: u32,
    /// Height; 0 is not sent.
    pub h: u32,
    /// Duration in seconds.
    pub dur_s: Option<u32>,
    /// Place in the pod, only for dynamic pods.
    pub slotinpod: Option<i32>,
    /// The deal it is for.
    pub dealid: Option<&'a str>,
    /// Seconds until the impression that we accept.
    pub exp_s: Option<u32>,
    /// ISO 639-1 language of the ad.
    pub language: Option<&'a str>,
    /// The same as an IETF BCP 47 tag; one of both is sent.
    pub langb: Option<&'a str>,
    /// Interfaces that the ad needs (AdCOM list "API Frameworks").
    pub apis: &'a [u32],
    /// Who stands behind the ad (`ext.dsa`).
    pub dsa: Option<DsaAnswer<'a>>,
    /// What Apple's store credits an install by (`ext.skadn`); protobuf has no place for it.
    pub skadn: Option<&'a SkadnAnswer>,
}

impl<'a> Bid<'a> {
    /// A bid with everything that must be sent; the rest is absent.
    pub fn new(id: &'a str, impid: &'a str, price: Cpm, mtype: MarkupType, adm: &'a str) -> Self {
        Self {
            id,
            impid,
            price,
            adm,
            mtype,
            adid: None,
            crid: "",
            cid: "",
            adomain: "",
            cat: &[],
            cattax: None,
            attr: &[],
            burl: None,
            nurl: None,
            lurl: None,
            iurl: None,
            w: 0,
            h: 0,
            dur_s: None,
            slotinpod: None,
            dealid: None,
            exp_s: None,
            language: None,
            langb: None,
            apis: &[],
            dsa: None,
            skadn: None,
        }
    }
}

/// Appends the response with these bids to `out`.
pub fn write_response(out: &mut Vec<u8>, head: &ResponseHead<'_>, bids: &[Bid<'_>]) {
    out.extend_from_slice(b"{\"id\":");
    json_bytes(out, head.id);
    text(out, "bidid", Some(head.bidid));
    text(out, "cur", Some(head.cur.as_str()));
    out.extend_from_slice(b",\"seatbid\":[");
    for (index, (together, bids)) in head.parts(bids).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_seat(out, (head.seat, together), bids);
    }
    out.extend_from_slice(b"]}");
}

fn write_seat(out: &mut Vec<u8>, (seat, together): (Option<&str>, bool), bids: &[Bid<'_>]) {
    out.extend_from_slice(b"{\"bid\":[");
    for (index, bid) in bids.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_bid(out, bid);
    }
    out.push(b']');
    text(out, "seat", seat);
    number(out, "group", together.then_some(1));
    out.push(b'}');
}

/// Appends a response that says why there is no bid (`nbr`, a code of the OpenRTB list).
pub fn no_bid(out: &mut Vec<u8>, id: &str, nbr: u32) {
    out.extend_from_slice(b"{\"id\":");
    json_bytes(out, id);
    out.extend_from_slice(b",\"seatbid\":[]");
    number(out, "nbr", Some(nbr));
    out.push(b'}');
}

fn write_bid(out: &mut Vec<u8>, bid: &Bid<'_>) {
    out.extend_from_slice(b"{\"id\":");
    json_bytes(out, bid.id);
    text(out, "impid", Some(bid.impid));
    key(out, "price");
    decimal(out, bid.price);
    number(out, "mtype", Some(bid.mtype as u32));
    text(out, "adid", bid.adid);
    text(out, "crid", stated(bid.crid));
    text(out, "cid", stated(bid.cid));
    if let Some(domain) = stated(bid.adomain) {
        list(out, "adomain", &[domain], |out, domain| {
            json_bytes(out, domain)
        });
    }
    list(out, "cat", bid.cat, |out, category| {
        json_bytes(out, category)
    });
    number(out, "cattax", bid.cattax);
    list(out, "attr", bid.attr, |out, attribute| {
        digits(out, i64::from(*attribute))
    });
    text(out, "burl", bid.burl);
    text(out, "nurl", bid.nurl);
    text(out, "lurl", bid.lurl);
    text(out, "iurl", bid.iurl);
    number(out, "w", Some(bid.w).filter(|w| *w > 0));
    number(out, "h", Some(bid.h).filter(|h| *h > 0));
    number(out, "dur", bid.dur_s);
    number(out, "slotinpod", bid.slotinpod);
    text(out, "dealid", bid.dealid);
    number(out, "exp", bid.exp_s);
    text(out, "language", bid.language);
    text(out, "langb", bid.langb);
    list(out, "apis", bid.apis, |out, api| {
        digits(out, i64::from(*api))
    });
    write_ext(out, bid);
    text(out, "adm", Some(bid.adm));
    out.push(b'}');
}

fn write_ext(out: &mut Vec<u8>, bid: &Bid<'_>) {
    if bid.dsa.is_none() && bid.skadn.is_none() {
        return;
    }
    key(out, "ext");
    out.push(b'{');
    if let Some(dsa) = bid.dsa {
        out.extend_from_slice(b"\"dsa\":{\"behalf\":");
        json_bytes(out, dsa.behalf);
        text(out, "paid", Some(dsa.paid));
        out.push(b'}');
    }
    if let Some(skadn) = bid.skadn {
        if bid.dsa.is_some() {
            out.push(b',');
        }
        write_skadn(out, skadn);
    }
    out.push(b'}');
}

fn write_skadn(out: &mut Vec<u8>, skadn: &SkadnAnswer) {
    out.extend_from_slice(b"\"skadn\":{\"version\":");
    json_bytes(out, skadn.version);
    text(out, "network", Some(&skadn.network));
    match skadn.campaign {
        SkadnCampaign::Campaign(number) => quoted(out, "campaign", number),
        SkadnCampaign::Source(number) => quoted(out, "sourceidentifier", number),
    }
    quoted(out, "itunesitem", skadn.itunesitem);
    text(out, "sourceapp", Some(&skadn.sourceapp));
    let kinds = skadn.signatures.iter();
    let kinds: Vec<_> = kinds.filter(|one| one.fidelity.is_some()).collect();
    if let (true, Some(only)) = (kinds.is_empty(), skadn.signatures.first()) {
        write_signature(out, only);
    }
    list(out, "fidelities", &kinds, |out, one| {
        out.extend_from_slice(b"{\"fidelity\":");
        digits(out, i64::from(one.fidelity.unwrap_or_default()));
        write_signature(out, one);
        out.push(b'}');
    });
    out.push(b'}');
}

fn write_signature(out: &mut Vec<u8>, one: &SkadnSignature) {
    text(out, "signature", Some(&one.signature));
    text(out, "nonce", Some(&one.nonce));
    quoted(out, "timestamp", one.timestamp_ms);
}

fn stated(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        key(out, name);
        json_bytes(out, value);
    }
}

fn number(out: &mut Vec<u8>, name: &str, value: Option<impl Into<i64>>) {
    if let Some(value) = value {
        key(out, name);
        digits(out, value.into());
    }
}

/// A number in a string.
fn quoted(out: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) {
    key(out, name);
    write!(out, "\"{value}\"").expect("a Vec takes every write");
}

fn list<T>(out: &mut Vec<u8>, name: &str, values: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    if values.is_empty() {
        return;
    }
    key(out, name);
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, value);
    }
    out.push(b']');
}

fn digits(out: &mut Vec<u8>, value: i64) {
    write!(out, "{value}").expect("a Vec takes every write");
}

/// All micros, without trailing zeros: `1.25`, `0.000001`, `3`.
fn decimal(out: &mut Vec<u8>, price: Cpm) {
    let micros = price.0.0;
    assert!(micros >= 0, "a bid's price is not negative");
    let (units, mut fraction) = (micros / 1_000_000, micros % 1_000_000);
    digits(out, units);
    if fraction == 0 {
        return;
    }
    let mut width = 6;
    while fraction % 10 == 0 {
        fraction /= 10;
        width -= 1;
    }
    write!(out, ".{fraction:0width$}").expect("a Vec takes every write");
}
