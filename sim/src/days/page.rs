//! The report as a page to look at: spend against plan, multipliers, reliability, slices, and the ledger.

use std::fmt::Write;

use super::{CampaignFigures, Comparison, Report};

mod chart;

use chart::{Chart, Line};

/// The pictures alone, as one SVG.
pub fn picture(report: &Report) -> String {
    let charts = charts(report);
    let height: f64 = charts.iter().map(|chart| chart.height()).sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{height}\" viewBox=\"0 0 {w} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{w}\" height=\"{height}\" fill=\"white\"/>\n",
        w = chart::WIDTH,
    );
    let mut top = 0.0;
    for chart in charts {
        put(
            &mut svg,
            format_args!(
                "<g transform=\"translate(0 {top})\">\n{}</g>\n",
                chart.draw()
            ),
        );
        top += chart.height();
    }
    svg.push_str("</svg>\n");
    svg
}

/// Everything, as HTML without anything from elsewhere.
pub fn page(report: &Report, comparison: Option<&Comparison>) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Paceline simulation</title>\n<style>\
         body{font-family:sans-serif;margin:2em;max-width:70em}table{border-collapse:collapse;font-size:13px}\
         td,th{padding:2px 10px;text-align:right;border-bottom:1px solid #ddd}</style>\n<h1>Days of market, simulated</h1>\n",
    );
    let failures = report.failures();
    let verdict = if failures.is_empty() {
        "All targets are reached.".to_owned()
    } else {
        format!("Not reached: {}.", failures.join("; "))
    };
    put(
        &mut html,
        format_args!("<p>{verdict}</p>\n<h2>Figures</h2>\n<table>"),
    );
    for (name, value) in figures(report)
        .into_iter()
        .chain(comparison.into_iter().flat_map(compared))
    {
        put(
            &mut html,
            format_args!("<tr><th>{name}</th><td>{value}</td></tr>\n"),
        );
    }
    put(
        &mut html,
        format_args!("</table>\n<h2>Pictures</h2>\n{}", picture(report)),
    );
    campaigns(report, &mut html);
    days(report, &mut html);
    html.push_str("</html>\n");
    html
}

/// Writing to a text cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap_or_default();
}

fn figures(report: &Report) -> Vec<(&'static str, String)> {
    let skill = &report.skill;
    vec![
        ("seed", report.seed.to_string()),
        ("days", report.days.to_string()),
        ("requests", report.requests.to_string()),
        ("bids", report.bids.to_string()),
        ("impressions", report.impressions.to_string()),
        ("clicks", report.clicks.to_string()),
        ("conversions", report.conversions.to_string()),
        ("spent", format!("{:.2}", report.spent)),
        (
            "truth's area under the curve",
            format!("{:.4}", skill.truth_auc),
        ),
        (
            "model's area under the curve",
            format!("{:.4}", skill.model_auc),
        ),
        ("skill", format!("{:.3}", skill.skill)),
        (
            "calibration",
            format!(
                "{:.4} (1 ± {:.3})",
                skill.calibration, skill.calibration_bound
            ),
        ),
        (
            "worst slice",
            format!(
                "{}: {:.3} (1 ± {:.3})",
                skill.worst_slice, skill.worst_slice_calibration, skill.worst_slice_bound
            ),
        ),
        (
            "bias of predicted conversions",
            format!("{:+.1} %", skill.cvr_bias * 100.0),
        ),
    ]
}

fn compared(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let [low, high] = comparison.clicks_per_money_interval;
    vec![
        (
            "clicks per money, model over history",
            format!(
                "{:.3} [{low:.3}, {high:.3}]",
                comparison.clicks_per_money_ratio
            ),
        ),
        (
            "the same by true chances",
            format!("{:.3}", comparison.expected_clicks_per_money_ratio),
        ),
    ]
}

fn campaigns(report: &Report, html: &mut String) {
    html.push_str(
        "<h2>Campaigns</h2>\n<table><tr><th>campaign<th>plan<th>spent<th>largest deviation<th>overspend<th>late<th>unbilled\
         <th>impressions<th>clicks<th>conversions<th>value<th>of the oracle's</tr>\n",
    );
    for row in &report.campaigns {
        put(
            html,
            format_args!(
                "<tr><td>{}<td>{:.2}<td>{:.2}<td>{:.1} %<td>{:.4}<td>{:.3}<td>{:.3}<td>{}<td>{}<td>{}<td>{:.2}<td>{:.1} %</tr>\n",
                row.campaign,
                row.plan,
                row.spent,
                row.deviation * 100.0,
                row.overspend,
                row.late,
                row.unbilled,
                row.impressions,
                row.clicks,
                row.conversions,
                row.value,
                100.0 * row.value / row.oracle_value,
            ),
        );
    }
    html.push_str("</table>\n");
}

fn days(report: &Report, html: &mut String) {
    html.push_str(
        "<h2>Campaigns by day</h2>\n<table><tr><th>campaign<th>day<th>plan<th>spent<th>deviation<th>overspend<th>impressions<th>clicks\
         <th>conversions<th>value<th>of the oracle's</tr>\n",
    );
    for row in &report.campaign_days {
        put(
            html,
            format_args!(
                "<tr><td>{}<td>{}<td>{:.2}<td>{:.2}<td>{:+.2}<td>{:.4}<td>{}<td>{}<td>{}<td>{:.2}<td>{:.1} %</tr>\n",
                row.campaign,
                row.day,
                row.plan,
                row.spent,
                row.deviation,
                row.overspend,
                row.impressions,
                row.clicks,
                row.conversions,
                row.value,
                100.0 * row.value / row.oracle_value,
            ),
        );
    }
    html.push_str("</table>\n");
}

fn charts(report: &Report) -> Vec<Chart> {
    let hours = |of: fn(&CampaignFigures, usize) -> f64| {
        let points = |campaign: &CampaignFigures| {
            (0..campaign.spent_by_hour.len())
                .map(|hour| (hour as f64 + 1.0, of(campaign, hour)))
                .collect()
        };
        report
            .campaigns
            .iter()
            .map(points)
            .map(Line::plain)
            .collect::<Vec<_>>()
    };
    let mut spend = hours(|campaign, hour| campaign.spent_by_hour[hour] / campaign.plan);
    let plan = report.campaigns.first().map(|campaign| {
        let planned = campaign.planned_by_hour.iter().enumerate();
        planned
            .map(|(hour, planned)| (hour as f64 + 1.0, planned / campaign.plan))
            .collect()
    });
    spend.extend(plan.map(Line::dashed));
    let buckets = report
        .skill
        .calibrations
        .buckets
        .iter()
        .filter(|bucket| bucket.observed > 0.0);
    let dots: Vec<(f64, f64)> = buckets
        .map(|bucket| (bucket.predicted.log10(), bucket.observed.log10()))
        .collect();
    let ends = || dots.iter().map(|dot| dot.0);
    let (low, high) = (
        ends().fold(0.0, f64::min),
        ends().fold(f64::NEG_INFINITY, f64::max).min(0.0),
    );
    let slices = report.skill.calibrations.slices.iter().enumerate();
    let slices: Vec<(f64, f64)> = slices
        .map(|(at, slice)| (at as f64, slice.calibration))
        .collect();
    let last = slices.len() as f64;
    let multipliers = hours(|campaign, hour| campaign.multipliers[hour]);
    let one = Line::dashed(vec![(0.0, 1.0), (last, 1.0)]);
    vec![
        Chart::new(
            "Spent, as a share of each campaign's budget, by hour; dashed: the plan",
            spend,
        ),
        Chart::new("Pacing's multiplier by hour", multipliers),
        Chart::new(
            "Reliability, as powers of ten: predicted click rates (across) and observed ones (up)",
            vec![
                Line::dots(dots),
                Line::dashed(vec![(low, low), (high, high)]),
            ],
        ),
        Chart::new(
            "Predicted clicks over clicks, slice by slice",
            vec![Line::dots(slices), one],
        ),
    ]
}
