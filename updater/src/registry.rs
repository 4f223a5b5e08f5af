//! The models that were in service, kept beside the published one, and what an operator has decided about them.
//!
//! One small record names every kept model; the model's bytes are a snapshot of their own. The record is written before a model is
//! and after one is removed, and on start it forgets what it names and is not there: a crash leaves no file that nothing names.

use ctr_model::trained::Scores;
use domain::Timestamp;
use prost::Message;
use proto::state::{KeptModel, ModelRegistry, ModelScores};
use store::StoreError;
use store::snapshot::SnapshotStore;

use crate::judge::Standing;

/// The name under which the record is published.
pub const REGISTRY: &str = "model-registry";
/// The newest models stay, whatever their age.
const NEWEST_KEPT: usize = 3;
/// One model of each hour stays for a day, and one of each day for this many days.
const DAYS_KEPT: i64 = 14;
/// Most bytes of kept models; the oldest give way.
const BYTES_MAX: u64 = 4 << 30;
/// Models that the learner puts into service are kept no more often, in milliseconds: it publishes every few seconds.
const LEARNED_EVERY_MS: i64 = 600_000;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The record, with the version under which it was published last.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Registry {
    pub(crate) record: ModelRegistry,
    published: u64,
}

/// A model that is to be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) version: u64,
    pub(crate) bytes: &'a [u8],
    pub(crate) learned: bool,
    pub(crate) standing: Option<Standing>,
}

/// The name under which a kept model is stored.
pub fn name_of(version: u64) -> String {
    format!("served-{version}")
}

impl Registry {
    /// Reads the record and forgets models that are not there. A damaged one is begun anew: it must not keep the
    /// updater from booking.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn open(snapshots: &dyn SnapshotStore) -> Result<Self, StoreError> {
        let Some((published, bytes)) = snapshots.load(REGISTRY)? else {
            return Ok(Self::default());
        };
        let mut record = ModelRegistry::decode(bytes.as_slice()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the registry of models is damaged and begun anew");
            ModelRegistry::default()
        });
        let mut there = Vec::with_capacity(record.kept.len());
        for kept in record.kept {
            if snapshots.version(&name_of(kept.version))?.is_some() {
                there.push(kept);
            }
        }
        record.kept = there;
        Ok(Self { record, published })
    }

    /// The kept model with this version.
    pub(crate) fn kept(&self, version: u64) -> Option<&KeptModel> {
        self.record.kept.iter().find(|own| own.version == version)
    }

    /// The newest kept model that is older than this version.
    pub(crate) fn before(&self, version: u64) -> Option<u64> {
        let older = self.record.kept.iter().map(|own| own.version);
        older.filter(|own| *own < version).max()
    }

    /// Whether the learner's newest model should be kept.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let learned = self.record.kept.iter().filter(|own| own.learned);
        let last = learned.map(|own| own.since_ms).max();
        last.is_none_or(|at| now.since(Timestamp(at)).abs() >= LEARNED_EVERY_MS)
    }

    /// The model's bytes.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn load(
        &self,
        snapshots: &dyn SnapshotStore,
        version: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let found = snapshots.load(&name_of(version))?;
        Ok(found.map(|(_, bytes)| bytes))
    }

    /// Keeps a model, unless it is kept already, and removes what is superfluous then.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn keep(
        &mut self,
        snapshots: &dyn SnapshotStore,
        entry: Entry<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.kept(entry.version).is_some() {
            return Ok(());
        }
        let standing = entry.standing;
        self.record.kept.push(KeptModel {
            version: entry.version,
            since_ms: now.0,
            bytes: entry.bytes.len() as u64,
            learned: entry.learned,
            scores: standing.map(|both| scores(both.candidate)),
            against: standing.map(|both| scores(both.serving)),
        });
        self.record.kept.sort_by_key(|own| own.version);
        self.save(snapshots)?;
        let stored = snapshots.publish(&name_of(entry.version), 1, entry.bytes);
        if let Err(error) = stored {
            self.record.kept.retain(|own| own.version != entry.version);
            return Err(error);
        }
        let gone = superfluous(&self.record, now);
        for version in &gone {
            snapshots.remove(&name_of(*version))?;
        }
        self.record.kept.retain(|own| !gone.contains(&own.version));
        match gone.is_empty() {
            true => Ok(()),
            false => self.save(snapshots),
        }
    }

    /// Writes down by which figures a kept model was judged; saved with the next change.
    pub(crate) fn note(&mut self, version: u64, standing: Standing) {
        let mut kept = self.record.kept.iter_mut();
        if let Some(own) = kept.find(|own| own.version == version) {
            own.scores = Some(scores(standing.candidate));
            own.against = Some(scores(standing.serving));
        }
    }

    /// Writes the record.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn save(&mut self, snapshots: &dyn SnapshotStore) -> Result<(), StoreError> {
        let version = self.published + 1;
        snapshots.publish(REGISTRY, version, &self.record.encode_to_vec())?;
        self.published = version;
        Ok(())
    }
}

/// Versions to remove: all but the newest few, one of each hour and of each day, and what is in use.
fn superfluous(record: &ModelRegistry, now: Timestamp) -> Vec<u64> {
    let trial = record.trial.as_ref().map_or(0, |trial| trial.version);
    let in_use = [record.held, record.reference, record.candidate, trial];
    let (mut gone, mut bytes, mut last) = (Vec::new(), 0_u64, None);
    for (at, own) in record.kept.iter().rev().enumerate() {
        let age = now.since(Timestamp(own.since_ms)).max(0);
        let span = match age {
            ..DAY_MS => HOUR_MS,
            _ => DAY_MS,
        };
        let place = Some((span, own.since_ms.div_euclid(span)));
        let new = place != last && age < DAYS_KEPT * DAY_MS;
        let fits = bytes.saturating_add(own.bytes) <= BYTES_MAX;
        if at < NEWEST_KEPT || in_use.contains(&own.version) || (new && fits) {
            bytes = bytes.saturating_add(own.bytes);
            last = place;
        } else {
            gone.push(own.version);
        }
    }
    gone
}

fn scores(from: Scores) -> ModelScores {
    ModelScores {
        rows: from.rows,
        clicks: from.clicks,
        log_loss: from.log_loss,
        auc: from.auc,
        rig: from.rig,
        calibration: from.calibration,
    }
}

#[cfg(test)]
mod tests;
