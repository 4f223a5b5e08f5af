//! The bid response, written into a buffer that the caller reuses.

use std::ops::Range;

use domain::money::{Cpm, Currency};

use super::markup::escape::{Sink, json_inner, json_string};
use super::markup::{Filled, Out};
use super::{DsaAnswer, NativeRequest, SkadnAnswer, SkadnCampaign, SkadnSignature};

/// Why an ad that is written fits its layout.
pub(super) const CHECKED: &str = "the candidate was checked against this layout before it won";

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
    /// How many bids there are.
    pub bids: usize,
    /// How many of the last bids are won together or not at all (`seatbid.group`).
    pub grouped: usize,
}

impl ResponseHead<'_> {
    /// The bids that are won one by one, and those that are won together; parts without bids are left out.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (bool, Range<usize>)> + use<> {
        let alone = self.bids.saturating_sub(self.grouped);
        let parts = [(false, 0..alone), (true, alone..self.bids)];
        parts.into_iter().filter(|(_, bids)| !bids.is_empty())
    }
}

/// A bid's markup.
#[derive(Debug, Clone, Copy)]
pub enum Adm<'a> {
    /// As it is.
    Text(&'a str),
    /// An ad that is written in place. It must fit the shape that it is written in.
    Ad(Filled<'a>),
    /// The same; a native ad as a message (`adm_native`) where the response is in protobuf.
    Message(Filled<'a>),
    /// Not in the bid: the win notice is answered with it.
    OnWin,
}

impl<'a> From<&'a str> for Adm<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl Adm<'_> {
    /// Whether there is any.
    pub(super) fn is_here(&self) -> bool {
        !matches!(self, Self::OnWin)
    }

    /// Appends the markup.
    pub(super) fn write(&self, out: &mut Vec<u8>, escaping: impl Fn(&mut Vec<u8>) -> Out<'_>) {
        match self {
            Self::Text(text) => escaping(out).put(text),
            Self::Ad(ad) | Self::Message(ad) => {
                ad.write(&mut escaping(out)).expect(CHECKED);
            }
            Self::OnWin => {}
        }
    }

    /// The message to write instead of a text, with its layout.
    pub(super) fn message(&self) -> Option<(&Filled<'_>, &NativeRequest<'_>)> {
        match self {
            Self::Message(ad) => Some((ad, ad.message_layout()?)),
            Self::Text(_) | Self::Ad(_) | Self::OnWin => None,
        }
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
    pub adm: Adm<'a>,
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
    /// Called when billable; its parts in order, as of the two that follow.
    pub burl: Option<&'a [&'a str]>,
    /// Called when won.
    pub nurl: Option<&'a [&'a str]>,
    /// Called when lost.
    pub lurl: Option<&'a [&'a str]>,
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
    pub fn new(
        id: &'a str,
        impid: &'a str,
        price: Cpm,
        mtype: MarkupType,
        adm: impl Into<Adm<'a>>,
    ) -> Self {
        Self {
            id,
            impid,
            price,
            adm: adm.into(),
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

/// Appends the response. `bids` is asked for parts of the bids and hands those over one by one.
pub fn write_response(
    out: &mut Vec<u8>,
    head: &ResponseHead<'_>,
    mut bids: impl FnMut(Range<usize>, &mut dyn FnMut(&Bid<'_>)),
) {
    out.extend_from_slice(b"{\"id\":");
    json_string(out, head.id);
    text(out, "bidid", Some(head.bidid));
    text(out, "cur", Some(head.cur.as_str()));
    out.extend_from_slice(b",\"seatbid\":[");
    for (index, (together, part)) in head.parts().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_seat(out, (head.seat, together), |add| bids(part, add));
    }
    out.extend_from_slice(b"]}");
}

fn write_seat(
    out: &mut Vec<u8>,
    (seat, together): (Option<&str>, bool),
    bids: impl FnOnce(&mut dyn FnMut(&Bid<'_>)),
) {
    out.extend_from_slice(b"{\"bid\":[");
    let mut first = true;
    bids(&mut |bid| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_bid(out, bid);
    });
    out.push(b']');
    text(out, "seat", seat);
    number(out, "group", together.then_some(1));
    out.push(b'}');
}

/// Appends a response that says why there is no bid (`nbr`, a code of the OpenRTB list).
pub fn no_bid(out: &mut Vec<u8>, id: &str, nbr: u32) {
    out.extend_from_slice(b"{\"id\":");
    json_string(out, id);
    out.extend_from_slice(b",\"seatbid\":[]");
    number(out, "nbr", Some(nbr));
    out.push(b'}');
}

fn write_bid(out: &mut Vec<u8>, bid: &Bid<'_>) {
    out.extend_from_slice(b"{\"id\":");
    json_string(out, bid.id);
    text(out, "impid", Some(bid.impid));
    key(out, "price");
    decimal(out, bid.price);
    number(out, "mtype", Some(bid.mtype as u32));
    text(out, "adid", bid.adid);
    text(out, "crid", stated(bid.crid));
    text(out, "cid", stated(bid.cid));
    if let Some(domain) = stated(bid.adomain) {
        list(out, "adomain", &[domain], |out, domain| {
            json_string(out, domain)
        });
    }
    list(out, "cat", bid.cat, |out, category| {
        json_string(out, category)
    });
    number(out, "cattax", bid.cattax);
    list(out, "attr", bid.attr, |out, attribute| {
        digits(out, *attribute)
    });
    joined(out, "burl", bid.burl);
    joined(out, "nurl", bid.nurl);
    joined(out, "lurl", bid.lurl);
    text(out, "iurl", bid.iurl);
    number(out, "w", Some(bid.w).filter(|w| *w > 0));
    number(out, "h", Some(bid.h).filter(|h| *h > 0));
    number(out, "dur", bid.dur_s);
    number(out, "slotinpod", bid.slotinpod);
    text(out, "dealid", bid.dealid);
    number(out, "exp", bid.exp_s);
    text(out, "language", bid.language);
    text(out, "langb", bid.langb);
    list(out, "apis", bid.apis, |out, api| digits(out, *api));
    write_ext(out, bid);
    if bid.adm.is_here() {
        out.extend_from_slice(b",\"adm\":\"");
        bid.adm.write(out, |out| Out::in_json(out));
        out.push(b'"');
    }
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
        json_string(out, dsa.behalf);
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
    json_string(out, skadn.version);
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
        digits(out, one.fidelity.unwrap_or_default());
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
        json_string(out, value);
    }
}

/// A text in parts.
fn joined(out: &mut Vec<u8>, name: &str, parts: Option<&[&str]>) {
    if let Some(parts) = parts {
        key(out, name);
        out.push(b'"');
        parts.iter().for_each(|part| json_inner(out, part));
        out.push(b'"');
    }
}

fn number(out: &mut Vec<u8>, name: &str, value: Option<impl Into<i64>>) {
    if let Some(value) = value {
        key(out, name);
        digits(out, value.into());
    }
}

/// A number in a string.
fn quoted(out: &mut Vec<u8>, name: &str, value: impl itoa::Integer) {
    key(out, name);
    out.push(b'"');
    digits(out, value);
    out.push(b'"');
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

fn digits(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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
    out.push(b'.');
    let mut unit = 100_000;
    while fraction > 0 {
        digits(out, fraction / unit);
        fraction %= unit;
        unit /= 10;
    }
}
