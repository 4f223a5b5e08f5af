//! Tests of features: what moves which tokens, and what must never move.

use super::list::{CROSSES, SINGLES};
use super::*;

fn request() -> RequestFeatures<'static> {
    RequestFeatures {
        exchange: "adx",
        inventory: Some(Inventory::Site),
        site: "news.example",
        publisher: "p-1",
        country: "USA",
        device: Some(DeviceKind::Phone),
        os: Some(Os::Android),
        hour_of_week: 30,
        size: Some(Size {
            width: 300,
            height: 250,
        }),
        position: 1,
        segments: &["sports", "auto"],
        user_impressions: 2,
        user_clicks: 0,
        user_known: true,
    }
}

fn creative(id: u64) -> CreativeFeatures {
    CreativeFeatures {
        advertiser: AdvertiserId(1),
        campaign: CampaignId(2),
        line_item: LineItemId(3),
        creative: CreativeId(id),
        format: "banner",
    }
}

fn features(request: &RequestFeatures<'_>) -> Features {
    RequestHalf::new(request).with(&creative(7))
}

/// Names of the fields whose tokens differ.
fn moved(a: &Features, b: &Features) -> Vec<String> {
    let names = SINGLES.iter().map(|single| single.name.to_owned()).chain(
        CROSSES
            .iter()
            .map(|cross| format!("{} x {}", cross.left, cross.right)),
    );
    names
        .zip(a.0.iter().zip(&b.0))
        .filter(|(_, (a, b))| a != b)
        .map(|(name, _)| name)
        .collect()
}

/// Changes one thing of the request and compares what moved.
fn check(change: impl Fn(&mut RequestFeatures<'static>), expected: &[&str]) {
    let mut changed = request();
    change(&mut changed);
    assert_eq!(moved(&features(&request()), &features(&changed)), expected);
}

#[test]
fn a_changed_value_moves_its_features_and_their_crosses_only() {
    let site = [
        "site",
        "site x segment",
        "site x segment/2",
        "site x segment/3",
        "site x creative",
    ];
    check(|r| r.site = "other.example", &site);
    check(|r| r.site = "", &site);
    check(|r| r.publisher = "", &["publisher"]);
    check(|r| r.inventory = None, &["inventory"]);
    check(|r| r.os = Some(Os::Ios), &["os"]);
    check(|r| r.user_known = false, &["user_known"]);
    check(|r| r.position = 0, &["position"]);
    check(|r| r.user_clicks = 1, &["user_clicks"]);
    check(|r| r.device = None, &["device", "device x creative"]);
    check(|r| r.size = None, &["size", "size x creative"]);
}

#[test]
fn an_hour_of_the_week_is_an_hour_and_a_day() {
    check(|r| r.hour_of_week = 54, &["day_of_week"]);
    check(
        |r| r.hour_of_week = 31,
        &["hour_of_day", "hour_of_day x creative"],
    );
    // Beyond the week there is neither.
    let both = ["hour_of_day", "day_of_week", "hour_of_day x creative"];
    check(|r| r.hour_of_week = 168, &both);
}

#[test]
fn a_changed_creative_leaves_the_request_alone() {
    let half = RequestHalf::new(&request());
    let names = moved(&half.with(&creative(7)), &half.with(&creative(8)));
    assert_eq!(
        names.len(),
        1 + CROSSES.len() - REQUEST_CROSSES,
        "{names:?}"
    );
    assert!(
        names.iter().all(|name| name.ends_with("creative")),
        "{names:?}"
    );
}

#[test]
fn a_half_serves_many_candidates_like_a_fresh_one() {
    let half = RequestHalf::new(&request());
    for id in 0..50 {
        assert_eq!(
            half.with(&creative(id)),
            RequestHalf::new(&request()).with(&creative(id))
        );
    }
}

#[test]
fn segments_count_as_a_set_of_the_first_three() {
    let check = |segments: &[&str], expected: [Option<&str>; 3]| {
        assert_eq!(first_segments(segments), expected, "{segments:?}");
    };
    check(&[], [None; 3]);
    check(&["", "b", "", "b"], [Some("b"), None, None]);
    check(&["b", "a"], [Some("a"), Some("b"), None]);
    check(
        &["d", "a", "c", "b", "a", "e"],
        [Some("a"), Some("b"), Some("c")],
    );
    check(
        &["c", "b", "a", "a", "b", "c"],
        [Some("a"), Some("b"), Some("c")],
    );
}

#[test]
fn a_segment_weighs_the_same_in_every_place() {
    let place = |name: &str, nth: usize| {
        let mut places = (0..SINGLES.len()).filter(|i| SINGLES[*i].name == name);
        places.nth(nth).unwrap()
    };
    let alone = features(&RequestFeatures {
        segments: &["sports"],
        ..request()
    });
    let second = features(&request());
    assert_eq!(alone.0[place("segment", 0)], second.0[place("segment", 1)]);
    let crossed = |left: &str| {
        let found = CROSSES
            .iter()
            .position(|c| c.left == left && c.right == "creative");
        SINGLES.len() + found.unwrap()
    };
    assert_eq!(alone.0[crossed("segment")], second.0[crossed("segment/2")]);
}

#[test]
fn counts_share_tokens_by_powers_of_two() {
    let token = |count: u32| {
        let user = RequestFeatures {
            user_impressions: count,
            ..request()
        };
        features(&user).0[SINGLES
            .iter()
            .position(|s| s.name == "user_impressions")
            .unwrap()]
    };
    let same = [(5, 7), (8, 15), (1 << 20, (1 << 21) - 1)];
    let apart = [(0, 1), (3, 4), (4, 5), (7, 8), (u32::MAX, 1 << 30)];
    assert!(same.iter().all(|&(a, b)| token(a) == token(b)));
    assert!(apart.iter().all(|&(a, b)| token(a) != token(b)));
}

#[test]
fn long_text_is_cut_and_hostile_text_is_fine() {
    let long = "x".repeat(FIELD_BYTES_MAX + 100);
    assert_eq!(text_hash(&long), text_hash(&"x".repeat(FIELD_BYTES_MAX)));
    // A cut in the middle of a character.
    let wide = "a".to_owned() + &"\u{1f600}".repeat(200);
    assert_ne!(text_hash(&wide), text_hash(&long));
    assert_ne!(text_hash("a"), text_hash("a\0"));
}

#[test]
fn tokens_spread_over_the_table() {
    let mut seen: Vec<u32> = (0..10_000_u64)
        .map(|id| RequestHalf::new(&request()).with(&creative(id)).0[20])
        .map(|token| token >> 14)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    // 10,000 balls in 262,144 bins leave about 9,813 bins used.
    assert!((9_750..9_870).contains(&seen.len()), "{}", seen.len());
}

#[test]
fn the_persisted_hashes_do_not_drift() {
    // Logs and model files carry these: a change here needs a new `HASHING` number, not a new test.
    assert_eq!(
        features(&request()).0[..3],
        [3_349_836_051, 607_620_020, 3_330_222_953]
    );
    assert_eq!(list_hash(), 8_069_767_712_910_866_383);
    assert_eq!(Features::from_slice(&[1; FIELDS - 1]), None);
    assert_eq!(
        Features::from_slice(&[1; FIELDS]),
        Some(Features([1; FIELDS]))
    );
}
