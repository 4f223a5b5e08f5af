//! Packing answers with gzip for clients that ask for it.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use hyper::header::{ACCEPT_ENCODING, HeaderMap};

/// Answers under this many bytes are sent as they are: with their head they fill one packet, and packed they
/// would fill one too.
pub const GZIP_BYTES_MIN: usize = 1200;
/// RFC 1952: the magic, deflate, no flags, no time, fastest, unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// The checksum and the length.
const TRAILER_BYTES: usize = 8;

/// A gzip compressor and its buffer, kept between answers so that a warm one allocates nothing.
#[derive(Debug)]
pub struct Packer {
    deflate: Compress,
    out: Vec<u8>,
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

impl Packer {
    /// With the fastest level: the next one costs half again to twice the time for 2 to 6 % fewer bytes.
    pub fn new() -> Self {
        Self {
            deflate: Compress::new(Compression::fast(), false),
            out: Vec::new(),
        }
    }

    /// `plain` as one gzip member; nothing when that is not shorter.
    pub fn gzip(&mut self, plain: &[u8]) -> Option<&[u8]> {
        self.out.clear();
        self.out.reserve(plain.len() + HEAD.len() + TRAILER_BYTES);
        self.out.extend_from_slice(&HEAD);
        self.deflate.reset();
        let status = self
            .deflate
            .compress_vec(plain, &mut self.out, FlushCompress::Finish);
        let whole = matches!(status, Ok(Status::StreamEnd));
        if !whole || self.out.len() + TRAILER_BYTES >= plain.len() {
            return None;
        }
        let mut checksum = Crc::new();
        checksum.update(plain);
        self.out.extend_from_slice(&checksum.sum().to_le_bytes());
        self.out.extend_from_slice(&checksum.amount().to_le_bytes());
        Some(&self.out)
    }
}

/// Whether a client asked for gzip by name; `*` and silence are no such wish.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(is_gzip_wanted)
}

/// One item such as ` gzip;q=0.5`.
fn is_gzip_wanted(item: &[u8]) -> bool {
    let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    if !name.eq_ignore_ascii_case(b"gzip") && !name.eq_ignore_ascii_case(b"x-gzip") {
        return false;
    }
    !parts.any(|part| match part {
        [b'q' | b'Q', b'=', weight @ ..] => weight.iter().all(|byte| matches!(byte, b'0' | b'.')),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn packed_answers_unpack_to_what_they_were() {
        let mut packer = Packer::new();
        for bytes in [100, 1200, 5000, 300_000] {
            let plain: Vec<u8> = b"{\"adm\":\"<img>\"},"
                .iter()
                .copied()
                .cycle()
                .take(bytes)
                .collect();
            let packed = packer.gzip(&plain).unwrap();
            assert!(packed.len() < plain.len() / 2 + 30);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(packed)
                .read_to_end(&mut back)
                .unwrap();
            assert_eq!(back, plain);
        }
        let (size, buffer) = (packer.out.capacity(), packer.out.as_ptr());
        assert!(packer.gzip(&[b'a'; 2000]).is_some());
        assert_eq!((packer.out.capacity(), packer.out.as_ptr()), (size, buffer));
    }

    #[test]
    fn what_does_not_shrink_stays_plain() {
        let mut noise = noise_bytes();
        assert_eq!(Packer::new().gzip(&noise), None);
        noise.truncate(10);
        assert_eq!(Packer::new().gzip(&noise), None);
        assert_eq!(Packer::new().gzip(&[]), None);
    }

    /// Bytes without a pattern: the low bytes of a linear congruence.
    fn noise_bytes() -> Vec<u8> {
        let next = |state: &u64| {
            Some(
                state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            )
        };
        std::iter::successors(Some(7_u64), next)
            .map(|state| state.to_be_bytes()[0])
            .take(3000)
            .collect()
    }

    #[test]
    fn only_a_wish_for_gzip_is_one() {
        let cases: [(&[&str], bool); 12] = [
            (&[], false),
            (&["gzip"], true),
            (&["GZIP"], true),
            (&["x-gzip"], true),
            (&["deflate, gzip;q=0.5, br"], true),
            (&["br", "gzip"], true),
            (&["gzip;q=0"], false),
            (&["gzip; Q=0.000"], false),
            (&["gzip;q=1.0"], true),
            (&["*"], false),
            (&["gzipped, identity"], false),
            (&[",;;,"], false),
        ];
        for (lines, wanted) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_ENCODING, line.parse().unwrap());
            }
            assert_eq!(accepts_gzip(&headers), wanted, "{lines:?}");
        }
    }
}
