//! An advertiser: its campaigns and creatives, and its form.

use axum::extract::State;
use axum::response::Response;
use domain::AdvertiserId;
use maud::{Markup, html};
use proto::catalogue::FieldError;

use super::layout::{self, next_step};
use super::{after_form, overview};
use crate::access::Seen;
use crate::changes::Desk;
use crate::extract::{Form, Id, Values};
use crate::forms::{self, FormView};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;
use crate::view::{self, AdvertiserView};

/// Shows an advertiser.
pub(crate) async fn show(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let view = app
        .blocking(move |app| view::advertiser(app, &by, AdvertiserId(id)))
        .await?;
    let body = html! {
        p.lead {
            (view.advertiser.domain)
            " · " a href={ "/advertisers/" (id) "/edit" } { "Edit" }
        }
        (guide(&view))
        (campaigns(&view))
        (creatives(&view))
        @if identity.is_admin() { (super::people::invite_card(&identity, id)) }
    };
    Ok(layout::page(&identity, &view.advertiser.name, &[], &body))
}

/// The next step towards the first delivery.
fn guide(view: &AdvertiserView) -> Markup {
    let at = format!("/advertisers/{}", view.advertiser.id);
    let step = if view.campaigns.is_empty() {
        let to = format!("{at}/campaigns/new");
        Some((
            "1. Create a campaign",
            "It has a budget, a flight and a plan.",
            to,
            "New campaign",
        ))
    } else if view.creatives.is_empty() {
        let to = format!("{at}/creatives/new?format=banner");
        Some((
            "2. Add a creative",
            "It is what people see: a banner, a video, an audio or a native ad.",
            to,
            "New creative",
        ))
    } else if view.line_items == 0 {
        let to = view.campaigns.first().map_or(at, |row| {
            format!("/campaigns/{}/line-items/new", row.campaign.id)
        });
        Some((
            "3. Add a line item",
            "It says where to bid and how much, and which creatives to show.",
            to,
            "New line item",
        ))
    } else {
        None
    };
    html! {
        @if let Some((title, why, address, text)) = step {
            (next_step(title, why, Some((&address, text))))
        }
    }
}

fn campaigns(view: &AdvertiserView) -> Markup {
    html! {
        div.card {
            h2 { "Campaigns" a.button href={ "/advertisers/" (view.advertiser.id) "/campaigns/new" } { "New campaign" } }
            @if view.campaigns.is_empty() {
                p.empty { "None yet." }
            } @else {
                (overview::table(&view.campaigns, false))
            }
        }
    }
}

fn creatives(view: &AdvertiserView) -> Markup {
    html! {
        div.card {
            h2 {
                "Creatives"
                span.buttons {
                    @for (format, name) in forms::creative::FORMATS {
                        a.button href={ "/advertisers/" (view.advertiser.id) "/creatives/new?format=" (format) } { "New " (name.to_lowercase()) }
                    }
                }
            }
            @if view.creatives.is_empty() {
                p.empty { "None yet." }
            } @else {
                div.scroll { table {
                    thead { tr { th { "Creative" } th { "Format" } th { "Status" } th { "Landing page" } } }
                    tbody { @for one in &view.creatives {
                        tr {
                            td { a href={ "/creatives/" (one.id) } { (one.name) } }
                            td { (one.format.label()) }
                            td { (layout::status(one.status)) }
                            td.cut { (one.click_url) }
                        }
                    } }
                } }
            }
        }
    }
}

/// The form for a new advertiser.
pub(crate) async fn new(identity: Identity) -> Result<Markup, Problem> {
    identity.require_admin("Only administrators create advertisers.")?;
    Ok(form(&identity, None, &Values::default(), &[]))
}

/// The form for an existing one.
pub(crate) async fn edit(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let advertiser = app
        .blocking(move |app| Seen::read(app, &by)?.advertiser(AdvertiserId(id)).cloned())
        .await?;
    let values = forms::advertiser::values(&advertiser);
    Ok(form(&identity, Some(id), &values, &[]))
}

/// Creates one.
pub(crate) async fn create(State(app): State<App>, sent: Form) -> Result<Response, Problem> {
    save(&app, sent, None).await
}

/// Replaces one.
pub(crate) async fn replace(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    save(&app, sent, Some(id)).await
}

async fn save(app: &App, sent: Form, id: Option<u64>) -> Result<Response, Problem> {
    let Form { identity, values } = sent;
    let (by, read) = (identity.clone(), values.clone());
    let saved = app
        .blocking(move |app| {
            let desk = Desk::open(app, &by)?;
            // Who may not see it shall not learn its rules either.
            match id {
                Some(id) => drop(desk.seen.advertiser(AdvertiserId(id))?),
                None => by.require_admin("Only administrators create advertisers.")?,
            }
            let advertiser = forms::advertiser::parse(&read, id.unwrap_or(0))?;
            let stored = desk.put_advertiser(advertiser)?;
            Ok(format!("/advertisers/{}", stored.id))
        })
        .await;
    after_form(saved, |errors| form(&identity, id, &values, errors))
}

fn form(identity: &Identity, id: Option<u64>, values: &Values, errors: &[FieldError]) -> Markup {
    let (title, action) = match id {
        Some(id) => ("Edit advertiser", format!("/advertisers/{id}")),
        None => ("New advertiser", "/advertisers".to_owned()),
    };
    let inputs = forms::advertiser::draw(&FormView { values, errors });
    let body =
        html! { div.card { (forms::frame(&action, &identity.form_token, "Save", &inputs)) } };
    layout::page(identity, title, &[], &body)
}
