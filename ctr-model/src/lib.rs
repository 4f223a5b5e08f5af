//! Click and conversion prediction: features, model, training, evaluation, files.
//!
//! The bidder computes [`feature::RequestHalf`] once per request and asks [`Model::predict`] for every
//! candidate; the updater feeds the logged [`Features`] to a [`Trainer`] and publishes what
//! [`Trainer::model`] returns. Both sides share one feature list, one scoring function and one file
//! format, so that what is served is what was trained.

pub mod calibration;
pub mod delayed;
pub mod engine;
pub mod feature;
pub mod file;
pub mod gate;
pub mod metrics;
pub mod model;
pub mod table;
pub mod train;
pub mod trained;
mod weights;

pub use feature::{CreativeFeatures, CreativeHalf, Features, RequestFeatures, RequestHalf};
pub use file::ModelError;
pub use model::{Evaluation, Model, Prediction, RequestScore};
pub use train::Trainer;
