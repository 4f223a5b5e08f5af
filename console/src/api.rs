//! The REST API: routes, the shape of errors and lists, and its OpenAPI description.

mod advertisers;
mod assets;
mod campaigns;
mod creatives;
mod line_items;
mod reports;
mod session;
mod users;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use proto::catalogue::{FieldError, StatusWord};
use serde::{Deserialize, Serialize};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::extract::Values;
use crate::problem::Problem;
use crate::state::App;

/// Most objects in one answer.
const LIST_MAX: usize = 1000;
/// Objects in an answer when no limit is asked for.
const LIST_DEFAULT: usize = 100;

/// What a created object is answered with.
type Created<T> = Result<(StatusCode, axum::Json<T>), Problem>;
/// What everything else is answered with.
type Answer<T> = Result<axum::Json<T>, Problem>;

/// Why a request was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErrorDoc {
    /// The refusal.
    error: ErrorBody,
}

/// A refusal, for programs and for people.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct ErrorBody {
    /// A word that stays the same, such as `invalid` or `not_found`.
    code: String,
    /// A sentence that says what to do.
    message: String,
    /// The fields at fault, when the code is `invalid`.
    fields: Vec<FieldError>,
}

/// The document of a refusal.
pub(crate) fn error_document(problem: &Problem) -> ErrorDoc {
    ErrorDoc {
        error: ErrorBody {
            code: problem.code().to_owned(),
            message: problem.message(),
            fields: problem.fields().to_vec(),
        },
    }
}

/// A page of objects by id.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct ListDoc<T> {
    /// The objects.
    items: Vec<T>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// A new status.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StatusDoc {
    /// `paused` to pause, `active` to resume.
    status: StatusWord,
}

/// Cuts a page out of objects that come by id.
fn list<T>(
    values: &Values,
    objects: impl Iterator<Item = T>,
    id: impl Fn(&T) -> u64,
) -> Result<ListDoc<T>, Problem> {
    let after = number(values, "after")?.unwrap_or(0);
    let limit = match number(values, "limit")? {
        None => LIST_DEFAULT,
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=LIST_MAX).contains(limit))
            .ok_or_else(|| Problem::field("limit", format!("must be 1 to {LIST_MAX}")))?,
    };
    let rest = objects.filter(|object| id(object) > after);
    let mut items: Vec<T> = rest.take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().map(id).filter(|_| more);
    Ok(ListDoc { items, next })
}

/// A number of the query string.
fn number(values: &Values, name: &str) -> Result<Option<u64>, Problem> {
    match values.get(name) {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| Problem::field(name, "must be a whole number, 0 or more")),
    }
}

/// The id in the path decides; a document may repeat it or leave it out.
fn path_id(path: u64, document: u64) -> Result<u64, Problem> {
    if document == 0 || document == path {
        Ok(path)
    } else {
        Err(Problem::field(
            "id",
            "must be the id in the address, or left out",
        ))
    }
}

/// A new object has no id yet.
fn no_id(document: u64) -> Result<(), Problem> {
    if document == 0 {
        Ok(())
    } else {
        Err(Problem::field(
            "id",
            "must be left out: it is given here. Use PUT to replace",
        ))
    }
}

/// Every address under `/api/v1`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/openapi.json", get(openapi))
        .route(
            "/api/v1/session",
            get(session::show)
                .post(session::create)
                .delete(session::end),
        )
        .route("/api/v1/users", post(users::create))
        .route(
            "/api/v1/advertisers",
            get(advertisers::list).post(advertisers::create),
        )
        .route(
            "/api/v1/advertisers/{id}",
            get(advertisers::one).put(advertisers::replace),
        )
        .route(
            "/api/v1/campaigns",
            get(campaigns::list).post(campaigns::create),
        )
        .route(
            "/api/v1/campaigns/{id}",
            get(campaigns::one)
                .put(campaigns::replace)
                .patch(campaigns::set_status),
        )
        .route("/api/v1/campaigns/{id}/account", get(campaigns::account))
        .route(
            "/api/v1/line-items",
            get(line_items::list).post(line_items::create),
        )
        .route(
            "/api/v1/line-items/{id}",
            get(line_items::one)
                .put(line_items::replace)
                .patch(line_items::set_status),
        )
        .route(
            "/api/v1/line-items/{id}/refusals",
            get(line_items::refusals),
        )
        .route(
            "/api/v1/creatives",
            get(creatives::list).post(creatives::create),
        )
        .route(
            "/api/v1/creatives/{id}",
            get(creatives::one)
                .put(creatives::replace)
                .patch(creatives::set_status),
        )
        .route(
            "/api/v1/creatives/{id}/approvals/{exchange}",
            put(creatives::approve),
        )
        .route("/api/v1/assets", post(assets::create))
        .route("/api/v1/reports", get(reports::show))
}

async fn openapi() -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(Description::openapi())
}

/// The API's description, as it is checked in.
pub(crate) fn description() -> String {
    let json = Description::openapi().to_pretty_json();
    json.expect("a description of plain structs always serialises") + "\n"
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Paceline console",
        description = "Set up campaigns and read what they deliver. Money is integer micros of the \
            campaign's currency, times are milliseconds since 1970-01-01 UTC. Get a token from \
            `POST /api/v1/session` and send it as `Authorization: Bearer TOKEN`. What belongs to \
            another advertiser is answered with 404."
    ),
    paths(
        session::create, session::show, session::end,
        users::create,
        advertisers::list, advertisers::one, advertisers::create, advertisers::replace,
        campaigns::list, campaigns::one, campaigns::create, campaigns::replace,
        campaigns::set_status, campaigns::account,
        line_items::list, line_items::one, line_items::create, line_items::replace,
        line_items::set_status, line_items::refusals,
        creatives::list, creatives::one, creatives::create, creatives::replace,
        creatives::set_status, creatives::approve,
        assets::create,
        reports::show,
    ),
    components(schemas(ErrorDoc)),
    security(("session" = [])),
    modifiers(&BearerToken),
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("session", scheme);
    }
}
