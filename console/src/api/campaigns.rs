//! Campaigns over the API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::CampaignId;
use proto::catalogue::CampaignDoc;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, Created, ErrorDoc, ListDoc, StatusDoc, no_id, path_id};
use crate::accounts::AccountView;
use crate::changes::Desk;
use crate::extract::{Id, JsonBody, Values};
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// Lists campaigns by id.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    params(
        ("advertiser" = Option<u64>, Query, description = "Only of this advertiser"),
        ("after" = Option<u64>, Query, description = "Only ids above this"),
        ("limit" = Option<u64>, Query, description = "At most so many, 1 to 1000; 100 when left out"),
    ),
    responses(
        (status = 200, body = ListDoc<CampaignDoc>),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 422, body = ErrorDoc, description = "A parameter breaks a rule"),
    )
)]
pub(super) async fn list(
    identity: Identity,
    values: Values,
    State(app): State<App>,
) -> Answer<ListDoc<CampaignDoc>> {
    let owner = super::number(&values, "advertiser")?;
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let found = desk.seen.campaigns();
        let found = found.filter(|one| owner.is_none_or(|id| one.advertiser.0 == id));
        super::list(&values, found.map(CampaignDoc::from), |doc| doc.id)
    })
    .await
    .map(Json)
}

/// Reads a campaign.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = u64, Path, description = "The campaign's id")),
    responses(
        (status = 200, body = CampaignDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn one(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Answer<CampaignDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        desk.seen.campaign(CampaignId(id)).map(CampaignDoc::from)
    })
    .await
    .map(Json)
}

/// Creates a campaign.
#[utoipa::path(
    post,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    request_body = CampaignDoc,
    responses(
        (status = 201, body = CampaignDoc),
        (status = 400, body = ErrorDoc, description = "Not the JSON that is expected"),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 413, body = ErrorDoc, description = "Larger than 4 MiB"),
        (status = 422, body = ErrorDoc, description = "Fields break rules"),
    )
)]
pub(super) async fn create(
    identity: Identity,
    State(app): State<App>,
    JsonBody(document): JsonBody<CampaignDoc>,
) -> Created<CampaignDoc> {
    no_id(document.id)?;
    let created = put(app, identity, document).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Replaces a campaign.
#[utoipa::path(
    put,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = u64, Path, description = "The campaign's id")),
    request_body = CampaignDoc,
    responses(
        (status = 200, body = CampaignDoc),
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
    JsonBody(mut document): JsonBody<CampaignDoc>,
) -> Answer<CampaignDoc> {
    document.id = path_id(id, document.id)?;
    put(app, identity, document).await.map(Json)
}

/// Starts, pauses or archives a campaign.
#[utoipa::path(
    patch,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = u64, Path, description = "The campaign's id")),
    request_body = StatusDoc,
    responses(
        (status = 200, body = CampaignDoc),
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
) -> Answer<CampaignDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let changed = desk.set_campaign_status(CampaignId(id), change.status.into())?;
        Ok(CampaignDoc::from(&changed))
    })
    .await
    .map(Json)
}

/// Reads a campaign's account as the ledger shows it.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns/{id}/account",
    tag = "campaigns",
    params(("id" = u64, Path, description = "The campaign's id")),
    responses(
        (status = 200, body = AccountDoc),
        (status = 401, body = ErrorDoc, description = "Not signed in"),
        (status = 404, body = ErrorDoc, description = "Unknown, or somebody else's"),
    )
)]
pub(super) async fn account(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Answer<AccountDoc> {
    app.blocking(move |app| {
        let desk = Desk::open(app, &identity)?;
        let campaign = desk.seen.campaign(CampaignId(id))?;
        let account = app.deps.accounts.account(campaign.id);
        let account = account.unwrap_or(AccountView {
            left: campaign.budget,
            ..AccountView::default()
        });
        Ok(AccountDoc {
            campaign_id: id,
            currency: campaign.currency.to_string(),
            budget_micros: campaign.budget.0,
            spent_micros: account.spent.0,
            held_micros: account.held.0,
            late_micros: account.late.0,
            unbilled_micros: account.unbilled.0,
            left_micros: account.left.0,
        })
    })
    .await
    .map(Json)
}

/// A campaign's money, in micros of its currency.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountDoc {
    /// Whose.
    campaign_id: u64,
    /// ISO 4217.
    currency: String,
    /// All it may spend.
    budget_micros: i64,
    /// Booked by billing notices.
    spent_micros: i64,
    /// Set aside for bids whose fate is not known yet.
    held_micros: i64,
    /// The part of the spend whose notice came late.
    late_micros: i64,
    /// Wins whose billing notice never came.
    unbilled_micros: i64,
    /// What may still be bid with.
    left_micros: i64,
}

/// Checks and stores; id 0 creates.
async fn put(app: App, identity: Identity, document: CampaignDoc) -> Result<CampaignDoc, Problem> {
    let object = document.check().map_err(Problem::Invalid)?;
    app.blocking(move |app| {
        let stored = Desk::open(app, &identity)?.put_campaign(object)?;
        Ok(CampaignDoc::from(&stored))
    })
    .await
}
