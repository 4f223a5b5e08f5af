//! Whether a request's user data may be used: a thin verdict that errs on the side of privacy.

use domain::UserKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signals of one request, from wherever it carries them; of two that disagree the stricter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signals<'a> {
    /// `regs.coppa`.
    pub coppa: bool,
    /// `regs.gdpr` or `regs.ext.gdpr`.
    pub gdpr: bool,
    /// The US privacy string.
    pub us_privacy: &'a str,
    /// Whether a section of the GPP string applies. None of them is decoded, so each refuses.
    pub gpp_applies: bool,
    /// `device.lmt` or `device.dnt`.
    pub limited: bool,
}

/// What was decided, as it goes into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whether ids, segments and profile may be used and stored.
    pub user_allowed: bool,
    /// The request is for children.
    pub coppa: bool,
    /// The GDPR applies.
    pub gdpr: bool,
    /// The user opted out: US privacy, GPP, limited tracking.
    pub opted_out: bool,
}

/// Decides. A GDPR request counts as one without consent, since consent strings are not decoded.
pub fn decide(signals: &Signals<'_>) -> Verdict {
    let opted_out = sale_opted_out(signals.us_privacy) || signals.gpp_applies || signals.limited;
    Verdict {
        user_allowed: !(signals.coppa || signals.gdpr || opted_out),
        coppa: signals.coppa,
        gdpr: signals.gdpr,
        opted_out,
    }
}

/// `1YYN`: the third character is the opt-out of sale. A string of another shape cannot be trusted to allow.
fn sale_opted_out(text: &str) -> bool {
    match text.as_bytes() {
        [] => false,
        [b'1', _, sale, _] => !matches!(sale, b'N' | b'n' | b'-'),
        _ => true,
    }
}

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
}

impl Pseudonyms {
    /// Takes the secret: 32 random bytes, the same in every process of the installation.
    pub fn new(secret: &[u8; 32]) -> Self {
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    /// The pseudonym: HMAC-SHA256 of source and id, cut to 16 bytes.
    pub fn of(&self, source: IdSource<'_>, id: &str) -> UserKey {
        let mut mac = self.keyed.clone();
        match source {
            IdSource::Buyer => mac.update(b"buyer\0"),
            IdSource::Device => mac.update(b"device\0"),
            IdSource::Extended(source) => {
                mac.update(b"eid\0");
                mac.update(source.as_bytes());
                mac.update(b"\0");
            }
        }
        mac.update(id.as_bytes());
        let digest = mac.finalize().into_bytes();
        UserKey::from_slice(digest.get(..16).unwrap_or_default()).expect("SHA-256 has 32 bytes")
    }
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
    fn any_doubt_forbids_the_use_of_user_data() {
        let open = Signals::default();
        assert!(decide(&open).user_allowed);
        assert!(
            decide(&Signals {
                us_privacy: "1YNN",
                ..open
            })
            .user_allowed
        );
        assert!(
            decide(&Signals {
                us_privacy: "1---",
                ..open
            })
            .user_allowed
        );
        let refused = [
            Signals {
                coppa: true,
                ..open
            },
            Signals { gdpr: true, ..open },
            Signals {
                limited: true,
                ..open
            },
            Signals {
                gpp_applies: true,
                ..open
            },
            Signals {
                us_privacy: "1YYN",
                ..open
            },
            Signals {
                us_privacy: "1Y?N",
                ..open
            },
            Signals {
                us_privacy: "garbage",
                ..open
            },
        ];
        for signals in refused {
            assert!(!decide(&signals).user_allowed, "{signals:?}");
        }
    }

    #[test]
    fn pseudonyms_depend_on_secret_source_and_id() {
        let one = Pseudonyms::new(&[1; 32]);
        let key = one.of(IdSource::Buyer, "u");
        assert_eq!(key, one.of(IdSource::Buyer, "u"));
        let others = [
            one.of(IdSource::Buyer, "v"),
            one.of(IdSource::Device, "u"),
            one.of(IdSource::Extended("a"), "u"),
            Pseudonyms::new(&[2; 32]).of(IdSource::Buyer, "u"),
        ];
        assert!(others.iter().all(|other| *other != key));
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
