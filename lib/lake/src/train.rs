//! Training a model on tables: passes over cached or fresh rows, figures on each example before it is learned, checkpoints.

mod feed;

use std::path::{Path, PathBuf};

use ctr_model::calibration::Calibration;
use ctr_model::engine::learner::Learner;
use ctr_model::engine::{Rows, Spec};
use ctr_model::file::Precision;
use ctr_model::metrics::tally::Tally;
use ctr_model::table::Columns;
use ctr_model::trained::{Scores, Trained, slice_keys};
use domain::random::mix;

use crate::Format;
use crate::batch::{BATCH_ROWS, Batch, Wanted};
use crate::error::LakeError;
use crate::model::{Checkpoint, Position};
use feed::{Feed, cache_of};

/// Rows learned at once on several threads: long enough that starting and ending them does not count.
const SHARED_BATCH_ROWS: usize = 32 << 10;

/// What to learn from, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Tables, in this order.
    pub inputs: Vec<PathBuf>,
    /// How they are written.
    pub format: Format,
    /// The columns.
    pub columns: Columns,
    /// The shape.
    pub spec: Spec,
    /// How often everything is learned.
    pub passes: u32,
    /// Threads that learn; one is deterministic.
    pub threads: usize,
    /// Decides first values and which negatives are dropped.
    pub seed: u64,
    /// Where hashed rows are kept for the next run.
    pub cache: Option<PathBuf>,
    /// Rows that cannot be used are counted and left out.
    pub skip_bad_rows: bool,
    /// The share of negatives that are learned; predictions are as if all had been.
    pub negatives_kept: f32,
    /// The fields whose tokens are the calibration's slices.
    pub calibrate_by: Vec<u16>,
    /// Whether the model's rate is put right while it learns.
    pub calibrate: bool,
    /// Where the training is saved now and then, and each time after how many rows.
    pub checkpoint: Option<(PathBuf, u64)>,
}

/// Clocks in seconds, passed in because this crate has none.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// Processor time of the process.
    pub process: fn() -> f64,
    /// Processor time of the calling thread.
    pub thread: fn() -> f64,
}

/// How far it has come.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The pass, from 0.
    pub pass: u32,
    /// Bytes of this pass's files read, and all of them.
    pub bytes: (u64, u64),
    /// Rows of this run, all passes.
    pub rows: u64,
    /// The figures so far.
    pub tally: &'a Tally,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The model; of a training that was stopped, the model so far.
    pub model: Trained,
    /// Examples of this run, all passes.
    pub rows: u64,
    /// Rows left out of the first pass.
    pub skipped: u64,
    /// Processor time spent reading and hashing, in seconds.
    pub read_cpu: f64,
    /// Processor time of everything else, in seconds.
    pub learn_cpu: f64,
    /// It was stopped before the end.
    pub stopped: bool,
}

/// Trains. `from` is a model or checkpoint to go on from; `watch` is told of each batch and says whether to go on.
///
/// # Errors
/// When a table cannot be used or the disk refuses.
pub fn train(
    plan: &Plan,
    from: Start,
    clocks: Clocks,
    watch: &mut dyn FnMut(&Progress<'_>) -> bool,
) -> Result<Outcome, LakeError> {
    let started = (clocks.process)();
    let mut run = Run::new(plan, from, clocks)?;
    let finished = run.passes(watch)?;
    if !finished {
        run.save()?;
    }
    let cpu = (clocks.process)() - started;
    Ok(Outcome {
        model: run.model(),
        rows: run.rows,
        skipped: run.skipped,
        read_cpu: run.read_cpu,
        learn_cpu: (cpu - run.read_cpu).max(0.0),
        stopped: !finished,
    })
}

/// What a training begins with.
#[derive(Debug, Clone)]
pub enum Start {
    /// Nothing.
    Empty,
    /// A model, to learn more.
    Model(Box<Trained>),
    /// A checkpoint, to go on where it stopped.
    Checkpoint(Box<Checkpoint>),
}

impl Plan {
    /// The hash of all that decides what a checkpoint's position means.
    fn hash(&self) -> u64 {
        let paths = self
            .inputs
            .iter()
            .flat_map(|path| path.as_os_str().as_encoded_bytes());
        let spec = format!("{:?} {} {:?}", self.spec, self.seed, self.calibrate_by);
        let bytes = paths.chain(spec.as_bytes()).map(|&byte| u64::from(byte));
        let numbers = [
            self.columns.hash(),
            u64::from(self.negatives_kept.to_bits()),
            u64::from(self.skip_bad_rows) << 2
                | u64::from(self.calibrate) << 1
                | u64::from(self.threads > 1),
        ];
        bytes
            .chain(numbers)
            .fold(1, |hash: u64, part| mix(hash.rotate_left(5) ^ part))
    }

    fn wanted(&self) -> Wanted<'static> {
        Wanted {
            label: true,
            text: None,
            skip_bad_rows: self.skip_bad_rows,
        }
    }
}

/// A training under way.
struct Run<'a> {
    plan: &'a Plan,
    clocks: Clocks,
    learner: Learner,
    calibration: Calibration,
    tally: Tally,
    parent: u64,
    position: Position,
    rows: u64,
    saved_at: u64,
    skipped: u64,
    read_cpu: f64,
    predictions: Vec<f32>,
    keys: Vec<u32>,
    kept: Batch,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, from: Start, clocks: Clocks) -> Result<Self, LakeError> {
        let refused = |why: String| LakeError::Refused { why };
        let (from, position, tally) = match from {
            Start::Empty => (None, Position::default(), Tally::default()),
            Start::Model(model) => (Some(model), Position::default(), Tally::default()),
            Start::Checkpoint(checkpoint) if checkpoint.plan == plan.hash() => {
                let Checkpoint {
                    position,
                    tally,
                    model,
                    ..
                } = *checkpoint;
                (Some(Box::new(model)), position, tally)
            }
            Start::Checkpoint(_) => {
                return Err(refused("the checkpoint is of other inputs, columns or options: go on with those, or delete it".to_owned()));
            }
        };
        let parent = from.as_ref().map_or(0, |model| model.version);
        let (learner, calibration) = match from {
            None => {
                let learner = Learner::new(plan.spec, plan.seed)
                    .map_err(|error| refused(error.to_string()))?;
                (
                    learner,
                    Calibration::new(plan.calibrate_by.len())
                        .with_negatives_kept(plan.negatives_kept),
                )
            }
            Some(model) => {
                fits(&model, plan)?;
                (
                    model
                        .learner()
                        .map_err(|error| refused(error.to_string()))?,
                    model.calibration,
                )
            }
        };
        Ok(Self {
            plan,
            clocks,
            learner,
            calibration,
            tally,
            parent,
            position,
            rows: 0,
            saved_at: 0,
            skipped: 0,
            read_cpu: 0.0,
            predictions: Vec::new(),
            keys: Vec::new(),
            kept: Batch::default(),
        })
    }

    /// True when all passes are done, false when it was told to stop.
    fn passes(&mut self, watch: &mut dyn FnMut(&Progress<'_>) -> bool) -> Result<bool, LakeError> {
        while self.position.pass < self.plan.passes {
            // Rows seen before would make the rates look too low.
            self.learner.hold_paces(self.position.pass > 0);
            while let Some(input) = self.plan.inputs.get(self.position.table as usize) {
                if !self.table(input, watch)? {
                    return Ok(false);
                }
                self.position.table += 1;
                self.position.rows = 0;
            }
            self.position = Position {
                pass: self.position.pass + 1,
                ..Position::default()
            };
            self.learner.next_epoch();
        }
        Ok(true)
    }

    fn table(
        &mut self,
        input: &Path,
        watch: &mut dyn FnMut(&Progress<'_>) -> bool,
    ) -> Result<bool, LakeError> {
        let mut feed = Feed::open(self.plan, input)?;
        let done = self.sizes(self.position.table as usize);
        let all = self.sizes(usize::MAX);
        let mut to_skip = self.position.rows;
        if self.plan.threads > 1 {
            return self.shared_table(feed, (done, all), watch);
        }
        let mut batch = Batch::default();
        loop {
            let before = (self.clocks.thread)();
            feed.read(&mut batch)?;
            self.read_cpu += (self.clocks.thread)() - before;
            if batch.is_empty() {
                break;
            }
            if to_skip > 0 {
                to_skip = to_skip.saturating_sub(batch.len() as u64);
                continue;
            }
            let bytes = (done + feed.bytes_read(), all);
            if !self.batch(&batch, bytes, watch)? {
                return Ok(false);
            }
        }
        self.skipped += feed.skipped();
        feed.finish()?;
        Ok(true)
    }

    /// As the loop of `table`, with the reading on a thread of its own.
    fn shared_table(
        &mut self,
        mut feed: Feed,
        (done, all): (u64, u64),
        watch: &mut dyn FnMut(&Progress<'_>) -> bool,
    ) -> Result<bool, LakeError> {
        let clock = self.clocks.thread;
        let mut to_skip = self.position.rows;
        let (full, filled) = std::sync::mpsc::sync_channel::<(Batch, u64)>(1);
        let (back, empty) = std::sync::mpsc::channel();
        // Two batches go round: one is filled while the other is learned.
        for _ in 0..2 {
            back.send(Batch::of_rows(SHARED_BATCH_ROWS))
                .unwrap_or_default();
        }
        std::thread::scope(|scope| {
            let reader = scope.spawn(move || -> Result<(Feed, f64), LakeError> {
                let before = clock();
                while let Ok(mut batch) = empty.recv() {
                    feed.read(&mut batch)?;
                    let read = feed.bytes_read();
                    if batch.is_empty() || full.send((batch, read)).is_err() {
                        break;
                    }
                }
                drop(full);
                Ok((feed, clock() - before))
            });
            let mut going = true;
            while let Ok((batch, read)) = filled.recv() {
                if to_skip > 0 {
                    to_skip = to_skip.saturating_sub(batch.len() as u64);
                } else {
                    going = self.batch(&batch, (done + read, all), watch)?;
                }
                if !going || back.send(batch).is_err() {
                    break;
                }
            }
            drop((filled, back));
            let ended = reader.join().map_err(|_| LakeError::Refused {
                why: "the reading thread panicked".to_owned(),
            })?;
            let (feed, cpu) = ended?;
            self.read_cpu += cpu;
            self.skipped += feed.skipped();
            if going {
                feed.finish()?;
            }
            Ok(going)
        })
    }

    /// Learns a batch; false when it was told to stop.
    fn batch(
        &mut self,
        batch: &Batch,
        bytes: (u64, u64),
        watch: &mut dyn FnMut(&Progress<'_>) -> bool,
    ) -> Result<bool, LakeError> {
        self.learn(batch);
        self.rows += batch.len() as u64;
        self.position.rows += batch.len() as u64;
        if let Some((_, every)) = &self.plan.checkpoint
            && self.rows - self.saved_at >= *every
        {
            self.save()?;
        }
        Ok(watch(&Progress {
            pass: self.position.pass,
            bytes,
            rows: self.rows,
            tally: &self.tally,
        }))
    }

    fn learn(&mut self, batch: &Batch) {
        if self.plan.negatives_kept < 1.0 {
            return self.learn_sampled(batch);
        }
        self.learn_rows(batch);
        self.count(batch);
    }

    fn learn_rows(&mut self, batch: &Batch) {
        self.predictions.resize(batch.len(), 0.0);
        let rows = Rows {
            columns: &batch.columns,
            labels: &batch.labels,
            weights: &[],
        };
        self.learner
            .learn_batch(rows, self.plan.threads, &mut self.predictions);
    }

    /// Counts what was predicted of a batch in the first pass: later ones know the labels already.
    fn count(&mut self, batch: &Batch) {
        let first = self.position.pass == 0;
        let fields = self.plan.columns.names().len();
        let calibrated = self.plan.calibrate || !self.calibration.is_identity();
        let rows = batch.columns.chunks_exact(fields).zip(&batch.labels);
        for ((columns, &label), &predicted) in rows.zip(&self.predictions) {
            let clicked = label > 0.5;
            let mut predicted = predicted;
            if calibrated {
                slice_keys(&self.plan.calibrate_by, columns, &mut self.keys);
                predicted = if first && self.plan.calibrate {
                    self.calibration.learn(predicted, &self.keys, clicked)
                } else {
                    self.calibration.apply(predicted, &self.keys)
                };
            }
            if first {
                self.tally.add(predicted, clicked);
            }
        }
    }

    /// Predicts every row and learns the clicks and a share of the others, drawn by their place.
    fn learn_sampled(&mut self, batch: &Batch) {
        let fields = self.plan.columns.names().len();
        self.predictions.clear();
        let rows = batch.columns.chunks_exact(fields);
        self.predictions
            .extend(rows.clone().map(|columns| self.learner.predict(columns)));
        self.count(batch);
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        let place = mix(self.plan.seed ^ u64::from(self.position.table) << 40 ^ self.position.rows);
        for (at, (columns, &label)) in rows.zip(&batch.labels).enumerate() {
            let draw = (mix(place.wrapping_add(at as u64)) >> 40) as f32 / (1_u64 << 24) as f32;
            if label > 0.5 || draw < self.plan.negatives_kept {
                kept.columns.extend(columns);
                kept.labels.push(label);
            }
        }
        self.learn_rows(&kept);
        self.kept = kept;
    }

    /// Bytes of the first so many inputs, as they will be read.
    fn sizes(&self, first: usize) -> u64 {
        let size = |input: &PathBuf| {
            let cached = cache_of(self.plan, input)
                .ok()
                .flatten()
                .map_or(0, |place| place.bytes());
            match cached {
                0 => std::fs::metadata(input).map_or(0, |about| about.len()),
                bytes => bytes,
            }
        };
        self.plan.inputs.iter().take(first).map(size).sum()
    }

    fn model(&self) -> Trained {
        let snapshot = self.learner.snapshot();
        Trained {
            version: 0,
            parent: self.parent,
            columns: self.plan.columns.clone(),
            scores: Scores::from(&self.tally),
            calibration: self.calibration.clone(),
            calibrated_by: self.plan.calibrate_by.clone(),
            precision: Precision::Full,
            weights: snapshot.weights,
            optimiser: Some(snapshot.optimiser),
        }
    }

    fn save(&mut self) -> Result<(), LakeError> {
        let Some((path, _)) = &self.plan.checkpoint else {
            return Ok(());
        };
        self.saved_at = self.rows;
        let checkpoint = Checkpoint {
            plan: self.plan.hash(),
            position: self.position,
            tally: self.tally.clone(),
            model: self.model(),
        };
        checkpoint.save(path)
    }
}

/// Refuses to go on from a model of another shape.
fn fits(model: &Trained, plan: &Plan) -> Result<(), LakeError> {
    let why = if model.columns.hash() != plan.columns.hash() {
        "it was trained on other columns"
    } else if model.spec() != plan.spec {
        "it is of another kind, k or table size"
    } else if model.calibrated_by != plan.calibrate_by
        || model.calibration.negatives_kept() != plan.negatives_kept
    {
        "it is calibrated in another way"
    } else {
        return Ok(());
    };
    let why = format!("cannot go on from this model: {why}");
    Err(LakeError::Refused { why })
}

const _: () = assert!(SHARED_BATCH_ROWS.is_multiple_of(BATCH_ROWS));
