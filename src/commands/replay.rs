//! `paceline replay`: recorded auctions in, the figures of pacing out.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};
use sim::replay::{self, Auction, Budget, Figures, Holds, Options, Shape, Strategy, Stream};

use crate::cli::replay::{AuctionWord, HoldsWord, PlanWord, ReplayArgs, StrategyWord};

/// The rows or the columns are wrong: whoever gave them must change them.
#[derive(Debug, thiserror::Error)]
#[error("{path}")]
pub(crate) struct InputError {
    path: String,
    source: replay::StreamError,
}

/// Replays the input by one strategy or by all, and prints what they came to.
///
/// # Errors
/// When a file cannot be read or has a bad row, or the plot cannot be written.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let options = options(args);
    let mut stream = read(args, &args.input)?;
    stream.shift(args.shift);
    let fit = args.fit.as_ref().map(|path| read(args, path)).transpose()?;
    let play = |strategy| replay::run(&stream, fit.as_ref(), strategy, &options);
    if args.all {
        let all: Vec<Figures> = Strategy::ALL
            .into_iter()
            .map(|one| play(one).figures)
            .collect();
        print_all(&all, args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let played = play(strategy(args.strategy));
    if let Some(path) = &args.plot {
        let picture = replay::plot::svg(&played, &stream);
        std::fs::write(path, picture).with_context(|| path.display().to_string())?;
    }
    let text = if args.json {
        Value::Object(json(&played.figures)).to_string()
    } else {
        lines(&played.figures)
    };
    super::print_line(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn print_all(all: &[Figures], args: &ReplayArgs) -> anyhow::Result<()> {
    if args.json {
        let all = all.iter().map(|figures| Value::Object(json(figures)));
        return super::print_line(&Value::Array(all.collect()).to_string());
    }
    if args.fit.is_none() {
        super::print_line(
            "linear, ortb, constant and truthful are fitted on these rows in hindsight: see --fit",
        )?;
    }
    super::print_line(&table(all))
}

fn read(args: &ReplayArgs, path: &Path) -> anyhow::Result<Stream> {
    let wrong = |source| InputError {
        path: path.display().to_string(),
        source,
    };
    let columns = replay::stream::columns(&args.columns).map_err(wrong)?;
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let file = BufReader::new(file);
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let rows: Box<dyn BufRead> = if packed {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    Ok(Stream::read(rows, &columns, args.price_scale).map_err(wrong)?)
}

fn options(args: &ReplayArgs) -> Options {
    let share = Budget::Share(args.budget.unwrap_or(1.0));
    Options {
        auction: match args.auction {
            AuctionWord::Second => Auction::Second,
            AuctionWord::First => Auction::First,
        },
        budget: args.budget_micros.map_or(share, Budget::Micros),
        layers: usize::from(args.layers),
        plan: match args.plan {
            PlanWord::Traffic => Shape::Traffic,
            PlanWord::Even => Shape::Even,
        },
        slots_per_hour: usize::from(args.slots_per_hour),
        forecast_noise: args.forecast_noise,
        volume_error: args.volume_error,
        feedback_delay: args.feedback_delay as usize,
        in_flight: args.in_flight.map(|rows| rows as usize),
        holds: match args.holds {
            HoldsWord::Expected => Holds::Expected,
            HoldsWord::Full => Holds::Full,
            HoldsWord::KnownSpend => Holds::KnownSpend,
        },
        duplicates: args.duplicates,
        lost: args.lost,
        bidders: usize::from(args.bidders),
        kill_one: args.kill_one,
        max_bid_pressure: args.max_bid_pressure,
        goal_ecpc: args.goal_ecpc,
        min_to_win: args.min_to_win,
        seed: args.seed,
    }
}

fn strategy(word: StrategyWord) -> Strategy {
    match word {
        StrategyWord::Dual => Strategy::Dual,
        StrategyWord::Layers => Strategy::Layers,
        StrategyWord::Throttle => Strategy::Throttle,
        StrategyWord::Pid => Strategy::Pid,
        StrategyWord::Asap => Strategy::Asap,
        StrategyWord::Linear => Strategy::Linear,
        StrategyWord::Ortb => Strategy::Ortb,
        StrategyWord::Truthful => Strategy::Truthful,
        StrategyWord::Constant => Strategy::Constant,
    }
}

fn json(figures: &Figures) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("strategy".to_owned(), figures.strategy.label().into());
    for (name, number) in figures.numbers() {
        // Counts and micros are whole numbers in JSON too.
        let value = match number {
            Some(number) if number.fract() == 0.0 && !is_ratio(name) => Value::from(number as i64),
            Some(number) => Value::from(number),
            None => Value::Null,
        };
        object.insert(name.to_owned(), value);
    }
    object
}

fn is_ratio(name: &str) -> bool {
    ["_pct", "_rmse", "_95pct", "_rate", "_error"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn text(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if number.fract() == 0.0 => format!("{number}"),
        Some(number) if number.abs() >= 1_000.0 => format!("{number:.0}"),
        Some(number) => format!("{number:.4}"),
    }
}

fn lines(figures: &Figures) -> String {
    let line = |(name, number): (&str, Option<f64>)| format!("{name:34}{}", text(number));
    let head = format!("{:34}{}", "strategy", figures.strategy.label());
    let all: Vec<String> = figures.numbers().into_iter().map(line).collect();
    format!("{head}\n{}", all.join("\n"))
}

/// The figures of the table.
const TABLE: [&str; 9] = [
    "value_pct",
    "spent_pct",
    "overspend",
    "hourly_rmse",
    "max_deviation_pct",
    "time_to_95pct",
    "impressions",
    "clicks",
    "cost_per_predicted_click",
];

fn table(all: &[Figures]) -> String {
    let row = |cells: Vec<String>| {
        let width = |(at, cell): (usize, &String)| {
            let name = TABLE.get(at.wrapping_sub(1)).map_or(8, |name| name.len());
            format!("{cell:>name$}")
        };
        cells
            .iter()
            .enumerate()
            .map(width)
            .collect::<Vec<_>>()
            .join("  ")
    };
    let head = std::iter::once("strategy").chain(TABLE).map(str::to_owned);
    let mut rows = vec![row(head.collect())];
    for figures in all {
        let numbers = figures.numbers();
        let cell = |name: &&str| {
            let found = numbers.iter().find(|(known, _)| known == name);
            text(found.and_then(|(_, number)| *number))
        };
        let name = std::iter::once(figures.strategy.label().to_owned());
        rows.push(row(name.chain(TABLE.iter().map(cell)).collect()));
    }
    rows.join("\n")
}
