//! The memory stores pass the suites; their faults do what they say.

use super::*;
use crate::keyed::{Batch, KeyedStore, Table};
use crate::{StoreError, contract};

#[test]
fn keyed_state_keeps_its_contract() {
    contract::keyed_store(MemoryKeyed::new(), |store| store);
    for seed in 0..20 {
        contract::keyed_store_random(MemoryKeyed::new(), |store| store, seed, 2_000);
    }
}

#[test]
fn assets_keep_their_contract() {
    contract::asset_store(MemoryAssets::new(), |store| store);
}

#[test]
fn campaigns_keep_their_contract() {
    contract::campaign_store(MemoryCampaigns::new(), |store| store);
}

#[test]
fn users_keep_their_contract() {
    contract::user_store(MemoryUsers::new(), |store| store);
}

#[test]
fn reports_keep_their_contract() {
    contract::report_store(MemoryReports::new(), |store| store);
    contract::report_store_random(MemoryReports::new(), |store| store, 1, 50);
}

#[test]
fn snapshots_keep_their_contract() {
    contract::snapshot_store(MemorySnapshots::new(), |store| store);
}

#[test]
fn injected_faults_change_nothing_and_pass() {
    let store = MemoryKeyed::new();
    let mut batch = Batch::default();
    batch.put(Table::Meta, "key", vec![1]);
    store.fail_commits(2);
    for _ in 0..2 {
        let refused = store.clone().commit(batch.clone());
        assert!(matches!(refused, Err(StoreError::Storage(_))));
        assert_eq!(store.get(Table::Meta, b"key").unwrap(), None);
    }
    store.commit(batch).unwrap();
    assert_eq!(store.get(Table::Meta, b"key").unwrap(), Some(vec![1]));
}
