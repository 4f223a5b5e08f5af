//! Files that creatives show: what is kept, and that a creative is what its files are.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{ANN, ASSETS_URL, Reply, World};

/// A picture of two by three pixels, as far as its size is read.
const GIF: &[u8] = b"GIF89a\x02\x00\x03\x00\x80\x00\x00";

async fn upload(world: &World, token: &str, kind: &str, bytes: Vec<u8>) -> Reply {
    let mut request = Request::post("/api/v1/assets").header("content-type", kind);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    world.send(request.body(Body::from(bytes)).unwrap()).await
}

const BYTES: &str = "application/octet-stream";

#[tokio::test]
async fn a_file_is_kept_under_the_hash_of_its_bytes() {
    let world = World::new();
    let reply = upload(&world, ANN, BYTES, GIF.to_vec()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let kept = reply.json();
    let url = kept["url"].as_str().unwrap();
    assert!(
        url.starts_with(ASSETS_URL) && url.ends_with(".gif"),
        "{url}"
    );
    let expected = json!({"url": url, "mime": "image/gif", "bytes": 13, "width": 2, "height": 3});
    assert_eq!(kept, expected);
    let again = upload(&world, ANN, BYTES, GIF.to_vec()).await;
    assert_eq!(again.json(), kept);
}

#[tokio::test]
async fn what_is_no_picture_video_or_audio_is_refused() {
    let world = World::new();
    let refused = [
        (
            ANN,
            "image/gif",
            GIF.to_vec(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("", BYTES, GIF.to_vec(), StatusCode::UNAUTHORIZED),
        (
            ANN,
            BYTES,
            b"<svg>".to_vec(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (ANN, BYTES, Vec::new(), StatusCode::UNPROCESSABLE_ENTITY),
        (
            ANN,
            BYTES,
            vec![0; (32 << 20) + 1],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ];
    for (token, kind, bytes, status) in refused {
        let length = bytes.len();
        let reply = upload(&world, token, kind, bytes).await;
        assert_eq!(reply.status, status, "{kind} of {length} bytes: {reply:?}");
    }
}

#[tokio::test]
async fn a_creative_declares_what_its_files_are() {
    let world = World::new();
    let kept = upload(&world, ANN, BYTES, GIF.to_vec()).await.json();
    let save = async |format: Value| {
        let document = json!({"advertiser_id": 1, "name": "Own", "format": format,
            "click_url": "https://example.com/", "adomain": "example.com"});
        let reply = world
            .rest("POST", "/api/v1/creatives", ANN, &document)
            .await;
        let fields = reply.json()["error"]["fields"].clone();
        (
            reply.status,
            fields[0]["rule"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let banner =
        |size: &str, url: &Value| json!({"type": "banner", "size": size, "image_url": url});
    let (status, rule) = save(banner("2x3", &kept["url"])).await;
    assert_eq!(status, StatusCode::CREATED, "{rule}");
    let (_, rule) = save(banner("300x250", &kept["url"])).await;
    assert_eq!(rule, "is 2x3, not 300x250");
    let unknown = json!(format!("{ASSETS_URL}{}.gif", "0".repeat(64)));
    let (_, rule) = save(banner("2x3", &unknown)).await;
    assert_eq!(rule, "must be a file that was uploaded");
    let file = json!({"url": kept["url"], "mime": "video/mp4", "width": 2, "height": 3, "bitrate_kbps": 9});
    let (_, rule) = save(json!({"type": "video", "duration_s": 15, "files": [file]})).await;
    assert_eq!(rule, "is image/gif, not video/mp4");
}
