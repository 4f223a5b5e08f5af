//! Responses and markup: what is written is read back as it was given, however hostile.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::creative::{BannerMarkup, Media, NativeAssets, Picture};
use domain::money::{Cpm, Currency, Micros};
use domain::targeting::Size;
use proptest::prelude::*;
use proto::openrtb::markup::{
    NativeMismatch, Tracking, VastAd, VastVersion, native_answer, vast_version, write_banner,
    write_vast,
};
use proto::openrtb::{
    Arena, Bid, DsaAnswer, MarkupType, ResponseHead, no_bid, parse, write_response,
};
use serde_json::{Value, json};

const VERSIONS: [VastVersion; 5] = [
    VastVersion::V2_0,
    VastVersion::V3_0,
    VastVersion::V4_0,
    VastVersion::V4_1,
    VastVersion::V4_2,
];
const HOSTILE: &str =
    "a\"b'c<d>&e]]>f\\g\n\u{0}\u{1}\u{b}\u{fffe}</Ad>ключ😀]]\u{1}>${AUCTION_PRICE}";
const TRACKING: Tracking<'static> = Tracking {
    click: "https://pixel.example/click?t=abc&x=1",
    impression: "https://pixel.example/imp?t=abc&p=${AUCTION_PRICE}",
    view: "https://pixel.example/view?t=abc",
};

fn head() -> ResponseHead<'static> {
    ResponseHead {
        id: "r",
        bidid: "b",
        cur: Currency::USD,
        seat: Some("s"),
    }
}

fn written(head: &ResponseHead<'_>, bids: &[Bid<'_>]) -> Value {
    let mut out = Vec::new();
    write_response(&mut out, head, bids);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_full_bid_is_written_field_by_field() {
    let categories = ["IAB3".to_owned(), "IAB3-1".to_owned()];
    let bid = Bid {
        adid: Some("a"),
        crid: "cr",
        cid: "c",
        adomain: "shop.example",
        cat: &categories,
        cattax: Some(6),
        attr: &[1, 16],
        burl: Some("https://b?p=${AUCTION_PRICE}"),
        nurl: Some("https://n"),
        lurl: Some("https://l"),
        iurl: Some("https://i"),
        w: 300,
        h: 250,
        dur_s: Some(15),
        slotinpod: Some(-1),
        dealid: Some("d"),
        exp_s: Some(300),
        language: Some("en"),
        langb: Some("en-GB"),
        apis: &[5],
        dsa: Some(DsaAnswer {
            behalf: "Shop",
            paid: "\"Agency\"",
        }),
        ..Bid::new(
            "1",
            "i1",
            Cpm(Micros(1_234_567)),
            MarkupType::Video,
            "<VAST/>",
        )
    };
    let found = written(
        &head(),
        &[bid, Bid::new("2", "i2", Cpm::ZERO, MarkupType::Banner, "x")],
    );
    let expected = json!({ "id": "r", "bidid": "b", "cur": "USD", "seatbid": [{ "seat": "s", "bid": [
        { "id": "1", "impid": "i1", "price": 1.234567, "adm": "<VAST/>", "mtype": 2, "adid": "a", "crid": "cr",
          "cid": "c", "adomain": ["shop.example"], "cat": ["IAB3", "IAB3-1"], "cattax": 6, "attr": [1, 16],
          "burl": "https://b?p=${AUCTION_PRICE}", "nurl": "https://n", "lurl": "https://l", "iurl": "https://i",
          "w": 300, "h": 250, "dur": 15, "slotinpod": -1, "dealid": "d", "exp": 300, "language": "en",
          "langb": "en-GB", "apis": [5], "ext": { "dsa": { "behalf": "Shop", "paid": "\"Agency\"" } } },
        { "id": "2", "impid": "i2", "price": 0, "adm": "x", "mtype": 1 },
    ] }] });
    assert_eq!(found, expected);
}

#[test]
fn prices_are_exact_decimals() {
    for (micros, expected) in [
        (0, "0"),
        (1, "0.000001"),
        (10, "0.00001"),
        (1_500_000, "1.5"),
        (2_000_000, "2"),
        (123_000_001, "123.000001"),
        (i64::MAX, "9223372036854.775807"),
    ] {
        let mut out = Vec::new();
        let bid = Bid::new("1", "1", Cpm(Micros(micros)), MarkupType::Banner, "");
        write_response(&mut out, &head(), &[bid]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("\"price\":{expected},")), "{text}");
    }
}

#[test]
fn a_reason_for_no_bid_is_a_response() {
    let mut out = Vec::new();
    no_bid(&mut out, "a\"b", 2);
    let found: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(found, json!({ "id": "a\"b", "seatbid": [], "nbr": 2 }));
}

proptest! {
    #[test]
    fn any_text_survives_a_response(id: String, imp: String, adm: String, price in 0..i64::MAX) {
        let bid = Bid {
            crid: &adm,
            burl: Some(&id),
            ..Bid::new(&id, &imp, Cpm(Micros(price)), MarkupType::Banner, &adm)
        };
        let found = written(&ResponseHead { id: &id, ..head() }, &[bid]);
        prop_assert_eq!(found["id"].as_str(), Some(id.as_str()));
        let bid = &found["seatbid"][0]["bid"][0];
        prop_assert_eq!(bid["impid"].as_str(), Some(imp.as_str()));
        prop_assert_eq!(bid["adm"].as_str(), Some(adm.as_str()));
        prop_assert_eq!(bid["burl"].as_str(), Some(id.as_str()));
    }

    #[test]
    fn any_text_leaves_vast_well_formed(text: String, url in "[ -~\u{0}-\u{10}]*(\\]\\]>)?[ -~]*", audio: bool) {
        for version in VERSIONS {
            well_formed(&vast(version, &text, &url, audio)).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn any_text_leaves_native_answers_parseable(title: String, url: String) {
        let creative = NativeAssets { title: title.clone(), ..creative() };
        let tracking = Tracking { click: &url, ..TRACKING };
        let answer = answer(&json!({ "assets": [{ "id": 1, "title": {} }, { "id": 2, "data": { "type": 1 } }] }), &creative, &tracking).unwrap();
        prop_assert_eq!(answer["link"]["url"].as_str(), Some(url.as_str()));
        if !title.is_empty() {
            prop_assert_eq!(answer["assets"][0]["title"]["text"].as_str(), Some(title.as_str()));
        }
    }
}

fn vast(version: VastVersion, text: &str, url: &str, audio: bool) -> String {
    let media = Media {
        url: url.to_owned(),
        mime: text.to_owned(),
        duration_s: 3_725,
        width: 640,
        height: 360,
        bitrate_kbps: 800,
    };
    let mut out = String::new();
    let tracking = Tracking {
        click: url,
        impression: TRACKING.impression,
        view: url,
    };
    let ad = VastAd {
        id: text,
        title: text,
        media: &media,
        audio,
        tracking,
        error: Some(url),
    };
    write_vast(&mut out, version, &ad);
    out
}

/// Checks XML without a document type: characters, nesting, quoted unique attributes, entities.
fn well_formed(xml: &str) -> Result<(), String> {
    let allowed = |c: char| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}' || "\t\r\n".contains(c);
    if let Some(bad) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("character {bad:?}"));
    }
    let mut rest = xml
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .ok_or("no declaration")?;
    let mut open = Vec::new();
    while let Some((text, markup)) = rest.split_once('<') {
        check_text(text)?;
        if let Some(section) = markup.strip_prefix("![CDATA[") {
            rest = section.split_once("]]>").ok_or("open CDATA")?.1;
            continue;
        }
        let (tag, after) = markup.split_once('>').ok_or("open tag")?;
        rest = after;
        match tag.strip_prefix('/') {
            Some(name) if open.pop() == Some(name) => {}
            Some(name) => return Err(format!("{name} closes nothing")),
            None => open.push(check_tag(tag)?),
        }
    }
    match open.is_empty() && rest.is_empty() {
        true => Ok(()),
        false => Err(format!("left open: {open:?}, after the end: {rest:?}")),
    }
}

fn check_tag(tag: &str) -> Result<&str, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(char::is_alphanumeric) {
        return Err(format!("name {name:?}"));
    }
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let (key, value) = rest.split_once("=\"").ok_or("no attribute")?;
        let (value, after) = value.split_once('"').ok_or("open attribute")?;
        if seen.contains(&key) || !key.chars().all(char::is_alphanumeric) {
            return Err(format!("attribute {key:?}"));
        }
        seen.push(key);
        check_text(value)?;
        rest = after.trim_start();
    }
    Ok(name)
}

fn check_text(text: &str) -> Result<(), String> {
    if text.contains("]]>") {
        return Err("a section's end in text".to_owned());
    }
    for part in text.split('&').skip(1) {
        let entity = part.split(';').next().unwrap_or_default();
        if !["amp", "lt", "gt", "quot", "#39"].contains(&entity) {
            return Err(format!("entity {entity:?}"));
        }
    }
    Ok(())
}

#[test]
fn vast_stays_well_formed_with_hostile_text() {
    assert!(well_formed("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"&x\"></a>").is_err());
    for version in VERSIONS {
        let found = vast(version, HOSTILE, HOSTILE, true);
        assert_eq!(well_formed(&found), Ok(()), "{found}");
    }
}

#[test]
fn vast_says_what_it_must() {
    let url = "https://cdn.example/a.mp4?x=1&y=2";
    for (version, label) in VERSIONS
        .into_iter()
        .zip(["2.0", "3.0", "4.0", "4.1", "4.2"])
    {
        let found = vast(version, "video/mp4", url, false);
        for part in [
            format!("<VAST version=\"{label}\">"),
            format!(
                "<Impression><![CDATA[{}]]></Impression>",
                TRACKING.impression
            ),
            format!("<Error><![CDATA[{url}]]></Error>"),
            format!("<ClickThrough><![CDATA[{url}]]></ClickThrough>"),
            format!("<Tracking event=\"midpoint\"><![CDATA[{url}]]></Tracking>"),
            "<Duration>01:02:05</Duration>".to_owned(),
            format!(
                "type=\"video/mp4\" width=\"640\" height=\"360\" bitrate=\"800\"><![CDATA[{url}]]></MediaFile>"
            ),
        ] {
            assert!(found.contains(&part), "{part} in {found}");
        }
        assert_eq!(found.matches("${AUCTION_PRICE}").count(), 1);
        assert_eq!(
            found.contains("UniversalAdId"),
            version >= VastVersion::V4_0
        );
        let audio = vast(version, "audio/mpeg", url, true);
        assert_eq!(
            audio.contains("adType=\"audio\""),
            version >= VastVersion::V4_1
        );
    }
}

#[test]
fn the_newest_inline_version_is_chosen() {
    assert_eq!(vast_version(&[]), Some(VastVersion::V3_0));
    assert_eq!(vast_version(&[2, 3, 5, 6]), Some(VastVersion::V3_0));
    assert_eq!(vast_version(&[13, 2, 7, 99]), Some(VastVersion::V4_2));
    assert_eq!(vast_version(&[5, 6, 8, 9, 10]), None, "wrappers and DAAST");
}

fn banner(markup: &BannerMarkup, tracking: &Tracking<'_>) -> String {
    let mut out = String::new();
    let size = Size {
        width: 300,
        height: 250,
    };
    write_banner(&mut out, markup, size, tracking);
    out
}

#[test]
fn a_picture_is_linked_and_counted() {
    let url = "https://cdn.example/a.png?\"><script>".to_owned();
    let found = banner(&BannerMarkup::Image { url }, &TRACKING);
    assert_eq!(
        found,
        "<a href=\"https://pixel.example/click?t=abc&amp;x=1\" target=\"_blank\" rel=\"noopener\">\
         <img src=\"https://cdn.example/a.png?&quot;&gt;&lt;script&gt;\" width=\"300\" height=\"250\" style=\"border:0\" alt=\"\"></a>\
         <img src=\"https://pixel.example/imp?t=abc&amp;p=${AUCTION_PRICE}\" width=\"1\" height=\"1\" style=\"position:absolute;border:0\" alt=\"\">"
    );
}

#[test]
fn the_advertisers_html_gets_the_click_address() {
    let html = "<a href=\"{CLICK_URL}\">x</a><script>go('{CLICK_URL}')</script>".to_owned();
    let tracking = Tracking {
        click: "https://pixel.example/click?t=a'\"<\\&u=1",
        ..TRACKING
    };
    let found = banner(&BannerMarkup::Html { html }, &tracking);
    let click = "https://pixel.example/click?t=a%27%22%3C%5C&u=1";
    let expected = format!("<a href=\"{click}\">x</a><script>go('{click}')</script><img src=");
    assert!(found.starts_with(&expected), "{found}");
    assert!(!found.contains("{CLICK_URL}"));
    assert!(found.contains("${AUCTION_PRICE}"));
}

fn picture(name: &str, width: u32, height: u32) -> Picture {
    Picture {
        url: format!("https://cdn.example/{name}"),
        width,
        height,
    }
}

fn creative() -> NativeAssets {
    NativeAssets {
        title: "Тёплый шарф".to_owned(),
        description: "Wool.".to_owned(),
        sponsored: "Shop".to_owned(),
        call_to_action: "Buy".to_owned(),
        image: picture("large.png", 1200, 627),
        icon: picture("icon.jpg", 80, 80),
    }
}

/// Asks through a whole bid request, so that the native request is read as in production.
fn answer(
    request: &Value,
    creative: &NativeAssets,
    tracking: &Tracking<'_>,
) -> Result<Value, NativeMismatch> {
    let body =
        json!({ "id": "1", "imp": [{ "id": "1", "native": { "request": request.to_string() } }] });
    let mut body = body.to_string().into_bytes();
    let mut arena = Arena::new();
    let parsed = parse(&mut body, &mut arena).unwrap();
    let native = parsed.imps[0].native.as_ref().unwrap().parsed().unwrap();
    let mut out = "before".to_owned();
    let result = native_answer(&mut out, native, creative, tracking);
    match result {
        Ok(()) => Ok(serde_json::from_str(out.strip_prefix("before").unwrap()).unwrap()),
        Err(error) => {
            assert_eq!(out, "before", "nothing is left behind");
            Err(error)
        }
    }
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
    let found = answer(&request, &creative(), &TRACKING).unwrap();
    let expected = json!({ "ver": "1.2", "link": { "url": TRACKING.click }, "assets": [
        { "id": 1, "title": { "text": "Тёплый шарф" } },
        { "id": 2, "img": { "url": "https://cdn.example/large.png", "w": 1200, "h": 627 } },
        { "id": 3, "img": { "url": "https://cdn.example/icon.jpg", "w": 80, "h": 80 } },
        { "id": 4, "data": { "value": "Shop" } }, { "id": 6, "data": { "value": "Buy" } },
    ], "eventtrackers": [
        { "event": 1, "method": 1, "url": TRACKING.impression }, { "event": 2, "method": 1, "url": TRACKING.view },
    ] });
    assert_eq!(found, expected);
}

#[test]
fn version_1_0_is_wrapped_and_counted_the_old_way() {
    let request =
        json!({ "native": { "ver": "1.0", "assets": [{ "id": 1, "title": { "len": 90 } }] } });
    let found = answer(&request, &creative(), &TRACKING).unwrap();
    let expected = json!({ "native": { "ver": "1.0", "link": { "url": TRACKING.click },
        "assets": [{ "id": 1, "title": { "text": "Тёплый шарф" } }], "imptrackers": [TRACKING.impression] } });
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
        let error = answer(&required(asset.clone()), &creative(), &TRACKING).unwrap_err();
        assert_eq!(error, NativeMismatch::Required { id: 9 }, "{asset}");
    }
    let nothing = json!({ "assets": [{ "id": 1, "data": { "type": 3 } }] });
    let error = answer(&nothing, &creative(), &TRACKING).unwrap_err();
    assert_eq!(error, NativeMismatch::Nothing);
}
