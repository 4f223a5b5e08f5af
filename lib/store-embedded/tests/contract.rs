//! The embedded stores pass the suites, on real folders.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use store::StoreError;
use store::asset::AssetStore;
use store::contract;
use store::keyed::{Batch, KeyedStore, Table};
use store::snapshot::SnapshotStore;
use store_embedded::{EmbeddedKeyed, FileAssets, FileSnapshots};

fn reopen_keyed(folder: &Path) -> impl FnMut(EmbeddedKeyed) -> EmbeddedKeyed {
    |store| {
        drop(store);
        EmbeddedKeyed::open(folder).unwrap()
    }
}

#[test]
fn keyed_state_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedKeyed::open(folder.path()).unwrap();
    contract::keyed_store(store, reopen_keyed(folder.path()));
}

#[test]
fn assets_keep_their_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileAssets::open(folder.path()).unwrap();
    contract::asset_store(store, |_| FileAssets::open(folder.path()).unwrap());
}

#[test]
fn an_asset_with_other_bytes_is_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileAssets::open(folder.path()).unwrap();
    let name = store.put(b"GIF89a one").unwrap();
    std::fs::write(folder.path().join(name.to_string()), b"GIF89a two").unwrap();
    std::fs::write(folder.path().join("1-0.tmp"), b"left over").unwrap();
    let store = FileAssets::open(folder.path()).unwrap();
    let damaged = store.get(name);
    assert!(
        matches!(damaged, Err(StoreError::Damaged { .. })),
        "{damaged:?}"
    );
    assert!(!folder.path().join("1-0.tmp").exists());
}

#[test]
fn keyed_state_follows_the_model() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedKeyed::open(folder.path()).unwrap();
        contract::keyed_store_random(store, reopen_keyed(folder.path()), seed, 400);
    }
}

#[test]
fn a_folder_is_held_by_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let _store = EmbeddedKeyed::open(folder.path()).unwrap();
    let second = EmbeddedKeyed::open(folder.path()).err();
    assert!(
        matches!(second, Some(StoreError::Held { .. })),
        "{second:?}"
    );
}

#[test]
fn a_folder_that_is_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = EmbeddedKeyed::open(file.path()).err();
    assert!(
        matches!(refused, Some(StoreError::Storage(_))),
        "{refused:?}"
    );
    let refused = FileSnapshots::open(file.path()).err();
    assert!(
        matches!(refused, Some(StoreError::Storage(_))),
        "{refused:?}"
    );
}

/// What the store's files hold right after a commit is what a killed process leaves.
#[test]
fn a_committed_batch_is_in_the_files_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedKeyed::open(folder.path()).unwrap();
    for count in 0_u8..20 {
        let mut batch = Batch::default();
        batch.put(Table::Accounts, "account", vec![count]);
        batch.put(Table::Ledger, [count], vec![count]);
        store.commit(batch).unwrap();
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let killed = EmbeddedKeyed::open(copy.path()).unwrap();
        assert_eq!(
            killed.get(Table::Accounts, b"account").unwrap(),
            Some(vec![count])
        );
        let rows = killed.scan(Table::Ledger, b"", b"", 100).unwrap();
        assert_eq!(rows.len(), usize::from(count) + 1);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn snapshots_keep_their_contract() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileSnapshots::open(folder.path()).unwrap();
    contract::snapshot_store(open(), |store| {
        drop(store);
        open()
    });
}

#[test]
fn three_versions_stay_and_leftovers_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(folder.path()).unwrap();
    for version in [8, 9, 10, 11] {
        store.publish("model", version, b"bytes").unwrap();
    }
    std::fs::write(folder.path().join("model.tmp"), b"torn").unwrap();
    std::fs::write(folder.path().join("notes"), b"of somebody else").unwrap();
    let store = FileSnapshots::open(folder.path()).unwrap();
    assert_eq!(store.version("model").unwrap(), Some(11));
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["model.10", "model.11", "model.9", "notes"]);
}
