//! Parses flags, starts telemetry, runs one command, sets the exit code.

mod admin_client;
mod cli;
mod commands;
mod config;
mod example;
mod explanation;
mod models;
mod node;
mod runtime;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

/// See `docs/adr/0009-allocator.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = service_kit::telemetry::init(&cli.log, std::io::stderr().is_terminal())
        .map_err(anyhow::Error::from)
        .and_then(|()| commands::run(cli));
    match done {
        Ok(code) => code,
        Err(error) => {
            // A closed standard error leaves only the exit code to tell.
            writeln!(std::io::stderr().lock(), "paceline: {error:#}").unwrap_or_default();
            commands::exit_code(&error)
        }
    }
}

/// Help and version are successes; everything else is bad usage.
fn usage(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() {
        ExitCode::from(commands::EXIT_USAGE)
    } else {
        ExitCode::SUCCESS
    };
    error.print().unwrap_or_default();
    code
}
