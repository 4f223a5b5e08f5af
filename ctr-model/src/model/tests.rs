//! Tests of serving: the prior, and the bounds of what is predicted.

use super::*;
use crate::feature::FIELDS;

#[test]
fn an_untrained_model_predicts_the_prior() {
    let model = Model::untrained();
    let prediction = model.predict(&Features([u32::MAX; FIELDS]));
    assert!((prediction.click - PRIOR_CLICK_RATE).abs() < 1e-6);
    assert!((prediction.conversion - PRIOR_CONVERSION_RATE).abs() < 1e-6);
    assert_eq!((model.version(), model.evaluation().click.examples), (0, 0));
    let other = Model::with_prior(0.25, 0.5).predict(&Features([0; FIELDS]));
    assert!((other.click - 0.25).abs() < 1e-6 && (other.conversion - 0.5).abs() < 1e-6);
}

#[test]
fn predictions_are_probabilities_whatever_the_weights() {
    for weight in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        64.0,
        -64.0,
    ] {
        let mut model = Model::with_prior(f32::NAN, 2.0);
        model
            .weights
            .iter_mut()
            .for_each(|pair| *pair = [weight, -weight]);
        let Prediction { click, conversion } = model.predict(&Features([1; FIELDS]));
        for p in [click, conversion] {
            assert!((1e-6..=1.0 - 1e-6).contains(&p), "{weight}: {p}");
        }
    }
}
