//! Two models on the same recent examples, each predicted before it was learned: what the gate decides by.
//!
//! Both see the same examples, so what is uncertain is their difference alone: by two of its standard errors the gate's
//! tolerance is widened, or chance would keep out a model that is as good. A learner moves while it is judged: what it learns from one
//! example moves its score of the next like it, so its scores at different times cannot be ranked against each other. Its
//! AUC is therefore that of copies of it, each over a block of examples that it had not learned.

use ctr_model::gate::{self, Refusal, Tolerance};
use ctr_model::metrics::{Progressive, loss};
use ctr_model::trained::Scores;

/// With so many clicks counted the past is halved: figures speak of the newest 1,000 to 2,000 clicks.
const CLICKS_REMEMBERED: f64 = 2_000.0;
/// Fewest clicks of a block of examples, within which scores are ranked.
pub const CLICKS_OF_A_BLOCK: u64 = 20;
/// The tolerance is wider by so many standard errors.
const ERRORS: f64 = 2.0;
/// Numbers that a contest goes on from.
const SUMS: usize = 12;

/// A candidate's predictions beside those of a model that served.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contest {
    rows: f64,
    clicks: f64,
    /// Predicted clicks, the candidate's first.
    predicted: [f64; 2],
    loss: Paired,
    auc: Paired,
    block: [Progressive; 2],
    block_clicks: u64,
}

/// A figure of both over the same examples, the candidate's first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Paired {
    count: f64,
    sums: [f64; 2],
    /// Of the differences, squared.
    squares: f64,
}

impl Paired {
    fn add(&mut self, [candidate, serving]: [f64; 2]) {
        self.count += 1.0;
        self.sums[0] += candidate;
        self.sums[1] += serving;
        self.squares += (candidate - serving).powi(2);
    }

    fn mean(&self, which: usize) -> Option<f64> {
        let sum = self.sums.get(which)?;
        (self.count > 0.0).then(|| sum / self.count)
    }

    /// The standard error of the difference of the means.
    fn error(&self) -> f64 {
        let difference = self.sums[0] - self.sums[1];
        let spread = self.squares - difference * difference / self.count.max(1.0);
        spread.max(0.0).sqrt() / self.count.max(1.0)
    }

    fn halve(&mut self) {
        self.count *= 0.5;
        self.sums = self.sums.map(|sum| sum * 0.5);
        self.squares *= 0.5;
    }
}

/// Figures on the same examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// The candidate's.
    pub candidate: Scores,
    /// Those of the model that it is compared with.
    pub serving: Scores,
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// There is too little to judge by.
    Waiting,
    /// It may go into service.
    Passed,
    /// Why it may not.
    Refused(Vec<Refusal>),
}

impl Contest {
    /// Counts what both predicted of one example; `copy` is what a copy of the candidate does that stays until
    /// [`Self::end_block`].
    pub fn add(&mut self, predicted: [f32; 2], copy: f32, clicked: bool) {
        self.rows += 1.0;
        self.clicks += f64::from(u8::from(clicked));
        for (sum, predicted) in self.predicted.iter_mut().zip(predicted) {
            *sum += f64::from(predicted);
        }
        self.loss.add(predicted.map(|p| loss(p, clicked)));
        for (block, predicted) in self.block.iter_mut().zip([copy, predicted[1]]) {
            block.add(predicted, clicked);
        }
        self.block_clicks += u64::from(clicked);
        if self.clicks >= CLICKS_REMEMBERED {
            let sums = [&mut self.rows, &mut self.clicks].into_iter();
            sums.chain(&mut self.predicted).for_each(|sum| *sum *= 0.5);
            self.loss.halve();
            self.auc.halve();
        }
    }

    /// Clicks of the block under way.
    pub fn block_clicks(&self) -> u64 {
        self.block_clicks
    }

    /// From the next example on the copy is another one.
    pub fn end_block(&mut self) {
        self.block_clicks = 0;
        let figures = std::mem::take(&mut self.block).map(|block| block.figures().auc);
        if let [Some(candidate), Some(serving)] = figures {
            self.auc.add([candidate, serving]);
        }
    }

    /// The figures so far.
    pub fn standing(&self) -> Standing {
        let of = |which: usize| Scores {
            rows: self.rows as u64,
            clicks: self.clicks as u64,
            log_loss: self.loss.mean(which),
            auc: self.auc.mean(which),
            rig: None,
            calibration: self
                .predicted
                .get(which)
                .filter(|_| self.clicks > 0.0)
                .map(|predicted| predicted / self.clicks),
        };
        Standing {
            candidate: of(0),
            serving: of(1),
        }
    }

    /// Whether the candidate may take the other's place.
    pub fn verdict(&self, tolerance: Tolerance) -> Verdict {
        let Standing {
            mut candidate,
            mut serving,
        } = self.standing();
        if candidate.auc.is_none() {
            // Before the first block nothing is ranked, and neither is worse.
            (candidate.auc, serving.auc) = (Some(0.5), Some(0.5));
        }
        let loss = serving.log_loss.unwrap_or(f64::NAN);
        let widened = Tolerance {
            log_loss: tolerance.log_loss + ERRORS * self.loss.error() / loss,
            auc: tolerance.auc + ERRORS * self.auc.error(),
            calibration: tolerance.calibration + ERRORS / self.clicks.max(1.0).sqrt(),
            ..tolerance
        };
        match gate::check(&candidate, Some(&serving), widened) {
            Ok(()) => Verdict::Passed,
            Err(why) if matches!(why[..], [Refusal::Clicks { .. }]) => Verdict::Waiting,
            Err(why) => Verdict::Refused(why),
        }
    }

    /// All sums but those of the block under way, to go on from after a restart.
    pub fn sums(&self) -> [f64; SUMS] {
        let (loss, auc) = (self.loss, self.auc);
        [
            self.rows,
            self.clicks,
            self.predicted[0],
            self.predicted[1],
            loss.count,
            loss.sums[0],
            loss.sums[1],
            loss.squares,
            auc.count,
            auc.sums[0],
            auc.sums[1],
            auc.squares,
        ]
    }

    /// Goes on from [`Self::sums`]; `None` when it is anything else.
    pub fn from_sums(sums: &[f64]) -> Option<Self> {
        let sums: [f64; SUMS] = sums.try_into().ok()?;
        let sound = sums.iter().all(|sum| sum.is_finite() && *sum >= 0.0);
        let [rows, clicks, candidate, serving, rest @ ..] = sums;
        let [loss, auc] = [rest.first_chunk::<4>()?, rest.last_chunk::<4>()?].map(
            |[count, candidate, serving, squares]| Paired {
                count: *count,
                sums: [*candidate, *serving],
                squares: *squares,
            },
        );
        sound.then(|| Self {
            rows,
            clicks,
            predicted: [candidate, serving],
            loss,
            auc,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::random::SplitMix64;

    /// Examples whose rate is 0.05 or 0.4, predicted by the truth blurred towards its mean and by chance.
    fn contest(blurs: [f32; 2], noise: f64, examples: usize) -> Contest {
        let mut rng = SplitMix64::new(5);
        let mut contest = Contest::default();
        for _ in 0..examples {
            let rate = if rng.chance(0.5) { 0.05_f32 } else { 0.4 };
            let clicked = rng.chance(f64::from(rate));
            let predicted = blurs.map(|blur| {
                let off = 1.0 + noise * (rng.unit() - 0.5);
                (rate + (0.225 - rate) * blur) * off as f32
            });
            contest.add(predicted, predicted[0], clicked);
            if contest.block_clicks() == CLICKS_OF_A_BLOCK {
                contest.end_block();
            }
        }
        contest
    }

    fn verdict(blurs: [f32; 2], noise: f64, examples: usize) -> Verdict {
        contest(blurs, noise, examples).verdict(Tolerance::default())
    }

    #[test]
    fn only_what_is_not_worse_passes() {
        assert_eq!(verdict([0.5, 0.5], 0.0, 200), Verdict::Waiting);
        assert_eq!(verdict([0.5, 0.5], 0.0, 2_000), Verdict::Passed);
        assert_eq!(verdict([0.2, 0.5], 0.0, 2_000), Verdict::Passed);
        let worse = verdict([0.9, 0.5], 0.0, 2_000);
        assert!(
            matches!(&worse, Verdict::Refused(why) if why[0].to_string().starts_with("log loss")),
            "{worse:?}"
        );
    }

    #[test]
    fn chance_alone_keeps_few_out() {
        for examples in [1_000, 2_000, 4_000, 8_000, 16_000] {
            let same = verdict([0.3, 0.3], 0.3, examples);
            assert_eq!(same, Verdict::Passed, "{examples}");
        }
    }

    #[test]
    fn the_past_fades_and_sums_go_on() {
        let contest = contest([0.9, 0.0], 0.0, 20_000);
        let clicks = contest.standing().serving.clicks;
        assert!((1_000..2_000).contains(&clicks), "{clicks}");
        assert!(matches!(
            contest.verdict(Tolerance::default()),
            Verdict::Refused(_)
        ));
        let again = Contest::from_sums(&contest.sums()).unwrap();
        assert_eq!(again.standing(), contest.standing());
        assert_eq!(Contest::from_sums(&[0.0; 3]), None);
        assert_eq!(Contest::from_sums(&[f64::NAN; SUMS]), None);
    }
}
