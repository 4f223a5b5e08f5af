//! `paceline demo`: everything in one process, an exchange against it over real sockets, and the verdict.

mod campaigns;
mod show;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use domain::time::SystemClock;
use domain::{Clock, Timestamp};
use loadtest::{Notices, Plan, Report, SimulatedExchange};

use crate::cli::DemoArgs;
use crate::config::Config;
use crate::node::random_u64;
use crate::runtime::{ALL_PARTS, Addresses, Running, Sockets};
pub(crate) use show::Display;
use verdict::Verdict;

/// The exchanges that are played, by name: one sells at first, one at second price.
const FIRST_PRICE_EXCHANGE: &str = "northex";
const SECOND_PRICE_EXCHANGE: &str = "southex";
/// A run takes a minute, not a day: bids wait this long for their billing notice, in milliseconds.
const HOLD_MS: i64 = 2_000;
/// And notices may come this much out of order.
const LATENESS_MS: i64 = 500;
/// Fewest clicks that a model is judged by here.
const DEMO_CLICKS_MIN: u64 = 5;
/// Two seconds are a large part of a budget that lasts a minute.
const LEASE_SHARE_PPM: i64 = 200_000;
/// How long the parts may take to be ready.
const START_MAX: Duration = Duration::from_secs(20);

/// Runs the demo. Fails when the verdict does.
///
/// # Errors
/// When the folder cannot be used or a part does not start.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let folder = Folder::choose(args.data.as_deref())?;
    let mut config = configure(folder.path())?;
    let clock = SystemClock::new();
    let sockets = Sockets::bind_any(&config.listen)?;
    let addresses = sockets.addresses()?;
    config.data = folder.path().to_owned();
    let running = Running::start(&config, sockets, ALL_PARTS)?;
    announce(&addresses, folder.path(), &running)?;
    let starts = clock.now();
    let campaigns = campaigns::create(running.node.sql.as_ref(), args, starts)?;
    wait_until_ready(&running)?;
    let stop = stop_on_signals()?;
    let acks = args
        .acks
        .clone()
        .unwrap_or_else(|| folder.path().join("acks.txt"));
    let plan = plan(args, &config, (&addresses, acks.clone()))?;
    let report = play(plan.clone(), args.seconds, &stop)?;
    let totals = running.settle()?;
    let ends = starts.plus_ms(i64::try_from(args.seconds)? * 1_000);
    let verdict = Verdict::reach(&verdict::Evidence {
        running: &running,
        data: folder.path(),
        campaigns: &campaigns,
        report: &report,
        totals: &totals,
        acks: &acks,
        over: (starts, ends.min(clock.now())),
    })?;
    super::print_line(&show::table(&verdict))?;
    super::print_line(&show::summary(&verdict, &report))?;
    if args.keep && !stop.load(Ordering::Relaxed) {
        keep_going(plan, &addresses, &stop)?;
    }
    running.stop()?;
    if args.json {
        super::print_line(&serde_json::to_string(&verdict)?)?;
    }
    Ok(if verdict.passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The defaults, with every waiting time scaled from days to the run.
fn configure(data: &Path) -> anyhow::Result<Config> {
    let mut config = Config::defaults()?;
    config.data = data.to_owned();
    for name in [FIRST_PRICE_EXCHANGE, SECOND_PRICE_EXCHANGE] {
        let mut exchange = bidder::ExchangeConfig::default();
        exchange.holds.web_ms = HOLD_MS;
        exchange.holds.app_ms = HOLD_MS;
        exchange.holds.native_ms = HOLD_MS;
        exchange.holds.interstitial_ms = HOLD_MS;
        config.bidder.exchanges.insert(name.to_owned(), exchange);
    }
    config
        .bidder
        .exchanges
        .remove(bidder::config::GENERIC_EXCHANGE);
    config.bidder.lease_share_ppm = LEASE_SHARE_PPM;
    config.updater.lateness_ms = LATENESS_MS;
    config.updater.click_window_ms = 2_000;
    config.updater.conversion_window_ms = 4_000;
    config.updater.publish_every_ms = 1_000;
    // A new model is waited for: the whole run has hardly a hundred clicks.
    config.updater.gate.clicks = DEMO_CLICKS_MIN;
    config.updater.checkpoint_every_ms = 10_000;
    Ok(config)
}

fn plan(
    args: &DemoArgs,
    config: &Config,
    (addresses, acks): (&Addresses, PathBuf),
) -> anyhow::Result<Plan> {
    let defaults = Plan::default();
    Ok(Plan {
        bidder: addresses
            .bidder
            .map_or(defaults.bidder.clone(), |address| address.to_string()),
        pixel: addresses.pixel.unwrap_or(defaults.pixel),
        public_url: config.bidder.public_url.clone(),
        exchanges: vec![
            SimulatedExchange::new(FIRST_PRICE_EXCHANGE, true),
            SimulatedExchange::new(SECOND_PRICE_EXCHANGE, false),
        ],
        exp_s: u32::try_from(HOLD_MS / 1_000)?,
        notices: Notices {
            loss_share: 1.0,
            ..Notices::default()
        },
        seed: args.seed,
        rate_per_s: args.rate as f64,
        duration: Duration::from_secs(args.seconds),
        fx: config
            .bidder
            .fx
            .iter()
            .map(|(currency, rate)| (currency.to_string(), rate))
            .collect(),
        acks: Some(acks),
        ..defaults
    })
}

fn play(plan: Plan, seconds: u64, stop: &Arc<AtomicBool>) -> anyhow::Result<Report> {
    let display = Display::new(seconds);
    let report = loadtest::run(plan, |progress| display.show(progress), Arc::clone(stop))?;
    display.finish();
    Ok(report)
}

/// More of the same traffic, until Ctrl-C.
fn keep_going(plan: Plan, addresses: &Addresses, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    if let Some(console) = addresses.console {
        super::print_line(&format!(
            "going on until Ctrl-C; the console is at http://{console}"
        ))?;
    }
    let endless = Plan {
        duration: Duration::from_secs(86_400),
        seed: plan.seed.wrapping_add(1),
        ..plan
    };
    play(endless, 86_400, stop)?;
    Ok(())
}

fn announce(addresses: &Addresses, data: &Path, running: &Running) -> anyhow::Result<()> {
    let shown =
        |address: Option<std::net::SocketAddr>| address.map_or_else(String::new, |a| a.to_string());
    super::print_line(&format!("console  http://{}", shown(addresses.console)))?;
    if let Some(password) = &running.password {
        super::print_line(&format!(
            "         sign in as {} with the password {password}",
            console::FIRST_ADMIN
        ))?;
    }
    super::print_line(&format!(
        "bidder   http://{}/bid/{FIRST_PRICE_EXCHANGE} and /bid/{SECOND_PRICE_EXCHANGE}",
        shown(addresses.bidder)
    ))?;
    super::print_line(&format!("pixel    http://{}", shown(addresses.pixel)))?;
    super::print_line(&format!("admin    http://{}/metrics", addresses.admin))?;
    super::print_line(&format!("data     {}\n", data.display()))
}

fn wait_until_ready(running: &Running) -> anyhow::Result<()> {
    let clock = SystemClock::new();
    while !running.ready() {
        let waited = Duration::from_micros(clock.monotonic_us());
        anyhow::ensure!(
            waited < START_MAX,
            "the bidder is not ready after {} s",
            START_MAX.as_secs()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The first Ctrl-C ends the traffic and still gives a verdict.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async { service_kit::drain::EndSignals::install() })?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(signals.next());
            told.store(true, Ordering::Relaxed);
        })?;
    Ok(stop)
}

/// The data folder: the caller's, or one that goes with the process.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn choose(given: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            return Ok(Self {
                path: path.to_owned(),
                temporary: false,
            });
        }
        let path = std::env::temp_dir().join(format!("paceline-demo-{:016x}", random_u64()?));
        std::fs::create_dir(&path).with_context(|| {
            format!(
                "no temporary folder can be made at {}: name one with --data DIR",
                path.display()
            )
        })?;
        Ok(Self {
            path,
            temporary: true,
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, folder = %self.path.display(), "temporary folder stays behind");
        }
    }
}

/// Over which time a verdict speaks.
pub(crate) type Span = (Timestamp, Timestamp);
