//! Line items over the API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::LineItemId;
use proto::catalogue::LineItemDoc;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, Created, ErrorDoc, ListDoc, StatusDoc, no_id, path_id};
use crate::changes::Desk;
use crate::extract::{Id, JsonBody, Values};
use crate::problem::Problem;
use crate::refusals::{Refusal, refusals_of};
use crate::session::Identity;
use crate::state::App;

/// Lists line items by id.
#[utoipa::path(
    get,
    path = "/api/v1/line-items",
    tag = "line-items",
    params(
        ("campaign" = Option<u64>, Query, description = "Only of this campaign"),
        ("after" = Option<u64>, Query, description = "Only ids above this"),
        ("limit" = Option<u64>, Query, description = "At most so many, 1 to 1000; 100 when left out"),
    ),
    responses(
        (status = 200, body = ListDoc<LineItemDoc>),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 422, body = ErrorDoc, description = "A parameter breaks a rule"),
    )
)]
pub(super) async fn list(
    identity: Identity,
    values: Values,
    State(app): State<App>,
) -> Answer<ListDoc<LineItemDoc>> {
    let owner = super::number(&values, "campaign")?;
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let found = desk.seen.line_items();
        let found = found.filter(|one| owner.is_none_or(|id| one.campaign.0 == id));
        super::list(&values, found.map(LineItemDoc::from), |doc| doc.id)
    })
    .await
    .map(Json)
}

/// Reads a line item.
#[utoipa::path(
    get,
    path = "/api/v1/line-items/{id}",
    tag = "line-items",
    params(("id" = u64, Path, description = "The line item's id")),
    responses(
        (status = 200, body = LineItemDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn one(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Answer<LineItemDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        desk.seen.line_item(LineItemId(id)).map(LineItemDoc::from)
    })
    .await
    .map(Json)
}

/// Creates a line item.
#[utoipa::path(
    post,
    path = "/api/v1/line-items",
    tag = "line-items",
    request_body = LineItemDoc,
    responses(
        (status = 201, body = LineItemDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 413, body = ErrorDoc, description = "Larger than 4 MiB"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn create(
    identity: Identity,
    State(app): State<App>,
    JsonBody(document): JsonBody<LineItemDoc>,
) -> Created<LineItemDoc> {
    no_id(document.id)?;
    let created = put(app, identity, document).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Replaces a line item.
#[utoipa::path(
    put,
    path = "/api/v1/line-items/{id}",
    tag = "line-items",
    params(("id" = u64, Path, description = "The line item's id")),
    request_body = LineItemDoc,
    responses(
        (status = 200, body = LineItemDoc),
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
    JsonBody(mut document): JsonBody<LineItemDoc>,
) -> Answer<LineItemDoc> {
    document.id = path_id(id, document.id)?;
    put(app, identity, document).await.map(Json)
}

/// Starts, pauses or archives a line item.
#[utoipa::path(
    patch,
    path = "/api/v1/line-items/{id}",
    tag = "line-items",
    params(("id" = u64, Path, description = "The line item's id")),
    request_body = StatusDoc,
    responses(
        (status = 200, body = LineItemDoc),
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
) -> Answer<LineItemDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let changed = desk.set_line_item_status(LineItemId(id), change.status.into())?;
        Ok(LineItemDoc::from(&changed))
    })
    .await
    .map(Json)
}

/// Counts why a line item did not bid, by reason.
#[utoipa::path(
    get,
    path = "/api/v1/line-items/{id}/refusals",
    tag = "line-items",
    params(("id" = u64, Path, description = "The line item's id")),
    responses(
        (status = 200, body = Vec<RefusalDoc>),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn refusals(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Answer<Vec<RefusalDoc>> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let line_item = desk.seen.line_item(LineItemId(id))?;
        let counts = refusals_of(app, [line_item.id], None)?;
        Ok(counts.into_iter().map(RefusalDoc::from).collect())
    })
    .await
    .map(Json)
}

/// How often one reason kept a line item from bidding.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusalDoc {
    /// The reason's word.
    reason: String,
    /// How often.
    count: i64,
    /// What to change.
    advice: String,
}

impl From<Refusal> for RefusalDoc {
    fn from(refusal: Refusal) -> Self {
        Self {
            reason: refusal.label,
            count: refusal.count,
            advice: refusal.advice.to_owned(),
        }
    }
}

/// Checks and stores; id 0 creates.
async fn put(app: App, identity: Identity, document: LineItemDoc) -> Result<LineItemDoc, Problem> {
    let object = document.check().map_err(Problem::Invalid)?;
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let stored = desk.put_line_item(object)?;
        Ok(LineItemDoc {
            warnings: desk.seen.warnings(&stored),
            ..LineItemDoc::from(&stored)
        })
    })
    .await
}
