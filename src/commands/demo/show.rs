//! The progress bar, the live line, the table and the verdict in words.

use std::cell::Cell;
use std::fmt::Write;
use std::time::Duration;

use domain::Micros;
use indicatif::{ProgressBar, ProgressStyle};
use loadtest::{Progress, Report};

use super::verdict::Verdict;

/// A line of counts stays on the screen this often.
const LINE_EVERY_S: u64 = 5;

/// The bar of a run, and how far its lines have come.
pub(crate) struct Display {
    bar: ProgressBar,
    lines: Cell<u64>,
}

impl Display {
    /// A bar that is as long as the run.
    pub(crate) fn new(seconds: u64) -> Self {
        let bar = ProgressBar::new(seconds.saturating_mul(1_000));
        let style =
            ProgressStyle::with_template("{elapsed_precise} {wide_bar} {percent:>3} %  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self {
            bar,
            lines: Cell::new(0),
        }
    }

    /// Moves the bar; every few seconds a line stays.
    pub(crate) fn show(&self, progress: &Progress) {
        let millis = u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.bar
            .set_position(millis.min(self.bar.length().unwrap_or(millis)));
        self.bar.set_message(format!("{} bids", progress.bids));
        let lines = progress.elapsed.as_secs() / LINE_EVERY_S;
        if lines > self.lines.replace(lines) {
            let line = live_line(progress);
            if self.bar.is_hidden() {
                // Nobody looks at a bar, but a log may be kept.
                tracing::info!(target: "paceline", "{line}");
            } else {
                self.bar.println(line);
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn live_line(p: &Progress) -> String {
    let seconds = Duration::as_secs(&p.elapsed);
    format!(
        "{seconds:>4} s  {:>7} requests  {:>6} bids  {:>6} wins  {:>6} impressions  {:>5} clicks  {:>4} conversions  {:>3} invalid  {:>3} errors",
        p.requests,
        p.bids,
        p.wins,
        p.impressions,
        p.clicks,
        p.conversions,
        p.invalid_bids,
        p.errors
    )
}

/// One row per campaign.
pub(super) fn table(verdict: &Verdict) -> String {
    let mut text = format!(
        "\n{:<38} {:>8} {:>8} {:>8} {:>7} {:>7} {:>6} {:>6} {:>7} {:>7} {:>7}\n",
        "campaign",
        "budget",
        "planned",
        "spent",
        "spent %",
        "impr.",
        "clicks",
        "conv.",
        "pCTR %",
        "CTR* %",
        "eCPC"
    );
    for c in &verdict.campaigns {
        let money = |micros: i64| Micros(micros).to_string();
        let name: String = c.name.chars().take(38).collect();
        // Writing to a string does not fail.
        writeln!(
            text,
            "{name:<38} {:>8} {:>8} {:>8} {:>7.1} {:>7} {:>6} {:>6} {:>7.2} {:>7.2} {:>7}",
            money(c.budget_micros),
            money(c.planned_micros),
            money(c.spend_micros),
            c.spent_percent,
            c.impressions,
            c.clicks,
            c.conversions,
            c.predicted_ctr * 100.0,
            c.true_ctr * 100.0,
            c.ecpc_micros.map_or_else(
                || "-".to_owned(),
                |micros| format!("{:.4}", Micros(micros).as_decimal())
            ),
        )
        .unwrap_or_default();
    }
    text.push_str("CTR* is the simulation's hidden truth over the same impressions; money in USD.");
    text
}

/// What held and what did not.
pub(super) fn summary(verdict: &Verdict, report: &Report) -> String {
    let figure =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let m = &verdict.model;
    let mut text = format!(
        "\nbids      {} of {} judged, {} invalid\n\
         money     spent {} of {}, over budget {}, late {}, unbilled {}\n\
         events    {} acknowledged, {} lost, {} counted twice; notices: {} lost, {} doubled, {} late by the simulator\n\
         learning  log loss {} against {} of a constant and {} of the hidden truth; AUC {} ({} impressions)\n\
         latency   p50 {} us, p99 {} us, p99.9 {} us; {:.2} % after tmax\n\
         reports   {}\n",
        verdict.judged_bids,
        verdict.bids,
        verdict.invalid_bids,
        Micros(verdict.spend_micros),
        Micros(verdict.budget_micros),
        Micros(verdict.overspend_micros),
        Micros(verdict.late_micros),
        Micros(verdict.unbilled_micros),
        verdict.events_acknowledged,
        verdict.events_lost,
        verdict.events_double_counted,
        report.notices.lost,
        report.notices.doubled,
        report.notices.late,
        figure(m.log_loss),
        figure(m.baseline_log_loss),
        figure(m.truth_log_loss),
        figure(m.auc),
        m.examples,
        verdict.latency_us.p50,
        verdict.latency_us.p99,
        verdict.latency_us.p999,
        verdict.late_answers * 100.0,
        if verdict.reports_match_ledger {
            "agree with ledger and log"
        } else {
            "DIFFER from ledger or log"
        },
    );
    let failures = verdict.failures();
    if failures.is_empty() {
        text.push_str("\nverdict   everything held");
    } else {
        write!(text, "\nverdict   FAILED: {}", failures.join("; ")).unwrap_or_default();
        for sample in report.samples.iter().take(5) {
            write!(text, "\n          {sample:?}").unwrap_or_default();
        }
    }
    text
}
