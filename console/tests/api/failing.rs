//! A store that fails: the answer says so, tells nothing else, and may be repeated.

use std::sync::Arc;

use axum::http::StatusCode;
use console::{Config, Console, Deps};
use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Creative, CreativeId, LineItem,
    LineItemId,
};
use serde_json::Value;
use store::StoreError;
use store::campaign::CampaignStore;

use crate::support::{ADMIN, ASSETS_URL, NoAccounts, World};

struct Broken;

fn broken<T>() -> Result<T, StoreError> {
    Err(StoreError::Storage("disk of /secret/folder".to_owned()))
}

impl CampaignStore for Broken {
    fn revision(&self) -> Result<u64, StoreError> {
        broken()
    }
    fn catalogue(&self) -> Result<Catalogue, StoreError> {
        broken()
    }
    fn put_advertiser(&self, _: &Advertiser) -> Result<AdvertiserId, StoreError> {
        broken()
    }
    fn put_campaign(&self, _: &Campaign) -> Result<CampaignId, StoreError> {
        broken()
    }
    fn put_line_item(&self, _: &LineItem) -> Result<LineItemId, StoreError> {
        broken()
    }
    fn put_creative(&self, _: &Creative) -> Result<CreativeId, StoreError> {
        broken()
    }
}

#[tokio::test]
async fn a_broken_store_is_told_without_its_details() {
    let mut world = World::new();
    world.router = Console::router(Deps {
        campaigns: Arc::new(Broken),
        users: world.users.clone(),
        reports: world.reports.clone(),
        accounts: Arc::new(NoAccounts),
        assets: Arc::new(store::memory::MemoryAssets::new()),
        assets_url: ASSETS_URL.to_owned(),
        clock: world.clock.clone(),
        config: Config::default(),
    });
    let json = world
        .rest("GET", "/api/v1/campaigns", ADMIN, &Value::Null)
        .await;
    assert_eq!(json.json()["error"]["code"], "unavailable");
    for reply in [
        json,
        world.get("/", ADMIN).await,
        world.get("/live/overview", ADMIN).await,
    ] {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!reply.body.contains("secret"), "{}", reply.body);
    }
}
