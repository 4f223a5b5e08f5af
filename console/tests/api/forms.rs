//! Forms sent back unchanged change nothing.

use axum::http::StatusCode;
use domain::campaign::Deals;
use domain::creative::{Media, MediaFile, NativeAssets, Picture};
use domain::targeting::{Dimension, Expression, Modifier};
use domain::{AdvertiserId, BidModel, CampaignId, Cpm, CreativeFormat, CreativeId};
use domain::{FrequencyCap, LineItem, Micros, Targeting};
use store::campaign::CampaignStore;

use crate::support::{ADMIN, World, creative, line_item};

/// What a browser would send for the page's main form, unchanged.
fn fields(page: &str) -> Vec<(String, String)> {
    let (_, page) = page.split_once("<main>").unwrap();
    let form = page
        .split("<form ")
        .find(|form| form.contains("name=\"name\""))
        .unwrap();
    let mut fields = Vec::new();
    let mut select = String::new();
    for tag in form.split('<').skip(1) {
        let (head, text) = tag.split_once('>').unwrap();
        let name = attribute(head, "name");
        match head.split_whitespace().next().unwrap() {
            "input" if head.contains("type=\"checkbox\"") && !head.contains(" checked") => {}
            "input" => fields.push((name, attribute(head, "value"))),
            "textarea" => fields.push((name, plain(text.strip_prefix('\n').unwrap()))),
            "select" => select = name,
            "option" if head.contains(" selected") => {
                fields.push((select.clone(), attribute(head, "value")));
            }
            "/form" => break,
            _ => {}
        }
    }
    fields
}

fn attribute(head: &str, name: &str) -> String {
    let marker = format!(" {name}=\"");
    let found = head.split_once(&marker);
    found.map_or(String::new(), |(_, rest)| {
        plain(rest.split_once('"').unwrap().0)
    })
}

fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// Opens a form and sends it back as it is; browsers send line breaks as CR LF.
async fn send_back(world: &World, edit: &str, action: &str) {
    let page = world.get(edit, ADMIN).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let fields = fields(&page.body);
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| (name, value.replace('\n', "\r\n")))
        .collect();
    let pairs: Vec<_> = fields
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let reply = world.post_raw(action, ADMIN, &pairs).await;
    assert_eq!(
        reply.status,
        StatusCode::SEE_OTHER,
        "{edit}: {}",
        reply.body
    );
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn full_targeting() -> Targeting {
    use Dimension as D;
    let mut it = Targeting::default();
    it.include(D::Exchanges, ["generic"]);
    it.include(D::Countries, ["DEU", "USA"]);
    it.exclude(D::Countries, ["FRA"]);
    it.exclude(D::Regions, ["USA-CA"]);
    it.include(D::Devices, ["phone"]);
    it.exclude(D::Devices, ["out_of_home"]);
    it.include(D::Os, ["android", "ios"]);
    it.exclude(D::Inventory, ["dooh"]);
    it.include(D::Sites, ["news.example", "com.App.Name"]);
    it.exclude(D::Sites, ["bad.example"]);
    it.include(D::Sizes, ["300x250"]);
    it.include(D::Hours, ["8", "9-10@user"]);
    it.exclude(D::Hours, ["167"]);
    it.include(D::Segments, ["a b", "7"]);
    it.exclude(D::Places, ["48.137 11.575 25"]);
    it.include(D::Metrics, ["viewability 70-100"]);
    it.include(D::Rolls, ["pre", "mid"]);
    let is = |dimension, value: &str| Expression::Is(dimension, [value].into_iter().collect());
    let not = Expression::Not(Box::new(is(D::Languages, "de")));
    it.groups = Some(Box::new(Expression::Any(vec![is(D::Ages, "18-34"), not])));
    it.modifiers = vec![Modifier {
        dimension: D::OsVersions,
        value: "ios 15-17".into(),
        factor_ppm: 1_250_000,
    }];
    it
}

fn full_line_item() -> LineItem {
    LineItem {
        bid: BidModel::Cpa(Micros(12_345_678)),
        max_bid: Cpm(Micros(1)),
        targeting: full_targeting(),
        frequency_caps: vec![
            FrequencyCap {
                impressions: 3,
                window_s: 86_400,
                per: domain::IdScope::User,
            },
            FrequencyCap {
                impressions: 1,
                window_s: 61,
                per: domain::IdScope::User,
            },
        ],
        deals: Deals::Only(texts(&["deal-1", "deal 2"])),
        ..line_item("Full", CampaignId(1), CreativeId(1))
    }
}

#[tokio::test]
async fn unchanged_forms_change_nothing() {
    let world = World::new();
    let item = world.campaigns.put_line_item(&full_line_item()).unwrap();
    let mut plain_item = line_item("Plain", CampaignId(1), CreativeId(1));
    plain_item.deals = Deals::OpenAndAnyDeal;
    let plain_item = world.campaigns.put_line_item(&plain_item).unwrap();
    let before = world.campaigns.catalogue().unwrap();
    let mut addresses = vec![
        "/advertisers/1".to_owned(),
        "/campaigns/1".to_owned(),
        "/creatives/1".to_owned(),
        format!("/line-items/{item}"),
        format!("/line-items/{plain_item}"),
    ];
    addresses.extend(formats(&world).iter().map(|id| format!("/creatives/{id}")));
    let mut after = world.campaigns.catalogue().unwrap();
    after.revision = before.revision;
    for address in &addresses {
        send_back(&world, &format!("{address}/edit"), address).await;
    }
    let mut now = world.campaigns.catalogue().unwrap();
    assert!(now.revision > after.revision + 5, "each form was stored");
    now.revision = after.revision;
    assert_eq!(now, after);
}

/// A creative of each other format.
fn formats(world: &World) -> Vec<CreativeId> {
    let media = |kind: &str, side: u32| {
        Media::of_file(
            15,
            MediaFile {
                url: format!("https://cdn.example.com/ad.{kind}"),
                mime: format!("{kind}/mp4"),
                width: side,
                height: side,
                bitrate_kbps: 800,
            },
        )
    };
    let picture = |side: u32| Picture {
        url: "https://cdn.example.com/p.png".to_owned(),
        width: side,
        height: side,
    };
    let native = NativeAssets {
        title: "Title & more".to_owned(),
        description: "Text".to_owned(),
        sponsored: "Shop".to_owned(),
        call_to_action: "Go".to_owned(),
        image: picture(1200),
        icon: picture(100),
    };
    let formats = [
        CreativeFormat::Video(media("video", 640)),
        CreativeFormat::Audio(media("audio", 0)),
        CreativeFormat::Native(native),
    ];
    let put = |format| {
        let mut one = creative("More", AdvertiserId(1));
        one.format = format;
        one.language = None;
        world.campaigns.put_creative(&one).unwrap()
    };
    formats.into_iter().map(put).collect()
}
