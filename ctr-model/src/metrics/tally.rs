//! A tally of predictions against outcomes that costs a few nanoseconds an example and forgets nothing.

use super::{Bucket, area, entropy, ratio, reliability};
use crate::odds::off_the_ends;

/// Bits of an f32 dropped for its bin: what stays is the exponent and 7 bits of mantissa, 128 bins per doubling.
const DROPPED_BITS: u32 = 16;
/// The bin of the smallest odds there are, 1e-6.
const FIRST_BIN: u32 = 0x3586_0000 >> DROPPED_BITS;
/// Bins from there to odds of 1e6.
const BINS: usize = 5_200;
/// A product of probabilities is turned into a logarithm before it can underflow.
const PRODUCT_MIN: f64 = 1e-280;

/// Sums over examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    rows: u64,
    clicks: u64,
    predicted: f64,
    loss: f64,
    /// The probabilities given to what happened, multiplied, not yet in `loss`.
    product: f64,
    /// Not clicked, clicked, predicted: by bins of the odds.
    bins: Box<[[f64; 3]]>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            rows: 0,
            clicks: 0,
            predicted: 0.0,
            loss: 0.0,
            product: 1.0,
            bins: vec![[0.0; 3]; BINS].into_boxed_slice(),
        }
    }
}

impl Tally {
    /// Counts one example; the probability is kept off 0 and 1.
    pub fn add(&mut self, predicted: f32, clicked: bool) {
        let predicted = off_the_ends(predicted);
        let p = f64::from(predicted);
        self.rows += 1;
        self.clicks += u64::from(clicked);
        self.predicted += p;
        self.product *= if clicked { p } else { 1.0 - p };
        if self.product < PRODUCT_MIN {
            self.loss -= self.product.ln();
            self.product = 1.0;
        }
        if let Some(bin) = self.bins.get_mut(bin(predicted)) {
            bin[usize::from(clicked)] += 1.0;
            bin[2] += p;
        }
    }

    /// Adds all that another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.clicks += other.clicks;
        self.predicted += other.predicted;
        self.loss += other.loss - other.product.ln();
        for (into, from) in self.bins.iter_mut().zip(&other.bins) {
            into.iter_mut()
                .zip(from)
                .for_each(|(into, from)| *into += from);
        }
    }

    /// All sums, little-endian, to go on from later.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = [self.rows.to_le_bytes(), self.clicks.to_le_bytes()].concat();
        let sums = [self.predicted, self.loss, self.product];
        let all = sums.iter().chain(self.bins.iter().flatten());
        all.for_each(|sum| out.extend(sum.to_le_bytes()));
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` when it is anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut tally = Self::default();
        let (words, rest) = bytes.as_chunks::<8>();
        let [rows, clicks, sums @ ..] = words else {
            return None;
        };
        if !rest.is_empty() || sums.len() != 3 + 3 * BINS {
            return None;
        }
        (tally.rows, tally.clicks) = (u64::from_le_bytes(*rows), u64::from_le_bytes(*clicks));
        let places = [&mut tally.predicted, &mut tally.loss, &mut tally.product];
        let places = places.into_iter().chain(tally.bins.iter_mut().flatten());
        for (place, bytes) in places.zip(sums) {
            *place = f64::from_le_bytes(*bytes);
            if !place.is_finite() || *place < 0.0 {
                return None;
            }
        }
        Some(tally)
    }

    /// Examples.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Those that were clicked.
    pub fn clicks(&self) -> u64 {
        self.clicks
    }

    /// Mean log loss in nats.
    pub fn log_loss(&self) -> Option<f64> {
        ratio(self.loss - self.product.ln(), self.rows as f64)
    }

    /// Area under the ROC curve over the bins, within about 1e-5 of the exact one; `None` unless both kinds are there.
    pub fn auc(&self) -> Option<f64> {
        area(self.bins.iter().map(|bin| (bin[0], bin[1])))
    }

    /// Relative information gain: the share of the best constant's log loss that is saved. Below 0 is worse than it.
    pub fn rig(&self) -> Option<f64> {
        let baseline = ratio(self.clicks as f64, self.rows as f64).map(entropy)?;
        self.log_loss()
            .filter(|_| baseline > 0.0)
            .map(|loss| 1.0 - loss / baseline)
    }

    /// Predicted clicks by clicks; 1 is right. `None` without clicks.
    pub fn calibration(&self) -> Option<f64> {
        ratio(self.predicted, self.clicks as f64)
    }

    /// A reliability table of at most so many buckets with about equally many examples, by rising score.
    pub fn reliability(&self, buckets: usize) -> Vec<Bucket> {
        reliability(&self.bins, self.rows as f64, buckets)
    }
}

fn bin(predicted: f32) -> usize {
    let odds = predicted / (1.0 - predicted);
    (odds.to_bits() >> DROPPED_BITS).saturating_sub(FIRST_BIN) as usize
}

const _: () = assert!((0x4974_2400_u32 >> DROPPED_BITS) - FIRST_BIN < BINS as u32);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{LogLoss, auc};
    use domain::random::SplitMix64;

    fn examples(seed: u64, count: usize) -> Vec<(f32, bool)> {
        let mut rng = SplitMix64::new(seed);
        let one = |_| {
            let p = (rng.unit() * rng.unit()) as f32;
            (p, rng.chance(f64::from(p)))
        };
        (0..count).map(one).collect()
    }

    fn tally(examples: &[(f32, bool)]) -> Tally {
        let mut tally = Tally::default();
        examples
            .iter()
            .for_each(|&(p, clicked)| tally.add(p, clicked));
        tally
    }

    #[test]
    fn figures_are_those_of_the_exact_sums() {
        let all = examples(3, 30_000);
        let figures = tally(&all);
        let mut exact = LogLoss::default();
        all.iter().for_each(|&(p, clicked)| exact.add(p, clicked));
        let clicks = all.iter().filter(|one| one.1).count() as f64;
        let sum: f64 = all.iter().map(|one| f64::from(one.0)).sum();
        assert!((figures.log_loss().unwrap() - exact.mean().unwrap()).abs() < 1e-7);
        assert!((figures.auc().unwrap() - auc(&all).unwrap()).abs() < 1e-4);
        assert!((figures.calibration().unwrap() - sum / clicks).abs() < 1e-4);
        let rig = 1.0 - exact.mean().unwrap() / entropy(clicks / 30_000.0);
        assert!((figures.rig().unwrap() - rig).abs() < 1e-7);
        let table = figures.reliability(10);
        assert!((8..=10).contains(&table.len()));
        assert!(
            table
                .iter()
                .all(|one| (one.predicted - one.observed).abs() < 0.05)
        );
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let all = examples(4, 5_000);
        let mut parts = tally(&all[..1_234]);
        parts.merge(&tally(&all[1_234..]));
        let whole = tally(&all);
        assert_eq!((parts.rows, parts.clicks), (whole.rows, whole.clicks));
        assert!((parts.log_loss().unwrap() - whole.log_loss().unwrap()).abs() < 1e-9);
        assert!((parts.auc().unwrap() - whole.auc().unwrap()).abs() < 1e-9);
        assert_eq!(Tally::parse(&whole.encode()), Some(whole.clone()));
        assert_eq!(Tally::parse(&whole.encode()[8..]), None);
    }

    #[test]
    fn extremes_have_a_bin_and_a_finite_loss() {
        let worst = [
            (0.0, true),
            (1.0, false),
            (f32::NAN, true),
            (f32::INFINITY, false),
        ];
        let figures = tally(&worst);
        assert!((13.0..14.0).contains(&figures.log_loss().unwrap()));
        assert_eq!(figures.auc(), Some(0.0));
        let counted: f64 = figures.bins.iter().map(|bin| bin[0] + bin[1]).sum();
        assert_eq!(counted, 4.0);
        assert_eq!(Tally::default().log_loss(), None);
        assert_eq!(Tally::default().rig(), None);
    }
}
