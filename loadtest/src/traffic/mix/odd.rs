//! Says the same in other types, as exchanges do: numbers as text, whole numbers as fractions, null for absent.

use domain::random::SplitMix64;
use serde_json::{Value, json};

/// Oddities put into one request, at most.
const TWISTS_MAX: u64 = 4;

/// Twists some fields of the request.
pub(super) fn twist(rng: &mut SplitMix64, request: &mut Value) {
    for _ in 0..=rng.below(TWISTS_MAX) {
        match rng.below(12) {
            0 => request["id"] = json!(rng.below(1 << 40)),
            1 => as_text(&mut request["imp"][0]["bidfloor"]),
            2 => as_text(&mut request["imp"][0]["secure"]),
            3 => as_text(&mut request["imp"][0]["banner"]["w"]),
            4 => as_fraction(&mut request["imp"][0]["banner"]["h"]),
            5 => absent(request, &["badv", "bcat", "wseat", "wlang", "user", "ext"]),
            6 => {
                let imp = &mut request["imp"][0];
                absent(imp, &["banner", "video", "audio", "native", "pmp"]);
            }
            7 => request["device"]["carrier"] = json!(310_410),
            8 => request["bcat"] = json!([25, "IAB26"]),
            9 => request["ext"] = json!("none"),
            10 => request["site_extra"] = json!({"deep": [{"er": [1, 2, 3]}]}),
            _ => as_number(&mut request["imp"][0]["native"]["ver"]),
        }
    }
    drop_nothing(request);
}

/// Writing into an absent slot makes an empty one, which offers something: those go again.
fn drop_nothing(request: &mut Value) {
    let Some(imps) = request["imp"].as_array_mut() else {
        return;
    };
    for imp in imps.iter_mut().filter_map(Value::as_object_mut) {
        let empty = |slot: &Value| {
            slot.as_object()
                .is_some_and(|fields| fields.values().all(Value::is_null))
        };
        imp.retain(|_, value| !empty(value));
    }
}

/// Sets those fields to null that are not there.
fn absent(object: &mut Value, names: &[&str]) {
    for name in names {
        if object[*name].is_null() {
            object[*name] = Value::Null;
        }
    }
}

fn as_text(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = json!(number.to_string());
    }
}

fn as_fraction(value: &mut Value) {
    if let Some(number) = value.as_f64() {
        *value = json!(number);
    }
}

fn as_number(value: &mut Value) {
    if let Some(number) = value.as_str().and_then(|text| text.parse::<f64>().ok()) {
        *value = json!(number);
    }
}
