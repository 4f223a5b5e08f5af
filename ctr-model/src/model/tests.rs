//! Tests of serving: the prior, the bounds of what is predicted, and that its parts give what the whole gives.

use super::*;
use crate::feature::{CreativeFeatures, FIELDS, RequestFeatures};
use crate::train::{Look, Served, Trainer};
use domain::ids::{AdvertiserId, CampaignId, CreativeId, LineItemId};
use domain::random::SplitMix64;

fn request(rng: &mut SplitMix64) -> RequestHalf {
    let site = format!("site-{}.example", rng.below(6));
    RequestHalf::new(&RequestFeatures {
        exchange: ["a", "b"][rng.below(2) as usize],
        site: &site,
        segments: &[["x", "y", "z"][rng.below(3) as usize], "w"],
        user_impressions: rng.below(5) as u32,
        ..RequestFeatures::default()
    })
}

fn creative(id: u64) -> CreativeHalf {
    CreativeHalf::new(&CreativeFeatures {
        advertiser: AdvertiserId(id % 3),
        campaign: CampaignId(id % 7),
        line_item: LineItemId(id % 11),
        creative: CreativeId(id),
        format: "banner",
    })
}

/// A model with weights, factors and offsets of both heads.
fn trained(kind: ModelKind, version: u64) -> Published {
    let (mut rng, mut trainer) = (SplitMix64::new(5 + version), Trainer::new(kind));
    for at in 0..6_000_u64 {
        if at == 2_500 {
            trainer.serves(version);
        }
        let features = request(&mut rng).with_half(&creative(rng.below(20)));
        let clicked = rng.chance(0.2);
        trainer.learn_click(&features, clicked);
        let served = Served {
            model: version,
            predicted: [0.1, 0.2],
            raw: [0.1, 0.2],
        };
        trainer.calibrate_click(&features, &served, clicked);
        if clicked {
            let bought = rng.chance(0.3);
            trainer.learn_conversion(&features, Look::at_last(bought.then_some(60.0)));
            trainer.settle_conversion(&features, &served, bought);
        }
    }
    trainer.publish(version + 1, version)
}

#[test]
fn an_untrained_model_predicts_the_prior() {
    let model = Model::untrained();
    let prediction = model.predict(&Features([u32::MAX; FIELDS]));
    assert!((prediction.click - PRIOR_CLICK_RATE).abs() < 1e-6);
    assert!((prediction.conversion - PRIOR_CONVERSION_RATE).abs() < 1e-6);
    assert_eq!((model.version(), model.scores()[0].rows), (0, 0));
    let other = Model::with_prior(0.25, 0.5).predict(&Features([0; FIELDS]));
    assert!((other.click - 0.25).abs() < 1e-6 && (other.conversion - 0.5).abs() < 1e-6);
}

#[test]
fn the_parts_of_a_score_give_the_whole_to_the_last_bit() {
    for kind in [ModelKind::Lr, ModelKind::Ffm] {
        let published = trained(kind, 1);
        assert!(published.click.calibration.global().value != 0.0);
        let model = Model::parse(&published.encode()).unwrap();
        assert_eq!(
            (model.version(), model.parent(), model.kind()),
            (2, 1, kind)
        );
        let all: Vec<CreativeHalf> = (0..40).map(creative).collect();
        let candidates = model.candidates(all.iter());
        assert_eq!(candidates.len(), 40);
        let mut rng = SplitMix64::new(9);
        let mut different = 0;
        for _ in 0..50 {
            let half = request(&mut rng);
            let score = model.request_score(&half);
            for (at, creative) in all.iter().enumerate() {
                let whole = model.predict(&half.with_half(creative));
                let crosses = half.crosses_with(creative);
                let parts = model.predict_with(&score, (&candidates, at), (&crosses, Ask::Both));
                assert_eq!(parts, Some(whole));
                let click = model.predict_with(&score, (&candidates, at), (&crosses, Ask::Click));
                assert_eq!(click.unwrap().click.to_bits(), whole.click.to_bits());
                different += usize::from(whole.click != whole.raw[0]);
            }
        }
        assert_eq!(different, 50 * 40, "all are calibrated");
    }
}

#[test]
fn candidates_that_it_knows_nothing_of_share_having_no_vectors() {
    let model = Model::new(&trained(ModelKind::Ffm, 1)).unwrap();
    let known: Vec<CreativeHalf> = (0..20).map(creative).collect();
    let unknown: Vec<CreativeHalf> = (1_000..1_020).map(creative).collect();
    let bytes = |all: &[CreativeHalf]| model.candidates(all.iter()).bytes();
    assert_eq!(bytes(&known) - bytes(&unknown), 20 * VECTORS * 4);
    let linear = Model::new(&trained(ModelKind::Lr, 1)).unwrap();
    assert_eq!(linear.candidates(known.iter()).bytes(), bytes(&unknown));
}

#[test]
fn parts_of_two_models_give_no_score() {
    let [old, new] = [1, 10].map(|version| Model::new(&trained(ModelKind::Ffm, version)).unwrap());
    let (half, own) = (request(&mut SplitMix64::new(1)), creative(3));
    let crosses = half.crosses_with(&own);
    let score = |request: &Model, candidates: &Model, model: &Model| {
        let listed = candidates.candidates([own].iter());
        let request = request.request_score(&half);
        model.predict_with(&request, (&listed, 0), (&crosses, Ask::Both))
    };
    assert!(score(&old, &old, &old).is_some() && score(&new, &new, &new).is_some());
    assert_eq!(score(&old, &new, &new), None);
    assert_eq!(score(&new, &old, &new), None);
    assert_eq!(score(&new, &new, &old), None);
}
