//! `paceline serve`: the parts over one data folder, until a signal.

use std::process::ExitCode;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::node::server_of;
use crate::runtime::{ALL_PARTS, Addresses, Running, Sockets};

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the configuration, a port or the data folder is not usable, or a part dies.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    let parts = if args.only.is_empty() {
        ALL_PARTS
    } else {
        &args.only
    };
    // A folder in use explains a taken port better than the port does.
    if let Some(holder) = server_of(&config.data) {
        anyhow::bail!(
            "the data folder {} is in use by another process ({holder}): stop it, or choose another folder with --data DIR",
            config.data.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async { service_kit::drain::EndSignals::install() })?;
    let sockets = Sockets::bind(&config.listen, parts)?;
    let addresses = sockets.addresses()?;
    let running = Running::start(&config, sockets, parts)?;
    announce(&config, &addresses, &running)?;
    let signal = runtime.block_on(signals.next());
    tracing::info!(
        signal,
        "stopping: no new connections, finishing what is under way"
    );
    running.stop()?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn announce(config: &Config, addresses: &Addresses, running: &Running) -> anyhow::Result<()> {
    let line = super::print_line;
    line(&format!("data     {}", config.data.display()))?;
    if let Some(address) = addresses.console {
        line(&format!("console  http://{address}"))?;
    }
    if let Some(address) = addresses.bidder {
        line(&format!("bidder   http://{address}/bid/generic"))?;
    }
    if let Some(address) = addresses.pixel {
        line(&format!(
            "pixel    http://{address}, which {} stands for",
            config.bidder.public_url
        ))?;
    }
    line(&format!(
        "admin    http://{}/metrics, /ready, /live",
        addresses.admin
    ))?;
    if let Some(password) = &running.password {
        line(&format!(
            "\nfirst start: sign in as {} with the password {password}",
            console_admin()
        ))?;
        line("it is shown this once; change it in the console")?;
    }
    Ok(())
}

fn console_admin() -> &'static str {
    console::FIRST_ADMIN
}
