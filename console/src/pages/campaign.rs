//! A campaign: its numbers, money, line items and refusals, and its form.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::{AdvertiserId, CampaignId, Status};
use maud::{Markup, html};
use proto::catalogue::{FieldError, StatusWord};

use super::after_form;
use super::layout::{self, next_step};
use super::overview::{bar, pace, tile};
use super::playback;
use crate::access::Seen;
use crate::changes::Desk;
use crate::chart::{self, Series};
use crate::extract::{Form, Id, Values};
use crate::forms::{self, FormView};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;
use crate::text::{count, money, percent, price, units};
use crate::time_text;
use crate::view::{self, CampaignView, LineItemRow};

/// Shows a campaign.
pub(crate) async fn show(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let view = app
        .blocking(move |app| view::campaign(app, &by, CampaignId(id)))
        .await?;
    let campaign = &view.row.campaign;
    let at = format!("/campaigns/{id}");
    let body = html! {
        div.lead {
            (time_text::minute(campaign.flight_start)) " to " (time_text::minute(campaign.flight_end)) " UTC"
            " · plan " (proto::catalogue::PlanWord::from(campaign.plan).word())
            " · goal " (proto::catalogue::GoalWord::from(campaign.goal).word())
            span.buttons {
                (switch(&at, &identity.form_token, campaign.status))
                a.button href={ (at) "/edit" } { "Edit" }
                a.button href={ (at) "/report.csv" } download { "CSV" }
                a.button.primary href={ (at) "/line-items/new" } { "New line item" }
            }
        }
        (guide(&view))
        div data-live={ "/live" (at) } { (numbers(&view)) }
        (manage(&identity, &view.line_items))
    };
    let crumb = (
        format!("/advertisers/{}", campaign.advertiser),
        view.row.advertiser.clone(),
    );
    Ok(layout::page(&identity, &campaign.name, &[crumb], &body))
}

/// The button that pauses or resumes.
pub(super) fn switch(at: &str, token: &str, status: Status) -> Markup {
    let (word, text) = match status {
        Status::Active => ("paused", "Pause"),
        Status::Paused => ("active", "Resume"),
        Status::Draft => ("active", "Start"),
        Status::Archived => ("paused", "Take out of the archive"),
    };
    forms::button(&format!("{at}/status"), token, ("status", word), text)
}

fn guide(view: &CampaignView) -> Markup {
    let campaign = &view.row.campaign;
    let creative = format!(
        "/advertisers/{}/creatives/new?format=banner",
        campaign.advertiser
    );
    let line_item = format!("/campaigns/{}/line-items/new", campaign.id);
    html! {
        @if !view.has_creatives {
            (next_step("Add a creative", "There is nothing to show yet: a banner is the quickest to begin with.", Some((&creative, "New banner"))))
        } @else if view.line_items.is_empty() {
            (next_step("Add a line item", "It says where to bid and how much, and which creatives to show.", Some((&line_item, "New line item"))))
        }
    }
}

/// What the live stream repeats.
pub(crate) fn numbers(view: &CampaignView) -> Markup {
    let row = &view.row;
    let counters = &row.counters;
    let ecpc = counters.ecpc().map_or("–".to_owned(), price);
    html! {
        p { (layout::delivery(row.delivery)) " " @if let Some(advice) = row.delivery.advice() { (advice) } }
        (money_line(view))
        div.tiles {
            (tile("Impressions", &count(counters.impressions)))
            (tile("Clicks", &count(counters.clicks)))
            (tile("Conversions", &count(counters.conversions)))
            (tile("CTR", &percent(counters.ctr())))
            (tile("Predicted CTR", &percent(counters.predicted_ctr())))
            (tile("Win rate", &percent(counters.win_rate())))
            (tile("eCPC", &ecpc))
            (tile("Pace", &pace(row)))
        }
        (charts(view))
        (line_items(&view.line_items))
        (playback::card(view))
        (refusals(view))
        p.hint { "As of " (time_text::minute(view.now)) " UTC." }
    }
}

fn money_line(view: &CampaignView) -> Markup {
    let (campaign, account) = (&view.row.campaign, &view.row.account);
    html! {
        div.card.money {
            (bar(account.spent, campaign.budget))
            dl {
                div { dt { "Budget" } dd { (money(campaign.budget, campaign.currency)) } }
                div { dt { "Spent" } dd { (units(account.spent)) } }
                div title="Set aside for bids whose fate is not known yet" { dt { "Held" } dd { (units(account.held)) } }
                div title="Spend whose notice came after its hold was released" { dt { "Late" } dd { (units(account.late)) } }
                div title="Wins whose billing notice never came" { dt { "Unbilled" } dd { (units(account.unbilled)) } }
                div title="What may still be bid with" { dt { "Left" } dd { (units(account.left)) } }
            }
        }
    }
}

fn charts(view: &CampaignView) -> Markup {
    let charts = &view.charts;
    let spend = [
        Series {
            name: "plan",
            class: "plan",
            points: &charts.plan,
        },
        Series {
            name: "spend",
            class: "spend",
            points: &charts.spend,
        },
    ];
    let impressions = [Series {
        name: "impressions",
        class: "impressions",
        points: &charts.impressions,
    }];
    let clicks = [Series {
        name: "clicks",
        class: "clicks",
        points: &charts.clicks,
    }];
    html! {
        div.charts {
            (chart::lines("Spend and plan", &spend))
            (chart::lines("Impressions by minute", &impressions))
            (chart::lines("Clicks by minute", &clicks))
        }
    }
}

fn line_items(rows: &[LineItemRow]) -> Markup {
    html! {
        div.card {
            h2 { "Line items" }
            @if rows.is_empty() {
                p.empty { "None yet." }
            } @else {
                div.scroll { table {
                    thead { tr {
                        th { "Line item" } th { "Status" } th.num { "Eligible" } th.num { "Bids" } th.num { "Wins" }
                        th.num { "Impressions" } th.num { "Viewed" } th.num { "Clicks" } th.num { "CTR" } th.num { "Spent" }
                    } }
                    tbody { @for LineItemRow { line_item, counters } in rows {
                        tr {
                            td { a href={ "/line-items/" (line_item.id) "/edit" } { (line_item.name) } }
                            td { (layout::status(line_item.status)) }
                            td.num { (count(counters.eligible)) }
                            td.num { (count(counters.bids)) }
                            td.num { (count(counters.wins)) }
                            td.num { (count(counters.impressions)) }
                            td.num { (percent(counters.view_rate())) }
                            td.num { (count(counters.clicks)) }
                            td.num { (percent(counters.ctr())) }
                            td.num { (units(counters.spend)) }
                        }
                    } }
                } }
            }
        }
    }
}

fn refusals(view: &CampaignView) -> Markup {
    let total: i64 = view.refusals.iter().map(|one| one.count).sum();
    html! {
        div.card {
            h2 { "Why does it not deliver?" span.hint { "last 24 hours" } }
            @if view.refusals.is_empty() {
                p.empty { "No request was refused yet. If there are no eligible requests either, targeting matches none of the traffic." }
            } @else {
                div.scroll { table {
                    thead { tr { th { "Reason" } th.num { "Requests" } th.num { "Share" } th { "What to change" } } }
                    tbody { @for one in &view.refusals {
                        tr {
                            td { (one.title) }
                            td.num { (count(one.count)) }
                            td.num { (percent(one.count as f64 / total.max(1) as f64)) }
                            td.wide { (one.advice) }
                        }
                    } }
                } }
            }
        }
    }
}

/// Buttons stay outside of what the stream swaps, so that none moves under a finger.
fn manage(identity: &Identity, rows: &[LineItemRow]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div.card {
                h2 { "Start and stop" }
                ul.manage { @for LineItemRow { line_item, .. } in rows {
                    @let at = format!("/line-items/{}", line_item.id);
                    li {
                        a href={ (at) "/edit" } { (line_item.name) }
                        (layout::status(line_item.status))
                        (switch(&at, &identity.form_token, line_item.status))
                    }
                } }
            }
        }
    }
}

/// The form for a new campaign.
pub(crate) async fn new(
    identity: Identity,
    Id(advertiser): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let values = forms::campaign::defaults(app.now());
    app.blocking(move |app| {
        let owner = AdvertiserId(advertiser);
        Seen::read(app, &by)?.advertiser(owner).map(drop)
    })
    .await?;
    Ok(form(&identity, Target::New(advertiser), &values, &[]))
}

/// The form for an existing one.
pub(crate) async fn edit(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let campaign = app
        .blocking(move |app| Seen::read(app, &by)?.campaign(CampaignId(id)).cloned())
        .await?;
    let values = forms::campaign::values(&campaign);
    Ok(form(&identity, Target::Existing(id), &values, &[]))
}

/// Creates one.
pub(crate) async fn create(
    State(app): State<App>,
    Id(advertiser): Id,
    sent: Form,
) -> Result<Response, Problem> {
    save(&app, sent, Target::New(advertiser)).await
}

/// Replaces one.
pub(crate) async fn replace(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    save(&app, sent, Target::Existing(id)).await
}

/// Starts or pauses one.
pub(crate) async fn set_status(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let word = StatusWord::from_word(sent.values.get("status"));
    let word = word.ok_or_else(|| Problem::field("status", "must be one of the choices"))?;
    app.blocking(move |app| {
        let desk = Desk::open(app, &sent.identity)?;
        desk.set_campaign_status(CampaignId(id), word.into())
    })
    .await?;
    Ok(Redirect::to(&format!("/campaigns/{id}")).into_response())
}

/// What a form is for.
#[derive(Clone, Copy)]
enum Target {
    /// A campaign of this advertiser.
    New(u64),
    /// This campaign.
    Existing(u64),
}

async fn save(app: &App, sent: Form, target: Target) -> Result<Response, Problem> {
    let Form { identity, values } = sent;
    let (by, read) = (identity.clone(), values.clone());
    let saved = app
        .blocking(move |app| {
            let desk = Desk::open(app, &by)?;
            let (id, advertiser) = match target {
                Target::New(owner) => (0, desk.seen.advertiser(AdvertiserId(owner))?.id),
                Target::Existing(id) => (id, desk.seen.campaign(CampaignId(id))?.advertiser),
            };
            let campaign = forms::campaign::parse(&read, id, advertiser.0)?;
            let stored = desk.put_campaign(campaign)?;
            Ok(format!("/campaigns/{}", stored.id))
        })
        .await;
    after_form(saved, |errors| form(&identity, target, &values, errors))
}

fn form(identity: &Identity, target: Target, values: &Values, errors: &[FieldError]) -> Markup {
    let (title, action, exists) = match target {
        Target::New(owner) => (
            "New campaign",
            format!("/advertisers/{owner}/campaigns"),
            false,
        ),
        Target::Existing(id) => ("Edit campaign", format!("/campaigns/{id}"), true),
    };
    let inputs = forms::campaign::draw(&FormView { values, errors }, exists);
    let body =
        html! { div.card { (forms::frame(&action, &identity.form_token, "Save", &inputs)) } };
    layout::page(identity, title, &[], &body)
}
