//! The commands, one file each.

pub(crate) mod bid;
pub(crate) mod check_config;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod loadtest;
pub(crate) mod model;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod verify;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::ConfigError;

/// Bad usage or configuration, as in `sysexits.h`.
pub(crate) const EXIT_USAGE: u8 = 64;

/// Runs one command.
///
/// # Errors
/// What stopped it; `exit_code` says how the process ends then.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Bid(args) => bid::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Loadtest(args) => loadtest::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Model(args) => model::run(args),
        Command::CheckConfig(args) => check_config::run(&args),
    }
}

/// 64 where the caller must change something, 1 where something failed.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<ConfigError>()
        || error.is::<model::UsageError>()
        || error.is::<replay::InputError>()
    {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::FAILURE
    }
}

/// Standard output is for results; a reader that went away ends the command quietly.
pub(crate) fn print_line(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
