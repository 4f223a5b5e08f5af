//! `paceline model`: train, judge, export and keep models of clicks.

mod bench;
mod files;
mod judge;
mod registry;
mod service;
mod train;

use std::path::Path;
use std::process::ExitCode;

use ctr_model::engine::Kind;
use ctr_model::trained::Scores;
use serde::Serialize;

use crate::cli::model::{
    ModelAction, ModelArgs, ModelKind, PromoteArgs, RollbackArgs, ServiceArgs, TableFormat,
};
use crate::models::Order;

/// Runs one of them.
///
/// # Errors
/// What stopped it.
pub(crate) fn run(args: ModelArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        ModelAction::Train(args) => train::run(&args),
        ModelAction::Predict(args) => judge::predict(&args),
        ModelAction::Eval(args) => judge::eval(&args),
        ModelAction::Bench(args) => bench::run(&args),
        ModelAction::Export(args) => files::export(&args),
        ModelAction::Inspect(args) => files::inspect(&args),
        ModelAction::Diff(args) => files::diff(&args),
        ModelAction::Promote(args) => promote(&args),
        ModelAction::Rollback(args) => rollback(args),
        ModelAction::Release(args) => service::order(&args, &Order::Release),
        ModelAction::Trial(args) => service::trial(&args),
        ModelAction::List(args) => service::list(&args),
    }
}

fn promote(args: &PromoteArgs) -> anyhow::Result<ExitCode> {
    match (&args.place.registry, &args.place.data) {
        (Some(registry), _) => registry::promote(args, registry),
        (None, data) => {
            let file = crate::models::absolute(&args.model)?;
            service::order(
                &served(data.as_deref(), args.place.json),
                &Order::Promote { file },
            )
        }
    }
}

fn rollback(args: RollbackArgs) -> anyhow::Result<ExitCode> {
    let (place, to) = (args.place, args.to);
    match (place.registry, place.data) {
        (Some(registry), _) => registry::rollback(&registry, place.json),
        (None, data) => service::order(
            &served(data.as_deref(), place.json),
            &Order::RollBack { to },
        ),
    }
}

/// One of both places is named, or usage was refused.
fn served(data: Option<&Path>, json: bool) -> ServiceArgs {
    ServiceArgs {
        data: data.unwrap_or(Path::new(".")).to_owned(),
        json,
    }
}

/// Usage that no flag's own rule could refuse.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

fn format(format: TableFormat) -> lake::Format {
    match format {
        TableFormat::Tsv => lake::Format::Tsv,
        TableFormat::Parquet => lake::Format::Parquet,
    }
}

fn kind(model: ModelKind) -> Kind {
    match model {
        ModelKind::Lr => Kind::Linear,
        ModelKind::Ffm => Kind::Ffm,
        ModelKind::Deepffm => Kind::DeepFfm,
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Linear => "lr",
        Kind::Ffm => "ffm",
        Kind::DeepFfm => "deepffm",
        Kind::Wide(_) => "wide",
    }
}

/// A model's figures as they are printed.
#[derive(Debug, Serialize)]
struct Figures {
    rows: u64,
    clicks: u64,
    log_loss: Option<f64>,
    auc: Option<f64>,
    rig: Option<f64>,
    calibration: Option<f64>,
}

impl From<Scores> for Figures {
    fn from(scores: Scores) -> Self {
        Self {
            rows: scores.rows,
            clicks: scores.clicks,
            log_loss: scores.log_loss,
            auc: scores.auc,
            rig: scores.rig,
            calibration: scores.calibration,
        }
    }
}

/// A figure for people; a dash where there is none.
fn shown(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.5}"))
}

/// Prints an object as one line of JSON.
fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    super::print_line(&serde_json::to_string(value)?)
}
