//! The response message, written field by field into the caller's buffer in the order of the numbers.

use std::ops::Range;

use prost::encoding::{WireType, encode_key, encode_varint};

use crate::fields::{message, whole};
use crate::openrtb::markup::Out;
use crate::openrtb::response::CHECKED;
use crate::openrtb::{Bid, ResponseHead};

/// Appends the response. `bids` is asked for parts of the bids and hands those over one by one.
pub fn write_response(
    out: &mut Vec<u8>,
    head: &ResponseHead<'_>,
    mut bids: impl FnMut(Range<usize>, &mut dyn FnMut(&Bid<'_>)),
) {
    text(out, 1, Some(head.id));
    for (together, part) in head.parts() {
        message(out, 2, |out| {
            bids(part, &mut |bid| {
                message(out, 1, |out| write_bid(out, bid));
            });
            text(out, 2, head.seat);
            number(out, 3, together.then_some(1));
        });
    }
    text(out, 3, Some(head.bidid));
    text(out, 4, Some(head.cur.as_str()));
}

/// Appends a response that says why there is no bid (`nbr`, a code of the OpenRTB list).
pub fn no_bid(out: &mut Vec<u8>, id: &str, nbr: u32) {
    text(out, 1, Some(id));
    number(out, 6, Some(nbr));
}

fn write_bid(out: &mut Vec<u8>, bid: &Bid<'_>) {
    assert!(bid.price.0.0 >= 0, "a bid's price is not negative");
    text(out, 1, Some(bid.id));
    text(out, 2, Some(bid.impid));
    double(out, 3, bid.price.0.as_decimal());
    text(out, 4, bid.adid);
    joined(out, 5, bid.nurl);
    let native = bid.adm.message();
    if native.is_none() && bid.adm.is_here() {
        message(out, 6, |out| bid.adm.write(out, |out| Out::plain(out)));
    }
    text(out, 7, stated(bid.adomain));
    text(out, 8, bid.iurl);
    text(out, 9, stated(bid.cid));
    text(out, 10, stated(bid.crid));
    numbers(out, 11, bid.attr);
    text(out, 13, bid.dealid);
    for category in bid.cat {
        text(out, 15, Some(category));
    }
    number(out, 16, Some(bid.w).filter(|w| *w > 0));
    number(out, 17, Some(bid.h).filter(|h| *h > 0));
    number(out, 21, bid.exp_s);
    joined(out, 22, bid.burl);
    joined(out, 23, bid.lurl);
    text(out, 25, bid.language);
    number(out, 28, bid.slotinpod);
    text(out, 29, bid.langb);
    number(out, 30, bid.cattax);
    numbers(out, 31, bid.apis);
    number(out, 32, bid.dur_s);
    number(out, 33, Some(bid.mtype as u32));
    if let Some((ad, layout)) = native {
        message(out, 50, |out| {
            ad.write_message(out, layout).expect(CHECKED);
        });
    }
    if let Some(dsa) = bid.dsa {
        message(out, 99, |out| {
            message(out, 2, |out| {
                text(out, 1, Some(dsa.behalf));
                text(out, 2, Some(dsa.paid));
            });
        });
    }
}

fn stated(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn text(out: &mut Vec<u8>, field: u32, value: Option<&str>) {
    if let Some(value) = value {
        whole(out, field, value.as_bytes());
    }
}

/// A text in parts.
fn joined(out: &mut Vec<u8>, field: u32, parts: Option<&[&str]>) {
    if let Some(parts) = parts {
        message(out, field, |out| {
            for part in parts {
                out.extend_from_slice(part.as_bytes());
            }
        });
    }
}

fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    encode_key(field, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn number(out: &mut Vec<u8>, field: u32, value: Option<impl Into<i64>>) {
    if let Some(value) = value {
        encode_key(field, WireType::Varint, out);
        encode_varint(int32(value.into()), out);
    }
}

fn numbers(out: &mut Vec<u8>, field: u32, values: &[u32]) {
    if !values.is_empty() {
        message(out, field, |out| {
            let values = values.iter().map(|value| int32(i64::from(*value)));
            values.for_each(|value| encode_varint(value, out));
        });
    }
}

/// The varint of a number in an `int32` field: one that is beyond it becomes the largest; a negative
/// one is extended to 64 bits.
fn int32(value: i64) -> u64 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as u64
}
