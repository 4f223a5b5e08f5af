//! One request in two dresses: made up from a seed by `openrtb.proto`, encoded as protobuf and written as JSON.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "every test file uses its own part of this"
)]

use std::collections::BTreeMap;

use domain::random::SplitMix64;
use serde_json::{Map, Value, json};

/// Fields that are `repeated` only so that a repetition is seen: in JSON they are no arrays.
const ONCE: [&str; 10] = [
    "bidfloor",
    "bidfloorcur",
    "dnt",
    "lmt",
    "consent",
    "coppa",
    "gpp",
    "gdpr",
    "us_privacy",
    "gpc",
];
/// At most one of each group is sent.
const ONE_OF: [&[&str]; 3] = [
    &["site", "app", "dooh"],
    &["request", "request_native"],
    &["title", "img", "data"],
];

/// A field of a message.
#[derive(Debug, Clone)]
pub struct Field {
    name: String,
    kind: String,
    number: u64,
    repeated: bool,
}

/// A value of a field.
#[derive(Debug, Clone)]
pub enum Node {
    Text(String),
    Int(i32),
    Flag(bool),
    Double(f64),
    Message(Message),
}

/// The fields of a message in the order of the file; a repeated one has an entry for each value.
pub type Message = Vec<(Field, Node)>;

/// The messages of `openrtb.proto`.
pub struct Schema(BTreeMap<String, Vec<Field>>);

impl Schema {
    /// Reads the file; it has one field or one message on a line.
    pub fn read() -> Self {
        let file = include_str!("../../proto/openrtb.proto");
        let (mut messages, mut name) = (BTreeMap::<String, Vec<Field>>::new(), String::new());
        let lines = file.lines().map(|line| line.split("//").next().unwrap());
        for word in lines.flat_map(|line| line.split_inclusive(['{', ';'])) {
            let words: Vec<&str> = word
                .split([' ', ';', '{', '}'])
                .filter(|w| !w.is_empty())
                .collect();
            match words.as_slice() {
                ["message", message] => {
                    name = (*message).to_owned();
                    messages.entry(name.clone()).or_default();
                }
                [
                    label @ ("optional" | "repeated"),
                    kind,
                    field,
                    "=",
                    number,
                    ..,
                ] => {
                    let field = Field {
                        name: (*field).to_owned(),
                        kind: (*kind).to_owned(),
                        number: number.parse().unwrap(),
                        repeated: *label == "repeated",
                    };
                    messages.get_mut(&name).unwrap().push(field);
                }
                _ => {}
            }
        }
        Self(messages)
    }

    /// A request made up from `rng`.
    pub fn random(&self, rng: &mut SplitMix64) -> Message {
        self.random_message("BidRequest", rng)
    }

    fn random_message(&self, name: &str, rng: &mut SplitMix64) -> Message {
        let mut message = Message::new();
        let mut taken: Vec<usize> = Vec::new();
        for field in &self.0[name] {
            let group = ONE_OF
                .iter()
                .position(|group| group.contains(&field.name.as_str()));
            if group.is_some_and(|group| taken.contains(&group)) || !rng.chance(presence(field)) {
                continue;
            }
            taken.extend(group);
            let count = match field.repeated {
                true if ONCE.contains(&field.name.as_str()) => 1 + u64::from(rng.chance(0.1)),
                true => 1 + rng.below(3),
                false => 1,
            };
            for _ in 0..count {
                message.push((field.clone(), self.random_value(field, rng)));
            }
        }
        message
    }

    fn random_value(&self, field: &Field, rng: &mut SplitMix64) -> Node {
        match field.kind.as_str() {
            "string" => Node::Text((*rng.pick(texts(&field.name)).unwrap()).to_owned()),
            "int32" => Node::Int(*rng.pick(ints(&field.name)).unwrap()),
            "bool" => Node::Flag(rng.chance(0.3)),
            "double" => {
                let plain = [0.0, 0.5, 1.0, 1.25, 0.000_000_4, 40.0, -1.0, 1e300, 0.1];
                Node::Double(*rng.pick(&plain).unwrap())
            }
            message => Node::Message(self.random_message(message, rng)),
        }
    }

    /// A JSON request as messages, without what is not in the file; `None` when a value is of another type.
    pub fn translate(&self, request: &Value) -> Option<Message> {
        self.translate_message("BidRequest", request)
    }

    fn translate_message(&self, name: &str, value: &Value) -> Option<Message> {
        let mut message = Message::new();
        for (key, value) in value.as_object()? {
            let key = match (key.as_str(), value) {
                ("request", Value::Object(_)) => "request_native",
                (key, _) => key,
            };
            let Some(field) = self.0[name].iter().find(|field| field.name == key) else {
                continue;
            };
            let values = match value {
                Value::Array(values) if field.repeated => values.as_slice(),
                value => std::slice::from_ref(value),
            };
            for value in values {
                message.push((field.clone(), self.translate_value(field, value)?));
            }
        }
        Some(message)
    }

    fn translate_value(&self, field: &Field, value: &Value) -> Option<Node> {
        Some(match field.kind.as_str() {
            "string" => Node::Text(value.as_str()?.to_owned()),
            "int32" => Node::Int(i32::try_from(value.as_i64()?).ok()?),
            "bool" => Node::Flag(match value.as_i64()? {
                0 => false,
                1 => true,
                _ => return None,
            }),
            "double" => Node::Double(value.as_f64()?),
            message => Node::Message(self.translate_message(message, value)?),
        })
    }
}

/// How often a field is sent: slots nearly always, what forbids a bid seldom.
fn presence(field: &Field) -> f64 {
    match field.name.as_str() {
        "id" | "imp" | "w" | "h" | "event" | "source" | "assets" => 0.97,
        "mimes" | "protocols" | "banner" | "video" | "site" | "cur" => 0.5,
        "badv" | "bcat" | "acat" | "wseat" | "bseat" | "wlang" | "battr" | "tmax" => 0.1,
        "secure" | "multiplier" | "btype" | "rqddurs" | "linearity" | "delivery" => 0.15,
        _ => 0.3,
    }
}

fn texts(name: &str) -> &'static [&'static str] {
    match name {
        "id" => &["1", "2", "x", "deal-1", "r", "", "ü\"\\\n"],
        "cur" | "bidfloorcur" => &["USD", "USD", "USD", "EUR", "", "XXX", "usd", " USD "],
        "mimes" => &["video/mp4", "audio/mpeg", "image/png", "video/webm", ""],
        "country" => &["DEU", "USA", ""],
        "us_privacy" => &["1---", "1YNN", "1YYN", "1-Y-", "zz", ""],
        "gpc" => &["1", "0", "true", "false", "?", ""],
        "gpp" => &["DBABM", "DBACNY", "", "x"],
        "bcat" | "acat" | "cat" => &["IAB9", "IAB9-7", "IAB1", ""],
        "badv" | "wadomain" | "domain" | "source" => {
            &["shop.example", "casino.example", "example", ""]
        }
        "wlang" | "language" | "langb" => &["en", "de", ""],
        "keywords" => &["a,b", " a , ,b,c", ",", "a"],
        "ver" => &["1.0", "1.1", "1.2", "1", ""],
        "ua" => &[
            "Mozilla/5.0",
            "Mozilla/5.0 (Linux; Android 13) Mobile",
            "Googlebot/2.1",
        ],
        "request" => &[
            r#"{"assets":[{"id":1,"required":1,"title":{"len":90}}]}"#,
            r#"{"native":{"ver":"1.0","assets":[{"id":1,"img":{"type":3}}]}}"#,
            "{",
            "",
        ],
        _ => &["a", "b", "shop", "", "a,b"],
    }
}

fn ints(name: &str) -> &'static [i32] {
    match name {
        "w" => &[300, 300, 640, 1200, 80, 0, -1],
        "h" => &[250, 250, 360, 627, 0],
        "minduration" => &[0, 5, 15, 16],
        "maxduration" | "poddur" => &[15, 30, 60, 10, -1],
        "protocols" | "protocol" => &[2, 3, 7, 5, 6],
        "tmax" => &[100, 200, 1000, 1, -5],
        "at" => &[1, 2, 3, -1],
        "dsarequired" => &[0, 0, 1, 2, 3, -1],
        "poddedupe" => &[1, 2, 3, 4, 5],
        "cattax" => &[1, 2],
        "len" => &[140, 90, 3, -1],
        "type" => &[1, 2, 3, 12],
        "wmin" | "hmin" => &[0, 50, 300],
        "bitrate" | "minbitrate" | "maxbitrate" => &[300, 800, 2000],
        _ => &[0, 1, 2, 3, 7, -1, i32::MAX, i32::MIN],
    }
}

/// The message as protobuf.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    for (field, node) in message {
        let (wire_type, bytes) = match node {
            Node::Text(text) => (2, delimited(text.as_bytes())),
            Node::Message(inner) => (2, delimited(&encode(inner))),
            Node::Int(number) => (0, varint(i64::from(*number) as u64)),
            Node::Flag(flag) => (0, varint(u64::from(*flag))),
            Node::Double(number) => (1, number.to_le_bytes().to_vec()),
        };
        out.extend(varint((field.number << 3) | wire_type));
        out.extend(bytes);
    }
    out
}

fn delimited(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// The message as JSON. What protobuf sends twice where the standard has it once becomes a key met twice.
pub fn write_json(message: &Message) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    while let Some((field, _)) = message.get(at) {
        let same = message[at..]
            .iter()
            .take_while(|(next, _)| next.number == field.number);
        let values: Vec<String> = same.map(|(_, node)| write_value(node)).collect();
        at += values.len();
        let key = match field.name.as_str() {
            "request_native" => "request",
            name => name,
        };
        match field.repeated && !ONCE.contains(&key) {
            true => pairs.push((key.to_owned(), format!("[{}]", values.join(",")))),
            false => pairs.extend(values.into_iter().map(|value| (key.to_owned(), value))),
        }
    }
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("\"{key}\":{value}"));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

fn write_value(node: &Node) -> String {
    match node {
        Node::Text(text) => json!(text).to_string(),
        Node::Int(number) => number.to_string(),
        Node::Flag(flag) => u8::from(*flag).to_string(),
        Node::Double(number) => json!(number).to_string(),
        Node::Message(inner) => write_json(inner),
    }
}

/// A response message as the JSON answer would be, by the same schema.
pub fn response_json(schema: &Schema, bytes: &[u8]) -> Value {
    decode(schema, "BidResponse", bytes)
}

fn decode(schema: &Schema, name: &str, mut bytes: &[u8]) -> Value {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes);
        let field = schema.0[name]
            .iter()
            .find(|field| field.number == key >> 3)
            .unwrap();
        let taken = match key & 7 {
            2 => {
                let length = usize::try_from(read_varint(&mut bytes)).unwrap();
                bytes.split_off(..length).unwrap()
            }
            1 => bytes.split_off(..8).unwrap(),
            _ => &[],
        };
        let values = match (field.kind.as_str(), key & 7) {
            ("string", 2) => vec![json!(std::str::from_utf8(taken).unwrap())],
            ("double", 1) => vec![json!(f64::from_le_bytes(taken.try_into().unwrap()))],
            ("int32" | "bool", 0) => vec![json!(read_varint(&mut bytes) as i32)],
            ("int32", 2) => {
                let mut packed = taken;
                let mut numbers = Vec::new();
                while !packed.is_empty() {
                    numbers.push(json!(read_varint(&mut packed) as i32));
                }
                numbers
            }
            (message, 2) => vec![decode(schema, message, taken)],
            other => panic!("{other:?}"),
        };
        match field.repeated {
            true => {
                let list = object.entry(&field.name).or_insert(json!([]));
                list.as_array_mut().unwrap().extend(values);
            }
            false => object.extend(values.into_iter().map(|value| (field.name.clone(), value))),
        }
    }
    Value::Object(object)
}

fn read_varint(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some(byte) = bytes.split_off_first() {
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}
