//! Readers of JSON as exchanges write it: numbers as strings, integers as floats, nulls for absent.

use domain::Micros;
use serde_json::Value;

/// A string, or a number as a string.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number, a number in a string, or a flag.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    }
}

/// A whole number in any of the forms of `number`.
pub(super) fn integer(value: &Value) -> Option<i64> {
    number(value)
        .filter(|number| number.abs() < 1e15)
        .map(|number| number as i64)
}

/// Whether a flag is set.
pub(super) fn is_set(value: &Value) -> bool {
    integer(value) == Some(1)
}

/// The items of an array; anything else has none.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The items of an array as strings.
pub(super) fn texts(value: &Value) -> Vec<String> {
    items(value).iter().filter_map(text).collect()
}

/// The items of an array as whole numbers.
pub(super) fn integers(value: &Value) -> Vec<i64> {
    items(value).iter().filter_map(integer).collect()
}

/// A price per mille; 0 when absent or senseless, as for floors.
pub(super) fn price(value: &Value) -> Micros {
    number(value)
        .and_then(Micros::from_decimal)
        .unwrap_or_default()
}
