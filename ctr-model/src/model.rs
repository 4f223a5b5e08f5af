//! The served model: immutable, shared without a lock, scored without allocation.
//!
//! A score has three parts: the request's, once per request; the candidate's, once per model ([`Candidates`]); and that
//! of the crosses of both, which is looked up for each pair. [`Model::predict`] makes all three from logged features
//! with the same code, so that it gives what was served to the last bit.

use std::cell::OnceCell;

use crate::calibration::Calibration;
use crate::engine::halves::{Part, Side};
use crate::engine::{Estimate, Scorer, Split};
use crate::feature::list::{REQUEST_CROSSES, REQUEST_SINGLES, SINGLES};
use crate::feature::{CreativeHalf, Features, RequestHalf};
use crate::fields::{self, BOTH, CANDIDATE, ModelKind, REQUEST, VECTORS};
use crate::file::ModelError;
use crate::published::Published;
use crate::trained::{Scores, Trained};

/// The click rate predicted before anything was learned: a usual display rate is below it.
pub const PRIOR_CLICK_RATE: f32 = 0.01;
/// The rate of conversions after a click predicted before anything was learned.
pub const PRIOR_CONVERSION_RATE: f32 = 0.05;

/// Marks a candidate without vectors.
const NONE: u32 = u32::MAX;

/// What a model expects of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prediction {
    /// Probability of a click on the impression, calibrated.
    pub click: f32,
    /// Probability of a conversion after a click, calibrated.
    pub conversion: f32,
    /// Both before calibration: what calibration is learned from.
    pub raw: [f32; 2],
    /// How unsure the click's log-odds are, as a variance.
    pub variance: f32,
}

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The click alone; the conversion is left 0.
    Click,
    /// Click and conversion.
    Both,
}

/// One head: a scorer with its calibration.
#[derive(Debug)]
struct Head {
    scorer: Scorer,
    calibration: Calibration,
    scores: Scores,
}

/// A model as it is served. Share it behind an `Arc`.
#[derive(Debug)]
pub struct Model {
    version: u64,
    parent: u64,
    kind: ModelKind,
    split: Split,
    click: Head,
    conversion: Head,
}

/// One side's part of one head's score.
#[derive(Debug, Clone, Copy)]
struct Own {
    part: Part,
    /// Of calibration, in log-odds.
    offset: f32,
}

/// The request's side of one head.
#[derive(Debug, Clone, Copy)]
struct RequestSide {
    own: Own,
    vectors: [f32; VECTORS],
}

/// What a model says of a request before it knows the candidate. Conversions are worked out when first asked for.
#[derive(Debug, Clone)]
pub struct RequestScore {
    scorers: [u64; 2],
    tokens: [u32; REQUEST],
    click: RequestSide,
    conversion: OnceCell<RequestSide>,
}

/// The tokens of the crosses of a request and a candidate.
pub type Crosses = [u32; BOTH];

/// What a model says of a list of candidates by themselves: made once per model and list, good for that model alone.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    scorers: [u64; 2],
    each: Box<[Known]>,
    /// Vectors of those that have any, click's before conversion's.
    vectors: Box<[f32]>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    heads: [Own; 2],
    /// Where its vectors begin, or [`NONE`].
    at: u32,
}

impl Head {
    fn new(trained: &Trained) -> Result<Self, ModelError> {
        Ok(Self {
            scorer: Scorer::new(&trained.weights)?,
            calibration: trained.calibration.clone(),
            scores: trained.scores,
        })
    }

    /// How many numbers a side's vectors have.
    fn vectors(&self) -> usize {
        match self.scorer.spec().row_len() {
            0 => 0,
            _ => VECTORS,
        }
    }

    fn request(&self, split: &Split, tokens: &[u32; REQUEST]) -> RequestSide {
        let mut vectors = [0.0; VECTORS];
        let own = vectors.get_mut(..self.vectors()).unwrap_or_default();
        let part = self.scorer.part((split, Side::Request), tokens, own);
        // The first column is the exchange.
        let offset = self.calibration.base() + self.calibration.slice(0, tokens[0]);
        RequestSide {
            own: Own { part, offset },
            vectors,
        }
    }

    fn candidate(&self, split: &Split, tokens: &[u32; CANDIDATE], vectors: &mut [f32]) -> Own {
        let part = self.scorer.part((split, Side::Candidate), tokens, vectors);
        // Creative, advertiser, campaign.
        let offset = self.calibration.slice(1, tokens[2]);
        Own { part, offset }
    }

    /// The estimate before calibration, and the probability after it.
    #[inline]
    fn score(
        &self,
        request: &RequestSide,
        (candidate, vectors): (&Own, &[f32]),
        crosses: &Crosses,
    ) -> (Estimate, f32) {
        // Without vectors on the candidate's side the product is empty.
        let left = request.vectors.get(..vectors.len()).unwrap_or_default();
        let both = self.scorer.linear_sums(crosses);
        let (request, left) = ((&request.own.part, left), request.own.offset);
        let estimate = self.scorer.join(request, (&candidate.part, vectors), both);
        (estimate, estimate.shifted(left + candidate.offset))
    }
}

impl Model {
    /// Version 0: the prior rates for everything.
    pub fn untrained() -> Self {
        Self::with_prior(PRIOR_CLICK_RATE, PRIOR_CONVERSION_RATE)
    }

    /// As [`Self::untrained`], with other rates.
    pub fn with_prior(click: f32, conversion: f32) -> Self {
        let published = Published::untrained(ModelKind::Lr, [click, conversion]);
        Self::new(&published).expect("weights of nothing are sound")
    }

    /// Lays a published model out for serving.
    ///
    /// # Errors
    /// When its weights cannot be served.
    pub fn new(published: &Published) -> Result<Self, ModelError> {
        let Published {
            click, conversion, ..
        } = published;
        let kind = ModelKind::of(click.spec()).ok_or(ModelError::Number { what: "shape" })?;
        ModelKind::of(conversion.spec()).ok_or(ModelError::Number { what: "shape" })?;
        Ok(Self {
            version: published.version,
            parent: published.parent,
            kind,
            split: fields::split(),
            click: Head::new(click)?,
            conversion: Head::new(conversion)?,
        })
    }

    /// Reads a model file and lays it out.
    ///
    /// # Errors
    /// Names what is wrong with the file and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::new(&Published::parse(bytes)?)
    }

    /// The version its trainer gave it; 0 is untrained.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The version it was trained from; 0 is none.
    pub fn parent(&self) -> u64 {
        self.parent
    }

    /// What its click head is made of.
    pub fn kind(&self) -> ModelKind {
        self.kind
    }

    /// Its trainer's figures of clicks and of conversions, at the time it was made.
    pub fn scores(&self) -> [Scores; 2] {
        [self.click.scores, self.conversion.scores]
    }

    fn scorers(&self) -> [u64; 2] {
        [self.click.scorer.id(), self.conversion.scorer.id()]
    }

    /// The request's part of the score: what is the same for all its candidates.
    pub fn request_score(&self, half: &RequestHalf) -> RequestScore {
        self.request(fields::request(half.tokens()))
    }

    fn request(&self, tokens: [u32; REQUEST]) -> RequestScore {
        RequestScore {
            scorers: self.scorers(),
            click: self.click.request(&self.split, &tokens),
            conversion: OnceCell::new(),
            tokens,
        }
    }

    /// The candidates' parts of the score, in their order. Those of which it knows no vectors share having none.
    pub fn candidates<'a>(&self, all: impl Iterator<Item = &'a CreativeHalf>) -> Candidates {
        let stride = self.click.vectors() + self.conversion.vectors();
        let (mut each, mut vectors) = (Vec::with_capacity(all.size_hint().0), Vec::new());
        let mut buffer = [0.0; 2 * VECTORS];
        let buffer = buffer.get_mut(..stride).unwrap_or_default();
        for half in all {
            let heads = self.known(&fields::candidate(&half.tokens()), buffer);
            let says_more = buffer.iter().any(|number| *number != 0.0);
            let at = match u32::try_from(vectors.len()) {
                Ok(at) if says_more => {
                    vectors.extend_from_slice(buffer);
                    at
                }
                _ => NONE,
            };
            each.push(Known { heads, at });
        }
        Candidates {
            scorers: self.scorers(),
            each: each.into_boxed_slice(),
            vectors: vectors.into_boxed_slice(),
        }
    }

    fn known(&self, tokens: &[u32; CANDIDATE], vectors: &mut [f32]) -> [Own; 2] {
        let (click, conversion) = vectors
            .split_at_mut_checked(self.click.vectors())
            .unwrap_or_default();
        [
            self.click.candidate(&self.split, tokens, click),
            self.conversion.candidate(&self.split, tokens, conversion),
        ]
    }

    /// As [`Self::predict`], to the last bit, for a candidate by its place in the list. `None` where the list or the
    /// request's score is another model's, or the list has no such place.
    pub fn predict_with(
        &self,
        request: &RequestScore,
        (candidates, at): (&Candidates, usize),
        (crosses, ask): (&Crosses, Ask),
    ) -> Option<Prediction> {
        let known = candidates.each.get(at)?;
        if [candidates.scorers, request.scorers] != [self.scorers(); 2] {
            return None;
        }
        let start = known.at as usize;
        let stride = self.click.vectors() + self.conversion.vectors();
        let vectors = match known.at {
            NONE => &[][..],
            _ => candidates.vectors.get(start..start + stride)?,
        };
        Some(self.score(request, (&known.heads, vectors), (crosses, ask)))
    }

    #[inline]
    fn score(
        &self,
        request: &RequestScore,
        ([click, conversion], vectors): (&[Own; 2], &[f32]),
        (crosses, ask): (&Crosses, Ask),
    ) -> Prediction {
        let (first, second) = vectors
            .split_at_checked(self.click.vectors())
            .unwrap_or_default();
        let (estimate, probability) = self.click.score(&request.click, (click, first), crosses);
        let mut prediction = Prediction {
            click: probability,
            raw: [estimate.probability, 0.0],
            variance: estimate.variance,
            conversion: 0.0,
        };
        if ask == Ask::Both {
            let compute = || self.conversion.request(&self.split, &request.tokens);
            let side = request.conversion.get_or_init(compute);
            let head = &self.conversion;
            let (estimate, probability) = head.score(side, (conversion, second), crosses);
            prediction.raw[1] = estimate.probability;
            prediction.conversion = probability;
        }
        prediction
    }

    /// Both probabilities from all features, each within [1e-6, 1 - 1e-6].
    pub fn predict(&self, features: &Features) -> Prediction {
        let request = self.request(fields::request(&features.0));
        let singles = std::array::from_fn(|at| features.0[REQUEST_SINGLES + at]);
        let mut vectors = [0.0; 2 * VECTORS];
        let stride = self.click.vectors() + self.conversion.vectors();
        let vectors = vectors.get_mut(..stride).unwrap_or_default();
        let heads = self.known(&fields::candidate(&singles), vectors);
        let crosses = std::array::from_fn(|at| features.0[SINGLES.len() + REQUEST_CROSSES + at]);
        self.score(&request, (&heads, vectors), (&crosses, Ask::Both))
    }
}

impl Candidates {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// The bytes that all of it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.each) + size_of_val(&*self.vectors)
    }
}

#[cfg(test)]
mod tests;
