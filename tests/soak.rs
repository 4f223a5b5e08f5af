//! A server under mixed load for a time: its memory and open files stay what they were. `cargo xtask soak` goes on.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Write;
use std::time::Duration;

use support::Stopwatch;
use support::folder::Folder;
use support::http::{Connection, get};
use support::process::Process;
use support::server::{PUBLIC_URL, Server, banner_request};

/// Requests of one round over kept connections, and connections that are opened anew.
const KEPT: usize = 400;
const OPENED: usize = 100;
/// Rounds before the first look: caches fill, buffers and the allocator's pools grow to what is needed.
const ROUNDS_BEFORE: usize = 6;
/// Rounds that are compared, on every change; by command as many as fit into its minutes.
const ROUNDS: usize = 9;
/// How far memory may drift, in percent.
const DRIFT_PERCENT_MAX: u64 = 5;
/// And beside that, in KiB: a pool of the allocator more or less.
const STEP_KIB: u64 = 4 << 10;
/// Users who come back: memory of users is bounded elsewhere, and grows up to that.
const USERS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(30);

/// Bid requests, notices for bids where they are billed, hits that mean nothing, and requests that are none.
fn round(server: &Server, number: usize, bills: bool) {
    let mut kept = [server.bidder, server.pixel].map(|address| Connection::new(address, true));
    for n in 0..KEPT {
        let mut request = banner_request(&format!("{number}-{n}"));
        request["user"]["id"] = format!("u{}", n % USERS).into();
        let reply = kept[0].ask("POST /bid/generic", request.to_string().as_bytes());
        if bills && reply.status == 200 {
            let bid = &reply.json()["seatbid"][0]["bid"][0];
            let url = bid["burl"].as_str().unwrap().strip_prefix(PUBLIC_URL);
            let path = url.unwrap().replace("${AUCTION_PRICE}", "0.6");
            let told = kept[1].ask(&format!("GET {path}"), b"");
            // The disk may be too slow at the moment: the exchange comes again.
            assert!([204, 503].contains(&told.status), "{told:?}");
        }
    }
    for n in 0..OPENED {
        let (address, start, body) = match n % 4 {
            0 => (server.bidder, "POST /bid/generic", &b"{\"id\":["[..]),
            1 => (server.pixel, "GET /imp?t=AAAA", &b""[..]),
            2 => (server.console, "GET /sign-in", &b""[..]),
            _ => (server.admin, "GET /metrics", &b""[..]),
        };
        let reply = Connection::new(address, n % 8 < 4).ask(start, body);
        assert!(reply.status < 500, "{start}: {reply:?}");
    }
}

/// Memory after each of `rounds`, in KiB, and open files after the last.
fn watch(server: &Server, rounds: impl Iterator<Item = usize>, bills: bool) -> (Vec<u64>, usize) {
    let process = Process(server.program.id());
    let after = |number| {
        round(server, number, bills);
        process.memory_kib()
    };
    (rounds.map(after).collect(), process.open_files())
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// By command: how long, in minutes. Then bids are billed too, and the first third of the time is for the tables of the
/// store and their cache to fill, which hold some tens of megabytes in memory (`lib/store-embedded/tests/memory.rs`).
fn minutes() -> Option<u64> {
    let told = std::env::var_os("PACELINE_SOAK_MINUTES")?;
    Some(told.to_str().unwrap().parse().unwrap())
}

#[test]
fn memory_and_open_files_stay_flat() {
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let watched = Stopwatch::start();
    let long = minutes().map(|minutes| Duration::from_secs(60 * minutes));
    let goes_on = |number: &usize| match long {
        Some(long) => watched.elapsed() < long,
        None => *number < ROUNDS_BEFORE + ROUNDS,
    };
    let before = match long {
        Some(long) => long / 3,
        None => Duration::ZERO,
    };
    let warm = |number: &usize| *number < ROUNDS_BEFORE || watched.elapsed() < before;
    let (first, files) = watch(&server, (0..).take_while(warm), long.is_some());
    let (memory, _) = watch(&server, (first.len()..).take_while(goes_on), long.is_some());
    // Where it began and where it ended, each over a third of the rounds.
    let third = memory.len() / 3;
    let (start, end) = (median(&memory[..third]), median(&memory[2 * third..]));
    assert!(
        end * 100 <= start * (100 + DRIFT_PERCENT_MAX) + 100 * STEP_KIB,
        "memory grew from {start} to {end} KiB: {first:?}, {memory:?}"
    );
    let process = Process(server.program.id());
    server.program.until("closed files", PATIENCE, || {
        (process.open_files() <= files).then_some(())
    });
    assert_eq!(get(server.admin, "/ready").status, 200);
    if long.is_some() {
        std::io::stderr()
            .write_all(format!("{} rounds, {start} to {end} KiB\n", memory.len()).as_bytes())
            .unwrap();
    }
}
