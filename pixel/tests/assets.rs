//! Creatives' files over a real socket: whole, in parts, unchanged, and nothing else.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::time::ManualClock;
use event_log::memory::MemoryLog;
use pixel::{Pixel, PixelConfig};
use proto::token::TokenKeys;
use service_kit::{Server, Shutdown, listen};
use store::asset::AssetStore;
use store::memory::MemoryAssets;

const FILE: &[u8] = b"GIF89a0123456789";

/// Sends one request and reads to the end: the answer's head and body.
fn ask(address: std::net::SocketAddr, line: &str, headers: &str) -> (String, Vec<u8>) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: pixel\r\nconnection: close\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).unwrap().to_lowercase(), body)
}

fn start(store: MemoryAssets) -> (Server, Shutdown) {
    let keys = TokenKeys::new([(1, [7; 32])]).unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let log = Arc::new(MemoryLog::new(1));
    let pixel = Pixel::new(PixelConfig::default(), keys, log, clock).unwrap();
    let shutdown = Shutdown::new();
    let listener = listen::bind("pixel.listen", "127.0.0.1:0").unwrap();
    let pixel = pixel.with_assets(Arc::new(store));
    (pixel.serve(listener, &shutdown).unwrap(), shutdown)
}

#[test]
fn files_are_served_for_ever_the_same() {
    let store = MemoryAssets::new();
    let name = store.put(FILE).unwrap();
    let (server, shutdown) = start(store);
    let at = server.address();

    let (head, body) = ask(at, &format!("GET /a/{name}"), "");
    assert_eq!(
        (head.starts_with("http/1.1 200"), body.as_slice()),
        (true, FILE)
    );
    let tag = format!("\"{name}\"");
    for line in [
        "content-type: image/gif",
        "cache-control: public, max-age=31536000, immutable",
        "x-content-type-options: nosniff",
        "accept-ranges: bytes",
        "access-control-allow-origin: *",
        &format!("etag: {tag}"),
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let (head, body) = ask(at, &format!("HEAD /a/{name}"), "");
    assert!(
        head.contains("content-length: 16") && body.is_empty(),
        "{head}"
    );
    for (headers, status, body) in [
        ("range: bytes=6-8\r\n", "206", &FILE[6..9]),
        ("range: bytes=-2\r\n", "206", &FILE[14..]),
        ("range: bytes=99-\r\n", "416", b""),
        ("range: bytes=0-1,3-4\r\n", "200", FILE),
        ("range: bytes=0-1\r\nif-range: \"other\"\r\n", "200", FILE),
        (
            &format!("range: bytes=0-1\r\nif-range: {tag}\r\n"),
            "206",
            &FILE[..2],
        ),
        (&format!("if-none-match: \"x\", {tag}\r\n"), "304", b""),
        ("if-none-match: \"x\"\r\n", "200", FILE),
    ] {
        let (head, got) = ask(at, &format!("GET /a/{name}"), headers);
        let expected = format!("http/1.1 {status}");
        assert!(
            head.starts_with(&expected) && got == body,
            "{headers}: {head}"
        );
    }
    let (head, _) = ask(at, &format!("GET /a/{name}"), "range: bytes=6-8\r\n");
    assert!(head.contains("content-range: bytes 6-8/16"), "{head}");
    let other = "0".repeat(64);
    for (line, status) in [
        (format!("GET /a/{other}.gif"), "404"),
        (format!("GET /a/{name}.gif"), "404"),
        ("GET /a/../secret.key".to_owned(), "404"),
        ("GET /a/".to_owned(), "404"),
        (format!("POST /a/{name}"), "405"),
    ] {
        let (head, _) = ask(at, &line, "");
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{line}: {head}"
        );
    }
    shutdown.trigger();
    server.join().unwrap();
}
