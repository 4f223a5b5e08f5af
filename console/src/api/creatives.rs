//! Creatives over the API.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::CreativeId;
use domain::creative::Approval;
use proto::catalogue::{ApprovalDoc, CreativeDoc};

use super::{Answer, Created, ErrorDoc, ListDoc, StatusDoc, no_id, path_id};
use crate::changes::Desk;
use crate::extract::{Id, JsonBody, Values};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// Lists creatives by id.
#[utoipa::path(
    get,
    path = "/api/v1/creatives",
    tag = "creatives",
    params(
        ("advertiser" = Option<u64>, Query, description = "Only of this advertiser"),
        ("after" = Option<u64>, Query, description = "Only ids above this"),
        ("limit" = Option<u64>, Query, description = "At most so many, 1 to 1000; 100 when left out"),
    ),
    responses(
        (status = 200, body = ListDoc<CreativeDoc>),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 422, body = ErrorDoc, description = "A parameter breaks a rule"),
    )
)]
pub(super) async fn list(
    identity: Identity,
    values: Values,
    State(app): State<App>,
) -> Answer<ListDoc<CreativeDoc>> {
    let owner = super::number(&values, "advertiser")?;
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let found = desk.seen.creatives();
        let found = found.filter(|one| owner.is_none_or(|id| one.advertiser.0 == id));
        super::list(&values, found.map(CreativeDoc::from), |doc| doc.id)
    })
    .await
    .map(Json)
}

/// Reads a creative.
#[utoipa::path(
    get,
    path = "/api/v1/creatives/{id}",
    tag = "creatives",
    params(("id" = u64, Path, description = "The creative's id")),
    responses(
        (status = 200, body = CreativeDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn one(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Answer<CreativeDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        desk.seen.creative(CreativeId(id)).map(CreativeDoc::from)
    })
    .await
    .map(Json)
}

/// Creates a creative.
#[utoipa::path(
    post,
    path = "/api/v1/creatives",
    tag = "creatives",
    request_body = CreativeDoc,
    responses(
        (status = 201, body = CreativeDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 413, body = ErrorDoc, description = "Larger than 4 MiB"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn create(
    identity: Identity,
    State(app): State<App>,
    JsonBody(document): JsonBody<CreativeDoc>,
) -> Created<CreativeDoc> {
    no_id(document.id)?;
    let created = put(app, identity, document).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Replaces a creative.
#[utoipa::path(
    put,
    path = "/api/v1/creatives/{id}",
    tag = "creatives",
    params(("id" = u64, Path, description = "The creative's id")),
    request_body = CreativeDoc,
    responses(
        (status = 200, body = CreativeDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn replace(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
    JsonBody(mut document): JsonBody<CreativeDoc>,
) -> Answer<CreativeDoc> {
    document.id = path_id(id, document.id)?;
    put(app, identity, document).await.map(Json)
}

/// Starts, pauses or archives a creative.
#[utoipa::path(
    patch,
    path = "/api/v1/creatives/{id}",
    tag = "creatives",
    params(("id" = u64, Path, description = "The creative's id")),
    request_body = StatusDoc,
    responses(
        (status = 200, body = CreativeDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn set_status(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
    JsonBody(change): JsonBody<StatusDoc>,
) -> Answer<CreativeDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let changed = desk.set_creative_status(CreativeId(id), change.status.into())?;
        Ok(CreativeDoc::from(&changed))
    })
    .await
    .map(Json)
}

/// Notes what an exchange says of a creative. Administrators only.
///
/// Approvals in the documents of other calls are ignored: they stay as they are, and turn pending when what exchanges
/// see of the creative changes.
#[utoipa::path(
    put,
    path = "/api/v1/creatives/{id}/approvals/{exchange}",
    tag = "creatives",
    params(
        ("id" = u64, Path, description = "The creative's id"),
        ("exchange" = String, Path, description = "The exchange's name in the configuration"),
    ),
    request_body = ApprovalDoc,
    responses(
        (status = 200, body = CreativeDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 403, body = ErrorDoc, description = "Not an administrator"),
        (status = 404, body = ErrorDoc, description = "Unknown"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn approve(
    identity: Identity,
    Path((id, exchange)): Path<(u64, String)>,
    State(app): State<App>,
    JsonBody(document): JsonBody<ApprovalDoc>,
) -> Answer<CreativeDoc> {
    let approval = Approval {
        state: document.state.into(),
        reason: document.reason,
    };
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let changed = desk.set_approval(CreativeId(id), &exchange, approval)?;
        Ok(CreativeDoc::from(&changed))
    })
    .await
    .map(Json)
}

/// Checks and stores; id 0 creates.
async fn put(app: App, identity: Identity, document: CreativeDoc) -> Result<CreativeDoc, Problem> {
    let object = document.check().map_err(Problem::Invalid)?;
    app.blocking(move |app| {
        let stored = Desk::open(app, &identity)?.put_creative(object)?;
        Ok(CreativeDoc::from(&stored))
    })
    .await
}
