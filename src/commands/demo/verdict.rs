//! What the run showed: validity, money, learning, latency, from the log and the simulator's own books.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use domain::{Campaign, EventId, Micros};
use event_log::Topic;
use event_log::embedded::open_read_only;
use loadtest::verdict::{area_under_curve, log_loss};
use loadtest::{Example, Report};
use pacing::Schedule;
use proto::event::{self, Kind};
use serde::Serialize;
use store::report::{ReportFilter, ReportStore};

use super::Span;
use crate::commands::verify::{self, Totals};
use crate::node::log_folder;
use crate::runtime::Running;

/// Below this many impressions nothing is said about learning.
const IMPRESSIONS_TO_JUDGE_LEARNING: u64 = 2_000;

/// The verdict, as printed with `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) passed: bool,
    pub(super) requests: u64,
    pub(super) answered: u64,
    pub(super) bids: u64,
    pub(super) judged_bids: u64,
    pub(super) invalid_bids: u64,
    pub(super) wins: u64,
    pub(super) impressions: u64,
    pub(super) clicks: u64,
    pub(super) conversions: u64,
    pub(super) spend_micros: i64,
    pub(super) budget_micros: i64,
    pub(super) overspend_micros: i64,
    pub(super) late_micros: i64,
    pub(super) unbilled_micros: i64,
    pub(super) bids_unlogged: u64,
    pub(super) events_acknowledged: u64,
    pub(super) events_lost: u64,
    pub(super) events_double_counted: u64,
    pub(super) model: Learning,
    pub(super) latency_us: Latency,
    /// Share of answers after `tmax`.
    pub(super) late_answers: f64,
    pub(super) errors: u64,
    pub(super) reports_match_ledger: bool,
    pub(super) campaigns: Vec<CampaignLine>,
}

/// Predictions as they were served, on the impressions of the second half.
#[derive(Debug, Default, Serialize)]
pub(super) struct Learning {
    pub(super) examples: u64,
    pub(super) log_loss: Option<f64>,
    /// A constant rate, the second half's own.
    pub(super) baseline_log_loss: Option<f64>,
    /// The hidden truth's own.
    pub(super) truth_log_loss: Option<f64>,
    pub(super) auc: Option<f64>,
    pub(super) truth_auc: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
}

/// One campaign.
#[derive(Debug, Serialize)]
pub(super) struct CampaignLine {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) budget_micros: i64,
    pub(super) planned_micros: i64,
    pub(super) spend_micros: i64,
    pub(super) spent_percent: f64,
    pub(super) late_micros: i64,
    pub(super) unbilled_micros: i64,
    pub(super) wins: i64,
    pub(super) impressions: i64,
    pub(super) clicks: i64,
    pub(super) conversions: i64,
    pub(super) predicted_ctr: f64,
    pub(super) true_ctr: f64,
    pub(super) ecpc_micros: Option<i64>,
}

/// Everything that is judged.
pub(super) struct Evidence<'a> {
    pub(super) running: &'a Running,
    pub(super) data: &'a Path,
    pub(super) campaigns: &'a [Campaign],
    pub(super) report: &'a Report,
    pub(super) totals: &'a Totals,
    pub(super) acks: &'a Path,
    pub(super) over: Span,
}

impl Verdict {
    /// Judges.
    ///
    /// # Errors
    /// When log or stores cannot be read.
    pub(super) fn reach(evidence: &Evidence<'_>) -> anyhow::Result<Self> {
        let report = evidence.report;
        let acks: BTreeSet<EventId> = verify::read_acks(evidence.acks)?;
        let recount = verify::judge(evidence.data, evidence.totals, &acks)?;
        let campaigns = campaign_lines(evidence)?;
        let sum = |of: fn(&CampaignLine) -> i64| campaigns.iter().map(of).sum::<i64>();
        let over = |c: &CampaignLine| (c.spend_micros - c.late_micros - c.budget_micros).max(0);
        let mut verdict = Self {
            passed: false,
            requests: report.requests,
            answered: report.answered,
            bids: report.bids,
            judged_bids: report.judged,
            invalid_bids: report.invalid_bids,
            wins: report.wins,
            impressions: report.impressions,
            clicks: report.clicks,
            conversions: report.conversions,
            spend_micros: sum(|c| c.spend_micros),
            budget_micros: sum(|c| c.budget_micros),
            overspend_micros: sum(over),
            late_micros: sum(|c| c.late_micros),
            unbilled_micros: sum(|c| c.unbilled_micros),
            bids_unlogged: evidence.running.counter(bidder::metrics::BIDS_UNLOGGED),
            events_acknowledged: acks.len() as u64,
            events_lost: recount.missing_acks,
            events_double_counted: recount.double_counted,
            model: learning(evidence)?,
            latency_us: Latency {
                p50: report.latency_us.p50,
                p99: report.latency_us.p99,
                p999: report.latency_us.p999,
            },
            late_answers: report.late_answers_share,
            errors: report.errors + report.event_errors,
            reports_match_ledger: recount.equal,
            campaigns,
        };
        verdict.passed = verdict.failures().is_empty();
        Ok(verdict)
    }

    /// What did not hold, in words.
    pub(super) fn failures(&self) -> Vec<&'static str> {
        let learned = match (self.model.log_loss, self.model.baseline_log_loss) {
            (Some(model), Some(baseline)) => model < baseline,
            _ => false,
        };
        let rules = [
            (self.bids > 0, "no bids were made"),
            (self.invalid_bids == 0, "some bids broke a rule"),
            (
                self.overspend_micros == 0,
                "a campaign spent more than its budget",
            ),
            (self.events_lost == 0, "acknowledged events were lost"),
            (self.events_double_counted == 0, "events were counted twice"),
            (self.reports_match_ledger, "log, ledger and reports differ"),
            (
                self.late_answers <= loadtest::verdict::LATE_ANSWERS_SHARE_MAX,
                "too many answers came late",
            ),
            (
                learned || self.impressions < IMPRESSIONS_TO_JUDGE_LEARNING,
                "the model predicts no better than a constant",
            ),
        ];
        rules
            .iter()
            .filter(|(holds, _)| !holds)
            .map(|(_, what)| *what)
            .collect()
    }
}

fn campaign_lines(evidence: &Evidence<'_>) -> anyhow::Result<Vec<CampaignLine>> {
    let node = &evidence.running.node;
    let reports = node.sql.totals(&ReportFilter::default())?;
    let mut lines = Vec::new();
    for campaign in evidence.campaigns {
        let account = store::state::account(node.keyed.as_ref(), campaign.id)?;
        let counters = reports.get(&campaign.id).copied().unwrap_or_default();
        let schedule = Schedule::new(campaign.plan, campaign.flight_start, campaign.flight_end);
        let truth = evidence
            .report
            .campaigns
            .get(&campaign.id.to_string())
            .cloned()
            .unwrap_or_default();
        lines.push(CampaignLine {
            id: campaign.id.0,
            name: campaign.name.clone(),
            budget_micros: campaign.budget.0,
            planned_micros: campaign.budget.scale(schedule.share(evidence.over.1)).0,
            spend_micros: account.spent.0,
            spent_percent: 100.0 * account.spent.0 as f64 / campaign.budget.0.max(1) as f64,
            late_micros: account.late.0,
            unbilled_micros: account.unbilled.0,
            wins: counters.wins,
            impressions: counters.impressions,
            clicks: counters.clicks,
            conversions: counters.conversions,
            predicted_ctr: counters.predicted_ctr(),
            true_ctr: truth.true_clicks / (truth.impressions.max(1) as f64),
            ecpc_micros: counters.ecpc().map(|Micros(micros)| micros),
        });
    }
    Ok(lines)
}

/// Predictions were logged with the bids; the simulator knows what they should have been.
fn learning(evidence: &Evidence<'_>) -> anyhow::Result<Learning> {
    let predicted = logged_predictions(evidence.data)?;
    let mut examples: Vec<&Example> = evidence.report.examples.iter().collect();
    examples.sort_by_key(|example| example.at);
    let later = examples.split_off(examples.len() / 2);
    let mut labelled = Vec::with_capacity(later.len());
    for example in later {
        if let Some(p) = predicted.get(&(example.auction.clone(), example.imp.clone())) {
            labelled.push((f64::from(*p), example.click_probability, example.clicked));
        }
    }
    let clicks = labelled.iter().filter(|(_, _, clicked)| *clicked).count();
    let rate = clicks as f64 / labelled.len().max(1) as f64;
    let of = |p: fn(&(f64, f64, bool)) -> f64| -> Vec<_> {
        labelled.iter().map(|e| (p(e), e.2)).collect()
    };
    let constant: Vec<_> = labelled.iter().map(|example| (rate, example.2)).collect();
    let (model, truth) = (of(|e| e.0), of(|e| e.1));
    Ok(Learning {
        examples: labelled.len() as u64,
        log_loss: log_loss(&model),
        baseline_log_loss: log_loss(&constant),
        truth_log_loss: log_loss(&truth),
        auc: area_under_curve(&model),
        truth_auc: area_under_curve(&truth),
    })
}

type ByImpression = HashMap<(String, String), f32>;

fn logged_predictions(data: &Path) -> anyhow::Result<ByImpression> {
    let reader = open_read_only(&log_folder(data))?;
    let mut predicted = BTreeMap::new();
    for partition in reader.partitions(Topic::Bids) {
        reader.for_each(partition, |record| {
            if let Ok(event::Event {
                kind: Some(Kind::Bid(bid)),
                ..
            }) = event::parse(&record.payload)
            {
                predicted.insert((bid.auction_id, bid.imp_id), bid.predicted_ctr);
            }
        })?;
    }
    Ok(predicted.into_iter().collect())
}
