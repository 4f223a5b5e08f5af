//! Signs bids for apps, so that Apple's store credits their installs (SKAdNetwork 2.0 to 4.0).
//!
//! The signed text is Apple's: "Combining parameters to generate a signature" for each version. Its parts are joined
//! by U+2063, the signature is ECDSA over P-256 with SHA-256, in DER, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::creative::AppStore;
use domain::random::SplitMix64;
use domain::{Creative, Timestamp};
use p256::SecretKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use proto::openrtb::{Imp, SkadnAnswer, SkadnCampaign, SkadnOffer, SkadnSignature};

/// What Apple puts between the parts of a signed text: the invisible separator.
const SEPARATOR: &str = "\u{2063}";
/// Most digits of an app's number in the store; today's have ten.
const APP_DIGITS_MAX: usize = 20;
/// Longest id of an ad network, in characters; Apple's have under 30.
const NETWORK_CHARS_MAX: usize = 100;

/// Versions that we sign, the best first.
const VERSIONS: [Version; 5] = [
    Version::new("4.0", true, &[Some(0), Some(1)]),
    Version::new("3.0", false, &[Some(0), Some(1)]),
    Version::new("2.2", false, &[Some(0), Some(1)]),
    Version::new("2.1", false, &[None]),
    Version::new("2.0", false, &[None]),
];

/// A version: whether a source identifier takes the campaign's place, and which fidelities are signed.
#[derive(Debug, Clone, Copy)]
struct Version {
    name: &'static str,
    by_source: bool,
    fidelities: &'static [Option<u32>],
}

impl Version {
    const fn new(name: &'static str, by_source: bool, fidelities: &'static [Option<u32>]) -> Self {
        Self {
            name,
            by_source,
            fidelities,
        }
    }

    /// The app's number of this version's kind.
    fn campaign(&self, app: &AppStore) -> Option<SkadnCampaign> {
        if self.by_source {
            app.source_identifier.map(SkadnCampaign::Source)
        } else {
            app.campaign.map(SkadnCampaign::Campaign)
        }
    }
}

/// Why an ad network cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdNetworkError {
    /// The id is empty or odd.
    #[error("must be the id that Apple gave, such as example123.skadnetwork")]
    Id,
    /// The key is none.
    #[error("must hold an unencrypted private key of the curve P-256 in PEM, PKCS#8 or SEC 1")]
    Key,
}

/// Our ad network, as registered with Apple.
#[derive(Debug, Clone, PartialEq)]
pub struct AdNetwork {
    id: String,
    entry: Option<u32>,
    key: SigningKey,
}

impl AdNetwork {
    /// With the id that Apple gave, the place in IAB's list of ad networks, if there is one, and the private key.
    ///
    /// # Errors
    /// An id that cannot be one, or a key that is not of P-256.
    pub fn new(id: &str, entry: Option<u32>, pem: &str) -> Result<Self, AdNetworkError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if !(1..=NETWORK_CHARS_MAX).contains(&id.len()) || !id.bytes().all(allowed) {
            return Err(AdNetworkError::Id);
        }
        let key = SecretKey::from_pkcs8_pem(pem);
        let key = key.or_else(|_| SecretKey::from_sec1_pem(pem));
        let key = key.map_err(|_| AdNetworkError::Key)?;
        Ok(Self {
            id: id.to_ascii_lowercase(),
            entry,
            key: SigningKey::from(key),
        })
    }

    /// The answer to a slot's offer: the newest version that both sides and the creative's numbers allow, signed.
    /// `None` where no app is advertised, ours is not among the networks, or no version fits.
    pub fn answer(
        &self,
        imp: &Imp<'_>,
        creative: &Creative,
        (rng, now): (&mut SplitMix64, Timestamp),
    ) -> Option<SkadnAnswer> {
        let (offer, app) = (imp.skadn?, creative.app_store.as_ref()?);
        let sourceapp = offer.sourceapp.filter(|app| is_app(app))?;
        if !offer.lists(&self.id, self.entry) {
            return None;
        }
        let (version, campaign) = best(offer, app)?;
        let mut answer = SkadnAnswer {
            version: version.name,
            network: self.id.clone(),
            campaign,
            itunesitem: app.item,
            sourceapp: sourceapp.to_owned(),
            signatures: Vec::with_capacity(version.fidelities.len()),
        };
        for fidelity in version.fidelities {
            let one = self.sign(&answer, *fidelity, (nonce(rng), now.0));
            answer.signatures.push(one);
        }
        Some(answer)
    }

    fn sign(
        &self,
        answer: &SkadnAnswer,
        fidelity: Option<u32>,
        (nonce, timestamp_ms): (String, i64),
    ) -> SkadnSignature {
        let text = signed_text(answer, fidelity, (&nonce, timestamp_ms));
        let signature: Signature = self.key.sign(text.as_bytes());
        SkadnSignature {
            fidelity,
            signature: STANDARD.encode(signature.to_der()),
            nonce,
            timestamp_ms,
        }
    }
}

fn best(offer: &SkadnOffer<'_>, app: &AppStore) -> Option<(Version, SkadnCampaign)> {
    let common = VERSIONS.iter();
    let mut common = common.filter(|own| offer.versions.contains(&own.name));
    common.find_map(|own| Some((*own, own.campaign(app)?)))
}

/// The parts in Apple's order.
fn signed_text(
    answer: &SkadnAnswer,
    fidelity: Option<u32>,
    (nonce, timestamp_ms): (&str, i64),
) -> String {
    let mut text = [
        answer.version,
        &answer.network,
        &answer.campaign.number().to_string(),
        &answer.itunesitem.to_string(),
        nonce,
        &answer.sourceapp,
    ]
    .join(SEPARATOR);
    for part in fidelity.map(i64::from).into_iter().chain([timestamp_ms]) {
        text.push_str(SEPARATOR);
        text.push_str(&part.to_string());
    }
    text
}

/// A UUID of version 4, in lower case.
fn nonce(rng: &mut SplitMix64) -> String {
    let (high, low) = (rng.next_u64(), rng.next_u64());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

fn is_app(number: &str) -> bool {
    (1..=APP_DIGITS_MAX).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
