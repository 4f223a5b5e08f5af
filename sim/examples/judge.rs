//! Holds many auctions and judges every answer: `cargo run --release -p sim --example judge -- [AUCTIONS [SEED]]`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Clock;
use domain::random::mix;
use domain::time::SystemClock;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use sim::auctions::{self, Summary};

/// Held unless told otherwise.
const AUCTIONS: u64 = 1_000_000;

fn main() -> std::io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let auctions = arguments.next().and_then(Result::ok).unwrap_or(AUCTIONS);
    let seed = arguments.next().and_then(Result::ok).unwrap_or(1);
    let clock = SystemClock::new();
    let summary = hold(auctions, seed);
    let mut out = std::io::stdout().lock();
    for example in summary.examples.values().flatten() {
        writeln!(out, "{example}\n")?;
    }
    let per_s = summary.auctions as f64 / (clock.monotonic_us().max(1) as f64 / 1e6);
    writeln!(
        out,
        "auctions {}, answered {}, bids by mtype {:?}, on deals {}, refused {}, {per_s:.0} a second",
        summary.auctions, summary.answered, summary.bids, summary.on_deals, summary.refused
    )?;
    writeln!(
        out,
        "violations {} {:?}",
        summary.violations(),
        summary.broken
    )?;
    Ok(if summary.violations() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Deals the auctions out to all cores, one catalogue at a time.
fn hold(auctions: u64, seed: u64) -> Summary {
    let bar = ProgressBar::new(auctions);
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} auctions, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, whole) = (AtomicU64::new(0), Mutex::new(Summary::default()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    let begin = part * auctions::AUCTIONS_PER_CATALOGUE;
                    let Some(left) = auctions.checked_sub(begin).filter(|left| *left > 0) else {
                        return;
                    };
                    let count = left.min(auctions::AUCTIONS_PER_CATALOGUE);
                    let summary = auctions::run(mix(seed) ^ part, count, |count| bar.inc(count));
                    whole.lock().add(summary);
                }
            });
        }
    });
    bar.finish_and_clear();
    whole.into_inner()
}
