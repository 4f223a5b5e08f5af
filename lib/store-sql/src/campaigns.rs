//! The catalogue as JSON documents; each change raises the revision in its own transaction.

use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Catalogue, Creative, CreativeId, LineItem,
    LineItemId,
};
use proto::catalogue::{AdvertiserDoc, CampaignDoc, CreativeDoc, FieldError, LineItemDoc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;
use store::StoreError;
use store::campaign::{CampaignStore, advertiser_doc, campaign_doc, creative_doc, line_item_doc};

use crate::{SqlStore, failed, stored_id};

/// One table of documents. `insert` takes (owner, document), `update` (id, owner, document).
struct Kind {
    what: &'static str,
    exists: &'static str,
    list: &'static str,
    insert: &'static str,
    update: &'static str,
}

macro_rules! owned {
    ($what:literal, $table:literal, $owner:literal) => {
        Kind {
            what: $what,
            exists: concat!("SELECT count(*) FROM ", $table, " WHERE id = ?1"),
            list: concat!("SELECT id, document FROM ", $table, " ORDER BY id"),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (",
                $owner,
                ", document) VALUES (?1, ?2) RETURNING id"
            ),
            update: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $owner,
                " = ?2, document = ?3 WHERE id = ?1 RETURNING id"
            ),
        }
    };
}

const ADVERTISERS: Kind = Kind {
    what: "advertiser",
    exists: "SELECT count(*) FROM advertisers WHERE id = ?1",
    list: "SELECT id, document FROM advertisers ORDER BY id",
    insert: "INSERT INTO advertisers (document) VALUES (?2) RETURNING id",
    update: "UPDATE advertisers SET document = ?3 WHERE id = ?1 RETURNING id",
};
const CAMPAIGNS: Kind = owned!("campaign", "campaigns", "advertiser");
const CREATIVES: Kind = owned!("creative", "creatives", "advertiser");
const LINE_ITEMS: Kind = owned!("line item", "line_items", "campaign");

impl CampaignStore for SqlStore {
    fn revision(&self) -> Result<u64, StoreError> {
        self.read(revision)
    }

    fn catalogue(&self) -> Result<Catalogue, StoreError> {
        self.read(async |connection: &mut SqliteConnection| {
            Ok(Catalogue {
                revision: revision(connection).await?,
                advertisers: list(connection, &ADVERTISERS, |id, doc: AdvertiserDoc| {
                    AdvertiserDoc { id, ..doc }.check()
                })
                .await?,
                campaigns: list(connection, &CAMPAIGNS, |id, doc: CampaignDoc| {
                    CampaignDoc { id, ..doc }.check()
                })
                .await?,
                line_items: list(connection, &LINE_ITEMS, |id, doc: LineItemDoc| {
                    LineItemDoc { id, ..doc }.check()
                })
                .await?,
                creatives: list(connection, &CREATIVES, |id, doc: CreativeDoc| {
                    CreativeDoc { id, ..doc }.check()
                })
                .await?,
            })
        })
    }

    fn put_advertiser(&self, advertiser: &Advertiser) -> Result<AdvertiserId, StoreError> {
        let document = encode(&advertiser_doc(advertiser)?)?;
        let id = advertiser.id.0;
        let put = async |connection: &mut SqliteConnection| {
            put(connection, &ADVERTISERS, id, (0, document)).await
        };
        self.write(put).map(AdvertiserId)
    }

    fn put_campaign(&self, campaign: &Campaign) -> Result<CampaignId, StoreError> {
        let document = encode(&campaign_doc(campaign)?)?;
        let (id, owner) = (campaign.id.0, campaign.advertiser.0);
        let put = async |connection: &mut SqliteConnection| {
            check_update(connection, &CAMPAIGNS, id).await?;
            let owner = check(connection, &ADVERTISERS, owner).await?;
            put(connection, &CAMPAIGNS, id, (owner, document)).await
        };
        self.write(put).map(CampaignId)
    }

    fn put_line_item(&self, line_item: &LineItem) -> Result<LineItemId, StoreError> {
        let document = encode(&line_item_doc(line_item)?)?;
        let (id, owner) = (line_item.id.0, line_item.campaign.0);
        let put = async |connection: &mut SqliteConnection| {
            check_update(connection, &LINE_ITEMS, id).await?;
            let owner = check(connection, &CAMPAIGNS, owner).await?;
            for creative in &line_item.creatives {
                check(connection, &CREATIVES, creative.0).await?;
            }
            put(connection, &LINE_ITEMS, id, (owner, document)).await
        };
        self.write(put).map(LineItemId)
    }

    fn put_creative(&self, creative: &Creative) -> Result<CreativeId, StoreError> {
        let document = encode(&creative_doc(creative)?)?;
        let (id, owner) = (creative.id.0, creative.advertiser.0);
        let put = async |connection: &mut SqliteConnection| {
            check_update(connection, &CREATIVES, id).await?;
            let owner = check(connection, &ADVERTISERS, owner).await?;
            put(connection, &CREATIVES, id, (owner, document)).await
        };
        self.write(put).map(CreativeId)
    }
}

async fn revision(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let found: i64 = sqlx::query_scalar("SELECT revision FROM revision")
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    u64::try_from(found).map_err(|_| damaged("revision", format!("{found} is negative")))
}

/// Every object of a kind, by id. Documents keep no id of their own: the row has it.
async fn list<D: DeserializeOwned, T>(
    connection: &mut SqliteConnection,
    kind: &Kind,
    check: impl Fn(u64, D) -> Result<T, Vec<FieldError>>,
) -> Result<Vec<T>, StoreError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(kind.list)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let decode = |(id, document): (i64, String)| {
        let why = |rule: &dyn std::fmt::Display| damaged(kind.what, format!("id {id}: {rule}"));
        let id = u64::try_from(id).map_err(|error| why(&error))?;
        let document = serde_json::from_str(&document).map_err(|error| why(&error))?;
        check(id, document).map_err(|errors| why(&errors[0]))
    };
    rows.into_iter().map(decode).collect()
}

/// Stores a document whose references were checked, and raises the revision.
async fn put(
    connection: &mut SqliteConnection,
    kind: &Kind,
    id: u64,
    (owner, document): (i64, String),
) -> Result<u64, StoreError> {
    let storing = match id {
        0 => sqlx::query_scalar(kind.insert),
        known => sqlx::query_scalar(kind.update).bind(stored_id(kind.what, known)?),
    };
    let stored: Option<i64> = storing
        .bind(owner)
        .bind(document)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    let stored = stored.ok_or(StoreError::NotFound {
        what: kind.what,
        id,
    })?;
    let raising = sqlx::query("UPDATE revision SET revision = revision + 1");
    raising.execute(connection).await.map_err(failed)?;
    u64::try_from(stored).map_err(|_| damaged(kind.what, format!("id {stored} is negative")))
}

async fn check_update(
    connection: &mut SqliteConnection,
    kind: &Kind,
    id: u64,
) -> Result<(), StoreError> {
    if id != 0 {
        check(connection, kind, id).await?;
    }
    Ok(())
}

/// The id as SQLite has it, when there is such an object.
async fn check(connection: &mut SqliteConnection, kind: &Kind, id: u64) -> Result<i64, StoreError> {
    let stored = stored_id(kind.what, id)?;
    let count: i64 = sqlx::query_scalar(kind.exists)
        .bind(stored)
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    if count == 0 {
        return Err(StoreError::NotFound {
            what: kind.what,
            id,
        });
    }
    Ok(stored)
}

fn encode(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|error| StoreError::Storage(error.to_string()))
}

fn damaged(what: &'static str, why: String) -> StoreError {
    StoreError::Damaged { what, why }
}
