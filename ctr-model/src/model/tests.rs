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

#[test]
fn a_request_scored_once_changes_no_bit_of_a_prediction() {
    use crate::feature::{CreativeFeatures, CreativeHalf, RequestFeatures};
    use domain::ids::{AdvertiserId, CampaignId, CreativeId, LineItemId};
    use domain::random::SplitMix64;

    let mut rng = SplitMix64::new(5);
    let mut model = Model::with_prior(0.02, 0.1);
    for pair in &mut model.weights {
        *pair = [rng.unit() as f32 - 0.5, rng.unit() as f32 - 0.5];
    }
    for request in 0..20 {
        let site = format!("site-{request}.example");
        let half = RequestHalf::new(&RequestFeatures {
            site: &site,
            segments: &["b", "a"],
            user_impressions: request,
            ..RequestFeatures::default()
        });
        let score = model.request_score(&half);
        for id in 1..50 {
            let creative = CreativeFeatures {
                advertiser: AdvertiserId(id % 3),
                campaign: CampaignId(id % 7),
                line_item: LineItemId(id % 11),
                creative: CreativeId(id),
                format: "banner",
            };
            let features = half.with(&creative);
            assert_eq!(half.with_half(&CreativeHalf::new(&creative)), features);
            let (whole, split) = (
                model.predict(&features),
                model.predict_with(&score, &features),
            );
            assert_eq!(whole.click.to_bits(), split.click.to_bits());
            assert_eq!(whole.conversion.to_bits(), split.conversion.to_bits());
        }
    }
}
