//! The judge's rules for VAST and DAAST documents: what a player needs, and what the slot accepts.

use roxmltree::{Document, Node};
use serde_json::Value;

use super::Rule;
use super::json::{integer, integers, number, texts};
use super::media::{Broken, accepts_duration, seconds};

/// OpenRTB's ways of delivery; what is loaded as a file can be kept as one.
const STREAMING: i64 = 1;
const PROGRESSIVE: i64 = 2;
const DOWNLOAD: i64 = 3;
/// VAST for sound alone, before 4.1 took it in.
const DAAST: &str = "DAAST";
/// Types that go by two names.
const SAME_TYPE: [(&str, &str); 2] = [("audio/mpeg", "audio/mp3"), ("audio/mp4", "audio/x-m4a")];
/// AdCOM's creative attribute of an ad that brings its own way to skip.
const SKIPPABLE: i64 = 16;
/// Elements whose text is loaded from.
const ADDRESSES: [&str; 10] = [
    "Impression",
    "Tracking",
    "ClickTracking",
    "Error",
    "Viewable",
    "ClickThrough",
    "CustomClick",
    "VASTAdTagURI",
    "DAASTAdTagURI",
    "MediaFile",
];
/// Those of them that only count.
const TRACKERS: [&str; 5] = [
    "Impression",
    "Tracking",
    "ClickTracking",
    "Error",
    "Viewable",
];

pub(super) fn check(
    (offer, imp): (&Value, &Value),
    bid: &Value,
    markup: &str,
    broken: &mut Broken,
) {
    let document = match Document::parse(markup.trim_start()) {
        Ok(document) => document,
        Err(error) => {
            return broken.push((Rule::Vast, format!("not well-formed: {error}")));
        }
    };
    let root = document.root_element();
    let ad = child(root, "Ad");
    let inline = ad.and_then(|ad| child(ad, "InLine"));
    let wrapper = ad.and_then(|ad| child(ad, "Wrapper"));
    let Some(body) = inline
        .or(wrapper)
        .filter(|_| ["VAST", DAAST].contains(&root.tag_name().name()))
    else {
        return broken.push((Rule::Vast, "neither wrapper nor in-line".into()));
    };
    addresses(root, imp, broken);
    protocol(root, offer, wrapper.is_some(), broken);
    for (name, why) in [
        ("AdSystem", "no ad system"),
        ("Impression", "no impression"),
    ] {
        if full_child(body, name).is_none() {
            broken.push((Rule::Vast, why.into()));
        }
    }
    if inline.is_some() {
        let version = root.attribute("version").unwrap_or_default();
        in_line(body, version, (offer, bid), broken);
    } else if full_child(body, &format!("{}AdTagURI", root.tag_name().name())).is_none() {
        broken.push((Rule::Vast, "a wrapper around nothing".into()));
    } else if let Some(length) = number(&bid["dur"])
        && !accepts_duration(offer, length)
    {
        broken.push((Rule::Duration, format!("{length} s")));
    }
}

fn child<'a, 'b>(parent: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    parent
        .children()
        .find(|node| node.tag_name().name() == name)
}

/// A child that has some text or children.
fn full_child<'a, 'b>(parent: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    parent
        .children()
        .filter(|node| node.tag_name().name() == name)
        .find(|node| !content(*node).is_empty() || node.first_element_child().is_some())
}

/// All text of an element.
fn content(node: Node<'_, '_>) -> String {
    let texts = node.children().filter_map(|part| part.text());
    texts.collect::<String>().trim().to_owned()
}

fn addresses(root: Node<'_, '_>, imp: &Value, broken: &mut Broken) {
    for node in root.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if !ADDRESSES.contains(&name) {
            continue;
        }
        let url = content(node);
        let sealed = url.starts_with("https://");
        let plain = url.starts_with("http://") && integer(&imp["secure"]) != Some(1);
        if url.is_empty() && name == "Impression" || url.is_empty() && name == "VASTAdTagURI" {
            continue;
        }
        if !(sealed || plain && !TRACKERS.contains(&name)) {
            broken.push((Rule::Vast, format!("{name} at {url:?}")));
        }
    }
}

fn protocol(root: Node<'_, '_>, offer: &Value, wrapper: bool, broken: &mut Broken) {
    let version = root.attribute("version").unwrap_or_default();
    let accepted = [
        integers(&offer["protocols"]),
        integer(&offer["protocol"]).into_iter().collect(),
    ]
    .concat();
    let root = root.tag_name().name();
    let number = match (root, version) {
        (DAAST, "1.0") => Some(if wrapper { 10 } else { 9 }),
        (DAAST, _) => None,
        _ => protocol_number(version, wrapper),
    };
    let fits = number.is_some_and(|number| accepted.is_empty() || accepted.contains(&number));
    if !fits {
        broken.push((Rule::Protocol, format!("{root} {version} not accepted")));
    }
}

/// The OpenRTB number of a VAST version, in-line or wrapper.
fn protocol_number(version: &str, wrapper: bool) -> Option<i64> {
    let (inline, wrapped) = match version {
        "2.0" => (2, 5),
        "3.0" => (3, 6),
        "4.0" => (7, 8),
        "4.1" => (11, 12),
        "4.2" => (13, 14),
        "4.3" => (15, 16),
        _ => return None,
    };
    Some(if wrapper { wrapped } else { inline })
}

fn in_line(body: Node<'_, '_>, version: &str, (offer, bid): (&Value, &Value), broken: &mut Broken) {
    let mut missing = |what: &str| broken.push((Rule::Vast, format!("no {what}")));
    if full_child(body, "AdTitle").is_none() {
        missing("title");
    }
    if matches!(version, "4.1" | "4.2" | "4.3") && full_child(body, "AdServingId").is_none() {
        missing("serving id");
    }
    let creative = child(body, "Creatives").and_then(|all| child(all, "Creative"));
    let Some(creative) = creative else {
        return missing("creative");
    };
    let named = child(creative, "UniversalAdId").and_then(|id| id.attribute("idRegistry"));
    if version.starts_with('4') && named.is_none() {
        missing("universal id");
    }
    let Some(linear) = child(creative, "Linear") else {
        let overlays = child(creative, "NonLinearAds").is_some();
        if !overlays || integer(&offer["linearity"]) == Some(1) {
            missing("linear ad");
        }
        return;
    };
    if integer(&offer["linearity"]) == Some(2) {
        broken.push((Rule::Vast, "a linear ad where only overlays fit".into()));
    }
    length(linear, (offer, bid), broken);
    skips(linear, bid, broken);
    files(linear, offer, broken);
}

fn length(linear: Node<'_, '_>, (offer, bid): (&Value, &Value), broken: &mut Broken) {
    let stated = child(linear, "Duration").and_then(|node| seconds(&content(node)));
    let Some(length) = stated else {
        return broken.push((Rule::Vast, "no duration".into()));
    };
    if !accepts_duration(offer, length) {
        broken.push((Rule::Duration, format!("{length} s")));
    }
    if number(&bid["dur"]).is_some_and(|told| told != length) {
        broken.push((
            Rule::Duration,
            format!("{} is told, {length} s play", bid["dur"]),
        ));
    }
}

/// Attribute 16 is for ads that bring their own way to skip, and those have it.
fn skips(linear: Node<'_, '_>, bid: &Value, broken: &mut Broken) {
    let skips = linear.attribute("skipoffset").is_some();
    let told = integers(&bid["attr"]).contains(&SKIPPABLE);
    if skips != told {
        let detail = format!("skippable: {skips}, declared: {told}");
        broken.push((Rule::Attribute, detail));
    }
}

/// One file must keep all of the slot's rules; else those that no file keeps are told.
fn files(linear: Node<'_, '_>, offer: &Value, broken: &mut Broken) {
    let list = child(linear, "MediaFiles");
    let files: Vec<_> = list
        .into_iter()
        .flat_map(|list| list.children())
        .filter(|node| node.tag_name().name() == "MediaFile")
        .collect();
    let tests: [(Rule, &str, Test); 5] = [
        (Rule::Vast, "complete", complete),
        (Rule::Mime, "of an accepted type", mime),
        (Rule::Bitrate, "of an accepted bit rate", bitrate),
        (Rule::Delivery, "delivered as accepted", delivery),
        (
            Rule::Api,
            "without a framework that is not offered",
            framework,
        ),
    ];
    let plays = |file: &Node<'_, '_>| tests.iter().all(|(.., test)| test(*file, offer));
    if files.iter().any(plays) {
        return;
    }
    let failed = tests
        .iter()
        .filter(|(.., test)| !files.iter().any(|file| test(*file, offer)));
    let before = broken.len();
    broken.extend(failed.map(|(rule, what, _)| (*rule, format!("no file is {what}"))));
    if broken.len() == before {
        broken.push((Rule::Mime, "no file keeps all rules at once".into()));
    }
}

type Test = fn(Node<'_, '_>, &Value) -> bool;

fn complete(file: Node<'_, '_>, offer: &Value) -> bool {
    let side = |name| {
        let side = file
            .attribute(name)
            .and_then(|text| text.parse::<u32>().ok());
        // Sound has no size; a slot for pictures has one, or says nothing.
        side.is_some_and(|side| side > 0) || !offer["feed"].is_null() || is_sound(file)
    };
    !content(file).is_empty()
        && file.attribute("delivery").is_some()
        && file.attribute("type").is_some_and(|kind| !kind.is_empty())
        && side("width")
        && side("height")
}

fn is_sound(file: Node<'_, '_>) -> bool {
    file.attribute("type")
        .is_some_and(|kind| kind.starts_with("audio/"))
}

fn mime(file: Node<'_, '_>, offer: &Value) -> bool {
    let accepted = texts(&offer["mimes"]);
    let own = file.attribute("type").unwrap_or_default();
    let own = own.to_ascii_lowercase();
    let is_taken = |mime: &String| {
        let mime = mime.trim().to_ascii_lowercase();
        let same = |(one, other): &(&str, &str)| {
            (*one, *other) == (own.as_str(), mime.as_str())
                || (*other, *one) == (own.as_str(), mime.as_str())
        };
        let all = mime
            .strip_suffix('*')
            .is_some_and(|kind| kind == "*/" || own.starts_with(kind));
        mime == own || all || SAME_TYPE.iter().any(same)
    };
    accepted.is_empty() || accepted.iter().any(is_taken)
}

/// One rate, or the range of a stream; unknown ones are taken.
fn bitrate(file: Node<'_, '_>, offer: &Value) -> bool {
    let attribute = |name| {
        file.attribute(name)
            .and_then(|text| text.parse::<f64>().ok())
    };
    let rate = attribute("bitrate");
    let (least, most) = (
        rate.or(attribute("minBitrate")),
        rate.or(attribute("maxBitrate")),
    );
    let limit = |name: &str| number(&offer[name]).filter(|limit| *limit > 0.0);
    limit("minbitrate")
        .zip(most)
        .is_none_or(|(limit, rate)| rate >= limit)
        && limit("maxbitrate")
            .zip(least)
            .is_none_or(|(limit, rate)| rate <= limit)
}

fn delivery(file: Node<'_, '_>, offer: &Value) -> bool {
    let accepted = integers(&offer["delivery"]);
    let own = match file.attribute("delivery") {
        Some("progressive") => PROGRESSIVE,
        Some("streaming") => STREAMING,
        _ => return false,
    };
    let kept = own == PROGRESSIVE && accepted.contains(&DOWNLOAD);
    accepted.is_empty() || accepted.contains(&own) || kept
}

fn framework(file: Node<'_, '_>, offer: &Value) -> bool {
    let offered = integers(&offer["api"]);
    match file.attribute("apiFramework") {
        None | Some("") => true,
        Some(name) if name.eq_ignore_ascii_case("VPAID") => {
            offered.contains(&1) || offered.contains(&2)
        }
        Some(_) => false,
    }
}
