//! Values, their keys and what is refused.

use super::*;
use crate::ids::AdvertiserId;
use Dimension as D;

fn keys(dimension: Dimension, value: &str) -> Vec<u64> {
    let mut keys = Vec::new();
    assert!(
        dimension.expand(value, &mut |key| keys.push(key)),
        "{dimension:?} {value}"
    );
    keys
}

#[test]
fn names_find_their_dimension() {
    for dimension in Dimension::ALL {
        assert_eq!(Dimension::from_name(dimension.name()), Some(*dimension));
    }
    assert_eq!(Dimension::from_name("weather"), None);
    assert!(Dimension::Deals.is_of_impression() && !Dimension::Segments.is_of_impression());
    for (os, word) in [
        (Os::Android, "android"),
        (Os::TvOs, "tvos"),
        (Os::MacOs, "macos"),
    ] {
        assert_eq!(dimension::OS_WORDS.get(os as usize), Some(&word));
        assert_eq!(os.word(), word);
    }
}

/// Dimension, values that it takes, and texts that it does not.
const VALUES: &[(D, &[&str], &[&str])] = &[
    (D::Exchanges, &["generic", "a-b_1"], &["Generic", "a b", ""]),
    (
        D::Pages,
        &["a.example", "a.example/x/y"],
        &["a", "https://a.example", "A.example/x", "a.example/"],
    ),
    (
        D::Categories,
        &["IAB1", "IAB25-3", "6:483"],
        &["IAB", "iab1", "25", "IAB1-", ":4", "x:4"],
    ),
    (D::Countries, &["DEU"], &["DE", "deu", "DEUT"]),
    (D::Regions, &["USA-CA"], &["CA", "USA-", "US-CA"]),
    (
        D::Postcodes,
        &["USA-94105", "GBR-SW1*"],
        &["94105", "USA-", "USA-*", "USA-94 105"],
    ),
    (
        D::Places,
        &["48.1 11.5 25", "-33 151 0.5"],
        &[
            "48.1 11.5",
            "91 0 5",
            "1 1 501",
            "1 1 0",
            "1 1 1 1",
            "NaN 1 1",
        ],
    ),
    (
        D::Ips,
        &[
            "203.0.113.7",
            "203.0.113.0/24",
            "2001:db8::/32",
            "0.0.0.0/0",
            "::/0",
        ],
        &["203.0.113", "1.2.3.4/33", "::/129", "1.2.3.4/"],
    ),
    (D::Connections, &["wifi", "5g"], &["6g", "WIFI"]),
    (
        D::OsVersions,
        &["android 12", "ios 15-17", "macos 13+"],
        &["android", "symbian 3", "ios 17-15", "ios 300", "ios  15"],
    ),
    (
        D::Languages,
        &["en", "pt-BR", "zh-Hans"],
        &["english", "EN", "e"],
    ),
    (
        D::Hours,
        &[
            "0",
            "167",
            "8-17",
            "8@user",
            "8-9@+05:30",
            "8@-03:00",
            "8@Europe/Berlin",
        ],
        &[
            "168",
            "9-8",
            "8@mars",
            "8@europe/berlin",
            "8@Europe/",
            "8@+05:20",
            "-1",
            "8@+15:00",
        ],
    ),
    (
        D::Segments,
        &["a b", "own/x", "x within 7d"],
        &["x within 8d", " x", ""],
    ),
    (D::Ages, &["18", "18-34", "65+"], &["121", "34-18", "young"]),
    (D::Genders, &["m", "f", "o"], &["M", "x"]),
    (
        D::UserShares,
        &["a:0-499", "a:b:7"],
        &["0-499", ":0", "a:0-1000"],
    ),
    (
        D::Sizes,
        &["300x250"],
        &["300", "0x5", "300x10001", "300X250"],
    ),
    (D::VideoLengths, &["15", "6-30", "60+"], &["301", "x"]),
    (D::SlotKinds, &["rewarded"], &["instl"]),
    (
        D::Metrics,
        &["viewability 70-100", "click_through_rate 1"],
        &["viewability", "viewability 101"],
    ),
];

#[test]
fn values_are_checked_by_dimension() {
    for (dimension, accepted, refused) in VALUES {
        for value in *accepted {
            assert!(dimension.accepts(value), "{dimension:?} {value}");
        }
        for value in *refused {
            assert!(!dimension.accepts(value), "{dimension:?} {value}");
        }
    }
}

#[test]
fn keys_meet_where_values_do() {
    assert_eq!(keys(D::Carriers, "Verizon"), [D::Carriers.text("VERIZON")]);
    assert_ne!(keys(D::Deals, "Ab"), [D::Deals.text("ab")]);
    assert_ne!(D::Makes.text("x"), D::Models.text("x"));
    assert_eq!(
        keys(D::Publishers, "ex:7"),
        [D::Publishers.joined("ex", ":", "7")]
    );
    assert_eq!(
        keys(D::OsVersions, "ios 15-17")[1],
        D::OsVersions.os_version(Os::Ios, 16)
    );
    let address: std::net::IpAddr = "203.0.113.7".parse().unwrap();
    assert_eq!(keys(D::Ips, "203.0.113.0/24"), [D::Ips.ip_key(address, 24)]);
    assert_ne!(keys(D::Ips, "203.0.113.0/24"), [D::Ips.ip_key(address, 32)]);
    assert_eq!(keys(D::Ips, "0.0.0.0/0"), [D::Ips.ip_key(address, 0)]);
    let address: std::net::IpAddr = "2001:db8::1".parse().unwrap();
    assert_eq!(keys(D::Ips, "2001:db8::/32"), [D::Ips.ip_key(address, 32)]);
    assert_eq!(keys(D::Ips, "::/0"), [D::Ips.ip_key(address, 0)]);
    assert_eq!(keys(D::Metrics, "viewability 70-100").len(), 31);
    assert!(
        keys(D::Metrics, "viewability 70+").contains(&D::Metrics.metric_key("viewability", 150))
    );
    // 8 o'clock on Monday in Kolkata begins at 2:30 UTC.
    assert_eq!(keys(D::Hours, "8@+05:30")[0], D::Hours.utc_quarter(10));
    // 0 o'clock on Monday in Berlin's winter is still Sunday in UTC.
    assert_eq!(keys(D::Hours, "0@+01:00")[0], D::Hours.utc_quarter(167 * 4));
    let both = keys(D::UserShares, "a:0-999");
    assert!(both.contains(&D::UserShares.share_key("a", value::Share::of("a", &[7; 16]))));
}

#[test]
fn shares_divide_users_evenly_and_by_salt() {
    let users = (0..20_000_u32).map(u32::to_be_bytes);
    let half = |salt: &str, user: &[u8]| value::Share::of(salt, user) < 500;
    let both = users
        .clone()
        .filter(|user| half("a", user) && half("b", user))
        .count();
    let one = users.filter(|user| half("a", user)).count();
    assert!((9_700..10_300).contains(&one), "{one}");
    assert!((4_700..5_300).contains(&both), "{both}");
}

#[test]
fn rules_are_kept_by_dimension_and_open_ones_dropped() {
    let mut targeting = Targeting::default();
    targeting.include(Dimension::Sizes, ["300x250"]);
    targeting.include(Dimension::Countries, ["USA", "DEU"]);
    targeting.exclude(Dimension::Countries, ["FRA"]);
    let order: Vec<_> = targeting.rules().map(|(dimension, _)| dimension).collect();
    assert_eq!(order, [Dimension::Countries, Dimension::Sizes]);
    let rule = targeting.rule(Dimension::Countries).unwrap();
    assert_eq!(rule.include.iter().collect::<Vec<_>>(), ["USA", "DEU"]);
    assert!(rule.exclude.contains("FRA") && rule.include.len() == 2);
    targeting.set(Dimension::Sizes, Rule::default());
    assert_eq!(targeting.rule(Dimension::Sizes), None);
    assert_eq!(targeting.dimensions(), Dimension::Countries.bit());
}

#[test]
fn groups_know_their_extent() {
    let is = || Expression::Is(Dimension::Os, ["ios"].into_iter().collect());
    let expression = Expression::All(vec![is(), Expression::Not(Box::new(is()))]);
    assert_eq!(expression.extent(), (3, 4));
}

#[test]
fn own_segments_are_for_their_advertiser() {
    use super::value::{RECENCIES, SEGMENT_KEPT_H, Segment};
    let may = |text: &str| Segment::parse(text).unwrap().is_for(AdvertiserId(12));
    for text in [
        "shoes",
        "acme/shoes",
        "own/12/shoes",
        "own/12/a-b within 7d",
        "owner/3/x",
    ] {
        assert!(may(text), "{text}");
    }
    for text in [
        "own/13/shoes",
        "own/012/shoes",
        "own/shoes",
        "own/12/",
        "own/12/a b",
        "own/",
    ] {
        assert!(!may(text), "{text}");
    }
    let longest = RECENCIES.iter().map(|(_, hours)| *hours).max();
    assert_eq!(
        longest,
        Some(SEGMENT_KEPT_H),
        "kept as long as can be asked for"
    );
}
