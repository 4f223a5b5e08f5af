//! Gathers the numbers that pages and live streams show. All of it blocks.

use std::collections::BTreeMap;

use domain::report::Counters;
use domain::time::Minute;
use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Creative, LineItem, Micros, Plan, Status,
    Timestamp,
};
use store::report::ReportFilter;

use crate::access::Seen;
use crate::accounts::AccountView;
use crate::problem::Problem;
use crate::refusals::{Refusal, refusals_of};
use crate::session::Identity;
use crate::state::App;

/// Campaigns shown on one page; the API lists them all.
const CAMPAIGNS_SHOWN: usize = 200;
/// Line items whose refusals are summed for one page: each is a query.
const REFUSALS_OF_MAX: usize = 50;
/// How far refusals reach back on pages, in milliseconds: a day, so that advice fits what was changed.
const REFUSALS_MS: i64 = 24 * 3_600_000;
/// Minutes that charts reach back: three hours.
const CHART_MINUTES: i64 = 180;

/// Whether a campaign delivers now, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Live,
    Draft,
    Paused,
    Archived,
    NotStarted,
    Ended,
    Spent,
    NothingToShow,
}

impl Delivery {
    /// One or two words.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Draft => "draft",
            Self::Paused => "paused",
            Self::Archived => "archived",
            Self::NotStarted => "not started",
            Self::Ended => "ended",
            Self::Spent => "budget spent",
            Self::NothingToShow => "nothing to show",
        }
    }

    /// What to do about it; `None` when it delivers.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::Live => None,
            Self::Draft => Some("This is a draft. Start the campaign to let it bid."),
            Self::Paused => Some("It is paused. Resume it to let it bid again."),
            Self::Archived => Some("It is archived and kept for its reports only."),
            Self::NotStarted => Some("Its flight has not begun. Set an earlier start to bid now."),
            Self::Ended => Some("Its flight is over. Set a later end to go on."),
            Self::Spent => Some("Its budget is spent or held for open bids. Raise the budget."),
            Self::NothingToShow => {
                Some("No active line item has an active creative. Add or activate one.")
            }
        }
    }
}

/// One campaign with its numbers.
pub(crate) struct CampaignRow {
    pub(crate) campaign: Campaign,
    pub(crate) advertiser: String,
    pub(crate) counters: Counters,
    pub(crate) account: AccountView,
    /// What should be spent by now; `None` without a plan to compare with.
    pub(crate) planned: Option<Micros>,
    pub(crate) delivery: Delivery,
}

/// The first page.
pub(crate) struct OverviewView {
    pub(crate) advertisers: Vec<Advertiser>,
    pub(crate) campaigns: Vec<CampaignRow>,
    /// Campaigns that were left out.
    pub(crate) more: usize,
}

/// One line item with its numbers.
pub(crate) struct LineItemRow {
    pub(crate) line_item: LineItem,
    pub(crate) counters: Counters,
}

/// A campaign's page.
pub(crate) struct CampaignView {
    pub(crate) row: CampaignRow,
    pub(crate) line_items: Vec<LineItemRow>,
    pub(crate) refusals: Vec<Refusal>,
    /// Playback errors with their VAST code, the most frequent first.
    pub(crate) errors: Vec<(u32, i64)>,
    pub(crate) charts: Charts,
    pub(crate) now: Timestamp,
    /// Whether its advertiser has any creative yet.
    pub(crate) has_creatives: bool,
}

/// Lines over time: `(milliseconds, value)`.
#[derive(Default)]
pub(crate) struct Charts {
    pub(crate) spend: Vec<(i64, f64)>,
    pub(crate) plan: Vec<(i64, f64)>,
    pub(crate) impressions: Vec<(i64, f64)>,
    pub(crate) clicks: Vec<(i64, f64)>,
}

/// An advertiser's page.
pub(crate) struct AdvertiserView {
    pub(crate) advertiser: Advertiser,
    pub(crate) campaigns: Vec<CampaignRow>,
    pub(crate) creatives: Vec<Creative>,
    pub(crate) line_items: usize,
}

/// What a campaign's plan wants spent at `now`; `None` when it spends as fast as it can. The plan by
/// traffic is shown as the even one, which it meets at the flight's end.
pub(crate) fn planned(campaign: &Campaign, now: Timestamp) -> Option<Micros> {
    let length_ms = campaign.flight_end.since(campaign.flight_start).max(1);
    let passed_ms = now.since(campaign.flight_start).clamp(0, length_ms);
    let even = campaign.budget.mul_div(passed_ms, length_ms);
    match campaign.plan {
        Plan::Even | Plan::Traffic => Some(even),
        Plan::Ahead => Some(even.mul_div(105, 100).min(campaign.budget)),
        Plan::Asap => None,
    }
}

/// The first page's numbers.
pub(crate) fn overview(app: &App, identity: &Identity) -> Result<OverviewView, Problem> {
    let seen = Seen::read(app, identity)?;
    let campaigns: Vec<&Campaign> = seen.campaigns().collect();
    let more = campaigns.len().saturating_sub(CAMPAIGNS_SHOWN);
    let rows = rows(app, &seen, campaigns)?;
    Ok(OverviewView {
        advertisers: seen.advertisers().cloned().collect(),
        campaigns: rows,
        more,
    })
}

/// An advertiser's numbers.
pub(crate) fn advertiser(
    app: &App,
    identity: &Identity,
    id: AdvertiserId,
) -> Result<AdvertiserView, Problem> {
    let seen = Seen::read(app, identity)?;
    let advertiser = seen.advertiser(id)?.clone();
    let campaigns: Vec<&Campaign> = seen.campaigns_of(id).collect();
    let owned = |line_item: &&LineItem| campaigns.iter().any(|c| c.id == line_item.campaign);
    let line_items = seen.line_items().filter(owned).count();
    Ok(AdvertiserView {
        advertiser,
        campaigns: rows(app, &seen, campaigns)?,
        creatives: seen.creatives_of(id).cloned().collect(),
        line_items,
    })
}

/// Running campaigns first, then the newest.
fn rows(
    app: &App,
    seen: &Seen,
    mut campaigns: Vec<&Campaign>,
) -> Result<Vec<CampaignRow>, Problem> {
    let totals = app.stored(app.deps.reports.totals(&ReportFilter::default()))?;
    let now = app.now();
    campaigns.sort_by_key(|one| (!one.is_live(now), std::cmp::Reverse(one.id)));
    campaigns.truncate(CAMPAIGNS_SHOWN);
    let row = |campaign: &Campaign| {
        let counters = totals.get(&campaign.id).copied().unwrap_or_default();
        row(app, seen, campaign, counters)
    };
    Ok(campaigns.into_iter().map(row).collect())
}

fn row(app: &App, seen: &Seen, campaign: &Campaign, counters: Counters) -> CampaignRow {
    let now = app.now();
    let account = app.deps.accounts.account(campaign.id);
    let account = account.unwrap_or(AccountView {
        spent: counters.spend,
        late: counters.late,
        left: campaign.budget - counters.spend,
        ..AccountView::default()
    });
    let advertiser = seen.advertiser(campaign.advertiser);
    CampaignRow {
        advertiser: advertiser.map_or(String::new(), |one| one.name.clone()),
        counters,
        account,
        planned: planned(campaign, now),
        delivery: delivery(seen, campaign, &account, now),
        campaign: campaign.clone(),
    }
}

fn delivery(seen: &Seen, campaign: &Campaign, account: &AccountView, now: Timestamp) -> Delivery {
    match campaign.status {
        Status::Draft => return Delivery::Draft,
        Status::Paused => return Delivery::Paused,
        Status::Archived => return Delivery::Archived,
        Status::Active => {}
    }
    if now < campaign.flight_start {
        return Delivery::NotStarted;
    }
    // What is left in the end is often less than one bid.
    let spent = account.spent >= campaign.budget.mul_div(995, 1000);
    if spent || account.left <= Micros::ZERO {
        return Delivery::Spent;
    }
    if now >= campaign.flight_end {
        return Delivery::Ended;
    }
    let mut active = seen
        .line_items_of(campaign.id)
        .filter(|item| item.status == Status::Active);
    let shows = |item: &LineItem| {
        let mut creatives = item
            .creatives
            .iter()
            .filter_map(|id| seen.creative(*id).ok());
        creatives.any(|creative| creative.status == Status::Active)
    };
    if active.any(shows) {
        Delivery::Live
    } else {
        Delivery::NothingToShow
    }
}

/// A campaign's numbers.
pub(crate) fn campaign(
    app: &App,
    identity: &Identity,
    id: CampaignId,
) -> Result<CampaignView, Problem> {
    let seen = Seen::read(app, identity)?;
    let campaign = seen.campaign(id)?;
    let reports = &app.deps.reports;
    let filter = ReportFilter {
        campaign: Some(id),
        ..ReportFilter::default()
    };
    let counters = app.stored(reports.totals(&filter))?;
    let row = row(
        app,
        &seen,
        campaign,
        counters.get(&id).copied().unwrap_or_default(),
    );
    let mut errors: Vec<_> = app
        .stored(reports.playback_errors(&filter))?
        .into_iter()
        .collect();
    errors.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    let by_line_item = app.stored(reports.line_item_totals(&filter))?;
    let line_items: Vec<LineItemRow> = seen
        .line_items_of(id)
        .map(|line_item| LineItemRow {
            counters: by_line_item.get(&line_item.id).copied().unwrap_or_default(),
            line_item: line_item.clone(),
        })
        .collect();
    let ids = line_items.iter().map(|row| row.line_item.id);
    let since = app.now().plus_ms(-REFUSALS_MS).minute();
    let refusals = refusals_of(app, ids.take(REFUSALS_OF_MAX), Some(since))?;
    Ok(CampaignView {
        charts: charts(app, &row)?,
        row,
        line_items,
        refusals,
        errors,
        now: app.now(),
        has_creatives: seen.creatives_of(campaign.advertiser).next().is_some(),
    })
}

fn charts(app: &App, row: &CampaignRow) -> Result<Charts, Problem> {
    let campaign = &row.campaign;
    let end = app.now().min(campaign.flight_end).minute();
    let start = campaign.flight_start.minute();
    let from = Minute(start.0.max(end.0 - CHART_MINUTES));
    if end < from {
        return Ok(Charts::default());
    }
    let window = ReportFilter {
        campaign: Some(campaign.id),
        from: Some(from),
        to: Some(Minute(end.0 + 1)),
        line_item: None,
    };
    let minutes = app.stored(app.deps.reports.minutes(&window))?;
    let before = ReportFilter {
        from: None,
        to: Some(from),
        ..window
    };
    let before = app.stored(app.deps.reports.totals(&before))?;
    let before = before.get(&campaign.id).map_or(Micros::ZERO, |c| c.spend);
    Ok(lines(campaign, &minutes, (from, end, app.now()), before))
}

/// One point a minute, empty minutes included; spend is the sum at the minute's end. The minute that is
/// not over yet ends now for spend, and counts no events: a part of a minute would look like a fall.
fn lines(
    campaign: &Campaign,
    minutes: &BTreeMap<Minute, Counters>,
    (from, end, now): (Minute, Minute, Timestamp),
    before: Micros,
) -> Charts {
    let mut charts = Charts::default();
    let mut spent = before;
    charts.spend.push((from.start().0, spent.as_decimal()));
    for minute in (from.0..=end.0).map(Minute) {
        let counters = minutes.get(&minute).copied().unwrap_or_default();
        spent += counters.spend;
        let (at, over) = (minute.start(), Minute(minute.0 + 1).start());
        let until = over.min(now);
        charts.spend.push((until.0, spent.as_decimal()));
        if let Some(planned) = planned(campaign, at) {
            charts.plan.push((at.0, planned.as_decimal()));
        }
        // A campaign's first minute is shown all the same: it is all there is.
        if over <= now || charts.clicks.is_empty() {
            charts.impressions.push((at.0, counters.impressions as f64));
            charts.clicks.push((at.0, counters.clicks as f64));
        }
    }
    let until = Minute(end.0 + 1).start().min(now);
    if let Some(planned) = planned(campaign, until) {
        charts.plan.push((until.0, planned.as_decimal()));
    }
    charts
}

#[cfg(test)]
mod tests {
    use domain::{Currency, Goal};

    use super::*;

    fn campaign(plan: Plan) -> Campaign {
        Campaign {
            id: CampaignId(1),
            advertiser: AdvertiserId(1),
            name: String::new(),
            status: Status::Active,
            currency: Currency::USD,
            budget: Micros::from_units(100),
            daily_budget: None,
            flight_start: Timestamp(600_000),
            flight_end: Timestamp(1_200_000),
            plan,
            goal: Goal::Clicks,
            frequency_caps: Vec::new(),
        }
    }

    #[test]
    fn plans_begin_at_nothing_and_end_at_the_budget() {
        let at =
            |plan, ms| planned(&campaign(plan), Timestamp(ms)).map(|micros| micros.0 / 1_000_000);
        for (ms, even, ahead) in [
            (0, 0, 0),
            (900_000, 50, 52),
            (1_190_000, 98, 100),
            (9_000_000, 100, 100),
        ] {
            assert_eq!(at(Plan::Even, ms), Some(even), "{ms}");
            assert_eq!(at(Plan::Ahead, ms), Some(ahead), "{ms}");
            assert_eq!(at(Plan::Asap, ms), None);
        }
    }

    #[test]
    fn charts_have_every_minute_and_begin_with_what_was_spent_before() {
        let spend = |units| Counters {
            spend: Micros::from_units(units),
            impressions: units,
            ..Counters::default()
        };
        let minutes = BTreeMap::from([(Minute(11), spend(3)), (Minute(13), spend(4))]);
        let begin = (campaign(Plan::Even), Micros::from_units(10));
        let lines = |now: Timestamp| {
            let span = (Minute(11), Minute(13), now);
            lines(&begin.0, &minutes, span, begin.1)
        };
        let charts = lines(Minute(14).start());
        let spent: Vec<_> = charts
            .spend
            .iter()
            .map(|(_, units)| *units as i64)
            .collect();
        assert_eq!(spent, [10, 13, 13, 17]);
        let impressions: Vec<_> = charts.impressions.iter().map(|(_, n)| *n as i64).collect();
        assert_eq!(impressions, [3, 0, 4]);
        assert_eq!(charts.plan.len(), 4);
        let now = Minute(13).start().plus_ms(20_000);
        let charts = lines(now);
        assert_eq!(charts.spend.last(), Some(&(now.0, 17.0)));
        assert_eq!(charts.plan.last().map(|point| point.0), Some(now.0));
        let impressions: Vec<_> = charts.impressions.iter().map(|(_, n)| *n as i64).collect();
        assert_eq!(impressions, [3, 0]);
    }
}
