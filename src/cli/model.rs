//! Flags of `paceline model`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `paceline model`.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: ModelAction,
}

/// What to do with a model.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelAction {
    /// Learn a model from tables; prints its progressive figures, the last line as JSON.
    ///
    /// Each example is predicted before it is learned, so that log loss and AUC are those of unseen data.
    /// The defaults are meant to be good without tuning:
    ///
    ///   paceline model train --input day1.tsv.gz day2.tsv.gz --label click \
    ///     --numeric age,price --categorical site,creative,country --cache rows --out click.plm
    Train(Box<TrainArgs>),
    /// Predict each row of a table: a file with the header `prediction` and one line a row, in the table's order.
    Predict(PredictArgs),
    /// Judge a model on tables with labels that it has not learned: log loss, AUC, information gain, calibration.
    Eval(EvalArgs),
    /// Measure how fast a model predicts: single rows, and the candidates of one request.
    Bench(BenchArgs),
    /// Write a smaller file for serving: 16 or 8 bit numbers, without what learning on needs.
    Export(ExportArgs),
    /// Say what a model file holds.
    Inspect(InspectArgs),
    /// Put a model into service, if it is not worse than the one there on the newest data: in a registry folder, or in
    /// the service of a data folder, which judges it on the examples that come and holds it then.
    Promote(PromoteArgs),
    /// Put the model before back into service, in a registry folder or the service of a data folder.
    Rollback(RollbackArgs),
    /// Let what the service learns serve again, after a promotion or a roll back held another model.
    Release(ServiceArgs),
    /// Let another model bid for a share of the users of the service, or end that.
    Trial(TrialArgs),
    /// Show the models of the service: what serves, is kept, is judged, is tried.
    List(ServiceArgs),
    /// Compare two models.
    Diff(DiffArgs),
}

/// Tables.
#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// Tables, read in this order; names ending with `.gz` are unpacked. The first line names the columns, an empty
    /// cell is missing.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// How the tables are written.
    #[arg(long, value_enum, default_value_t = TableFormat::Tsv)]
    pub format: TableFormat,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Tab-separated text.
    Tsv,
    /// Parquet; needs a build with `--features lake`.
    Parquet,
}

/// What a model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelKind {
    /// Logistic regression: the fastest, blind to interactions.
    Lr,
    /// Logistic regression and field-aware factors.
    Ffm,
    /// As ffm, with a small dense network on top.
    Deepffm,
}

/// `paceline model train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub tables: TableArgs,
    /// The column with 1 for a click and 0 for none.
    #[arg(long, default_value = "label", value_name = "NAME")]
    pub label: String,
    /// Columns of numbers, separated by commas: bucketed, so that close ones share a weight.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub numeric: Vec<String>,
    /// Columns of names, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub categorical: Vec<String>,
    /// What the model is made of.
    #[arg(long, value_enum, default_value_t = ModelKind::Ffm)]
    pub model: ModelKind,
    /// Factors of a pair of columns, 4 or 8.
    #[arg(long, default_value_t = 4)]
    pub k: usize,
    /// Room for weights, as a power of two.
    #[arg(long, default_value_t = 22)]
    pub bits: u32,
    /// How often everything is learned; figures are those of the first pass.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub passes: u32,
    /// Threads that learn; with one, equal inputs give equal files.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Fixes all that is drawn.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Keep hashed rows in this folder: the next run over the same tables reads them instead of text.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Learn this share of the rows without click only; predictions are as if all had been learned.
    #[arg(long, default_value_t = 1.0, value_name = "SHARE")]
    pub keep_negatives: f32,
    /// Calibrate by the values of these feature columns, at most 4, such as exchange and campaign.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub calibrate_by: Vec<String>,
    /// Count rows that cannot be used and go on, instead of ending with the line's number.
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Go on where a run with the same flags was stopped: from `OUT.checkpoint`.
    #[arg(long)]
    pub resume: bool,
    /// Learn on from this model instead of from nothing.
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// Save a checkpoint each time after so many rows.
    #[arg(long, default_value_t = 5_000_000, value_name = "ROWS")]
    pub checkpoint_rows: u64,
    /// The model file; it appears when it is whole.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `paceline model predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// The model file.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    #[command(flatten)]
    pub tables: TableArgs,
    /// Where the predictions go.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `paceline model eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The model file.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    #[command(flatten)]
    pub tables: TableArgs,
    /// Also by the values of this column; it need not be a feature.
    #[arg(long, value_name = "COLUMN")]
    pub slice: Option<String>,
    /// Count rows that cannot be used and go on.
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Draw predicted against observed rates to an SVG file.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `paceline model bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The model file.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Candidates of one request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub candidates: u32,
    /// Columns, from the first, that all candidates of a request share.
    #[arg(long, default_value_t = 29)]
    pub context_fields: usize,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `paceline model export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The model file.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Bits a number.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(8..=16))]
    pub bits: u16,
    /// The smaller file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `paceline model inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The model file.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A registry folder or a service.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The folder with all models that were in service.
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "data",
        conflicts_with = "data"
    )]
    pub registry: Option<PathBuf>,
    /// The data folder of the service; a server that holds it is asked.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `paceline model rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Which kept model of the service; without it the newest before the one that serves.
    #[arg(long, value_name = "VERSION", conflicts_with = "registry")]
    pub to: Option<u64>,
}

/// The service of a data folder.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// The data folder; a server that holds it is asked.
    #[arg(long, value_name = "DIR", default_value = "./paceline-data")]
    pub data: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `paceline model trial`.
#[derive(Debug, Args)]
pub(crate) struct TrialArgs {
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The share of the users, over 0 and below 1.
    #[arg(long, default_value_t = 0.1)]
    pub share: f64,
    /// A model file.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["version", "end"])]
    pub model: Option<PathBuf>,
    /// Or a kept version.
    #[arg(long, value_name = "VERSION", conflicts_with = "model")]
    pub version: Option<u64>,
    /// End the trial that is under way.
    #[arg(long, conflicts_with_all = ["model", "version", "share"])]
    pub end: bool,
}

/// `paceline model promote`.
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The candidate.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Tables with the newest rows, for a registry.
    #[arg(long, required_unless_present = "data", conflicts_with = "data", num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// How the tables are written.
    #[arg(long, value_enum, default_value_t = TableFormat::Tsv)]
    pub format: TableFormat,
    /// How much worse the log loss may be, as a share of the serving model's.
    #[arg(long, default_value_t = 0.001)]
    pub log_loss_tolerance: f64,
    /// How much lower the AUC may be.
    #[arg(long, default_value_t = 0.002)]
    pub auc_tolerance: f64,
    /// How much further from 1 predicted by observed clicks may be.
    #[arg(long, default_value_t = 0.02)]
    pub calibration_tolerance: f64,
}

/// `paceline model diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The model to start from: a file, or a version of the registry.
    #[arg(value_name = "FROM")]
    pub from: String,
    /// The model to compare with it.
    #[arg(value_name = "TO")]
    pub to: String,
    /// The folder in which versions are looked up.
    #[arg(long, value_name = "DIR")]
    pub registry: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}
