//! Click and conversion prediction: features, model, training, evaluation, files.
