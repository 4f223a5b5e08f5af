//! What is read of requests in their many spellings.

use super::*;

fn facts(json: &str, check: impl FnOnce(&RequestFacts<'_>)) {
    let mut body = json.as_bytes().to_vec();
    let mut arena = proto::openrtb::Arena::new();
    let request = proto::openrtb::parse(&mut body, &mut arena).unwrap();
    let mut texts = Texts::default();
    texts.fill(&request, None);
    let pseudonyms = Pseudonyms::new(&[7; 32]);
    let reader = Reader {
        pseudonyms: &pseudonyms,
        eid_sources: &[],
        vendor: None,
        household_sources: &[],
    };
    check(&read(&request, (&texts, Vec::new()), reader, Timestamp(0)));
}

fn with(rest: &str) -> String {
    format!(r#"{{"id":"1","imp":[{{"id":"1"}}],{rest}}}"#)
}

#[test]
fn places_are_normalised() {
    facts(
        &with(r#""site":{"domain":"WWW.News.Example.com"}"#),
        |facts| {
            let parents: Vec<_> = with_parents(facts.domain).collect();
            assert_eq!(parents, ["news.example.com", "example.com", "com"]);
            assert_eq!(
                (facts.site, facts.inventory),
                ("news.example.com", Some(Inventory::Site))
            );
        },
    );
    facts(
        &with(r#""site":{"page":"https://a.org:8443/x?y"}"#),
        |facts| {
            assert_eq!(facts.site, "a.org");
        },
    );
    facts(
        &with(r#""app":{"bundle":"com.Game","domain":"game.io"}"#),
        |facts| {
            assert_eq!((facts.domain, facts.bundle), ("game.io", "com.Game"));
            assert_eq!(
                (facts.site, facts.inventory),
                ("com.Game", Some(Inventory::App))
            );
        },
    );
    facts(
        &with(r#""device":{"geo":{"country":"usa","region":"US-ca"}}"#),
        |facts| {
            assert_eq!((facts.country, facts.region), ("USA", "USA-CA"));
        },
    );
}

#[test]
fn devices_and_systems_come_from_the_best_source() {
    let cases = [
        (
            r#"{"devicetype":4,"os":"iOS"}"#,
            Some(DeviceKind::Phone),
            Some(Os::Ios),
        ),
        (
            r#"{"devicetype":3,"os":"tvOS"}"#,
            Some(DeviceKind::Tv),
            Some(Os::TvOs),
        ),
        (
            r#"{"ua":"Mozilla/5.0 (Windows NT 10.0; Win64)"}"#,
            Some(DeviceKind::Desktop),
            Some(Os::Windows),
        ),
        (
            r#"{"ua":"x","sua":{"platform":{"brand":"Android"},"mobile":1}}"#,
            Some(DeviceKind::Phone),
            Some(Os::Android),
        ),
        (
            r#"{"devicetype":1,"ua":"Mozilla/5.0 (iPad; CPU OS 12_0)"}"#,
            Some(DeviceKind::Tablet),
            Some(Os::Ios),
        ),
        (r#"{}"#, None, None),
    ];
    for (device, kind, os) in cases {
        facts(&with(&format!(r#""device":{device}"#)), |facts| {
            assert_eq!((facts.device, facts.os), (kind, os), "{device}");
        });
    }
}

#[test]
fn users_are_resolved_in_order_and_only_if_allowed() {
    let key = |user: &str| {
        let mut found = None;
        facts(&with(user), |facts| found = facts.user);
        found
    };
    let both = key(r#""user":{"buyeruid":"b"},"device":{"ifa":"AB-1"}"#);
    assert_eq!(both, key(r#""user":{"buyeruid":"b"}"#));
    assert_eq!(
        key(r#""device":{"ifa":"AB-1"}"#),
        key(r#""device":{"ifa":"ab-1"}"#)
    );
    assert!(key(r#""user":{"eids":[{"source":"s","uids":[{"id":"e"}]}]}"#).is_some());
    let refused = [
        r#""user":{"buyeruid":"b"},"regs":{"gdpr":1}"#,
        r#""user":{"buyeruid":"b"},"regs":{"ext":{"us_privacy":"1YYN"}}"#,
        r#""user":{"buyeruid":"b"},"regs":{"gpp":"DBABLA~x","gpp_sid":[7]}"#,
        r#""user":{"buyeruid":"b"},"device":{"lmt":1}"#,
        r#""device":{"ifa":"00000000-0000-0000-0000-000000000000"}"#,
        r#""user":{"id":"theirs"}"#,
    ];
    for user in refused {
        assert_eq!(key(user), None, "{user}");
    }
}
