//! The judge's rules for banners, VAST documents and native answers.

use domain::Micros;
use serde_json::Value;

use super::Rule;
use super::json::{integer, integers, is_set, items, number, price, text, texts};
use crate::render::{Markup, elements, kind};

/// The four kinds of ad, numbered as `mtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Banner,
    Video,
    Audio,
    Native,
}

type Broken = Vec<(Rule, String)>;

impl Medium {
    pub(super) const ALL: [Self; 4] = [Self::Banner, Self::Video, Self::Audio, Self::Native];

    /// The impression's field that offers it.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Native => "native",
        }
    }

    /// Its `mtype`.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Banner => 1,
            Self::Video => 2,
            Self::Audio => 3,
            Self::Native => 4,
        }
    }

    /// Whether markup is of this medium.
    pub(super) fn fits(self, markup: &str) -> bool {
        match self {
            Self::Banner => kind(markup) == Markup::Html,
            Self::Video | Self::Audio => kind(markup) == Markup::Vast,
            Self::Native => kind(markup) == Markup::Native,
        }
    }

    /// The rules of this medium.
    pub(super) fn check(self, offer: &Value, bid: &Value, markup: &str, broken: &mut Broken) {
        match self {
            Self::Banner => banner(offer, bid, broken),
            Self::Video | Self::Audio => vast(offer, markup, broken),
            Self::Native => native(offer, markup, broken),
        }
    }
}

fn banner(offer: &Value, bid: &Value, broken: &mut Broken) {
    let size = |owner: &Value| integer(&owner["w"]).zip(integer(&owner["h"]));
    let formats = items(&offer["format"]);
    if formats.is_empty() && size(offer).is_none() {
        return;
    }
    let fits = size(bid).is_some_and(|bid| {
        size(offer) == Some(bid)
            || formats
                .iter()
                .any(|format| size(format) == Some(bid) || flexes(format, bid))
    });
    if !fits {
        broken.push((Rule::Size, format!("{} x {}", bid["w"], bid["h"])));
    }
}

/// Whether a size has the ratio of a flexible format, to a pixel, and its least width.
fn flexes(format: &Value, (width, height): (i64, i64)) -> bool {
    let ratio = integer(&format["wratio"]).zip(integer(&format["hratio"]));
    ratio.is_some_and(|(across, down)| {
        across > 0
            && down > 0
            && width >= integer(&format["wmin"]).unwrap_or(0)
            && (width * down - height * across).abs() <= across.max(down)
    })
}

fn vast(offer: &Value, markup: &str, broken: &mut Broken) {
    let wrapper = markup.contains("<Wrapper");
    if !wrapper && (!markup.contains("<InLine") || !markup.contains("<MediaFile")) {
        broken.push((Rule::Vast, "neither wrapper nor in-line with a file".into()));
        return;
    }
    if elements(markup, "Impression").is_empty() {
        broken.push((Rule::Vast, "no impression".into()));
    }
    if integer(&offer["linearity"]) == Some(2) {
        broken.push((Rule::Vast, "a linear ad where only overlays fit".into()));
    }
    let version = attribute(markup, "<VAST", "version").unwrap_or_default();
    let accepted = integers(&offer["protocols"]);
    let protocol = protocol(&version, wrapper);
    if protocol.is_none()
        || (!accepted.is_empty() && !accepted.iter().any(|p| Some(*p) == protocol))
    {
        broken.push((Rule::Protocol, format!("VAST {version} not accepted")));
    }
    if wrapper {
        return;
    }
    let mimes = texts(&offer["mimes"]);
    let files: Vec<_> = markup.split("<MediaFile").skip(1).collect();
    let plays = files.iter().any(|file| {
        attribute(file, "", "type").is_some_and(|mime| mimes.is_empty() || mimes.contains(&mime))
    });
    if !plays {
        broken.push((Rule::Mime, format!("no file of {mimes:?}")));
    }
    let duration = elements(markup, "Duration")
        .first()
        .and_then(|text| seconds(text));
    match duration {
        None => broken.push((Rule::Vast, "no duration".into())),
        Some(seconds) if !accepts_duration(offer, seconds) => {
            broken.push((Rule::Duration, format!("{seconds} s")));
        }
        Some(_) => {}
    }
}

/// The OpenRTB number of a VAST version, in-line or wrapper.
fn protocol(version: &str, wrapper: bool) -> Option<i64> {
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

fn accepts_duration(offer: &Value, seconds: f64) -> bool {
    let required = integers(&offer["rqddurs"]);
    if !required.is_empty() {
        return required.iter().any(|required| *required as f64 == seconds);
    }
    let most = [&offer["maxduration"], &offer["poddur"]];
    seconds >= number(&offer["minduration"]).unwrap_or(0.0)
        && most
            .into_iter()
            .filter_map(number)
            .all(|most| seconds <= most)
}

/// `HH:MM:SS` or `HH:MM:SS.mmm` in seconds.
fn seconds(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':');
    let mut next = || parts.next()?.parse::<f64>().ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Some(hours * 3600.0 + minutes * 60.0 + seconds)
}

/// The value of an attribute of the first tag after `tag`.
fn attribute(xml: &str, tag: &str, name: &str) -> Option<String> {
    let (_, rest) = xml
        .split_once(tag)
        .filter(|_| !tag.is_empty())
        .unwrap_or(("", xml));
    let (inside, _) = rest.split_once('>')?;
    let (_, value) = inside.split_once(&format!(" {name}="))?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, _) = value.strip_prefix(quote)?.split_once(quote)?;
    Some(value.to_owned())
}

/// The floor that a video or audio slot sets by the ad's length.
pub(super) fn duration_floor(offer: &Value, bid: &Value) -> Option<Micros> {
    let markup = bid["adm"].as_str().unwrap_or_default();
    let length = number(&bid["dur"]).or_else(|| {
        elements(markup, "Duration")
            .first()
            .and_then(|text| seconds(text))
    })?;
    let of_range = items(&offer["durfloors"]).iter().find(|range| {
        let least = number(&range["mindur"]).unwrap_or(0.0);
        let most = number(&range["maxdur"]).unwrap_or(f64::INFINITY);
        (least..=most).contains(&length)
    });
    let per_second = number(&offer["mincpmpersec"]).filter(|floor| *floor > 0.0);
    of_range
        .map(|range| price(&range["bidfloor"]))
        .or_else(|| per_second.and_then(|floor| Micros::from_decimal(floor * length)))
}

fn native(offer: &Value, markup: &str, broken: &mut Broken) {
    let mut flag = |detail: String| broken.push((Rule::Native, detail));
    let request = match &offer["request"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let request = request.get("native").unwrap_or(&request);
    let Ok(answer) = serde_json::from_str::<Value>(markup) else {
        return flag("not JSON".into());
    };
    let answer = answer.get("native").unwrap_or(&answer);
    if !request["assets"].is_array() {
        return flag("a bid on a request that names no assets".into());
    }
    if text(&answer["link"]["url"]).unwrap_or_default().is_empty() {
        flag("no link".into());
    }
    let given = items(&answer["assets"]);
    let find =
        |list: &'_ [Value], id: &Value| list.iter().position(|a| integer(&a["id"]) == integer(id));
    for asset in items(&request["assets"]) {
        let id = &asset["id"];
        match find(given, id) {
            None if is_set(&asset["required"]) => flag(format!("asset {id} missing")),
            Some(index) if !asset_fits(asset, &given[index]) => {
                flag(format!("asset {id} does not fit"));
            }
            _ => {}
        }
    }
    for asset in given {
        if find(items(&request["assets"]), &asset["id"]).is_none() {
            flag(format!("asset {} not asked for", asset["id"]));
        }
    }
}

/// Whether an asset is of the kind asked for and within its limits.
fn asset_fits(asked: &Value, given: &Value) -> bool {
    let within = |limit: &Value, value: &Value| {
        let length = value.as_str().unwrap_or_default().chars().count();
        length > 0 && number(limit).is_none_or(|limit| limit <= 0.0 || length as f64 <= limit)
    };
    if asked["title"].is_object() {
        return within(&asked["title"]["len"], &given["title"]["text"]);
    }
    if asked["data"].is_object() {
        return within(&asked["data"]["len"], &given["data"]["value"]);
    }
    if asked["img"].is_object() {
        let (asked, given) = (&asked["img"], &given["img"]);
        let at_least = |least: &str, field: &str| {
            number(&asked[least]).is_none_or(|least| {
                least <= 0.0 || number(&given[field]).is_some_and(|value| value >= least)
            })
        };
        return given["url"].is_string() && at_least("wmin", "w") && at_least("hmin", "h");
    }
    !asked["video"].is_object() || given["video"]["vasttag"].is_string()
}
