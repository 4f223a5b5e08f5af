//! What is published: a click head and a conversion head of one version, each with its figures and its calibration.

use crate::calibration::Calibration;
use crate::engine::Weights;
use crate::fields::{self, CALIBRATED_BY, ModelKind};
use crate::file::{self, ModelError, Precision};
use crate::model::{PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE};
use crate::odds::log_odds;
use crate::trained::{Scores, Trained};

/// Room of an untrained head, as a power of two: nobody learns on from it.
const UNTRAINED_BITS: u32 = 8;

/// The content of a model file. [`crate::Model`] is the same, laid out for serving.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Grows from model to model; 0 is untrained.
    pub version: u64,
    /// The version in service before; 0 is none.
    pub parent: u64,
    /// Clicks on impressions.
    pub click: Trained,
    /// Conversions after clicks.
    pub conversion: Trained,
}

impl Published {
    /// Version 0, which gives the prior rates for everything.
    pub fn of_nothing() -> Self {
        let rates = [PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE];
        Self::untrained(ModelKind::default(), rates)
    }

    /// The same under another version.
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// Version 0, which gives these rates of clicks and of conversions for everything.
    pub fn untrained(kind: ModelKind, [click, conversion]: [f32; 2]) -> Self {
        Self {
            version: 0,
            parent: 0,
            click: empty("click", kind, click),
            conversion: empty("conversion", ModelKind::Lr, conversion),
        }
    }

    /// The model file; see [`crate::file`].
    pub fn encode(&self) -> Vec<u8> {
        file::encode_model(self)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// Names what is wrong with the file and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        file::parse_model(bytes)
    }
}

/// A head of these weights as a file keeps it.
pub(crate) fn head(label: &str, weights: Weights) -> Trained {
    Trained {
        version: 0,
        parent: 0,
        columns: fields::named(label).expect("the list of features has names"),
        scores: Scores::default(),
        calibration: Calibration::new(CALIBRATED_BY.len()),
        calibrated_by: CALIBRATED_BY.to_vec(),
        precision: Precision::Bits16,
        weights,
        optimiser: None,
    }
}

fn empty(label: &str, kind: ModelKind, rate: f32) -> Trained {
    head(label, prior_weights(kind, UNTRAINED_BITS, rate))
}

/// Weights that give one rate for everything.
pub(crate) fn prior_weights(kind: ModelKind, bits: u32, rate: f32) -> Weights {
    Weights {
        spec: kind.spec(bits),
        bias: log_odds(rate),
        keys: Vec::new(),
        linear: Vec::new(),
        information: Vec::new(),
        rows: Vec::new(),
        factors: Vec::new(),
        dense: Vec::new(),
    }
}
