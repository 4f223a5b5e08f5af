//! The report of a run: skill, calibration and the ledger of every campaign and day.

use ctr_model::metrics::auc;
use domain::Micros;
use pacing::Schedule;
use serde::Serialize;

use super::calibration::Calibration;
use super::oracle;
use super::sales::{Booked, Played, Sale};
use super::{DAY_MS, START};

/// From so many clicks on predictions should be as good as the targets say.
pub const CLICKS_ENOUGH: u64 = 20_000;
/// The least skill.
const SKILL_MIN: f64 = 0.85;
/// The most that predicted conversions may be off.
const CVR_BIAS_MAX: f64 = 0.05;
/// The most that may be spent beyond a budget in parts of it, late bills apart.
const OVERSPEND_MAX: f64 = 0.001;

/// A run judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What fixes it.
    pub seed: u64,
    /// Days, the last of which may be a part of one.
    pub days: usize,
    /// Campaigns.
    pub campaign_count: usize,
    /// Requests decided.
    pub requests: u64,
    /// Bids answered.
    pub bids: u64,
    /// Impressions shown.
    pub impressions: u64,
    /// Clicks.
    pub clicks: u64,
    /// Purchases told before the end.
    pub conversions: u64,
    /// Money spent, in units.
    pub spent: f64,
    /// Bills that never came.
    pub notices_lost: u64,
    /// Bills that came after their hold time.
    pub notices_late: u64,
    /// Models that bids were made by.
    pub models: u64,
    /// What predictions were worth.
    #[serde(flatten)]
    pub skill: Skill,
    /// By campaign.
    pub campaigns: Vec<CampaignFigures>,
    /// By campaign and day.
    pub campaign_days: Vec<CampaignDay>,
}

/// What predictions as served were worth on the second half of the impressions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Skill {
    /// Impressions of the second half.
    pub judged_impressions: u64,
    /// Their clicks.
    pub judged_clicks: u64,
    /// Area under the ROC curve of the true chances.
    pub truth_auc: f64,
    /// The same of the predictions.
    pub model_auc: f64,
    /// Log loss of the best constant rate, in nats.
    pub baseline_log_loss: f64,
    /// Log loss of the predictions.
    pub model_log_loss: f64,
    /// Log loss of the true chances.
    pub truth_log_loss: f64,
    /// The part of the way from the constant to the truth that predictions go.
    pub skill: f64,
    /// The same with the expected log losses under the truth, which leaves out the clicks' luck.
    pub expected_skill: f64,
    /// Predicted clicks over clicks.
    pub calibration: f64,
    /// How far from 1 it may be.
    pub calibration_bound: f64,
    /// The slice that is furthest out of its bound, as `dimension name`.
    pub worst_slice: String,
    /// Its calibration.
    pub worst_slice_calibration: f64,
    /// How far from 1 that may be.
    pub worst_slice_bound: f64,
    /// Clicks whose predicted chances of a purchase were judged.
    pub cvr_clicks: u64,
    /// The predicted chances of a purchase after those clicks over the true ones, less 1.
    pub cvr_bias: f64,
    /// All slices and buckets.
    pub calibrations: Calibration,
}

/// A campaign over the whole run; money in units.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CampaignFigures {
    /// Counts from 1.
    pub campaign: usize,
    /// What it may spend.
    pub plan: f64,
    /// What it spent.
    pub spent: f64,
    /// The largest distance between spent and planned at the end of an hour, in parts of the budget.
    pub deviation: f64,
    /// What it spent beyond its budget; late bills, whose holds had been given back, apart.
    pub overspend: f64,
    /// Bills that came late.
    pub late: f64,
    /// Won, but never billed.
    pub unbilled: f64,
    /// Impressions shown.
    pub impressions: u64,
    /// Clicks.
    pub clicks: u64,
    /// Purchases.
    pub conversions: u64,
    /// What its impressions were truly worth to it.
    pub value: f64,
    /// The most that the money could have bought.
    pub oracle_value: f64,
    /// Pacing's multiplier at the end of each hour.
    pub multipliers: Vec<f64>,
    /// Spent so far at the end of each hour.
    pub spent_by_hour: Vec<f64>,
    /// Planned so far at the end of each hour.
    pub planned_by_hour: Vec<f64>,
}

/// A campaign's day; money in units.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CampaignDay {
    /// Counts from 1.
    pub campaign: usize,
    /// Counts from 1.
    pub day: usize,
    /// What the plan gives the day.
    pub plan: f64,
    /// What the ledger has on it.
    pub spent: f64,
    /// `spent` less `plan`.
    pub deviation: f64,
    /// What was spent by its end beyond the whole budget, late bills apart.
    pub overspend: f64,
    /// Impressions shown.
    pub impressions: u64,
    /// Clicks.
    pub clicks: u64,
    /// Purchases, by the day of their impression.
    pub conversions: u64,
    /// What its impressions were truly worth.
    pub value: f64,
    /// The most that the day's money could have bought.
    pub oracle_value: f64,
}

impl Report {
    /// Judges a run.
    pub fn new(played: &Played) -> Self {
        let count = |of: fn(&Sale) -> bool| played.shown().filter(|sale| of(sale)).count() as u64;
        let campaign_days = ledger(played);
        let campaigns = played.campaigns.iter().enumerate();
        Self {
            seed: played.plan.seed,
            days: played.plan.days(),
            campaign_count: played.campaigns.len(),
            requests: played.requests,
            bids: played.bids,
            impressions: count(|_| true),
            clicks: count(|sale| sale.clicked),
            conversions: count(|sale| sale.converted),
            spent: units(played.campaigns.iter().map(|booked| booked.spent).sum()),
            notices_lost: played.notices_lost,
            notices_late: played.notices_late,
            models: played.models,
            skill: Skill::new(played),
            campaigns: campaigns
                .map(|(at, booked)| whole(at, booked, &campaign_days))
                .collect(),
            campaign_days,
        }
    }

    /// What a run should have reached and has not, in words; none if all is well. What takes many clicks to learn is asked
    /// only of runs that have them.
    pub fn failures(&self) -> Vec<String> {
        let skill = &self.skill;
        let mut failures = Vec::new();
        let mut want = |well: bool, what: String| {
            if !well {
                failures.push(what);
            }
        };
        let off = |calibration: f64| (calibration - 1.0).abs();
        let area = skill.truth_auc;
        want(
            (0.70..=0.80).contains(&area),
            format!("the truth's own area under the curve is {area:.3}"),
        );
        let far = off(skill.calibration) > skill.calibration_bound;
        want(
            !far,
            format!(
                "calibration {:.3} is more than {:.3} from 1",
                skill.calibration, skill.calibration_bound
            ),
        );
        let far = off(skill.worst_slice_calibration) > skill.worst_slice_bound;
        want(
            !far,
            format!(
                "calibration of {} is {:.3}",
                skill.worst_slice, skill.worst_slice_calibration
            ),
        );
        if self.clicks >= CLICKS_ENOUGH {
            want(
                skill.skill >= SKILL_MIN,
                format!("skill {:.3} is under {SKILL_MIN}", skill.skill),
            );
            let bias = skill.cvr_bias;
            want(
                bias.abs() <= CVR_BIAS_MAX,
                format!("predicted conversions are {:+.1} % off", bias * 100.0),
            );
        }
        for campaign in &self.campaigns {
            let over = campaign.overspend > OVERSPEND_MAX * campaign.plan;
            want(
                !over,
                format!(
                    "campaign {} spent {:.4} too much",
                    campaign.campaign, campaign.overspend
                ),
            );
        }
        failures
    }
}

impl Skill {
    fn new(played: &Played) -> Self {
        let known: Vec<&Sale> = played
            .shown()
            .filter(|sale| !sale.predicted_click.is_nan())
            .collect();
        let judged = &known[known.len() / 2..];
        let labelled = |of: fn(&Sale) -> f32| -> Vec<(f32, bool)> {
            judged.iter().map(|sale| (of(sale), sale.clicked)).collect()
        };
        let clicks = judged.iter().filter(|sale| sale.clicked).count();
        let count = judged.len().max(1) as f64;
        let rate = (clicks as f64 / count) as f32;
        let loss = |of: &dyn Fn(&Sale) -> f32, label: &dyn Fn(&Sale) -> f64| {
            judged
                .iter()
                .map(|sale| cross_entropy(of(sale), label(sale)))
                .sum::<f64>()
                / count
        };
        let losses = |label: &dyn Fn(&Sale) -> f64| {
            [
                loss(&|_| rate, label),
                loss(&|sale| sale.predicted_click, label),
                loss(&|sale| sale.true_click, label),
            ]
        };
        let [baseline, model, truth] = losses(&|sale| f64::from(u8::from(sale.clicked)));
        let expected = losses(&|sale| f64::from(sale.true_click));
        let calibrations = Calibration::new(played, judged);
        let worst = calibrations
            .worst()
            .unwrap_or(&calibrations.overall)
            .clone();
        let (cvr_clicks, cvr_bias) = cvr(judged);
        Self {
            judged_impressions: judged.len() as u64,
            judged_clicks: clicks as u64,
            truth_auc: auc(&labelled(|sale| sale.true_click)).unwrap_or(f64::NAN),
            model_auc: auc(&labelled(|sale| sale.predicted_click)).unwrap_or(f64::NAN),
            baseline_log_loss: baseline,
            model_log_loss: model,
            truth_log_loss: truth,
            skill: (baseline - model) / (baseline - truth),
            expected_skill: (expected[0] - expected[1]) / (expected[0] - expected[2]),
            calibration: calibrations.overall.calibration,
            calibration_bound: calibrations.overall.bound,
            worst_slice: format!("{} {}", worst.dimension, worst.name),
            worst_slice_calibration: worst.calibration,
            worst_slice_bound: worst.bound,
            cvr_clicks,
            cvr_bias,
            calibrations,
        }
    }
}

/// Clicks, and how far the predicted chances of purchases are from the true ones on them.
fn cvr(sales: &[&Sale]) -> (u64, f64) {
    let clicked = || sales.iter().filter(|sale| sale.clicked);
    let sum = |of: fn(&Sale) -> f32| clicked().map(|sale| f64::from(of(sale))).sum::<f64>();
    let bias = sum(|sale| sale.predicted_conversion) / sum(|sale| sale.true_conversion) - 1.0;
    (clicked().count() as u64, bias)
}

/// The loss of a prediction where a click has this chance, in nats.
fn cross_entropy(predicted: f32, chance: f64) -> f64 {
    let p = f64::from(predicted).clamp(1e-9, 1.0 - 1e-9);
    -chance * p.ln() - (1.0 - chance) * (-p).ln_1p()
}

/// The table of campaigns and days.
fn ledger(played: &Played) -> Vec<CampaignDay> {
    let days = played.plan.days();
    let oracle = oracle::values(played, days);
    let mut rows = Vec::with_capacity(days * played.campaigns.len());
    for (at, booked) in played.campaigns.iter().enumerate() {
        let schedule = schedule(booked);
        let by_day = |hours: &[i64], day: usize| hours.iter().skip(day * 24).take(24).sum::<i64>();
        let mut in_time = 0;
        for (day, best) in oracle[at].iter().enumerate() {
            let share = |day: usize| schedule.share(START.plus_ms(day as i64 * DAY_MS));
            let plan = booked.campaign.budget.as_decimal() * (share(day + 1) - share(day));
            let spent = by_day(&booked.by_hour, day);
            in_time += spent - by_day(&booked.late_by_hour, day);
            rows.push(CampaignDay {
                campaign: at + 1,
                day: day + 1,
                plan,
                spent: units(Micros(spent)),
                deviation: units(Micros(spent)) - plan,
                overspend: units(Micros(in_time - booked.campaign.budget.0).max(Micros::ZERO)),
                oracle_value: best / 1e6,
                ..CampaignDay::default()
            });
        }
    }
    for sale in played.shown() {
        let row = &mut rows[usize::from(sale.campaign) * days + (sale.hour() / 24).min(days - 1)];
        row.impressions += 1;
        row.clicks += u64::from(sale.clicked);
        row.conversions += u64::from(sale.converted);
        row.value += played.worth[usize::from(sale.item)].of(sale) / 1e6;
    }
    rows
}

fn schedule(booked: &Booked) -> Schedule {
    let campaign = &booked.campaign;
    Schedule::new(campaign.plan, campaign.flight_start, campaign.flight_end)
}

fn whole(at: usize, booked: &Booked, days: &[CampaignDay]) -> CampaignFigures {
    let own = || days.iter().filter(|day| day.campaign == at + 1);
    let count = |of: fn(&CampaignDay) -> u64| own().map(of).sum::<u64>();
    let sum = |of: fn(&CampaignDay) -> f64| own().map(of).sum::<f64>();
    let budget = booked.campaign.budget;
    let schedule = schedule(booked);
    let planned = |hour: usize| {
        budget.as_decimal() * schedule.share(START.plus_ms((hour as i64 + 1) * super::HOUR_MS))
    };
    let planned_by_hour: Vec<f64> = (0..booked.by_hour.len()).map(planned).collect();
    let mut so_far = 0;
    let spent_by_hour: Vec<f64> = booked
        .by_hour
        .iter()
        .map(|spent| {
            so_far += spent;
            units(Micros(so_far))
        })
        .collect();
    let apart = spent_by_hour
        .iter()
        .zip(&planned_by_hour)
        .map(|(spent, planned)| (spent - planned).abs());
    CampaignFigures {
        campaign: at + 1,
        plan: budget.as_decimal(),
        spent: units(booked.spent),
        deviation: apart.fold(0.0, f64::max) / budget.as_decimal(),
        overspend: units((booked.spent - booked.late - budget).max(Micros::ZERO)),
        late: units(booked.late),
        unbilled: units(booked.unbilled),
        impressions: count(|day| day.impressions),
        clicks: count(|day| day.clicks),
        conversions: count(|day| day.conversions),
        value: sum(|day| day.value),
        oracle_value: sum(|day| day.oracle_value),
        multipliers: booked.multipliers.clone(),
        spent_by_hour,
        planned_by_hour,
    }
}

fn units(micros: Micros) -> f64 {
    micros.as_decimal()
}
