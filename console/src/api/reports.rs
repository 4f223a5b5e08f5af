//! Reports over the API: sums by minute, creative, line item or campaign.

use axum::Json;
use axum::extract::State;
use domain::report::Counters;
use domain::time::Minute;
use domain::{CampaignId, CreativeId, LineItemId};
use serde::Serialize;
use store::report::ReportFilter;
use utoipa::ToSchema;

use super::{Answer, ErrorDoc, number};
use crate::access::Seen;
use crate::extract::Values;
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// Most minutes in one answer: a week.
const MINUTES_MAX: i64 = 7 * 24 * 60;
/// Milliseconds in a minute.
const MINUTE_MS: i64 = 60_000;

/// Sums over a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportDoc {
    /// In order of their key.
    rows: Vec<ReportRowDoc>,
}

/// One sum, with the key that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportRowDoc {
    /// The minute's first millisecond since 1970-01-01 UTC; with `group=minute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    minute_ms: Option<i64>,
    /// With `group=campaign`.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<u64>,
    /// With `group=line_item`.
    #[serde(skip_serializing_if = "Option::is_none")]
    line_item_id: Option<u64>,
    /// With `group=creative`; 0 counts what happened before a creative was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    creative_id: Option<u64>,
    /// Requests whose targeting matched.
    eligible: i64,
    /// Bids sent.
    bids: i64,
    /// Win notices.
    wins: i64,
    /// Billing notices.
    billed: i64,
    /// Impressions.
    impressions: i64,
    /// Viewable impressions.
    views: i64,
    /// Clicks.
    clicks: i64,
    /// Conversions.
    conversions: i64,
    /// Video and audio ads that began.
    starts: i64,
    /// Played to a quarter.
    first_quartiles: i64,
    /// Played to the half.
    midpoints: i64,
    /// Played to three quarters.
    third_quartiles: i64,
    /// Played to the end.
    completes: i64,
    /// Skipped.
    skips: i64,
    /// Failed, with any error code.
    playback_errors: i64,
    /// Spend that was booked, in micros of the campaign's currency.
    spend_micros: i64,
    /// The part of it whose notice came late.
    late_micros: i64,
    /// Clicks per impression.
    ctr: f64,
    /// The model's mean prediction of it.
    predicted_ctr: f64,
    /// Wins per bid.
    win_rate: f64,
    /// Viewable impressions per impression.
    view_rate: f64,
    /// Video and audio ads played to the end per start.
    completion_rate: f64,
    /// Spend per click, in micros; absent without clicks.
    #[serde(skip_serializing_if = "Option::is_none")]
    ecpc_micros: Option<i64>,
}

impl From<&Counters> for ReportRowDoc {
    fn from(counters: &Counters) -> Self {
        Self {
            minute_ms: None,
            campaign_id: None,
            line_item_id: None,
            creative_id: None,
            eligible: counters.eligible,
            bids: counters.bids,
            wins: counters.wins,
            billed: counters.billed,
            impressions: counters.impressions,
            views: counters.views,
            clicks: counters.clicks,
            conversions: counters.conversions,
            starts: counters.playback.starts,
            first_quartiles: counters.playback.first_quartiles,
            midpoints: counters.playback.midpoints,
            third_quartiles: counters.playback.third_quartiles,
            completes: counters.playback.completes,
            skips: counters.playback.skips,
            playback_errors: counters.playback.errors,
            spend_micros: counters.spend.0,
            late_micros: counters.late.0,
            ctr: counters.ctr(),
            predicted_ctr: counters.predicted_ctr(),
            win_rate: counters.win_rate(),
            view_rate: counters.view_rate(),
            completion_rate: counters.playback.completion_rate(),
            ecpc_micros: counters.ecpc().map(|micros| micros.0),
        }
    }
}

enum Group {
    Minute,
    LineItem,
    Creative,
    Campaign,
}

struct Question {
    filter: ReportFilter,
    group: Group,
}

/// Sums what was delivered.
#[utoipa::path(
    get,
    path = "/api/v1/reports",
    tag = "reports",
    params(
        ("campaign" = Option<u64>, Query, description = "Only this campaign; needed with every group but `campaign`"),
        ("from" = Option<u64>, Query, description = "From this millisecond on, cut to its minute"),
        ("to" = Option<u64>, Query, description = "Before this millisecond, cut to its minute"),
        ("group" = Option<String>, Query, description = "`minute`, `line_item`, `creative` or `campaign` (when left out); `minute` needs `from` and `to` of at most a week"),
    ),
    responses(
        (status = 200, body = ReportDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "The campaign is unknown, or somebody else's"),
        (status = 422, body = ErrorDoc, description = "A parameter breaks a rule"),
    )
)]
pub(super) async fn show(
    identity: Identity,
    values: Values,
    State(app): State<App>,
) -> Answer<ReportDoc> {
    let question = parse(&values)?;
    app.blocking(move |app| {
        let seen = Seen::read(app, &identity)?;
        if let Some(id) = question.filter.campaign {
            seen.campaign(id)?;
        }
        rows(app, &seen, &question).map(|rows| ReportDoc { rows })
    })
    .await
    .map(Json)
}

fn parse(values: &Values) -> Result<Question, Problem> {
    let filter = ReportFilter {
        from: minute(values, "from")?,
        to: minute(values, "to")?,
        campaign: number(values, "campaign")?.map(CampaignId),
        line_item: None,
    };
    let group = match values.get("group") {
        "" | "campaign" => Group::Campaign,
        "line_item" => Group::LineItem,
        "creative" => Group::Creative,
        "minute" => Group::Minute,
        _ => {
            return Err(Problem::field(
                "group",
                "must be minute, line_item, creative or campaign",
            ));
        }
    };
    if !matches!(group, Group::Campaign) && filter.campaign.is_none() {
        return Err(Problem::field("campaign", "must be given for this group"));
    }
    if matches!(group, Group::Minute) {
        let span = filter.from.zip(filter.to).map(|(from, to)| to.0 - from.0);
        if !span.is_some_and(|minutes| (0..=MINUTES_MAX).contains(&minutes)) {
            let rule = "must be given with from, at most a week after it, for group=minute";
            return Err(Problem::field("to", rule));
        }
    }
    Ok(Question { filter, group })
}

fn minute(values: &Values, name: &str) -> Result<Option<Minute>, Problem> {
    let Some(ms) = number(values, name)? else {
        return Ok(None);
    };
    let rule = "must be milliseconds since 1970-01-01 UTC";
    let ms = i64::try_from(ms).map_err(|_| Problem::field(name, rule))?;
    Ok(Some(Minute(ms / MINUTE_MS)))
}

fn rows(app: &App, seen: &Seen, question: &Question) -> Result<Vec<ReportRowDoc>, Problem> {
    let reports = &app.deps.reports;
    let rows = match question.group {
        Group::Campaign => app
            .stored(reports.totals(&question.filter))?
            .iter()
            .filter(|(id, _)| seen.campaign(**id).is_ok())
            .map(|(id, counters)| ReportRowDoc {
                campaign_id: Some(id.0),
                ..counters.into()
            })
            .collect(),
        Group::LineItem => app
            .stored(reports.line_item_totals(&question.filter))?
            .iter()
            .map(|(LineItemId(id), counters)| ReportRowDoc {
                line_item_id: Some(*id),
                ..counters.into()
            })
            .collect(),
        Group::Creative => app
            .stored(reports.creative_totals(&question.filter))?
            .iter()
            .map(|(CreativeId(id), counters)| ReportRowDoc {
                creative_id: Some(*id),
                ..counters.into()
            })
            .collect(),
        Group::Minute => app
            .stored(reports.minutes(&question.filter))?
            .iter()
            .map(|(minute, counters)| ReportRowDoc {
                minute_ms: Some(minute.0 * MINUTE_MS),
                ..counters.into()
            })
            .collect(),
    };
    Ok(rows)
}
