//! Scoring: the request's half of the features once per impression, then one prediction per ad.

use std::cell::OnceCell;
use std::sync::Arc;

use ctr_model::{
    Ask, Candidates, Crosses, Features, Model, Prediction, RequestFeatures, RequestHalf,
    RequestScore,
};
use domain::BidModel;
use domain::targeting::Size;

use crate::auction::Auction;
use crate::snapshot::AdFront;

/// A model with what it says of every ad of a snapshot by itself: they change together, so that no score is made of
/// two models.
#[derive(Debug)]
pub struct Served {
    /// The model.
    pub model: Arc<Model>,
    /// What it says of each ad, in the order of the snapshot's ads.
    candidates: Candidates,
}

impl Served {
    /// Works out what a model says of ads by themselves.
    pub fn new(model: Arc<Model>, ads: &[AdFront]) -> Self {
        let candidates = model.candidates(ads.iter().map(|ad| &ad.hashed));
        Self { model, candidates }
    }
}

/// What has to be known of an ad that is paid for like this.
pub(crate) fn ask_for(bid: BidModel) -> Ask {
    match bid {
        BidModel::Cpa(_) => Ask::Both,
        BidModel::Cpm(_) | BidModel::Cpc(_) => Ask::Click,
    }
}

/// One impression as the model sees it. What is the same for all ads is worked out when the first one is scored:
/// most impressions have none.
#[derive(Debug)]
pub struct Scorer {
    size: Option<Size>,
    position: u32,
    request: OnceCell<(RequestHalf, RequestScore)>,
}

impl Scorer {
    /// For a slot of this size at this OpenRTB ad position.
    pub fn new(size: Option<Size>, position: u32) -> Self {
        Self {
            size,
            position,
            request: OnceCell::new(),
        }
    }

    /// What the model is told of an ad.
    pub fn features(&self, auction: &Auction<'_>, ad: &AdFront) -> Features {
        let (half, _) = self.request(auction);
        half.with_half(&ad.hashed)
    }

    /// That part of it which neither the request nor the ad has alone.
    pub fn crosses(&self, auction: &Auction<'_>, ad: &AdFront) -> Crosses {
        let (half, _) = self.request(auction);
        half.crosses_with(&ad.hashed)
    }

    /// What the model expects of an ad with these crosses.
    pub fn predict(
        &self,
        auction: &Auction<'_>,
        (ad, crosses): (&AdFront, &Crosses),
        ask: Ask,
    ) -> Prediction {
        let (_, request) = self.request(auction);
        let Served { model, candidates } = auction.serving.served;
        let known = (candidates, ad.position as usize);
        let predicted = model.predict_with(request, known, (crosses, ask));
        predicted.unwrap_or_else(|| model.predict(&self.features(auction, ad)))
    }

    fn request(&self, auction: &Auction<'_>) -> &(RequestHalf, RequestScore) {
        self.request.get_or_init(|| {
            let half = self.half(auction);
            let score = auction.serving.served.model.request_score(&half);
            (half, score)
        })
    }

    /// Hashes what request, user and impression say.
    fn half(&self, auction: &Auction<'_>) -> RequestHalf {
        let facts = auction.facts;
        let profile = auction.profile.filter(|_| facts.privacy.profile_allowed);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        RequestHalf::new(&RequestFeatures {
            exchange: auction.exchange.0,
            inventory: facts.inventory,
            site: facts.site,
            publisher: facts.publisher,
            country: facts.country,
            device: facts.device,
            os: facts.os,
            hour_of_week: facts.hour,
            size: self.size,
            position: self.position,
            segments: &facts.segments,
            user_impressions: count(profile.map_or(0, |profile| profile.impressions)),
            user_clicks: count(profile.map_or(0, |profile| profile.clicks)),
            user_known: profile.is_some(),
        })
    }
}
