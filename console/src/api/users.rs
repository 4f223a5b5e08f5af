//! Giving people access, over the API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::AdvertiserId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::session::UserDoc;
use super::{Created, ErrorDoc};
use crate::extract::JsonBody;
use crate::people::{self, NewUser};
use crate::session::Identity;
use crate::state::App;

/// Somebody who shall sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUserDoc {
    /// Unique, in any case.
    email: String,
    /// At least 10 characters.
    password: String,
    /// The one advertiser whose objects they see; an administrator when left out.
    #[serde(default)]
    advertiser_id: Option<u64>,
}

/// Creates a user. Only administrators may.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    tag = "users",
    request_body = NewUserDoc,
    responses(
        (status = 201, body = UserDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 403, body = ErrorDoc, description = "Not an administrator"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn create(
    identity: Identity,
    State(app): State<App>,
    JsonBody(document): JsonBody<NewUserDoc>,
) -> Created<UserDoc> {
    let new = NewUser {
        email: document.email,
        password: document.password,
        advertiser: document.advertiser_id.map(AdvertiserId),
    };
    let user = people::create(&app, &identity, new).await?;
    Ok((StatusCode::CREATED, Json(UserDoc::from(&user))))
}
