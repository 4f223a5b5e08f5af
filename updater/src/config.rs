//! The updater's knobs.

use ctr_model::gate::Tolerance;

/// How the updater follows the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How much later than a newer bid's notice an older one may come and still be in order, in milliseconds.
    pub lateness_ms: i64,
    /// How long after an impression it is learned from, clicked or not, in milliseconds; later clicks correct it.
    pub click_window_ms: i64,
    /// How long after a click it is learned from, converted or not, in milliseconds.
    pub conversion_window_ms: i64,
    /// What models of clicks are made of.
    pub model: ctr_model::ModelKind,
    /// How often a new model is published, in milliseconds.
    pub publish_every_ms: i64,
    /// How often the learner's own state is saved, in milliseconds.
    pub checkpoint_every_ms: i64,
    /// Most bids that wait for their impression or click; the oldest give way.
    pub pending_max: usize,
    /// How much worse than the model in service, on the newest examples, one may be that takes its place.
    pub gate: Tolerance,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lateness_ms: 60_000,
            click_window_ms: 30_000,
            conversion_window_ms: 3_600_000,
            model: ctr_model::ModelKind::default(),
            publish_every_ms: 5_000,
            checkpoint_every_ms: 30_000,
            // About 200 bytes each.
            pending_max: 500_000,
            gate: Tolerance::default(),
        }
    }
}
