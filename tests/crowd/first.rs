//! The first moments of a server: no bid before it is ready, and every answer in time from then on.

use std::time::Duration;

use crate::ALONE;
use crate::support::Stopwatch;
use crate::support::folder::Folder;
use crate::support::http::{Connection, get};
use crate::support::server::{Server, banner_request};

/// Answers that are looked at, over so many clients.
const FIRST: usize = 1_000;
const CLIENTS: usize = 4;
/// How many of them may be later than `tmax`: a machine that tests is busy.
const LATE_MAX: usize = FIRST / 100;

#[test]
fn the_first_thousand_answers_are_in_time() {
    let _alone = ALONE.lock();
    let folder = Folder::with_examples();
    let mut server = Server::start_unready(&folder, &[]);
    let (bidder, admin) = (server.bidder, server.admin);
    let request = banner_request("r1");
    let tmax = Duration::from_millis(request["tmax"].as_u64().unwrap());
    let body = request.to_string();
    let mut early = Connection::new(bidder, true);
    server
        .program
        .until("readiness", Duration::from_secs(30), || {
            let reply = early.ask("POST /bid/generic", body.as_bytes());
            let ready = get(admin, "/ready").status == 200;
            assert!(ready || reply.status == 204, "a bid before it is ready");
            ready.then_some(())
        });
    let ask = move |body: String| {
        let mut connection = Connection::new(bidder, true);
        let answers = (0..FIRST / CLIENTS).map(|_| {
            let waited = Stopwatch::start();
            let reply = connection.ask("POST /bid/generic", body.as_bytes());
            (reply.status, waited.elapsed())
        });
        answers.collect::<Vec<_>>()
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let body = body.clone();
            std::thread::spawn(move || ask(body))
        })
        .collect();
    let answers: Vec<_> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    assert_eq!(answers.len(), FIRST);
    let late = answers.iter().filter(|(_, took)| *took > tmax).count();
    let bids = answers.iter().filter(|(status, _)| *status == 200).count();
    assert!(late <= LATE_MAX, "{late} late");
    assert!(bids > 0);
}
