//! Advertisers over the API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::AdvertiserId;
use proto::catalogue::AdvertiserDoc;

use super::{Answer, Created, ErrorDoc, ListDoc, no_id, path_id};
use crate::changes::Desk;
use crate::extract::{Id, JsonBody, Values};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// Lists advertisers by id.
#[utoipa::path(
    get,
    path = "/api/v1/advertisers",
    tag = "advertisers",
    params(
        ("after" = Option<u64>, Query, description = "Only ids above this"),
        ("limit" = Option<u64>, Query, description = "At most so many, 1 to 1000; 100 when left out"),
    ),
    responses(
        (status = 200, body = ListDoc<AdvertiserDoc>),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 422, body = ErrorDoc, description = "A parameter breaks a rule"),
    )
)]
pub(super) async fn list(
    identity: Identity,
    values: Values,
    State(app): State<App>,
) -> Answer<ListDoc<AdvertiserDoc>> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let found = desk.seen.advertisers();
        super::list(&values, found.map(AdvertiserDoc::from), |doc| doc.id)
    })
    .await
    .map(Json)
}

/// Reads an advertiser.
#[utoipa::path(
    get,
    path = "/api/v1/advertisers/{id}",
    tag = "advertisers",
    params(("id" = u64, Path, description = "The advertiser's id")),
    responses(
        (status = 200, body = AdvertiserDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn one(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Answer<AdvertiserDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        desk.seen
            .advertiser(AdvertiserId(id))
            .map(AdvertiserDoc::from)
    })
    .await
    .map(Json)
}

/// Creates an advertiser.
#[utoipa::path(
    post,
    path = "/api/v1/advertisers",
    tag = "advertisers",
    request_body = AdvertiserDoc,
    responses(
        (status = 201, body = AdvertiserDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 403, body = ErrorDoc, description = "Not an administrator"),
        (status = 413, body = ErrorDoc, description = "Larger than 4 MiB"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn create(
    identity: Identity,
    State(app): State<App>,
    JsonBody(document): JsonBody<AdvertiserDoc>,
) -> Created<AdvertiserDoc> {
    no_id(document.id)?;
    let created = put(app, identity, document).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Replaces an advertiser.
#[utoipa::path(
    put,
    path = "/api/v1/advertisers/{id}",
    tag = "advertisers",
    params(("id" = u64, Path, description = "The advertiser's id")),
    request_body = AdvertiserDoc,
    responses(
        (status = 200, body = AdvertiserDoc),
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
    JsonBody(mut document): JsonBody<AdvertiserDoc>,
) -> Answer<AdvertiserDoc> {
    document.id = path_id(id, document.id)?;
    put(app, identity, document).await.map(Json)
}

/// Checks and stores; id 0 creates.
async fn put(
    app: App,
    identity: Identity,
    document: AdvertiserDoc,
) -> Result<AdvertiserDoc, Problem> {
    let object = document.check().map_err(Problem::Invalid)?;
    app.blocking(move |app| {
        let stored = Desk::open(app, &identity)?.put_advertiser(object)?;
        Ok(AdvertiserDoc::from(&stored))
    })
    .await
}
