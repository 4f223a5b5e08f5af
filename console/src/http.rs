//! The router, and the one layer that writes refusals, headers and counts.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::extract::BODY_BYTES_MAX;
use crate::metrics::REQUESTS;
use crate::problem::Problem;
use crate::state::App;
use crate::{api, assets, live, pages};

/// Scripts and styles of our own only; nothing may frame us.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// A creative's preview: its frame inherits this policy, so pictures, media and inline styles of the
/// advertiser are let through. Scripts are not, and the frame's sandbox forbids them once more.
const PREVIEW_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' https: data:; media-src https:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-src 'self'; \
    frame-ancestors 'none'";

/// Marks an answer whose page shows a creative.
#[derive(Clone, Copy)]
pub(crate) struct ShowsCreative;

/// Every address of the console.
pub(crate) fn router(app: &App) -> Router {
    Router::new()
        .merge(page_routes())
        .merge(api::routes())
        .route("/live/overview", get(live::overview))
        .route("/live/campaigns/{id}", get(live::campaign))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/live.js", get(assets::script))
        .route("/favicon.ico", get(assets::icon))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::Method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), finish))
        .with_state(app.clone())
}

fn page_routes() -> Router<App> {
    use pages::{advertiser, campaign, creative, export, line_item, people, sign_in};
    Router::new()
        .route("/", get(pages::overview::show))
        .route("/login", get(sign_in::show).post(sign_in::send))
        .route("/logout", post(sign_in::leave))
        .route("/account", get(people::show).post(people::change_password))
        .route("/advertisers", post(advertiser::create))
        .route("/advertisers/new", get(advertiser::new))
        .route(
            "/advertisers/{id}",
            get(advertiser::show).post(advertiser::replace),
        )
        .route("/advertisers/{id}/edit", get(advertiser::edit))
        .route("/advertisers/{id}/users", post(people::invite))
        .route("/advertisers/{id}/campaigns", post(campaign::create))
        .route("/advertisers/{id}/campaigns/new", get(campaign::new))
        .route("/advertisers/{id}/creatives", post(creative::create))
        .route("/advertisers/{id}/creatives/new", get(creative::new))
        .route(
            "/campaigns/{id}",
            get(campaign::show).post(campaign::replace),
        )
        .route("/campaigns/{id}/edit", get(campaign::edit))
        .route("/campaigns/{id}/report.csv", get(export::line_items))
        .route("/campaigns/{id}/status", post(campaign::set_status))
        .route("/campaigns/{id}/line-items", post(line_item::create))
        .route("/campaigns/{id}/line-items/new", get(line_item::new))
        .route("/line-items/{id}", post(line_item::replace))
        .route("/line-items/{id}/edit", get(line_item::edit))
        .route("/line-items/{id}/status", post(line_item::set_status))
        .route(
            "/creatives/{id}",
            get(creative::show).post(creative::replace),
        )
        .route("/creatives/{id}/approvals", post(creative::approve))
        .route("/creatives/{id}/edit", get(creative::edit))
        .route("/creatives/{id}/status", post(creative::set_status))
}

/// Where a request is answered, as a metric label.
fn surface(path: &str) -> &'static str {
    if path.starts_with("/api/") {
        "api"
    } else if path.starts_with("/live/") {
        "live"
    } else if path.starts_with("/assets/") {
        "asset"
    } else {
        "page"
    }
}

async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let surface = surface(request.uri().path());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = refusal(&problem, surface, reads);
    }
    let class = match response.status().as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    metrics::counter!(REQUESTS, "surface" => surface, "status" => class).increment(1);
    secure(&mut response, surface, app.deps.config.secure_cookies);
    response
}

/// A refusal as JSON for programs and as a page for people; who is not signed in is shown the way.
fn refusal(problem: &Problem, surface: &str, reads: bool) -> Response {
    let mut response = match (surface, problem) {
        ("api", _) => (problem.status(), axum::Json(api::error_document(problem))).into_response(),
        ("page", Problem::Unauthenticated) if reads => Redirect::to("/login").into_response(),
        ("page", _) => (problem.status(), pages::layout::refusal(problem)).into_response(),
        _ => (problem.status(), problem.message()).into_response(),
    };
    if let Problem::Throttled(seconds) = problem {
        let seconds = HeaderValue::from(*seconds);
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

fn secure(response: &mut Response, surface: &str, tls: bool) {
    let preview = response.extensions().get::<ShowsCreative>().is_some();
    let policy = if preview { PREVIEW_POLICY } else { PAGE_POLICY };
    let cache = if surface == "asset" {
        "no-cache"
    } else {
        "no-store"
    };
    let fixed = [
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, cache),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert("strict-transport-security", year);
    }
}
