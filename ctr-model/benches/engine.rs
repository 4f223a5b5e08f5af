//! The engine's speed, and how much of a synthetic truth it explains: `cargo xtask bench model [--json]`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark measures time and reports on its standard output"
)]

use std::hint::black_box;
use std::time::Instant;

use ctr_model::engine::column::Salt;
use ctr_model::engine::{Half, Kind, Learner, Level, Rows, Scorer, Spec, Split};
use domain::random::SplitMix64;

/// Fields of an example: 29 of the request, 10 of the candidate.
const FIELDS: usize = 39;
const REQUEST_FIELDS: usize = 29;
/// The first fields are numbers, the others names.
const NUMBERS: usize = 13;
const CANDIDATES: usize = 100;
/// Hidden factors of the synthetic truth.
const HIDDEN: usize = 2;

/// How much is measured.
struct Effort {
    rows: usize,
    rounds: usize,
    requests: usize,
}

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    // `cargo bench` passes `--bench`; under `cargo test` little is measured to show that it works.
    let effort = if has("--bench") {
        Effort {
            rows: 200_000,
            rounds: 5,
            requests: 5_000,
        }
    } else {
        Effort {
            rows: 300,
            rounds: 1,
            requests: 5,
        }
    };
    let examples = Examples::new(effort.rows);
    let mut report = Report::default();
    learning(&examples, &effort, &mut report);
    serving(&examples, &effort, &mut report);
    report.print(has("--json"));
}

/// Names and numbers, in the order they are printed.
#[derive(Default)]
struct Report(Vec<(&'static str, f64)>);

impl Report {
    fn add(&mut self, name: &'static str, number: f64) {
        self.0.push((name, number));
    }

    fn print(&self, json: bool) {
        if json {
            let each: Vec<String> = self
                .0
                .iter()
                .map(|(name, number)| format!("\"{name}\": {number}"))
                .collect();
            println!("{{{}}}", each.join(", "));
            return;
        }
        for (name, number) in &self.0 {
            println!("{name:<44} {number:>16.3}");
        }
    }
}

/// A value before it is hashed.
enum Value {
    Number(f64),
    Name(String),
}

/// Rows of a truth with linear weights and with factors for the pairs of ten fields.
struct Examples {
    salts: Vec<Salt>,
    values: Vec<Value>,
    columns: Vec<u32>,
    labels: Vec<f32>,
    /// Log loss of the truth, and of the best constant, on the last tenth.
    truth: f64,
    entropy: f64,
}

impl Examples {
    fn new(rows: usize) -> Self {
        let mut rng = SplitMix64::new(1);
        let salts: Vec<Salt> = (0..FIELDS)
            .map(|field| Salt::new(&format!("field {field}"), 1))
            .collect();
        let mut all = Self {
            salts,
            values: Vec::new(),
            columns: Vec::new(),
            labels: Vec::new(),
            truth: 0.0,
            entropy: 0.0,
        };
        let (mut truth, mut clicks) = (0.0, 0.0);
        let later = rows - rows / 10;
        for row in 0..rows {
            // The square favours low numbers, as real values favour a few.
            let draw = |field: usize, u: f64| (values(field) * u * u) as u64;
            let drawn: Vec<u64> = (0..FIELDS).map(|field| draw(field, rng.unit())).collect();
            let p = 1.0 / (1.0 + (-score(&drawn)).exp());
            let label = f32::from(u8::from(rng.chance(p)));
            if row >= later {
                truth += loss(p, label);
                clicks += f64::from(label);
            }
            all.labels.push(label);
            for (field, &value) in drawn.iter().enumerate() {
                let value = if field < NUMBERS {
                    Value::Number(value as f64)
                } else {
                    Value::Name(format!("value-{value}"))
                };
                all.columns.push(token(all.salts[field], &value));
                all.values.push(value);
            }
        }
        let counted = (rows - later) as f64;
        let rate: f64 = clicks / counted;
        all.truth = truth / counted;
        all.entropy = -(rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln());
        all
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            columns: &self.columns,
            labels: &self.labels,
            weights: &[],
        }
    }

    /// Hashes some fields of a row.
    fn hash(&self, row: usize, fields: std::ops::Range<usize>, into: &mut [u32]) {
        let values = self.values[row * FIELDS..][fields.clone()]
            .iter()
            .zip(&self.salts[fields]);
        values
            .zip(into)
            .for_each(|((value, &salt), column)| *column = token(salt, value));
    }
}

fn token(salt: Salt, value: &Value) -> u32 {
    match value {
        Value::Number(number) => salt.number(*number),
        Value::Name(name) => salt.category(name.as_bytes()),
    }
}

/// How many values a field has: few where pairs matter, so that the rows suffice to learn them.
fn values(field: usize) -> f64 {
    if (NUMBERS..NUMBERS + 10).contains(&field) {
        30.0
    } else {
        (20 + 150 * field) as f64
    }
}

/// The truth's log-odds.
fn score(drawn: &[u64]) -> f64 {
    let of = |field: usize, part: u64| {
        SplitMix64::new((field as u64) << 40 | drawn[field] << 4 | part).normal()
    };
    let linear: f64 = (0..FIELDS).map(|field| 0.1 * of(field, 0)).sum();
    let mut pairs = 0.0;
    for left in NUMBERS..NUMBERS + 10 {
        for right in NUMBERS..left {
            pairs += (1..=HIDDEN as u64)
                .map(|part| of(left, part) * of(right, part))
                .sum::<f64>();
        }
    }
    -2.0 + linear + 0.12 * pairs
}

fn loss(p: f64, label: f32) -> f64 {
    if label > 0.5 {
        -p.ln()
    } else {
        -(1.0 - p).ln()
    }
}

/// Processor time of this thread, in nanoseconds.
fn cpu_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}

/// One pass over all rows: examples a processor second, examples a second, and the learner.
fn pass(
    spec: Spec,
    examples: &Examples,
    (level, threads): (Level, usize),
) -> (f64, f64, Vec<f32>, Learner) {
    let mut learner = Learner::new(spec, 1).unwrap();
    learner.set_level(level);
    let rows = examples.labels.len();
    let mut predictions = vec![0.0; rows];
    let (cpu, wall) = (cpu_ns(), Instant::now());
    learner.learn_batch(examples.rows(), threads, &mut predictions);
    let per_second = |ns: f64| rows as f64 * 1e9 / ns.max(1.0);
    let (cpu, wall) = (
        per_second(cpu_ns() - cpu),
        per_second(wall.elapsed().as_nanos() as f64),
    );
    (cpu, wall, predictions, learner)
}

fn spec(kind: Kind, k: usize) -> Spec {
    Spec {
        kind,
        fields: FIELDS,
        bits: 22,
        k,
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn learning(examples: &Examples, effort: &Effort, report: &mut Report) {
    let best = Level::detect();
    let cpu = |kind, k, level| {
        let rounds = (0..effort.rounds).map(|_| pass(spec(kind, k), examples, (level, 1)).0);
        median(rounds.collect())
    };
    let four = cpu(Kind::Ffm, 4, best);
    report.add("learn_linear_per_cpu_second", cpu(Kind::Linear, 4, best));
    report.add("learn_ffm4_per_cpu_second", four);
    report.add("learn_ffm8_per_cpu_second", cpu(Kind::Ffm, 8, best));
    report.add(
        "learn_ffm4_scalar_ratio",
        four / cpu(Kind::Ffm, 4, Level::Portable),
    );
    // Pairs of runs beside each other: a busy machine slows both.
    let both = (0..effort.rounds).map(|_| {
        let [one, two] =
            [1, 2].map(|threads| pass(spec(Kind::Ffm, 4), examples, (best, threads)).1);
        two / one
    });
    report.add("learn_ffm4_two_threads_ratio", median(both.collect()));
    for (name, kind) in [
        ("explained_linear", Kind::Linear),
        ("explained_ffm4", Kind::Ffm),
    ] {
        let (_, _, predictions, _) = pass(spec(kind, 4), examples, (best, 1));
        let later = predictions.len() - predictions.len() / 10;
        let losses = predictions.iter().zip(&examples.labels).skip(later);
        let losses: f64 = losses.map(|(&p, &label)| loss(f64::from(p), label)).sum();
        let mean = losses / (predictions.len() - later) as f64;
        report.add(
            name,
            (examples.entropy - mean) / (examples.entropy - examples.truth),
        );
    }
}

fn serving(examples: &Examples, effort: &Effort, report: &mut Report) {
    let (_, _, _, learner) = pass(spec(Kind::Ffm, 4), examples, (Level::detect(), 1));
    let mut scorer = Scorer::new(&learner.weights()).unwrap();
    let mut nanoseconds: Vec<f64> = (0..effort.requests)
        .map(|request| {
            let started = Instant::now();
            let mut columns = [0; FIELDS];
            examples.hash(request % examples.labels.len(), 0..FIELDS, &mut columns);
            black_box(scorer.predict(&columns));
            started.elapsed().as_nanos() as f64
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    report.add("score_ns_p50", nanoseconds[nanoseconds.len() / 2]);
    report.add("score_ns_p99", nanoseconds[nanoseconds.len() * 99 / 100]);
    let (cached, uncached) = hundred(&scorer, examples, effort);
    scorer.set_level(Level::Portable);
    let (portable, _) = hundred(&scorer, examples, effort);
    report.add("predictions_per_second_cached", cached);
    report.add("predictions_per_second_uncached", uncached);
    report.add("cache_gain", cached / uncached);
    report.add("scalar_ratio", cached / portable);
}

/// Predictions a processor second for requests of [`CANDIDATES`] candidates each, request by request with the
/// request's half kept and without, in alternating order: from typed fields to probabilities in both.
fn hundred(scorer: &Scorer, examples: &Examples, effort: &Effort) -> (f64, f64) {
    let split = Split::new(FIELDS, &(REQUEST_FIELDS..FIELDS).collect::<Vec<_>>());
    let all = examples.labels.len();
    let mut tokens = vec![[0; FIELDS - REQUEST_FIELDS]; CANDIDATES];
    for (candidate, tokens) in tokens.iter_mut().enumerate() {
        examples.hash(candidate % all, REQUEST_FIELDS..FIELDS, tokens);
    }
    let halves: Vec<Half> = tokens
        .iter()
        .map(|tokens| scorer.candidate(&split, tokens))
        .collect();
    let mut half = Half::default();
    let mut with = |request: usize| {
        let mut columns = [0; REQUEST_FIELDS];
        examples.hash(request % all, 0..REQUEST_FIELDS, &mut columns);
        scorer.request(&split, &columns, &mut half);
        for candidate in &halves {
            black_box(scorer.score(&half, candidate));
        }
    };
    let without = |request: usize| {
        let mut columns = [0; FIELDS];
        for candidate in 0..CANDIDATES {
            examples.hash(request % all, 0..REQUEST_FIELDS, &mut columns);
            examples.hash(
                candidate % all,
                REQUEST_FIELDS..FIELDS,
                &mut columns[REQUEST_FIELDS..],
            );
            black_box(scorer.predict(&columns));
        }
    };
    let (mut cached, mut uncached) = (Vec::new(), Vec::new());
    let timed = |work: &mut dyn FnMut(usize), request| {
        let started = Instant::now();
        work(request);
        started.elapsed().as_nanos() as f64
    };
    for request in 0..effort.requests {
        if request % 2 == 0 {
            cached.push(timed(&mut with, request));
            uncached.push(timed(&mut { without }, request));
        } else {
            uncached.push(timed(&mut { without }, request));
            cached.push(timed(&mut with, request));
        }
    }
    let per_second = |each| CANDIDATES as f64 * 1e9 / median(each);
    (per_second(cached), per_second(uncached))
}
