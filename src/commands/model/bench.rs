//! `paceline model bench`: how fast a model predicts, from typed values to a probability.
//!
//! Values are made up, and hashed in the measured time; the tokens that are looked up are the model's own, drawn as often as examples
//! had them, so that memory is touched as in service.

use std::hint::black_box;
use std::process::ExitCode;

use ctr_model::engine::halves::{Half, Split};
use ctr_model::engine::weights::Weights;
use ctr_model::engine::{Level, Scorer};
use ctr_model::table::Hasher;
use ctr_model::trained::Trained;
use domain::random::SplitMix64;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::UsageError;
use crate::cli::model::BenchArgs;

/// Rows prepared: some 40,000 tokens, more than a level-one cache holds.
const ROWS: usize = 1_024;
/// Rounds between which the order of what is compared alternates.
const ROUNDS: usize = 8;

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    ns_p50: f64,
    ns_p99: f64,
    predictions_per_second_cached: f64,
    predictions_per_second_uncached: f64,
    cache_gain: f64,
    scalar_ratio: f64,
    fields: usize,
    context_fields: usize,
    candidates: usize,
}

/// Values of a row, as a bidder has them.
enum Cell {
    Number(f64),
    Text(String),
}

/// Prepared rows.
struct Rows {
    fields: usize,
    tokens: Vec<u32>,
    cells: Vec<Cell>,
}

/// Measures.
///
/// # Errors
/// When the model cannot be read or has no field left for candidates.
pub(super) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let model = lake::model::load(&args.model)?;
    let fields = model.columns.names().len();
    if args.context_fields >= fields {
        let why = format!(
            "--context-fields {}: the model has {fields} columns, leave some to candidates",
            args.context_fields
        );
        anyhow::bail!(UsageError(why));
    }
    let scorer = Scorer::new(&model.weights)?;
    let mut portable = Scorer::new(&model.weights)?;
    portable.set_level(Level::Portable);
    let rows = rows(&model);
    let hasher = Hasher::new(&model.columns);
    let share_ns = (args.seconds.clamp(0.05, 3_600.0) * 1e9 / (4 * ROUNDS) as f64) as u64;
    let mut singles = Vec::new();
    let [mut scalar, mut cached, mut whole] = [Speed::default(); 3];
    let requests = Requests::new(&scorer, &rows, args);
    let plain = Requests::new(&portable, &rows, args);
    for round in 0..ROUNDS {
        single(&scorer, &hasher, &rows, share_ns, &mut singles);
        let mut parts: [&mut dyn FnMut(); 3] = [
            &mut || scalar.add(share_ns, || plain.cached(&portable, &hasher, &rows)),
            &mut || cached.add(share_ns, || requests.cached(&scorer, &hasher, &rows)),
            &mut || whole.add(share_ns, || requests.whole(&scorer, &hasher, &rows)),
        ];
        if round % 2 == 1 {
            parts.reverse();
        }
        parts.iter_mut().for_each(|part| part());
    }
    singles.sort_unstable();
    let quantile = |share: f64| {
        let at = (singles.len() as f64 * share) as usize;
        singles
            .get(at.min(singles.len().saturating_sub(1)))
            .map_or(0.0, |ns| f64::from(*ns))
    };
    let report = Report {
        ns_p50: quantile(0.5),
        ns_p99: quantile(0.99),
        predictions_per_second_cached: cached.per_second(),
        predictions_per_second_uncached: whole.per_second(),
        cache_gain: cached.per_second() / whole.per_second(),
        scalar_ratio: cached.per_second() / scalar.per_second(),
        fields,
        context_fields: args.context_fields,
        candidates: requests.candidates.len(),
    };
    print(&report, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        return super::print_json(report);
    }
    let line = crate::commands::print_line;
    line(&format!(
        "one prediction, values to probability: p50 {:.0} ns, p99 {:.0} ns",
        report.ns_p50, report.ns_p99
    ))?;
    line(&format!(
        "{} candidates of a request: {:.0} predictions/s with the request's half computed once, {:.0} without ({:.1} times)",
        report.candidates,
        report.predictions_per_second_cached,
        report.predictions_per_second_uncached,
        report.cache_gain
    ))?;
    line(&format!(
        "vector instructions: {:.2} times the speed without",
        report.scalar_ratio
    ))
}

/// Predictions and the time they took.
#[derive(Debug, Clone, Copy, Default)]
struct Speed {
    predictions: u64,
    ns: u64,
}

impl Speed {
    fn add(&mut self, share_ns: u64, mut some: impl FnMut() -> usize) {
        let began = now_ns();
        let end = began + share_ns;
        let mut now = began;
        while now < end {
            self.predictions += some() as u64;
            now = now_ns();
        }
        self.ns += now - began;
    }

    fn per_second(&self) -> f64 {
        self.predictions as f64 / (self.ns.max(1) as f64 * 1e-9)
    }
}

fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Times single predictions one by one.
fn single(scorer: &Scorer, hasher: &Hasher, rows: &Rows, share_ns: u64, into: &mut Vec<u32>) {
    let end = now_ns() + share_ns;
    let mut hashed = vec![0; rows.fields];
    let each = rows
        .tokens
        .chunks_exact(rows.fields)
        .zip(rows.cells.chunks_exact(rows.fields));
    for (tokens, cells) in each.cycle() {
        let began = now_ns();
        hash(hasher, cells, 0, &mut hashed);
        black_box(&hashed);
        black_box(scorer.predict(black_box(tokens)));
        let ended = now_ns();
        into.push((ended - began) as u32);
        if ended >= end {
            break;
        }
    }
}

fn hash(hasher: &Hasher, cells: &[Cell], first: usize, into: &mut [u32]) {
    for (at, (cell, into)) in cells.iter().zip(into).enumerate() {
        *into = match cell {
            Cell::Number(number) => hasher.number_token(first + at, *number),
            Cell::Text(text) => hasher.token(first + at, text.as_bytes()),
        };
    }
}

/// Requests with the same candidates.
struct Requests {
    split: Split,
    context: usize,
    candidates: Vec<(Vec<u32>, Half)>,
}

impl Requests {
    fn new(scorer: &Scorer, rows: &Rows, args: &BenchArgs) -> Self {
        let own: Vec<usize> = (args.context_fields..rows.fields).collect();
        let split = Split::new(rows.fields, &own);
        let tokens = rows.tokens.chunks_exact(rows.fields).cycle();
        let candidate = |tokens: &[u32]| {
            let own = tokens.get(args.context_fields..).unwrap_or_default();
            (own.to_vec(), scorer.candidate(&split, own))
        };
        let candidates = tokens
            .take(args.candidates as usize)
            .map(candidate)
            .collect();
        Self {
            candidates,
            split,
            context: args.context_fields,
        }
    }

    /// Each request's values hashed and its half computed once; candidates' halves are ready.
    fn cached(&self, scorer: &Scorer, hasher: &Hasher, rows: &Rows) -> usize {
        let mut half = Half::default();
        self.each(hasher, rows, |tokens| {
            scorer.request(&self.split, tokens, &mut half);
            for (_, candidate) in &self.candidates {
                black_box(scorer.score(&half, candidate));
            }
        })
    }

    /// Each request's values hashed once; every candidate predicted as a whole row.
    fn whole(&self, scorer: &Scorer, hasher: &Hasher, rows: &Rows) -> usize {
        let mut whole = vec![0; rows.fields];
        self.each(hasher, rows, |tokens| {
            let (context, own) = whole.split_at_mut(self.context);
            context.copy_from_slice(tokens);
            own.fill(0);
            for (candidate, _) in &self.candidates {
                if let Some(own) = whole.get_mut(self.context..) {
                    own.copy_from_slice(candidate);
                }
                black_box(scorer.predict(black_box(&whole)));
            }
        })
    }

    fn each(&self, hasher: &Hasher, rows: &Rows, mut request: impl FnMut(&[u32])) -> usize {
        let requests = 16;
        let mut hashed = vec![0; self.context];
        let each = rows
            .tokens
            .chunks_exact(rows.fields)
            .zip(rows.cells.chunks_exact(rows.fields));
        for (tokens, cells) in each.take(requests) {
            hash(
                hasher,
                cells.get(..self.context).unwrap_or_default(),
                0,
                &mut hashed,
            );
            black_box(&hashed);
            request(tokens.get(..self.context).unwrap_or_default());
        }
        requests * self.candidates.len()
    }
}

fn rows(model: &Trained) -> Rows {
    let fields = model.columns.names().len();
    let mut rng = SplitMix64::new(1);
    let draw = Draw::new(&model.weights);
    let cell = |rng: &mut SplitMix64, field: usize| match field < model.columns.numeric() {
        true => Cell::Number(rng.below(10_000) as f64),
        false => Cell::Text(format!("{:08x}", rng.next_u64() >> 32)),
    };
    Rows {
        fields,
        tokens: (0..ROWS * fields).map(|_| draw.key(&mut rng)).collect(),
        cells: (0..ROWS * fields)
            .map(|at| cell(&mut rng, at % fields))
            .collect(),
    }
}

/// Draws keys as often as examples had them, as far as the model knows.
struct Draw<'a> {
    keys: &'a [u32],
    sums: Vec<f64>,
}

impl<'a> Draw<'a> {
    fn new(weights: &'a Weights) -> Self {
        let known = weights.information.len() == weights.keys.len();
        let mut sum = 0.0;
        let sums = (0..weights.keys.len()).map(|at| {
            sum += match weights.information.get(at) {
                Some(information) if known => f64::from(information.max(1e-3)),
                _ => 1.0,
            };
            sum
        });
        Self {
            sums: sums.collect(),
            keys: &weights.keys,
        }
    }

    fn key(&self, rng: &mut SplitMix64) -> u32 {
        let drawn = rng.unit() * self.sums.last().copied().unwrap_or(0.0);
        let at = self.sums.partition_point(|sum| *sum <= drawn);
        self.keys.get(at).copied().unwrap_or(0)
    }
}
