//! Unpacking gzip and zstd bodies within a bound of bytes, whatever they claim.

use std::io::{Cursor, Read};

use flate2::bufread::GzDecoder;
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::body::BodyError;

/// The encodings that are understood, for `Accept-Encoding` beside a 415.
pub const ENCODINGS: &str = "gzip, zstd";
/// Zstandard frames in one body, skippable ones included; senders make one.
const FRAMES_MAX: usize = 16;
/// The largest block of Zstandard (RFC 8878, 3.1.1.2.4).
const BLOCK_BYTES_MAX: usize = 128 << 10;
/// The smallest window that Zstandard can name.
const WINDOW_BYTES_MIN: usize = 1 << 10;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Packing {
    /// What `Content-Encoding` says.
    ///
    /// # Errors
    /// `Encoding` for anything else, also for several of them.
    pub fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let Some(encoding) = headers.get(CONTENT_ENCODING) else {
            return Ok(Self::Plain);
        };
        let encoding = encoding.as_bytes().trim_ascii();
        let is = |name: &str| encoding.eq_ignore_ascii_case(name.as_bytes());
        if is("gzip") || is("x-gzip") {
            Ok(Self::Gzip)
        } else if is("zstd") {
            Ok(Self::Zstd)
        } else if is("identity") || encoding.is_empty() {
            Ok(Self::Plain)
        } else {
            Err(BodyError::Encoding)
        }
    }
}

/// Decoders and the buffer they fill. A core needs one: bodies are unpacked and used one at a time, so that
/// its memory is bounded by one body, however many are on their way.
#[derive(Default)]
pub struct Unpacker {
    gzip: Option<GzDecoder<Cursor<Vec<u8>>>>,
    zstd: Option<FrameDecoder>,
    unpacked: Vec<u8>,
}

impl Unpacker {
    /// Without decoders: the first body of a kind makes its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of `raw` as they were before packing, at most `bytes_max`. What is not packed is given back as
    /// it is; mutable, because parsers work in place.
    ///
    /// # Errors
    /// `TooLarge`, or `Broken` when it is damaged or ends early.
    pub fn unpack<'a>(
        &'a mut self,
        packing: Packing,
        raw: &'a mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<&'a mut [u8], BodyError> {
        match packing {
            Packing::Plain => return Ok(raw),
            Packing::Gzip => self.gunzip(raw, bytes_max)?,
            Packing::Zstd => self.unzstd(raw, bytes_max)?,
        }
        Ok(&mut self.unpacked)
    }

    fn gunzip(&mut self, raw: &mut Vec<u8>, bytes_max: usize) -> Result<(), BodyError> {
        let packed = Cursor::new(std::mem::take(raw));
        let gzip = match &mut self.gzip {
            Some(gzip) => {
                gzip.reset(packed);
                gzip
            }
            none => none.insert(GzDecoder::new(packed)),
        };
        self.unpacked.clear();
        let mut bounded = Read::take(&mut *gzip, bytes_max as u64 + 1);
        let read = bounded.read_to_end(&mut self.unpacked);
        *raw = std::mem::take(gzip.get_mut().get_mut());
        match read {
            Ok(bytes) if bytes <= bytes_max => Ok(()),
            Ok(_) => Err(BodyError::TooLarge),
            Err(_) => Err(BodyError::Broken),
        }
    }

    fn unzstd(&mut self, mut packed: &[u8], bytes_max: usize) -> Result<(), BodyError> {
        self.unpacked.clear();
        let decoder = self.zstd.get_or_insert_with(FrameDecoder::new);
        let mut frames = 0;
        while !packed.is_empty() {
            if frames == FRAMES_MAX {
                return Err(BodyError::TooLarge);
            }
            frames += 1;
            let Some(head) = frame_head(&mut packed)? else {
                continue;
            };
            if head.bytes.is_some_and(|bytes| bytes > bytes_max as u64) {
                return Err(BodyError::TooLarge);
            }
            let own = head.for_decoder(bytes_max);
            decoder.reset(&own[..]).map_err(|_| BodyError::Broken)?;
            let before = self.unpacked.len();
            let mut ended = false;
            while !ended {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                ended = decoder
                    .decode_blocks(&mut packed, one)
                    .map_err(|_| BodyError::Broken)?;
                // Before the end only what is older than a window comes out, and a window is `bytes_max` or more.
                decoder
                    .collect_to_writer(&mut self.unpacked)
                    .map_err(|_| BodyError::Broken)?;
                if self.unpacked.len() > bytes_max {
                    return Err(BodyError::TooLarge);
                }
            }
            let bytes = (self.unpacked.len() - before) as u64;
            if head.bytes.is_some_and(|declared| declared != bytes) {
                return Err(BodyError::Broken);
            }
        }
        if frames == 0 {
            return Err(BodyError::Broken);
        }
        Ok(())
    }
}

/// What a Zstandard frame says of itself.
struct FrameHead {
    has_checksum: bool,
    bytes: Option<u64>,
}

impl FrameHead {
    /// A head for the same blocks whose window is as large as we let a body become. A block refers back by at
    /// most what came before it, so a smaller window than the sender's loses nothing, and a larger one would
    /// let the sender choose our memory.
    fn for_decoder(&self, bytes_max: usize) -> [u8; 6] {
        let window = bytes_max.max(BLOCK_BYTES_MAX).next_power_of_two();
        let exponent = (window / WINDOW_BYTES_MIN).trailing_zeros();
        let [a, b, c, d] = ZSTD_MAGIC;
        let exponent = u8::try_from(exponent).unwrap_or(u8::MAX).min(31);
        [a, b, c, d, u8::from(self.has_checksum) << 2, exponent << 3]
    }
}

/// Takes a frame's head off `packed`, or a whole skippable frame: then there is nothing to decode.
fn frame_head(packed: &mut &[u8]) -> Result<Option<FrameHead>, BodyError> {
    let magic: [u8; 4] = take(packed)?;
    if matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
        let length = u32::from_le_bytes(take(packed)?) as usize;
        *packed = packed.get(length..).ok_or(BodyError::Broken)?;
        return Ok(None);
    }
    let [flags] = take(packed)?;
    // The reserved bit, or a dictionary: we have none.
    if magic != ZSTD_MAGIC || flags & 0b1011 != 0 {
        return Err(BodyError::Broken);
    }
    let is_single_segment = flags & 0x20 != 0;
    if !is_single_segment {
        let [_window] = take(packed)?;
    }
    let bytes = match flags >> 6 {
        0 if !is_single_segment => None,
        0 => Some(u64::from(u8::from_le_bytes(take(packed)?))),
        1 => Some(u64::from(u16::from_le_bytes(take(packed)?)) + 256),
        2 => Some(u64::from(u32::from_le_bytes(take(packed)?))),
        _ => Some(u64::from_le_bytes(take(packed)?)),
    };
    Ok(Some(FrameHead {
        has_checksum: flags & 4 != 0,
        bytes,
    }))
}

fn take<const N: usize>(packed: &mut &[u8]) -> Result<[u8; N], BodyError> {
    let (taken, rest) = packed.split_first_chunk().ok_or(BodyError::Broken)?;
    *packed = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests;
