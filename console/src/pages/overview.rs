//! The first page: every campaign with its numbers.

use axum::extract::State;
use domain::Micros;
use maud::{Markup, html};

use super::layout::{self, next_step};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;
use crate::text::{count, money, percent, price, units};
use crate::view::{self, CampaignRow, OverviewView};

/// Shows the overview.
pub(crate) async fn show(identity: Identity, State(app): State<App>) -> Result<Markup, Problem> {
    let by = identity.clone();
    let view = app.blocking(move |app| view::overview(app, &by)).await?;
    let body = html! {
        @if view.advertisers.is_empty() {
            @if identity.is_admin() {
                (next_step(
                    "Begin with an advertiser",
                    "An advertiser owns campaigns and creatives. After it come a campaign with a budget, a creative, and a line item that says where to bid.",
                    Some(("/advertisers/new", "Create the first advertiser")),
                ))
            } @else {
                (next_step("Nothing here yet", "Ask an administrator for access to an advertiser.", None))
            }
        } @else {
            div.card.list {
                h2 { "Advertisers" }
                div.chips {
                    @for one in &view.advertisers {
                        a.chip href={ "/advertisers/" (one.id) } { (one.name) }
                    }
                    @if identity.is_admin() {
                        a.chip.new href="/advertisers/new" { "+ New advertiser" }
                    }
                }
            }
            div data-live="/live/overview" { (numbers(&view)) }
        }
    };
    Ok(layout::page(&identity, "Overview", &[], &body))
}

/// What the live stream repeats.
pub(crate) fn numbers(view: &OverviewView) -> Markup {
    html! {
        (tiles(&view.campaigns))
        div.card {
            h2 { "Campaigns" }
            @if view.campaigns.is_empty() {
                @let first = view.advertisers.first().map(|one| format!("/advertisers/{}/campaigns/new", one.id));
                (next_step(
                    "No campaign yet",
                    "A campaign has a budget, a flight and a plan of how to spend it.",
                    first.as_deref().map(|address| (address, "Create a campaign")),
                ))
            } @else {
                (table(&view.campaigns, true))
            }
            @if view.more > 0 {
                p.hint { (view.more) " more campaigns are not shown; open their advertiser." }
            }
        }
    }
}

fn tiles(rows: &[CampaignRow]) -> Markup {
    let mut sum = domain::report::Counters::default();
    rows.iter().for_each(|row| sum.add(&row.counters));
    let live = rows
        .iter()
        .filter(|row| row.delivery == view::Delivery::Live)
        .count();
    html! {
        div.tiles {
            (tile("Live campaigns", &live.to_string()))
            (tile("Impressions", &count(sum.impressions)))
            (tile("Clicks", &count(sum.clicks)))
            (tile("CTR", &percent(sum.ctr())))
            (tile("Win rate", &percent(sum.win_rate())))
        }
    }
}

/// One number with its name.
pub(super) fn tile(name: &str, value: &str) -> Markup {
    html! { div.tile { span { (name) } b { (value) } } }
}

/// Campaigns with their numbers.
pub(super) fn table(rows: &[CampaignRow], with_advertiser: bool) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "Campaign" }
                @if with_advertiser { th { "Advertiser" } }
                th { "Status" }
                th.num { "Budget" }
                th { "Spent" }
                th.num { "Pace" }
                th.num { "Impressions" }
                th.num { "Clicks" }
                th.num { "CTR" }
                th.num { "Win rate" }
                th.num { "eCPC" }
            } }
            tbody {
                @for row in rows { (line(row, with_advertiser)) }
            }
        } }
    }
}

fn line(row: &CampaignRow, with_advertiser: bool) -> Markup {
    let campaign = &row.campaign;
    let counters = &row.counters;
    html! {
        tr {
            td { a href={ "/campaigns/" (campaign.id) } { (campaign.name) } }
            @if with_advertiser {
                td { a href={ "/advertisers/" (campaign.advertiser) } { (row.advertiser) } }
            }
            td { (layout::delivery(row.delivery)) }
            td.num { (money(campaign.budget, campaign.currency)) }
            td { (bar(row.account.spent, campaign.budget)) }
            td.num { (pace(row)) }
            td.num { (count(counters.impressions)) }
            td.num { (count(counters.clicks)) }
            td.num { (percent(counters.ctr())) }
            td.num { (percent(counters.win_rate())) }
            td.num { (counters.ecpc().map_or("–".to_owned(), price)) }
        }
    }
}

/// Spend as a bar of the budget.
pub(super) fn bar(spent: Micros, budget: Micros) -> Markup {
    let share = spent.as_decimal() / budget.as_decimal().max(1e-6);
    html! {
        div.spent {
            progress max="100" value=(format!("{:.1}", share.clamp(0.0, 1.0) * 100.0)) {}
            span { (units(spent)) " · " (percent(share)) }
        }
    }
}

/// Spend against the plan so far.
pub(super) fn pace(row: &CampaignRow) -> String {
    match row.planned.filter(|planned| *planned > Micros::ZERO) {
        Some(planned) => percent(row.account.spent.as_decimal() / planned.as_decimal()),
        None => "–".to_owned(),
    }
}
