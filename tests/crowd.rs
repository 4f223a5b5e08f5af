//! Many clients of one server, most of them hostile: what they send is refused, and the others notice nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "crowd/bodies.rs"]
mod bodies;
#[path = "crowd/first.rs"]
mod first;
#[path = "crowd/slow.rs"]
mod slow;
mod support;

use std::time::Duration;

use support::Stopwatch;
use support::http::Connection;
use support::server::banner_request;

/// Held by each test: they compare times, and so are not run beside each other.
static ALONE: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

/// A client of good will on a kept connection, and how long each of its answers took.
struct Normal {
    connection: Connection,
    took: Vec<Duration>,
}

impl Normal {
    fn new(bidder: std::net::SocketAddr) -> Self {
        Self {
            connection: Connection::new(bidder, true),
            took: Vec::new(),
        }
    }

    /// One more request, which is answered with a bid or with none, not refused.
    fn ask(&mut self) {
        let request = banner_request(&format!("n{}", self.took.len())).to_string();
        let waited = Stopwatch::start();
        let reply = self.connection.ask("POST /bid/generic", request.as_bytes());
        self.took.push(waited.elapsed());
        assert!([200, 204].contains(&reply.status), "{reply:?}");
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
