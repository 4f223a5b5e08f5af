//! Flags as plain values: parsed here, acted on elsewhere.

pub(crate) mod model;
pub(crate) mod replay;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// An open-source real-time-bidding DSP: bidder, pixel, updater and console in one binary.
///
/// Start with `paceline demo`: it runs everything on this machine with an exchange that talks to it,
/// and ends with a verdict. `paceline serve` is the same for real use.
#[derive(Debug, Parser)]
#[command(name = "paceline", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to log, as in `info` or `bidder=debug,warn`.
    #[arg(
        long,
        global = true,
        default_value = "warn,paceline=info",
        value_name = "FILTER"
    )]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the whole loop turn: a DSP, an exchange and its users on this machine.
    Demo(DemoArgs),
    /// Run bidder, pixel, updater and console until stopped.
    Serve(ServeArgs),
    /// Fill a data folder with example campaigns.
    Init(InitArgs),
    /// Decide bid request files without a server, and print the responses.
    Bid(BidArgs),
    /// Show the numbers that a bid was made by.
    Explain(ExplainArgs),
    /// Play an exchange against a running bidder and pixel, and judge what they do.
    Loadtest(LoadtestArgs),
    /// Play days of market on a simulated clock, and judge spend and predictions against the truth.
    Simulate(SimulateArgs),
    /// Recount the event log and compare it with ledger and reports.
    Verify(VerifyArgs),
    /// Replay recorded auctions through pacing, holds and shading, and print what they came to.
    Replay(Box<replay::ReplayArgs>),
    /// Train, judge and keep models of clicks.
    Model(model::ModelArgs),
    /// Read a configuration file and say what is wrong with it.
    CheckConfig(CheckConfigArgs),
}

/// `paceline demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long the exchange sends bid requests, in seconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub seconds: u64,
    /// Fixes traffic, users and campaigns.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Bid requests per second.
    #[arg(long, default_value_t = 700, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rate: u64,
    /// Append the id of every acknowledged event to this file, one a line.
    #[arg(long, value_name = "FILE")]
    pub acks: Option<PathBuf>,
    /// Keep the data here; without it a temporary folder is used and removed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Go on serving until Ctrl-C after the verdict, with the console open.
    #[arg(long)]
    pub keep: bool,
    /// Print the verdict as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// `paceline serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration; without it the defaults of `deploy/paceline.toml`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder, over the configured one.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Run only these parts, separated by commas.
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Take the sockets of the server that holds the data folder, and go on when it has ended. Nobody is refused
    /// meanwhile. Where none runs it starts as usual.
    #[arg(long)]
    pub take_over: bool,
}

/// A part that `serve` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Answers bid requests.
    Bidder,
    /// Takes notices, impressions, clicks and conversions.
    Pixel,
    /// Follows the event log.
    Updater,
    /// Web pages and REST API.
    Console,
}

/// `paceline init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// What to fill it with.
    #[arg(long)]
    pub example: Example,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "./paceline-data")]
    pub data: PathBuf,
}

/// Example campaigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Example {
    /// Live, untargeted line items in all common banner sizes, video, audio and native, open and on any deal.
    AllFormats,
}

/// `paceline bid`.
#[derive(Debug, Args)]
pub(crate) struct BidArgs {
    /// OpenRTB requests, one JSON object a file; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The data folder with the campaigns.
    #[arg(long, value_name = "DIR", default_value = "./paceline-data")]
    pub data: PathBuf,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which exchange asks.
    #[arg(long, default_value = "generic")]
    pub exchange: String,
    /// Print every line item's verdict and the numbers behind the price.
    #[arg(long)]
    pub explain: bool,
}

/// `paceline explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The bid's id, as in the answer to the exchange: 32 hexadecimal digits.
    #[arg(value_name = "BID_ID")]
    pub bid: String,
    /// The data folder whose log has the bid; a server that holds it is asked.
    #[arg(long, value_name = "DIR", default_value = "./paceline-data")]
    pub data: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `paceline loadtest`.
#[derive(Debug, Args)]
pub(crate) struct LoadtestArgs {
    /// Where the bidder listens.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "HOST:PORT")]
    pub bidder: String,
    /// Where the pixel listens.
    #[arg(long, default_value = "127.0.0.1:8082", value_name = "HOST:PORT")]
    pub pixel: String,
    /// What tracking URLs begin with.
    #[arg(long, default_value = "https://pixel.localhost", value_name = "URL")]
    pub public_url: String,
    /// The exchange in the path `/bid/{exchange}`.
    #[arg(long, default_value = "generic")]
    pub exchange: String,
    /// How long requests are sent, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Bid requests per second.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub rate: u64,
    /// Fixes traffic and users.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Append the id of every acknowledged event to this file, one a line.
    #[arg(long, value_name = "FILE")]
    pub acks: Option<PathBuf>,
    /// Do not hold failed requests against the server: it is being stopped on purpose.
    #[arg(long)]
    pub tolerate_errors: bool,
    /// Print the report as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// `paceline simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Days of market.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub days: u32,
    /// Campaigns, each with two line items.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub campaigns: u16,
    /// About so many clicks are wanted.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub clicks: u64,
    /// Exactly so many bid requests instead.
    #[arg(long, conflicts_with = "clicks", value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub requests: Option<u64>,
    /// Fixes users, market, campaigns and the truth.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Play the same days again with bids by each line item's history in place of predictions, and compare.
    #[arg(long)]
    pub compare_model: bool,
    /// Print one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
    /// Write a report with pictures: a page, or the pictures alone where the name ends in `.svg`.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `paceline verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The data folder; it may be in use by a running server.
    #[arg(long, value_name = "DIR", default_value = "./paceline-data")]
    pub data: PathBuf,
    /// A file of acknowledged event ids, as the simulator writes it: each must stand in the log.
    #[arg(long, value_name = "FILE")]
    pub acks: Option<PathBuf>,
    /// Print one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// `paceline check-config`.
#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// The configuration file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
