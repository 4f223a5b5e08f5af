//! Orders about the models in service as text: what the command line sends, what the server carries out and answers.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ctr_model::trained::Scores;
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use proto::state::{KeptModel, ModelScores, ModelTrial, TrialArm};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use store::snapshot::SnapshotStore;
use updater::Service;
use updater::judge::Standing;
use updater::service::{OrderError, Status, TrialOf};

/// Largest model file that an order names, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// What the installation's secret signs to make the key of orders.
const PURPOSE: &[u8] = b"orders about models\0";

/// What an operator wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "order",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub(crate) enum Order {
    /// A model from a file, once it has passed the gate.
    Promote {
        /// An absolute path on the server's machine.
        file: PathBuf,
    },
    /// The model before, or a certain one.
    RollBack {
        /// Which.
        to: Option<u64>,
    },
    /// The learner's models again.
    Release,
    /// Another model for a share of the users.
    BeginTrial {
        /// A kept one.
        version: Option<u64>,
        /// Or one from a file.
        file: Option<PathBuf>,
        /// Of the users, in millionths.
        share_ppm: u32,
    },
    /// One model for all again.
    EndTrial,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// The version that it was about; 0: none.
    pub version: u64,
    /// For people.
    pub message: String,
}

impl Order {
    /// Carries it out.
    ///
    /// # Errors
    /// When it cannot be, a file cannot be read, or the storage fails.
    pub(crate) fn carry_out(
        &self,
        (service, snapshots): (&mut Service, &dyn SnapshotStore),
        now: Timestamp,
    ) -> Result<Done, OrderError> {
        let done = |version, message| Ok(Done { version, message });
        match self {
            Self::Promote { file } => {
                let version = service.take_in(snapshots, &read(file)?, now)?;
                let message = format!(
                    "version {version} is being judged beside the one in service; once it passes it serves and is held"
                );
                done(version, message)
            }
            Self::RollBack { to } => {
                let version = service.roll_back(snapshots, *to, now)?;
                let message = format!(
                    "version {version} serves again and is held: `paceline model release` ends that"
                );
                done(version, message)
            }
            Self::Release => {
                service.release(snapshots)?;
                let message = "the learner's models go into service again if they pass the gate";
                done(service.serving(), message.to_owned())
            }
            Self::BeginTrial {
                version,
                file,
                share_ppm,
            } => {
                let bytes = file.as_deref().map(read).transpose()?;
                let of = match (&bytes, version) {
                    (Some(bytes), None) => TrialOf::File(bytes),
                    (None, Some(version)) => TrialOf::Kept(*version),
                    _ => {
                        let why = "a trial is of one version or of one file";
                        return Err(OrderError::Refused(why.to_owned()));
                    }
                };
                let ModelTrial {
                    number, version, ..
                } = service.begin_trial(snapshots, (of, *share_ppm), now)?;
                let share = f64::from(*share_ppm) / 1e6;
                let message =
                    format!("trial {number}: version {version} bids for a share of {share}");
                done(version, message)
            }
            Self::EndTrial => {
                let ModelTrial {
                    number, version, ..
                } = service.end_trial(snapshots)?;
                done(
                    version,
                    format!("trial {number} of version {version} ended"),
                )
            }
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, OrderError> {
    lake::file::read(file, FILE_BYTES_MAX).map_err(|error| OrderError::Refused(error.to_string()))
}

/// What shows that who orders can read the data folder: HMAC-SHA256 of the purpose with the folder's secret, in hex.
pub(crate) fn order_key(secret: &[u8; 32]) -> String {
    let signed = signer(secret).finalize().into_bytes();
    signed.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a key is the folder's, in time that does not depend on it.
pub(crate) fn is_order_key(secret: &[u8; 32], key: &str) -> bool {
    let digits = key.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
        .collect();
    bytes.is_some_and(|bytes| signer(secret).verify_slice(&bytes).is_ok())
}

fn signer(secret: &[u8; 32]) -> Hmac<Sha256> {
    let mut signer = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    signer.update(PURPOSE);
    signer
}

/// The models of a running service.
#[derive(Debug, Serialize)]
pub(crate) struct StatusJson {
    serving: u64,
    held: bool,
    refusing: bool,
    reference: u64,
    learner: Figures,
    against: Figures,
    candidate: Option<CandidateJson>,
    trial: Option<TrialJson>,
    arms: Vec<ArmJson>,
    kept: Vec<KeptJson>,
}

/// What one arm of a trial came to, in one currency.
#[derive(Debug, Serialize)]
struct ArmJson {
    trial: u32,
    /// Whether the tried model bid, or the one in service.
    tried: bool,
    currency: String,
    impressions: i64,
    clicks: i64,
    predicted_clicks: f64,
    conversions: i64,
    spend_micros: i64,
}

impl From<TrialArm> for ArmJson {
    fn from(from: TrialArm) -> Self {
        Self {
            trial: from.arm / 2,
            tried: from.arm % 2 == 1,
            currency: from.currency,
            impressions: from.impressions,
            clicks: from.clicks,
            predicted_clicks: from.predicted_clicks_ppm as f64 / 1e6,
            conversions: from.conversions,
            spend_micros: from.spend_micros,
        }
    }
}

#[derive(Debug, Serialize)]
struct CandidateJson {
    version: u64,
    scores: Figures,
    against: Figures,
}

#[derive(Debug, Serialize)]
struct TrialJson {
    number: u32,
    version: u64,
    share_ppm: u32,
    since_ms: i64,
}

#[derive(Debug, Serialize)]
struct KeptJson {
    version: u64,
    since_ms: i64,
    bytes: u64,
    learned: bool,
    scores: Option<Figures>,
    against: Option<Figures>,
}

/// A model's figures on some examples.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    rows: u64,
    clicks: u64,
    log_loss: Option<f64>,
    auc: Option<f64>,
    calibration: Option<f64>,
}

impl From<Scores> for Figures {
    fn from(from: Scores) -> Self {
        Self {
            rows: from.rows,
            clicks: from.clicks,
            log_loss: from.log_loss,
            auc: from.auc,
            calibration: from.calibration,
        }
    }
}

impl From<ModelScores> for Figures {
    fn from(from: ModelScores) -> Self {
        Self {
            rows: from.rows,
            clicks: from.clicks,
            log_loss: from.log_loss,
            auc: from.auc,
            calibration: from.calibration,
        }
    }
}

impl StatusJson {
    /// With what the arms of trials came to; nothing is known of them where no updater runs.
    pub(crate) fn new(from: Status, arms: Vec<TrialArm>) -> Self {
        let Standing { candidate, serving } = from.learner;
        let record = from.registry;
        let judged = from.candidate.map(|standing| CandidateJson {
            version: record.candidate,
            scores: standing.candidate.into(),
            against: standing.serving.into(),
        });
        let kept = |own: KeptModel| KeptJson {
            version: own.version,
            since_ms: own.since_ms,
            bytes: own.bytes,
            learned: own.learned,
            scores: own.scores.map(Figures::from),
            against: own.against.map(Figures::from),
        };
        Self {
            serving: from.serving,
            held: record.held > 0,
            refusing: from.refusing,
            reference: from.reference,
            learner: candidate.into(),
            against: serving.into(),
            candidate: judged,
            trial: record.trial.map(|trial| TrialJson {
                number: trial.number,
                version: trial.version,
                share_ppm: trial.share_ppm,
                since_ms: trial.since_ms,
            }),
            arms: arms.into_iter().map(ArmJson::from).collect(),
            kept: record.kept.into_iter().map(kept).collect(),
        }
    }
}

/// An absolute path, so that the server finds it from where it runs.
///
/// # Errors
/// When there is no such file.
pub(crate) fn absolute(file: &Path) -> anyhow::Result<PathBuf> {
    file.canonicalize()
        .with_context(|| format!("model file {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_own_key_orders() {
        let secret = [7; 32];
        let key = order_key(&secret);
        assert!(is_order_key(&secret, &key));
        for other in [
            "",
            "00",
            key.trim_end_matches(char::is_alphanumeric),
            &order_key(&[8; 32]),
            "zz",
            "é",
        ] {
            assert!(!is_order_key(&secret, other), "{other}");
        }
    }

    #[test]
    fn orders_survive_the_wire_and_others_are_refused() {
        for order in [
            Order::Promote {
                file: PathBuf::from("/models/a.plm"),
            },
            Order::RollBack { to: None },
            Order::RollBack { to: Some(4) },
            Order::Release,
            Order::BeginTrial {
                version: Some(3),
                file: None,
                share_ppm: 100_000,
            },
            Order::EndTrial,
        ] {
            let text = serde_json::to_string(&order).unwrap();
            assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
        }
        for text in ["{}", r#"{"order":"delete"}"#, r#"{"order":"promote"}"#] {
            assert!(serde_json::from_str::<Order>(text).is_err(), "{text}");
        }
    }
}
