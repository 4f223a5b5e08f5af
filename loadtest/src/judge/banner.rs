//! The judge's rules for banners.

use serde_json::Value;

use super::Rule;
use super::json::{integer, integers, items, texts};
use super::media::Broken;

/// AdCOM banner types.
const XHTML_TEXT: i64 = 1;
const XHTML_PICTURE: i64 = 2;
const SCRIPT: i64 = 3;
const FRAME: i64 = 4;
/// AdCOM creative attributes of ads that grow.
const EXPANDABLE: [i64; 3] = [3, 4, 5];
/// AdCOM creative attribute of ads without pictures.
const TEXT_ONLY: i64 = 12;
/// AdCOM frameworks that MRAID's script needs one of.
const MRAID: [i64; 3] = [3, 5, 6];

pub(super) fn check(offer: &Value, bid: &Value, markup: &str, broken: &mut Broken) {
    size(offer, bid, broken);
    let lower = markup.to_ascii_lowercase();
    let types = banner_types(&lower, bid);
    let barred = integers(&offer["btype"]);
    if let Some(kind) = types.iter().find(|kind| barred.contains(kind)) {
        broken.push((Rule::BannerType, format!("type {kind} is blocked")));
    }
    let expands = integers(&bid["attr"])
        .iter()
        .any(|attribute| EXPANDABLE.contains(attribute));
    if expands && offer["expdir"].is_array() && integers(&offer["expdir"]).is_empty() {
        broken.push((Rule::BannerType, "may not expand anywhere".into()));
    }
    let frameworks = integers(&offer["api"]);
    if lower.contains("mraid.js") && !MRAID.iter().any(|api| frameworks.contains(api)) {
        broken.push((Rule::Api, "MRAID is not offered".into()));
    }
    mimes(offer, &types, &lower, broken);
}

fn size(offer: &Value, bid: &Value, broken: &mut Broken) {
    let size = |owner: &Value| integer(&owner["w"]).zip(integer(&owner["h"]));
    let formats = items(&offer["format"]);
    let limited = ["wmin", "wmax", "hmin", "hmax"]
        .iter()
        .any(|name| offer[*name].is_number());
    if formats.is_empty() && size(offer).is_none() && !limited {
        return;
    }
    let fits = size(bid).is_some_and(|bid| {
        size(offer) == Some(bid)
            || formats.is_empty() && lies_between(offer, bid)
            || formats
                .iter()
                .any(|format| size(format) == Some(bid) || flexes(format, bid))
    });
    if !fits {
        broken.push((Rule::Size, format!("{} x {}", bid["w"], bid["h"])));
    }
}

/// Whether a size keeps the limits that requests before 2.4 may state; a side without any is as it is stated.
fn lies_between(offer: &Value, (width, height): (i64, i64)) -> bool {
    let limit = |name: &str| integer(&offer[name]).filter(|side| *side > 0);
    let keeps = |side: i64, [own, least, most]: [&str; 3]| {
        let (own, least, most) = (limit(own), limit(least), limit(most));
        let free = least.is_some() || most.is_some();
        let longest = most.or(own);
        match free {
            true => {
                least.is_none_or(|least| side >= least) && longest.is_some_and(|most| side <= most)
            }
            false => own == Some(side),
        }
    };
    let limits = ["wmin", "wmax", "hmin", "hmax"];
    limits.into_iter().any(|name| limit(name).is_some())
        && keeps(width, ["w", "wmin", "wmax"])
        && keeps(height, ["h", "hmin", "hmax"])
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

/// Which banner types the markup is of.
fn banner_types(lower: &str, bid: &Value) -> Vec<i64> {
    let has = |tag: &str| lower.contains(tag);
    let mut types = Vec::new();
    if has("<script") {
        types.push(SCRIPT);
    }
    if has("<iframe") {
        types.push(FRAME);
    }
    if types.is_empty() {
        // Every ad carries a picture of one pixel.
        let pictures = lower.matches("<img").count();
        let text = pictures <= 1 && integers(&bid["attr"]).contains(&TEXT_ONLY);
        types.push(if text { XHTML_TEXT } else { XHTML_PICTURE });
    }
    types
}

/// Scripts and frames need a list that has a type for them; pictures their own type or HTML's.
fn mimes(offer: &Value, types: &[i64], lower: &str, broken: &mut Broken) {
    let accepted: Vec<String> = texts(&offer["mimes"])
        .iter()
        .map(|mime| mime.trim().to_ascii_lowercase())
        .collect();
    let documents = accepted.iter().any(|mime| {
        ["html", "javascript"]
            .iter()
            .any(|kind| mime.contains(kind))
    });
    if accepted.is_empty() || documents {
        return;
    }
    let extension = |kind: &str| {
        let kind = kind.strip_prefix("image/").unwrap_or(kind);
        let other = if kind == "jpeg" { "jpg" } else { kind };
        let kind = kind.split('+').next().unwrap_or(kind);
        lower.contains(&format!(".{kind}\"")) || lower.contains(&format!(".{other}\""))
    };
    let pictures = types == [XHTML_PICTURE] && accepted.iter().any(|mime| extension(mime));
    if !pictures {
        broken.push((Rule::Mime, format!("not of {accepted:?}")));
    }
}
