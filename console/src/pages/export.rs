//! A campaign's line items with what they delivered, as CSV for spreadsheets.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::CampaignId;

use crate::extract::Id;
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;
use crate::view::{self, LineItemRow};

/// What a spreadsheet takes for the start of a formula: OWASP, "CSV Injection".
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
const COLUMNS: &str = "line_item_id,name,eligible,bids,wins,billed,impressions,views,clicks,conversions,spend_micros,late_micros,starts,first_quartiles,midpoints,third_quartiles,completes,skips,playback_errors\r\n";

/// Sums over all time, a row for each line item.
pub(crate) async fn line_items(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let view = app
        .blocking(move |app| view::campaign(app, &identity, CampaignId(id)))
        .await?;
    let mut text = COLUMNS.to_owned();
    for row in &view.line_items {
        text.push_str(&line(row));
    }
    let name = format!("attachment; filename=\"campaign-{id}.csv\"");
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

fn line(row: &LineItemRow) -> String {
    let sums = &row.counters;
    let numbers = [
        sums.eligible,
        sums.bids,
        sums.wins,
        sums.billed,
        sums.impressions,
        sums.views,
        sums.clicks,
        sums.conversions,
        sums.spend.0,
        sums.late.0,
        sums.playback.starts,
        sums.playback.first_quartiles,
        sums.playback.midpoints,
        sums.playback.third_quartiles,
        sums.playback.completes,
        sums.playback.skips,
        sums.playback.errors,
    ];
    let mut text = format!("{},{}", row.line_item.id, cell(&row.line_item.name));
    for number in numbers {
        text.push_str(&format!(",{number}"));
    }
    text + "\r\n"
}

/// A text in quotes (RFC 4180), with an apostrophe before what would be a formula.
fn cell(text: &str) -> String {
    let risky = [text, text.trim_start()];
    let risky = risky.iter().any(|text| text.starts_with(FORMULA_STARTS));
    let defused = if risky { "'" } else { "" };
    format!("\"{defused}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        let cases = [
            ("Winter", "\"Winter\""),
            ("a \"b\", c\r\nd", "\"a \"\"b\"\", c\r\nd\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\t=1\""),
            ("\rx", "\"'\rx\""),
            ("\"=1", "\"\"\"=1\""),
            ("a=1", "\"a=1\""),
            ("", "\"\""),
        ];
        for (text, expected) in cases {
            assert_eq!(cell(text), expected);
        }
    }
}
