//! What nobody knows costs by its bytes: ten times the bytes, ten times the work, whatever they are.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proto::openrtb::{Arena, parse};
use rustix::time::{ClockId, clock_gettime};

/// Bytes of what is unknown: the smallest is large enough for the clock, the largest is nearly what a body may have.
const SIZES: [usize; 3] = [9_000, 90_000, 900_000];
/// The quickest of so many tries is what it costs.
const TRIES: usize = 5;
/// How many times dearer a byte may become with a hundred times as many: caches are smaller than the largest.
const TIMES_MAX: u128 = 4;

/// Time that this thread has computed, not waited.
fn computed() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Repeats what `one` makes until there are `bytes` of it.
fn list(bytes: usize, one: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= bytes {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&one(n));
    }
    text
}

type Filler = fn(usize) -> String;

const FILLERS: [(&str, Filler); 10] = [
    ("a text", |bytes| format!("\"{}\"", "a".repeat(bytes))),
    ("escapes", |bytes| {
        format!("\"{}\"", "\\u00e4\\n".repeat(bytes / 8))
    }),
    ("a number", |bytes| format!("0.{}", "7".repeat(bytes))),
    ("numbers", |bytes| {
        format!("[{}]", list(bytes, |n| n.to_string()))
    }),
    ("keys", |bytes| {
        format!("{{{}}}", list(bytes, |n| format!("\"k{n}\":{n}")))
    }),
    ("one key", |bytes| {
        format!("{{{}}}", list(bytes, |_| "\"k\":1".to_owned()))
    }),
    ("objects", |bytes| {
        format!("[{}]", list(bytes, |n| format!("{{\"id\":{n}}}")))
    }),
    ("depth", |bytes| {
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        format!("[{}]", list(bytes, |_| deep.clone()))
    }),
    ("spaces", |bytes| format!("[{}]", " ".repeat(bytes))),
    ("empty texts", |bytes| {
        format!("[{}]", list(bytes, |_| "\"\"".to_owned()))
    }),
];

/// Where it can stand: beside what is known, in an extension, and in place of what is known.
const PLACES: [(&str, &str); 4] = [
    (
        "beside",
        r#"{"unknown":HERE,"id":"1","imp":[{"id":"1","banner":{"w":1,"h":1}}]}"#,
    ),
    (
        "imp.ext",
        r#"{"id":"1","imp":[{"id":"1","banner":{"w":1,"h":1},"ext":{"a":HERE}}]}"#,
    ),
    (
        "user.data",
        r#"{"id":"1","imp":[{"id":"1"}],"user":{"data":HERE}}"#,
    ),
    (
        "imp.api",
        r#"{"id":"1","imp":[{"id":"1","banner":{"api":HERE}}]}"#,
    ),
];

fn cost(body: &str) -> Duration {
    let mut arena = Arena::new();
    let tries = (0..TRIES).map(|_| {
        let mut bytes = body.as_bytes().to_vec();
        let begun = computed();
        let parsed = parse(&mut bytes, &mut arena);
        assert!(
            parsed.is_ok(),
            "{parsed:?}: {}",
            body.get(..100).unwrap_or(body)
        );
        computed() - begun
    });
    tries.min().unwrap()
}

#[test]
fn what_is_unknown_costs_by_its_bytes() {
    let mut dear = Vec::new();
    for (place, around) in PLACES {
        for (name, filler) in FILLERS {
            let costs = SIZES.map(|bytes| cost(&around.replace("HERE", &filler(bytes))));
            let by_byte = |at: usize| costs[at].as_nanos() * 1_000 / SIZES[at] as u128;
            if by_byte(2) > by_byte(0) * TIMES_MAX || by_byte(1) > by_byte(0) * TIMES_MAX {
                dear.push(format!("{place}, {name}: {costs:?}"));
            }
        }
    }
    assert!(dear.is_empty(), "{dear:#?}");
}
