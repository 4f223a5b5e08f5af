//! Time of parsing a bid request and of writing a response.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use proto::openrtb::parse;

/// A request of the size that real exchanges send.
const REQUEST: &[u8] = include_bytes!("../fixtures/openrtb/typical.json");

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        200_000
    } else {
        100
    };
    let compact: serde_json::Value = serde_json::from_slice(REQUEST).expect("a fixture");
    let compact = compact["request"].to_string().into_bytes();
    let mut body = compact.clone();
    let started = Instant::now();
    for _ in 0..rounds {
        body.copy_from_slice(&compact);
        black_box(parse(black_box(&mut body)).expect("a fixture"));
    }
    let each_us = started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    println!("parse {} bytes: {each_us:.2} us", compact.len());
}
