//! Plays seeds again: `cargo run -p sim --example one -- SEED [COUNT [KIND]]`.

use std::io::Write;

use sim::faults::Kind;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| {
        let given = arguments.get(at).map(|text| text.parse::<u64>());
        given.and_then(Result::ok).unwrap_or(default)
    };
    let wanted = arguments.get(2);
    let only = Kind::ALL
        .iter()
        .copied()
        .find(|kind| wanted == Some(&kind.name()));
    let mut out = std::io::stdout().lock();
    let mut all = sim::Stats::default();
    for seed in number(0, 0)..number(0, 0) + number(1, 1) {
        let outcome = sim::run_with(seed, only);
        writeln!(out, "seed {seed} trace {:016x}", outcome.trace)?;
        writeln!(out, "  {:?}", outcome.stats)?;
        all.add(&outcome.stats);
        for failure in &outcome.failures {
            writeln!(out, "  FAILED {failure}")?;
        }
    }
    writeln!(out, "all {all:?}")
}
