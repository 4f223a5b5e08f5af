//! The types that the specification gives to the fields of a response.

use serde_json::{Map, Value};

use super::{Found, Rule, flag};

/// What a field may hold.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Integer,
    Texts,
    Integers,
    Object,
    Objects,
}

const RESPONSE: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("seatbid", Kind::Objects),
    ("bidid", Kind::Text),
    ("cur", Kind::Text),
    ("customdata", Kind::Text),
    ("nbr", Kind::Integer),
    ("ext", Kind::Object),
];
const SEAT: &[(&str, Kind)] = &[
    ("bid", Kind::Objects),
    ("seat", Kind::Text),
    ("group", Kind::Integer),
    ("ext", Kind::Object),
];
const BID: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("impid", Kind::Text),
    ("price", Kind::Number),
    ("nurl", Kind::Text),
    ("burl", Kind::Text),
    ("lurl", Kind::Text),
    ("adm", Kind::Text),
    ("adid", Kind::Text),
    ("adomain", Kind::Texts),
    ("bundle", Kind::Text),
    ("iurl", Kind::Text),
    ("cid", Kind::Text),
    ("crid", Kind::Text),
    ("tactic", Kind::Text),
    ("cattax", Kind::Integer),
    ("cat", Kind::Texts),
    ("attr", Kind::Integers),
    ("apis", Kind::Integers),
    ("api", Kind::Integer),
    ("protocol", Kind::Integer),
    ("qagmediarating", Kind::Integer),
    ("language", Kind::Text),
    ("langb", Kind::Text),
    ("dealid", Kind::Text),
    ("w", Kind::Integer),
    ("h", Kind::Integer),
    ("wratio", Kind::Integer),
    ("hratio", Kind::Integer),
    ("exp", Kind::Integer),
    ("dur", Kind::Integer),
    ("mtype", Kind::Integer),
    ("slotinpod", Kind::Integer),
    ("ext", Kind::Object),
];

/// Every field of the response that has another type, and every seat without a bid.
pub(super) fn check(response: &Map<String, Value>, found: &mut Found) {
    fields(response, RESPONSE, "", found);
    for seat in objects(response.get("seatbid")) {
        fields(seat, SEAT, "", found);
        if objects(seat.get("bid")).next().is_none() {
            flag(found, Rule::Shape, "", "a seat without a bid");
        }
        for bid in objects(seat.get("bid")) {
            let id = bid.get("id").and_then(Value::as_str).unwrap_or_default();
            fields(bid, BID, id, found);
        }
    }
}

fn objects(list: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

fn fields(object: &Map<String, Value>, known: &[(&str, Kind)], bid: &str, found: &mut Found) {
    for (name, value) in object {
        match known.iter().find(|(known, _)| known == name) {
            None => flag(
                found,
                Rule::Shape,
                bid,
                &format!("no field is named {name}"),
            ),
            Some((_, kind)) if !kind.holds(value) => {
                flag(found, Rule::Shape, bid, &format!("{name} is {value}"));
            }
            Some(_) => {}
        }
    }
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        let all =
            |test: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(test));
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64(),
            Self::Texts => all(Value::is_string),
            Self::Integers => all(Value::is_i64),
            Self::Object => value.is_object(),
            Self::Objects => all(Value::is_object),
        }
    }
}
