//! The model's sink: labelled examples into the trainer, models out, and a checkpoint to go on from.

use ctr_model::metrics::Progressive;
use ctr_model::{Features, ModelError, ModelKind, Served, Trainer, feature};
use domain::{BidId, Timestamp};
use prost::Message;
use proto::event::{Event, Kind};
use proto::state as wire;
use store::offsets::Offsets;
use store::snapshot::SnapshotStore;

use crate::arms::Arms;
use crate::config::Config;
use crate::join::{Example, Joiner, Pending};
use crate::judge::Contest;
use crate::service::Service;
use crate::settle::Charge;
use crate::{UpdaterError, metrics};

/// What was not seen for some of these spans makes room, in milliseconds: six hours.
const EPOCH_MS: i64 = 6 * 3_600_000;
/// The name under which the learner saves itself.
pub const CHECKPOINT: &str = "learner";

/// Trains online and publishes.
pub struct Learner {
    trainer: Trainer,
    joiner: Joiner,
    offsets: Offsets,
    /// Predictions as served, against what happened.
    served: Progressive,
    learned_since_publish: bool,
    epoch: i64,
    service: Service,
    arms: Arms,
    checkpoint_version: u64,
    published_at: Timestamp,
    saved_at: Timestamp,
    publish_every_ms: i64,
    checkpoint_every_ms: i64,
}

impl Learner {
    /// Goes on from the last checkpoint, or starts anew where there is none or it cannot be read.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn open(
        snapshots: &dyn SnapshotStore,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, UpdaterError> {
        let mut learner = Self {
            trainer: Trainer::new(config.model),
            joiner: Joiner::new(
                config.click_window_ms,
                config.conversion_window_ms,
                config.pending_max,
            ),
            offsets: Offsets::default(),
            served: Progressive::default(),
            learned_since_publish: false,
            epoch: 0,
            service: Service::open(snapshots, config.gate)?,
            arms: Arms::default(),
            checkpoint_version: 0,
            published_at: now,
            saved_at: now,
            publish_every_ms: config.publish_every_ms,
            checkpoint_every_ms: config.checkpoint_every_ms,
        };
        if let Some((version, bytes)) = snapshots.load(CHECKPOINT)? {
            learner.checkpoint_version = version;
            // Another kind of model, a new feature list, or damage: the log is read again and the model learned anew.
            match learner.restore(&bytes, config.model) {
                Ok(true) => {}
                Ok(false) => tracing::info!(version, "another model is configured, learning anew"),
                Err(error) => {
                    tracing::warn!(%error, version, "learner checkpoint refused, learning anew");
                }
            }
        }
        Ok(learner)
    }

    /// Whether it goes on from there.
    fn restore(&mut self, bytes: &[u8], kind: ModelKind) -> Result<bool, ModelError> {
        let (trainer, position) = Trainer::parse(bytes)?;
        let position = wire::LearnerPosition::decode(position.as_slice());
        let Some(position) = position.ok().filter(|_| trainer.kind() == kind) else {
            return Ok(false);
        };
        self.trainer = trainer;
        self.arms = Arms::from_saved(position.arms);
        if let Some(contest) = Contest::from_sums(&position.judged) {
            self.service.resume(position.judged_against, contest);
        }
        for entry in position.offsets.unwrap_or_default().entries {
            self.offsets
                .advance(&entry.topic, entry.partition, entry.next);
        }
        let pending = position.pending.iter().filter_map(decode_pending);
        let times = (
            Timestamp(position.watermark_ms),
            position.started_ms.map(Timestamp),
        );
        self.joiner.restore(times, pending);
        self.epoch = self.joiner.watermark().0.div_euclid(EPOCH_MS);
        Ok(true)
    }

    /// How far it has read.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Everything before `next` is in.
    pub fn advance(&mut self, topic: &str, partition: u32, next: u64) {
        self.offsets.advance(topic, partition, next);
    }

    /// Counts one event for its trial's arm.
    pub(crate) fn count(&mut self, event: &Event, charge: Option<&Charge>) {
        self.arms.add(event, charge);
    }

    /// What the arms of trials came to.
    pub fn arms(&self) -> &Arms {
        &self.arms
    }

    /// Takes one event; repeats have been told apart before.
    pub fn apply(&mut self, kind: &Kind, at: Timestamp) {
        let Some(bid) = reference(kind)
            .filter(|r| !r.test)
            .map(proto::event::BidRef::id)
        else {
            return;
        };
        match kind {
            Kind::Bid(made) => match Features::from_slice(&made.features) {
                Some(features) if made.feature_list == feature::list_hash() => {
                    let served = Served {
                        model: made.model_version,
                        predicted: [made.predicted_ctr, made.predicted_cvr],
                        raw: [made.raw_ctr, made.raw_cvr],
                    };
                    self.joiner.bid(bid, at, features, served);
                }
                _ => ::metrics::counter!(metrics::EXAMPLES_REFUSED).increment(1),
            },
            Kind::Impression(_) => self.joiner.impression(bid, at),
            Kind::Click(_) => self.joiner.click(bid, at),
            Kind::Conversion(_) => self.joiner.conversion(bid, at),
            Kind::Win(_)
            | Kind::Loss(_)
            | Kind::Billing(_)
            | Kind::View(_)
            | Kind::Playback(_)
            | Kind::Segment(_)
            | Kind::Delivery(_) => {}
        }
    }

    /// Learns from what a batch has completed.
    pub fn learn(&mut self) {
        self.joiner.advance();
        for example in self.joiner.take_examples() {
            self.learned_since_publish = true;
            match example {
                Example::Click {
                    features,
                    clicked,
                    served,
                } => {
                    self.served.add(served.predicted[0], clicked);
                    let learner = self.trainer.learn_click(&features, clicked);
                    self.service.observe(&features, learner, clicked);
                    self.trainer.calibrate_click(&features, &served, clicked);
                }
                Example::LateClick(features, served) => {
                    self.trainer.correct_click(&features, &served);
                }
                Example::Conversion(features, look) => {
                    self.trainer.learn_conversion(&features, look);
                }
                Example::Settled(features, served, converted) => {
                    let trainer = &mut self.trainer;
                    trainer.settle_conversion(&features, &served, converted);
                }
            }
            ::metrics::counter!(metrics::EXAMPLES_LEARNED).increment(1);
        }
        let epoch = self.joiner.watermark().0.div_euclid(EPOCH_MS);
        if epoch > std::mem::replace(&mut self.epoch, epoch) {
            self.trainer.next_epoch();
        }
        ::metrics::gauge!(metrics::BIDS_PENDING).set(self.joiner.len() as f64);
    }

    /// Publishes a model and saves a checkpoint when they are due.
    ///
    /// # Errors
    /// When the storage fails; both are tried again at the next call.
    pub fn publish(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
    ) -> Result<(), UpdaterError> {
        if self.learned_since_publish && now.since(self.published_at).abs() >= self.publish_every_ms
        {
            let (trainer, before) = (&self.trainer, self.service.serving());
            let learned = |version| trainer.publish(version, before).encode();
            self.service.offer(snapshots, now, &learned)?;
            let serving = self.service.serving();
            if serving != before {
                self.trainer.serves(serving);
            }
            (self.published_at, self.learned_since_publish) = (now, false);
            let figures = self.served.figures();
            if let (Some(model), Some(baseline)) = (figures.log_loss, figures.baseline_log_loss) {
                ::metrics::gauge!(metrics::MODEL_LOG_LOSS).set(model);
                ::metrics::gauge!(metrics::MODEL_BASELINE_LOG_LOSS).set(baseline);
            }
        }
        if now.since(self.saved_at).abs() >= self.checkpoint_every_ms {
            self.save(snapshots, now)?;
        }
        Ok(())
    }

    /// Saves a checkpoint now.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn save(
        &mut self,
        snapshots: &dyn SnapshotStore,
        now: Timestamp,
    ) -> Result<(), UpdaterError> {
        let version = self.checkpoint_version + 1;
        let bytes = self.trainer.encode(&self.position().encode_to_vec());
        snapshots.publish(CHECKPOINT, version, &bytes)?;
        (self.checkpoint_version, self.saved_at) = (version, now);
        Ok(())
    }

    fn position(&self) -> wire::LearnerPosition {
        let entry = |((topic, partition), next): (&(String, u32), &u64)| wire::OffsetEntry {
            topic: topic.clone(),
            partition: *partition,
            next: *next,
        };
        let (judged_against, contest) = self.service.contest();
        wire::LearnerPosition {
            arms: self.arms.list(),
            judged_against,
            judged: contest.sums().to_vec(),
            offsets: Some(wire::Offsets {
                entries: self.offsets.0.iter().map(entry).collect(),
            }),
            watermark_ms: self.joiner.watermark().0,
            started_ms: self.joiner.started().map(|at| at.0),
            pending: self.joiner.state().map(encode_pending).collect(),
        }
    }

    /// The models in service.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }

    /// Predictions as they were served, against what happened.
    pub fn served(&self) -> &Progressive {
        &self.served
    }
}

fn reference(kind: &Kind) -> Option<&proto::event::BidRef> {
    match kind {
        Kind::Bid(bid) => bid.r#ref.as_ref(),
        Kind::Impression(impression) => impression.r#ref.as_ref(),
        Kind::Click(click) => click.r#ref.as_ref(),
        Kind::Conversion(conversion) => conversion.r#ref.as_ref(),
        _ => None,
    }
}

fn encode_pending((bid, pending): (&BidId, &Pending)) -> wire::PendingBid {
    wire::PendingBid {
        bid: bid.0.to_vec(),
        features: pending
            .features
            .map(|features| features.as_slice().to_vec())
            .unwrap_or_default(),
        model_version: pending.served.model,
        served: [pending.served.predicted, pending.served.raw].concat(),
        shown_at_ms: pending.shown_at.map(|at| at.0),
        clicked_at_ms: pending.clicked_at.map(|at| at.0),
        converted_at_ms: pending.converted_at.map(|at| at.0),
        click_label: pending.click_label,
        conversion_labelled: pending.conversion_labelled,
        looks: pending.looks,
        touched_ms: pending.touched.0,
    }
}

fn decode_pending(wire: &wire::PendingBid) -> Option<(BidId, Pending)> {
    let [ctr, cvr, raw_ctr, raw_cvr] = *wire.served.first_chunk()?;
    let pending = Pending {
        features: Features::from_slice(&wire.features),
        served: Served {
            model: wire.model_version,
            predicted: [ctr, cvr],
            raw: [raw_ctr, raw_cvr],
        },
        shown_at: wire.shown_at_ms.map(Timestamp),
        clicked_at: wire.clicked_at_ms.map(Timestamp),
        converted_at: wire.converted_at_ms.map(Timestamp),
        click_label: wire.click_label,
        conversion_labelled: wire.conversion_labelled,
        looks: wire.looks,
        touched: Timestamp(wire.touched_ms),
    };
    Some((BidId::from_slice(&wire.bid)?, pending))
}
