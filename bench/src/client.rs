//! The load: a process of its own that sends rounds of requests over kept connections, as told line by line.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;

use anyhow::Context;
use domain::Clock;
use domain::time::SystemClock;
use loadtest::Expectations;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::orders::{self, Workload};

/// The header that tells the bare server how much to answer; both servers get it.
pub const ANSWER_BYTES: &str = "x-answer-bytes";
/// Connections that each have one request under way.
const CONNECTIONS: usize = 16;
/// Answers that are judged in a round that asks for it.
const JUDGED_MAX: usize = 1_500;
/// Digits of the header's value.
const DIGITS: usize = 6;
/// Bidders' answers end far below this.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// One round, as the parent orders it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// The server.
    pub address: String,
    /// How many requests.
    pub requests: usize,
    /// The workload: so many line items.
    pub line_items: usize,
    /// Remember how much each request's answer measured, to be asked of the bare server.
    pub learn_sizes: bool,
    /// Judge a sample of the answers.
    pub judge: bool,
}

/// What became of a round.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Answers with status 200 or 204.
    pub answered: u64,
    /// Answers with a bid.
    pub bids: u64,
    /// Anything else.
    pub errors: u64,
    /// Bytes of all bodies.
    pub bytes: u64,
    /// Answers that the judge has seen.
    pub judged: u64,
    /// Those among them that break a rule.
    pub invalid: u64,
    /// Some of their violations, for people.
    pub violations: Vec<String>,
    /// How long the round took.
    pub seconds: f64,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// 200, 204 or an error.
    pub status: u16,
    /// Where the body starts.
    pub start: usize,
    /// How long it is.
    pub length: usize,
    /// The server says that it did not look at the request.
    pub undecided: bool,
}

/// Plays rounds until standard input ends: one JSON `Order` a line in, one `Outcome` a line out.
///
/// # Errors
/// When an order cannot be read or a server goes away.
pub fn run() -> anyhow::Result<()> {
    orders::play(round)
}

impl orders::Order for Order {
    fn line_items(&self) -> usize {
        self.line_items
    }
}

struct Load {
    workload: Rc<Workload>,
    next: Cell<usize>,
    outcome: RefCell<Outcome>,
    expectations: Expectations,
}

impl Load {
    fn new(workload: Rc<Workload>) -> Self {
        Self {
            workload,
            next: Cell::new(0),
            outcome: RefCell::default(),
            expectations: Expectations::new("https://pixel.localhost", Vec::new()),
        }
    }

    /// The next request's index, until so many have been given.
    fn draw(&self, requests: usize) -> Option<usize> {
        let next = self.next.get();
        self.next.set(next + 1);
        (next < requests).then(|| next % self.workload.bodies.len())
    }

    fn note(&self, index: usize, (status, body): (u16, &[u8]), order: &Order) {
        let mut outcome = self.outcome.borrow_mut();
        match status {
            200 => outcome.bids += 1,
            204 => {}
            _ => outcome.errors += 1,
        }
        outcome.answered += u64::from(matches!(status, 200 | 204));
        outcome.bytes += body.len() as u64;
        if order.learn_sizes {
            self.workload.learn(index, body.len());
        }
        if order.judge && status == 200 && outcome.judged < JUDGED_MAX as u64 {
            let (request, _) = self.workload.request(index);
            let violations = loadtest::judge(request, body, &self.expectations);
            outcome.judged += 1;
            outcome.invalid += u64::from(!violations.is_empty());
            let room = 5_usize.saturating_sub(outcome.violations.len());
            let told = violations.iter().take(room).map(|one| format!("{one:?}"));
            outcome.violations.extend(told);
        }
    }
}

async fn round(workload: Rc<Workload>, order: Order) -> anyhow::Result<Outcome> {
    let load = Rc::new(Load::new(workload));
    let clock = SystemClock::new();
    let start_us = clock.monotonic_us();
    let order = Rc::new(order);
    let awake = tokio::task::spawn_local(stay_awake());
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let work = connection(Rc::clone(&load), Rc::clone(&order));
        connections.push(tokio::task::spawn_local(work));
    }
    for connection in connections {
        connection.await??;
    }
    awake.abort();
    let seconds = (clock.monotonic_us() - start_us) as f64 / 1e6;
    Ok(Outcome {
        seconds,
        ..load.outcome.take()
    })
}

/// Keeps the runtime from sleeping: to wake a sleeping client would be work of the server that answers it, and the
/// slower server would have more of it.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

async fn connection(load: Rc<Load>, order: Rc<Order>) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&order.address).await?;
    stream.set_nodelay(true)?;
    let (mut sent, mut received) = (Vec::with_capacity(4 << 10), Vec::with_capacity(32 << 10));
    while let Some(index) = load.draw(order.requests) {
        let (body, wanted) = load.workload.request(index);
        write_request(&mut sent, body, wanted)?;
        stream.write_all(&sent).await?;
        let head = read_answer(&mut stream, &mut received).await?;
        let body = received.get(head.start..head.start + head.length);
        load.note(index, (head.status, body.unwrap_or_default()), &order);
    }
    Ok(())
}

/// Writes a request into `sent`, which is emptied first; the bare server is to answer with so many bytes.
///
/// # Errors
/// None: a `Vec` takes every write.
pub fn write_request(sent: &mut Vec<u8>, body: &[u8], wanted: usize) -> std::io::Result<()> {
    sent.clear();
    write!(
        sent,
        "POST /bid/generic HTTP/1.1\r\nhost: bidder.example\r\ncontent-type: application/json\r\n\
         x-openrtb-version: 2.6\r\n{ANSWER_BYTES}: {wanted:0DIGITS$}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )?;
    sent.extend_from_slice(body);
    Ok(())
}

/// Reads one answer into `into`.
///
/// # Errors
/// When the server hangs up or does not speak HTTP.
pub(crate) async fn read_answer(
    stream: &mut TcpStream,
    into: &mut Vec<u8>,
) -> anyhow::Result<Head> {
    into.clear();
    let mut head: Option<Head> = None;
    loop {
        if let Some(head) = head
            && into.len() >= head.start + head.length
        {
            return Ok(head);
        }
        anyhow::ensure!(stream.read_buf(into).await? > 0, "the server hung up");
        if head.is_none() {
            head = parse_head(into)?;
            let long = head.is_none() && into.len() > HEAD_BYTES_MAX;
            anyhow::ensure!(!long, "an answer's head does not end");
        }
    }
}

/// The head of an answer that begins so, once it is whole.
///
/// # Errors
/// When it is none.
pub fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let value = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then_some(value.trim())
        })
    };
    Ok(Some(Head {
        status,
        start: end + 4,
        length: value("content-length").map_or(Ok(0), str::parse)?,
        undecided: value(bidder::http::UNDECIDED).is_some(),
    }))
}
