//! The flags of `paceline replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `--help` says after the flags.
const TEACHING: &str = "\
A row is one auction: whether it was clicked (0 or 1), its clearing price per mille, the predicted click rate, and the
running hour; separated by tabs or spaces, in time order, without a header, plain or as .gz. A bid wins where it is
above the price. Second price pays the price, first price the bid.

The rows go through the same pacing, account, lease, hold and first-price code as a bidder's requests, and controllers
learn from their own auctions only. What each figure means stands in docs/money.md.

  paceline replay --input auctions.tsv.gz --budget 1/8 --all
  paceline replay --input auctions.tsv.gz --budget 1/8 --forecast-noise 0.3 --plot replay.svg
  paceline replay --input auctions.tsv.gz --budget 1/8 --strategy asap --in-flight 1000 --lost 0.01
  paceline replay --input auctions.tsv.gz --budget 1/8 --auction first --json";

/// `paceline replay`.
#[derive(Debug, Args)]
#[command(after_long_help = TEACHING)]
pub(crate) struct ReplayArgs {
    /// The auctions.
    #[arg(long, value_name = "FILE[.gz]")]
    pub input: PathBuf,
    /// What the columns hold, in order: click, price, pctr, hour, or - for one to skip. Price and pctr are needed;
    /// without hours the file counts as one day.
    #[arg(long, value_name = "NAMES", default_value = "click,price,pctr,hour")]
    pub columns: String,
    /// Which rule sets the price.
    #[arg(long, value_enum, default_value = "second")]
    pub auction: AuctionWord,
    /// The budget as a share of what all rows cost, as in 1/8 or 0.125. One of the two budgets is needed.
    #[arg(long, value_name = "SHARE", value_parser = share, required_unless_present = "budget_micros")]
    pub budget: Option<f64>,
    /// The budget in micros. One unit of a row's price is 1,000 micros.
    #[arg(long, value_name = "MICROS", value_parser = clap::value_parser!(i64).range(1..=1_000_000_000_000_000), conflicts_with = "budget")]
    pub budget_micros: Option<i64>,
    /// What decides the bids; `dual` is what a bidder runs.
    #[arg(long, value_enum, default_value = "dual")]
    pub strategy: StrategyWord,
    /// Replay every strategy and print a table.
    #[arg(long, conflicts_with = "plot")]
    pub all: bool,
    /// Layers of the strategy `layers`.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub layers: u16,
    /// How the budget is spread: by the forecast of traffic, or evenly.
    #[arg(long, value_enum, default_value = "traffic")]
    pub plan: PlanWord,
    /// Slots of the plan in an hour.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=60))]
    pub slots_per_hour: u16,
    /// The forecast of each hour is wrong by up to this part of it.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub forecast_noise: f64,
    /// The forecast is this part of what comes: 0.7 when more comes than thought, 1.4 when less.
    #[arg(long, default_value_t = 1.0, value_parser = factor)]
    pub volume_error: f64,
    /// Whether a bid won, and what it paid, is known so many rows later.
    #[arg(long, value_name = "ROWS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub feedback_delay: u32,
    /// Billing notices come so many rows later, and bids hold money for twice as long. Without this flag a win is
    /// booked at once and nothing is held.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub in_flight: Option<u32>,
    /// What a bid holds of the budget until its notice has come; `known-spend` is nothing.
    #[arg(long, value_enum, default_value = "expected")]
    pub holds: HoldsWord,
    /// The part of billing notices that come twice.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub duplicates: f64,
    /// The part of billing notices that never come.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub lost: f64,
    /// Bidder processes that take rows in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub bidders: u16,
    /// Kill the first bidder at the middle row, for one percent of the rows.
    #[arg(long)]
    pub kill_one: bool,
    /// What unpaced bids would cost, in budgets: how far the advertiser's largest bids reach.
    #[arg(long, value_name = "BUDGETS", default_value_t = 4.0, value_parser = factor)]
    pub max_bid_pressure: f64,
    /// A predicted click may cost so many micros on average.
    #[arg(long, value_name = "MICROS", value_parser = positive)]
    pub goal_ecpc: Option<f64>,
    /// Multiply all prices.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub price_scale: f64,
    /// Multiply prices from the middle of the flight on, as in 1.3.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub shift: f64,
    /// Notices tell the price that was to be outbid, also those of lost auctions.
    #[arg(long)]
    pub min_to_win: bool,
    /// Earlier rows, in the same columns, that linear, ortb, constant and truthful are fitted on. Without it they
    /// are fitted on the replayed rows themselves, in hindsight.
    #[arg(long, value_name = "FILE[.gz]")]
    pub fit: Option<PathBuf>,
    /// Fixes all draws.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object; with `--all` an array of them.
    #[arg(long)]
    pub json: bool,
    /// Draw plan, spend and multiplier into this file.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// `--auction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuctionWord {
    /// The winner pays what it outbid.
    Second,
    /// The winner pays its bid.
    First,
}

/// `--plan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanWord {
    /// In proportion to the forecast.
    Traffic,
    /// Every slot the same.
    Even,
}

/// `--holds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HoldsWord {
    /// What bids are expected to cost.
    Expected,
    /// All of the bid.
    Full,
    /// Nothing: bids stop when what is billed reaches the budget.
    KnownSpend,
}

/// `--strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyWord {
    /// The receding-horizon dual multiplier.
    Dual,
    /// Layered throttling after Smart Pacing.
    Layers,
    /// Uniform throttling.
    Throttle,
    /// PID on the multiplier.
    Pid,
    /// Unpaced bids until the money is gone.
    Asap,
    /// In proportion to the predicted click rate, fitted.
    Linear,
    /// The square-root form of ORTB, fitted.
    Ortb,
    /// What a click cost in the fitted rows, times the predicted click rate.
    Truthful,
    /// Always the same bid, fitted.
    Constant,
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| "not a number".to_owned())
}

fn between(text: &str, (least, most): (f64, f64)) -> Result<f64, String> {
    let number = number(text)?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("not between {least} and {most}"))
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = match text.split_once('/') {
        Some((above, below)) => number(above)? / number(below)?,
        None => number(text)?,
    };
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("not above 0 and at most 1; as in 1/8".to_owned())
    }
}

fn part(text: &str) -> Result<f64, String> {
    between(text, (0.0, 0.99))
}

fn factor(text: &str) -> Result<f64, String> {
    between(text, (0.001, 1_000.0))
}

fn positive(text: &str) -> Result<f64, String> {
    between(text, (1e-3, 1e15))
}
