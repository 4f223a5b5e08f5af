//! One record on disk: length, checksum, offset, payload.

use crate::Offset;
use domain::limits::LOG_RECORD_BYTES_MAX;

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 16;
/// What the length field counts besides the payload: checksum and offset. So it is never zero.
const COUNTED_BYTES: usize = 12;

/// The first bytes of a record, when they can be some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of the whole record.
    pub(crate) size: usize,
    pub(crate) offset: Offset,
}

/// Bytes that a payload of this length takes up.
pub(crate) fn size(payload_bytes: usize) -> usize {
    HEADER_BYTES + payload_bytes
}

/// Appends one record.
pub(crate) fn encode(offset: Offset, payload: &[u8], into: &mut Vec<u8>) {
    let length = u32::try_from(COUNTED_BYTES + payload.len())
        .expect("payloads are at most LOG_RECORD_BYTES_MAX, checked at append");
    let offset = offset.to_le_bytes();
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&length.to_le_bytes());
    checksum.update(&offset);
    checksum.update(payload);
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&checksum.finalize().to_le_bytes());
    into.extend_from_slice(&offset);
    into.extend_from_slice(payload);
}

/// Reads a header; `None` when no record begins here.
pub(crate) fn parse_header(bytes: &[u8]) -> Option<Header> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (offset, _) = rest.get(4..)?.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let payload_bytes = length.checked_sub(COUNTED_BYTES)?;
    (payload_bytes <= LOG_RECORD_BYTES_MAX).then_some(Header {
        size: size(payload_bytes),
        offset: Offset::from_le_bytes(*offset),
    })
}

/// Whether the bytes of a whole record carry its checksum.
pub(crate) fn is_whole(record: &[u8]) -> bool {
    let (Some((length, rest)), Some(content)) = (record.split_first_chunk::<4>(), record.get(8..))
    else {
        return false;
    };
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(length);
    checksum.update(content);
    rest.get(..4) == Some(&checksum.finalize().to_le_bytes()[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_seen() {
        let mut bytes = Vec::new();
        encode(7, b"payload", &mut bytes);
        let header = parse_header(&bytes).unwrap();
        assert_eq!((header.size, header.offset), (bytes.len(), 7));
        assert!(is_whole(&bytes));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_whole(&damaged), "bit {bit}");
        }
    }

    #[test]
    fn zeros_and_nonsense_are_no_header() {
        assert_eq!(parse_header(&[0; 16]), None);
        assert_eq!(parse_header(&[255; 16]), None);
        assert_eq!(parse_header(&[12; 3]), None);
        assert!(!is_whole(&[]));
    }
}
