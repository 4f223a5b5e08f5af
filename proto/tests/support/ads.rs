//! A creative, a request and their addresses, for tests of markup.

use std::collections::BTreeMap;

use domain::creative::{Picture, Trackers};
use domain::{AdvertiserId, CampaignId, Creative, CreativeFormat, CreativeId, LineItemId, Status};
use proto::openrtb::markup::{Compiler, Fill, Filled, NativeMismatch, Out, Shape};

pub(crate) const PIXEL: &str = "https://pixel.example";
pub(crate) const CLICK: &str = "https://pixel.example/click?t=CT";
pub(crate) const IMPRESSION: &str = "https://pixel.example/imp?t=ET";
pub(crate) const VIEW: &str = "https://pixel.example/view?t=ET";
pub(crate) const TRACKER: &str =
    "https://count.example/i?c={CACHEBUSTER}&s={SITE}&u={CLICK_URL_ENC}&d={DEVICE_ID}";

pub(crate) fn creative(format: CreativeFormat) -> Creative {
    Creative {
        id: CreativeId(56),
        advertiser: AdvertiserId(1),
        name: "Scarf & more".to_owned(),
        status: Status::Active,
        format,
        click_url: "https://shop.example/".to_owned(),
        adomain: "shop.example".to_owned(),
        categories: Vec::new(),
        taxonomy: 1,
        attributes: Vec::new(),
        apis: Vec::new(),
        language: None,
        frequency_caps: Vec::new(),
        app_store: None,
        sample_url: None,
        trackers: Trackers::default(),
        approvals: BTreeMap::new(),
    }
}

/// A request of which every text is the same.
pub(crate) fn fill(text: &str) -> Fill<'_> {
    Fill {
        click_token: "CT",
        event_token: "ET",
        cachebuster: 7,
        auction_id: text,
        campaign: CampaignId(12),
        line_item: LineItemId(34),
        exchange: text,
        site: text,
        app_bundle: text,
        gdpr: Some(true),
        gdpr_consent: text,
        us_privacy: text,
        gpp: text,
        gpp_sid: &[2, 6],
        device_id: text,
        size: (300, 250),
    }
}

/// The markup of an ad. Written inside a JSON string it says the same.
pub(crate) fn try_written(
    creative: &Creative,
    shape: Shape<'_>,
    fill: &Fill<'_>,
) -> Result<String, NativeMismatch> {
    let ad = Filled {
        markup: &Compiler::new(PIXEL).compile(creative),
        creative,
        shape,
        fill,
    };
    let (mut plain, mut json) = (Vec::new(), vec![b'"']);
    let done = ad.write(&mut Out::plain(&mut plain));
    assert_eq!(ad.write(&mut Out::in_json(&mut json)), done);
    json.push(b'"');
    let plain = String::from_utf8(plain).unwrap();
    assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), plain);
    if done.is_err() {
        assert_eq!(plain, "", "nothing is left behind");
    }
    done.map(|()| plain)
}

pub(crate) fn written(creative: &Creative, shape: Shape<'_>, fill: &Fill<'_>) -> String {
    try_written(creative, shape, fill).unwrap()
}

pub(crate) fn picture(name: &str, width: u32, height: u32) -> Picture {
    Picture {
        url: format!("https://cdn.example/{name}"),
        width,
        height,
    }
}
