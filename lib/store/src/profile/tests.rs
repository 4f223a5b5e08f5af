//! Counting impressions against a plain list of them.

use domain::random::SplitMix64;

use super::*;

fn shown(number: u64) -> Shown {
    let mut bid = [0; 16];
    bid[8..].copy_from_slice(&number.to_be_bytes());
    Shown {
        bid: BidId(bid),
        campaign: CampaignId(1 + number % 2),
        line_item: LineItemId(1 + number % 3),
        creative: CreativeId(1 + number % 5),
    }
}

#[test]
fn windows_roll() {
    let mut profile = Profile::default();
    for second in [10, 10, 20, 30] {
        profile.count_impression(&shown(0), Timestamp(second * 1000));
    }
    for object in shown(0).objects() {
        let within =
            |window, now: i64| profile.impressions_within(object, window, Timestamp(now * 1000));
        let counts = [
            within(100, 30),
            within(15, 30),
            within(10, 30),
            within(5, 60),
        ];
        assert_eq!(counts, [4, 2, 1, 0], "{object:?}");
    }
    let other = Capped::LineItem(LineItemId(2));
    assert_eq!(profile.impressions_within(other, 100, Timestamp(30_000)), 0);
    let same_number = Capped::Campaign(CampaignId(2));
    assert_eq!(
        profile.impressions_within(same_number, 100, Timestamp(30_000)),
        0
    );
}

#[test]
fn merging_old_slots_forgets_no_impression() {
    let mut frequency = Frequency::default();
    for second in 0..1000 {
        frequency.add(Timestamp(second * 1000));
    }
    assert_eq!(frequency.slots().len(), SLOTS_MAX);
    assert_eq!(frequency.within(2000, Timestamp(1_000_000)), 1000);
}

/// Random impressions, some late: no window ever counts fewer than there were, recent ones count exactly, and the
/// record that is stored reads back the same.
#[test]
fn counts_agree_with_a_list_of_impressions() {
    for seed in 0..40 {
        let mut rng = SplitMix64::new(seed);
        let (mut profile, mut all, mut now) = (Profile::default(), Vec::new(), 1_000_000_i64);
        for number in 0..400 {
            now += rng.below(200) as i64;
            let at = now - rng.below(30) as i64;
            let one = shown(rng.below(30));
            profile.count_impression(&one, Timestamp(at * 1000));
            all.push((one, at));
            let window = 1 + rng.below(5_000) as u32;
            for object in one.objects() {
                let of = all
                    .iter()
                    .filter(|(one, _)| one.objects().contains(&object));
                let seconds: Vec<i64> = of.map(|(_, at)| *at).collect();
                let since = now - i64::from(window);
                let exact = seconds.iter().filter(|at| **at > since).count() as u32;
                let counted = profile.impressions_within(object, window, Timestamp(now * 1000));
                assert!(counted >= exact, "{seed}/{number}: {counted} of {exact}");
                if seconds.len() <= SLOTS_MAX {
                    assert_eq!(counted, exact, "{seed}/{number}");
                }
            }
        }
        let bytes = codec::encode_profile(&profile);
        assert_eq!(codec::profile(Some(&bytes)).unwrap(), Some(profile));
    }
}

#[test]
fn a_busy_profile_stays_small() {
    let mut profile = Profile::default();
    for number in 0..20_000_u64 {
        let one = Shown {
            campaign: CampaignId(number % 300),
            line_item: LineItemId(number % 700),
            creative: CreativeId(number),
            ..shown(number)
        };
        profile.count_impression(&one, Timestamp(number as i64 * 7_000));
    }
    assert_eq!(profile.impressions, 20_000);
    assert!(profile.frequency.len() <= OBJECTS_MAX);
    assert_eq!(profile.recent.len(), RECENT_MAX);
    let bytes = codec::encode_profile(&profile).len();
    assert!(bytes < 8 << 10, "{bytes} bytes");
    assert!(profile.weight() < 64 << 10, "{}", profile.weight());
}

#[test]
fn what_no_cap_can_ask_for_is_forgotten() {
    let mut profile = Profile::default();
    profile.count_impression(&shown(0), Timestamp(0));
    let later = i64::from(FREQUENCY_WINDOW_S_MAX) * 1000 + 1000;
    profile.count_impression(&shown(1), Timestamp(later));
    assert_eq!(profile.frequency.len(), 3);
    assert_eq!((profile.impressions, profile.recent.len()), (2, 2));
}

#[test]
fn profiles_of_before_other_objects_were_counted_read_as_line_items() {
    use prost::Message;
    let slot = proto::state::SlotCount {
        second: 7,
        count: 2,
    };
    let old = proto::state::Profile {
        frequency: vec![proto::state::Frequency {
            object: 5,
            slots: vec![slot],
            ..proto::state::Frequency::default()
        }],
        ..proto::state::Profile::default()
    };
    let profile = codec::profile(Some(&old.encode_to_vec())).unwrap().unwrap();
    let object = Capped::LineItem(LineItemId(5));
    assert_eq!(profile.impressions_within(object, 10, Timestamp(8_000)), 2);
}

#[test]
fn own_segments_keep_the_last_time_and_stay_few() {
    let mut profile = Profile::default();
    let (shop, at) = (AdvertiserId(5), Timestamp(1_000_000));
    profile.enter(shop, "shoes", at.plus_ms(5));
    profile.enter(shop, "shoes", at);
    let own = OwnSegment {
        id: "5/shoes".to_owned(),
        entered: at.plus_ms(5),
    };
    assert_eq!(profile.segments, std::slice::from_ref(&own));
    let stored = codec::encode_profile(&profile);
    assert_eq!(
        codec::profile(Some(&stored)).unwrap(),
        Some(profile.clone())
    );
    for number in 1..=SEGMENTS_MAX as i64 {
        profile.enter(shop, &number.to_string(), at.plus_ms(10 + number));
    }
    assert_eq!(profile.segments.len(), SEGMENTS_MAX);
    assert!(!profile.segments.contains(&own), "the oldest is forgotten");
    let later = at.plus_ms(i64::from(SEGMENT_KEPT_H + 1) * HOUR_MS);
    profile.enter(shop, "late", later);
    assert_eq!(profile.segments.len(), 1);
}
