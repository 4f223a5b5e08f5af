//! What the store of creatives' files promises.

use crate::StoreError;
use crate::asset::{ASSET_BYTES_MAX, AssetKind, AssetName, AssetStore};

/// Checks every documented promise.
pub fn asset_store<S: AssetStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    let unknown = AssetName::of(b"GIF89a none").unwrap();
    assert_eq!(store.get(unknown).unwrap(), None);
    let gif = store.put(b"GIF89a one").unwrap();
    assert_eq!(gif, AssetName::of(b"GIF89a one").unwrap());
    assert_eq!(store.put(b"GIF89a one").unwrap(), gif, "again is the same");
    let mut large = b"....ftypisom".to_vec();
    large.resize(ASSET_BYTES_MAX, 7);
    let video = store.put(&large).unwrap();
    assert_eq!(video.kind(), AssetKind::Mp4);
    large.push(7);
    for refused in [&large[..], b"<svg>", b""] {
        let refused = store.put(refused);
        assert!(
            matches!(refused, Err(StoreError::Invalid { .. })),
            "{refused:?}"
        );
    }
    let store = reopen(store);
    assert_eq!(store.get(gif).unwrap(), Some(b"GIF89a one".to_vec()));
    large.pop();
    assert_eq!(store.get(video).unwrap(), Some(large));
    assert_eq!(store.get(unknown).unwrap(), None);
}
