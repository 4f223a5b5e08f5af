//! One request through a warm core: median and 99th percentile, by number of line items. Small under `cargo test`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use bidder::Config;
use domain::time::SystemClock;
use domain::{Clock, Outcome};
use support::World;

const REQUEST: &str = r#"{"id":"4f2a","imp":[{"id":"1","banner":{"format":[{"w":300,"h":250},{"w":728,"h":90}],"pos":1},
"bidfloor":0.5,"secure":1}],"site":{"id":"s1","domain":"news.example.com","page":"https://news.example.com/a","publisher":
{"id":"p1"}},"device":{"ua":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0","ip":"203.0.113.7","geo":{"country":
"DEU","region":"BE"},"devicetype":2,"os":"Windows"},"user":{"buyeruid":"u1"},"at":2,"tmax":100,"cur":["USD"],"bcat":["IAB25"],
"badv":["other.example"]}"#;

fn main() {
    let large = std::env::args().any(|argument| argument == "--bench");
    let (sizes, rounds): (&[usize], u32) = if large {
        (&[1, 10, 100, 1000], 20_000)
    } else {
        (&[10], 100)
    };
    for &line_items in sizes {
        let (p50, p99) = measure(line_items, rounds);
        println!(
            "{line_items:>5} matching line items: p50 {p50} us, p99 {p99} us of {rounds} requests"
        );
    }
}

fn measure(line_items: usize, rounds: u32) -> (u64, u64) {
    let names: Vec<_> = ["german", "banner", "banner-cpc"]
        .into_iter()
        .cycle()
        .take(line_items)
        .collect();
    let mut world = World::new(&names, Config::default());
    let clock = SystemClock::new();
    let mut times = Vec::new();
    let mut body = Vec::new();
    let mut bids = 0;
    for round in 0..rounds {
        if round % 4 == 0 {
            world.second();
        }
        body.clear();
        body.extend_from_slice(REQUEST.as_bytes());
        let call = world.call("generic");
        let start = clock.monotonic_us();
        let outcome = world.core.decide(&call, &mut body).outcome;
        times.push(clock.monotonic_us() - start);
        bids += u32::from(outcome == Outcome::Bid);
    }
    assert!(bids > rounds / 2, "the benchmark bids: {bids}");
    times.sort_unstable();
    let at = |share: usize| *times.get(times.len() * share / 100).unwrap();
    (at(50), at(99))
}
