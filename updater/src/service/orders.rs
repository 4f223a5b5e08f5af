//! What operators may order: another model, the one before, an end of what holds, a trial.

use prost::Message;

use super::*;

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It cannot be: what to do instead.
    #[error("{0}")]
    Refused(String),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everyone, in millionths.
const WHOLE_PPM: u32 = 1_000_000;

impl Service {
    /// A kept model, ready to predict.
    pub(super) fn parse_kept(
        &self,
        snapshots: &dyn SnapshotStore,
        version: u64,
    ) -> Result<Model, OrderError> {
        let bytes = self.bytes(snapshots, version)?;
        let bytes = bytes.ok_or_else(|| {
            OrderError::Refused(format!(
                "version {version} is not kept: `paceline model list` shows those that are"
            ))
        })?;
        Model::parse(&bytes)
            .map_err(|error| OrderError::Refused(format!("version {version}: {error}")))
    }

    /// The bytes of a version: in service, kept, or refused last.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn bytes(
        &self,
        snapshots: &dyn SnapshotStore,
        version: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(bytes) = self.registry.load(snapshots, version)? {
            return Ok(Some(bytes));
        }
        if version == self.serving.version() {
            return Ok(snapshots.load(MODEL)?.map(|(_, bytes)| bytes));
        }
        let refused = snapshots.load(REFUSED)?;
        Ok(refused.and_then(|(own, bytes)| (own == version).then_some(bytes)))
    }

    /// Puts the model before back into service, or `to`, and holds it there: the learner goes on learning, but what it
    /// learns does not serve before [`Self::release`]. Returns the version.
    ///
    /// # Errors
    /// When there is no such model, its file is not sound, or the storage fails; what served goes on.
    pub fn roll_back(
        &mut self,
        snapshots: &dyn SnapshotStore,
        to: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, OrderError> {
        let serving = self.serving.version();
        let version = to
            .or_else(|| self.registry.before(serving))
            .ok_or_else(|| {
                OrderError::Refused("no model before the one in service is kept".to_owned())
            })?;
        self.parse_kept(snapshots, version)?;
        // What leaves service can be looked at and returned to.
        self.keep_serving(snapshots, now)?;
        self.serve_kept(snapshots, (version, None), now)?;
        tracing::info!(version, from = serving, "rolled back and held");
        Ok(version)
    }

    fn keep_serving(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let version = self.serving.version();
        let Some((_, bytes)) = snapshots.load(MODEL)?.filter(|_| version > 0) else {
            return Ok(());
        };
        let entry = Entry {
            version,
            bytes: &bytes,
            learned: true,
            standing: None,
        };
        self.registry.keep(snapshots, entry, now)
    }

    /// Lets the learner's models into service again, each if it passes the gate against what serves now.
    ///
    /// # Errors
    /// When nothing holds, or the storage fails.
    pub fn release(&mut self, snapshots: &dyn SnapshotStore) -> Result<(), OrderError> {
        let held = std::mem::take(&mut self.registry.record.held);
        if held == 0 {
            return Err(OrderError::Refused(
                "nothing is held: the learner's models go into service".to_owned(),
            ));
        }
        if let Err(error) = self.registry.save(snapshots) {
            self.registry.record.held = held;
            return Err(error.into());
        }
        Ok(())
    }

    /// Keeps a model from a file and has it judged beside the one in service, on the examples that come from now on;
    /// once it passes it serves and is held. One that was being judged is no longer. Returns its new version.
    ///
    /// # Errors
    /// When it is no sound model, or the storage fails.
    pub fn take_in(
        &mut self,
        snapshots: &dyn SnapshotStore,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<u64, OrderError> {
        let version = self.keep_file(snapshots, bytes, now)?;
        let model = self.parse_kept(snapshots, version)?;
        self.registry.record.candidate = version;
        self.registry.save(snapshots)?;
        self.candidate = Some(beginning(model));
        Ok(version)
    }

    /// Keeps a model from a file under a version of its own.
    fn keep_file(
        &mut self,
        snapshots: &dyn SnapshotStore,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<u64, OrderError> {
        let model = Published::parse(bytes);
        let model = model.map_err(|error| OrderError::Refused(error.to_string()))?;
        let newest = self.registry.record.kept.iter().map(|own| own.version);
        let version = self
            .next_version(now)
            .max(newest.max().map_or(0, |newest| newest + 1));
        let bytes = model.with_version(version).encode();
        let entry = Entry {
            version,
            bytes: &bytes,
            learned: false,
            standing: None,
        };
        // Until it is judged or tried it is in nobody's use; being the newest keeps it.
        self.registry.keep(snapshots, entry, now)?;
        self.published = self.published.max(version);
        Ok(version)
    }

    /// Lets a model bid for a share of the users, in place of a trial that is under way.
    ///
    /// # Errors
    /// When the share is none, the model is not kept or not sound, or the storage fails.
    pub fn begin_trial(
        &mut self,
        snapshots: &dyn SnapshotStore,
        (model, share_ppm): (TrialOf<'_>, u32),
        now: Timestamp,
    ) -> Result<ModelTrial, OrderError> {
        if !(1..WHOLE_PPM).contains(&share_ppm) {
            let why = "the share must be over 0 and below 1: promote a model that is for everyone";
            return Err(OrderError::Refused(why.to_owned()));
        }
        let version = match model {
            TrialOf::Kept(version) => version,
            TrialOf::File(bytes) => self.keep_file(snapshots, bytes, now)?,
        };
        if version == self.serving.version() {
            return Err(OrderError::Refused(format!(
                "version {version} serves already"
            )));
        }
        self.parse_kept(snapshots, version)?;
        let trial = ModelTrial {
            number: self.registry.record.trials + 1,
            version,
            share_ppm,
            since_ms: now.0,
        };
        self.registry.record.trials += 1;
        self.registry.record.trial = Some(trial);
        self.registry.save(snapshots)?;
        let model = self.bytes(snapshots, version)?.unwrap_or_default();
        self.publish_trial(snapshots, trial, model)?;
        tracing::info!(version, share_ppm, number = trial.number, "trial begun");
        Ok(trial)
    }

    /// Ends the trial; returns the one that was.
    ///
    /// # Errors
    /// When there is none, or the storage fails.
    pub fn end_trial(&mut self, snapshots: &dyn SnapshotStore) -> Result<ModelTrial, OrderError> {
        let Some(trial) = self.registry.record.trial else {
            return Err(OrderError::Refused("no trial is under way".to_owned()));
        };
        self.publish_trial(snapshots, ModelTrial::default(), Vec::new())?;
        self.registry.record.trial = None;
        self.registry.save(snapshots)?;
        tracing::info!(number = trial.number, "trial ended");
        Ok(trial)
    }

    fn publish_trial(
        &self,
        snapshots: &dyn SnapshotStore,
        trial: ModelTrial,
        model: Vec<u8>,
    ) -> Result<(), StoreError> {
        let message = TrialModel {
            trial: Some(trial).filter(|trial| trial.version > 0),
            model,
        };
        let version = snapshots.version(TRIAL)?.unwrap_or(0) + 1;
        snapshots.publish(TRIAL, version, &message.encode_to_vec())
    }
}

/// What a trial is of.
#[derive(Debug, Clone, Copy)]
pub enum TrialOf<'a> {
    /// A kept version.
    Kept(u64),
    /// A model file.
    File(&'a [u8]),
}
