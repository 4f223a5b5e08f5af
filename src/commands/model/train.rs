//! `paceline model train`: learns a model from tables and shows how it does.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ctr_model::engine::Spec;
use ctr_model::metrics::tally::Tally;
use ctr_model::table::Columns;
use domain::Clock;
use domain::time::SystemClock;
use indicatif::{ProgressBar, ProgressStyle};
use lake::model::{Checkpoint, checkpoint_path};
use lake::train::{Clocks, Plan, Progress, Start, train};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::UsageError;
use crate::cli::model::TrainArgs;

/// Rows between two looks at the figures: a look costs some microseconds.
const SHOW_EVERY_ROWS: u64 = 16_384;

/// The last line.
#[derive(Debug, Serialize)]
struct Report {
    examples: u64,
    seconds: f64,
    read_cpu_seconds: f64,
    learn_cpu_seconds: f64,
    examples_per_cpu_second: f64,
    log_loss: Option<f64>,
    auc: Option<f64>,
    rig: Option<f64>,
    calibration: Option<f64>,
    skipped_rows: u64,
}

/// Trains.
///
/// # Errors
/// When a table cannot be used, the flags do not fit each other or the tables, or the disk refuses.
pub(super) fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::new();
    let plan = plan(args)?;
    let checkpoint = checkpoint_path(&args.out);
    let start = start(args)?;
    let stop = watch_signals()?;
    let bar = progress_bar();
    let began = clock.now();
    let clocks = Clocks {
        process: || seconds(ClockId::ProcessCPUTime),
        thread: || seconds(ClockId::ThreadCPUTime),
    };
    let mut next_shown = 0;
    let outcome = train(&plan, start, clocks, &mut |progress| {
        if progress.rows >= next_shown {
            next_shown = progress.rows + SHOW_EVERY_ROWS;
            show(&bar, progress, plan.passes);
        }
        !stop.load(Ordering::Relaxed)
    })?;
    bar.finish_and_clear();
    if outcome.stopped {
        let (rows, path) = (outcome.rows, checkpoint.display());
        anyhow::bail!(
            "stopped after {rows} rows; the same command with --resume goes on from {path}"
        );
    }
    lake::model::save(&args.out, &outcome.model)?;
    // The model is there: where it stopped on the way does not matter any more.
    std::fs::remove_file(&checkpoint).unwrap_or_default();
    let cpu = outcome.read_cpu + outcome.learn_cpu;
    let scores = outcome.model.scores;
    super::print_json(&Report {
        examples: outcome.rows,
        seconds: clock.now().since(began) as f64 / 1_000.0,
        read_cpu_seconds: outcome.read_cpu,
        learn_cpu_seconds: outcome.learn_cpu,
        examples_per_cpu_second: outcome.rows as f64 / cpu.max(1e-9),
        log_loss: scores.log_loss,
        auc: scores.auc,
        rig: scores.rig,
        calibration: scores.calibration,
        skipped_rows: outcome.skipped,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &TrainArgs) -> anyhow::Result<Plan> {
    let usage = |why: String| UsageError(why);
    let columns = Columns::new(&args.label, &args.numeric, &args.categorical, 0)
        .map_err(|error| usage(error.to_string()))?;
    let field = |name: &String| {
        let place = columns.names().iter().position(|has| has == name);
        place.map(|at| at as u16).ok_or_else(|| {
            usage(format!(
                "--calibrate-by {name}: not one of the feature columns"
            ))
        })
    };
    let calibrate_by = args
        .calibrate_by
        .iter()
        .map(field)
        .collect::<Result<Vec<_>, _>>()?;
    if calibrate_by.len() > 4 {
        anyhow::bail!(usage("--calibrate-by takes at most 4 columns".to_owned()));
    }
    if !(1e-4..=1.0).contains(&args.keep_negatives) {
        anyhow::bail!(usage(format!(
            "--keep-negatives {}: must be from 0.0001 to 1",
            args.keep_negatives
        )));
    }
    let spec = Spec {
        kind: super::kind(args.model),
        fields: columns.names().len(),
        bits: args.bits,
        k: args.k,
    };
    spec.check().map_err(|error| usage(error.to_string()))?;
    Ok(Plan {
        inputs: args.tables.input.clone(),
        format: super::format(args.tables.format),
        spec,
        passes: args.passes,
        threads: usize::from(args.threads),
        seed: args.seed,
        cache: args.cache.clone(),
        skip_bad_rows: args.skip_bad_rows,
        negatives_kept: args.keep_negatives,
        calibrate: !calibrate_by.is_empty(),
        calibrate_by,
        checkpoint: Some((checkpoint_path(&args.out), args.checkpoint_rows.max(1))),
        columns,
    })
}

fn start(args: &TrainArgs) -> anyhow::Result<Start> {
    if let Some(from) = &args.from {
        return Ok(Start::Model(Box::new(lake::model::load(from)?)));
    }
    if !args.resume {
        return Ok(Start::Empty);
    }
    let checkpoint = Checkpoint::load(&checkpoint_path(&args.out))?;
    Ok(checkpoint.map_or(Start::Empty, |checkpoint| {
        Start::Checkpoint(Box::new(checkpoint))
    }))
}

/// Set when SIGINT or SIGTERM came: the training saves a checkpoint and ends after its batch.
fn watch_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        service_kit::drain::EndSignals::install()?
    };
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        runtime.block_on(signals.next());
        told.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}, {eta} left");
    ProgressBar::new(100).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: &Progress<'_>, passes: u32) {
    let tally: &Tally = progress.tally;
    let (read, all) = progress.bytes;
    bar.set_length(all.max(1) * u64::from(passes));
    bar.set_position(read + all * u64::from(progress.pass));
    let (loss, auc) = (super::shown(tally.log_loss()), super::shown(tally.auc()));
    bar.set_message(format!(
        "{} rows, log loss {loss}, AUC {auc}",
        progress.rows
    ));
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
