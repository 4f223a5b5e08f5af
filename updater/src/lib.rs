//! The updater: follows the event log and keeps the live state.
//!
//! Three sinks, each exactly once by its own means: the keyed state (accounts, ledger, caps, profiles, sightings)
//! commits each batch with its offsets; reports commit each delta with theirs; the learner's checkpoint contains its
//! own. On start the log is read from the smallest of the three, and each sink skips what it has.
//! Which of several repeats of an event counts is decided once, by the sightings in the keyed state.

pub mod arms;
pub mod config;
pub mod join;
pub mod judge;
pub mod learner;
pub mod metrics;
pub mod registry;
pub mod rollup;
pub mod service;
pub mod settle;
mod sinks;
pub mod totals;

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use event_log::{Consumer, EventLog, LogError, Partition, Polled, Topic};
use store::StoreError;
use store::budget::Budgets;
use store::keyed::KeyedStore;
use store::offsets::Offsets;
use store::report::ReportStore;
use store::snapshot::SnapshotStore;

pub use config::Config;
pub use learner::Learner;
pub use service::Service;
use sinks::Sinks;

/// The consumer group of updaters.
pub const GROUP: &str = "updater";
/// What it follows.
pub const TOPICS: &[Topic] = &[Topic::Bids, Topic::UserEvents, Topic::Billing];

/// What went wrong. All of it may be retried: nothing is lost by a failed step.
#[derive(Debug, thiserror::Error)]
pub enum UpdaterError {
    /// The event log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the updater works on.
#[derive(Clone)]
pub struct Deps {
    /// Where events come from.
    pub log: Arc<dyn EventLog>,
    /// Accounts, ledger, caps and profiles.
    pub keyed: Arc<dyn KeyedStore>,
    /// Reports.
    pub reports: Arc<dyn ReportStore>,
    /// Models and checkpoints.
    pub snapshots: Arc<dyn SnapshotStore>,
}

/// Follows the log, one batch a step.
pub struct Updater {
    log: Arc<dyn EventLog>,
    consumer: Box<dyn Consumer>,
    snapshots: Arc<dyn SnapshotStore>,
    sinks: Sinks,
    /// A batch whose application failed: applied again before anything else is read.
    unfinished: Option<(Partition, Vec<event_log::Stored>)>,
}

impl Updater {
    /// Opens the sinks where they stand and joins the consumer group.
    ///
    /// # Errors
    /// When the log or a store fails.
    pub fn open(deps: Deps, config: &Config, now: Timestamp) -> Result<Self, UpdaterError> {
        let consumer = deps.log.join(GROUP, TOPICS)?;
        let sinks = Sinks {
            state_offsets: store::state::applied(deps.keyed.as_ref())?,
            report_offsets: deps.reports.applied()?,
            learner: Learner::open(deps.snapshots.as_ref(), config, now)?,
            budgets: Budgets::new(deps.keyed, config.lateness_ms),
            reports: deps.reports,
        };
        Ok(Self {
            log: deps.log,
            consumer,
            snapshots: deps.snapshots,
            sinks,
            unfinished: None,
        })
    }

    /// Waits at most `wait` for a batch and applies it to every sink. Returns whether anything came.
    ///
    /// # Errors
    /// When the log or a store fails; calling again repeats the batch where it was left.
    pub fn step(&mut self, now: Timestamp, wait: Duration) -> Result<bool, UpdaterError> {
        if self.unfinished.is_some() {
            self.sinks.reload()?;
        }
        let polled = match self.unfinished.take() {
            Some((partition, records)) => Polled::Records(partition, records),
            None => self.consumer.poll(wait)?,
        };
        let busy = match polled {
            Polled::Assigned(partitions) => {
                self.start(&partitions)?;
                true
            }
            Polled::Revoked(_) => true,
            Polled::Records(partition, records) => {
                if let Err(error) = self.sinks.apply(partition, &records, now) {
                    ::metrics::counter!(metrics::RETRIES).increment(1);
                    self.unfinished = Some((partition, records));
                    return Err(error);
                }
                true
            }
            Polled::Idle => false,
        };
        self.sinks.learner.publish(self.snapshots.as_ref(), now)?;
        Ok(busy)
    }

    /// Reads each new partition from where the sink that is furthest behind stands.
    fn start(&mut self, partitions: &[Partition]) -> Result<(), UpdaterError> {
        for partition in partitions {
            let (topic, index) = (partition.topic.name(), partition.index);
            let wanted = self
                .sinks
                .all_offsets()
                .map(|offsets| offsets.next(topic, index))
                .min()
                .unwrap_or(0);
            let (oldest, _) = self.log.range(*partition)?;
            self.consumer.seek(*partition, wanted.max(oldest));
        }
        Ok(())
    }

    /// How far every sink has applied: nothing before it is needed any more.
    pub fn applied(&self) -> Offsets {
        let mut least = self.sinks.state_offsets.clone();
        for ((topic, partition), next) in &mut least.0 {
            let all = self
                .sinks
                .all_offsets()
                .map(|offsets| offsets.next(topic, *partition));
            *next = all.min().unwrap_or(0);
        }
        least
    }

    /// Whether accounts and reports include the same part of the log: not after a step that failed between them.
    pub fn in_step(&self) -> bool {
        self.sinks.state_offsets == self.sinks.report_offsets
    }

    /// Whether everything acknowledged so far is applied to accounts and reports.
    ///
    /// # Errors
    /// When the log fails.
    pub fn caught_up(&self) -> Result<bool, UpdaterError> {
        for topic in TOPICS {
            for index in 0..self.log.partitions(*topic) {
                let (_, end) = self.log.range(Partition {
                    topic: *topic,
                    index,
                })?;
                let behind = |offsets: &Offsets| offsets.next(topic.name(), index) < end;
                if behind(&self.sinks.state_offsets) || behind(&self.sinks.report_offsets) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Saves the learner's state, for a quick start next time.
    ///
    /// # Errors
    /// When the storage fails; the log still has everything.
    pub fn close(mut self, now: Timestamp) -> Result<(), UpdaterError> {
        self.sinks.learner.save(self.snapshots.as_ref(), now)
    }

    /// The learner, for its figures.
    pub fn learner(&self) -> &Learner {
        &self.sinks.learner
    }

    /// The models in service, for an operator's orders, with where they are published.
    pub fn service(&mut self) -> (&mut Service, &dyn SnapshotStore) {
        (self.sinks.learner.service(), self.snapshots.as_ref())
    }
}
