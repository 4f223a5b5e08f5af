//! A trial: another model bids for a share of the users.

use std::sync::Arc;

use ctr_model::{Model, ModelError};
use domain::UserKey;
use domain::random::mix;
use prost::Message;
use proto::state::{ModelTrial, TrialModel};

use crate::score::Served;
use crate::snapshot::AdFront;

/// Everyone, in millionths.
const WHOLE_PPM: u64 = 1_000_000;

/// The model that bids on a request.
#[derive(Debug, Clone, Copy)]
pub struct Serving<'a> {
    /// Which.
    pub served: &'a Served,
    /// The arm of the trial: 0 without one, else twice its number, and one more where the tried model bids.
    pub arm: u32,
}

/// A trial as it is published.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Which and for how many; its number is the salt, so that each trial draws other users.
    pub terms: ModelTrial,
    /// What is tried.
    pub model: Arc<Model>,
}

impl Trial {
    /// Reads what the updater published; `None` where no trial runs.
    ///
    /// # Errors
    /// When it or its model does not decode.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ModelError> {
        let published = TrialModel::decode(bytes).unwrap_or_default();
        let Some(terms) = published.trial else {
            return Ok(None);
        };
        let model = Arc::new(Model::parse(&published.model)?);
        Ok(Some(Self { terms, model }))
    }
}

/// A trial as it is served.
#[derive(Debug)]
pub struct Tried {
    /// Which and for how many.
    pub terms: ModelTrial,
    /// What is tried.
    pub served: Served,
}

impl Tried {
    /// Works out what its model says of ads by themselves.
    pub fn new(trial: Trial, ads: &[AdFront]) -> Self {
        Self {
            terms: trial.terms,
            served: Served::new(trial.model, ads),
        }
    }

    /// Whether the tried model bids: for a user always the same, without one by the request's id.
    pub fn takes(&self, user: Option<UserKey>, request: &str) -> bool {
        let id = user.as_ref().map_or(request.as_bytes(), |user| &user.0);
        let mut hash = mix(u64::from(self.terms.number));
        for chunk in id.chunks(8) {
            let mut word = [0; 8];
            for (into, from) in word.iter_mut().zip(chunk) {
                *into = *from;
            }
            hash = mix(hash ^ u64::from_le_bytes(word)).wrapping_add(chunk.len() as u64);
        }
        mix(hash) % WHOLE_PPM < u64::from(self.terms.share_ppm)
    }

    /// The tried model where it takes the user or the request, else what bids for the others.
    pub(crate) fn serving<'a>(
        &'a self,
        (user, request): (Option<UserKey>, &str),
        others: Serving<'a>,
    ) -> Serving<'a> {
        let arm = self.terms.number.saturating_mul(2);
        match self.takes(user, request) {
            true => Serving {
                served: &self.served,
                arm: arm | 1,
            },
            false => Serving { arm, ..others },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ctr_model::Published;

    fn trial(number: u32, share_ppm: u32) -> Tried {
        let terms = ModelTrial {
            number,
            share_ppm,
            version: 1,
            since_ms: 0,
        };
        let model = Arc::new(Model::untrained());
        Tried::new(Trial { terms, model }, &[])
    }

    fn user(number: u64) -> Option<UserKey> {
        let mut key = [3; 16];
        key[8..].copy_from_slice(&number.to_be_bytes());
        Some(UserKey(key))
    }

    #[test]
    fn a_share_of_the_users_is_taken_and_each_stays_where_it_is() {
        let (first, second) = (trial(1, 100_000), trial(2, 100_000));
        let taken = |trial: &Tried, n| trial.takes(user(n), "any");
        let in_first = (0..100_000).filter(|n| taken(&first, *n)).count();
        assert!((9_500..10_500).contains(&in_first), "{in_first}");
        let in_both = (0..100_000).filter(|n| taken(&first, *n) && taken(&second, *n));
        let in_both = in_both.count();
        assert!(
            (800..1_200).contains(&in_both),
            "{in_both}: trials draw alike"
        );
        assert!((0..1_000).all(|n| first.takes(user(n), "a") == first.takes(user(n), "b")));
        // A larger share keeps whom the smaller one had.
        let larger = trial(1, 300_000);
        assert!((0..10_000).all(|n| !taken(&first, n) || taken(&larger, n)));
    }

    #[test]
    fn without_a_user_the_request_decides() {
        let half = trial(7, 500_000);
        let taken = (0..10_000).filter(|n| half.takes(None, &format!("request {n}")));
        let taken = taken.count();
        assert!((4_700..5_300).contains(&taken), "{taken}");
    }

    #[test]
    fn what_is_published_is_read() {
        assert!(Trial::parse(b"").unwrap().is_none());
        let mut published = TrialModel {
            trial: Some(trial(3, 5).terms),
            model: b"garbage".to_vec(),
        };
        assert!(Trial::parse(&published.encode_to_vec()).is_err());
        published.model = Published::of_nothing().encode();
        let read = Trial::parse(&published.encode_to_vec()).unwrap().unwrap();
        assert_eq!(read.terms, trial(3, 5).terms);
    }
}
