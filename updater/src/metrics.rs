//! Metric names of the updater.

/// Events applied, by topic.
pub const EVENTS_APPLIED: &str = "paceline_updater_events_applied_total";
/// Events that were repeats of earlier ones.
pub const EVENTS_REPEATED: &str = "paceline_updater_events_repeated_total";
/// Events older than what repeats are remembered for.
pub const EVENTS_STALE: &str = "paceline_updater_events_stale_total";
/// Records that are no events.
pub const RECORDS_DAMAGED: &str = "paceline_updater_records_damaged_total";
/// Labelled examples learned from.
pub const EXAMPLES_LEARNED: &str = "paceline_updater_examples_learned_total";
/// Bids whose features another version of the feature list made.
pub const EXAMPLES_REFUSED: &str = "paceline_updater_examples_refused_total";
/// Bids that wait for their impression, click or window.
pub const BIDS_PENDING: &str = "paceline_updater_bids_pending";
/// Log loss of served predictions.
pub const MODEL_LOG_LOSS: &str = "paceline_updater_model_log_loss";
/// Log loss of a constant rate on the same examples.
pub const MODEL_BASELINE_LOG_LOSS: &str = "paceline_updater_model_baseline_log_loss";
/// Time between an event and its being applied, in milliseconds.
pub const LAG_MS: &str = "paceline_updater_lag_ms";
/// Changes that failed and were tried again.
pub const RETRIES: &str = "paceline_updater_retries_total";
/// Models that the gate let into service.
pub const MODELS_PROMOTED: &str = "paceline_updater_models_promoted_total";
/// Models that it did not, by the figure that kept them out.
pub const MODELS_REFUSED: &str = "paceline_updater_models_refused_total";
/// 1 while an operator's choice stays in service, whatever the learner learns.
pub const MODEL_HELD: &str = "paceline_updater_model_held";
