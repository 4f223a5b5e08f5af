//! Tracking tokens: what a bid's URLs carry, encrypted and authenticated.
//!
//! Before base64url without padding a token is: version byte, key id byte, purpose byte, 16 bytes of bid id, all of it
//! associated data, then the sealed `BidRef` without its bid id, and a tag of 16 bytes.
//!
//! - Version 2 is what bids carry: AES-256-GCM, some twenty times quicker than version 1 where processors have
//!   instructions for it. Each purpose has a key of its own. The nonce is what a bid id has of 12 bytes: the prefix
//!   and the counter of `BidIds`. A bid is sealed once for a purpose, so no nonce comes again under a key.
//! - Version 1 has 5 more bytes in its header, hashed from the plaintext: XChaCha20-Poly1305 with the whole header as
//!   its nonce. It seals what may be sealed again by another version of the program (the token of conversions, made at
//!   each click, and those in markup that a win notice fetches), and ids that are not of `BidIds`.

use aes_gcm::Aes256Gcm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Payload};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use domain::BidId;
use domain::limits::TOKEN_CHARS_MAX;
use domain::random::mix;
use hmac::{Hmac, Mac};
use prost::Message;
use sha2::Sha256;

use crate::event::{BidRef, EncodedRef, Rendering};

const BID_ID: std::ops::Range<usize> = 3..19;

/// How a token is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    XChaCha = 1,
    Aes = 2,
}

impl Version {
    /// Bytes before what is sealed.
    fn header_bytes(self) -> usize {
        match self {
            Self::XChaCha => 24,
            Self::Aes => 19,
        }
    }
}

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
    /// The markup that a win notice fetches; carries a [`Rendering`].
    Markup,
}

impl Purpose {
    const ALL: [Self; 5] = [
        Self::Notice,
        Self::Event,
        Self::Click,
        Self::Conversion,
        Self::Markup,
    ];

    /// Whether a token puts its user into segments, or leads to one that does.
    fn enters_segments(self) -> bool {
        matches!(self, Self::Click | Self::Conversion)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Notice => 1,
            Self::Event => 2,
            Self::Click => 3,
            Self::Conversion => 4,
            Self::Markup => 5,
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

/// A token, in buffers that the next one reuses.
#[derive(Debug, Clone, Default)]
pub struct Sealed {
    bytes: Vec<u8>,
    text: String,
}

impl Sealed {
    /// The token.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The keys of an installation: the newest seals, all open.
#[derive(Clone)]
pub struct TokenKeys {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: u8,
    xchacha: XChaCha20Poly1305,
    /// By purpose.
    aes: [Aes256Gcm; Purpose::ALL.len()],
}

impl TokenKeys {
    /// Takes `(key id, 32 random bytes)`, newest first; at least one.
    pub fn new(keys: impl IntoIterator<Item = (u8, [u8; 32])>) -> Option<Self> {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(id, key)| Key::new(id, key))
            .collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Seals `reference` for one purpose; `reference.bid_id` must be 16 bytes.
    pub fn seal(&self, reference: &BidRef, purpose: Purpose) -> String {
        let again = purpose == Purpose::Conversion;
        self.seal_reference(reference, (purpose, again))
    }

    /// The same, for a bid whose tokens may be sealed already with something else in them.
    pub fn seal_again(&self, reference: &BidRef, purpose: Purpose) -> String {
        self.seal_reference(reference, (purpose, true))
    }

    fn seal_reference(&self, reference: &BidRef, (purpose, again): (Purpose, bool)) -> String {
        let mut plain = BidRef {
            bid_id: Vec::new(),
            ..reference.clone()
        };
        if purpose != Purpose::Event {
            // Only impressions are counted for them; everywhere else they would only lengthen the address.
            (plain.device, plain.household) = (Vec::new(), Vec::new());
        }
        if !purpose.enters_segments() {
            plain.advertiser = 0;
        }
        let mut sealed = Sealed::default();
        self.seal_into(&mut sealed, (reference.id(), purpose, again), |out| {
            plain.encode(out).expect("a Vec takes every write");
        });
        sealed.text
    }

    /// Seals a bid's reference for one purpose into a buffer: the same token as by [`TokenKeys::seal`]. A landing page
    /// is for clicks, elsewhere it is empty.
    pub fn seal_bid(
        &self,
        into: &mut Sealed,
        (reference, landing): (&EncodedRef, &str),
        purpose: Purpose,
    ) {
        let again = purpose == Purpose::Conversion;
        self.seal_into(
            into,
            (reference.bid_id(), purpose, again),
            |out| match purpose {
                Purpose::Event => reference.write(out),
                _ => {
                    reference.write_alone(out, landing);
                    if purpose.enters_segments() {
                        reference.write_advertiser(out);
                    }
                }
            },
        );
    }

    /// Seals what the markup of a bid is written from: the fields of a [`Rendering`] as `write` appends them. Once for
    /// a bid.
    pub fn seal_rendering(&self, into: &mut Sealed, id: BidId, write: impl FnOnce(&mut Vec<u8>)) {
        self.seal_into(into, (id, Purpose::Markup, false), write);
    }

    fn seal_into(
        &self,
        into: &mut Sealed,
        (id, purpose, again): (BidId, Purpose, bool),
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let key = self.keys.first().expect("a key ring is never empty");
        let nonce = short_nonce(&id.0).filter(|_| !again);
        let version = nonce.map_or(Version::XChaCha, |_| Version::Aes);
        let bytes = &mut into.bytes;
        bytes.clear();
        bytes.extend_from_slice(&[version as u8, key.id, purpose.byte()]);
        bytes.extend_from_slice(&id.0);
        bytes.resize(version.header_bytes(), 0);
        write(bytes);
        let (header, message) = bytes.split_at_mut(version.header_bytes());
        if let Some(place) = header.get_mut(BID_ID.end..).filter(|p| !p.is_empty()) {
            place.copy_from_slice(&tweak(message));
        }
        let tag = key.seal(nonce, purpose, (header, message));
        bytes.extend_from_slice(&tag);
        into.text.clear();
        URL_SAFE_NO_PAD.encode_string(bytes, &mut into.text);
    }

    /// Opens a token that was sealed for `purpose`.
    ///
    /// # Errors
    /// One of `TokenError`; nothing of a refused token may be believed.
    pub fn open(&self, token: &str, purpose: Purpose) -> Result<BidRef, TokenError> {
        let (id, plain) = self.unseal(token, purpose)?;
        let mut reference = BidRef::decode(plain.as_slice()).map_err(|_| TokenError::Malformed)?;
        reference.bid_id = id.0.to_vec();
        Ok(reference)
    }

    /// Opens a token of `seal_rendering`: the bid and what its markup is written from.
    ///
    /// # Errors
    /// One of `TokenError`.
    pub fn open_rendering(&self, token: &str) -> Result<(BidId, Rendering), TokenError> {
        let (id, plain) = self.unseal(token, Purpose::Markup)?;
        let rendering = Rendering::decode(plain.as_slice()).map_err(|_| TokenError::Malformed)?;
        Ok((id, rendering))
    }

    fn unseal(&self, token: &str, purpose: Purpose) -> Result<(BidId, Vec<u8>), TokenError> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(TokenError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| TokenError::Malformed)?;
        let version = match bytes.first() {
            Some(1) => Version::XChaCha,
            Some(2) => Version::Aes,
            _ if bytes.len() < Version::Aes.header_bytes() => return Err(TokenError::Malformed),
            _ => return Err(TokenError::UnknownKey),
        };
        let Some((header, sealed)) = bytes.split_at_checked(version.header_bytes()) else {
            return Err(TokenError::Malformed);
        };
        let key = self.keys.iter().find(|key| header.get(1) == Some(&key.id));
        let key = key.ok_or(TokenError::UnknownKey)?;
        if header.get(2) != Some(&purpose.byte()) {
            return Err(TokenError::Forged);
        }
        let plain = key.open(version, purpose, (header, sealed))?;
        let id = header.get(BID_ID).and_then(|id| id.try_into().ok());
        Ok((BidId(id.ok_or(TokenError::Malformed)?), plain))
    }
}

impl Key {
    fn new(id: u8, key: [u8; 32]) -> Self {
        let derived = Purpose::ALL.map(|purpose| derive(&key, purpose));
        Self {
            id,
            xchacha: XChaCha20Poly1305::new(&key.into()),
            aes: derived.map(|key| Aes256Gcm::new(&key.into())),
        }
    }

    fn aes(&self, purpose: Purpose) -> &Aes256Gcm {
        let [notice, event, click, conversion, markup] = &self.aes;
        match purpose {
            Purpose::Notice => notice,
            Purpose::Event => event,
            Purpose::Click => click,
            Purpose::Conversion => conversion,
            Purpose::Markup => markup,
        }
    }

    /// Encrypts a message in place, with AES where there is a nonce for it; gives the tag.
    fn seal(
        &self,
        nonce: Option<[u8; 12]>,
        purpose: Purpose,
        (header, message): (&[u8], &mut [u8]),
    ) -> Tag {
        let sealed = match nonce {
            Some(nonce) => {
                let aes = self.aes(purpose);
                aes.encrypt_inout_detached(&nonce.into(), header, message.into())
            }
            None => {
                let nonce = long_nonce(header);
                self.xchacha
                    .encrypt_inout_detached(&nonce, header, message.into())
            }
        };
        sealed.expect("both ciphers seal any short message")
    }

    fn open(
        &self,
        version: Version,
        purpose: Purpose,
        (aad, msg): (&[u8], &[u8]),
    ) -> Result<Vec<u8>, TokenError> {
        let payload = Payload { msg, aad };
        let plain = match version {
            Version::XChaCha => self.xchacha.decrypt(&long_nonce(aad), payload),
            Version::Aes => {
                let nonce = aad.get(BID_ID).and_then(short_nonce);
                let nonce = nonce.ok_or(TokenError::Forged)?;
                self.aes(purpose).decrypt(&nonce.into(), payload)
            }
        };
        plain.map_err(|_| TokenError::Forged)
    }
}

/// A purpose's own key: HMAC-SHA-256 of its name under the ring's.
fn derive(key: &[u8; 32], purpose: Purpose) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"paceline token 2 ");
    mac.update(&[purpose.byte()]);
    mac.finalize().into_bytes().into()
}

fn long_nonce(header: &[u8]) -> XNonce {
    let header: [u8; 24] = header
        .try_into()
        .expect("version 1 has a header of 24 bytes");
    header.into()
}

/// Prefix and counter of an id of `BidIds`; none for other ids, of which two could share it.
fn short_nonce(id: &[u8]) -> Option<[u8; 12]> {
    let (prefix, counter) = id.split_first_chunk::<8>()?;
    let low = counter.strip_prefix(&[0; 4])?;
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(low);
    Some(nonce)
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

    /// Sealed with AES, since its id is one of `BidIds`.
    fn reference() -> BidRef {
        BidRef {
            bid_id: domain::ids::BidIds::new(0x1234_5678).next_id().0.to_vec(),
            campaign: 12,
            line_item: 34,
            creative: 56,
            exchange: "generic".into(),
            price_cpm_micros: 2_500_000,
            ..BidRef::default()
        }
    }

    /// Sealed with XChaCha.
    fn older() -> BidRef {
        BidRef {
            bid_id: (0..16).collect(),
            ..reference()
        }
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
        assert!(token.len() <= short.len() + 51, "{}", token.len());
        for purpose in [Purpose::Notice, Purpose::Click, Purpose::Conversion] {
            let token = keys.seal(&long, purpose);
            assert_eq!(token, keys.seal(&reference(), purpose));
            assert_eq!(keys.open(&token, purpose), Ok(reference()));
        }
    }

    #[test]
    fn tokens_open_for_their_purpose_only() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        for (reference, version) in [(reference(), 2), (older(), 1)] {
            let token = keys.seal(&reference, Purpose::Event);
            assert_eq!(URL_SAFE_NO_PAD.decode(&token).unwrap()[0], version);
            assert_eq!(keys.open(&token, Purpose::Event), Ok(reference.clone()));
            assert_eq!(keys.open(&token, Purpose::Notice), Err(TokenError::Forged));
            let other = TokenKeys::new([(2, [7; 32])]).unwrap();
            assert_eq!(
                other.open(&token, Purpose::Event),
                Err(TokenError::UnknownKey)
            );
            let rotated = TokenKeys::new([(2, [8; 32]), (1, [7; 32])]).unwrap();
            assert_eq!(rotated.open(&token, Purpose::Event), Ok(reference));
        }
    }

    /// A browser that rewrites the purpose of its token does not get one for the exchange's notices.
    #[test]
    fn a_purpose_cannot_be_rewritten() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        for reference in [reference(), older()] {
            let token = keys.seal(&reference, Purpose::Event);
            let mut bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
            bytes[2] = Purpose::Notice.byte();
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(keys.open(&forged, Purpose::Notice), Err(TokenError::Forged));
        }
    }

    /// What a token of an earlier release looked like, byte by byte.
    #[test]
    fn tokens_of_version_1_still_open() {
        let token =
            "AQEBAAECAwQFBgcICQoLDA0OD3LqyiGxVKBMYHAU8Cos-XMy4hmQslgkfh5xqn8DYxduNaqYeIYk4MXR";
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        assert_eq!(keys.seal(&older(), Purpose::Notice), token);
        assert_eq!(keys.open(token, Purpose::Notice), Ok(older()));
    }

    #[test]
    fn conversions_are_sealed_alike_at_each_click() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        let token = keys.seal(&reference(), Purpose::Conversion);
        assert_eq!(token, keys.seal(&reference(), Purpose::Conversion));
        assert_eq!(URL_SAFE_NO_PAD.decode(&token).unwrap()[0], 1);
        assert_eq!(keys.open(&token, Purpose::Conversion), Ok(reference()));
    }

    #[test]
    fn no_changed_byte_and_no_cut_opens() {
        let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
        for reference in [reference(), older()] {
            let token = keys.seal(&reference, Purpose::Notice);
            let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            for i in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[i] ^= 1;
                let changed = URL_SAFE_NO_PAD.encode(&changed);
                assert!(keys.open(&changed, Purpose::Notice).is_err(), "{i}");
                let cut = URL_SAFE_NO_PAD.encode(&bytes[..i]);
                assert!(keys.open(&cut, Purpose::Notice).is_err(), "{i}");
            }
        }
        assert_eq!(
            keys.open(&"A".repeat(5000), Purpose::Notice),
            Err(TokenError::Malformed)
        );
    }
}
