//! Tracking tokens: what a bid's URLs carry, encrypted and authenticated.
//!
//! Layout before base64url without padding: version byte 1, key id byte, purpose byte, 16 bytes of bid id, 5 bytes
//! hashed from the plaintext, then XChaCha20-Poly1305 of the `BidRef` without its bid id. The 24 leading bytes are
//! the nonce and the associated data. A bid id is given out once, so a nonce can only come again for the same bid and
//! purpose; the hash then tells plaintexts apart that two versions of the program wrote.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::limits::TOKEN_CHARS_MAX;
use domain::random::mix;
use prost::Message;

use crate::event::BidRef;

const VERSION: u8 = 1;
const BID_ID: std::ops::Range<usize> = 3..19;
const HEADER_BYTES: usize = 24;

/// What a token may be used for. A token for a browser never opens where money is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Win, loss and billing notices: from the exchange's servers only.
    Notice,
    /// Impressions and views: from browsers and apps.
    Event,
    /// Conversions: from the landing page.
    Conversion,
    /// The click redirect; carries the landing page.
    Click,
}

impl Purpose {
    fn byte(self) -> u8 {
        match self {
            Self::Notice => 1,
            Self::Event => 2,
            Self::Click => 3,
            Self::Conversion => 4,
        }
    }
}

/// Why a token was refused; the caller counts it and answers politely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too long, too short, or not base64url.
    #[error("token is malformed")]
    Malformed,
    /// Written by a key or version this process does not have.
    #[error("token has an unknown version or key")]
    UnknownKey,
    /// Forged, altered, or made for another purpose.
    #[error("token does not verify")]
    Forged,
}

/// The keys of an installation: the newest seals, all open.
#[derive(Clone)]
pub struct TokenKeys {
    keys: Vec<(u8, XChaCha20Poly1305)>,
}

impl TokenKeys {
    /// Takes `(key id, 32 random bytes)`, newest first; at least one.
    pub fn new(keys: impl IntoIterator<Item = (u8, [u8; 32])>) -> Option<Self> {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(id, key)| (id, XChaCha20Poly1305::new(&key.into())))
            .collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Seals `reference` for one purpose; `reference.bid_id` must be 16 bytes.
    pub fn seal(&self, reference: &BidRef, purpose: Purpose) -> String {
        let (key_id, cipher) = self.keys.first().expect("a key ring is never empty");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 160);
        bytes.extend_from_slice(&[VERSION, *key_id, purpose.byte()]);
        bytes.extend_from_slice(&reference.id().0);
        let mut plain = BidRef {
            bid_id: Vec::new(),
            ..reference.clone()
        };
        if purpose != Purpose::Event {
            // Only impressions are counted for them; everywhere else they would only lengthen the address.
            (plain.device, plain.household) = (Vec::new(), Vec::new());
        }
        let plain = plain.encode_to_vec();
        bytes.extend_from_slice(&tweak(&plain));
        let sealed = cipher
            .encrypt(
                &nonce(&bytes),
                Payload {
                    msg: &plain,
                    aad: &bytes,
                },
            )
            .expect("XChaCha20-Poly1305 seals any short message");
        bytes.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens a token that was sealed for `purpose`.
    ///
    /// # Errors
    /// One of `TokenError`; nothing of a refused token may be believed.
    pub fn open(&self, token: &str, purpose: Purpose) -> Result<BidRef, TokenError> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(TokenError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| TokenError::Malformed)?;
        let Some((header, sealed)) = bytes.split_at_checked(HEADER_BYTES) else {
            return Err(TokenError::Malformed);
        };
        let cipher = match header {
            [VERSION, key_id, ..] => self.keys.iter().find(|(id, _)| id == key_id),
            _ => None,
        };
        let (_, cipher) = cipher.ok_or(TokenError::UnknownKey)?;
        if header.get(2) != Some(&purpose.byte()) {
            return Err(TokenError::Forged);
        }
        let plain = cipher
            .decrypt(
                &nonce(header),
                Payload {
                    msg: sealed,
                    aad: header,
                },
            )
            .map_err(|_| TokenError::Forged)?;
        let mut reference = BidRef::decode(plain.as_slice()).map_err(|_| TokenError::Malformed)?;
        reference.bid_id = header.get(BID_ID).unwrap_or_default().to_vec();
        Ok(reference)
    }
}

fn nonce(header: &[u8]) -> XNonce {
    let header: [u8; HEADER_BYTES] = header.try_into().expect("a header is 24 bytes");
    header.into()
}

/// Tells plaintexts of one bid and purpose apart; the cipher, not this, keeps them from being altered.
fn tweak(plain: &[u8]) -> [u8; 5] {
    let mut hash = plain.len() as u64;
    for chunk in plain.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash ^ u64::from_le_bytes(word));
    }
    let [a, b, c, d, e, ..] = hash.to_be_bytes();
    [a, b, c, d, e]
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKeys({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> BidRef {
        BidRef {
            bid_id: (0..16).collect(),
            campaign: 12,
            line_item: 34,
            creative: 56,
            exchange: "generic".into(),
            price_cpm_micros: 2_500_000,
            ..BidRef::default()
        }
    }

    #[test]
    fn tokens_open_for_their_purpose_only() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        let token = keys.seal(&reference(), Purpose::Event);
        assert_eq!(keys.open(&token, Purpose::Event), Ok(reference()));
        assert_eq!(keys.open(&token, Purpose::Notice), Err(TokenError::Forged));
        let other = TokenKeys::new([(2, [7; 32])]).unwrap();
        assert_eq!(
            other.open(&token, Purpose::Event),
            Err(TokenError::UnknownKey)
        );
        let rotated = TokenKeys::new([(2, [8; 32]), (1, [7; 32])]).unwrap();
        assert_eq!(rotated.open(&token, Purpose::Event), Ok(reference()));
    }

    #[test]
    fn only_tokens_of_impressions_name_device_and_household() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        let short = keys.seal(&reference(), Purpose::Event);
        let long = BidRef {
            device: vec![1; 16],
            household: vec![2; 16],
            ..reference()
        };
        let token = keys.seal(&long, Purpose::Event);
        assert_eq!(keys.open(&token, Purpose::Event).as_ref(), Ok(&long));
        assert!(
            token.len() <= short.len() + 51,
            "{}",
            token.len() - short.len()
        );
        for purpose in [Purpose::Notice, Purpose::Click, Purpose::Conversion] {
            let token = keys.seal(&long, purpose);
            assert_eq!(keys.open(&token, purpose), Ok(reference()));
            assert_eq!(token.len(), short.len());
        }
    }

    #[test]
    fn no_changed_byte_and_no_cut_opens() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        let token = keys.seal(&reference(), Purpose::Notice);
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert!(
                keys.open(&URL_SAFE_NO_PAD.encode(&changed), Purpose::Notice)
                    .is_err(),
                "{i}"
            );
            assert!(
                keys.open(&URL_SAFE_NO_PAD.encode(&bytes[..i]), Purpose::Notice)
                    .is_err()
            );
        }
        assert_eq!(
            keys.open(&"A".repeat(5000), Purpose::Notice),
            Err(TokenError::Malformed)
        );
    }
}
