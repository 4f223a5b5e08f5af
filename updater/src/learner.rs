//! The model's sink: labelled examples into the trainer, models out, and a checkpoint to go on from.

use ctr_model::metrics::Progressive;
use ctr_model::{Features, ModelError, Trainer, feature};
use domain::{BidId, Timestamp};
use prost::Message;
use proto::event::Kind;
use proto::state as wire;
use store::offsets::Offsets;
use store::snapshot::SnapshotStore;

use crate::config::Config;
use crate::join::{Example, Joiner, Pending};
use crate::judge::Contest;
use crate::service::Service;
use crate::{UpdaterError, metrics};

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
    service: Service,
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
            trainer: Trainer::new(),
            joiner: Joiner::new(
                config.click_window_ms,
                config.conversion_window_ms,
                config.pending_max,
            ),
            offsets: Offsets::default(),
            served: Progressive::default(),
            learned_since_publish: false,
            service: Service::open(snapshots, config.gate)?,
            checkpoint_version: 0,
            published_at: now,
            saved_at: now,
            publish_every_ms: config.publish_every_ms,
            checkpoint_every_ms: config.checkpoint_every_ms,
        };
        if let Some((version, bytes)) = snapshots.load(CHECKPOINT)? {
            learner.checkpoint_version = version;
            if let Err(error) = learner.restore(&bytes) {
                // A new feature list, or damage: the log is read again and the model learned anew.
                tracing::warn!(%error, version, "learner checkpoint refused, learning anew");
            }
        }
        Ok(learner)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        let (trainer, position) = Trainer::parse(bytes)?;
        let Ok(position) = wire::LearnerPosition::decode(position.as_slice()) else {
            return Ok(());
        };
        self.trainer = trainer;
        if let Some(contest) = Contest::from_sums(&position.judged) {
            self.service.resume(position.judged_against, contest);
        }
        for entry in position.offsets.unwrap_or_default().entries {
            self.offsets
                .advance(&entry.topic, entry.partition, entry.next);
        }
        let pending = position.pending.iter().filter_map(decode_pending);
        self.joiner
            .restore(Timestamp(position.watermark_ms), pending);
        Ok(())
    }

    /// How far it has read.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Everything before `next` is in.
    pub fn advance(&mut self, topic: &str, partition: u32, next: u64) {
        self.offsets.advance(topic, partition, next);
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
                    self.joiner.bid(bid, at, features, made.predicted_ctr);
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
                    predicted,
                } => {
                    self.served.add(predicted, clicked);
                    let learner = self.trainer.learn_click(&features, clicked);
                    self.service.observe(&features, learner, clicked);
                }
                Example::LateClick(features) => self.trainer.correct_click(&features),
                Example::Conversion(features, converted) => {
                    self.trainer.learn_conversion(&features, converted);
                }
            }
            ::metrics::counter!(metrics::EXAMPLES_LEARNED).increment(1);
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
            let trainer = &self.trainer;
            let learned = |version| trainer.model(version).encode();
            self.service.offer(snapshots, now, &learned)?;
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
        let (watermark, pending) = self.joiner.state();
        let entry = |((topic, partition), next): (&(String, u32), &u64)| wire::OffsetEntry {
            topic: topic.clone(),
            partition: *partition,
            next: *next,
        };
        let (judged_against, contest) = self.service.contest();
        wire::LearnerPosition {
            judged_against,
            judged: contest.sums().to_vec(),
            offsets: Some(wire::Offsets {
                entries: self.offsets.0.iter().map(entry).collect(),
            }),
            watermark_ms: watermark.0,
            pending: pending.map(encode_pending).collect(),
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
        predicted: pending.predicted,
        shown_at_ms: pending.shown_at.map(|at| at.0),
        clicked_at_ms: pending.clicked_at.map(|at| at.0),
        converted: pending.converted,
        click_label: pending.click_label,
        conversion_labelled: pending.conversion_labelled,
        touched_ms: pending.touched.0,
    }
}

fn decode_pending(wire: &wire::PendingBid) -> Option<(BidId, Pending)> {
    let pending = Pending {
        features: Features::from_slice(&wire.features),
        predicted: wire.predicted,
        shown_at: wire.shown_at_ms.map(Timestamp),
        clicked_at: wire.clicked_at_ms.map(Timestamp),
        converted: wire.converted,
        click_label: wire.click_label,
        conversion_labelled: wire.conversion_labelled,
        touched: Timestamp(wire.touched_ms),
    };
    Some((BidId::from_slice(&wire.bid)?, pending))
}
