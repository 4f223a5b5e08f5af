//! Refused creatives, several for each rule.

use super::super::tests::{CREATIVE, broken, with};
use super::*;

/// Each change of an accepted document with the fields that it breaks.
fn refused(cases: &[(&str, &str, &[&str])]) {
    for (pointer, value, fields) in cases {
        let doc: CreativeDoc = with(CREATIVE, pointer, value).unwrap();
        assert_eq!(broken(doc.check()), *fields, "{pointer} = {value}");
    }
}

#[test]
fn what_every_creative_declares_is_checked() {
    refused(&[
        ("/click_url", "\"/relative\"", &["click_url"]),
        ("/click_url", "\"javascript:alert(1)\"", &["click_url"]),
        ("/click_url", "\"https://\"", &["click_url"]),
        ("/click_url", "\"https://user@example.com\"", &["click_url"]),
        ("/click_url", "\"https://example.com/a b\"", &["click_url"]),
        ("/click_url", "\"https://example.com:0/\"", &["click_url"]),
        ("/adomain", "\"Example.com\"", &["adomain"]),
        ("/adomain", "\"https://example.com\"", &["adomain"]),
        ("/adomain", "\"localhost\"", &["adomain"]),
        ("/language", "\"EN\"", &["language"]),
        (
            "/frequency_caps",
            r#"[{"impressions":1,"window_s":2592001}]"#,
            &["frequency_caps[0]"],
        ),
        ("/categories", "[\"IAB\"]", &["categories[0]"]),
        ("/category_taxonomy", "4", &["category_taxonomy"]),
        ("/sample_url", "\"http://a.com/i.png\"", &["sample_url"]),
        (
            "/approvals",
            r#"{" x":{"state":"approved"}}"#,
            &["approvals"],
        ),
        (
            "/approvals",
            r#"{"x":{"state":"rejected","reason":"a\nb"}}"#,
            &["approvals"],
        ),
    ]);
    let other = with::<CreativeDoc>(CREATIVE, "/categories", "[\"150\"]").unwrap();
    let other = CreativeDoc {
        category_taxonomy: 2,
        ..other
    };
    assert_eq!(broken(other.check()), [""; 0]);
}

#[test]
fn attributes_and_interfaces_fit_the_format() {
    refused(&[
        ("/attributes", "[0]", &["attributes"]),
        ("/attributes", "[16]", &["attributes"]),
        ("/attributes", "[3]", &["attributes"]),
        ("/attributes", "[6]", &["attributes"]),
        ("/apis", "[0]", &["apis"]),
        ("/apis", "[2]", &["apis"]),
        ("/apis", "[5]", &["apis"]),
    ]);
    let rich = with::<CreativeDoc>(
        CREATIVE,
        "/format",
        r#"{"type":"banner","size":"1x1","html":"<b>"}"#,
    );
    let rich = CreativeDoc {
        attributes: vec![3, 6],
        apis: vec![5],
        ..rich.unwrap()
    };
    assert_eq!(broken(rich.check()), [""; 0]);
    let vpaid = r#"{"type":"video","duration_s":15,"files":[{"url":"https://a.com/v.js",
        "mime":"application/javascript","width":1,"height":1,"bitrate_kbps":1}]}"#;
    let vpaid = with::<CreativeDoc>(CREATIVE, "/format", vpaid).unwrap();
    assert_eq!(broken(vpaid.clone().check()), ["apis"]);
    let told = CreativeDoc {
        apis: vec![2],
        ..vpaid
    };
    assert_eq!(broken(told.check()), [""; 0]);
}

#[test]
fn banners_that_break_a_rule_are_refused() {
    let html = format!("\"{}\"", "x".repeat(domain::limits::MARKUP_BYTES_MAX + 1));
    let long = format!(r#"{{"type":"banner","size":"1x1","html":{html}}}"#);
    refused(&[
        ("/format/size", "\"300x\"", &["format.size"]),
        ("/format/size", "\"300x10001\"", &["format.size"]),
        ("/format/size", "\"+3x1\"", &["format.size"]),
        (
            "/format/image_url",
            "\"http://a.com/i\"",
            &["format.image_url"],
        ),
        ("/format/image_url", "null", &["format.image_url"]),
        ("/format/html", "\"<b>both</b>\"", &["format.image_url"]),
        ("/format/tag", "\"{CLICK_URL}\"", &["format.image_url"]),
        ("/format", &long, &["format.html"]),
        (
            "/format",
            r#"{"type":"banner","size":"1x1","html":" "}"#,
            &["format.html"],
        ),
        (
            "/format",
            r#"{"type":"banner","size":"1x1","html":"{CLICK_URI}"}"#,
            &["format.html"],
        ),
        (
            "/format",
            r#"{"type":"banner","size":"1x1","html":"${CLICK_URL}"}"#,
            &["format.html"],
        ),
        (
            "/format",
            r#"{"type":"banner","size":"1x1","tag":"<b>"}"#,
            &["format.tag"],
        ),
        (
            "/format",
            r#"{"type":"banner","size":"1x1","tag":"{CLICK_URL}<img src='http://a.com'>"}"#,
            &["format.tag"],
        ),
        (
            "/impression_trackers",
            r#"["http://a.com/"]"#,
            &["impression_trackers[0]"],
        ),
        (
            "/impression_trackers",
            r#"["https://a.com/?{NONE}"]"#,
            &["impression_trackers[0]"],
        ),
        (
            "/click_trackers",
            r#"["https://a.com/"]"#,
            &["click_trackers"],
        ),
    ]);
}

#[test]
fn media_and_layouts_that_break_a_rule_are_refused() {
    let media = r#"{"type":"video","duration_s":0,
        "files":[{"url":"https://a.com/v","mime":"audio/mp3","bitrate_kbps":0}]}"#;
    let native = r#"{"type":"native","title":"","sponsored":"S","image":{"url":"http://a.com/i","size":"1x1"},
        "icon":{"url":"https://a.com/i","size":"1"}}"#;
    refused(&[
        (
            "/format",
            media,
            &[
                "format.duration_s",
                "format.files[0].mime",
                "format.files[0].bitrate_kbps",
                "format.files[0].width",
                "format.files[0].height",
            ],
        ),
        (
            "/format",
            r#"{"type":"audio","duration_s":1}"#,
            &["format.files"],
        ),
        (
            "/format",
            r#"{"type":"audio","duration_s":9,"skip_after_s":9,"wrapper":{"tag_url":"https://a.com/{SIDE}","mimes":[]}}"#,
            &[
                "format.skip_after_s",
                "format.wrapper.tag_url",
                "format.wrapper.mimes",
            ],
        ),
        (
            "/format",
            r#"{"type":"audio","duration_s":9,"wrapper":{"tag_url":"https://a.com/","mimes":["audio/mp4"]},
                "companion":{"url":"https://a.com/p","size":"1x1"}}"#,
            &["format.companion.url"],
        ),
        (
            "/format",
            native,
            &["format.title", "format.image.url", "format.icon.size"],
        ),
    ]);
}

#[test]
fn apps_that_break_a_rule_are_refused() {
    let numbers = r#"{"item":0,"campaign":101,"source_identifier":432}"#;
    let all = ["item", "campaign", "source_identifier"];
    for (app, fields) in [
        (numbers, &all[..]),
        (r#"{"item":7}"#, &["campaign"]),
        (r#"{"item":7,"source_identifier":1000}"#, &[]),
        (r#"{"item":9007199254740992,"campaign":100}"#, &["item"]),
    ] {
        let doc: CreativeDoc = with(CREATIVE, "/app_store", app).unwrap();
        let fields: Vec<_> = fields.iter().map(|f| format!("app_store.{f}")).collect();
        let got = doc.check().err().unwrap_or_default();
        let got: Vec<_> = got.into_iter().map(|error| error.field).collect();
        assert_eq!(got, fields, "{app}");
    }
}
