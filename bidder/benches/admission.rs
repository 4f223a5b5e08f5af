//! What looking at traffic and consent costs a request, in nanoseconds. Small under `cargo test`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures"
)]

use std::fmt::Write;
use std::hint::black_box;

use bidder::invalid_traffic::{InvalidTraffic, MissingAgent, TrafficLists};
use domain::Clock;
use domain::time::SystemClock;
use proto::consent::{Gpp, TcString, UsChoices};
use proto::openrtb::Arena;

const REQUEST: &str = r#"{"id":"4f2a","imp":[{"id":"1","banner":{"w":300,"h":250}}],"device":{"ip":"203.0.113.7",
"ipv6":"2001:db8:77::77","ua":"Mozilla/5.0 (Linux; Android 13; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.43 Mobile Safari/537.36"}}"#;
const TC: &str = "CQfAJEAQfAJEAAfABBENCWFgAP_gAAAAAAYgAWQAYAUABYAAAAEMABgBQAGQ.IAZAAAAAAAQE";
const GPP: &str = "DBABLA~BVQqAAAAAgA.QA";
/// Own lists as large as published ones.
const WORDS: usize = 500;
const RANGES: usize = 20_000;

fn main() {
    let large = std::env::args().any(|argument| argument == "--bench");
    let rounds = if large { 1_000_000 } else { 1_000 };
    let traffic = traffic();
    let (mut body, mut arena) = (REQUEST.as_bytes().to_vec(), Arena::default());
    let request = proto::openrtb::parse(&mut body, &mut arena).unwrap();
    time("agent, addresses and slots", rounds, || {
        black_box(&traffic).check(black_box(&request)).is_ok()
    });
    time("TC string", rounds, || {
        let string = TcString::parse(black_box(TC)).unwrap();
        string.choices_of(42).consents_to(1)
    });
    time("GPP with the national section", rounds, || {
        let gpp = Gpp::parse(black_box(GPP)).unwrap();
        UsChoices::parse(7, gpp.section(7).unwrap()).is_ok()
    });
}

fn traffic() -> InvalidTraffic {
    let mut lists = TrafficLists::default();
    let words = (0..WORDS).fold(String::new(), |mut text, at| {
        writeln!(text, "robot-agent-{at:04}").unwrap();
        text
    });
    let ranges = (0..RANGES).fold(String::new(), |mut text, at| {
        writeln!(text, "10.{}.{}.0/25", at / 250, at % 250).unwrap();
        text
    });
    lists.add_agents(&words).unwrap();
    lists.add_ranges(&ranges).unwrap();
    InvalidTraffic::new(&lists, MissingAgent::Refuse).unwrap()
}

fn time(what: &str, rounds: u64, mut once: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    let start = clock.monotonic_us();
    let held = (0..rounds).filter(|_| once()).count();
    let ns = (clock.monotonic_us() - start) * 1_000 / rounds;
    assert_eq!(held as u64, rounds, "{what}");
    println!("{what}: {ns} ns");
}
