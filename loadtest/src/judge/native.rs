//! The judge's rules for native answers.

use serde_json::Value;

use super::Rule;
use super::json::{integer, integers, is_set, items, number, text, texts};
use super::media::Broken;

pub(super) fn check(offer: &Value, markup: &str, broken: &mut Broken) {
    let mut flag = |detail: String| broken.push((Rule::Native, detail));
    let outer = match &offer["request"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let request = outer.get("native").unwrap_or(&outer);
    let Ok(whole) = serde_json::from_str::<Value>(markup) else {
        return flag("not JSON".into());
    };
    let answer = whole.get("native").unwrap_or(&whole);
    if !request["assets"].is_array() {
        return flag("a bid on a request that names no assets".into());
    }
    let wrapped = whole.get("native").is_some();
    if wrapped != wants_wrapper(offer, &outer) {
        flag(format!("wrapped in an object: {wrapped}"));
    }
    if text(&answer["link"]["url"]).unwrap_or_default().is_empty() {
        flag("no link".into());
    }
    if answer["assetsurl"].is_string() && !is_set(&request["aurlsupport"]) {
        flag("assets by address, which are not supported".into());
    }
    if answer["dcourl"].is_string() && !is_set(&request["durlsupport"]) {
        flag("a dynamic address, which is not supported".into());
    }
    assets(request, answer, &mut flag);
    for tracker in items(&answer["eventtrackers"]) {
        if !is_asked(request, tracker) {
            flag(format!("tracker {tracker} not asked for"));
        }
    }
}

/// Version 1.0 wraps both ways, later ones neither; the request's own form tells where no version does.
fn wants_wrapper(offer: &Value, outer: &Value) -> bool {
    let inner = outer.get("native").unwrap_or(outer);
    let version = text(&inner["ver"]).or_else(|| text(&offer["ver"]));
    match version.as_deref().map(str::trim) {
        Some("1" | "1.0" | "1.0.0") => true,
        Some(_) => false,
        None => outer.get("native").is_some(),
    }
}

fn assets(request: &Value, answer: &Value, flag: &mut impl FnMut(String)) {
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
    for (index, asset) in given.iter().enumerate() {
        if find(items(&request["assets"]), &asset["id"]).is_none() {
            flag(format!("asset {} not asked for", asset["id"]));
        }
        if find(given, &asset["id"]) != Some(index) {
            flag(format!("asset {} twice", asset["id"]));
        }
    }
}

/// Whether the request lists the event, with this method of telling it.
fn is_asked(request: &Value, tracker: &Value) -> bool {
    let asked = items(&request["eventtrackers"]);
    let method = integer(&tracker["method"]);
    text(&tracker["url"]).is_some_and(|url| !url.is_empty())
        && asked.iter().any(|asked| {
            integer(&asked["event"]) == integer(&tracker["event"])
                && method.is_some_and(|method| integers(&asked["methods"]).contains(&method))
        })
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
        return picture_fits(&asked["img"], &given["img"]);
    }
    !asked["video"].is_object() || given["video"]["vasttag"].is_string()
}

/// An exact side, or one that reaches its least; and a type that is accepted, as far as the address tells it.
fn picture_fits(asked: &Value, given: &Value) -> bool {
    let positive = |value: &Value| number(value).filter(|side| *side > 0.0);
    let side = |field: &str, least: &str| {
        let (exact, least) = (positive(&asked[field]), positive(&asked[least]));
        let own = number(&given[field]);
        match (exact, least) {
            (None, None) => true,
            (exact, least) => {
                own.is_some_and(|own| exact == Some(own) || least.is_some_and(|least| own >= least))
            }
        }
    };
    let Some(url) = given["url"].as_str() else {
        return false;
    };
    let path = url
        .split(['?', '#'])
        .next()
        .unwrap_or(url)
        .to_ascii_lowercase();
    let kind = match path.rsplit('.').next() {
        Some("jpg" | "jpeg") => "jp",
        Some("png") => "png",
        Some("gif") => "gif",
        Some("webp") => "webp",
        _ => "",
    };
    let mimes = texts(&asked["mimes"]);
    let accepted = mimes.is_empty()
        || mimes.iter().any(|mime| {
            let kinds = mime
                .strip_prefix("image/")
                .unwrap_or(mime)
                .to_ascii_lowercase();
            kinds == "*" || kinds.starts_with(kind)
        });
    side("w", "wmin") && side("h", "hmin") && accepted
}
