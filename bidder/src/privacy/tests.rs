//! What every signal does to the verdict, alone and against another.

use super::*;

/// Strings about the vendor 42.
const VENDOR: Option<u16> = Some(42);
/// Every purpose and precise location.
const ALL: &str = "CQfAJEAQfAJEAAfABBENCWFoAP_gAAAAAAYgAWQAYAUABYAAAAA.IAZAAAAAAAQE";
/// Purpose 1 alone.
const STORE: &str = "CQfAJEAQfAJEAAfABBENCWFgAIAAAAAAAAYgAVQAQAVAAAAA.IAZAAAAAAAQE";
/// Purposes 1, 2 and 7.
const MEASURE: &str = "CQfAJEAQfAJEAAfABBENCWFgAMIAAAAAAAYgAVQAQAVAAAAA.IAZAAAAAAAQE";
/// Purposes 2, 3, 4 and 7, not 1.
const NO_STORE: &str = "CQfAJEAQfAJEAAfABBENCWFgAHIAAAAAAAYgAVQAQAVAAAAA.IAZAAAAAAAQE";
/// Every purpose, for other vendors.
const OTHERS: &str = "CQfAJEAQfAJEAAfABBENCWFgAP_gAAAAAAYgAeQAoAAgBTACsAPAAAAAA.IAZAAAAAAAQE";
/// Every purpose, but the vendor was never shown to the user.
const UNDISCLOSED: &str = "CQfAJEAQfAJEAAfABBENCWFgAP_gAAAAAAYgAWQAYAUABYAAAAA.IAVgAAAAAAo";
/// Every purpose; the publisher forbids purpose 3.
const RESTRICTED: &str =
    "CQfAJEAQfAJEAAfABBENCWFgAP_gAAAAAAYgAWQAYAUABYAAAAEMABgBQAGQ.IAZAAAAAAAQE";
/// Every purpose, in a string that is invalid since it is not specific to a service.
const NOT_SPECIFIC: &str = "CQfAJEAQfAJEAAfABBENCWFAAP_gAAAAAAYgAWQAYAUABYAAAAA.IAZAAAAAAAQE";

/// Canada: every purpose and precise location.
const CA_ALL: &str = "BO5rKAAO5rKAAAfAHBENDIFQAP_AAAAAAABUACAAAABAAAAA";
/// Canada: plain ads alone.
const CA_PLAIN: &str = "BO5rKAAO5rKAAAfAHBENDIFAAIAAAAAAAABUAAAAAABAAAAA";
/// Canada: plain ads and measurement.
const CA_MEASURE: &str = "BO5rKAAO5rKAAAfAHBENDIFAAIQAAAAAAABUAAAAAABAAAAA";
/// Canada: profiles and measurement, not plain ads.
const CA_NO_PLAIN: &str = "BO5rKAAO5rKAAAfAHBENDIFQAGQAAAAAAABUAAAAAABAAAAA";
/// Canada: every purpose, but only implied.
const CA_IMPLIED: &str = "BO5rKAAO5rKAAAfAHBENDIFAAAAAAP_AAAAAACoAAAAAACAA";
/// Canada: every purpose, for other vendors.
const CA_OTHERS: &str = "BO5rKAAO5rKAAAfAHBENDIFAAP_AAAAAAABWACAAAACgAAAA";
/// Canada: every purpose; the publisher forbids purpose 3.
const CA_RESTRICTED: &str = "BO5rKAAO5rKAAAfAHBENDIFAAP_AAAAAAABUAAAAAABAAAACGABUAAAAAABA";

const NONE: Verdict = Verdict {
    user_allowed: false,
    profile_allowed: false,
    measure_allowed: false,
    location_allowed: false,
    coppa: false,
    gdpr: false,
    canada: false,
    opted_out: false,
};
const OPEN: Verdict = Verdict {
    user_allowed: true,
    profile_allowed: true,
    measure_allowed: true,
    location_allowed: true,
    ..NONE
};
const GDPR: Verdict = Verdict { gdpr: true, ..NONE };
const OPTED_OUT: Verdict = Verdict {
    opted_out: true,
    ..NONE
};

/// Decides on what a request says outside its impressions.
fn verdict(rest: &str, vendor: Option<u16>) -> Verdict {
    let mut body = format!(r#"{{"id":"1","imp":[{{"id":"1"}}]{rest}}}"#).into_bytes();
    let mut arena = proto::openrtb::Arena::default();
    let request = proto::openrtb::parse(&mut body, &mut arena).unwrap();
    decide(&crate::facts::signals(&request), vendor)
}

fn regs(regs: &str) -> Verdict {
    verdict(&format!(r#","regs":{{{regs}}}"#), VENDOR)
}

fn under_gdpr(user: &str) -> Verdict {
    verdict(
        &format!(r#","regs":{{"gdpr":1}},"user":{{{user}}}"#),
        VENDOR,
    )
}

fn consent(text: &str) -> Verdict {
    under_gdpr(&format!(r#""consent":"{text}""#))
}

#[test]
fn any_doubt_forbids_the_use_of_user_data() {
    assert_eq!(verdict("", VENDOR), OPEN);
    for open in [
        r#""us_privacy":"1YNN""#,
        r#""us_privacy":"1---""#,
        r#""gdpr":0"#,
        r#""gpp":"DBABLA~BVQqAAAAAgA.QA","gpp_sid":[-1]"#,
    ] {
        assert_eq!(regs(open), OPEN, "{open}");
    }
    assert_eq!(
        regs(r#""coppa":1"#),
        Verdict {
            coppa: true,
            ..NONE
        }
    );
    for refused in [
        r#""us_privacy":"1YYN""#,
        r#""us_privacy":"1Y?N""#,
        r#""us_privacy":"1Y-N""#,
        r#""us_privacy":"garbage""#,
        r#""us_privacy":"1YNN","ext":{"us_privacy":"1YYN"}"#,
        r#""ext":{"us_privacy":1}"#,
        r#""ext":{"gpc":"1"}"#,
    ] {
        assert_eq!(regs(refused), OPTED_OUT, "{refused}");
    }
    assert_eq!(verdict(r#","device":{"lmt":1}"#, VENDOR), OPTED_OUT);
    assert_eq!(verdict(r#","device":{"dnt":1}"#, VENDOR), OPTED_OUT);
}

#[test]
fn consent_is_read_purpose_by_purpose() {
    let all = Verdict { gdpr: true, ..OPEN };
    let store = Verdict {
        user_allowed: true,
        ..GDPR
    };
    assert_eq!(consent(ALL), all);
    assert_eq!(under_gdpr(&format!(r#""ext":{{"consent":"{ALL}"}}"#)), all);
    assert_eq!(consent(STORE), store);
    assert_eq!(
        consent(MEASURE),
        Verdict {
            measure_allowed: true,
            ..store
        }
    );
    assert_eq!(
        consent(RESTRICTED),
        Verdict {
            measure_allowed: true,
            ..store
        }
    );
    for none in [
        NO_STORE,
        OTHERS,
        UNDISCLOSED,
        NOT_SPECIFIC,
        "",
        "C",
        ALL.get(..60).unwrap(),
    ] {
        assert_eq!(consent(none), GDPR, "{none}");
    }
}

#[test]
fn nobody_consents_to_a_buyer_without_an_id_or_in_two_ways() {
    let with_consent = format!(r#","regs":{{"gdpr":1}},"user":{{"consent":"{ALL}"}}"#);
    assert_eq!(verdict(&with_consent, None), GDPR);
    assert_eq!(verdict(&with_consent, Some(0)), GDPR);
    assert_eq!(
        verdict(&with_consent, Some(41)),
        GDPR,
        "it was not disclosed"
    );
    assert_eq!(
        under_gdpr(&format!(
            r#""consent":"{ALL}","ext":{{"consent":"{STORE}"}}"#
        )),
        GDPR
    );
    let elsewhere = format!(
        r#","regs":{{"ext":{{"gdpr":1}}}},"user":{{"consent":"{ALL}"}},"device":{{"lmt":1}}"#
    );
    assert_eq!(
        verdict(&elsewhere, VENDOR),
        Verdict {
            gdpr: true,
            ..OPTED_OUT
        }
    );
}

#[test]
fn the_european_section_counts_like_consent_and_never_widens_it() {
    let all = Verdict { gdpr: true, ..OPEN };
    let store = Verdict {
        user_allowed: true,
        ..GDPR
    };
    let listed = |section: &str, sections: &str, user: &str| {
        verdict(
            &format!(
                r#","regs":{{"gpp":"DBABM~{section}","gpp_sid":[{sections}]}},"user":{{{user}}}"#
            ),
            VENDOR,
        )
    };
    assert_eq!(listed(ALL, "2", ""), all);
    assert_eq!(listed(STORE, "2", ""), store);
    assert_eq!(listed(STORE, "2", &format!(r#""consent":"{ALL}""#)), store);
    assert_eq!(listed(ALL, "2", &format!(r#""consent":"{STORE}""#)), store);
    assert_eq!(
        listed("garbage", "2", &format!(r#""consent":"{ALL}""#)),
        GDPR
    );
    assert_eq!(
        listed(ALL, "2,7", ""),
        Verdict {
            gdpr: true,
            ..OPTED_OUT
        }
    );
    let absent = format!(r#","regs":{{"gpp_sid":[2]}},"user":{{"consent":"{ALL}"}}"#);
    assert_eq!(
        verdict(&absent, VENDOR),
        all,
        "the section is in force, its string came the other way"
    );
    let not_in_force = format!(r#","regs":{{"gdpr":1,"gpp":"DBABM~{ALL}","gpp_sid":[-1]}}"#);
    assert_eq!(verdict(&not_in_force, VENDOR), GDPR);
}

#[test]
fn only_sections_in_force_speak_and_each_of_them_may_refuse() {
    let with =
        |gpp: &str, sections: &str| regs(&format!(r#""gpp":"{gpp}","gpp_sid":[{sections}]"#));
    let open = [
        ("DBABLA~BVQqAAAAAgA.QA", "7"),
        ("DBABT~1YNN", "6"),
        ("DBABBg~BAAAAABA.QA", "8"),
        // California opted out, but only the string of the USA is in force.
        ("DBACTMA~1YNN~BVVVVVVY", "6"),
    ];
    for (gpp, sections) in open {
        assert_eq!(with(gpp, sections), OPEN, "{gpp} {sections}");
    }
    let refused = [
        // Opted out, Global Privacy Control, a child, sensitive data.
        ("DBABLA~BVVVVVVVVWA.QA", "7"),
        ("DBABLA~BVQqAAAAAgA.YA", "7"),
        ("DBABT~1YYN", "6"),
        ("DBABBg~BAQAAABA", "8"),
        ("DBACTMA~1YNN~BVVVVVVY", "6,8"),
        // Not in the string, cut, of no known form, and not a GPP string at all.
        ("DBABLA~BVQqAAAAAgA.QA", "7,8"),
        ("DBABLA~BVQqAA", "7"),
        ("DBABYA~BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "1"),
        ("x", "7"),
        // Without a list of what is in force.
        ("DBABLA~BVQqAAAAAgA.QA", ""),
    ];
    for (gpp, sections) in refused {
        assert_eq!(with(gpp, sections), OPTED_OUT, "{gpp} {sections}");
    }
    assert_eq!(regs(r#""gpp_sid":[7]"#), OPTED_OUT);
    assert_eq!(regs(r#""gpp_sid":["x"]"#), OPTED_OUT);
}

/// Decides on a GPP string with Canada's section, which is in force.
fn in_canada(section: &str, vendor: Option<u16>) -> Verdict {
    verdict(
        &format!(r#","regs":{{"gpp":"DBABD~{section}","gpp_sid":[5]}}"#),
        vendor,
    )
}

#[test]
fn canada_asks_for_express_consent() {
    let canada = Verdict {
        canada: true,
        ..NONE
    };
    let plain = Verdict {
        user_allowed: true,
        ..canada
    };
    let measure = Verdict {
        measure_allowed: true,
        ..plain
    };
    let all = Verdict {
        canada: true,
        ..OPEN
    };
    assert_eq!(in_canada(CA_ALL, VENDOR), all);
    assert_eq!(in_canada(CA_PLAIN, VENDOR), plain);
    assert_eq!(in_canada(CA_MEASURE, VENDOR), measure);
    assert_eq!(in_canada(CA_RESTRICTED, VENDOR), measure);
    for none in [
        CA_NO_PLAIN,
        CA_IMPLIED,
        CA_OTHERS,
        "",
        "C",
        CA_ALL.get(..40).unwrap(),
        ALL,
    ] {
        assert_eq!(in_canada(none, VENDOR), canada, "{none}");
    }
    assert_eq!(in_canada(CA_ALL, None), canada, "nobody consents to us");
    let other = format!(r#","regs":{{"gpp":"DBABD~{CA_NO_PLAIN}","gpp_sid":[-1]}}"#);
    assert_eq!(verdict(&other, VENDOR), OPEN, "not in force");
    let missing = r#","regs":{"gpp":"DBABT~1YNN","gpp_sid":[5]}"#;
    assert_eq!(verdict(missing, VENDOR), canada);
    let both = format!(
        r#","regs":{{"gdpr":1,"gpp":"DBABD~{CA_ALL}","gpp_sid":[5]}},"user":{{"consent":"{STORE}"}}"#
    );
    let stricter = Verdict {
        user_allowed: true,
        canada: true,
        ..GDPR
    };
    assert_eq!(verdict(&both, VENDOR), stricter);
}
