//! Markup that a win notice fetches is the markup that the bid would have had.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "a part of the support is for other tests")]

#[path = "support/ads.rs"]
mod ads;

use ads::{PIXEL, TRACKER, creative, fill, picture};
use domain::creative::{BannerMarkup, Media, MediaFile, NativeAssets, Trackers};
use domain::{Creative, CreativeFormat};
use proto::event::{BidRef, EncodedRef};
use proto::openrtb::markup::on_win::{Won, cachebuster};
use proto::openrtb::markup::{Compiler, Fill, Filled, Out, Shape, VastVersion};
use proto::openrtb::{Arena, parse};
use proto::token::{Sealed, TokenKeys};
use serde_json::json;

const TAG: &str = "<a href=\"{CLICK_URL}\">{SITE}</a><script src=\"https://t.example/?a={AUCTION_ID}&c={GDPR_CONSENT}&g={GDPR}\
    &u={US_PRIVACY}&p={GPP}&s={GPP_SID}&d={DEVICE_ID}&b={APP_BUNDLE}&e={EXCHANGE}&l={LINE_ITEM_ID}&n={CACHEBUSTER}\
    &w={WIDTH}\"></script>";

/// The markup of the bid and the one of its notice.
fn both(creative: &Creative, shape: Shape<'_>) -> [String; 2] {
    let mut ids = domain::ids::BidIds::new(7);
    let reference = BidRef {
        bid_id: ids.next_id().0.to_vec(),
        campaign: 12,
        line_item: 34,
        creative: creative.id.0,
        exchange: "x y&z\"".into(),
        ..BidRef::default()
    };
    let fill = Fill {
        cachebuster: cachebuster(reference.id()),
        ..fill("x y&z\"")
    };
    let filled = Filled {
        markup: &Compiler::new(PIXEL).compile(creative),
        creative,
        shape,
        fill: &fill,
    };
    let (mut now, mut later) = (Vec::new(), Vec::new());
    filled.write(&mut Out::plain(&mut now)).unwrap();
    let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
    let mut sealed = Sealed::default();
    let people = EncodedRef::default();
    keys.seal_rendering(&mut sealed, reference.id(), |out| {
        filled.write_rendering(out, &people);
    });
    let (id, rendering) = keys.open_rendering(sealed.as_str()).unwrap();
    assert_eq!(id, reference.id());
    let won = Won {
        reference: &reference,
        rendering: &rendering,
        click_token: fill.click_token,
        event_token: fill.event_token,
    };
    won.write(&mut later, creative, PIXEL).unwrap();
    [now, later].map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn banners_are_written_alike() {
    for html in [TAG, "<b>plain</b>"] {
        for script in [false, true] {
            let creative = creative(CreativeFormat::Banner {
                width: 300,
                height: 250,
                markup: BannerMarkup::Html { html: html.into() },
            });
            let [now, later] = both(&creative, Shape::Banner { script });
            assert_eq!(now, later);
        }
    }
}

#[test]
fn vast_is_written_alike() {
    let file = |name: &str| MediaFile {
        url: format!("https://cdn.example/{name}"),
        mime: "video/mp4".to_owned(),
        width: 640,
        height: 360,
        bitrate_kbps: 800,
    };
    let mut media = Media::of_file(15, file("one.mp4"));
    media.source = domain::creative::MediaSource::Files(vec![file("one.mp4"), file("two.mp4")]);
    for format in [
        CreativeFormat::Video(media.clone()),
        CreativeFormat::Audio(media),
    ] {
        let mut creative = creative(format);
        creative.trackers.impression = vec![TRACKER.to_owned()];
        for version in VastVersion::ALL {
            for files in [1, 2, 3] {
                let [now, later] = both(&creative, Shape::Media { version, files });
                assert_eq!(now, later);
            }
        }
    }
}

#[test]
fn native_is_written_alike() {
    let mut creative = creative(CreativeFormat::Native(NativeAssets {
        title: "A \"title\"".to_owned(),
        description: "d".to_owned(),
        sponsored: "s".to_owned(),
        call_to_action: "c".to_owned(),
        image: picture("i.png", 1200, 627),
        icon: picture("k.png", 80, 80),
    }));
    creative.trackers = Trackers {
        impression: vec![TRACKER.to_owned()],
        click: vec![TRACKER.to_owned()],
    };
    let told = |event: u32| json!({"event": event, "methods": [1]});
    for (version, events) in [
        ("1.2", json!([told(1), told(2)])),
        ("1.2", json!([told(2)])),
        ("1.1", json!([])),
        ("1.0", json!([])),
    ] {
        let layout = json!({"ver": version, "eventtrackers": events, "assets": [
            {"id": -1, "title": {"len": 9}}, {"id": 5_000_000_000_u64, "img": {"type": 3, "wmin": 600}}, {"id": 0, "img": {"type": 1}},
            {"id": 3, "data": {"type": 12}}, {"id": 4, "data": {"type": 2, "len": 1}}, {"id": 5, "data": {"type": 1}},
            {"id": 6, "data": {"type": 3}},
        ]});
        let native = json!({"request": layout.to_string()});
        let request = json!({"id": "r", "imp": [{"id": "1", "native": native}]});
        let mut bytes = request.to_string().into_bytes();
        let mut arena = Arena::new();
        let request = parse(&mut bytes, &mut arena).unwrap();
        let slot = request.imps[0].native.as_ref().unwrap();
        let [now, later] = both(&creative, Shape::Native(slot.parsed().unwrap()));
        assert_eq!(now, later);
    }
}
