//! `paceline model predict` and `paceline model eval`.

use std::process::ExitCode;

use ctr_model::trained::Scores;
use lake::judge::Tables;
use serde::Serialize;

use super::Figures;
use crate::cli::model::{EvalArgs, PredictArgs};

/// Buckets of the reliability plot.
const BUCKETS: usize = 20;
/// Slices printed for people; JSON has all.
const SLICES_SHOWN: usize = 20;

/// What `eval --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    figures: Figures,
    skipped_rows: u64,
    slices: Vec<SliceReport>,
}

#[derive(Debug, Serialize)]
struct SliceReport {
    value: String,
    rows: u64,
    clicks: u64,
    calibration: Option<f64>,
}

/// Predicts each row of the tables.
///
/// # Errors
/// When the model or a table cannot be used, or the disk refuses.
pub(super) fn predict(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let model = lake::model::load(&args.model)?;
    let tables = Tables {
        inputs: &args.tables.input,
        format: super::format(args.tables.format),
        skip_bad_rows: false,
    };
    let rows = lake::judge::predict(&model, tables, &args.out)?;
    crate::commands::print_line(&format!("{rows} predictions in {}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Judges a model.
///
/// # Errors
/// When the model or a table cannot be used, or the plot cannot be written.
pub(super) fn eval(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let model = lake::model::load(&args.model)?;
    let tables = Tables {
        inputs: &args.tables.input,
        format: super::format(args.tables.format),
        skip_bad_rows: args.skip_bad_rows,
    };
    let judgement = lake::judge::judge(&model, tables, args.slice.as_deref())?;
    if let Some(path) = &args.plot {
        let title = format!(
            "{} on {} rows",
            args.model.display(),
            judgement.tally.rows()
        );
        let plot = lake::plot::reliability(&judgement.tally.reliability(BUCKETS), &title);
        lake::file::write(path, plot.as_bytes())?;
    }
    let slice = |(value, slice): (String, lake::judge::Slice)| SliceReport {
        value,
        rows: slice.rows,
        clicks: slice.clicks,
        calibration: slice.calibration(),
    };
    let report = Report {
        figures: Scores::from(&judgement.tally).into(),
        skipped_rows: judgement.skipped,
        slices: judgement.slices.into_iter().map(slice).collect(),
    };
    if args.json {
        super::print_json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report) -> anyhow::Result<()> {
    let line = crate::commands::print_line;
    let figures = &report.figures;
    line(&format!("rows         {}", figures.rows))?;
    line(&format!("clicks       {}", figures.clicks))?;
    line(&format!("log loss     {}", super::shown(figures.log_loss)))?;
    line(&format!("AUC          {}", super::shown(figures.auc)))?;
    line(&format!("RIG          {}", super::shown(figures.rig)))?;
    line(&format!(
        "calibration  {}",
        super::shown(figures.calibration)
    ))?;
    if report.skipped_rows > 0 {
        line(&format!("left out     {}", report.skipped_rows))?;
    }
    if !report.slices.is_empty() {
        line(&format!(
            "\n{:>10} {:>9} {:>11}  slice",
            "rows", "clicks", "calibration"
        ))?;
    }
    for slice in report.slices.iter().take(SLICES_SHOWN) {
        let calibration = super::shown(slice.calibration);
        let (rows, clicks, value) = (slice.rows, slice.clicks, &slice.value);
        line(&format!(
            "{rows:>10} {clicks:>9} {calibration:>11}  {value}"
        ))?;
    }
    if report.slices.len() > SLICES_SHOWN {
        line(&format!(
            "{} more slices with --json",
            report.slices.len() - SLICES_SHOWN
        ))?;
    }
    Ok(())
}
