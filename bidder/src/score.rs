//! Scoring: the request's half of the features once per impression, then one prediction per ad.

use std::cell::OnceCell;

use ctr_model::{Features, Prediction, RequestFeatures, RequestHalf, RequestScore};
use domain::targeting::Size;

use crate::auction::Auction;
use crate::snapshot::AdFront;

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

    /// What it makes of that.
    pub fn predict(&self, auction: &Auction<'_>, features: &Features) -> Prediction {
        let (_, request) = self.request(auction);
        auction.snapshot.model.predict_with(request, features)
    }

    fn request(&self, auction: &Auction<'_>) -> &(RequestHalf, RequestScore) {
        self.request.get_or_init(|| {
            let half = self.half(auction);
            (half, auction.snapshot.model.request_score(&half))
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
