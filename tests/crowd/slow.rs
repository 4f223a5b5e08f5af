//! Ten thousand senders that never finish.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::folder::Folder;
use crate::support::http::request;
use crate::support::process::Process;
use crate::support::server::Server;
use crate::{ALONE, Normal, median};

/// Senders at once, and how many of them are slow with the body instead of the head: all that may be under way.
const SLOW: usize = 10_000;
const SLOW_BODIES: usize = 1_000;
/// Looked at, and given one more byte, for each request of others.
const STEP: usize = 50;
/// Files that the test needs beside its connections.
const FILES: usize = 200;
/// How many times longer answers to others may take at the median. The same machine plays ten thousand clients.
const TIMES_MAX: u32 = 10;
/// Most memory of one slow connection, in KiB.
const KIB_EACH_MAX: u64 = 32;

struct Sender {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Sender {
    fn new(bidder: SocketAddr, number: usize) -> Self {
        let whole = request("POST /bid/generic", &[], &[b' '; 4_000]);
        let begun = if number < SLOW_BODIES {
            whole.len() - 3_000
        } else {
            20
        };
        let mut stream = TcpStream::connect(bidder).unwrap();
        stream.write_all(&whole[..begun]).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            answer: Vec::new(),
        }
    }

    /// Sends one more byte; whether the other side still waits for more.
    fn goes_on(&mut self) -> bool {
        let mut buffer = [0; 256];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.answer.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock && self.stream.write(b"a").is_ok(),
        }
    }
}

#[test]
fn ten_thousand_slow_senders_are_closed_and_harm_nobody() {
    let allowed = usize::try_from(service_kit::listen::allow_many_files()).unwrap_or(SLOW);
    let senders = SLOW.min(allowed.saturating_sub(FILES));
    assert!(
        senders > SLOW_BODIES,
        "only {allowed} open files are allowed"
    );
    let _alone = ALONE.lock();
    let folder = Folder::with_examples();
    let mut server = Server::start(&folder);
    let process = Process(server.program.id());
    let mut normal = Normal::new(server.bidder);
    for _ in 0..500 {
        normal.ask();
    }
    let alone = median(&normal.took[100..]);
    let (memory, files) = (process.memory_kib(), process.open_files());
    let mut open: Vec<Sender> = (0..senders)
        .map(|number| Sender::new(server.bidder, number))
        .collect();
    normal.took.clear();
    let (mut at_once, mut grown, mut at) = (0, 0, 0);
    while !open.is_empty() {
        normal.ask();
        if at >= open.len() {
            at = 0;
            at_once = at_once.max(process.open_files() - files);
            grown = grown.max(process.memory_kib().saturating_sub(memory));
        }
        let end = (at + STEP).min(open.len());
        let closed: Vec<usize> = (at..end).filter(|one| !open[*one].goes_on()).collect();
        for one in closed.iter().rev() {
            let sender = open.swap_remove(*one);
            // Nothing, that it took too long, or that it may come again later: never an answer to half a request.
            let answer = String::from_utf8_lossy(&sender.answer);
            let right = ["", "HTTP/1.1 408", "HTTP/1.1 204", "HTTP/1.1 400"];
            assert!(
                right.iter().any(|begin| answer.starts_with(begin)),
                "{answer}"
            );
        }
        at = end - closed.len();
    }
    let beside = median(&normal.took);
    assert!(at_once > senders / 2, "{at_once} of {senders} at once");
    assert!(grown < KIB_EACH_MAX * senders as u64, "{grown} KiB");
    assert!(beside < alone * TIMES_MAX, "{alone:?} alone, {beside:?}");
    server
        .program
        .until("closed files", Duration::from_secs(30), || {
            (process.open_files() < files + 50).then_some(())
        });
}
