//! Scoring: the request's half of the features once per impression, then one prediction per ad.

use ctr_model::{Features, Model, Prediction, RequestFeatures, RequestHalf};
use domain::targeting::Size;

use crate::auction::Auction;
use crate::snapshot::Ad;

/// The request's half of the features of one impression.
#[derive(Debug)]
pub struct Scorer {
    half: RequestHalf,
}

impl Scorer {
    /// Hashes what request, user and impression say.
    pub fn new(auction: &Auction<'_>, size: Option<Size>, position: u32) -> Self {
        let facts = auction.facts;
        let profile = auction.profile.filter(|_| facts.privacy.profile_allowed);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let half = RequestHalf::new(&RequestFeatures {
            exchange: auction.exchange.0,
            inventory: facts.inventory,
            site: facts.site,
            publisher: facts.publisher,
            country: facts.country,
            device: facts.device,
            os: facts.os,
            hour_of_week: facts.hour,
            size,
            position,
            segments: &facts.segments,
            user_impressions: count(profile.map_or(0, |profile| profile.impressions)),
            user_clicks: count(profile.map_or(0, |profile| profile.clicks)),
            user_known: profile.is_some(),
        });
        Self { half }
    }

    /// What the model expects of an ad, with the features it was told: they are logged with the bid.
    pub fn score(&self, model: &Model, ad: &Ad) -> (Features, Prediction) {
        let features = self.half.with(&ad.features);
        let prediction = model.predict(&features);
        (features, prediction)
    }
}
