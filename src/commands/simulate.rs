//! `paceline simulate`: days of market on the simulated clock, and a report.

use std::process::ExitCode;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sim::days::{Bids, CLICKS_ENOUGH, Comparison, Plan, Played, Report};

use crate::cli::SimulateArgs;

/// Least clicks gained per money that a comparison should show, as a ratio.
const RATIO_MIN: f64 = 1.15;

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(flatten)]
    comparison: Option<&'a Comparison>,
    failures: &'a [String],
    passed: bool,
}

/// Plays, judges, and fails when a target is missed.
///
/// # Errors
/// When a promise is broken or the report's file cannot be written.
pub(crate) fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan {
        hours: args.days * 24,
        campaigns: usize::from(args.campaigns),
        requests: args
            .requests
            .unwrap_or_else(|| Plan::requests_for(args.clicks)),
        seed: args.seed,
        bids: Bids::Learned,
    };
    let (model, history) = play(plan, args.compare_model)?;
    let report = Report::new(&model);
    let comparison = history
        .as_ref()
        .map(|history| Comparison::new(&model, history));
    let mut failures = report.failures();
    failures.extend(
        comparison
            .as_ref()
            .and_then(|comparison| failure(report.clicks, comparison)),
    );
    super::print_line(&table(&report, comparison.as_ref()))?;
    for failure in &failures {
        super::print_line(&format!("not reached: {failure}"))?;
    }
    if let Some(path) = &args.report {
        let picture = path.extension().is_some_and(|extension| extension == "svg");
        let text = if picture {
            sim::days::picture(&report)
        } else {
            sim::days::page(&report, comparison.as_ref())
        };
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let passed = failures.is_empty();
    if args.json {
        let output = Output {
            report: &report,
            comparison: comparison.as_ref(),
            failures: &failures,
            passed,
        };
        super::print_line(&serde_json::to_string(&output)?)?;
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Plays the plan, and for a comparison the same without the model on a thread beside it: each run knows one thread.
fn play(plan: Plan, compares: bool) -> anyhow::Result<(Played, Option<Played>)> {
    let bar = ProgressBar::new(plan.requests * if compares { 2 } else { 1 });
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {percent:>3} %  {eta} left")
    {
        bar.set_style(style);
    }
    let run = |plan| sim::days::run(plan, |requests| bar.inc(requests)).map_err(anyhow::Error::msg);
    let played = std::thread::scope(|scope| {
        let without = Plan {
            bids: Bids::History,
            ..plan
        };
        let beside = compares.then(|| scope.spawn(move || run(without)));
        let model = run(plan);
        let ended = beside.map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a run has died")))
        });
        Ok((model?, ended.transpose()?))
    });
    bar.finish_and_clear();
    played
}

/// What a comparison of enough clicks should have reached and has not.
fn failure(clicks: u64, comparison: &Comparison) -> Option<String> {
    let (ratio, [low, high]) = (
        comparison.clicks_per_money_ratio,
        comparison.clicks_per_money_interval,
    );
    let few = clicks < CLICKS_ENOUGH;
    let reached = few || ratio >= RATIO_MIN && low > 1.0;
    (!reached).then(|| {
        format!("clicks per money {ratio:.3} [{low:.3}, {high:.3}] of those without predictions")
    })
}

fn table(report: &Report, comparison: Option<&Comparison>) -> String {
    let skill = &report.skill;
    let mut lines = vec![
        format!(
            "{} days, {} requests, {} bids, {} impressions",
            report.days, report.requests, report.bids, report.impressions
        ),
        format!(
            "{} clicks, {} conversions, {:.2} spent",
            report.clicks, report.conversions, report.spent
        ),
        format!(
            "area under the curve: truth {:.4}, model {:.4}",
            skill.truth_auc, skill.model_auc
        ),
        format!(
            "skill {:.3} of the way from a constant rate to the truth",
            skill.skill
        ),
        format!(
            "calibration {:.4} (1 +- {:.3})",
            skill.calibration, skill.calibration_bound
        ),
        format!(
            "worst slice: {} at {:.3} (1 +- {:.3}) of {} slices",
            skill.worst_slice,
            skill.worst_slice_calibration,
            skill.worst_slice_bound,
            skill.calibrations.slices.len()
        ),
        format!(
            "predicted conversions {:+.1} % off the truth, on {} clicks",
            skill.cvr_bias * 100.0,
            skill.cvr_clicks
        ),
    ];
    if let Some(comparison) = comparison {
        let [low, high] = comparison.clicks_per_money_interval;
        lines.push(format!(
            "clicks per money against bids by history: {:.3} [{low:.3}, {high:.3}] ({} clicks for {:.2}, {} for {:.2})",
            comparison.clicks_per_money_ratio, comparison.model_clicks, comparison.model_spent, comparison.history_clicks, comparison.history_spent,
        ));
    }
    lines.push(
        "campaign   plan      spent     deviation  overspend  clicks  conversions  value/oracle"
            .to_owned(),
    );
    lines.extend(report.campaigns.iter().map(|row| {
        format!(
            "{:>8}  {:>8.2}  {:>8.2}  {:>8.1} %  {:>9.4}  {:>6}  {:>11}  {:>10.1} %",
            row.campaign,
            row.plan,
            row.spent,
            row.deviation * 100.0,
            row.overspend,
            row.clicks,
            row.conversions,
            100.0 * row.value / row.oracle_value,
        )
    }));
    lines.join("\n")
}
