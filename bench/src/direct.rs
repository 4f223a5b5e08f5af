//! What is measured without sockets: candidates per request, and how long a large snapshot takes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context;
use bidder::Call;
use bidder::snapshot::{Ingredients, Snapshot};
use ctr_model::Model;
use domain::time::{ManualClock, SystemClock};
use domain::{Clock, Reject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalogue::catalogue;
use crate::requests::requests;
use crate::world;

/// Requests that are explained.
const EXPLAINED: usize = 500;
/// Passes over the workload; the quickest counts.
const PASSES: usize = 15;
/// Snapshots built; the median counts.
const SNAPSHOTS: usize = 5;

/// Line items per request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Candidates {
    /// Median of those whose targeting matched.
    pub matched_p50: usize,
    /// 95th percentile of those.
    pub matched_p95: usize,
    /// Mean of those.
    pub matched_mean: f64,
    /// Mean of those that the model was asked about.
    pub scored_mean: f64,
    /// Shortest, median and longest request in bytes.
    pub request_bytes: [usize; 3],
    /// Refusals by reason among those matched.
    pub refused: BTreeMap<String, usize>,
}

/// Explains a sample of the workload.
///
/// # Errors
/// When the bidder cannot be set up.
pub fn candidates(line_items: usize) -> anyhow::Result<Candidates> {
    let folder = tempfile::tempdir()?;
    let world = world::open(line_items, folder.path())?;
    let mut core = world.bidder.core(0);
    let all = requests(line_items);
    let mut matched = Vec::new();
    let mut scored = 0;
    let mut refused = BTreeMap::new();
    for request in all.iter().take(EXPLAINED) {
        let mut body = request.clone();
        let (_, explanation) = core.explain(&json_call(&world), &mut body);
        let passed = explanation.verdicts.iter();
        let passed: Vec<_> = passed
            .filter(|verdict| verdict.refused != Some(Reject::Targeting))
            .collect();
        matched.push(passed.len());
        scored += passed.iter().filter(|v| v.numbers.click > 0.0).count();
        for verdict in passed {
            let why = verdict.refused.map_or("bid", Reject::label);
            *refused.entry(why.to_owned()).or_default() += 1;
        }
    }
    let mut sizes: Vec<_> = all.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    matched.sort_unstable();
    let at = |list: &[usize], percent: usize| list.get((list.len() - 1) * percent / 100).copied();
    let size = |percent| at(&sizes, percent).unwrap_or(0);
    Ok(Candidates {
        matched_p50: at(&matched, 50).unwrap_or(0),
        matched_p95: at(&matched, 95).unwrap_or(0),
        matched_mean: matched.iter().sum::<usize>() as f64 / matched.len() as f64,
        scored_mean: scored as f64 / matched.len() as f64,
        request_bytes: [size(0), size(50), size(100)],
        refused,
    })
}

fn json_call(world: &world::World) -> Call<'static> {
    Call {
        exchange: "generic",
        arrived_us: world.clock.monotonic_us(),
        format: proto::openrtb::Format::Json,
    }
}

/// Median seconds to build a snapshot.
///
/// # Errors
/// When the model cannot be served.
pub fn snapshot_seconds(line_items: usize) -> anyhow::Result<f64> {
    let catalogue = catalogue(line_items, world::now());
    let model = world::trained(&catalogue, world::model_kind());
    let model = Arc::new(Model::new(&model)?);
    let clock = SystemClock::new();
    let mut times: Vec<_> = (0..SNAPSHOTS)
        .map(|_| {
            let copy = catalogue.clone();
            let model = Arc::clone(&model);
            let start_us = clock.monotonic_us();
            let built = build(copy, model);
            let took_us = clock.monotonic_us() - start_us;
            drop(built);
            took_us
        })
        .collect();
    times.sort_unstable();
    Ok(times.get(SNAPSHOTS / 2).map_or(0.0, |us| *us as f64 / 1e6))
}

/// A snapshot of a catalogue with a model.
pub fn build(catalogue: domain::Catalogue, model: Arc<Model>) -> Snapshot {
    Snapshot::build(
        catalogue,
        Ingredients {
            model,
            trial: None,
            money: &mut BTreeMap::new(),
            public_url: "https://pixel.example",
            exchanges: &[("generic", false)],
            now: world::now(),
            last: None,
        },
    )
}

/// Milliseconds of processor time to read the campaigns, build their snapshot and free the one before, after a change of
/// one line item: the median of some.
///
/// # Errors
/// When the bidder cannot be set up, or the system does not say how long a thread has run.
pub fn refresh_ms(line_items: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut world = world::open(line_items, folder.path())?;
    let mut times = Vec::new();
    for _ in 0..PASSES {
        world.changes.fetch_add(1, Ordering::Relaxed);
        let before = thread_ns()?;
        let now = world.clock.now();
        world.background.refresh(now)?;
        world.background.tick(now)?;
        times.push((thread_ns()? - before) as f64 / 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(PASSES / 2).copied().unwrap_or(f64::NAN))
}

/// Microseconds of processor time per decision, mean over the workload: the least of some passes, so that other
/// processes count little.
///
/// # Errors
/// When the bidder cannot be set up, or the system does not say how long a thread has run.
pub fn decide_us(line_items: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut world = world::open(line_items, folder.path())?;
    let mut core = world.bidder.core(0);
    let all = requests(line_items);
    let mut best = f64::INFINITY;
    for _ in 0..PASSES {
        let bodies = all.clone();
        let before = thread_ns()?;
        for mut body in bodies {
            core.decide(&json_call(&world), &mut body);
        }
        let took = thread_ns()? - before;
        best = best.min(took as f64 / 1e3 / all.len() as f64);
        let now = world.clock.now();
        core.flush(now);
        world.background.tick(now)?;
    }
    Ok(best)
}

/// When the decisions of `decisions` are made: Monday 2026-11-23, 12:00 UTC.
const NOON: Timestamp = Timestamp(1_795_392_000_000 + 12 * 3_600_000);

/// What is bid on each request of the workload, one line each, on a clock that stands still: what two builds must agree
/// on.
///
/// # Errors
/// When the bidder cannot be set up or answers what is no JSON.
pub fn decisions(line_items: usize) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(ManualClock::new(NOON));
    let world = world::open_at(line_items, folder.path(), (world::DEADLINE_MS, clock))?;
    let mut core = world.bidder.core(0);
    let mut lines = Vec::new();
    for (at, mut body) in requests(line_items).into_iter().enumerate() {
        let answer = core.decide(&json_call(&world), &mut body);
        let mut line = format!("{at} {:?}", answer.outcome);
        if !answer.body.is_empty() {
            let json: serde_json::Value = serde_json::from_slice(answer.body)?;
            let seats = json["seatbid"].as_array().into_iter().flatten();
            for bid in seats.flat_map(|seat| seat["bid"].as_array().into_iter().flatten()) {
                for key in ["impid", "crid", "price", "dealid"] {
                    write!(line, " {}", bid[key])?;
                }
            }
        }
        lines.push(line);
    }
    Ok(lines)
}

/// How long this thread has run so far, in nanoseconds.
fn thread_ns() -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = stat.split_whitespace().next();
    Ok(first.context("schedstat is empty")?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_match_some_line_items_and_buy_of_some() {
        let found = candidates(1_000).unwrap();
        assert!((15..=30).contains(&found.matched_p50), "{found:?}");
        assert!(found.matched_p95 > 60, "{found:?}");
        assert!(found.refused.contains_key("bid"), "{found:?}");
    }
}
