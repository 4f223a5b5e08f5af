//! `cargo xtask judge`: a million auctions through the bidder's core, every answer judged; and hostile bytes.

use crate::cargo;

/// Auctions held unless told otherwise.
const AUCTIONS: &str = "1000000";

/// Builds and runs the `judge` example of `sim` with `--auctions N` and `--seed S`.
pub(crate) fn run(rest: &[String]) -> Result<(), String> {
    let (mut auctions, mut seed) = (AUCTIONS.to_owned(), "1".to_owned());
    let mut flags = rest.iter();
    while let Some(flag) = flags.next() {
        let value = flags.next().filter(|value| value.parse::<u64>().is_ok());
        let value = value
            .ok_or_else(|| format!("{flag} needs a number"))?
            .clone();
        match flag.as_str() {
            "--auctions" => auctions = value,
            "--seed" => seed = value,
            other => return Err(format!("there is no flag '{other}'")),
        }
    }
    cargo(&[
        "run",
        "--release",
        "--locked",
        "-p",
        "sim",
        "--example",
        "judge",
        "--",
        &auctions,
        &seed,
    ])
}

/// Builds and runs the `fuzz` example of `sim` with what follows.
pub(crate) fn fuzz(rest: &[String]) -> Result<(), String> {
    let mut arguments = vec![
        "run",
        "--release",
        "--locked",
        "-p",
        "sim",
        "--example",
        "fuzz",
        "--",
    ];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments)
}
