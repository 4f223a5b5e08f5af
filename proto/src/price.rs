//! Sealed clearing prices, as exchanges send them that encrypt `${AUCTION_PRICE}`: opened, verified, dated.
//!
//! Google's scheme, which others use as well. Layout before web-safe base64, padded or not: initialisation vector
//! 16 bytes, sealed price 8, signature 4. The price is a big-endian count of micros per mille, sealed by exclusive
//! or with the first 8 bytes of HMAC-SHA1(encryption key, vector); the signature is the first 4 bytes of
//! HMAC-SHA1(integrity key, clear price then vector). The vector begins with the time of sealing: 4 bytes of
//! seconds, 4 bytes of microseconds.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::{Cpm, Micros, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Web-safe base64 as exchanges write it: some pad, most do not.
const WEB_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const VECTOR_BYTES: usize = 16;
const PRICE_BYTES: usize = 8;
const SIGNATURE_BYTES: usize = 4;
const SEALED_BYTES: usize = VECTOR_BYTES + PRICE_BYTES + SIGNATURE_BYTES;
/// Characters of a sealed price with its padding; nothing longer is decoded.
const SEALED_CHARS_MAX: usize = SEALED_BYTES.div_ceil(3) * 4;
/// Bytes of a key: exchanges give 32; below 16 a key could be guessed, above 64 HMAC would hash it first.
const KEY_BYTES: RangeInclusive<usize> = 16..=64;

/// The two keys an exchange gives with a bidder's account.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPriceKeys {
    encryption: Vec<u8>,
    integrity: Vec<u8>,
}

impl SealedPriceKeys {
    /// Takes both keys in web-safe base64; `None` unless each is 16 to 64 bytes.
    pub fn parse(encryption: &str, integrity: &str) -> Option<Self> {
        Some(Self {
            encryption: parse_key(encryption)?,
            integrity: parse_key(integrity)?,
        })
    }
}

/// Shows no key.
impl std::fmt::Debug for SealedPriceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedPriceKeys(..)")
    }
}

/// Reads one key: web-safe base64 of 16 to 64 bytes.
pub fn parse_key(text: &str) -> Option<Vec<u8>> {
    let key = WEB_SAFE.decode(text.trim()).ok()?;
    KEY_BYTES.contains(&key.len()).then_some(key)
}

/// Why a sealed price is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealedPriceError {
    /// Not web-safe base64 of 28 bytes, or a negative price inside.
    #[error("sealed price is malformed")]
    Malformed,
    /// The signature is not that of these keys.
    #[error("sealed price does not verify")]
    Forged,
    /// Sealed outside the time in which this price can have been told: a replay.
    #[error("sealed price is of another time")]
    Stale,
}

/// Opens a sealed price that must have been sealed within `times`.
///
/// # Errors
/// One of `SealedPriceError`; nothing of a refused price may be believed.
pub fn open(
    keys: &SealedPriceKeys,
    sealed: &str,
    times: &RangeInclusive<Timestamp>,
) -> Result<Cpm, SealedPriceError> {
    let bytes = decode(sealed).ok_or(SealedPriceError::Malformed)?;
    let (vector, rest) = bytes.split_at(VECTOR_BYTES);
    let (price, signature) = rest.split_at(PRICE_BYTES);
    let clear = masked(keys, vector, price);
    // The library compares in constant time: how long a refusal takes tells nothing of the signature.
    signer(keys, vector, clear)
        .verify_truncated_left(signature)
        .map_err(|_| SealedPriceError::Forged)?;
    if !times.contains(&sealed_at(vector)) {
        return Err(SealedPriceError::Stale);
    }
    i64::try_from(u64::from_be_bytes(clear))
        .map(|micros| Cpm(Micros(micros)))
        .map_err(|_| SealedPriceError::Malformed)
}

fn decode(sealed: &str) -> Option<[u8; SEALED_BYTES]> {
    if sealed.len() > SEALED_CHARS_MAX {
        return None;
    }
    WEB_SAFE.decode(sealed).ok()?.try_into().ok()
}

/// The price under its pad: the same step seals and opens.
fn masked(keys: &SealedPriceKeys, vector: &[u8], price: &[u8]) -> [u8; PRICE_BYTES] {
    let mut pad = hmac(&keys.encryption);
    pad.update(vector);
    let mut masked = [0; PRICE_BYTES];
    let pad = pad.finalize().into_bytes();
    for (at, byte) in masked.iter_mut().enumerate() {
        *byte = pad[at] ^ price[at];
    }
    masked
}

fn signer(keys: &SealedPriceKeys, vector: &[u8], clear: [u8; PRICE_BYTES]) -> Hmac<Sha1> {
    let mut signer = hmac(&keys.integrity);
    signer.update(&clear);
    signer.update(vector);
    signer
}

fn hmac(key: &[u8]) -> Hmac<Sha1> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn sealed_at(vector: &[u8]) -> Timestamp {
    let number = |at: usize| {
        let bytes = [vector[at], vector[at + 1], vector[at + 2], vector[at + 3]];
        i64::from(u32::from_be_bytes(bytes))
    };
    Timestamp(number(0) * 1_000 + number(4) / 1_000)
}

#[cfg(test)]
mod tests;
