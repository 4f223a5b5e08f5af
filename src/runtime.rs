//! Builds the parts over one data folder, starts them on their sockets, and stops them in order.

mod accounts;
pub(crate) mod explaining;
mod orders;
mod sockets;
mod updating;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use axum::Router;
use bidder::{Bidder, Seams};
use console::{Console, OneTimePassword};
use domain::Clock;
use domain::time::SystemClock;
use pixel::Pixel;
use pixel::markup::MarkupSource;
use service_kit::metrics::Metrics;
use service_kit::{ServerLimits, Shutdown};
use store::budget::Budgets;
use store::profile::Profiles;

use crate::cli::Part;
use crate::config::Config;
use crate::node::{Node, random_u64};
pub(crate) use sockets::Sockets;
use updating::{Question, Updating};
pub(crate) use waiting::Waiting;

/// Every part.
pub(crate) const ALL_PARTS: &[Part] = &[Part::Bidder, Part::Pixel, Part::Updater, Part::Console];

/// A running paceline.
pub(crate) struct Running {
    /// The folder's stores and log.
    pub node: Arc<Node>,
    /// Printed once at the first start.
    pub password: Option<OneTimePassword>,
    bidder: Option<(Bidder, bidder::Server)>,
    pixel: Option<service_kit::Server>,
    updating: Option<Updating>,
    /// Console, admin address and the metrics' upkeep.
    web: Vec<JoinHandle<()>>,
    metrics: Metrics,
    /// Ends what takes requests.
    front: Shutdown,
    /// Ends what follows the log, after everything that writes to it.
    back: Shutdown,
}

impl Running {
    /// Starts the parts on bound sockets.
    ///
    /// # Errors
    /// When the folder cannot be opened or a part cannot start.
    pub(crate) fn start(config: &Config, sockets: Sockets, parts: &[Part]) -> anyhow::Result<Self> {
        let metrics = Metrics::install()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let admin = sockets.admin.local_addr()?;
        let node = Arc::new(Node::open_after(
            config,
            &format!("pid {}, admin {admin}", std::process::id()),
            sockets.taken_over,
        )?);
        let (front, back) = (Shutdown::new(), Shutdown::new());
        let upkeep = (metrics.clone(), back.clone());
        let upkeep = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || upkeep.0.run_upkeep(&upkeep.1))?;
        let updating = match parts.contains(&Part::Updater) {
            true => Some(Updating::start(&node, &config.updater, &clock, &back)?),
            false => None,
        };
        let bidder = match sockets.bidder {
            Some(listener) => Some(start_bidder(config, &node, &clock, (listener, &front))?),
            None => None,
        };
        let pixel = match sockets.pixel {
            Some(listener) => {
                let pixel = Pixel::new(
                    config.pixel.clone(),
                    node.secrets.tokens.clone(),
                    Arc::clone(&node.log) as _,
                    Arc::clone(&clock),
                )?
                .with_assets(Arc::clone(&node.assets))
                .with_markup(markup_source(config, &node, &clock));
                Some(pixel.serve(listener, &front)?)
            }
            None => None,
        };
        let mut password = None;
        let mut web = vec![upkeep];
        if let Some(listener) = sockets.console {
            password = first_password(&node)?;
            web.push(start_console(config, &node, &clock, (listener, &front))?);
        }
        let readiness = readiness(bidder.as_ref().map(|(bidder, _)| bidder.clone()), &front);
        let questions = updating.as_ref().map(Updating::questions);
        let explaining = bidder.as_ref().map(|(bidder, _)| {
            let log = Arc::clone(&node.log) as _;
            Arc::new(explaining::Explaining::new(bidder, log))
        });
        let router = service_kit::admin::router(metrics.clone(), readiness)
            .merge(updating::router(questions.clone()))
            .merge(orders::router(questions, node.secrets.users))
            .merge(explaining::router(explaining));
        web.push(start_admin(sockets.admin, router, &back)?);
        Ok(Self {
            node,
            password,
            bidder,
            pixel,
            updating,
            web,
            metrics,
            front,
            back,
        })
    }

    /// Whether bids can be made; true where no bidder runs.
    pub(crate) fn ready(&self) -> bool {
        self.bidder
            .as_ref()
            .is_none_or(|(bidder, _)| bidder.ready())
    }

    /// The value of a counter without labels, 0 where nothing was counted.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Waits until accounts and reports include everything acknowledged so far.
    ///
    /// # Errors
    /// When no updater runs here, or it does not catch up in time.
    pub(crate) fn settle(&self) -> anyhow::Result<crate::commands::verify::Totals> {
        self.updating
            .as_ref()
            .context("no updater runs in this process")?
            .settle()
    }

    /// Announces the end: `/ready` says no from here on, and answers end their connections.
    pub(crate) fn leave(&self) {
        self.front.leave();
    }

    /// Takes no more connections; what is under way goes on until `stop` has waited for it.
    pub(crate) fn stop_accepting(&self) {
        self.front.trigger();
    }

    /// Stops in order: requests first, then what they were logged to, then the rest.
    ///
    /// # Errors
    /// When a part had died.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.stop_accepting();
        if let Some((_, server)) = self.bidder {
            server.join()?;
        }
        if let Some(server) = self.pixel {
            server.join()?;
        }
        self.back.trigger();
        if let Some(updating) = self.updating {
            updating.join()?;
        }
        for thread in self.web {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a web server or the metrics' upkeep died"))?;
        }
        self.node.log.close();
        Ok(())
    }
}

fn markup_source(config: &Config, node: &Node, clock: &Arc<dyn Clock>) -> MarkupSource {
    let keys = node.secrets.tokens.clone();
    let with = (keys, config.bidder.public_url.as_str());
    MarkupSource::new(Arc::clone(&node.sql) as _, Arc::clone(clock), with)
}

type Listening<'a> = (std::net::TcpListener, &'a Shutdown);

fn start_bidder(
    config: &Config,
    node: &Node,
    clock: &Arc<dyn Clock>,
    (listener, shutdown): Listening<'_>,
) -> anyhow::Result<(Bidder, bidder::Server)> {
    let seams = seams(config, node, clock)?;
    seams.budgets.lapse_all(clock.now())?;
    let (bidder, background) = Bidder::new(config.bidder.clone(), seams)?;
    let server = bidder::Server::run(
        &bidder,
        background,
        listener,
        (ServerLimits::default(), shutdown),
    )?;
    Ok((bidder, server))
}

/// What a bidder works on, with an identity of its own.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn seams(config: &Config, node: &Node, clock: &Arc<dyn Clock>) -> anyhow::Result<Seams> {
    let mut bidder = [0; 16];
    bidder[..8].copy_from_slice(&random_u64()?.to_be_bytes());
    bidder[8..].copy_from_slice(&random_u64()?.to_be_bytes());
    Ok(Seams {
        clock: Arc::clone(clock),
        log: Arc::clone(&node.log) as _,
        campaigns: Arc::clone(&node.sql) as _,
        snapshots: Arc::clone(&node.snapshots),
        budgets: Budgets::new(Arc::clone(&node.keyed), config.updater.lateness_ms),
        profiles: Arc::new(Profiles::new(Arc::clone(&node.keyed))),
        keys: node.secrets.tokens.clone(),
        user_secret: node.secrets.users,
        bidder,
        seed: random_u64()?,
    })
}

fn first_password(node: &Node) -> anyhow::Result<Option<OneTimePassword>> {
    let mut entropy = [0; console::ENTROPY_BYTES];
    getrandom::fill(&mut entropy).context("the operating system gives no randomness")?;
    Ok(console::ensure_admin(node.sql.as_ref(), &entropy)?)
}

fn start_console(
    config: &Config,
    node: &Node,
    clock: &Arc<dyn Clock>,
    (listener, shutdown): Listening<'_>,
) -> anyhow::Result<JoinHandle<()>> {
    let router = Console::router(console::Deps {
        campaigns: Arc::clone(&node.sql) as _,
        users: Arc::clone(&node.sql) as _,
        reports: Arc::clone(&node.sql) as _,
        accounts: Arc::new(accounts::LedgerAccounts::new(node)),
        assets: Arc::clone(&node.assets),
        assets_url: format!("{}{}", config.bidder.public_url, pixel::assets::ASSET_PATH),
        clock: Arc::clone(clock),
        config: config.console.clone(),
    });
    let end = shutdown.clone();
    on_a_thread("console", async move {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Console::run(listener, router, async move { end.wait().await }).await
    })
}

fn start_admin(
    listener: std::net::TcpListener,
    router: Router,
    shutdown: &Shutdown,
) -> anyhow::Result<JoinHandle<()>> {
    let end = shutdown.clone();
    on_a_thread("admin", async move {
        service_kit::admin::serve(listener, router, end).await
    })
}

/// Runs one web server on a thread with a runtime of its own.
fn on_a_thread(
    name: &'static str,
    server: impl Future<Output = std::io::Result<()>> + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let run = move || {
        if let Err(error) = runtime.block_on(server) {
            tracing::error!(%error, name, "web server failed");
        }
    };
    Ok(std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)?)
}

fn readiness(bidder: Option<Bidder>, front: &Shutdown) -> service_kit::admin::Readiness {
    let front = front.clone();
    Arc::new(move || {
        let bidder = bidder.as_ref().map(|bidder| bidder.readiness().to_vec());
        let mut parts = bidder.unwrap_or_default();
        parts.push(("serving", !front.is_leaving()));
        parts
    })
}

/// Addresses of the running parts, for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// Web pages and REST API.
    pub console: Option<SocketAddr>,
    /// Bid requests.
    pub bidder: Option<SocketAddr>,
    /// Notices and events.
    pub pixel: Option<SocketAddr>,
    /// Metrics and health.
    pub admin: SocketAddr,
}

/// Asks the updater from outside its thread.
pub(crate) type Questions = std::sync::mpsc::SyncSender<Question>;
