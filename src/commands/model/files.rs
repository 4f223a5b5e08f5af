//! `paceline model export`, `inspect` and `diff`: what model files hold.

use std::path::PathBuf;
use std::process::ExitCode;

use ctr_model::file::Precision;
use ctr_model::trained::{Difference, Trained};
use lake::registry::Registry;
use serde::Serialize;

use super::{Figures, UsageError};
use crate::cli::model::{DiffArgs, ExportArgs, InspectArgs};
use crate::commands::print_line;

/// Writes a smaller file for serving.
///
/// # Errors
/// When the model cannot be read or the disk refuses.
pub(super) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let usage = || UsageError(format!("--bits {}: must be 16 or 8", args.bits));
    let precision = Precision::of_bits(args.bits).ok_or_else(usage)?;
    let model = Trained {
        precision,
        optimiser: None,
        ..lake::model::load(&args.model)?
    };
    let bytes = model.encode();
    lake::file::write(&args.out, &bytes)?;
    print_line(&format!("{} bytes in {}", bytes.len(), args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// What `inspect --json` prints.
#[derive(Debug, Serialize)]
struct Contents {
    version: u64,
    parent: u64,
    model: &'static str,
    k: usize,
    bits: u32,
    precision_bits: u16,
    label: String,
    numeric: Vec<String>,
    categorical: Vec<String>,
    columns_hash: String,
    hash_salt: u64,
    keys: usize,
    keys_with_factors: usize,
    dense_numbers: usize,
    can_learn_on: bool,
    negatives_kept: f32,
    calibration_offset: f32,
    calibrated_by: Vec<String>,
    calibration_slices: usize,
    scores: Figures,
}

fn contents(model: &Trained) -> Contents {
    let names = model.columns.names();
    let (numeric, categorical) = names.split_at(model.columns.numeric());
    let spec = model.spec();
    let calibration = &model.calibration;
    let name = |field: &u16| names.get(usize::from(*field)).cloned().unwrap_or_default();
    Contents {
        version: model.version,
        parent: model.parent,
        model: super::kind_name(spec.kind),
        k: spec.k,
        bits: spec.bits,
        precision_bits: model.precision.bits(),
        label: model.columns.label().to_owned(),
        numeric: numeric.to_vec(),
        categorical: categorical.to_vec(),
        columns_hash: format!("{:016x}", model.columns.hash()),
        hash_salt: model.columns.salt(),
        keys: model.weights.keys.len(),
        keys_with_factors: model
            .weights
            .factors
            .len()
            .checked_div(spec.row_len())
            .unwrap_or(0),
        dense_numbers: model.weights.dense.len(),
        can_learn_on: model.optimiser.is_some(),
        negatives_kept: calibration.negatives_kept(),
        calibration_offset: calibration.global().value,
        calibrated_by: model.calibrated_by.iter().map(name).collect(),
        calibration_slices: (0..calibration.dimensions())
            .map(|at| calibration.slices(at).count())
            .sum(),
        scores: model.scores.into(),
    }
}

/// Says what a model file holds.
///
/// # Errors
/// When it cannot be read.
pub(super) fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let contents = contents(&lake::model::load(&args.model)?);
    if args.json {
        super::print_json(&contents)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fields = serde_json::to_value(&contents)?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        print_line(&format!("{name:<20} {value}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What `diff --json` prints.
#[derive(Debug, Serialize)]
struct Changes {
    same_columns: bool,
    same_shape: bool,
    keys_from: usize,
    keys_to: usize,
    keys_added: usize,
    keys_removed: usize,
    weight_change_mean: f64,
    weight_change_max: f64,
    intercept_change: f64,
    scores_from: Figures,
    scores_to: Figures,
}

/// Compares two models.
///
/// # Errors
/// When one cannot be read.
pub(super) fn diff(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let [from, to] = [load(args, &args.from)?, load(args, &args.to)?];
    let Difference {
        keys_added,
        keys_removed,
        mean,
        max,
        intercept,
    } = from.difference(&to);
    let changes = Changes {
        same_columns: from.columns.hash() == to.columns.hash(),
        same_shape: from.spec() == to.spec(),
        keys_from: from.weights.keys.len(),
        keys_to: to.weights.keys.len(),
        keys_added,
        keys_removed,
        weight_change_mean: mean,
        weight_change_max: max,
        intercept_change: intercept,
        scores_from: from.scores.into(),
        scores_to: to.scores.into(),
    };
    if args.json {
        super::print_json(&changes)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fields = serde_json::to_value(&changes)?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        print_line(&format!("{name:<20} {value}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A file, or a version of the registry.
fn load(args: &DiffArgs, which: &str) -> anyhow::Result<Trained> {
    let path = match (&args.registry, which.parse()) {
        (Some(folder), Ok(version)) => Registry::open(folder)?.path(version),
        _ => PathBuf::from(which),
    };
    Ok(lake::model::load(&path)?)
}
