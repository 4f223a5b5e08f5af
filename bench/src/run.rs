//! The comparison: alternating rounds against both servers, medians of them, a table and one line of JSON.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::catalogue::LINE_ITEMS;
use crate::client::{Order, Outcome};
use crate::direct;
use crate::open::CONNECTIONS;
use crate::overload;
use crate::process::{Core, Process, Server};
use crate::world;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds against each server.
    pub rounds: usize,
    /// Requests of a round: enough that a tick of processor time is under a hundredth of it.
    pub requests: usize,
    /// Rounds of each kind under open-loop load.
    pub open_rounds: usize,
    /// Seconds of such a round.
    pub seconds: f64,
    /// Seconds of a round in which snapshots are swapped.
    pub swap_seconds: f64,
}

impl Effort {
    /// What is reported.
    pub const FULL: Self = Self {
        rounds: 7,
        requests: 60_000,
        open_rounds: 5,
        seconds: 4.0,
        swap_seconds: 8.0,
    };
    /// While something is being tried.
    pub const QUICK: Self = Self {
        rounds: 5,
        requests: 30_000,
        open_rounds: 3,
        seconds: 1.5,
        swap_seconds: 4.0,
    };
}

/// What the program with the counting allocator prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Allocations {
    /// Mean heap allocations between body bytes and answer of a request without a bid.
    pub per_no_bid: f64,
    /// The same with a bid.
    pub per_bid: f64,
    /// Live bytes of a snapshot and of one core's counters, by line item.
    pub bytes_per_line_item: f64,
    /// Mean heap allocations of a request over a connection beyond those of its decision.
    pub per_request_http: f64,
}

/// A server with the rounds that it has played.
struct Side {
    server: Server,
    cpu_us: Vec<f64>,
    per_second: Vec<f64>,
    last: Outcome,
}

impl Side {
    fn new(server: Server) -> Self {
        Self {
            server,
            cpu_us: Vec::new(),
            per_second: Vec::new(),
            last: Outcome::default(),
        }
    }

    fn client() -> anyhow::Result<Process> {
        Process::start(Core::Client, &["client"])
    }

    fn round(
        &mut self,
        client: &mut Process,
        (requests, learn, judge): (usize, bool, bool),
    ) -> anyhow::Result<()> {
        let before = self.server.process.cpu_seconds()?;
        let outcome: Outcome = client.ask(&Order {
            address: self.server.address.clone(),
            requests,
            line_items: self.server.line_items,
            learn_sizes: learn,
            judge,
        })?;
        anyhow::ensure!(
            outcome.errors == 0,
            "{} answers were errors",
            outcome.errors
        );
        let used = self.server.process.cpu_seconds()? - before;
        self.cpu_us.push(used * 1e6 / requests as f64);
        self.per_second.push(requests as f64 / outcome.seconds);
        self.last = outcome;
        Ok(())
    }

    fn median_us(&self) -> f64 {
        median(&self.cpu_us)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures everything and prints it; with `json` the last line is one object.
///
/// # Errors
/// When a process fails.
#[expect(clippy::print_stdout, reason = "a command line tool")]
pub fn run(effort: Effort, json: bool) -> anyhow::Result<()> {
    let (bidder, bare, judged) = compare(effort)?;
    let (bidder_us, bare_us) = (bidder.median_us(), bare.median_us());
    let maximum = median(&bidder.per_second);
    let (small_us, large_us) = growth(effort)?;
    let under_load = overload::measure(effort, maximum, large_us)?;
    let candidates = direct::candidates(LINE_ITEMS)?;
    let snapshot_s = direct::snapshot_seconds(100_000)?;
    let allocations = allocations()?;
    let requests = effort.requests as f64;
    let mut figures: Vec<(&str, Value)> = vec![
        ("model", json!(world::model_name())),
        ("ratio", rounded(bare_us / bidder_us, 3)),
        ("decisions_per_cpu_second", rounded(1e6 / bidder_us, 0)),
        ("bare_per_cpu_second", rounded(1e6 / bare_us, 0)),
        ("bid_share", rounded(bidder.last.bids as f64 / requests, 3)),
        ("judged_bids", json!(judged.judged)),
        ("invalid_bids", json!(judged.invalid)),
        (
            "answer_bytes_mean",
            rounded(bidder.last.bytes as f64 / requests, 0),
        ),
        ("request_bytes", json!(candidates.request_bytes)),
        (
            "candidates_matched",
            json!({"p50": candidates.matched_p50, "p95": candidates.matched_p95,
            "mean": rounded(candidates.matched_mean, 1)}),
        ),
        (
            "candidates_scored",
            json!({"mean": rounded(candidates.scored_mean, 1)}),
        ),
        ("cpu_growth_1k_to_100k", rounded(large_us / small_us, 3)),
        ("snapshot_100k_seconds", rounded(snapshot_s, 2)),
        (
            "bytes_per_line_item",
            rounded(allocations.bytes_per_line_item, 0),
        ),
        ("allocs_per_no_bid", rounded(allocations.per_no_bid, 1)),
        ("allocs_per_bid", rounded(allocations.per_bid, 1)),
        ("allocs_http", rounded(allocations.per_request_http, 1)),
        ("maximum_per_second", rounded(maximum, 0)),
    ];
    figures.extend(load_figures(&under_load));
    for (name, value) in &figures {
        println!("{name:<26} {value}");
    }
    for violation in &judged.violations {
        println!("violation: {violation}");
    }
    println!(
        "rounds, us of CPU per request: bidder {:.2?}, bare {:.2?}",
        bidder.cpu_us, bare.cpu_us
    );
    if json {
        let object: serde_json::Map<_, _> = figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        println!("{}", Value::Object(object));
    }
    Ok(())
}

fn load_figures(found: &overload::Figures) -> [(&'static str, Value); 16] {
    let [twice, thrice, five_times] = found.goodput_ratios;
    let [late_twice, late_thrice, late_five_times] = found.late_shares;
    let ms = |us: f64| rounded(us / 1e3, 2);
    [
        ("p999_ratio", rounded(found.p999_ratio, 2)),
        ("p999_ms", ms(found.p999_us)),
        ("goodput_1x", rounded(found.goodput, 0)),
        ("goodput_ratio_2x", rounded(twice, 3)),
        ("goodput_ratio_3x", rounded(thrice, 3)),
        ("goodput_ratio_5x", rounded(five_times, 3)),
        ("in_time_share", rounded(found.in_time_share, 5)),
        ("late_share_2x", rounded(late_twice, 4)),
        ("late_share_3x", rounded(late_thrice, 4)),
        ("late_share_5x", rounded(late_five_times, 4)),
        ("unsent_share_5x", rounded(found.unsent_share_5x, 3)),
        ("undecided_share_5x", rounded(found.undecided_share_5x, 3)),
        ("undecided_p99_ms_5x", ms(found.undecided_p99_us_5x)),
        ("swap_p99_ratio", rounded(found.swap_p99_ratio, 3)),
        ("swap_p99_ms", ms(found.swap_p99_us)),
        ("open_connections", json!(CONNECTIONS)),
    ]
}

fn rounded(value: f64, digits: i32) -> Value {
    let scale = 10_f64.powi(digits);
    json!((value * scale).round() / scale)
}

fn compare(effort: Effort) -> anyhow::Result<(Side, Side, Outcome)> {
    let mut bidder = Side::new(Server::bidder(LINE_ITEMS, false)?);
    let mut bare = Side::new(Server::bare(LINE_ITEMS)?);
    let mut client = Side::client()?;
    // A first round warms both up; in it bids are judged and sizes learned.
    bidder.round(&mut client, (effort.requests / 4, true, true))?;
    let judged = bidder.last.clone();
    bare.round(&mut client, (effort.requests / 4, false, false))?;
    for side in [&mut bidder, &mut bare] {
        side.cpu_us.clear();
        side.per_second.clear();
    }
    for _ in 0..effort.rounds {
        bidder.round(&mut client, (effort.requests, true, false))?;
        bare.round(&mut client, (effort.requests, false, false))?;
    }
    Ok((bidder, bare, judged))
}

/// Microseconds of processor time per request at 1,000 and at 100,000 line items.
fn growth(effort: Effort) -> anyhow::Result<(f64, f64)> {
    let mut sides = Vec::new();
    for line_items in [1_000, 100_000_usize] {
        let side = Side::new(Server::bidder(line_items, false)?);
        sides.push((side, Side::client()?));
    }
    for round in 0..=effort.rounds {
        for (side, client) in &mut sides {
            let requests = if round == 0 {
                effort.requests / 4
            } else {
                effort.requests
            };
            side.round(client, (requests, false, false))?;
            if round == 0 {
                side.cpu_us.clear();
            }
        }
    }
    let medians: Vec<_> = sides.iter().map(|(side, _)| side.median_us()).collect();
    match medians.as_slice() {
        [small, large] => Ok((*small, *large)),
        _ => anyhow::bail!("two sides were started"),
    }
}

/// Runs the program with the counting allocator, which lies beside this one.
fn allocations() -> anyhow::Result<Allocations> {
    let own = std::env::current_exe()?;
    let program = own.parent().unwrap_or(Path::new(".")).join("allocations");
    let output = Command::new(&program)
        .args(["--model", world::model_name()])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(text.trim()).context("the allocation counts cannot be read")
}
