//! Targeting documents: round trips, broken rules and rules that can never match.

use domain::targeting::{Dimension, Syntax};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;
use super::{CREATIVE, LINE_ITEM, broken, size, with};

fn values(dimension: Dimension) -> BoxedStrategy<String> {
    if let Some(words) = dimension.words() {
        return select(words).prop_map(str::to_owned).boxed();
    }
    match dimension.syntax() {
        Syntax::Size => size().boxed(),
        Syntax::Country => "[A-Z]{3}".boxed(),
        Syntax::Region => "[A-Z]{3}-[A-Z0-9]{1,3}".boxed(),
        Syntax::Exchange => "[a-z0-9_-]{1,20}".boxed(),
        Syntax::Hour => "1[0-5][0-9](-16[0-7])?(@user|@[+-]0[0-9]:30|@Europe/Berlin)?".boxed(),
        Syntax::Range(_) => "[1-9][0-9](-11[0-9]|\\+)?".boxed(),
        Syntax::Page => "[a-z]{1,9}\\.[a-z]{2,9}/[A-Za-z]{1,9}".boxed(),
        Syntax::Category => "IAB[1-9](-[1-9])?|[1-9]:[A-Z0-9]{1,9}".boxed(),
        Syntax::Postcode => "[A-Z]{3}-[A-Z0-9]{1,9}\\*?".boxed(),
        Syntax::Place => "-?[1-8][0-9]\\.[0-9]{1,4} -?1[0-7][0-9] [1-9]{1,2}".boxed(),
        Syntax::IpRange => "1[0-9]{2}\\.1\\.[1-9]\\.0(/[12][0-9])?|2001:db8::/4[0-8]".boxed(),
        Syntax::OsVersion => "(ios|android) [1-9][0-9]?\\+?".boxed(),
        Syntax::Language => "[a-z]{2}(-[A-Z]{2})?".boxed(),
        Syntax::Segment => "[A-Za-z0-9:]{1,40}( within (7|30)d)?".boxed(),
        Syntax::Share => "[a-z]{1,9}:[1-4][0-9]{2}(-[5-9][0-9]{2})?".boxed(),
        Syntax::Metric => "[a-z_]{1,20} [1-8][0-9]\\+?".boxed(),
        _ => "[a-z]{1,9}\\.[A-Za-z.]{1,20}".boxed(),
    }
}

/// As it is written back: plain hours are numbers.
fn value(dimension: Dimension, text: String) -> ValueDoc {
    let number = (dimension == Dimension::Hours).then(|| text.parse().ok());
    number
        .flatten()
        .map_or(ValueDoc::Text(text), ValueDoc::Number)
}

fn some_values(dimension: Dimension, least: usize) -> impl Strategy<Value = Vec<ValueDoc>> {
    vec(values(dimension), least..4).prop_map(move |texts| {
        let texts = texts.into_iter();
        texts.map(|text| value(dimension, text)).collect()
    })
}

fn rule() -> impl Strategy<Value = (Dimension, RuleDoc)> {
    select(Dimension::ALL).prop_flat_map(|dimension| {
        (some_values(dimension, 1), some_values(dimension, 0))
            .prop_map(move |(include, exclude)| (dimension, RuleDoc { include, exclude }))
    })
}

fn group() -> impl Strategy<Value = GroupDoc> {
    let is = select(Dimension::ALL).prop_flat_map(|dimension| {
        some_values(dimension, 1).prop_map(move |values| {
            let dimension = dimension.name().to_owned();
            GroupDoc::Is(IsDoc { dimension, values })
        })
    });
    is.prop_recursive(3, 20, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(GroupDoc::All),
            vec(inner.clone(), 1..4).prop_map(GroupDoc::Any),
            inner.prop_map(|group| GroupDoc::Not(Box::new(group))),
        ]
    })
}

fn modifier() -> impl Strategy<Value = ModifierDoc> {
    let one = select(Dimension::ALL)
        .prop_flat_map(|dimension| (Just(dimension), values(dimension), 100_000_i64..=10_000_000));
    one.prop_map(|(dimension, text, factor_ppm)| ModifierDoc {
        dimension: dimension.name().to_owned(),
        value: value(dimension, text),
        factor_ppm,
    })
}

prop_compose! {
    pub(super) fn targeting()(
        rules in vec(rule(), 0..6),
        groups in option::of(group()),
        modifiers in vec(modifier(), 0..3),
    ) -> TargetingDoc {
        TargetingDoc { rules: rules.into_iter().collect(), groups, modifiers }
    }
}

/// Targeting, and the field that breaks a rule.
const BROKEN_TARGETING: &[(&str, &str)] = &[
    (
        r#"{"countries":{"include":["DE"]}}"#,
        "targeting.countries.include[0]",
    ),
    (
        r#"{"countries":{"exclude":["deu"]}}"#,
        "targeting.countries.exclude[0]",
    ),
    (
        r#"{"regions":{"include":["USA"]}}"#,
        "targeting.regions.include[0]",
    ),
    (
        r#"{"hours":{"include":[168]}}"#,
        "targeting.hours.include[0]",
    ),
    (
        r#"{"sizes":{"include":["300x250","0x1"]}}"#,
        "targeting.sizes.include[1]",
    ),
    (
        r#"{"sites":{"include":["http://a.b"]}}"#,
        "targeting.sites.include[0]",
    ),
    (
        r#"{"exchanges":{"include":["A b"]}}"#,
        "targeting.exchanges.include[0]",
    ),
    (
        r#"{"segments":{"include":[""]}}"#,
        "targeting.segments.include[0]",
    ),
    (
        r#"{"devices":{"include":["phone","toaster"]}}"#,
        "targeting.devices.include[1]",
    ),
    (
        r#"{"groups":{"any":[{"is":{"dimension":"os","values":["ios"]}},{"not":{"is":{"dimension":"ages","values":[18,"x"]}}}]}}"#,
        "targeting.groups.any[1].not.is.values[1]",
    ),
    (
        r#"{"groups":{"is":{"dimension":"weather","values":["rain"]}}}"#,
        "targeting.groups.is.dimension",
    ),
    (r#"{"groups":{"all":[]}}"#, "targeting.groups.all"),
    (
        r#"{"groups":{"not":{"not":{"not":{"not":{"not":{"not":{"is":{"dimension":"os","values":["ios"]}}}}}}}}}"#,
        "targeting.groups",
    ),
    (
        r#"{"modifiers":[{"dimension":"os","value":"ios","factor_ppm":99999}]}"#,
        "targeting.modifiers[0].factor_ppm",
    ),
    (
        r#"{"modifiers":[{"dimension":"os","value":"beos","factor_ppm":1000000}]}"#,
        "targeting.modifiers[0].value",
    ),
];

#[test]
fn targeting_that_breaks_a_rule_is_refused() {
    for (value, field) in BROKEN_TARGETING {
        let doc: LineItemDoc = with(LINE_ITEM, "/targeting", value).unwrap();
        assert_eq!(broken(doc.check()), [*field], "{value}");
    }
    let mut long: LineItemDoc = serde_json::from_str(LINE_ITEM).unwrap();
    long.targeting.rule_mut(Dimension::Hours).include =
        vec![ValueDoc::Number(1); domain::limits::TARGETING_LIST_MAX + 1];
    assert_eq!(broken(long.check()), ["targeting.hours.include"]);
}

/// Targeting that can never match, and the field that says so.
const HOPELESS: &[(&str, &str)] = &[
    (
        r#"{"countries":{"include":["DEU"],"exclude":["DEU","FRA"]}}"#,
        "targeting.countries",
    ),
    (
        r#"{"sites":{"include":["a.news.example"],"exclude":["news.example"]}}"#,
        "targeting.sites",
    ),
    (
        r#"{"categories":{"include":["IAB25-3"],"exclude":["IAB25"]}}"#,
        "targeting.categories",
    ),
    (
        r#"{"hours":{"include":[8,9],"exclude":["0-12"]}}"#,
        "targeting.hours",
    ),
    (
        r#"{"hours":{"exclude":["0-100","101-167"]}}"#,
        "targeting.hours",
    ),
    (
        r#"{"countries":{"include":["DEU"]},"regions":{"include":["USA-CA"]}}"#,
        "targeting.regions",
    ),
    (
        r#"{"countries":{"exclude":["USA"]},"postcodes":{"include":["USA-94*"]}}"#,
        "targeting.postcodes",
    ),
    (
        r#"{"os":{"include":["ios"]},"os_versions":{"include":["android 12"]}}"#,
        "targeting.os_versions",
    ),
    (
        r#"{"inventory":{"include":["site"]},"apps":{"include":["com.x"]}}"#,
        "targeting.apps",
    ),
    (
        r#"{"inventory":{"exclude":["site"]},"pages":{"include":["a.b/c"]}}"#,
        "targeting.pages",
    ),
    (
        r#"{"segments":{"include":["a within 7d"]}}"#,
        "targeting.segments",
    ),
    (r#"{"formats":{"include":["audio"]}}"#, "targeting.formats"),
    (r#"{"formats":{"exclude":["banner"]}}"#, "targeting.formats"),
    (r#"{"sizes":{"include":["728x90"]}}"#, "targeting.sizes"),
    (
        r#"{"groups":{"all":[{"is":{"dimension":"os","values":["ios"]}},{"not":{"is":{"dimension":"os","values":["ios","tvos"]}}}]}}"#,
        "targeting.groups",
    ),
    (
        r#"{"countries":{"include":["DEU"]},"groups":{"is":{"dimension":"countries","values":["USA"]}}}"#,
        "targeting.groups",
    ),
];

/// A line item's warnings, and an open one's none, with a banner of 300x250 and a video.
#[test]
fn rules_that_can_never_match_say_so() {
    let mut video: CreativeDoc = serde_json::from_str(CREATIVE).unwrap();
    video.format = FormatDoc::Video(MediaDoc {
        duration_s: 15,
        files: vec![MediaFileDoc {
            url: "https://cdn.example.com/a.mp4".to_owned(),
            mime: "video/mp4".to_owned(),
            width: 640,
            height: 360,
            bitrate_kbps: 800,
        }],
        ..MediaDoc::default()
    });
    let banner: CreativeDoc = serde_json::from_str(CREATIVE).unwrap();
    let (banner, video) = (banner.check().unwrap(), video.check().unwrap());
    let warned = |targeting: &str, creatives: &[&domain::Creative]| -> Vec<String> {
        let doc: LineItemDoc = with(LINE_ITEM, "/targeting", targeting).unwrap();
        let found = warnings(&doc.check().unwrap(), creatives);
        found.into_iter().map(|warning| warning.field).collect()
    };
    for (targeting, field) in HOPELESS {
        assert_eq!(warned(targeting, &[&banner]), [*field], "{targeting}");
    }
    for targeting in [
        "{}",
        r#"{"segments":{"include":["own/1/a within 7d"]}}"#,
        r#"{"countries":{"include":["DEU","FRA"],"exclude":["DEU"]}}"#,
        r#"{"countries":{"include":["USA"]},"regions":{"include":["USA-CA","DEU-BE"]}}"#,
        r#"{"hours":{"exclude":["0-100","102-167"]}}"#,
        r#"{"sizes":{"include":["728x90","300x250"]},"formats":{"include":["audio","banner"]}}"#,
        r#"{"segments":{"include":["a"]},"groups":{"is":{"dimension":"segments","values":["b"]}}}"#,
    ] {
        assert!(warned(targeting, &[&banner]).is_empty(), "{targeting}");
    }
    assert!(warned(r#"{"sizes":{"include":["728x90"]}}"#, &[&video]).is_empty());
    assert!(warned(r#"{"sizes":{"include":["728x90"]}}"#, &[]).is_empty());
}
