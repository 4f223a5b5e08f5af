//! Click and conversion prediction: features, model, training, evaluation, files.
//!
//! The bidder computes [`feature::RequestHalf`] once per request, [`Candidates`] once per model, and asks
//! [`Model::predict_with`] for every candidate; the updater feeds the logged [`Features`] to a [`Trainer`] and
//! publishes what [`Trainer::publish`] returns. Both sides share one feature list, one scoring function and one file
//! format, so that what is served is what was trained.

pub mod calibration;
pub mod delayed;
pub mod engine;
pub mod feature;
mod fields;
pub mod file;
pub mod gate;
pub mod metrics;
pub mod model;
mod odds;
pub mod published;
pub mod table;
pub mod train;
pub mod trained;

pub use feature::{CreativeFeatures, CreativeHalf, Features, RequestFeatures, RequestHalf};
pub use fields::ModelKind;
pub use file::ModelError;
pub use model::{Ask, Candidates, Crosses, Model, Prediction, RequestScore};
pub use published::Published;
pub use train::{Look, Served, Trainer};
