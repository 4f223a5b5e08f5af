//! Records per second through the embedded log by records per append: small under `cargo test`, large under `cargo bench`.
#![expect(clippy::print_stdout, reason = "a benchmark's result")]

use domain::time::{Clock, SystemClock};
use event_log::embedded::{EmbeddedConfig, EmbeddedLog, Figures};
use event_log::{EventLog, LogError, Partition, Record, Topic};
use std::sync::mpsc;

/// Bytes of a payload: about an event.
const PAYLOAD_BYTES: usize = 300;
/// Appends under way at once, as from so many connections.
const WINDOW: usize = 256;

fn main() -> Result<(), LogError> {
    let large = std::env::args().any(|argument| argument == "--bench");
    let records = if large { 400_000 } else { 2_000 };
    println!("{records} records of {PAYLOAD_BYTES} bytes, {WINDOW} appends under way");
    for (batch, window) in [(1, 1), (1, WINDOW), (16, WINDOW), (256, 64)] {
        // One at a time waits for a sync each: fewer show as much.
        let records = if window == 1 { records / 40 } else { records };
        measure(records, batch, window)?;
    }
    Ok(())
}

fn measure(records: usize, batch: usize, window: usize) -> Result<(), LogError> {
    let folder = tempfile::tempdir().map_err(|error| LogError::Storage(error.to_string()))?;
    let log = EmbeddedLog::open(folder.path(), EmbeddedConfig::default(), "benchmark")?;
    let clock = SystemClock::new();
    let (sender, answers) = mpsc::channel();
    let appends = records.div_ceil(batch);
    let mut latencies = Vec::with_capacity(appends);
    let mut offered = 0;
    while latencies.len() < appends {
        if offered < appends && offered - latencies.len() < window {
            let sender = sender.clone();
            let begun = clock.monotonic_us();
            let acknowledge = move |result: Result<_, LogError>| {
                sender.send((result.map(|_| ()), begun)).ok();
            };
            let record = Record {
                key: b"key".to_vec(),
                payload: vec![offered as u8; PAYLOAD_BYTES],
            };
            log.append(Topic::Bids, vec![record; batch], Box::new(acknowledge));
            offered += 1;
            continue;
        }
        let (result, begun) = answers.recv().map_err(|_| LogError::Closed)?;
        result?;
        latencies.push(clock.monotonic_us() - begun);
    }
    let append_us = clock.monotonic_us().max(1);
    let read_us = read_all(&log, appends * batch)?;
    latencies.sort_unstable();
    report(
        appends * batch,
        (batch, window),
        &log.figures(),
        (append_us, read_us),
    );
    let at = |share: f64| {
        latencies
            .get((latencies.len() as f64 * share) as usize)
            .copied()
    };
    println!("    latency p50 {:?} us, p99 {:?} us", at(0.5), at(0.99));
    Ok(())
}

fn read_all(log: &EmbeddedLog, expected: usize) -> Result<u64, LogError> {
    let clock = SystemClock::new();
    let partition = Partition {
        topic: Topic::Bids,
        index: 0,
    };
    let mut read = 0;
    loop {
        let records = log.read(partition, read, 1 << 20)?;
        if records.is_empty() {
            break;
        }
        read += records.len() as u64;
    }
    assert_eq!(read, expected as u64, "all that was acknowledged is read");
    Ok(clock.monotonic_us().max(1))
}

fn report(records: usize, (batch, window): (usize, usize), figures: &Figures, us: (u64, u64)) {
    let rate = |us: u64| records as f64 / (us as f64 / 1e6);
    println!(
        "batch {batch:>3}, {window:>3} under way: {:>9.0} records/s appended in {} groups, {:>9.0} records/s read",
        rate(us.0),
        figures.groups,
        rate(us.1)
    );
}
