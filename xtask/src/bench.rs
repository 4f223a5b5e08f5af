//! Benchmarks: those of each crate, and the bidder against a bare server.

use std::path::PathBuf;
use std::process::Command;

/// `bench bidder` compares servers, `bench model` measures the prediction engine, `bench pacing` what pacing costs a bid; any other name runs that crate's benchmarks, no name those of all.
pub(crate) fn run(rest: &[String]) -> Result<(), String> {
    match rest.first().map(String::as_str) {
        Some("bidder") => bidder(rest),
        Some("model") => flagged("ctr-model", "engine", rest),
        Some("pacing") => flagged("pacing", "bid", rest),
        name => benches(name),
    }
}

fn benches(name: Option<&str>) -> Result<(), String> {
    let mut arguments = vec!["bench", "--profile", "dist", "--locked"];
    match name {
        Some(name) => arguments.extend(["--package", name]),
        None => arguments.push("--workspace"),
    }
    arguments.push("--benches");
    super::cargo(&arguments)
}

/// One benchmark of a crate, with the flags after the name passed on.
fn flagged(package: &str, bench: &str, rest: &[String]) -> Result<(), String> {
    let mut arguments = vec!["bench", "--profile", "dist", "--locked"];
    arguments.extend(["--package", package, "--bench", bench, "--"]);
    arguments.extend(rest.iter().skip(1).map(String::as_str));
    super::cargo(&arguments)
}

/// Builds the comparison's two programs, then runs it with these arguments. With `--release` it is built as a
/// newcomer would, which is quicker to build and slower to run.
fn bidder(rest: &[String]) -> Result<(), String> {
    let plain = rest.iter().any(|argument| argument == "--release");
    let profile = if plain { "release" } else { "dist" };
    super::cargo(&[
        "build",
        "--profile",
        profile,
        "--locked",
        "--package",
        "bench",
    ])?;
    let program = target().join(profile).join("bench");
    let status = Command::new(&program)
        .args(rest.iter().filter(|argument| *argument != "--release"))
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", program.display()))
    }
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}
