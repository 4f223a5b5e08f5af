//! `paceline serve`: the parts over one data folder, until a signal or until another process takes over.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use service_kit::drain::EndSignals;
use service_kit::handover::{Named, Offer, Successor, Takeover};

use crate::cli::{Part, ServeArgs};
use crate::config::Config;
use crate::node::server_of;
use crate::runtime::{ALL_PARTS, Addresses, Running, Sockets, Waiting};

/// Connections of bidder and pixel, and the files of the folder.
const OPEN_FILES_WANTED: u64 = 40_000;
/// The signal of a person who waits for the end.
const AT_A_TERMINAL: &str = "SIGINT";

/// Runs until SIGTERM, Ctrl-C or a successor.
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async { EndSignals::install() })?;
    if service_kit::listen::allow_many_files() < OPEN_FILES_WANTED {
        tracing::warn!("few open files are allowed: raise `ulimit -Hn` for many connections");
    }
    let (sockets, waiting) = sockets(&config, parts, args.take_over)?;
    let addresses = sockets.addresses()?;
    let handles = sockets.handles()?;
    let running = Running::start(&config, sockets, parts)?;
    drop(waiting);
    let offer = runtime.block_on(async { offer(&config, handles) });
    announce(&config, &addresses, &running)?;
    let ending = runtime.block_on(next_ending(offer.as_ref(), &mut signals));
    tracing::info!(why = ending.why(), "stopping");
    // With these handles gone, the sockets close as soon as nothing is accepted here.
    drop(offer);
    running.leave();
    if !matches!(ending, Ending::Signal(AT_A_TERMINAL)) {
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = signals.next() => {}
                () = tokio::time::sleep(config.leave) => {}
            }
        });
    }
    running.stop_accepting();
    if let Ending::Taken(successor) = ending {
        successor.stopped();
    }
    running.stop()?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Where a successor asks for the sockets, inside the data folder.
fn handover_path(config: &Config) -> PathBuf {
    config.data.join("handover.sock")
}

/// Sockets of our own, or those of the server that runs, which has stopped accepting when this returns.
fn sockets(
    config: &Config,
    parts: &[Part],
    take_over: bool,
) -> anyhow::Result<(Sockets, Option<Waiting>)> {
    // A folder in use explains a taken port better than the port does.
    let Some(holder) = server_of(&config.data) else {
        return Ok((Sockets::bind(&config.listen, parts)?, None));
    };
    let folder = config.data.display();
    anyhow::ensure!(
        take_over,
        "the data folder {folder} is in use by another process ({holder}): stop it, take over from it with --take-over, or choose another folder with --data DIR"
    );
    let mut takeover = Takeover::ask(&handover_path(config))
        .with_context(|| format!("the server of {folder} ({holder}) hands no sockets over"))?;
    let sockets = Sockets::adopt(&config.listen, parts, takeover.sockets())?;
    tracing::info!(holder, "has our sockets, and is asked to stop");
    let waiting = Waiting::start(&sockets, takeover)?;
    Ok((sockets, Some(waiting)))
}

/// Offers the sockets to a successor; where that is impossible, this process can only be stopped.
fn offer(config: &Config, handles: Vec<Named>) -> Option<Offer> {
    let offer = Offer::open(&handover_path(config), handles);
    offer
        .inspect_err(|error| tracing::warn!(%error, "no other process can take over"))
        .ok()
}

/// Why a server ends.
enum Ending {
    Signal(&'static str),
    Taken(Successor),
}

impl Ending {
    fn why(&self) -> &'static str {
        match self {
            Self::Signal(name) => name,
            Self::Taken(_) => "another process takes over",
        }
    }
}

async fn next_ending(offer: Option<&Offer>, signals: &mut EndSignals) -> Ending {
    let taken = async {
        match offer {
            Some(offer) => offer.taken().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        name = signals.next() => Ending::Signal(name),
        successor = taken => Ending::Taken(successor),
    }
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
