//! Bodies that are too large, packed or plain, malformed or odd: what they cost, and what they cost others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::Stopwatch;
use crate::support::folder::Folder;
use crate::support::http::{request, send};
use crate::support::process::Process;
use crate::support::server::{Server, banner_request};
use crate::{ALONE, Normal, median};

const BOMBS: usize = 60;
const BOMB_BYTES: usize = 64 << 20;
/// What memory may grow by while bombs come, in KiB.
const BOMBS_KIB_MAX: u64 = 16 << 10;
/// How much longer others may wait at the median while bombs come one after the other.
const TIMES_MAX: u32 = 10;
/// What the server may take and throw away of a body over the limit, and what the kernel keeps for both sides.
const TAKEN_BYTES_MAX: usize = 32 << 20;
/// The quickest of so many tries says what an answer costs, whatever else the machine does.
const TRIES: usize = 5;
/// How soon a malformed body is answered, and one of over a megabyte.
const MALFORMED_MAX: Duration = Duration::from_millis(100);
const LARGE_MAX: Duration = Duration::from_secs(1);

fn bomb() -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..BOMB_BYTES >> 20 {
        packer.write_all(&spaces).unwrap();
    }
    let packed = packer.finish().unwrap();
    assert!(packed.len() < 100_000, "{}", packed.len());
    request(
        "POST /bid/generic",
        &[("content-encoding", "gzip")],
        &packed,
    )
}

#[test]
fn bombs_leave_memory_and_others_alone() {
    let _alone = ALONE.lock();
    let folder = Folder::with_examples();
    let server = Server::start(&folder);
    let process = Process(server.program.id());
    let mut normal = Normal::new(server.bidder);
    for _ in 0..600 {
        normal.ask();
    }
    let alone = median(&normal.took[200..]);
    normal.took.clear();
    let bomb = bomb();
    assert_eq!(send(server.bidder, &bomb).status, 413);
    let memory = process.memory_kib();
    let bidder = server.bidder;
    let bomber = std::thread::spawn(move || {
        for _ in 0..BOMBS {
            assert_eq!(send(bidder, &bomb).status, 413);
        }
    });
    while !bomber.is_finished() {
        normal.ask();
    }
    bomber.join().unwrap();
    let (beside, grown) = (
        median(&normal.took),
        process.memory_kib().saturating_sub(memory),
    );
    assert!(grown < BOMBS_KIB_MAX, "{grown} KiB");
    assert!(beside < alone * TIMES_MAX, "{alone:?} alone, {beside:?}");
}

/// Sends a head and then bytes until nobody takes them, or this many; gives the answer and how many were taken.
fn pour(address: SocketAddr, head: &str, bytes_max: usize) -> (String, usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut answer = [0; 12];
        let read = reader.read_exact(&mut answer);
        read.map(|()| String::from_utf8_lossy(&answer).into_owned())
    });
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut taken = 0;
    while taken < bytes_max {
        match stream.write(chunk.as_bytes()) {
            Ok(written) if written == chunk.len() => taken += written,
            _ => break,
        }
    }
    (reader.join().unwrap().unwrap_or_default(), taken)
}

#[test]
fn the_rest_of_a_body_over_the_limit_is_not_read() {
    let _alone = ALONE.lock();
    let folder = Folder::with_examples();
    let server = Server::start(&folder);
    let process = Process(server.program.id());
    let memory = process.memory_kib();
    for length in ["content-length: 10000000000", "transfer-encoding: chunked"] {
        let head = format!("POST /bid/generic HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n");
        let (answer, taken) = pour(server.bidder, &head, 1 << 30);
        assert!(taken < TAKEN_BYTES_MAX, "{length}: {taken}");
        // Who only writes may lose the answer with the connection.
        assert!(
            ["HTTP/1.1 413", ""].contains(&&*answer),
            "{length}: {answer}"
        );
    }
    // Who waits for leave is refused without a byte.
    let head = "POST /bid/generic HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2000000\r\n\r\n";
    let (answer, _) = pour(server.bidder, head, 0);
    assert_eq!(answer, "HTTP/1.1 413");
    let grown = process.memory_kib().saturating_sub(memory);
    assert!(grown < BOMBS_KIB_MAX, "{grown} KiB");
    assert_eq!(server.ask(&banner_request("r1")).status, 200);
}

/// The quickest answer of some tries, with its status.
fn quickest(address: SocketAddr, request: &[u8]) -> (Duration, u16) {
    let tries = (0..TRIES).map(|_| {
        let waited = Stopwatch::start();
        let reply = send(address, request);
        (waited.elapsed(), reply.status)
    });
    tries.min().unwrap()
}

fn json(body: &[u8]) -> Vec<u8> {
    let json = [("content-type", "application/json")];
    request("POST /bid/generic", &json, body)
}

fn malformed() -> Vec<(&'static str, Vec<u8>, Duration)> {
    let good = banner_request("r1").to_string();
    let inside = |text: &str| good.replacen('{', &format!("{{\"ext\":{text},"), 1);
    let cut = &good.as_bytes()[..good.len() / 2];
    let deep = "[".repeat(200_000);
    let keys: String = (0..20_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let mut broken = good.clone().into_bytes();
    broken[good.len() / 2] = 0xff;
    vec![
        ("not UTF-8", broken, MALFORMED_MAX),
        ("nothing", Vec::new(), MALFORMED_MAX),
        ("cut", cut.to_vec(), MALFORMED_MAX),
        ("200,000 brackets", deep.into_bytes(), MALFORMED_MAX),
        (
            "brackets inside",
            inside(&"[".repeat(100_000)).into_bytes(),
            MALFORMED_MAX,
        ),
        (
            "many keys",
            inside(&format!("{{{keys}\"a\"}}")).into_bytes(),
            MALFORMED_MAX,
        ),
        (
            "a long number",
            inside(&"9".repeat(500_000)).into_bytes(),
            MALFORMED_MAX,
        ),
        (
            "an open string",
            inside(&format!("\"{}", "\\u00".repeat(100_000))).into_bytes(),
            MALFORMED_MAX,
        ),
        ("a million spaces", vec![b' '; 1_000_000], MALFORMED_MAX),
        ("5 MB", vec![b'{'; 5_000_000], LARGE_MAX),
    ]
}

#[test]
fn malformed_bodies_are_refused_at_once() {
    let _alone = ALONE.lock();
    let folder = Folder::with_examples();
    let server = Server::start(&folder);
    for (name, body, within) in malformed() {
        let (took, status) = quickest(server.bidder, &json(&body));
        assert!([400, 413, 204].contains(&status), "{name}: {status}");
        assert!(took < within, "{name}: {took:?}");
    }
}

/// The committed requests with their quirks, by file.
fn odd() -> Vec<(String, Value)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("bidder/fixtures");
    let mut found = Vec::new();
    for kind in ["bid", "nobid", "targeting"] {
        for file in std::fs::read_dir(folder.join(kind)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read(&path).unwrap();
            let case: Value = serde_json::from_slice(&text).unwrap();
            if case["request"].is_object() {
                found.push((path.display().to_string(), case["request"].clone()));
            }
        }
    }
    found
}

#[test]
fn odd_requests_cost_what_normal_ones_do() {
    let _alone = ALONE.lock();
    let folder = Folder::with_examples();
    let server = Server::start(&folder);
    let odd = odd();
    assert!(odd.len() > 50, "{}", odd.len());
    let normal = json(banner_request("r1").to_string().as_bytes());
    let mut alone = Vec::new();
    for (name, request) in odd {
        let (usual, _) = quickest(server.bidder, &normal);
        let (took, status) = quickest(server.bidder, &json(request.to_string().as_bytes()));
        assert!([200, 204].contains(&status), "{name}: {status}");
        assert!(
            took < usual * TIMES_MAX,
            "{name}: {took:?}, normal {usual:?}"
        );
        alone.push((took, usual));
    }
    let (odd, usual): (Vec<_>, Vec<_>) = alone.into_iter().unzip();
    assert!(median(&odd) < median(&usual) * 3);
}
