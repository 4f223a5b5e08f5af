//! Servers that take over from each other under load: nobody is refused, nothing is cut off or lost.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use support::folder::Folder;
use support::http::{Connection, Reply};
use support::server::{PUBLIC_URL, Server, banner_request};

/// Clients that keep their connection, and that open one for every request.
const KEEPING: usize = 3;
const OPENING: usize = 2;
/// Servers that follow one another.
const GENERATIONS: usize = 3;
/// Far longer than a client on a busy machine takes from one request to the next.
const LEAVE_MS: u16 = 2_000;
const PATIENCE: Duration = Duration::from_secs(60);
/// Bids that each of them must make.
const BIDS: usize = 30;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    end: AtomicBool,
    sent: AtomicUsize,
    answered: AtomicUsize,
    billed: AtomicUsize,
}

/// Sends bid requests until the end, and a notice for every answer: of billing where it was a bid, an unknown one
/// where not. Gives the events that were acknowledged.
fn play(client: usize, keeps: bool, [bidder, pixel]: [SocketAddr; 2], seen: &Seen) -> Vec<String> {
    let mut events = Vec::new();
    let mut connections = [bidder, pixel].map(|address| Connection::new(address, keeps));
    for n in 0.. {
        if seen.end.load(Ordering::SeqCst) {
            break;
        }
        let request = banner_request(&format!("{client}-{n}"));
        seen.sent.fetch_add(2, Ordering::SeqCst);
        let reply = connections[0].ask("POST /bid/generic", request.to_string().as_bytes());
        let notice = match reply.status {
            204 => "/win?t=none".to_owned(),
            _ => billing(&request, &reply),
        };
        let told = connections[1].ask(&format!("GET {notice}"), b"");
        seen.answered.fetch_add(2, Ordering::SeqCst);
        // A disk that is too slow at the moment is no fault of the restart: the exchange comes again.
        assert!([204, 503].contains(&told.status), "{told:?}");
        if reply.status == 200 && told.status == 204 {
            seen.billed.fetch_add(1, Ordering::SeqCst);
            events.push(told.event());
        }
    }
    events
}

fn billing(request: &Value, reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    let answer = reply.json();
    assert_eq!(answer["id"], request["id"]);
    let url = answer["seatbid"][0]["bid"][0]["burl"].as_str().unwrap();
    let path = url.strip_prefix(PUBLIC_URL).unwrap();
    path.replace("${AUCTION_PRICE}", "0.6")
}

type Client = JoinHandle<Vec<String>>;

fn start_clients(server: &Server, seen: &Arc<Seen>) -> Vec<Client> {
    let addresses = [server.bidder, server.pixel];
    let client = |number| {
        let seen = Arc::clone(seen);
        std::thread::spawn(move || play(number, number < KEEPING, addresses, &seen))
    };
    (0..KEEPING + OPENING).map(client).collect()
}

fn wait_for_bids(server: &mut Server, seen: &Seen, clients: &[Client]) {
    let before = seen.billed.load(Ordering::SeqCst);
    server.program.until("bids", PATIENCE, || {
        let failed = clients.iter().any(JoinHandle::is_finished);
        assert!(!failed, "a client was refused or cut off");
        (seen.billed.load(Ordering::SeqCst) >= before + BIDS).then_some(())
    });
}

#[test]
fn servers_take_over_from_each_other_unnoticed() {
    let folder = Folder::with_examples();
    folder.keep_ports();
    folder.leave_ms(LEAVE_MS);
    let seen = Arc::new(Seen::default());
    let mut server = Server::start(&folder);
    let clients = start_clients(&server, &seen);
    for _ in 1..GENERATIONS {
        wait_for_bids(&mut server, &seen, &clients);
        let successor = Server::start_with(&folder, &["--take-over"]);
        assert_eq!(successor.bidder, server.bidder);
        let before = std::mem::replace(&mut server, successor);
        let ended = before.program.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains("takes over"), "{ended:?}");
    }
    wait_for_bids(&mut server, &seen, &clients);
    seen.end.store(true, Ordering::SeqCst);
    let events: Vec<String> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    assert_eq!(count(&seen.sent), count(&seen.answered));
    assert!(events.len() >= BIDS * GENERATIONS);
    all_are_booked(&folder, &events);
    let stopped = server.program.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
}

/// Every acknowledged event is in the log and counted once.
fn all_are_booked(folder: &Folder, events: &[String]) {
    let mut acks = std::fs::File::create(folder.file("acks.txt")).unwrap();
    for event in events {
        writeln!(acks, "{event} billing").unwrap();
    }
    let verdict = folder.run(&["verify", "--data", "data", "--acks", "acks.txt", "--json"]);
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
    let found: Value = serde_json::from_str(verdict.last_line()).unwrap();
    assert_eq!(found["equal"], true, "{found}");
    assert_eq!(found["acks"], events.len(), "{found}");
    assert_eq!(found["missing_acks"], 0, "{found}");
}

#[test]
fn a_server_with_nobody_before_it_starts_as_usual() {
    let folder = Folder::with_examples();
    let server = Server::start_with(&folder, &["--take-over"]);
    assert_eq!(server.ask(&banner_request("r1")).status, 200);
}

#[test]
fn one_that_is_told_to_end_says_so_and_still_answers() {
    let folder = Folder::with_examples();
    folder.leave_ms(60_000);
    let mut server = Server::start(&folder);
    server.program.ask_to_stop();
    let admin = server.admin;
    server.program.until("no more readiness", PATIENCE, || {
        (support::http::get(admin, "/ready").status == 503).then_some(())
    });
    let mut kept = Connection::new(server.bidder, true);
    let request = banner_request("r1").to_string();
    let reply = kept.ask("POST /bid/generic", request.as_bytes());
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    // The second signal ends the wait.
    let stopped = server.program.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
}
