//! What a run found: counts, latency, validity, money, and the hidden truth beside what happened.

use std::collections::BTreeMap;

use domain::{Micros, Timestamp};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::judge::{Rule, Violation};
use crate::progress::{Counter, Live};

/// Most violations kept as samples.
pub(crate) const SAMPLES_MAX: usize = 20;
/// Largest share of answers that may come after `tmax`.
pub const LATE_ANSWERS_SHARE_MAX: f64 = 0.01;
/// Longest latency told apart, in microseconds: a minute, longer than any timeout in use.
const LATENCY_US_MAX: u64 = 60_000_000;

/// The result of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Bid requests that were due; each ends as answered or as an error.
    pub requests: u64,
    /// Answered 200 or 204 in full.
    pub answered: u64,
    /// Answers without a bid.
    pub no_bids: u64,
    /// Bids received.
    pub bids: u64,
    /// Bids that went before the judge: all of them.
    pub judged: u64,
    /// Bids that broke at least one rule.
    pub invalid_bids: u64,
    /// How often each rule was broken.
    pub violations: BTreeMap<Rule, u64>,
    /// The first broken rules.
    pub samples: Vec<Violation>,
    /// Requests without a proper answer: refused connections, timeouts, other statuses.
    pub errors: u64,
    /// The first errors, in words.
    pub error_samples: Vec<String>,
    /// Answers after `tmax`.
    pub late_answers: u64,
    /// Their share of all answers.
    pub late_answers_share: f64,
    /// Auctions won.
    pub wins: u64,
    /// Valid bids in time that did not win.
    pub losses: u64,
    /// Impressions acknowledged, each once.
    pub impressions: u64,
    /// Views acknowledged, each once.
    pub views: u64,
    /// Clicks acknowledged, each once.
    pub clicks: u64,
    /// Conversions acknowledged, each once.
    pub conversions: u64,
    /// The exchange's notices: win, billing, loss.
    pub notices: NoticeCounts,
    /// Events of browsers that were sent, repeats included.
    pub events_sent: u64,
    /// Events of browsers that were acknowledged, repeats included.
    pub events_acked: u64,
    /// Events and notices that were answered without an acknowledgement: refused, or not written.
    pub events_unacked: u64,
    /// Events and notices that failed to get an answer.
    pub event_errors: u64,
    /// Events and notices that were never sent: too many waited, or the drain ended.
    pub events_dropped: u64,
    /// By campaign, as named in the bids' `cid`.
    pub campaigns: BTreeMap<String, CampaignTotals>,
    /// From the time a request was due to the end of its answer.
    pub latency_us: Latency,
    /// The hidden truth's own log loss over the impressions, the bound of any model.
    pub truth_log_loss: Option<f64>,
    /// The hidden truth's own area under the curve.
    pub truth_auc: Option<f64>,
    /// Every impression that was acknowledged, by thread in order of sale.
    #[serde(skip)]
    pub examples: Vec<Example>,
    /// Whether errors were expected.
    pub errors_tolerated: bool,
}

/// What became of notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NoticeCounts {
    /// Sent, repeats included.
    pub sent: u64,
    /// Acknowledged, repeats included.
    pub acked: u64,
    /// Never sent.
    pub lost: u64,
    /// Sent twice.
    pub doubled: u64,
    /// Sent late.
    pub late: u64,
}

/// What one campaign got, and what it costs by the exchange's books.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CampaignTotals {
    /// Auctions won.
    pub wins: u64,
    /// Impressions acknowledged.
    pub impressions: u64,
    /// Clicks acknowledged.
    pub clicks: u64,
    /// Conversions acknowledged.
    pub conversions: u64,
    /// The sum of true click probabilities over its impressions.
    pub true_clicks: f64,
    /// Clearing prices of all wins, in micros of the bids' currency.
    pub won_micros: i64,
    /// Clearing prices of the wins whose billing notice was acknowledged.
    pub paid_micros: i64,
}

/// Percentiles of latency, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// 99 of 100 were faster.
    pub p99: u64,
    /// 999 of 1,000 were faster.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
}

/// One impression that was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The auction's id.
    pub auction: String,
    /// The impression's id in it.
    pub imp: String,
    /// The bid's id.
    pub bid: String,
    /// The campaign, as the bid named it.
    pub cid: String,
    /// The creative, as the bid named it.
    pub crid: String,
    /// When the auction was held.
    pub at: Timestamp,
    /// The clearing price of this one impression.
    pub cost: Micros,
    /// The hidden probability of a click.
    pub click_probability: f64,
    /// Whether a click was acknowledged.
    pub clicked: bool,
}

impl Report {
    /// Whether bids were valid, answers in time and, unless errors were expected, all requests answered.
    pub fn passed(&self) -> bool {
        self.answered > 0
            && self.invalid_bids == 0
            && self.late_answers_share <= LATE_ANSWERS_SHARE_MAX
            && (self.errors_tolerated || self.errors + self.event_errors + self.events_unacked == 0)
    }

    /// The report as one JSON object, without the examples.
    ///
    /// # Errors
    /// Never for a report that `run` made.
    pub fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    /// Puts together what the threads found.
    pub(crate) fn assemble(live: &Live, tallies: Vec<Tally>) -> Self {
        let get = |counter| live.get(counter);
        let mut total = Tally::new();
        for tally in tallies {
            total.merge(tally);
        }
        let labelled: Vec<_> = total
            .examples
            .iter()
            .map(|example| (example.click_probability, example.clicked))
            .collect();
        let answered = get(Counter::Answered);
        Self {
            requests: get(Counter::Requests),
            answered,
            no_bids: get(Counter::NoBids),
            bids: get(Counter::Bids),
            judged: get(Counter::Bids),
            invalid_bids: get(Counter::InvalidBids),
            violations: total.violations,
            samples: total.samples,
            errors: get(Counter::Errors),
            error_samples: total.error_samples,
            late_answers: get(Counter::LateAnswers),
            late_answers_share: get(Counter::LateAnswers) as f64 / answered.max(1) as f64,
            wins: get(Counter::Wins),
            losses: get(Counter::Losses),
            impressions: get(Counter::Impressions),
            views: get(Counter::Views),
            clicks: get(Counter::Clicks),
            conversions: get(Counter::Conversions),
            notices: NoticeCounts {
                sent: get(Counter::NoticesSent),
                acked: get(Counter::NoticesAcked),
                lost: get(Counter::NoticesLost),
                doubled: get(Counter::NoticesDoubled),
                late: get(Counter::NoticesLate),
            },
            events_sent: get(Counter::EventsSent),
            events_acked: get(Counter::EventsAcked),
            events_unacked: get(Counter::EventsUnacked),
            event_errors: get(Counter::EventErrors),
            events_dropped: get(Counter::EventsDropped),
            campaigns: total.campaigns,
            latency_us: Latency {
                p50: total.latency.value_at_quantile(0.5),
                p99: total.latency.value_at_quantile(0.99),
                p999: total.latency.value_at_quantile(0.999),
                max: total.latency.max(),
            },
            truth_log_loss: log_loss(&labelled),
            truth_auc: area_under_curve(&labelled),
            examples: total.examples,
            errors_tolerated: false,
        }
    }
}

/// What one thread found beside the counters.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) violations: BTreeMap<Rule, u64>,
    pub(crate) samples: Vec<Violation>,
    pub(crate) error_samples: Vec<String>,
    pub(crate) campaigns: BTreeMap<String, CampaignTotals>,
    pub(crate) examples: Vec<Example>,
    latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            violations: BTreeMap::new(),
            samples: Vec::new(),
            error_samples: Vec::new(),
            campaigns: BTreeMap::new(),
            examples: Vec::new(),
            latency: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)
                .expect("1 to a minute at three digits is a legal range"),
        }
    }

    /// Records one answer's latency; what exceeds the range counts as its end.
    pub(crate) fn record_latency(&mut self, us: u64) {
        self.latency.saturating_record(us);
    }

    /// Records broken rules and keeps the first.
    pub(crate) fn record_violations(&mut self, violations: Vec<Violation>) {
        for violation in violations {
            *self.violations.entry(violation.rule).or_default() += 1;
            if self.samples.len() < SAMPLES_MAX {
                self.samples.push(violation);
            }
        }
    }

    /// Keeps the first errors.
    pub(crate) fn record_error(&mut self, error: String) {
        if self.error_samples.len() < SAMPLES_MAX {
            self.error_samples.push(error);
        }
    }

    fn merge(&mut self, other: Self) {
        for (rule, count) in other.violations {
            *self.violations.entry(rule).or_default() += count;
        }
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES_MAX);
        self.error_samples.extend(other.error_samples);
        self.error_samples.truncate(SAMPLES_MAX);
        for (name, totals) in other.campaigns {
            self.campaigns.entry(name).or_default().add(&totals);
        }
        self.examples.extend(other.examples);
        self.latency
            .add(&other.latency)
            .expect("histograms of the same range add up");
    }
}

impl CampaignTotals {
    fn add(&mut self, other: &Self) {
        self.wins += other.wins;
        self.impressions += other.impressions;
        self.clicks += other.clicks;
        self.conversions += other.conversions;
        self.true_clicks += other.true_clicks;
        self.won_micros += other.won_micros;
        self.paid_micros += other.paid_micros;
    }
}

/// Mean negative log likelihood in nats; `None` without examples.
pub fn log_loss(labelled: &[(f64, bool)]) -> Option<f64> {
    let loss = |(p, y): &(f64, bool)| {
        let p = p.clamp(1e-9, 1.0 - 1e-9);
        if *y { -p.ln() } else { -(1.0 - p).ln() }
    };
    (!labelled.is_empty()).then(|| labelled.iter().map(loss).sum::<f64>() / labelled.len() as f64)
}

/// The chance that a clicked impression was given more than one that was not; `None` unless both occur.
pub fn area_under_curve(labelled: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = labelled.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut positives, mut below) = (0.0, 0.0, 0.0);
    for tie in sorted.chunk_by(|a, b| a.0 == b.0) {
        let clicked = tie.iter().filter(|(_, y)| *y).count() as f64;
        let size = tie.len() as f64;
        // Equal predictions share the mean of their ranks.
        rank_sum += clicked * (below + (size + 1.0) / 2.0);
        positives += clicked;
        below += size;
    }
    let negatives = below - positives;
    (positives > 0.0 && negatives > 0.0)
        .then(|| (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_curves_of_known_cases() {
        assert_eq!(log_loss(&[]), None);
        assert!(
            (log_loss(&[(0.5, true), (0.5, false)]).unwrap() - std::f64::consts::LN_2).abs()
                < 1e-12
        );
        assert_eq!(area_under_curve(&[(0.1, false), (0.9, true)]), Some(1.0));
        assert_eq!(area_under_curve(&[(0.9, false), (0.1, true)]), Some(0.0));
        assert_eq!(area_under_curve(&[(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(area_under_curve(&[(0.5, true)]), None);
    }

    #[test]
    fn a_verdict_needs_valid_bids_in_time() {
        let good = Report {
            answered: 100,
            ..Report::default()
        };
        assert!(good.passed());
        for bad in [
            Report {
                answered: 0,
                ..good.clone()
            },
            Report {
                invalid_bids: 1,
                ..good.clone()
            },
            Report {
                late_answers_share: 0.02,
                ..good.clone()
            },
            Report {
                errors: 1,
                ..good.clone()
            },
            Report {
                event_errors: 1,
                ..good.clone()
            },
            Report {
                events_unacked: 1,
                ..good.clone()
            },
        ] {
            assert!(!bad.passed(), "{bad:?}");
        }
        let killed = Report {
            errors: 9,
            errors_tolerated: true,
            ..good
        };
        assert!(killed.passed());
    }
}
