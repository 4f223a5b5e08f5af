//! Fields of protobuf messages, written by hand where a message with texts of its own would only be made to be encoded.

use prost::encoding::{WireType, encode_key, encode_varint};

/// A text or bytes.
pub(crate) fn whole(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// A message inside, or a text that is not yet there: it is written first, then its length is put before it.
pub(crate) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(field, WireType::LengthDelimited, out);
    let start = out.len();
    write(out);
    let end = out.len();
    encode_varint((end - start) as u64, out);
    let length_bytes = out.len() - end;
    out[start..].rotate_right(length_bytes);
}

/// A text or bytes; not written when empty, as version 3 of the language has it.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        whole(out, field, value);
    }
}

/// A number or flag that is no float; not written when 0. Negative ones are extended to 64 bits.
pub(crate) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        encode_key(field, WireType::Varint, out);
        encode_varint(value, out);
    }
}

/// The same for a signed one.
pub(crate) fn signed(out: &mut Vec<u8>, field: u32, value: i64) {
    number(out, field, value as u64);
}

/// A number of 32 bits with a point; not written when 0.
pub(crate) fn float(out: &mut Vec<u8>, field: u32, value: f32) {
    if value != 0.0 {
        encode_key(field, WireType::ThirtyTwoBit, out);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A number of 64 bits with a point; not written when 0.
pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    if value != 0.0 {
        encode_key(field, WireType::SixtyFourBit, out);
        out.extend_from_slice(&value.to_le_bytes());
    }
}
