//! Signing in and out over the API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use store::user::{Role, User};
use utoipa::ToSchema;

use super::{Answer, Created, ErrorDoc};
use crate::extract::JsonBody;
use crate::problem::Problem;
use crate::session::{self, Identity};
use crate::state::App;

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialsDoc {
    /// In any case.
    email: String,
    /// Never logged.
    password: String,
}

/// An open session.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionDoc {
    /// Send it as `Authorization: Bearer TOKEN`. It is not shown again.
    token: String,
    /// From when on it is refused, in milliseconds since 1970-01-01 UTC.
    expires_at_ms: i64,
    /// Whose it is.
    user: UserDoc,
}

/// A person who may sign in.
#[derive(Serialize, ToSchema)]
pub(super) struct UserDoc {
    /// Given by the store.
    id: u64,
    /// What they sign in with.
    email: String,
    /// `admin` or `advertiser`.
    role: String,
    /// The one advertiser whose objects they see; absent for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    advertiser_id: Option<u64>,
}

impl From<&User> for UserDoc {
    fn from(user: &User) -> Self {
        let (role, advertiser_id) = match user.role {
            Role::Admin => ("admin", None),
            Role::Advertiser(id) => ("advertiser", Some(id.0)),
        };
        Self {
            id: user.id,
            email: user.email.clone(),
            role: role.to_owned(),
            advertiser_id,
        }
    }
}

/// Signs in.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    tag = "session",
    request_body = CredentialsDoc,
    security(()),
    responses(
        (status = 201, body = SessionDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Email and password do not match"),
        (status = 429, body = ErrorDoc, description = "Too many tries; see Retry-After"),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    JsonBody(credentials): JsonBody<CredentialsDoc>,
) -> Created<SessionDoc> {
    let signed_in = session::sign_in(&app, &credentials.email, &credentials.password).await?;
    let document = SessionDoc {
        token: signed_in.secret.as_str().to_owned(),
        expires_at_ms: signed_in.expires_at.0,
        user: UserDoc::from(&signed_in.user),
    };
    Ok((StatusCode::CREATED, Json(document)))
}

/// Says who is signed in.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    tag = "session",
    responses(
        (status = 200, body = UserDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
    )
)]
pub(super) async fn show(identity: Identity) -> Answer<UserDoc> {
    Ok(Json(UserDoc::from(&identity.user)))
}

/// Signs out: the token is refused from now on.
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    tag = "session",
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
    )
)]
pub(super) async fn end(identity: Identity, State(app): State<App>) -> Result<StatusCode, Problem> {
    session::sign_out(&app, identity.token_hash).await?;
    Ok(StatusCode::NO_CONTENT)
}
