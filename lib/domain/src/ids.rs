//! Identifiers, each its own type so that none can be passed for another.

use std::fmt;
use std::sync::Arc;

use crate::random::mix;

macro_rules! numeric_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )+};
}

numeric_id! {
    /// An advertiser, the owner of campaigns.
    AdvertiserId,
    /// A campaign, the owner of a budget and a flight.
    CampaignId,
    /// A line item: what is targeted and how much it bids.
    LineItemId,
    /// A creative: what is shown.
    CreativeId,
}

macro_rules! opaque_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Takes 16 bytes; `None` when the slice has another length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads 32 hexadecimal digits as printed by `Display`.
            pub fn from_hex(text: &str) -> Option<Self> {
                parse_hex(text.as_bytes()).map(Self)
            }

            /// Characters of an id in hexadecimal digits.
            pub const HEX_CHARS: usize = 32;

            /// Writes the digits that `Display` prints into a buffer.
            pub fn write_hex<'a>(&self, into: &'a mut [u8; Self::HEX_CHARS]) -> &'a str {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                for (pair, byte) in into.chunks_exact_mut(2).zip(self.0) {
                    pair.copy_from_slice(&[
                        DIGITS[usize::from(byte >> 4)],
                        DIGITS[usize::from(byte & 15)],
                    ]);
                }
                std::str::from_utf8(into).expect("digits are ASCII")
            }

            /// Whether every byte is zero, which no real id is.
            pub fn is_nil(&self) -> bool {
                self.0 == [0; 16]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.write_hex(&mut [0; Self::HEX_CHARS]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )+};
}

opaque_id! {
    /// One bid that was made; unique over all bidder processes.
    BidId,
    /// One event; a repeat of the same happening carries the same id.
    EventId,
    /// A pseudonymous user: a keyed hash, never a raw identifier.
    UserKey,
}

fn parse_hex(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 32 {
        return None;
    }
    let mut bytes = [0_u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let high = (*pair.first()? as char).to_digit(16)?;
        let low = (*pair.last()? as char).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// Hands out bid ids: a random prefix drawn once per core and process, then a counter.
///
/// Bid ids are AEAD nonces too, so they must never repeat under one key. The counter stays within 32 bits, so that
/// prefix and counter fit the 12 bytes that a nonce usually has; then another prefix follows.
#[derive(Debug, Clone)]
pub struct BidIds {
    prefix: u64,
    next: u64,
}

impl BidIds {
    /// `prefix` comes from the operating system's randomness, or from the seed in a simulation.
    pub fn new(prefix: u64) -> Self {
        Self { prefix, next: 0 }
    }

    /// The next id, never given out before by this generator.
    pub fn next_id(&mut self) -> BidId {
        if self.next >= u64::from(u32::MAX) {
            *self = Self::new(mix(self.prefix));
        }
        self.next += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.prefix.to_be_bytes());
        bytes[8..].copy_from_slice(&self.next.to_be_bytes());
        BidId(bytes)
    }
}

/// The configured name of an ad exchange, as in `/bid/{exchange}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchange(Arc<str>);

impl Exchange {
    /// Wraps a name; cloning it later is one atomic increment.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses_other_shapes() {
        let id = BidIds::new(0xdead_beef).next_id();
        assert_eq!(BidId::from_hex(&id.to_string()), Some(id));
        for bad in ["", "zz", "0123", &"g".repeat(32), &"0".repeat(31)] {
            assert_eq!(BidId::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn bid_ids_do_not_repeat() {
        let mut ids = BidIds::new(7);
        let first: Vec<_> = (0..1000).map(|_| ids.next_id()).collect();
        let mut unique = first.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), first.len());
    }

    #[test]
    fn the_counter_stays_within_32_bits() {
        let mut ids = BidIds {
            prefix: 7,
            next: u64::from(u32::MAX) - 1,
        };
        let (last, first) = (ids.next_id(), ids.next_id());
        assert_eq!(last.0[8..], [0, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!(first.0[8..], [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_ne!(last.0[..8], first.0[..8]);
    }
}
