//! The learner: predicts, then learns; one thread deterministically, several without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::dense::Dense;
use super::example::{FactorRate, Interactions, LinearStep, PresentRows, Scratch, Step};
use super::factors::Factors;
use super::pace::{Pace, Steps, packed, unpacked};
use super::simd::Level;
use super::table::{Entry, Slot, Standing, Table};
use super::{Kind, Rows, Spec, SpecError};
use crate::odds::probability;

/// First rate of linear weights that stand alone.
const LINEAR_RATE: f32 = 0.05;
/// First rate of linear weights beside factors, which learn most of the same.
const LINEAR_RATE_BESIDE: f32 = 0.02;
/// First rate of factors.
const FACTOR_RATE: f32 = 0.02;
/// Pull of factors towards zero.
const FACTOR_DECAY: f32 = 1e-4;
/// Prior precision of the intercept: a standard deviation of 2 reaches any usual rate within some dozen clicks.
const BIAS_PRECISION: f32 = 0.25;
/// A token gets factors at its third sighting: half of all tokens are seen once or twice, and say nothing yet.
pub(crate) const ADMITTED_AFTER: u32 = 2;
/// Scores are kept within e^±20, beyond any rate that can be measured.
const SCORE_MAX: f32 = 20.0;
/// Largest weight of an example.
const IMPORTANCE_MAX: f32 = 1e4;
/// How many examples ahead the table is asked for.
const AHEAD: usize = 3;

/// How full the table is and what did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableStats {
    /// Tokens that have a weight.
    pub keys: usize,
    /// Tokens the table has room for.
    pub slots: usize,
    /// Tokens that have a row of factors.
    pub rows: usize,
    /// Sightings of a token that found no room and said nothing: what collides, over `lookups`.
    pub refused: u64,
    /// Sightings while learning.
    pub lookups: u64,
}

/// A model in training.
#[derive(Debug)]
pub struct Learner {
    pub(super) spec: Spec,
    steps: Steps,
    level: Level,
    pub(super) seed: u64,
    /// The intercept and its information.
    pub(super) bias: AtomicU64,
    /// How fast linear weights and factors learn.
    pub(super) paces: [Pace; 2],
    paces_held: bool,
    pub(super) table: Table,
    pub(super) factors: Factors,
    pub(super) dense: Dense,
    pub(super) counts: Counts,
    workers: Vec<Worker>,
}

/// What has happened while learning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) examples: u64,
    refused: u64,
}

/// What one thread needs of its own.
#[derive(Debug)]
struct Worker {
    now: Sighted,
    next: Sighted,
    scratch: Scratch,
    weights: Vec<f32>,
    states: Vec<f32>,
    /// The parts of the last score: linear weights, interactions.
    parts: [f32; 2],
    counts: Counts,
}

/// Where an example's tokens are.
#[derive(Debug)]
struct Sighted {
    slots: Vec<Slot>,
    rows: PresentRows,
}

impl Sighted {
    fn new(spec: &Spec) -> Self {
        Self {
            slots: vec![Slot::NONE; spec.fields],
            rows: Vec::with_capacity(spec.fields),
        }
    }
}

impl Worker {
    fn new(spec: &Spec, factors: &Factors) -> Self {
        let k = spec.row_len().checked_div(spec.factored()).unwrap_or(0);
        Self {
            scratch: Scratch::new(spec.factored(), k, factors.numbers()),
            now: Sighted::new(spec),
            next: Sighted::new(spec),
            weights: vec![0.0; spec.fields],
            states: vec![0.0; spec.fields],
            parts: [0.0; 2],
            counts: Counts::default(),
        }
    }
}

impl Learner {
    /// One that knows nothing; the seed decides the factors' first values.
    ///
    /// # Errors
    /// When the shape is out of bounds.
    pub fn new(spec: Spec, seed: u64) -> Result<Self, SpecError> {
        spec.check()?;
        let factors = Factors::new(&spec, seed);
        Ok(Self {
            spec,
            steps: Steps::default(),
            level: Level::detect(),
            seed,
            bias: AtomicU64::new(0),
            paces: match spec.kind {
                Kind::Linear => [Pace::new(LINEAR_RATE), Pace::new(FACTOR_RATE)],
                Kind::Ffm | Kind::DeepFfm | Kind::Wide(_) => {
                    [Pace::new(LINEAR_RATE_BESIDE), Pace::new(FACTOR_RATE)]
                }
            },
            paces_held: false,
            table: Table::new(spec.bits),
            workers: vec![Worker::new(&spec, &factors)],
            factors,
            dense: Dense::new(&spec, seed),
            counts: Counts::default(),
        })
    }

    /// Uses these builds of the kernels: for tests and for measuring.
    pub fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// Steps by this law from now on; snapshots do not keep it.
    #[must_use]
    pub fn with_steps(mut self, steps: Steps) -> Self {
        self.steps = steps;
        self
    }

    /// The shape.
    pub fn spec(&self) -> Spec {
        self.spec
    }

    /// Examples learned.
    pub fn examples(&self) -> u64 {
        self.counts.examples
    }

    /// The probability of label 1.
    ///
    /// # Panics
    /// When `columns` does not have one token a field.
    pub fn predict(&mut self, columns: &[u32]) -> f32 {
        self.with_workers(|learner, workers| {
            workers.first_mut().map_or(0.5, |worker| {
                learner.look_up(&mut worker.now, columns);
                probability(learner.score(worker))
            })
        })
    }

    /// Learns one example; returns what was predicted before. Weights and labels that are no numbers
    /// are not learned.
    ///
    /// # Panics
    /// When `columns` does not have one token a field.
    pub fn learn(&mut self, columns: &[u32], label: f32, weight: f32) -> f32 {
        let rows = Rows {
            columns,
            labels: &[label],
            weights: &[weight],
        };
        let mut predicted = [0.0];
        self.learn_batch(rows, 1, &mut predicted);
        predicted[0]
    }

    /// A late click on an example that was already learned as label 0.
    ///
    /// The log loss has the gradient p - y, so turning y from 0 to 1 changes it by exactly -1 whatever p was
    /// when the example was learned. Tokens that were forgotten since are left out.
    ///
    /// # Panics
    /// When `columns` does not have one token a field.
    pub fn correct(&mut self, columns: &[u32]) {
        self.correct_by(columns, 1.0);
    }

    /// As [`Self::correct`], for a label that was learned as a chance: it turned out to be higher by `change`,
    /// which may be below zero.
    ///
    /// # Panics
    /// When `columns` does not have one token a field.
    pub fn correct_by(&mut self, columns: &[u32], change: f32) {
        if !change.is_finite() {
            return;
        }
        self.with_workers(|learner, workers| {
            if let Some(worker) = workers.first_mut() {
                learner.look_up(&mut worker.now, columns);
                learner.score(worker);
                // What the example said about how sure to be is counted already: no information is added.
                learner.step(worker, -change.clamp(-1.0, 1.0), 0.0);
            }
        });
    }

    /// Learns rows, on so many threads; `predictions` gets what was predicted of each before it was learned.
    /// With one thread the result depends on nothing but the rows and the seed.
    ///
    /// # Panics
    /// When the slices do not have one entry (`columns`: one per field) a row.
    pub fn learn_batch(&mut self, rows: Rows<'_>, threads: usize, predictions: &mut [f32]) {
        rows.check(self.spec.fields);
        assert_eq!(
            predictions.len(),
            rows.labels.len(),
            "a prediction for every row"
        );
        let share = predictions.len().div_ceil(threads.max(1)).max(1);
        self.with_workers(|learner, workers| {
            workers.resize_with(threads.max(1), || {
                Worker::new(&learner.spec, &learner.factors)
            });
            let parts = rows
                .split(learner.spec.fields, share)
                .zip(predictions.chunks_mut(share));
            std::thread::scope(|scope| {
                let mut parts = parts.zip(workers.iter_mut());
                let own = parts.next();
                for ((rows, out), worker) in parts {
                    scope.spawn(move || learner.learn_part(worker, rows, out));
                }
                if let Some(((rows, out), worker)) = own {
                    learner.learn_part(worker, rows, out);
                }
            });
        });
        for worker in &mut self.workers {
            let counts = std::mem::take(&mut worker.counts);
            self.counts.examples += counts.examples;
            self.counts.refused += counts.refused;
        }
    }

    /// Holds the rates where they are, or lets them find themselves again. Hold them before rows are learned
    /// that were learned already: what was seen before would make every rate look too low.
    pub fn hold_paces(&mut self, held: bool) {
        self.paces_held = held;
    }

    /// Time goes on by one: tokens that were not admitted may be replaced when they are not seen again.
    pub fn next_epoch(&mut self) {
        self.table.epoch = self.table.epoch.wrapping_add(1);
    }

    /// Forgets all tokens that were not seen for more than `epochs`, at most 254.
    pub fn evict(&mut self, epochs: u8) {
        let factors = &mut self.factors;
        self.table
            .evict(epochs.min(u8::MAX - 1), |row| factors.release(row));
    }

    /// How full the table is.
    pub fn stats(&self) -> TableStats {
        TableStats {
            keys: self.table.entries().count(),
            slots: 1 << self.spec.bits,
            rows: self.factors.rows(),
            refused: self.counts.refused,
            lookups: self.counts.examples * self.spec.fields as u64,
        }
    }

    /// Lends the buffers out: threads share the learner while each changes its own.
    fn with_workers<R>(&mut self, work: impl FnOnce(&Self, &mut Vec<Worker>) -> R) -> R {
        let mut workers = std::mem::take(&mut self.workers);
        let result = work(self, &mut workers);
        self.workers = workers;
        result
    }

    /// Learns one example after another, while the memory of those to come is on its way: buckets of the
    /// table a few examples ahead, rows of factors one ahead.
    fn learn_part(&self, worker: &mut Worker, rows: Rows<'_>, out: &mut [f32]) {
        let mut ahead = rows.columns.chunks_exact(self.spec.fields);
        for columns in ahead.by_ref().take(AHEAD) {
            columns.iter().for_each(|&token| self.table.prefetch(token));
        }
        let mut to_sight = rows.columns.chunks_exact(self.spec.fields);
        self.sight_next(worker, &mut to_sight);
        for (at, (&label, out)) in rows.labels.iter().zip(out).enumerate() {
            for &token in ahead.next().unwrap_or_default() {
                self.table.prefetch(token);
            }
            std::mem::swap(&mut worker.now, &mut worker.next);
            self.sight_next(worker, &mut to_sight);
            let weight = rows.weights.get(at).copied().unwrap_or(1.0);
            *out = self.learn_one(worker, label, weight);
        }
    }

    fn sight_next(&self, worker: &mut Worker, columns: &mut std::slice::ChunksExact<'_, u32>) {
        if let Some(columns) = columns.next() {
            worker.counts.refused += self.sight(&mut worker.next, columns);
        }
    }

    fn learn_one(&self, worker: &mut Worker, label: f32, weight: f32) -> f32 {
        let score = self.score(worker);
        let predicted = probability(score);
        let gradient = (predicted - label) * weight.clamp(0.0, IMPORTANCE_MAX);
        if gradient.is_finite() && weight > 0.0 {
            self.follow(worker, gradient);
            self.step(worker, gradient, predicted);
        }
        worker.counts.examples += 1;
        predicted
    }

    /// Finds the example's entries without changing anything.
    fn look_up(&self, sighted: &mut Sighted, columns: &[u32]) {
        assert_eq!(columns.len(), self.spec.fields, "a token for every field");
        sighted.rows.clear();
        for (field, (&token, slot)) in columns.iter().zip(&mut sighted.slots).enumerate() {
            *slot = self.table.find(token);
            let standing = self.table.entry(*slot).map(Entry::standing);
            if let Some(Standing::Row(row)) = standing.filter(|_| field < self.spec.factored()) {
                sighted.rows.push((field, row));
            }
        }
    }

    /// Finds or makes the example's entries, and admits those that were seen often enough; gives how many
    /// found no room. Two threads that admit one token at once leave one of two rows unused.
    #[inline(always)]
    fn sight(&self, sighted: &mut Sighted, columns: &[u32]) -> u64 {
        let Sighted { slots, rows } = sighted;
        rows.clear();
        let mut refused = 0;
        let factored = self.spec.factored();
        for (field, (&token, slot)) in columns.iter().zip(slots).enumerate() {
            let (found, standing) = self.table.sight(token);
            *slot = found;
            refused += u64::from(found == Slot::NONE);
            let row = match standing {
                _ if field >= factored => None,
                Standing::Row(row) => Some(row),
                Standing::Seen(seen) if seen >= ADMITTED_AFTER => self.admit(token, found),
                Standing::Seen(_) => None,
            };
            if let Some(row) = row {
                self.factors.prefetch(row);
                rows.push((field, row));
            }
        }
        refused
    }

    #[cold]
    fn admit(&self, token: u32, slot: Slot) -> Option<u32> {
        let entry = self.table.entry(slot)?;
        let row = self.factors.admit(token)?;
        entry.admit(row, self.table.epoch);
        Some(row)
    }

    /// The log-odds of the example whose entries were found.
    fn score(&self, worker: &mut Worker) -> f32 {
        let mut linear = 0.0;
        let numbers = worker.weights.iter_mut().zip(&mut worker.states);
        for (&slot, (weight, state)) in worker.now.slots.iter().zip(numbers) {
            [*weight, *state] = self.table.entry(slot).map_or([0.0; 2], Entry::pair);
            linear += *weight;
        }
        let interactions = match self.spec.kind {
            Kind::Linear => 0.0,
            _ if self.spec.k == 8 => self.interactions::<8>(worker),
            _ => self.interactions::<4>(worker),
        };
        worker.parts = [linear, interactions];
        let [bias, _] = unpacked(self.bias.load(Relaxed));
        let sum = bias + linear + interactions + self.dense.residual(worker.parts);
        sum.clamp(-SCORE_MAX, SCORE_MAX)
    }

    fn interactions<const K: usize>(&self, worker: &mut Worker) -> f32 {
        let (factors, rows) = (&self.factors, &worker.now.rows);
        let scratch = &mut worker.scratch;
        self.level.run(Interactions::<K> {
            factors,
            rows,
            scratch,
        })
    }

    /// Lets the rates find themselves by an example that is not learned yet.
    fn follow(&self, worker: &Worker, gradient: f32) {
        if self.paces_held {
            return;
        }
        self.paces[0].follow(gradient, worker.parts[0]);
        if self.spec.kind != Kind::Linear {
            self.paces[1].follow(gradient, worker.parts[1]);
        }
    }

    /// Moves all numbers of the example whose score was computed.
    fn step(&self, worker: &mut Worker, gradient: f32, predicted: f32) {
        let [bias, information] = unpacked(self.bias.load(Relaxed));
        let information = information + predicted * (1.0 - predicted);
        let bias = bias - gradient / (BIAS_PRECISION + information);
        self.bias.store(
            packed([bias.clamp(-SCORE_MAX, SCORE_MAX), information]),
            Relaxed,
        );
        self.dense.step(gradient, worker.parts);
        self.level.run(LinearStep {
            weights: &mut worker.weights,
            states: &mut worker.states,
            rate: self.steps.linear_rate(&self.paces[0], self.counts.examples),
            gradient,
        });
        let numbers = worker.weights.iter().zip(&worker.states);
        for (&slot, (&weight, &state)) in worker.now.slots.iter().zip(numbers) {
            if let Some(entry) = self.table.entry(slot) {
                entry.set_pair([weight, state]);
            }
        }
        match self.spec.kind {
            Kind::Linear => {}
            _ if self.spec.k == 8 => self.step_factors::<8>(worker, gradient),
            _ => self.step_factors::<4>(worker, gradient),
        }
    }

    fn step_factors<const K: usize>(&self, worker: &mut Worker, gradient: f32) {
        let (factors, rows) = (&self.factors, &worker.now.rows);
        let rate = FactorRate {
            rate: self.paces[1].rate(),
            start: self.steps.factor_start(),
            decay: FACTOR_DECAY,
        };
        let scratch = &mut worker.scratch;
        self.level.run(Step::<K> {
            factors,
            rows,
            scratch,
            rate,
            gradient,
        });
    }
}
