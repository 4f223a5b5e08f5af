//! Round trips, and for each accepted document several refused ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

mod targeting;

use targeting::targeting;

fn domain_name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,5})?\\.[a-z]{2,6}"
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9äöü一二][A-Za-z0-9 äöü一二&.-]{0,198}"
}

fn https() -> impl Strategy<Value = String> {
    (
        domain_name(),
        "(/[a-z0-9._~-]{0,8}){0,3}(\\?[a-z]=[a-z0-9%{}]{0,9})?",
    )
        .prop_map(|(host, rest)| format!("https://{host}{rest}"))
}

fn amount() -> impl Strategy<Value = i64> {
    1..AMOUNT_MICROS_MAX
}

fn size() -> impl Strategy<Value = String> + Clone {
    (1_u32..=10_000, 1_u32..=10_000).prop_map(|(width, height)| format!("{width}x{height}"))
}

prop_compose! {
    fn cap()(
        impressions in 1_u32..=10_000,
        window_s in 1_u32..=domain::frequency::FREQUENCY_WINDOW_S_MAX,
        per in select(ScopeWord::ALL),
    ) -> FrequencyCapDoc {
        FrequencyCapDoc { impressions, window_s, per }
    }
}

prop_compose! {
    fn campaign()(
        (id, advertiser_id) in any::<(u64, u64)>(),
        name in name(),
        status in select(StatusWord::ALL),
        currency in "[A-Z]{3}",
        budget_micros in amount(),
        daily_budget_micros in option::of(amount()),
        flight_start_ms in 0_i64..4_000_000_000_000,
        length_ms in 1_i64..100_000_000_000,
        plan in select(PlanWord::ALL),
        goal in select(GoalWord::ALL),
        frequency_caps in vec(cap(), 0..3),
    ) -> CampaignDoc {
        CampaignDoc {
            id, advertiser_id, name, status, currency, budget_micros, daily_budget_micros,
            flight_start_ms, flight_end_ms: flight_start_ms + length_ms, plan, goal, frequency_caps,
        }
    }
}

fn deals() -> impl Strategy<Value = DealsDoc> {
    prop_oneof![
        select(&[DealsWord::OpenOnly, DealsWord::OpenAndAnyDeal][..])
            .prop_map(|kind| DealsDoc { kind, ids: vec![] }),
        vec("[A-Za-z0-9-]{1,30}", 1..4).prop_map(|ids| DealsDoc {
            kind: DealsWord::Only,
            ids
        }),
    ]
}

prop_compose! {
    fn line_item()(
        (id, campaign_id) in any::<(u64, u64)>(),
        name in name(),
        status in select(StatusWord::ALL),
        kind in select(BidWord::ALL),
        amount_micros in amount(),
        max_bid_cpm_micros in amount(),
        targeting in targeting(),
        frequency_caps in vec(cap(), 0..3),
        deals in deals(),
        creatives in proptest::collection::btree_set(any::<u64>(), 0..4),
        (weighted, roadblock, authorized_sellers) in any::<(bool, bool, bool)>(),
    ) -> LineItemDoc {
        LineItemDoc {
            id, campaign_id, name, status, max_bid_cpm_micros, deals,
            bid: BidDoc { kind, amount_micros },
            targeting,
            frequency_caps,
            rotation: if weighted {
                RotationDoc { kind: RotationWord::Weighted, weights: vec![3; creatives.len()] }
            } else {
                RotationDoc { kind: RotationWord::Sequence, weights: vec![] }
            },
            creative_ids: creatives.into_iter().collect(),
            roadblock,
            authorized_sellers,
            warnings: Vec::new(),
        }
    }
}

prop_compose! {
    fn media(kind: &'static str)(
        url in https(),
        mime in "[a-z0-9+.-]{1,12}",
        duration_s in 1_u32..=3600,
        (width, height) in (1_u32..=10_000, 1_u32..=10_000),
        bitrate_kbps in 1_u32..=1_000_000,
        (wrapped, skips) in any::<(bool, bool)>(),
        companion in option::of(size()),
    ) -> MediaDoc {
        let (width, height) = if kind == "audio" { (0, 0) } else { (width, height) };
        let mime = format!("{kind}/{mime}");
        let (files, wrapper) = if wrapped {
            (vec![], Some(WrapperDoc { tag_url: url, mimes: vec![mime], width, height }))
        } else {
            let file = MediaFileDoc { url, mime, width, height, bitrate_kbps };
            (vec![file.clone(), file], None)
        };
        MediaDoc {
            duration_s, files, wrapper,
            skip_after_s: skips.then_some(duration_s - 1),
            companion: companion.map(|size| PictureDoc { url: "https://a.example/p.png".into(), size }),
        }
    }
}

fn picture() -> impl Strategy<Value = PictureDoc> {
    (https(), size()).prop_map(|(url, size)| PictureDoc { url, size })
}

fn format() -> impl Strategy<Value = FormatDoc> {
    prop_oneof![
        (size(), https()).prop_map(|(size, url)| FormatDoc::Banner(BannerDoc {
            size,
            image_url: Some(url),
            ..BannerDoc::default()
        })),
        size().prop_map(|size| FormatDoc::Banner(BannerDoc {
            size,
            tag: Some("<script src=\"https://a.example/?{CLICK_URL_ENC}\"></script>".into()),
            ..BannerDoc::default()
        })),
        (size(), "<a href=\"\\{CLICK_URL\\}\">[a-zä\n]{0,50}</a>").prop_map(|(size, html)| {
            FormatDoc::Banner(BannerDoc {
                size,
                html: Some(html),
                ..BannerDoc::default()
            })
        }),
        media("video").prop_map(FormatDoc::Video),
        media("audio").prop_map(FormatDoc::Audio),
        (
            [name(), name()],
            "[a-z ]{0,99}",
            "[a-z ]{0,50}",
            [picture(), picture()]
        )
            .prop_map(
                |([title, sponsored], description, call_to_action, [image, icon])| {
                    FormatDoc::Native(NativeDoc {
                        title,
                        description,
                        sponsored,
                        call_to_action,
                        image,
                        icon,
                    })
                }
            ),
    ]
}

prop_compose! {
    fn creative()(
        (id, advertiser_id) in any::<(u64, u64)>(),
        name in name(),
        status in select(StatusWord::ALL),
        format in format(),
        click_url in https(),
        adomain in domain_name(),
        categories in vec("IAB[0-9]{1,2}(-[0-9]{1,2})?", 0..4),
        attributes in vec(17_u32..=999, 0..4),
        language in option::of("[a-z]{2}"),
        frequency_caps in vec(cap(), 0..3),
        trackers in [vec(https(), 0..3), vec(https(), 0..3)],
        sample_url in option::of(https()),
        approvals in proptest::collection::btree_map("[a-z]{1,9}", (select(ApprovalWord::ALL), "[a-z ]{0,9}"), 0..3),
        app in option::of((1..1_u64 << 53, 1..=100_u32, option::of(1000..=9999_u32))),
    ) -> CreativeDoc {
        let app_store = app.map(|(item, campaign, source_identifier)| AppStoreDoc {
            item, campaign: Some(campaign), source_identifier,
        });
        let [impression_trackers, click_trackers] = trackers;
        let banner = matches!(format, FormatDoc::Banner(_));
        let approvals = approvals.into_iter();
        CreativeDoc {
            id, advertiser_id, name, status, format, click_url, adomain, categories, attributes, language,
            frequency_caps, app_store,
            category_taxonomy: 1,
            apis: vec![7],
            sample_url,
            impression_trackers,
            click_trackers: if banner { vec![] } else { click_trackers },
            approvals: approvals.map(|(name, (state, reason))| (name, ApprovalDoc { state, reason })).collect(),
        }
    }
}

/// JSON to document to domain to document: nothing may change on the way.
macro_rules! assert_round_trip {
    ($doc:expr, $type:ty) => {{
        let doc: $type = $doc;
        let json = serde_json::to_string(&doc).unwrap();
        let read: $type = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &doc);
        let value = match read.check() {
            Ok(value) => value,
            Err(errors) => return Err(TestCaseError::fail(format!("{errors:?}"))),
        };
        prop_assert_eq!(<$type>::from(&value), doc);
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn advertisers_round_trip(id in any::<u64>(), name in name(), domain in domain_name()) {
        assert_round_trip!(AdvertiserDoc { id, name, domain }, AdvertiserDoc);
    }

    #[test]
    fn campaigns_round_trip(doc in campaign()) {
        assert_round_trip!(doc, CampaignDoc);
    }

    #[test]
    fn line_items_round_trip(doc in line_item()) {
        assert_round_trip!(doc, LineItemDoc);
    }

    #[test]
    fn creatives_round_trip(doc in creative()) {
        assert_round_trip!(doc, CreativeDoc);
    }

    #[test]
    fn any_text_is_judged_without_panic(text in ".{0,300}") {
        let doc = AdvertiserDoc { id: 0, name: text.clone(), domain: text.clone() };
        let sound = doc.check().is_ok();
        prop_assert!(!sound || is_domain(&text));
        prop_assert!(!is_address(&text) || text.starts_with("http"));
        prop_assert!(parse_size(&text).is_none() || text.contains('x'));
    }
}

/// The fields that a document breaks, in order.
pub(super) fn broken<T>(checked: Result<T, Vec<FieldError>>) -> Vec<String> {
    match checked {
        Ok(_) => vec![],
        Err(errors) => errors.into_iter().map(|error| error.field).collect(),
    }
}

const CAMPAIGN: &str = r#"{"advertiser_id":1,"name":"Spring","budget_micros":1000000,
    "flight_start_ms":1000,"flight_end_ms":2000}"#;
const LINE_ITEM: &str = r#"{"campaign_id":1,"name":"Phones",
    "bid":{"type":"cpc","amount_micros":500000},"max_bid_cpm_micros":9000000}"#;
pub(super) const CREATIVE: &str = r#"{"advertiser_id":1,"name":"Box","format":{"type":"banner","size":"300x250",
    "image_url":"https://cdn.example.com/a.png"},"click_url":"http://example.com/?a=b","adomain":"example.com"}"#;

/// The document with the value at a JSON pointer's place set, or `Err` when serde refuses it.
pub(super) fn with<T: serde::de::DeserializeOwned>(
    json: &str,
    pointer: &str,
    value: &str,
) -> Result<T, String> {
    let mut document: serde_json::Value = serde_json::from_str(json).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    parent[key] = serde_json::from_str(value).unwrap();
    serde_json::from_value(document).map_err(|error| error.to_string())
}

#[test]
fn short_documents_take_defaults() {
    let campaign: CampaignDoc = serde_json::from_str(CAMPAIGN).unwrap();
    let campaign = campaign.check().unwrap();
    assert_eq!(campaign.currency, domain::Currency::USD);
    assert_eq!(campaign.status, domain::Status::Active);
    let line_item: LineItemDoc = serde_json::from_str(LINE_ITEM).unwrap();
    let line_item = line_item.check().unwrap();
    assert_eq!(line_item.targeting, domain::Targeting::default());
    assert_eq!(line_item.deals, domain::campaign::Deals::OpenOnly);
    let cap = r#"[{"impressions":3,"window_s":60}]"#;
    let capped: LineItemDoc = with(LINE_ITEM, "/frequency_caps", cap).unwrap();
    assert_eq!(
        capped.check().unwrap().frequency_caps[0].per,
        domain::IdScope::User
    );
    let creative: CreativeDoc = serde_json::from_str(CREATIVE).unwrap();
    assert_eq!(creative.check().unwrap().format.label(), "banner");
}

#[test]
fn campaigns_that_break_a_rule_are_refused() {
    let long = format!("\"{}\"", "ä".repeat(201));
    for (pointer, value, field) in [
        ("/name", "\"\"", "name"),
        ("/name", "\"  \"", "name"),
        ("/name", "\"a\\nb\"", "name"),
        ("/name", long.as_str(), "name"),
        ("/budget_micros", "0", "budget_micros"),
        ("/budget_micros", "-1", "budget_micros"),
        ("/budget_micros", "1000000000000000", "budget_micros"),
        ("/daily_budget_micros", "0", "daily_budget_micros"),
        ("/flight_end_ms", "1000", "flight_end_ms"),
        ("/flight_end_ms", "4102444800001", "flight_end_ms"),
        ("/flight_start_ms", "-1", "flight_start_ms"),
        ("/currency", "\"EURO\"", "currency"),
        ("/currency", "\"€\"", "currency"),
        (
            "/frequency_caps",
            r#"[{"impressions":0,"window_s":60}]"#,
            "frequency_caps[0]",
        ),
    ] {
        let doc: CampaignDoc = with(CAMPAIGN, pointer, value).unwrap();
        assert_eq!(broken(doc.check()), [field], "{pointer} = {value}");
    }
}

#[test]
fn line_items_that_break_a_rule_are_refused() {
    let deals = r#"{"type":"open_only","ids":["x"]}"#;
    for (pointer, value, field) in [
        (
            "/bid",
            r#"{"type":"cpa","amount_micros":0}"#,
            "bid.amount_micros",
        ),
        ("/max_bid_cpm_micros", "0", "max_bid_cpm_micros"),
        ("/creative_ids", "[1,2,1]", "creative_ids"),
        (
            "/rotation",
            r#"{"type":"weighted","weights":[1]}"#,
            "rotation.weights",
        ),
        (
            "/rotation",
            r#"{"type":"even","weights":[1]}"#,
            "rotation.weights",
        ),
        ("/deals", r#"{"type":"only"}"#, "deals.ids"),
        ("/deals", deals, "deals.ids"),
        ("/deals", r#"{"type":"only","ids":[" x"]}"#, "deals.ids[0]"),
        (
            "/frequency_caps",
            r#"[{"impressions":0,"window_s":60}]"#,
            "frequency_caps[0]",
        ),
        (
            "/frequency_caps",
            r#"[{"impressions":1,"window_s":0}]"#,
            "frequency_caps[0]",
        ),
    ] {
        let doc: LineItemDoc = with(LINE_ITEM, pointer, value).unwrap();
        assert_eq!(broken(doc.check()), [field], "{pointer} = {value}");
    }
}

#[test]
fn unknown_fields_and_words_are_refused() {
    for (pointer, value) in [("/budget", "1"), ("/status", "\"Active\""), ("/id", "-1")] {
        with::<CampaignDoc>(CAMPAIGN, pointer, value).unwrap_err();
    }
    for (pointer, value) in [
        ("/bid/amount", "1"),
        ("/bid/type", "\"cpv\""),
        (
            "/frequency_caps",
            r#"[{"impressions":1,"window_s":60,"per":"planet"}]"#,
        ),
        ("/targeting", r#"{"country":{}}"#),
        ("/targeting", r#"{"countries":{"includes":[]}}"#),
        ("/targeting", r#"{"groups":{"xor":[]}}"#),
    ] {
        with::<LineItemDoc>(LINE_ITEM, pointer, value).unwrap_err();
    }
    let twice = r#"{"countries":{"include":["DEU"]},"countries":{"include":["FRA"]}}"#;
    serde_json::from_str::<TargetingDoc>(twice).unwrap_err();
    for (pointer, value) in [("/format/width", "1"), ("/format/type", "\"popup\"")] {
        with::<CreativeDoc>(CREATIVE, pointer, value).unwrap_err();
    }
}

#[test]
fn words_read_back() {
    for word in StatusWord::ALL {
        assert_eq!(StatusWord::from_word(word.word()), Some(*word));
    }
    assert_eq!(PlanWord::from_word("Asap"), None);
    assert_eq!(
        serde_json::to_string(&DealsWord::OpenOnly).unwrap(),
        "\"open_only\""
    );
}
