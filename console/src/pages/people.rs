//! One's own password, and giving others access.

use axum::extract::State;
use axum::response::Response;
use domain::AdvertiserId;
use maud::{Markup, html};
use proto::catalogue::FieldError;

use super::{after_form, layout};
use crate::extract::{Form, Id, Values};
use crate::forms::{self, FormView};
use crate::people::{self, NewUser};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// The page for one's own password.
pub(crate) async fn show(identity: Identity) -> Markup {
    draw(&identity, &[])
}

/// Changes one's own password.
pub(crate) async fn change_password(
    State(app): State<App>,
    sent: Form,
) -> Result<Response, Problem> {
    let (old, new) = (
        sent.values.raw("old_password"),
        sent.values.raw("new_password"),
    );
    let changed = people::change_password(&app, &sent.identity, old, new).await;
    after_form(changed.map(|()| "/".to_owned()), |errors| {
        draw(&sent.identity, errors)
    })
}

fn draw(identity: &Identity, errors: &[FieldError]) -> Markup {
    let values = Values::default();
    let view = FormView {
        values: &values,
        errors,
    };
    let inputs = html! {
        (view.summary())
        // Password managers look for it.
        input type="text" value=(identity.user.email) autocomplete="username" readonly hidden;
        (secret("old_password", "Password now", "current-password"))
        (secret("new_password", "New password", "new-password"))
    };
    let body = html! { div.card.narrow { (forms::frame("/account", &identity.form_token, "Change password", &inputs)) } };
    layout::page(identity, "Your account", &[], &body)
}

/// Passwords are never sent back to the page.
fn secret(name: &str, label: &str, autocomplete: &str) -> Markup {
    html! {
        label.field {
            span.label { (label) }
            input type="password" name=(name) autocomplete=(autocomplete);
        }
    }
}

/// The card on an advertiser's page that gives somebody access to it.
pub(super) fn invite_card(identity: &Identity, advertiser: u64) -> Markup {
    invite_form(identity, advertiser, &Values::default(), &[])
}

fn invite_form(
    identity: &Identity,
    advertiser: u64,
    values: &Values,
    errors: &[FieldError],
) -> Markup {
    let view = FormView { values, errors };
    let inputs = html! {
        (view.summary())
        div.columns {
            (view.text("email", "Email", "They see and change this advertiser only."))
            (secret("password", "Password", "new-password"))
        }
    };
    let action = format!("/advertisers/{advertiser}/users");
    html! {
        div.card {
            h2 { "Give somebody access" }
            (forms::frame(&action, &identity.form_token, "Give access", &inputs))
        }
    }
}

/// Gives somebody access to one advertiser.
pub(crate) async fn invite(
    State(app): State<App>,
    Id(advertiser): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let new = NewUser {
        email: sent.values.get("email").to_owned(),
        password: sent.values.raw("password").to_owned(),
        advertiser: Some(AdvertiserId(advertiser)),
    };
    let created = people::create(&app, &sent.identity, new).await;
    let home = format!("/advertisers/{advertiser}");
    after_form(created.map(|_| home), |errors| {
        let card = invite_form(&sent.identity, advertiser, &sent.values, errors);
        layout::page(&sent.identity, "Give access", &[], &card)
    })
}
