//! The SQLite store passes the suites, on real files.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use domain::report::{Counters, ReportKey};
use domain::time::Minute;
use domain::{Advertiser, AdvertiserId, CampaignId, CreativeId, Exchange, LineItemId};
use store::campaign::CampaignStore;
use store::report::{ReportDelta, ReportFilter, ReportStore};
use store::{StoreError, contract};
use store_sql::SqlStore;

/// Opens the file again; the suite's own handle is closed first.
fn reopen(path: &Path) -> impl FnMut(SqlStore) -> SqlStore {
    |store| {
        drop(store);
        SqlStore::open(path).unwrap()
    }
}

fn with_file(suite: impl FnOnce(SqlStore, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not there yet").join("paceline.sqlite");
    suite(SqlStore::open(&path).unwrap(), &path);
}

#[test]
fn campaigns_keep_their_contract() {
    with_file(|store, path| contract::campaign_store(store, reopen(path)));
}

#[test]
fn users_keep_their_contract() {
    with_file(|store, path| contract::user_store(store, reopen(path)));
}

#[test]
fn reports_keep_their_contract() {
    with_file(|store, path| contract::report_store(store, reopen(path)));
    for seed in 0..4 {
        with_file(|store, path| contract::report_store_random(store, reopen(path), seed, 40));
    }
}

fn advertiser() -> Advertiser {
    Advertiser {
        id: AdvertiserId(0),
        name: "Example".to_owned(),
        domain: "example.com".to_owned(),
    }
}

#[test]
fn two_handles_share_one_file() {
    with_file(|store, path| {
        let other = SqlStore::open(path).unwrap();
        std::thread::scope(|scope| {
            for store in [&store, &other] {
                scope.spawn(|| {
                    for _ in 0..20 {
                        store.put_advertiser(&advertiser()).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.revision().unwrap(), 40);
        assert_eq!(other.catalogue().unwrap(), store.catalogue().unwrap());
    });
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    with_file(|store, path| {
        drop(store);
        raw(path, "UPDATE schema_version SET version = 99");
        let refused = SqlStore::open(path).err();
        assert!(
            matches!(refused, Some(StoreError::Damaged { what: "schema", .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn damaged_documents_are_named() {
    with_file(|store, path| {
        store.put_advertiser(&advertiser()).unwrap();
        for document in ["{", r#"{"name":"","domain":"example.com"}"#] {
            raw(
                path,
                &format!("UPDATE advertisers SET document = '{document}'"),
            );
            let refused = store.catalogue();
            assert!(
                matches!(
                    refused,
                    Err(StoreError::Damaged {
                        what: "advertiser",
                        ..
                    })
                ),
                "{refused:?}"
            );
        }
    });
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no database at all, but some text".repeat(100)).unwrap();
    let refused = SqlStore::open(file.path()).err();
    assert!(
        matches!(refused, Some(StoreError::Storage(_))),
        "{refused:?}"
    );
    let under_a_file = file.path().join("paceline.sqlite");
    let refused = SqlStore::open(&under_a_file).err();
    assert!(
        matches!(refused, Some(StoreError::Storage(_))),
        "{refused:?}"
    );
}

/// The store is built for blocking threads of an async program, and may end inside one of its tasks.
#[test]
fn it_is_used_from_blocking_threads_and_dropped_in_a_task() {
    with_file(|store, _| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = std::sync::Arc::new(store);
            let shared = store.clone();
            let created = tokio::task::spawn_blocking(move || shared.put_advertiser(&advertiser()));
            assert_eq!(created.await.unwrap(), Ok(AdvertiserId(1)));
            drop(store);
        });
    });
}

#[test]
fn a_large_delta_is_applied_whole() {
    with_file(|store, _| {
        let mut delta = ReportDelta::default();
        for line_item in 0..1000 {
            let key = ReportKey {
                minute: Minute(1),
                campaign: CampaignId(line_item % 10),
                line_item: LineItemId(line_item),
                creative: CreativeId(1),
                exchange: Exchange::new("generic"),
            };
            let counters = Counters {
                bids: 1,
                ..Counters::default()
            };
            delta.rows.insert(key, counters);
        }
        delta.offsets.advance("bids", 0, 1000);
        store.apply(&delta).unwrap();
        store.apply(&delta).unwrap();
        let totals = store.totals(&ReportFilter::default()).unwrap();
        assert_eq!(totals.len(), 10);
        assert!(totals.values().all(|counters| counters.bids == 200));
    });
}

fn raw(path: &Path, statement: &str) {
    use sqlx::Connection;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options)
            .await
            .unwrap();
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}
