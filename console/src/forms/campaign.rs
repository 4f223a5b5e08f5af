//! The campaign form.

use domain::{Campaign, Timestamp};
use maud::{Markup, html};
use proto::catalogue::{CampaignDoc, GoalWord, PlanWord, StatusWord};

use super::{FormView, Reader, checked, frequency};
use crate::extract::Values;
use crate::problem::Problem;
use crate::text::decimal;
use crate::time_text;

/// How long a new campaign runs unless somebody says otherwise: 30 days, in milliseconds.
const FLIGHT_MS: i64 = 30 * 86_400_000;

/// Status words with their names.
pub(super) const STATUSES: &[(&str, &str)] = &[
    ("active", "Active: delivers inside its flight and budget"),
    ("draft", "Draft: not yet"),
    ("paused", "Paused"),
    ("archived", "Archived: kept for its reports"),
];
const PLANS: &[(&str, &str)] = &[
    ("even", "Even: the same money in every hour"),
    ("ahead", "Ahead: 5% ahead of even"),
    ("traffic", "Traffic: more money when there is more to buy"),
    ("asap", "As soon as possible"),
];
const GOALS: &[(&str, &str)] = &[
    ("impressions", "Impressions"),
    ("clicks", "Clicks"),
    ("conversions", "Conversions"),
];

/// The inputs; the currency is fixed once the campaign exists.
pub(crate) fn draw(form: &FormView<'_>, exists: bool) -> Markup {
    html! {
        (form.summary())
        (form.text("name", "Name", ""))
        div.columns {
            (form.number("budget_micros", "Budget", "All it may spend, in its currency, such as 500 or 1250.50."))
            (form.number("daily_budget_micros", "Daily budget", "What it may spend in one UTC day. Empty for no limit."))
            @if exists {
                label.field {
                    span.label { "Currency" }
                    input type="text" name="currency" value=(form.values.raw("currency")) readonly;
                    span.hint { "Fixed, because money was counted in it." }
                }
            } @else {
                (form.text("currency", "Currency", "Three letters, such as USD or EUR."))
            }
        }
        div.columns {
            (form.time("flight_start_ms", "Start (UTC)", "First moment of delivery."))
            (form.time("flight_end_ms", "End (UTC)", "First moment after delivery."))
        }
        div.columns {
            (form.choice("plan", "Spending plan", PLANS))
            (form.choice("goal", "Goal", GOALS))
            (form.choice("status", "Status", STATUSES))
        }
        (frequency::draw(form, "all its line items together"))
    }
}

/// What the inputs hold for a new campaign: it starts at once.
pub(crate) fn defaults(now: Timestamp) -> Values {
    let mut values = Values::default();
    let start = now.minute().start();
    values.set("currency", "USD");
    values.set("flight_start_ms", time_text::input(start));
    values.set("flight_end_ms", time_text::input(start.plus_ms(FLIGHT_MS)));
    values.set("plan", "even");
    values.set("goal", "clicks");
    values.set("status", "active");
    values
}

/// What the inputs hold for a stored campaign.
pub(crate) fn values(campaign: &Campaign) -> Values {
    let document = CampaignDoc::from(campaign);
    let mut values = Values::default();
    let daily = document.daily_budget_micros.map(decimal);
    values.set("name", document.name);
    values.set("budget_micros", decimal(document.budget_micros));
    values.set("daily_budget_micros", daily.unwrap_or_default());
    values.set("currency", document.currency);
    values.set("flight_start_ms", time_text::input(campaign.flight_start));
    values.set("flight_end_ms", time_text::input(campaign.flight_end));
    values.set("plan", document.plan.word());
    values.set("goal", document.goal.word());
    values.set("status", document.status.word());
    frequency::set(&mut values, &document.frequency_caps);
    values
}

/// Reads the form.
pub(crate) fn parse(values: &Values, id: u64, advertiser: u64) -> Result<Campaign, Problem> {
    let mut reader = Reader::new(values);
    let daily = reader.optional("daily_budget_micros");
    let start = time(&mut reader, "flight_start_ms");
    let end = time(&mut reader, "flight_end_ms");
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        reader.wrong("flight_end_ms", "must be after the start");
    }
    let start = start.unwrap_or_default();
    let document = CampaignDoc {
        id,
        advertiser_id: advertiser,
        name: reader.text("name"),
        status: reader.word("status", StatusWord::from_word, StatusWord::Draft),
        currency: reader.text("currency").to_uppercase(),
        budget_micros: reader.amount("budget_micros"),
        daily_budget_micros: daily.map(|_| reader.amount("daily_budget_micros")),
        flight_start_ms: start.0,
        flight_end_ms: end.unwrap_or(start.plus_ms(1)).0,
        plan: reader.word("plan", PlanWord::from_word, PlanWord::Even),
        goal: reader.word("goal", GoalWord::from_word, GoalWord::Clicks),
        frequency_caps: frequency::parse(&mut reader),
    };
    checked(reader.errors, document.check())
}

fn time(reader: &mut Reader<'_>, name: &str) -> Option<Timestamp> {
    let time = time_text::parse(reader.values.get(name));
    if time.is_none() {
        reader.wrong(name, "must be a date and time such as 2026-12-01T08:00");
    }
    time
}
