//! `paceline check-config`: load, check, say what is wrong.

use std::process::ExitCode;

use crate::cli::CheckConfigArgs;
use crate::config::Config;

/// Checks a configuration file.
///
/// # Errors
/// What is wrong with it, naming key, value and rule.
pub(crate) fn run(args: &CheckConfigArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(Some(&args.file), std::env::vars())?;
    super::print_line(&format!(
        "{} is good: data in {}",
        args.file.display(),
        config.data.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
