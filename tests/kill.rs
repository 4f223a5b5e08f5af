//! `kill -9` under load, again and again: nothing acknowledged is lost or counted twice.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::folder::Folder;
use support::program::{Ended, Program, command};
use support::server::Server;

/// How many acknowledged events each round waits for before it kills.
const ROUNDS: [usize; 4] = [40, 5, 90, 60];
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// An event id that nobody was ever given.
const MADE_UP: &str = "00000000000000000000000000000001 impression";

#[test]
fn acknowledged_events_survive_kill_9_under_load() {
    let folder = Folder::with_examples();
    folder.keep_ports();
    let acks = folder.file("acks.txt");
    std::fs::write(&acks, "").unwrap();
    let mut server = Server::start(&folder);
    let mut exchange = play(&folder, &server);
    for events in ROUNDS {
        wait_for_acks(&mut exchange, &acks, events);
        server.program.kill();
        server = Server::start(&folder);
        agrees(&verify(&folder));
    }
    wait_for_acks(&mut exchange, &acks, 20);
    exchange.kill();
    agrees(&verify(&folder));
    let stopped = server.program.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");

    let total = agrees(&verify(&folder));
    let expected: usize = ROUNDS.iter().sum();
    assert!(total >= expected as u64 + 20, "{total}");
    a_missing_event_is_noticed(&folder, &acks);
}

/// An exchange that goes on while its server is killed.
fn play(folder: &Folder, server: &Server) -> Program {
    let (bidder, pixel) = (server.bidder.to_string(), server.pixel.to_string());
    let args = [
        "loadtest",
        "--bidder",
        &bidder,
        "--pixel",
        &pixel,
        "--rate",
        "200",
        "--seconds",
        "600",
        "--acks",
        "acks.txt",
        "--tolerate-errors",
    ];
    Program::start(command(folder.path(), &args), b"")
}

fn wait_for_acks(exchange: &mut Program, acks: &Path, more: usize) {
    let count = || std::fs::read_to_string(acks).unwrap().lines().count();
    let before = count();
    exchange.until("acknowledged events", PATIENCE, || {
        (count() >= before + more).then_some(())
    });
}

fn verify(folder: &Folder) -> Ended {
    folder.run(&["verify", "--data", "data", "--acks", "acks.txt", "--json"])
}

/// Checks a verdict that must be good, and gives the number of acknowledged events.
fn agrees(verdict: &Ended) -> u64 {
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
    let found: Value = serde_json::from_str(verdict.last_line()).unwrap();
    assert_eq!(found["equal"], true, "{found}");
    for key in ["missing_acks", "double_counted", "uncounted"] {
        assert_eq!(found[key], 0, "{key}: {found}");
    }
    let campaign = &found["campaigns"]["1"];
    assert!(campaign["log_micros"].as_i64().unwrap() > 0, "{found}");
    for key in ["ledger_micros", "report_micros"] {
        assert_eq!(campaign[key], campaign["log_micros"], "{key}: {found}");
    }
    let acks = found["acks"].as_u64().unwrap();
    assert!(acks > 0, "{found}");
    acks
}

/// The check above could not fail if this did not.
fn a_missing_event_is_noticed(folder: &Folder, acks: &Path) {
    let mut file = std::fs::OpenOptions::new().append(true).open(acks).unwrap();
    writeln!(file, "{MADE_UP}").unwrap();
    let verdict = verify(folder);
    assert_eq!(verdict.code, Some(1), "{verdict:?}");
    let found: Value = serde_json::from_str(verdict.last_line()).unwrap();
    assert_eq!(
        (&found["missing_acks"], &found["equal"]),
        (&1.into(), &false.into())
    );
}
