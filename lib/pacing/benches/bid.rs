//! What pacing and shading cost a bid: `cargo xtask bench pacing [--json]`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and reports on its standard output"
)]

use std::hint::black_box;
use std::time::Instant;

use domain::random::SplitMix64;
use domain::{Micros, Timestamp};
use pacing::shade::Worth;
use pacing::{Dual, Shader, hold_amount};

/// Bids of one round: few, so that most rounds are not interrupted; the median of the rounds is told.
const BIDS: (u32, u32) = (5_000, 100);
const ROUNDS: usize = 201;

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    // `cargo bench` passes `--bench`; under `cargo test` little is measured to show that it works.
    let bids = if has("--bench") { BIDS.0 } else { BIDS.1 };
    let learned = learned();
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round(&learned, bids)).collect();
    rounds.sort_by(f64::total_cmp);
    let median = rounds[ROUNDS / 2];
    if has("--json") {
        println!("{{\"ns_per_bid\":{median:.1}}}");
    } else {
        println!("pacing and shading: {median:.1} ns per bid (at most 500)");
    }
}

/// Nanoseconds per bid: the multiplier, the best first-price bid for what remains of the value, and its hold.
fn round(shader: &Shader, bids: u32) -> f64 {
    let (dual, mut rng) = (steered(), SplitMix64::new(2));
    let worths: Vec<(f64, f64)> = (0..1024)
        .map(|_| (2e6 * rng.unit(), 0.01 * rng.unit()))
        .collect();
    let start = Instant::now();
    for (value, response) in worths.iter().cycle().take(bids as usize) {
        let worth = Worth {
            value: value * black_box(&dual).multiplier(),
            response: *response,
            left: 1e9,
        };
        let price = black_box(shader).bid(worth, (rng.unit(), rng.unit()));
        black_box(hold_amount(Micros(price as i64), 0.3, false));
    }
    start.elapsed().as_nanos() as f64 / f64::from(bids)
}

fn steered() -> Dual {
    let mut dual = Dual::new();
    for second in 0..100 {
        dual.observe((100.0, 1e6), dual.multiplier(), 360_000);
        dual.step(Timestamp(second * 1000), 100.0, 500.0);
    }
    dual
}

fn learned() -> Shader {
    let (mut shader, mut rng) = (Shader::default(), SplitMix64::new(1));
    for at in 0..20_000 {
        let (bid, price) = (1e6 * rng.unit(), 1e6 * rng.unit());
        let won = bid > price;
        shader.observe((bid, 0.01 * rng.unit()), won, won.then_some(price));
        shader.step(Timestamp(at * 100));
    }
    shader
}
