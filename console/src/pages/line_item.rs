//! The line item form and its buttons.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Campaign, CampaignId, Creative, LineItemId};
use maud::{Markup, html};
use proto::catalogue::{FieldError, StatusWord};

use super::{after_form, layout};
use crate::access::Seen;
use crate::changes::Desk;
use crate::extract::{Form, Id, Values};
use crate::forms::{self, FormView};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// What a form is for, and what it needs to be drawn.
struct Place {
    /// 0 for a new line item.
    id: u64,
    campaign: Campaign,
    creatives: Vec<Creative>,
}

impl Place {
    /// Beside a new line item of a campaign.
    fn new(seen: &Seen, campaign: CampaignId) -> Result<Self, Problem> {
        let campaign = seen.campaign(campaign)?.clone();
        Ok(Self {
            id: 0,
            creatives: seen.creatives_of(campaign.advertiser).cloned().collect(),
            campaign,
        })
    }

    /// Around an existing one.
    fn existing(seen: &Seen, id: LineItemId) -> Result<Self, Problem> {
        let line_item = seen.line_item(id)?;
        Ok(Self {
            id: id.0,
            ..Self::new(seen, line_item.campaign)?
        })
    }
}

/// The form for a new line item.
pub(crate) async fn new(
    identity: Identity,
    Id(campaign): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let place = app
        .blocking(move |app| Place::new(&Seen::read(app, &by)?, CampaignId(campaign)))
        .await?;
    let mut values = forms::line_item::defaults();
    // A first creative is what a first line item is for.
    if let [only] = place.creatives.as_slice() {
        values.set("creative_ids", only.id.to_string());
    }
    Ok(form((&identity, &[]), &place, &values, &[]))
}

/// The form for an existing one.
pub(crate) async fn edit(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let (place, values, warnings) = app
        .blocking(move |app| {
            let seen = Seen::read(app, &by)?;
            let place = Place::existing(&seen, LineItemId(id))?;
            let line_item = seen.line_item(LineItemId(id))?;
            let values = forms::line_item::values(line_item);
            Ok((place, values, seen.warnings(line_item)))
        })
        .await?;
    Ok(form((&identity, &warnings), &place, &values, &[]))
}

/// Creates one.
pub(crate) async fn create(
    State(app): State<App>,
    Id(campaign): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let by = sent.identity.clone();
    let place = app
        .blocking(move |app| Place::new(&Seen::read(app, &by)?, CampaignId(campaign)))
        .await?;
    save(&app, sent, place).await
}

/// Replaces one.
pub(crate) async fn replace(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let by = sent.identity.clone();
    let place = app
        .blocking(move |app| Place::existing(&Seen::read(app, &by)?, LineItemId(id)))
        .await?;
    save(&app, sent, place).await
}

/// Starts or pauses one.
pub(crate) async fn set_status(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let word = StatusWord::from_word(sent.values.get("status"));
    let word = word.ok_or_else(|| Problem::field("status", "must be one of the choices"))?;
    let changed = app
        .blocking(move |app| {
            let desk = Desk::open(app, &sent.identity)?;
            desk.set_line_item_status(LineItemId(id), word.into())
        })
        .await?;
    Ok(Redirect::to(&format!("/campaigns/{}", changed.campaign)).into_response())
}

async fn save(app: &App, sent: Form, place: Place) -> Result<Response, Problem> {
    let Form { identity, values } = sent;
    let (by, read) = (identity.clone(), values.clone());
    let (id, campaign) = (place.id, place.campaign.id);
    let saved = app
        .blocking(move |app| {
            let line_item = forms::line_item::parse(&read, id, campaign.0)?;
            let desk = Desk::open(app, &by)?;
            let stored = desk.put_line_item(line_item)?;
            // Back to the form, which shows the warnings.
            Ok(match desk.seen.warnings(&stored).is_empty() {
                true => format!("/campaigns/{}", stored.campaign),
                false => format!("/line-items/{}", stored.id),
            })
        })
        .await;
    after_form(saved, |errors| {
        form((&identity, &[]), &place, &values, errors)
    })
}

fn form(
    (identity, warnings): (&Identity, &[FieldError]),
    place: &Place,
    values: &Values,
    errors: &[FieldError],
) -> Markup {
    let home = format!("/campaigns/{}", place.campaign.id);
    let (title, action) = match place.id {
        0 => ("New line item", format!("{home}/line-items")),
        id => ("Edit line item", format!("/line-items/{id}")),
    };
    let inputs = forms::line_item::draw(&FormView { values, errors }, &place.creatives);
    let body = html! {
        @if !warnings.is_empty() {
            div.notice role="status" {
                b { "Saved, but it will not deliver as it is." }
                ul { @for warning in warnings { li { code { (warning.field) } " " (warning.rule) } } }
            }
        }
        div.card { (forms::frame(&action, &identity.form_token, "Save", &inputs)) }
    };
    layout::page(
        identity,
        title,
        &[(home, place.campaign.name.clone())],
        &body,
    )
}
