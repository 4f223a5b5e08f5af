//! Markup: what stands in it is what was given, well-formed and escaped, however hostile.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ads.rs"]
mod ads;
#[path = "support/xml.rs"]
mod xml;

use ads::{CLICK, IMPRESSION, PIXEL, TRACKER, VIEW, creative, fill, picture, try_written, written};
use domain::creative::{
    BannerMarkup, Media, MediaFile, MediaSource, NativeAssets, Trackers, Wrapper,
};
use domain::{Creative, CreativeFormat};
use proptest::prelude::*;
use proto::openrtb::markup::macros::OPENRTB;
use proto::openrtb::markup::vast::best;
use proto::openrtb::markup::{Macro, NativeMismatch, Shape, VastVersion};
use proto::openrtb::{Arena, parse};
use serde_json::{Value, json};
use xml::well_formed;

const HOSTILE: &str =
    "a\"b'c<d>&e]]>f\\g\n\u{0}\u{1}\u{b}\u{fffe}</Ad>ключ😀]]\u{1}>${AUCTION_PRICE}";
fn media_file(url: &str, mime: &str) -> MediaFile {
    MediaFile {
        url: url.to_owned(),
        mime: mime.to_owned(),
        width: 640,
        height: 360,
        bitrate_kbps: 800,
    }
}

fn vast(creative: &Creative, version: VastVersion, text: &str) -> String {
    let shape = Shape::Media {
        version,
        files: u32::MAX,
    };
    written(creative, shape, &fill(text))
}

/// Everything that a video or audio ad can have.
fn full_media(text: &str, url: &str, wrapped: bool) -> Creative {
    let source = if wrapped {
        MediaSource::Wrapper(Wrapper {
            tag_url: format!("{url}{{SITE}}{{GPP_SID}}{{CLICK_URL_ENC2}}"),
            mimes: vec!["video/mp4".to_owned()],
            width: 640,
            height: 360,
        })
    } else {
        MediaSource::Files(vec![media_file(url, text), media_file(url, "video/webm")])
    };
    let media = Media {
        duration_s: 3_725,
        source,
        skip_after_s: Some(5),
        companion: Some(picture("side.png", 300, 250)),
    };
    let mut creative = creative(CreativeFormat::Video(media));
    creative.name = text.to_owned();
    creative.trackers = Trackers {
        impression: vec![url.to_owned(), TRACKER.to_owned()],
        click: vec![url.to_owned()],
    };
    creative
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_text_leaves_vast_well_formed(
        text: String, url in "[ -~\u{0}-\u{10}]*(\\]\\]>)?[ -~]*", wrapped: bool, value: String,
    ) {
        let creative = full_media(&text, &url, wrapped);
        for version in VastVersion::ALL {
            well_formed(&vast(&creative, version, &value)).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn any_text_leaves_native_answers_parseable(title: String, value: String) {
        let assets = NativeAssets { title: title.clone(), ..assets() };
        let request = json!({ "assets": [{ "id": 1, "title": {} }, { "id": 2, "data": { "type": 1 } }] });
        let answer = answer_to(&request, &tracked(assets), &value).unwrap();
        prop_assert_eq!(answer["link"]["url"].as_str(), Some(CLICK));
        if !title.is_empty() {
            prop_assert_eq!(answer["assets"][0]["title"]["text"].as_str(), Some(title.as_str()));
        }
    }

    /// Whatever a request says, it stays where the macro stands: no quote, tag or line end of its own.
    #[test]
    fn no_value_leaves_its_place(value: String) {
        for name in Macro::ALL.map(Macro::name) {
            for end in ["", "_ENC", "_ENC2"] {
                let m = format!("{{{name}{end}}}");
                let html = format!(
                    "<p title=\"{m}\">{m}</p><a href='{m}' onclick=\"f('{m}')\" id={m}>x</a>\
                     <script>var a=\"{m}\",b='{m}',c=`{m}`</script><style>{m}</style><!-- {m} -->"
                );
                let plain = banner(BannerMarkup::Html { html: html.clone() }, "");
                let found = banner(BannerMarkup::Html { html }, &value);
                for mark in ["\"", "'", "<", ">", "\n", "\r"] {
                    prop_assert_eq!(found.matches(mark).count(), plain.matches(mark).count(), "{} in {}", mark, found);
                }
            }
        }
    }
}

#[test]
fn vast_stays_well_formed_with_hostile_text() {
    assert!(well_formed("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"&x\"></a>").is_err());
    for version in VastVersion::ALL {
        for wrapped in [false, true] {
            let found = vast(&full_media(HOSTILE, HOSTILE, wrapped), version, HOSTILE);
            assert_eq!(well_formed(&found), Ok(()), "{found}");
        }
    }
}

#[test]
fn vast_says_what_it_must() {
    let url = "https://cdn.example/a.mp4?x=1&y=2";
    for (version, label) in VastVersion::ALL
        .into_iter()
        .zip(["2.0", "3.0", "4.0", "4.1", "4.2", "4.3"])
    {
        let found = vast(&full_media("video/mp4", url, false), version, "a b");
        for part in [
            format!("<VAST version=\"{label}\">"),
            format!("<Impression><![CDATA[{IMPRESSION}]]></Impression>"),
            "<Impression><![CDATA[https://count.example/i?c=7&s=a%20b&u=https%3A%2F%2Fpixel.example%2Fclick%3Ft%3DCT&d=a%20b]]></Impression>".to_owned(),
            format!("<Error><![CDATA[{PIXEL}/video?t=ET&e=error&c=[ERRORCODE]]]></Error>"),
            format!("<ClickThrough><![CDATA[{CLICK}]]></ClickThrough>"),
            format!("<ClickTracking><![CDATA[{url}]]></ClickTracking>"),
            "<Duration>01:02:05</Duration>".to_owned(),
            format!("type=\"video/mp4\" width=\"640\" height=\"360\" bitrate=\"800\"><![CDATA[{url}]]></MediaFile>"),
            "<StaticResource creativeType=\"image/png\"><![CDATA[https://cdn.example/side.png]]></StaticResource>".to_owned(),
        ] {
            assert!(found.contains(&part), "{part} in {found}");
        }
        for event in [
            "start",
            "firstQuartile",
            "midpoint",
            "thirdQuartile",
            "complete",
        ] {
            let part = format!(
                "<Tracking event=\"{event}\"><![CDATA[{PIXEL}/video?t=ET&e={event}]]></Tracking>"
            );
            assert!(found.contains(&part), "{part} in {found}");
        }
        let (third, fourth) = (
            version.is_from(VastVersion::V3_0),
            version.is_from(VastVersion::V4_0),
        );
        assert_eq!(found.contains("<Linear skipoffset=\"00:00:05\">"), third);
        assert_eq!(found.contains("event=\"skip\""), third);
        assert_eq!(found.contains("UniversalAdId"), fourth);
        let viewable = format!(
            "<ViewableImpression><Viewable><![CDATA[{VIEW}]]></Viewable></ViewableImpression>"
        );
        assert_eq!(found.contains(&viewable), fourth);
        let audio = creative(CreativeFormat::Audio(Media::of_file(
            15,
            media_file(url, "audio/mpeg"),
        )));
        let audio = vast(&audio, version, "");
        assert_eq!(
            audio.contains("adType=\"audio\""),
            version.is_from(VastVersion::V4_1)
        );
    }
}

#[test]
fn sound_is_told_in_daast() {
    let url = "https://cdn.example/a.mp3";
    let inline = creative(CreativeFormat::Audio(Media::of_file(
        15,
        media_file(url, "audio/mpeg"),
    )));
    let found = vast(&inline, VastVersion::Daast, "");
    for part in [
        "<DAAST version=\"1.0\"><Ad id=".to_owned(),
        format!("<AdInteractions><ClickThrough><![CDATA[{CLICK}]]></ClickThrough>"),
        "</AdInteractions><MediaFiles><MediaFile delivery=\"progressive\" type=\"audio/mpeg\" bitrate=\"800\">".to_owned(),
        "</InLine></Ad></DAAST>".to_owned(),
    ] {
        assert!(found.contains(&part), "{part} in {found}");
    }
    assert!(
        !found.contains("VAST version=\"3") && !found.contains("width"),
        "{found}"
    );
    let found = vast(
        &full_media("", "https://ads.example/daast?", true),
        VastVersion::Daast,
        "",
    );
    assert!(
        found.contains("<DAASTAdTagURI><![CDATA[https://ads.example/daast?"),
        "{found}"
    );
}

#[test]
fn only_the_files_that_the_player_takes_are_offered() {
    let creative = full_media("video/mp4", "https://cdn.example/a", false);
    let shape = |files| Shape::Media {
        version: VastVersion::V4_2,
        files,
    };
    let second = written(&creative, shape(0b10), &fill(""));
    assert_eq!(second.matches("<MediaFile ").count(), 1);
    assert!(second.contains("video/webm"), "{second}");
    let both = written(&creative, shape(0b11), &fill(""));
    assert_eq!(both.matches("<MediaFile ").count(), 2);
}

#[test]
fn a_wrapper_leads_on_and_counts() {
    let creative = full_media("", "https://ads.example/vast?", true);
    let found = vast(&creative, VastVersion::V4_2, "site.example");
    for part in [
        "<VASTAdTagURI><![CDATA[https://ads.example/vast?site.example2%2C6https%253A%252F%252Fpixel.example%252Fclick%253Ft%253DCT]]></VASTAdTagURI>".to_owned(),
        format!("<ClickTracking><![CDATA[{CLICK}&r=0]]></ClickTracking>"),
        format!("<Tracking event=\"complete\"><![CDATA[{PIXEL}/video?t=ET&e=complete]]></Tracking>"),
    ] {
        assert!(found.contains(&part), "{part} in {found}");
    }
    assert!(
        !found.contains("MediaFile") && !found.contains("ClickThrough"),
        "{found}"
    );
}

#[test]
fn the_newest_version_that_can_tell_the_ad_is_chosen() {
    let file = Media::of_file(15, media_file("https://a.example/", "video/mp4"));
    assert_eq!(best(&[], &file, false), Some(VastVersion::V3_0));
    assert_eq!(best(&[2, 3, 5, 6], &file, false), Some(VastVersion::V3_0));
    assert_eq!(best(&[13, 2, 7, 99], &file, false), Some(VastVersion::V4_2));
    assert_eq!(best(&[13, 15], &file, false), Some(VastVersion::V4_3));
    assert_eq!(best(&[9, 10], &file, true), Some(VastVersion::Daast));
    assert_eq!(best(&[9, 2], &file, true), Some(VastVersion::V2_0));
    assert_eq!(
        best(&[5, 6, 8, 9, 10], &file, false),
        None,
        "wrappers and DAAST"
    );
    let skips = Media {
        skip_after_s: Some(5),
        ..file
    };
    assert_eq!(best(&[2], &skips, false), None, "2.0 knows no skipping");
    let CreativeFormat::Video(wrapper) = full_media("", "https://a.example/", true).format else {
        return;
    };
    assert_eq!(best(&[2, 3, 7], &wrapper, false), None);
    assert_eq!(
        best(&[3, 5, 6, 8], &wrapper, false),
        Some(VastVersion::V4_0)
    );
}

fn banner(markup: BannerMarkup, text: &str) -> String {
    banner_with(markup, text, false)
}

fn banner_with(markup: BannerMarkup, text: &str, script: bool) -> String {
    let creative = creative(CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup,
    });
    written(&creative, Shape::Banner { script }, &fill(text))
}

const PIXEL_IMAGE: &str = "<img src=\"https://pixel.example/imp?t=ET\" width=\"1\" height=\"1\" style=\"position:absolute;border:0\" alt=\"\">";

#[test]
fn a_picture_is_linked_and_counted() {
    let url = "https://cdn.example/a.png?\"><script>".to_owned();
    let found = banner(BannerMarkup::Image { url }, "");
    let expected = format!(
        "<a href=\"{CLICK}\" target=\"_blank\" rel=\"noopener\">\
         <img src=\"https://cdn.example/a.png?&quot;&gt;&lt;script&gt;\" width=\"300\" height=\"250\" style=\"border:0\" alt=\"\"></a>{PIXEL_IMAGE}"
    );
    assert_eq!(found, expected);
}

#[test]
fn others_count_banners_too() {
    let url = "https://cdn.example/a.png".to_owned();
    let mut creative = creative(CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup: BannerMarkup::Image { url },
    });
    creative.trackers.impression = vec![TRACKER.to_owned()];
    let found = written(&creative, Shape::Banner { script: false }, &fill("a&b"));
    let expected = "<img src=\"https://count.example/i?c=7&amp;s=a%26b&amp;u=https%3A%2F%2Fpixel.example%2Fclick%3Ft%3DCT&amp;d=a%26b\" width=\"1\"";
    assert!(found.contains(expected), "{found}");
}

#[test]
fn a_script_tells_of_the_view_where_scripts_may_be() {
    let html = "<b>x</b>".to_owned();
    let found = banner_with(BannerMarkup::Html { html }, "", true);
    assert!(
        found.starts_with("<div style=\"width:300px;height:250px\"><b>x</b></div><script>"),
        "{found}"
    );
    assert!(
        found.contains(&format!("(document,\"{VIEW}\",.5)</script>")),
        "{found}"
    );
    assert!(found.ends_with(PIXEL_IMAGE), "{found}");
    let html = "<!DOCTYPE html><html><body>x</body></html>".to_owned();
    let found = banner_with(BannerMarkup::Html { html }, "", true);
    assert!(
        !found.contains("<script"),
        "a document is not put into an element: {found}"
    );
}

#[test]
fn macros_are_escaped_for_where_they_stand() {
    let html = "<a href=\"{CLICK_URL}\" title=\"{SITE}\">{SITE}</a><script>go('{CLICK_URL}','{SITE}','{SITE_ENC2}')</script>\
                <img src=\"https://x.example/?{SITE}&{CACHEBUSTER}{CAMPAIGN_ID}{LINE_ITEM_ID}{CREATIVE_ID}{GDPR}{GPP_SID}{WIDTH}x{HEIGHT}\">";
    let found = banner(
        BannerMarkup::Tag {
            html: html.to_owned(),
        },
        "a'\"<b>&c",
    );
    let expected = format!(
        "<a href=\"{CLICK}\" title=\"a&#39;&quot;&lt;b&gt;&amp;c\">a&#39;&quot;&lt;b&gt;&amp;c</a>\
         <script>go('{CLICK}','a%27%22%3Cb%3E%26c','a%2527%2522%253Cb%253E%2526c')</script>\
         <img src=\"https://x.example/?a%27%22%3Cb%3E%26c&712345612%2C6300x250\">{PIXEL_IMAGE}"
    );
    assert_eq!(found, expected);
}

#[test]
fn the_exchanges_macros_stay_in_every_kind_of_markup() {
    let macros: Vec<_> = OPENRTB
        .iter()
        .flat_map(|name| [format!("${{{name}}}"), format!("${{{name}:B64}}")])
        .collect();
    let url = format!("https://x.example/?{}", macros.join("&"));
    let html = format!("<a href='{url}'>{{CLICK_URL}}</a>");
    let mut texts = vec![banner(BannerMarkup::Html { html }, "")];
    for version in VastVersion::ALL {
        texts.push(vast(&full_media("", &url, true), version, ""));
    }
    let mut native = tracked(assets());
    native.trackers.impression = vec![url];
    let request = json!({ "assets": [{ "id": 1, "title": {} }] });
    texts.push(answer_to(&request, &native, "").unwrap().to_string());
    for text in texts {
        for name in &macros {
            assert!(text.contains(name), "{name} in {text}");
        }
    }
}

fn assets() -> NativeAssets {
    NativeAssets {
        title: "Тёплый шарф".to_owned(),
        description: "Wool.".to_owned(),
        sponsored: "Shop".to_owned(),
        call_to_action: "Buy".to_owned(),
        image: picture("large.png", 1200, 627),
        icon: picture("icon.jpg", 80, 80),
    }
}

/// A native ad that others count.
fn tracked(assets: NativeAssets) -> Creative {
    let mut creative = creative(CreativeFormat::Native(assets));
    creative.trackers = Trackers {
        impression: vec![TRACKER.to_owned()],
        click: vec![TRACKER.to_owned()],
    };
    creative
}

/// Asks through a whole bid request, so that the native request is read as in production.
fn answer_to(request: &Value, creative: &Creative, text: &str) -> Result<Value, NativeMismatch> {
    let body =
        json!({ "id": "1", "imp": [{ "id": "1", "native": { "request": request.to_string() } }] });
    let mut body = body.to_string().into_bytes();
    let mut arena = Arena::new();
    let parsed = parse(&mut body, &mut arena).unwrap();
    let native = parsed.imps[0].native.as_ref().unwrap().parsed().unwrap();
    let written = try_written(creative, Shape::Native(native), &fill(text))?;
    Ok(serde_json::from_str(&written).unwrap())
}

fn answer(request: &Value, assets: &NativeAssets) -> Result<Value, NativeMismatch> {
    let creative = creative(CreativeFormat::Native(assets.clone()));
    answer_to(request, &creative, "")
}

#[test]
fn others_count_native_ads_too() {
    let request = json!({ "assets": [{ "id": 1, "title": {} }],
        "eventtrackers": [{ "event": 1, "methods": [1] }] });
    let found = answer_to(&request, &tracked(assets()), "a\"b").unwrap();
    let counted = "https://count.example/i?c=7&s=a%22b&u=https%3A%2F%2Fpixel.example%2Fclick%3Ft%3DCT&d=a%22b";
    assert_eq!(
        found["link"],
        json!({ "url": CLICK, "clicktrackers": [counted] })
    );
    assert_eq!(
        found["eventtrackers"][1],
        json!({ "event": 1, "method": 1, "url": counted })
    );
    assert_eq!(found["imptrackers"], Value::Null);
}

#[test]
fn a_layout_is_filled_with_what_fits() {
    let request = json!({ "ver": "1.2", "assets": [
        { "id": 1, "required": 1, "title": { "len": 11 } },
        { "id": 2, "required": 1, "img": { "type": 3, "wmin": 600, "hmin": 300 } },
        { "id": 3, "img": { "type": 1, "w": 80, "h": 80, "mimes": ["image/jpeg"] } },
        { "id": 4, "data": { "type": 1 } }, { "id": 5, "data": { "type": 2, "len": 3 } },
        { "id": 6, "data": { "type": 12 } }, { "id": 7, "data": { "type": 3 } }, { "id": 8, "video": {} },
    ], "eventtrackers": [{ "event": 1, "methods": [1, 2] }, { "event": 2, "methods": [1] }] });
    let found = answer(&request, &assets()).unwrap();
    let expected = json!({ "ver": "1.2", "link": { "url": CLICK }, "assets": [
        { "id": 1, "title": { "text": "Тёплый шарф" } },
        { "id": 2, "img": { "url": "https://cdn.example/large.png", "w": 1200, "h": 627 } },
        { "id": 3, "img": { "url": "https://cdn.example/icon.jpg", "w": 80, "h": 80 } },
        { "id": 4, "data": { "value": "Shop" } }, { "id": 6, "data": { "value": "Buy" } },
    ], "eventtrackers": [
        { "event": 1, "method": 1, "url": IMPRESSION }, { "event": 2, "method": 1, "url": VIEW },
    ] });
    assert_eq!(found, expected);
}

#[test]
fn version_1_0_is_wrapped_and_counted_the_old_way() {
    let request =
        json!({ "native": { "ver": "1.0", "assets": [{ "id": 1, "title": { "len": 90 } }] } });
    let found = answer(&request, &assets()).unwrap();
    let expected = json!({ "native": { "ver": "1.0", "link": { "url": CLICK },
        "assets": [{ "id": 1, "title": { "text": "Тёплый шарф" } }], "imptrackers": [IMPRESSION] } });
    assert_eq!(found, expected);
}

#[test]
fn a_layout_that_cannot_be_filled_is_refused() {
    let required = |asset: Value| {
        let mut asset = asset;
        asset["id"] = json!(9);
        asset["required"] = json!(1);
        json!({ "assets": [{ "id": 1, "title": {} }, asset] })
    };
    for asset in [
        json!({ "title": { "len": 10 } }),
        json!({ "data": { "type": 2, "len": 4 } }),
        json!({ "data": { "type": 3 } }),
        json!({ "video": {} }),
        json!({ "img": { "type": 3, "w": 1200, "h": 600 } }),
        json!({ "img": { "type": 3, "wmin": 1201 } }),
        json!({ "img": { "type": 3, "mimes": ["image/jpeg"] } }),
        json!({ "img": { "type": 501 } }),
    ] {
        let error = answer(&required(asset.clone()), &assets()).unwrap_err();
        assert_eq!(error, NativeMismatch::Required { id: 9 }, "{asset}");
    }
    let nothing = json!({ "assets": [{ "id": 1, "data": { "type": 3 } }] });
    let error = answer(&nothing, &assets()).unwrap_err();
    assert_eq!(error, NativeMismatch::Nothing);
}
