//! The whole system on a simulated clock, seed by seed: the bound on spend, nothing lost, nothing counted twice.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sim::faults::Kind;
use sim::{Outcome, Stats};

/// Seeds that are played on every change.
const SEEDS: u64 = 200;
/// So many seeds are played a second time.
const TWICE: u64 = 10;

/// Plays the seeds up to `count` on all cores; a run itself knows no thread.
fn play(count: u64) -> Vec<(u64, Outcome)> {
    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= count {
                        break;
                    }
                    let outcome = sim::run(seed);
                    outcomes.lock().push((seed, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner();
    outcomes.sort_by_key(|(seed, _)| *seed);
    outcomes
}

#[test]
fn every_seed_keeps_the_promises() {
    let outcomes = play(SEEDS);
    let mut broken = Vec::new();
    let mut all = Stats::default();
    for (seed, outcome) in &outcomes {
        all.add(&outcome.stats);
        let again = format!("cargo run -p sim --example one -- {seed}");
        let told = outcome.failures.iter();
        broken.extend(told.map(|why| format!("seed {seed} (`{again}`): {why}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(outcomes.len() as u64, SEEDS);
    something_happened(&all);
    for (seed, outcome) in outcomes.iter().take(usize::try_from(TWICE).unwrap()) {
        let again = sim::run(*seed);
        assert_eq!(
            again.trace, outcome.trace,
            "seed {seed} is not the same twice"
        );
    }
    let traces: std::collections::BTreeSet<_> = outcomes.iter().map(|(_, o)| o.trace).collect();
    assert_eq!(traces.len(), outcomes.len(), "different seeds are the same");
}

/// A simulation in which nothing goes wrong shows nothing.
fn something_happened(all: &Stats) {
    assert_eq!(all.kinds, Kind::ALL, "some kind of fault never happened");
    let figures = [
        ("bids", all.bids, 20_000),
        ("billed", all.billed, 4_000),
        ("exhausted budgets", all.exhausted, 40),
        ("budgets spent to within 2 %", all.spent_up, 10),
        ("repeats that the pixel knew", all.repeats, 2_000),
        ("repeats that the updater knew", all.repeated_records, 200),
        ("rejected hits", all.rejected, 200),
        ("refused appends", all.appends_refused, 200),
        ("failed renewals", all.renewals_failed, 100),
        ("failed steps", all.steps_failed, 500),
        ("bidders killed", all.bidders_killed, 50),
        ("updaters killed", all.updaters_killed, 50),
        ("pauses", all.pauses, 50),
        (
            "expected holds",
            all.bids.saturating_sub(all.full_holds),
            1_000,
        ),
        ("full holds", all.full_holds, 1_000),
    ];
    for (what, got, least) in figures {
        assert!(got >= least, "{what}: {got}, but {least} would be usual");
    }
    for (what, got) in [("late", all.late), ("unbilled", all.unbilled)] {
        assert!(
            got.0 >= 100_000,
            "{what}: {got:?} micros are too few to show anything"
        );
    }
}
