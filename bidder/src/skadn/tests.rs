//! Which version is signed, and that signatures are of Apple's texts.

use domain::creative::{BannerMarkup, CreativeFormat};
use domain::{AdvertiserId, CreativeId, Status};
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use proto::openrtb::{Arena, parse};

use super::*;

const NOW: Timestamp = Timestamp(1_795_392_000_123);

fn secret() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

fn network(entry: Option<u32>) -> AdNetwork {
    let pem = secret().to_pkcs8_pem(LineEnding::LF).unwrap();
    AdNetwork::new("Ours.skadnetwork", entry, &pem).unwrap()
}

fn creative(app_store: Option<AppStore>) -> Creative {
    let markup = BannerMarkup::Image {
        url: "https://cdn.shop.example/ad.png".into(),
    };
    Creative {
        id: CreativeId(1),
        advertiser: AdvertiserId(1),
        name: "ad".into(),
        status: Status::Active,
        format: CreativeFormat::Banner {
            width: 300,
            height: 250,
            markup,
        },
        click_url: "https://shop.example/".into(),
        adomain: "shop.example".into(),
        categories: Vec::new(),
        attributes: Vec::new(),
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Default::default(),
        approvals: Default::default(),
        language: None,
        frequency_caps: Vec::new(),
        app_store,
    }
}

fn app(campaign: Option<u32>, source_identifier: Option<u32>) -> Option<AppStore> {
    Some(AppStore {
        item: 525_463_029,
        campaign,
        source_identifier,
    })
}

/// The answer to a slot with this `ext.skadn`.
fn answer(
    offer: &str,
    network: &AdNetwork,
    app: Option<AppStore>,
    seed: u64,
) -> Option<SkadnAnswer> {
    let body = format!(r#"{{"id":"r","imp":[{{"id":"1","ext":{{"skadn":{offer}}}}}]}}"#);
    let (mut body, mut arena) = (body.into_bytes(), Arena::new());
    let request = parse(&mut body, &mut arena).unwrap();
    let mut rng = SplitMix64::new(seed);
    network.answer(&request.imps[0], &creative(app), (&mut rng, NOW))
}

#[test]
fn the_newest_version_of_both_sides_and_the_numbers_is_signed() {
    let both = app(Some(42), Some(4321));
    let cases = [
        (r#"["2.0","2.1","2.2","3.0","4.0"]"#, both, Some("4.0")),
        (r#"["4.0","2.2"]"#, app(Some(42), None), Some("2.2")),
        (r#"["4.0","2.2"]"#, app(None, Some(4321)), Some("4.0")),
        (r#"["2.1","2.0"]"#, both, Some("2.1")),
        (r#""3.0""#, both, Some("3.0")),
        (r#"["1.0","5.0"]"#, both, None),
        (r#"["3.0"]"#, app(None, Some(4321)), None),
        (r#"["4.0"]"#, None, None),
        ("[]", both, None),
    ];
    for (versions, app, expected) in cases {
        let offer = format!(
            r#"{{"versions":{versions},"sourceapp":"880047117","skadnetids":["ours.skadnetwork"]}}"#
        );
        let got = answer(&offer, &network(None), app, 1);
        assert_eq!(got.map(|got| got.version), expected, "{versions}");
    }
}

#[test]
fn only_networks_that_the_app_lists_answer() {
    let cases = [
        (r#""skadnetids":["x.skadnetwork","OURS.skadnetwork"]"#, true),
        (r#""skadnetids":["x.skadnetwork"]"#, false),
        (r#""skadnetids":null"#, false),
        (r#""skadnetlist":{"addl":["ours.skadnetwork"]}"#, true),
        (r#""skadnetlist":{"max":306}"#, true),
        (r#""skadnetlist":{"max":"300"}"#, true),
        (r#""skadnetlist":{"max":299}"#, false),
        (r#""skadnetlist":{"max":306,"excl":[2,300]}"#, false),
        (r#""skadnetlist":{"excl":[2]}"#, false),
        (r#""skadnetlist":"odd""#, false),
    ];
    for (networks, expected) in cases {
        let offer = format!(r#"{{"version":"4.0","sourceapp":880047117,{networks}}}"#);
        let got = answer(&offer, &network(Some(300)), app(None, Some(4321)), 1);
        assert_eq!(got.is_some(), expected, "{networks}");
    }
    let odd = [
        r#"{"version":"4.0","skadnetids":["ours.skadnetwork"]}"#,
        r#"{"version":"4.0","sourceapp":"com.x","skadnetids":["ours.skadnetwork"]}"#,
        r#"{"version":"4.0","sourceapp":"123456789012345678901","skadnetids":["ours.skadnetwork"]}"#,
        "null",
        "[]",
        "7",
    ];
    for offer in odd {
        let got = answer(offer, &network(Some(300)), app(None, Some(4321)), 1);
        assert_eq!(got, None, "{offer}");
    }
}

#[test]
fn signatures_are_of_the_text_that_apple_documents() {
    let cases = [
        ("2.0", "42", &[None][..]),
        ("2.1", "42", &[None]),
        ("2.2", "42", &[Some(0), Some(1)]),
        ("3.0", "42", &[Some(0), Some(1)]),
        ("4.0", "4321", &[Some(0), Some(1)]),
    ];
    let public = *SigningKey::from(secret()).verifying_key();
    let mut nonces = std::collections::BTreeSet::new();
    for (seed, (version, number, fidelities)) in (1..).zip(cases) {
        let offer = format!(
            r#"{{"version":"{version}","sourceapp":"880047117","skadnetids":["ours.skadnetwork"]}}"#
        );
        let got = answer(&offer, &network(None), app(Some(42), Some(4321)), seed).unwrap();
        let signed: Vec<_> = got.signatures.iter().map(|one| one.fidelity).collect();
        assert_eq!(signed, fidelities, "{version}");
        for one in &got.signatures {
            let nonce = &one.nonce;
            let kind = one.fidelity.map(|kind| format!("{kind}\u{2063}"));
            let kind = kind.unwrap_or_default();
            let text = format!(
                "{version}\u{2063}ours.skadnetwork\u{2063}{number}\u{2063}525463029\u{2063}{nonce}\u{2063}880047117\u{2063}{kind}1795392000123"
            );
            let der = STANDARD.decode(&one.signature).unwrap();
            let signature = Signature::from_der(&der).unwrap();
            assert!(public.verify(text.as_bytes(), &signature).is_ok(), "{text}");
            assert!(public.verify(&text.as_bytes()[1..], &signature).is_err());
            assert!(nonces.insert(nonce.clone()), "{nonce} twice");
            let parts: Vec<_> = nonce.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{nonce}");
            assert_eq!(nonce.to_lowercase(), *nonce);
        }
    }
}

#[test]
fn keys_and_ids_that_cannot_be_used_are_refused() {
    let pem = secret().to_pkcs8_pem(LineEnding::LF).unwrap();
    let sec1 = secret().to_sec1_pem(LineEnding::LF).unwrap();
    assert!(AdNetwork::new("ours.skadnetwork", None, &sec1).is_ok());
    let long = "x".repeat(101);
    for id in ["", "a b", "a\u{2063}b", &long] {
        assert_eq!(AdNetwork::new(id, None, &pem), Err(AdNetworkError::Id));
    }
    let public = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
    for pem in ["", "none", public] {
        let got = AdNetwork::new("ours.skadnetwork", None, pem);
        assert_eq!(got, Err(AdNetworkError::Key));
    }
    let shown = format!("{:?}", network(None));
    assert!(
        !shown.contains("0707") && !shown.contains("7, 7"),
        "{shown}"
    );
}
