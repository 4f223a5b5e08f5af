//! Signing in and out.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::layout;
use crate::extract::{Form, OpenForm, TOKEN_FIELD, Values};
use crate::problem::Problem;
use crate::session::{self, Secret, cookie, login_cookie, same_token, session_cookie, set_cookie};
use crate::state::App;

/// How long the sign-in form stays good, in seconds.
const FORM_AGE_S: i64 = 3600;

/// The sign-in page, tied to this browser by a cookie.
pub(crate) async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let name = login_cookie(&app);
    let secret = match cookie(&headers, name) {
        Some(secret) => secret,
        None => Secret::draw()?,
    };
    let set = set_cookie(&app, name, secret.as_str(), FORM_AGE_S);
    let page = draw(&secret.form_token(), "", None);
    Ok((AppendHeaders([(SET_COOKIE, set)]), page).into_response())
}

/// Takes email and password.
pub(crate) async fn send(
    State(app): State<App>,
    headers: HeaderMap,
    OpenForm(values): OpenForm,
) -> Result<Response, Problem> {
    let secret = cookie(&headers, login_cookie(&app)).ok_or(Problem::ForeignForm)?;
    let token = secret.form_token();
    if !same_token(&token, values.get(TOKEN_FIELD)) {
        return Err(Problem::ForeignForm);
    }
    match sign_in(&app, &values).await {
        Ok(cookies) => Ok((AppendHeaders(cookies), Redirect::to("/")).into_response()),
        Err(problem @ (Problem::WrongPassword | Problem::Throttled(_))) => {
            let page = draw(&token, values.get("email"), Some(&problem));
            Ok((problem.status(), page).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn sign_in(
    app: &App,
    values: &Values,
) -> Result<[(axum::http::HeaderName, String); 2], Problem> {
    let signed_in = session::sign_in(app, values.get("email"), values.raw("password")).await?;
    let age_s = app.deps.config.session_ms() / 1000;
    let opened = set_cookie(app, session_cookie(app), signed_in.secret.as_str(), age_s);
    let spent = set_cookie(app, login_cookie(app), "", 0);
    Ok([(SET_COOKIE, opened), (SET_COOKIE, spent)])
}

/// Ends the session.
pub(crate) async fn leave(State(app): State<App>, form: Form) -> Result<Response, Problem> {
    session::sign_out(&app, form.identity.token_hash).await?;
    let gone = set_cookie(&app, session_cookie(&app), "", 0);
    let cookies = AppendHeaders([(SET_COOKIE, gone)]);
    Ok((StatusCode::SEE_OTHER, cookies, [("location", "/login")]).into_response())
}

fn draw(token: &str, email: &str, problem: Option<&Problem>) -> Markup {
    let main = html! {
        div.card.narrow {
            h1 { "Sign in" }
            @if let Some(problem) = problem {
                div.notice.bad role="alert" { (problem.message()) }
            }
            form method="post" action="/login" {
                input type="hidden" name=(TOKEN_FIELD) value=(token);
                label.field {
                    span.label { "Email" }
                    input type="text" name="email" value=(email) autocomplete="username" autofocus;
                }
                label.field {
                    span.label { "Password" }
                    input type="password" name="password" autocomplete="current-password";
                    span.hint { "The first start prints one for admin@localhost." }
                }
                div.actions { button.primary type="submit" { "Sign in" } }
            }
        }
    };
    layout::document("Sign in", &html! {}, &main)
}
