//! Time of parsing a bid request and of writing a response.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use proto::openrtb::protobuf::Decoded;
use proto::openrtb::{Arena, parse};

#[path = "../tests/support/twin.rs"]
mod twin;

/// A request of the size that real exchanges send.
const REQUEST: &[u8] = include_bytes!("../fixtures/openrtb/typical.json");

/// Parts that a measurement is made of.
const BATCHES: u32 = 100;

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        200_000
    } else {
        100
    };
    let typical: serde_json::Value = serde_json::from_slice(REQUEST).expect("a fixture");
    let typical = &typical["request"];
    let compact = typical.to_string().into_bytes();
    let (mut body, mut arena) = (compact.clone(), Arena::new());
    report("parse JSON", compact.len(), rounds, || {
        body.copy_from_slice(&compact);
        black_box(parse(black_box(&mut body), &mut arena).expect("a fixture"));
    });
    let message = twin::Schema::read().translate(typical);
    let bytes = twin::encode(&message.expect("a fixture of the standard's types"));
    report("parse protobuf", bytes.len(), rounds, || {
        let decoded = Decoded::decode(black_box(&bytes)).expect("a fixture");
        black_box(decoded.request(&mut arena).expect("a fixture"));
    });
}

fn report(name: &str, bytes: usize, rounds: u32, mut work: impl FnMut()) {
    // The fastest of many batches: the others were disturbed.
    let mut batch_us = || {
        let started = Instant::now();
        (0..rounds / BATCHES).for_each(|_| work());
        started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds / BATCHES)
    };
    let best_us = (0..BATCHES)
        .map(|_| batch_us())
        .fold(f64::INFINITY, f64::min);
    println!("{name} {bytes} bytes: {best_us:.2} us");
}
