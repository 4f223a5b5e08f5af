//! The commands that CI and developers call: `cargo xtask check | test | bench | demo`.

use std::process::{Command, ExitCode};

mod bench;
mod cost;
mod judge;
mod needs;

const HELP: &str = "\
cargo xtask COMMAND

  test    install what the tests need, then run every test of the workspace
  check   format, lints, documentation, dependency rules, tests; prints what a release build costs
  bench   run the benchmarks with the heavy optimiser; `bench NAME` runs one crate's
  bench bidder [--json] [--quick] [--release]
          compare the bidder with a bare server: docs/performance.md
  bench model [--json]
          learning and scoring speed of the prediction engine: docs/prediction.md
  bench pacing [--json]
          what pacing and shading cost a bid: docs/money.md
  judge   hold auctions without sockets and judge every answer; `judge --auctions N --seed S`, 1,000,000 unless told
  fuzz    try hostile bytes on every parser; `fuzz [SECONDS | 10000000cases [TARGET]]`, a minute each unless told
  soak    watch memory and open files of a server under load; `soak --minutes N`, 30 unless told
  demo    build and run the demo; flags are passed on
";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool"
)]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "test" => test(&rest),
        "check" => check(),
        "bench" => bench::run(&rest),
        "judge" => judge::run(&rest),
        "fuzz" => judge::fuzz(&rest),
        "soak" => soak(&rest),
        "demo" => demo(&rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("there is no command '{other}'\n\n{HELP}");
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs cargo with these arguments, and says which one failed.
fn cargo(arguments: &[&str]) -> Result<(), String> {
    cargo_with(arguments, &[])
}

#[expect(clippy::print_stderr, reason = "a command line tool")]
fn cargo_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    eprintln!("+ cargo {}", arguments.join(" "));
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    let status = command
        .args(arguments)
        .envs(environment.iter().copied())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo {} ended with {status}", arguments.join(" "))),
        Err(error) => Err(format!("cargo cannot be started: {error}")),
    }
}

fn test(rest: &[String]) -> Result<(), String> {
    needs::install()?;
    let mut arguments = vec!["test", "--workspace", "--locked"];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments)
}

fn check() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ])?;
    cargo_with(
        &["doc", "--workspace", "--no-deps", "--locked"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    needs::deny()?;
    test(&[])?;
    cost::print()
}

/// Runs the soak test for as long as it is told, on a release build.
fn soak(rest: &[String]) -> Result<(), String> {
    let minutes = match rest {
        [] => "30",
        [flag, minutes] if flag == "--minutes" && minutes.parse::<u64>().is_ok() => minutes,
        _ => return Err("it takes --minutes N".to_owned()),
    };
    let test = [
        "test",
        "--release",
        "--locked",
        "-p",
        "paceline",
        "--test",
        "soak",
    ];
    let arguments = [&test[..], &["--", "--nocapture"]].concat();
    cargo_with(&arguments, &[("PACELINE_SOAK_MINUTES", minutes)])
}

fn demo(rest: &[String]) -> Result<(), String> {
    let mut arguments = vec!["run", "--release", "--locked", "--", "demo"];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments)
}
