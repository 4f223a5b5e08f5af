//! Random requests of every kind against random catalogues: no answer breaks a rule. `cargo xtask judge` holds more.
#![expect(clippy::unwrap_used, reason = "tests")]

use sim::auctions::{self, Summary};

/// Auctions held on every change, by two threads.
const AUCTIONS: u64 = 20_000;

fn hold() -> Summary {
    let half = |seed| std::thread::spawn(move || auctions::run(seed, AUCTIONS / 2, |_| ()));
    let halves = [half(1), half(2)];
    let mut whole = Summary::default();
    for half in halves {
        whole.add(half.join().unwrap());
    }
    whole
}

#[test]
fn no_answer_breaks_a_rule() {
    let summary = hold();
    let told: Vec<_> = summary.examples.values().flatten().cloned().collect();
    assert_eq!(
        summary.violations(),
        0,
        "{:?}\n{}",
        summary.broken,
        told.join("\n")
    );
    // Silence would break no rule either.
    assert!(summary.answered > AUCTIONS / 4, "{summary:?}");
    assert!(summary.on_deals > 300, "{summary:?}");
    assert!(summary.signed > 50, "{summary:?}");
    assert!(summary.groups > 50, "{summary:?}");
    let often = |medium| summary.bids.get(&medium).is_some_and(|count| *count > 300);
    assert!((1..=4).all(often), "{summary:?}");
}
