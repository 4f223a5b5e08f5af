//! User ids as this installation knows them: keyed hashes, never the ids themselves.

use domain::UserKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Turns raw ids into pseudonyms with the installation's secret.
#[derive(Clone)]
pub struct Pseudonyms {
    keyed: Hmac<Sha256>,
}

/// Where an id comes from; ids of different kinds never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdSource<'a> {
    /// `user.buyeruid`: our own id, told back.
    Buyer,
    /// `device.ifa`.
    Device,
    /// `user.eids` with its source.
    Extended(&'a str),
    /// A device that caps count for: by `device.ifa` (empty) or `user.eids` with its source.
    CapDevice(&'a str),
    /// A household: `user.eids` with its source.
    Household(&'a str),
}

impl Pseudonyms {
    /// Takes the secret: 32 random bytes, the same in every process of the installation.
    pub fn new(secret: &[u8; 32]) -> Self {
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    /// The pseudonym: HMAC-SHA256 of source and id, cut to 16 bytes.
    pub fn of(&self, source: IdSource<'_>, id: &str) -> UserKey {
        let mut mac = self.begin(source);
        mac.update(id.as_bytes());
        finish(mac)
    }

    /// The pseudonym of an id in lower case: devices' ids are sent in either.
    pub fn of_lower(&self, source: IdSource<'_>, id: &str) -> UserKey {
        let mut mac = self.begin(source);
        for part in id.as_bytes().chunks(64) {
            let mut lower = [0; 64];
            let lower = lower.get_mut(..part.len()).unwrap_or_default();
            lower.copy_from_slice(part);
            lower.make_ascii_lowercase();
            mac.update(lower);
        }
        finish(mac)
    }

    fn begin(&self, source: IdSource<'_>) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        match source {
            IdSource::Buyer => mac.update(b"buyer\0"),
            IdSource::Device => mac.update(b"device\0"),
            IdSource::Extended(source) => kind(&mut mac, b"eid\0", source),
            IdSource::CapDevice(source) => kind(&mut mac, b"cap-device\0", source),
            IdSource::Household(source) => kind(&mut mac, b"household\0", source),
        }
        mac
    }
}

fn finish(mac: Hmac<Sha256>) -> UserKey {
    let digest = mac.finalize().into_bytes();
    UserKey::from_slice(digest.get(..16).unwrap_or_default()).expect("SHA-256 has 32 bytes")
}

fn kind(mac: &mut Hmac<Sha256>, kind: &[u8], source: &str) {
    mac.update(kind);
    mac.update(source.as_bytes());
    mac.update(b"\0");
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(secret)")
    }
}

/// Whether an id names anybody: limited tracking sends zeros, careless macros stay unexpanded.
pub fn names_somebody(id: &str) -> bool {
    let id = id.trim();
    !id.is_empty()
        && !id.contains("${")
        && !id.contains("{{")
        && !id.bytes().all(|byte| byte == b'0' || byte == b'-')
        && id.len() <= domain::limits::FIELD_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_depend_on_secret_source_and_id() {
        let one = Pseudonyms::new(&[1; 32]);
        let key = one.of(IdSource::Buyer, "u");
        assert_eq!(key, one.of(IdSource::Buyer, "u"));
        let others = [
            one.of(IdSource::Buyer, "v"),
            one.of(IdSource::Device, "u"),
            one.of(IdSource::Extended("a"), "u"),
            one.of(IdSource::CapDevice(""), "u"),
            one.of(IdSource::CapDevice("a"), "u"),
            one.of(IdSource::Household("a"), "u"),
            Pseudonyms::new(&[2; 32]).of(IdSource::Buyer, "u"),
        ];
        assert!(others.iter().all(|other| *other != key));
        for upper in ["", "ABC-Z", &"Xy0".repeat(50)] {
            let lower = one.of(IdSource::Device, &upper.to_ascii_lowercase());
            assert_eq!(one.of_lower(IdSource::Device, upper), lower);
        }
    }

    #[test]
    fn blank_ids_name_nobody() {
        for id in [
            "",
            " ",
            "00000000-0000-0000-0000-000000000000",
            "${UID}",
            &"x".repeat(999),
        ] {
            assert!(!names_somebody(id), "{id}");
        }
        assert!(names_somebody("u-1"));
    }
}
