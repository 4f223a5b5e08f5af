//! Attacks every parser for a time or a number of cases: `cargo run --release -p sim --example fuzz -- [SECONDS | Ncases [TARGET [SEED]]]`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use domain::Clock;
use domain::random::{SplitMix64, mix};
use domain::time::SystemClock;
use sim::hostile::{TARGETS, attack};

/// Cases between two looks at the clock.
const CASES: u64 = 2_000;
/// For each target, unless told otherwise.
const SECONDS: u64 = 60;

fn main() -> std::io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| {
        let given = arguments.get(at).map(|text| text.parse::<u64>());
        given.and_then(Result::ok).unwrap_or(default)
    };
    let wanted = arguments.get(1).filter(|name| *name != "all");
    let counted = arguments
        .first()
        .and_then(|first| first.strip_suffix("cases"));
    let cases_max = match counted.map(str::parse::<u64>) {
        Some(Ok(cases)) => cases,
        Some(Err(error)) => return Err(std::io::Error::other(error)),
        None => u64::MAX,
    };
    let time_us = match counted {
        Some(_) => u64::MAX,
        None => number(0, SECONDS).saturating_mul(1_000_000),
    };
    let clock = SystemClock::new();
    let mut out = std::io::stdout().lock();
    let mut code = ExitCode::SUCCESS;
    for target in TARGETS
        .iter()
        .filter(|target| wanted.is_none_or(|name| name == target.name))
    {
        let seeds = seeds(target.name)?;
        let mut rng = SplitMix64::new(mix(number(2, 1)));
        let (begun, mut cases) = (clock.monotonic_us(), 0);
        let mut found = Ok(());
        while found.is_ok() && cases < cases_max && clock.monotonic_us() - begun < time_us {
            found = attack(target, &seeds, (&mut rng, CASES));
            cases += CASES;
        }
        let passed_ms = (clock.monotonic_us() - begun) / 1000;
        writeln!(out, "{}: {cases} cases in {passed_ms} ms", target.name)?;
        if let Err(input) = found {
            writeln!(out, "FAILED {input}")?;
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn seeds(name: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let files = std::fs::read_dir(folder.join(name))?;
    files.map(|file| std::fs::read(file?.path())).collect()
}
