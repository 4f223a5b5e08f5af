//! Which model is in service: the gate before it, the registry behind it, and what operators decide.
//!
//! The learner's model goes into service every few seconds, far too soon to be judged against the one before: a learner that
//! gets worse slowly would pass every time. It is compared with a reference, a model that has served long enough to know. A
//! newer one takes the reference's place only once it predicts no worse.

use std::cell::LazyCell;
use std::sync::Arc;

use ctr_model::gate::{Refusal, Tolerance};
use ctr_model::{Features, Model, Published};
use domain::Timestamp;
use proto::state::{ModelRegistry, ModelTrial, TrialModel};
use store::StoreError;
use store::snapshot::SnapshotStore;

use crate::judge::{CLICKS_OF_A_BLOCK, Contest, Standing, Verdict};
use crate::metrics;
use crate::registry::{Entry, Registry};

mod orders;

pub use orders::{OrderError, TrialOf};

/// The name under which the model in service is published.
pub const MODEL: &str = "model";
/// The name under which a trial's model is published.
pub const TRIAL: &str = "model-trial";
/// The name under which the learner's model is kept that the gate refused last.
pub const REFUSED: &str = "model-refused";
/// Refused models are kept no more often while the refusals last, in milliseconds.
const REFUSED_EVERY_MS: i64 = 600_000;
/// The reference is renewed after so many clicks: before, a difference says little.
const RENEWAL_CLICKS_MIN: u64 = 1_000;

/// The model in service and those that want to be.
pub struct Service {
    registry: Registry,
    serving: Arc<Model>,
    /// The version under which something was published last; the next is above it.
    published: u64,
    /// What the learner is compared with.
    reference: Arc<Model>,
    /// The learner's predictions beside the reference's.
    learner: Contest,
    /// A copy of the learner, for ranking; the reference until there is one.
    copy: Arc<Model>,
    /// The next reference, until enough is known of it.
    renewal: Option<(Arc<Model>, Contest)>,
    /// A model that an operator wants in service.
    candidate: Option<(Model, Contest)>,
    tolerance: Tolerance,
    /// Since when the gate refuses what the learner offers, and when such a model was kept last.
    refusing: Option<Timestamp>,
}

/// What operators are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The version in service; 0: an untrained model.
    pub serving: u64,
    /// The record of the registry.
    pub registry: ModelRegistry,
    /// What the learner is compared with; 0: an untrained model.
    pub reference: u64,
    /// The learner's newest predictions beside the reference's.
    pub learner: Standing,
    /// Those of the model that is being judged.
    pub candidate: Option<Standing>,
    /// Whether the gate refuses what the learner offers.
    pub refusing: bool,
}

impl Service {
    /// Takes up what is published.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn open(snapshots: &dyn SnapshotStore, tolerance: Tolerance) -> Result<Self, StoreError> {
        let registry = Registry::open(snapshots)?;
        let (published, serving) = match snapshots.load(MODEL)? {
            Some((published, bytes)) => {
                let model = Model::parse(&bytes).unwrap_or_else(|error| {
                    tracing::warn!(%error, published, "published model refused, judging against none");
                    Model::untrained()
                });
                (published, model)
            }
            None => (0, Model::untrained()),
        };
        let serving = Arc::new(serving);
        let mut service = Self {
            registry,
            reference: Arc::clone(&serving),
            copy: Arc::clone(&serving),
            serving,
            published,
            learner: Contest::default(),
            renewal: None,
            candidate: None,
            tolerance,
            refusing: None,
        };
        let reference = service.registry.record.reference;
        if let Some(model) = service
            .parse_kept(snapshots, reference)
            .ok()
            .filter(|_| reference > 0)
        {
            service.reference = Arc::new(model);
        }
        let wanted = service.registry.record.candidate;
        if wanted > 0 {
            service.candidate = service.parse_kept(snapshots, wanted).ok().map(beginning);
        }
        Ok(service)
    }

    /// The version in service; 0: an untrained model.
    pub fn serving(&self) -> u64 {
        self.serving.version()
    }

    /// The reference's version and the learner's figures against it, to go on from after a restart.
    pub(crate) fn contest(&self) -> (u64, &Contest) {
        (self.reference.version(), &self.learner)
    }

    /// Goes on with figures of before a restart, if the model they were judged against still serves.
    pub(crate) fn resume(&mut self, against: u64, contest: Contest) {
        if against == self.reference.version() {
            self.learner = contest;
        }
    }

    /// Takes note of an example, with what the learner predicted before it learned it.
    pub(crate) fn observe(&mut self, features: &Features, learner: f32, clicked: bool) {
        let by = |model: &Model| model.predict(features).click;
        let copy = by(&self.copy);
        self.learner
            .add([learner, by(&self.reference)], copy, clicked);
        if let Some((model, contest)) = &mut self.renewal {
            contest.add([learner, by(model)], copy, clicked);
        }
        if let Some((model, contest)) = &mut self.candidate {
            let candidate = by(model);
            contest.add([candidate, by(&self.serving)], candidate, clicked);
        }
    }

    /// Takes another copy of the learner for ranking, once there are enough clicks to rank.
    fn turn(&mut self, fresh: &Lazy<'_>) {
        if self.learner.block_clicks() < CLICKS_OF_A_BLOCK {
            return;
        }
        let Some(fresh) = &**fresh else { return };
        self.copy = Arc::clone(&fresh.model);
        self.learner.end_block();
        let others = self.renewal.iter_mut().map(|(_, contest)| contest);
        others.for_each(Contest::end_block);
        let others = self.candidate.iter_mut().map(|(_, contest)| contest);
        others.for_each(Contest::end_block);
    }

    /// Asks the gate about what the learner knows, which `learned` makes a model file of, and about an operator's model.
    /// Nothing is published while there is too little to judge by, or an operator's choice holds.
    ///
    /// # Errors
    /// When the storage fails; what serves goes on.
    pub(crate) fn offer(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
        learned: &dyn Fn(u64) -> Vec<u8>,
    ) -> Result<(), StoreError> {
        let version = self.next_version(now);
        let make: Box<dyn FnOnce() -> Option<Fresh> + '_> =
            Box::new(move || Fresh::read(learned(version)));
        let fresh = LazyCell::new(make);
        self.turn(&fresh);
        self.judge_candidate(snapshots, now)?;
        self.renew(snapshots)?;
        let held = self.registry.record.held > 0;
        ::metrics::gauge!(metrics::MODEL_HELD).set(f64::from(u8::from(held)));
        if held {
            return Ok(());
        }
        match self.learner.verdict(self.tolerance) {
            Verdict::Waiting => Ok(()),
            Verdict::Passed => self.promote_learned(snapshots, now, &fresh),
            Verdict::Refused(why) => self.refuse_learned(snapshots, now, (&why, &fresh)),
        }
    }

    fn promote_learned(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
        fresh: &Lazy<'_>,
    ) -> Result<(), StoreError> {
        let Some(Fresh { bytes, model }) = &**fresh else {
            return Ok(());
        };
        if self.refusing.take().is_some() {
            tracing::info!("the learner's models pass the gate again");
        }
        self.publish(snapshots, now, bytes)?;
        self.serving = Arc::clone(model);
        ::metrics::counter!(metrics::MODELS_PROMOTED).increment(1);
        if !self.registry.is_due(now) {
            return Ok(());
        }
        let standing = self.learner.standing();
        let entry = Entry {
            version: model.version(),
            bytes,
            learned: true,
            standing: Some(standing),
        };
        self.registry.keep(snapshots, entry, now)?;
        let known = standing.serving.clicks >= RENEWAL_CLICKS_MIN
            && standing.candidate.log_loss <= standing.serving.log_loss;
        if self.renewal.is_none() && (known || self.reference.version() == 0) {
            self.renewal = Some((Arc::clone(model), Contest::default()));
        }
        Ok(())
    }

    /// Takes the next reference into use once there is enough to judge by.
    fn renew(&mut self, snapshots: &dyn SnapshotStore) -> Result<(), StoreError> {
        let enough = |(_, contest): &mut (_, Contest)| {
            contest.standing().serving.clicks >= self.tolerance.clicks
        };
        if let Some((model, contest)) = self.renewal.take_if(enough) {
            self.registry.record.reference = model.version();
            (self.reference, self.learner) = (model, contest);
            self.registry.save(snapshots)?;
        }
        Ok(())
    }

    /// Counts a refusal; the first of several is said and kept, and one every ten minutes. What the learner put into service
    /// last is hardly better than what is refused, so the reference serves: the last model that is known to be good.
    fn refuse_learned(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
        (why, fresh): (&[Refusal], &Lazy<'_>),
    ) -> Result<(), StoreError> {
        count(why);
        let due = |since: Timestamp| now.since(since).abs() >= REFUSED_EVERY_MS;
        if !self.refusing.is_none_or(due) {
            return Ok(());
        }
        tracing::warn!(
            good = self.reference.version(),
            reasons = reasons(why),
            "the learner's model is refused, the last good one serves"
        );
        if self.serving.version() != self.reference.version() {
            let good = match self.reference.version() {
                0 => Some(untrained()),
                version => self.registry.load(snapshots, version)?,
            };
            if let Some(good) = good {
                self.publish(snapshots, now, &good)?;
                self.serving = Arc::clone(&self.reference);
            }
        }
        self.refusing = Some(now);
        let Some(Fresh { bytes, model }) = &**fresh else {
            return Ok(());
        };
        let above = snapshots.version(REFUSED)?.map_or(0, |last| last + 1);
        snapshots.publish(REFUSED, above.max(model.version()), bytes)
    }

    /// Decides about an operator's model, once there is enough to judge by.
    fn judge_candidate(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some((model, contest)) = &self.candidate else {
            return Ok(());
        };
        let (version, standing) = (model.version(), contest.standing());
        match contest.verdict(self.tolerance) {
            Verdict::Waiting => Ok(()),
            Verdict::Passed => {
                self.serve_kept(snapshots, (version, Some(standing)), now)?;
                tracing::info!(version, "an operator's model passes the gate and serves");
                ::metrics::counter!(metrics::MODELS_PROMOTED).increment(1);
                Ok(())
            }
            Verdict::Refused(why) => {
                count(&why);
                tracing::warn!(
                    version,
                    serving = self.serving.version(),
                    reasons = reasons(&why),
                    "an operator's model is refused"
                );
                self.registry.note(version, standing);
                self.registry.record.candidate = 0;
                self.registry.save(snapshots)?;
                self.candidate = None;
                Ok(())
            }
        }
    }

    /// Puts a kept model into service and holds it there.
    fn serve_kept(
        &mut self,
        snapshots: &dyn SnapshotStore,
        (version, standing): (u64, Option<Standing>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let damaged = |why: String| StoreError::Damaged { what: "model", why };
        let bytes = self.registry.load(snapshots, version)?;
        let bytes = bytes.ok_or_else(|| damaged(format!("version {version} is not kept")))?;
        let model = Model::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        // Held first: a crash in between leaves the old one in service and nothing that overwrites it.
        let before = self.registry.clone();
        self.registry.record.held = version;
        self.registry.record.reference = version;
        self.registry.record.candidate = 0;
        if let Some(standing) = standing {
            self.registry.note(version, standing);
        }
        let saved = self.registry.save(snapshots);
        if let Err(error) = saved.and_then(|()| self.publish(snapshots, now, &bytes)) {
            self.registry.record = before.record;
            return Err(error);
        }
        self.serving = Arc::new(model);
        self.reference = Arc::clone(&self.serving);
        self.copy = Arc::clone(&self.serving);
        (self.candidate, self.renewal, self.learner) = (None, None, Contest::default());
        Ok(())
    }

    fn publish(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let version = self.next_version(now);
        snapshots.publish(MODEL, version, bytes)?;
        self.published = version;
        Ok(())
    }

    /// Versions are times where possible, so that they tell an operator something, and always grow.
    fn next_version(&self, now: Timestamp) -> u64 {
        u64::try_from(now.0).unwrap_or(0).max(self.published + 1)
    }

    /// What operators are told.
    pub fn status(&self) -> Status {
        Status {
            serving: self.serving.version(),
            registry: self.registry.record.clone(),
            reference: self.reference.version(),
            learner: self.learner.standing(),
            candidate: self.candidate.as_ref().map(|(_, own)| own.standing()),
            refusing: self.refusing.is_some(),
        }
    }
}

/// What the learner knows, made into a file and read back as bidders do, at most once an offer.
type Lazy<'a> = LazyCell<Option<Fresh>, Box<dyn FnOnce() -> Option<Fresh> + 'a>>;

struct Fresh {
    bytes: Vec<u8>,
    model: Arc<Model>,
}

impl Fresh {
    /// `None`, and counted, when no bidder could use it.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        match Model::parse(&bytes) {
            Ok(model) => Some(Self {
                bytes,
                model: Arc::new(model),
            }),
            Err(error) => {
                ::metrics::counter!(metrics::MODELS_REFUSED, "figure" => "soundness").increment(1);
                tracing::warn!(%error, "the learner's model is not sound, the last one goes on serving");
                None
            }
        }
    }
}

/// The file of an untrained model.
fn untrained() -> Vec<u8> {
    Published::of_nothing().encode()
}

fn beginning(model: Model) -> (Model, Contest) {
    (model, Contest::default())
}

fn count(why: &[Refusal]) {
    for refusal in why {
        if let Refusal::Worse { figure, .. } = refusal {
            ::metrics::counter!(metrics::MODELS_REFUSED, "figure" => *figure).increment(1);
        }
    }
}

fn reasons(why: &[Refusal]) -> String {
    let why: Vec<_> = why.iter().map(ToString::to_string).collect();
    why.join("; ")
}

#[cfg(test)]
mod tests;
