//! What the snapshot store promises.

use crate::StoreError;
use crate::snapshot::SnapshotStore;

/// Checks every documented promise.
pub fn snapshot_store<S: SnapshotStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    assert_eq!(store.version("model").unwrap(), None);
    assert_eq!(store.load("model").unwrap(), None);
    store.publish("model", 3, b"three").unwrap();
    store.publish("model-b", 1, b"").unwrap();
    assert_eq!(store.load("model").unwrap(), Some((3, b"three".to_vec())));
    assert_eq!(
        store.load("model-b").unwrap(),
        Some((1, vec![])),
        "names are apart"
    );
    versions_grow(&store);
    odd_names_are_refused(&store);
    let store = reopen(store);
    assert_eq!(
        store.version("model").unwrap(),
        Some(20),
        "snapshots outlive the process"
    );
    assert_eq!(store.load("model").unwrap(), Some((20, vec![20; 1 << 20])));
    let older = store.publish("model", 20, b"older");
    assert!(matches!(older, Err(StoreError::Conflict(_))), "{older:?}");
    readers_see_whole_versions(&store);
    what_is_removed_is_gone(store, reopen);
}

fn what_is_removed_is_gone<S: SnapshotStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    for version in [1, 2, 3, 4] {
        store.publish("old", version, b"old").unwrap();
    }
    store.publish("old-b", 1, b"kept").unwrap();
    store.remove("old").unwrap();
    store.remove("never-there").unwrap();
    assert!(store.remove("../model").is_err());
    let store = reopen(store);
    assert_eq!(store.version("old").unwrap(), None);
    assert_eq!(store.load("old").unwrap(), None);
    assert_eq!(store.load("old-b").unwrap(), Some((1, b"kept".to_vec())));
    store.publish("old", 1, b"new").unwrap();
    assert_eq!(store.load("old").unwrap(), Some((1, b"new".to_vec())));
}

fn versions_grow(store: &impl SnapshotStore) {
    for older in [0, 2, 3] {
        let refused = store.publish("model", older, b"older");
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
    assert_eq!(store.load("model").unwrap(), Some((3, b"three".to_vec())));
    for version in [4, 9, 10, 11, 20] {
        let byte = u8::try_from(version).unwrap();
        store
            .publish("model", version, &vec![byte; 1 << 20])
            .unwrap();
        assert_eq!(store.version("model").unwrap(), Some(version));
    }
}

fn odd_names_are_refused(store: &impl SnapshotStore) {
    let long = "a".repeat(65);
    for name in ["", "../model", "a/b", "a.1", "Model", "a b", long.as_str()] {
        let refused = store.publish(name, 99, b"x");
        assert!(
            matches!(refused, Err(StoreError::Invalid { .. })),
            "{name}: {refused:?}"
        );
        assert!(
            store.load(name).is_err() && store.version(name).is_err(),
            "{name}"
        );
    }
}

/// One thread publishes while another reads: never a mixture, never an older version.
fn readers_see_whole_versions(store: &impl SnapshotStore) {
    const LAST: u64 = 30;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..=LAST {
                let bytes = version.to_be_bytes().repeat(1000);
                store.publish("busy", version, &bytes).unwrap();
            }
        });
        let mut seen = 0;
        while seen < LAST {
            let Some((version, bytes)) = store.load("busy").unwrap() else {
                continue;
            };
            assert!(version >= seen, "{version} after {seen}");
            assert_eq!(bytes, version.to_be_bytes().repeat(1000));
            seen = version;
        }
    });
}
