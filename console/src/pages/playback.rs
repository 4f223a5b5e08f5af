//! How far a campaign's video and audio ads were played, by line item, and how they failed.

use domain::report::Playback;
use maud::{Markup, html};

use crate::text::{count, percent};
use crate::view::{CampaignView, LineItemRow};

/// Error codes shown: those that happen most.
const ERRORS_SHOWN: usize = 10;

/// The card; nothing where no ad was ever played.
pub(super) fn card(view: &CampaignView) -> Markup {
    let played = |row: &&LineItemRow| row.counters.playback != Playback::default();
    let rows: Vec<_> = view.line_items.iter().filter(played).collect();
    html! {
        @if !rows.is_empty() {
            div.card {
                h2 { "Playback" }
                div.scroll { table {
                    thead { tr {
                        th { "Line item" } th.num { "Started" } th.num { "25 %" } th.num { "50 %" } th.num { "75 %" }
                        th.num { "Completed" } th.num { "Completion" } th.num { "Skipped" } th.num { "Errors" }
                    } }
                    tbody { @for row in rows { (line(row)) } }
                } }
                @if !view.errors.is_empty() { (errors(&view.errors)) }
            }
        }
    }
}

fn line(row: &LineItemRow) -> Markup {
    let counts = &row.counters.playback;
    html! {
        tr {
            td { (row.line_item.name) }
            td.num { (count(counts.starts)) }
            td.num { (count(counts.first_quartiles)) }
            td.num { (count(counts.midpoints)) }
            td.num { (count(counts.third_quartiles)) }
            td.num { (count(counts.completes)) }
            td.num { (percent(counts.completion_rate())) }
            td.num { (count(counts.skips)) }
            td.num { (count(counts.errors)) }
        }
    }
}

fn errors(errors: &[(u32, i64)]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "VAST error" } th { "Meaning" } th.num { "Times" } } }
            tbody { @for (code, times) in errors.iter().take(ERRORS_SHOWN) {
                tr {
                    td { @if *code == 0 { "–" } @else { (code) } }
                    td { (meaning(*code)) }
                    td.num { (count(*times)) }
                }
            } }
        } }
    }
}

/// What a code means: VAST 4.2, section 2.3.6.3, in short.
fn meaning(code: u32) -> &'static str {
    match code {
        0 => "the player does not tell",
        100..=199 => "the VAST document was not understood",
        200..=299 => "the player expected another kind of ad",
        301 => "a wrapped ad took too long",
        302 => "too many wrappers",
        303 => "the wrapped ad was none",
        300..=399 => "a wrapper failed",
        401 => "the media file was not found",
        402 => "the media file took too long",
        403 => "no media file that the player plays",
        405 => "the media file could not be shown",
        400..=499 => "the media file failed",
        500..=599 => "an overlay failed",
        600..=699 => "a companion failed",
        900 => "undefined",
        901 | 902 => "the interactive part failed",
        _ => "unknown",
    }
}
