//! What a run is made of: where to send, how much, to whom, and how unreliable the exchange's notices are.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything a run needs to know; `Plan::default()` fits a server on this machine.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where bid requests go, as `host:port`.
    pub bidder: String,
    /// The exchanges that are played; requests are dealt out to them in turn. At least one.
    pub exchanges: Vec<SimulatedExchange>,
    /// The socket that `public_url` stands for; tracking URLs are requested here in clear.
    pub pixel: SocketAddr,
    /// What our tracking URLs begin with, such as `https://pixel.localhost`.
    pub public_url: String,
    /// Fixes users, sites, rivals, tastes and every draw.
    pub seed: u64,
    /// Bid requests per second, over all threads.
    pub rate_per_s: f64,
    /// How long requests are sent; delayed events may follow for `drain`.
    pub duration: Duration,
    /// How many users there are.
    pub users: usize,
    /// UTC hour that the users live in, 0-23; `None` takes the clock's. A fixed one keeps requests equal from run to run.
    pub hour: Option<u8>,
    /// The `exp` of each impression: how long it may take to be shown, in seconds.
    pub exp_s: u32,
    /// The `tmax` of each request, in milliseconds.
    pub tmax_ms: u32,
    /// What becomes of the exchange's notices.
    pub notices: Notices,
    /// How quickly users do things.
    pub habits: Habits,
    /// Where the id of every acknowledged event is appended.
    pub acks: Option<PathBuf>,
    /// Keep-alive connections per thread, to the bidder and to the pixel each.
    pub connections: usize,
    /// Threads that send, each with a share of the rate.
    pub threads: usize,
    /// After this long without an answer a request counts as failed.
    pub timeout: Duration,
    /// The longest wait for delayed events after the last request.
    pub drain: Duration,
    /// Whether failed requests leave the verdict untouched: the server is being killed on purpose.
    pub tolerate_errors: bool,
    /// USD micros for one unit of other currencies, for floors and prices.
    pub fx: Vec<(String, i64)>,
}

/// One exchange that is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedExchange {
    /// Requests go to `/bid/{name}`.
    pub name: String,
    /// Whether the winner pays its bid; otherwise the second price.
    pub first_price: bool,
}

/// What becomes of the notices that the exchange's servers send, all times as they pass in the run.
#[derive(Debug, Clone)]
pub struct Notices {
    /// Mean time from the auction to the win and loss notices; billing follows the impression by as much.
    pub delay_mean: Duration,
    /// Share of notices that come late.
    pub late_share: f64,
    /// Mean additional delay of a late one; none takes more than twice that.
    pub late_delay: Duration,
    /// Share of notices that are never sent.
    pub lost_share: f64,
    /// Share of notices and of browsers' events that are sent twice.
    pub doubled_share: f64,
    /// Share of lost auctions that the exchange reports.
    pub loss_share: f64,
}

/// How quickly users do things; each delay is the mean of an exponential cut at five means.
#[derive(Debug, Clone)]
pub struct Habits {
    /// From the auction to the impression.
    pub render_delay: Duration,
    /// From the impression to its being seen.
    pub view_delay: Duration,
    /// Share of impressions that are seen.
    pub view_share: f64,
    /// From the impression to the click.
    pub click_delay: Duration,
    /// From the click to the purchase.
    pub conversion_delay: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            bidder: "127.0.0.1:8081".to_owned(),
            exchanges: vec![
                SimulatedExchange::new("generic", true),
                SimulatedExchange::new("generic", false),
            ],
            pixel: SocketAddr::from((Ipv4Addr::LOCALHOST, 8082)),
            public_url: "https://pixel.localhost".to_owned(),
            seed: 1,
            rate_per_s: 500.0,
            duration: Duration::from_secs(60),
            users: 4_000,
            hour: Some(20),
            exp_s: 300,
            tmax_ms: 120,
            notices: Notices::default(),
            habits: Habits::default(),
            acks: None,
            connections: 16,
            threads: 1,
            timeout: Duration::from_secs(2),
            drain: Duration::from_secs(15),
            tolerate_errors: false,
            fx: [("EUR", 1_100_000), ("GBP", 1_300_000), ("JPY", 6_700)]
                .map(|(name, rate)| (name.to_owned(), rate))
                .to_vec(),
        }
    }
}

impl SimulatedExchange {
    /// An exchange of that name.
    pub fn new(name: &str, first_price: bool) -> Self {
        Self {
            name: name.to_owned(),
            first_price,
        }
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            delay_mean: Duration::from_millis(200),
            late_share: 0.02,
            late_delay: Duration::from_secs(4),
            lost_share: 0.01,
            doubled_share: 0.05,
            loss_share: 0.2,
        }
    }
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            render_delay: Duration::from_millis(150),
            view_delay: Duration::from_millis(300),
            view_share: 0.6,
            click_delay: Duration::from_millis(600),
            conversion_delay: Duration::from_millis(1_000),
        }
    }
}

impl Plan {
    /// What cannot be run, named.
    ///
    /// # Errors
    /// The first field out of its range.
    pub fn check(&self) -> anyhow::Result<()> {
        let shares = [
            self.notices.late_share,
            self.notices.lost_share,
            self.notices.doubled_share,
            self.notices.loss_share,
            self.habits.view_share,
        ];
        anyhow::ensure!(
            !self.exchanges.is_empty(),
            "a plan needs at least one exchange"
        );
        anyhow::ensure!(
            self.rate_per_s.is_finite() && self.rate_per_s > 0.0 && self.rate_per_s <= 1e6,
            "the rate must lie in 0-1,000,000 requests per second, not {}",
            self.rate_per_s
        );
        anyhow::ensure!(
            shares.iter().all(|share| (0.0..=1.0).contains(share)),
            "every share must lie in 0-1"
        );
        anyhow::ensure!(
            (1..=1_000_000).contains(&self.users),
            "users must lie in 1-1,000,000, not {}",
            self.users
        );
        anyhow::ensure!(
            self.hour.is_none_or(|hour| hour < 24),
            "the hour must lie in 0-23"
        );
        anyhow::ensure!(
            (1..=64).contains(&self.threads) && (1..=4_096).contains(&self.connections),
            "threads must lie in 1-64 and connections in 1-4,096"
        );
        Ok(())
    }
}
