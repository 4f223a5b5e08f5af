//! Files that creatives show, over the API.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::Serialize;
use store::StoreError;
use store::asset::{ASSET_BYTES_MAX, picture_size};
use utoipa::ToSchema;

use super::{Created, ErrorDoc};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// How long an upload may take to arrive.
const UPLOAD_TIME: Duration = Duration::from_secs(120);
/// Seconds after which one that found no room may be tried again.
const RETRY_S: u64 = 2;
/// Browsers send no other site's file under this type without asking first.
const UPLOAD_TYPE: &str = "application/octet-stream";

/// A file that was kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AssetDoc {
    /// Where browsers find it; always the same for the same bytes.
    url: String,
    /// What it is, as its bytes say.
    mime: String,
    /// Its size.
    bytes: u64,
    /// Width in pixels; pictures only.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Height in pixels; pictures only.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

/// Keeps a file that a creative shows: a picture, a video or audio of at most 32 MiB.
///
/// Send the bytes as they are, as `application/octet-stream`. What the file is, is read from it: PNG, JPEG, GIF, WebP,
/// MP4, WebM, MP3, M4A, Ogg or WAVE.
#[utoipa::path(
    post,
    path = "/api/v1/assets",
    tag = "creatives",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, body = AssetDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 413, body = ErrorDoc, description = "Larger than 32 MiB"),
        (status = 415, body = ErrorDoc, description = "Not application/octet-stream"),
        (status = 422, body = ErrorDoc, description = "Not a file of these kinds"),
        (status = 429, body = ErrorDoc, description = "Too many uploads at once"),
    )
)]
pub(super) async fn create(
    _identity: Identity,
    State(app): State<App>,
    request: Request,
) -> Created<AssetDoc> {
    let given = request.headers().get(CONTENT_TYPE);
    if given.is_none_or(|given| given != UPLOAD_TYPE) {
        return Err(Problem::MediaType(UPLOAD_TYPE));
    }
    let Ok(_room) = app.uploads.try_acquire() else {
        return Err(Problem::Throttled(RETRY_S));
    };
    let body = axum::body::to_bytes(request.into_body(), ASSET_BYTES_MAX);
    let body = tokio::time::timeout(UPLOAD_TIME, body).await;
    let slow = "the file took longer than 120 seconds to arrive";
    let body = body.map_err(|_| Problem::Malformed(slow.to_owned()))?;
    let bytes = body.map_err(|_| Problem::TooLarge)?;
    let kept = app.blocking(move |app| {
        let name = match app.deps.assets.put(&bytes) {
            Err(StoreError::Invalid { field, rule }) => return Err(Problem::field(field, rule)),
            kept => app.stored(kept)?,
        };
        let size = picture_size(&bytes);
        Ok(AssetDoc {
            url: format!("{}{name}", app.deps.assets_url),
            mime: name.kind().mime().to_owned(),
            bytes: bytes.len() as u64,
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
        })
    });
    Ok((StatusCode::CREATED, Json(kept.await?)))
}
