//! Input of people who wish us ill: refused within a second each, and the server lives on.

use std::net::SocketAddr;
use std::time::Duration;

use domain::random::SplitMix64;

use crate::support::Stopwatch;
use crate::support::folder::Folder;
use crate::support::http::{request, send, send_raw};
use crate::support::server::{Server, banner_request};

const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
const NESTING: usize = 100_000;

/// Each case has a name, the bytes of a request, and the statuses that are right.
type Case = (String, Vec<u8>, &'static [u16]);

fn post(name: &str, body: &[u8], right: &'static [u16]) -> Case {
    let json = [("content-type", "application/json")];
    (
        name.to_owned(),
        request("POST /bid/generic", &json, body),
        right,
    )
}

fn random_bytes(random: &mut SplitMix64, count: usize) -> Vec<u8> {
    (0..count).map(|_| random.next_u64() as u8).collect()
}

/// Bodies that are no bid requests.
fn bodies() -> Vec<Case> {
    let good = banner_request("r1").to_string();
    let deep = |open: &str| open.repeat(NESTING).into_bytes();
    let mut inside = banner_request("r1");
    inside["ext"] = "HERE".into();
    let closed = format!("{}{}", "[".repeat(NESTING), "]".repeat(NESTING));
    let inside = inside.to_string().replace("\"HERE\"", &closed);
    let mut cases = vec![
        post("nothing", b"", &[400]),
        post("null", b"null", &[400, 204]),
        post("a list", b"[]", &[400, 204]),
        post("an empty object", b"{}", &[400, 204]),
        post("no UTF-8", b"{\"id\":\"\xff\xfe\"}", &[400]),
        post("deep lists", &deep("["), &[400]),
        post("deep objects", &deep("{\"a\":"), &[400]),
        post("a deep extension", inside.as_bytes(), &[400, 204]),
        post("5 MB of spaces", &vec![b' '; 5_000_000], &[413]),
        post("5 MB of lists", &vec![b'['; 5_000_000], &[413]),
    ];
    for cut in (1..good.len()).step_by(29) {
        cases.push(post(
            &format!("cut at {cut}"),
            &good.as_bytes()[..cut],
            &[400],
        ));
    }
    let mut random = SplitMix64::new(7);
    for length in [1, 10, 1_000, 100_000, 1_000_000] {
        let bytes = random_bytes(&mut random, length);
        cases.push(post(&format!("{length} random bytes"), &bytes, &[400]));
    }
    cases
}

/// Methods, paths and encodings that are not ours.
fn frames() -> Vec<Case> {
    let good = banner_request("r1").to_string();
    let case = |start: &str, headers: &[(&str, &str)], body: &[u8], right| {
        let name = format!("{start} {headers:?}");
        (name, request(start, headers, body), right)
    };
    let mut cases: Vec<Case> = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"]
        .map(|method| case(&format!("{method} /bid/generic"), &[], b"", &[405][..]))
        .into();
    for path in [
        "/",
        "/bid",
        "/bid/",
        "/bid/nobody",
        "/bid/../etc/passwd",
        "/win?t=1",
        "*",
    ] {
        cases.push(case(
            &format!("POST {path}"),
            &[],
            good.as_bytes(),
            &[400, 404],
        ));
    }
    let (gzip, brotli) = ([("content-encoding", "gzip")], [("content-encoding", "br")]);
    let chunked = [("transfer-encoding", "chunked")];
    let start = "POST /bid/generic";
    let one_chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let chunks = format!("{}0\r\n\r\n", one_chunk.repeat(5));
    cases.extend([
        case(start, &gzip, good.as_bytes(), &[400]),
        case(start, &gzip, &gzip_bomb(), &[413]),
        case(start, &brotli, good.as_bytes(), &[415]),
        case(start, &chunked, chunks.as_bytes(), &[413]),
        case(start, &chunked, b"zz\r\n", &[400]),
    ]);
    cases
}

/// 25 MB of spaces in 160 KB: one literal, then the longest repetition again and again, in the fixed code of
/// RFC 1951 section 3.2.6.
fn gzip_bomb() -> Vec<u8> {
    let (header, space, repeat, end) = ("110", "01010000", "1100010100000", "0000000");
    let code = [header, space, &repeat.repeat(100_000), end].concat();
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for bits in code.as_bytes().chunks(8) {
        let bit = |(place, bit): (usize, &u8)| (bit - b'0') << place;
        packed.push(bits.iter().enumerate().map(bit).sum());
    }
    // A checksum and a length, never reached.
    packed.extend([0; 8]);
    packed
}

#[test]
fn bad_requests_are_refused_within_a_second() {
    let folder = Folder::with_examples();
    let server = Server::start(&folder);
    for (name, bytes, right) in bodies().into_iter().chain(frames()) {
        let waited = Stopwatch::start();
        let reply = send(server.bidder, &bytes);
        let waited = waited.elapsed();
        assert!(right.contains(&reply.status), "{name}: {reply:?}");
        assert!(waited < ANSWERED_WITHIN, "{name}: {waited:?}");
    }
    assert_eq!(server.ask(&banner_request("r1")).status, 200);
    let stopped = server.program.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(!stopped.err.contains("panic"), "{stopped:?}");
}

/// Bytes that are no HTTP, or too much of it.
fn noise() -> Vec<Vec<u8>> {
    let mut random = SplitMix64::new(11);
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
    let long_header = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "a".repeat(2_000_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let mut noise: Vec<Vec<u8>> = [1, 10, 1_000, 100_000]
        .map(|length| random_bytes(&mut random, length))
        .into();
    noise.extend([long_line, long_header, many_headers].map(String::into_bytes));
    noise.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    noise.push(b"POST /bid/generic HTTP/1.1\r\ncontent-length: -1\r\n\r\n{}".to_vec());
    noise.push(b"POST /bid/generic HTTP/1.1\r\ncontent-length: 10\r\n\r\n{}".to_vec());
    noise
}

#[test]
fn noise_on_any_port_ends_its_connection_and_no_more() {
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let ports = [server.console, server.bidder, server.pixel, server.admin];
    for address in ports {
        for bytes in noise() {
            refuses(address, &bytes);
        }
    }
    for path in [
        "/win?t=AQEB&p=1",
        "/imp?t=",
        "/click?t=%00",
        "/conv",
        "/bill?p=1.2",
        "/nothing",
    ] {
        let reply = send(server.pixel, &request(&format!("GET {path}"), &[], b""));
        assert!(reply.status < 500, "{path}: {reply:?}");
        assert_eq!(reply.header("x-paceline-event"), None, "{path}: {reply:?}");
        assert_eq!(reply.header("location"), None, "{path}: {reply:?}");
    }
    assert_eq!(server.totals()["reports"], serde_json::json!({}));
    assert_eq!(server.ask(&banner_request("r1")).status, 200);
}

/// The other side may close without a word; if it answers, then that it refuses.
fn refuses(address: SocketAddr, bytes: &[u8]) {
    let start = String::from_utf8_lossy(bytes.get(..40).unwrap_or(bytes)).into_owned();
    let waited = Stopwatch::start();
    let answer = send_raw(address, bytes).unwrap_or_default();
    let waited = waited.elapsed();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{address}: {start:?}: {answer}"
    );
    assert!(waited < ANSWERED_WITHIN, "{address}: {start:?}: {waited:?}");
}
