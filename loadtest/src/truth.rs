//! The hidden truth: how likely a user is to click a creative on a placement, and to buy afterwards.

use domain::random::{SplitMix64, mix};

use crate::traffic::{Device, Format, Placement, User};

/// Puts the mean click probability of random pairs near one in ten.
const CLICK_BIAS: f64 = -2.55;
/// Puts the mean conversion probability of a click near one in seven.
const CONVERSION_BIAS: f64 = -1.8;

/// Tastes that a seed fixes and that nobody outside the simulation sees.
///
/// The logit is a sum of site quality (standard deviation 0.55), interests x creative (0.5), creative (0.3), device,
/// slot format (0.25), country (0.2) and a whim of the user (0.15), together about 0.95: with a base rate of 10 %
/// the truth's own area under the curve is about 0.75, most of it learnable from single features.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    seed: u64,
}

impl Truth {
    /// The tastes of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed: mix(seed) }
    }

    /// The probability that `user` clicks the creative once it is shown on `placement`.
    pub fn click_probability(&self, user: &User, placement: &Placement, creative: &str) -> f64 {
        let creative = hash(creative);
        let device = match user.device {
            Device::Phone => 0.3,
            Device::Desktop => -0.4,
            Device::Tablet => 0.0,
        };
        logistic(
            CLICK_BIAS
                + 0.55 * self.hidden(1, placement.site as u64, 0)
                + 0.5 * self.affinity(2, user, creative)
                + 0.3 * self.hidden(3, creative, 0)
                + 0.25 * self.hidden(4, format_key(placement.format), 0)
                + 0.2 * self.hidden(5, user.country as u64, 0)
                + 0.15 * self.hidden(6, user.index as u64, 0)
                + device,
        )
    }

    /// The probability that a click of `user` on the creative leads to a purchase.
    pub fn conversion_probability(&self, user: &User, creative: &str) -> f64 {
        let creative = hash(creative);
        logistic(
            CONVERSION_BIAS
                + 0.4 * self.affinity(7, user, creative)
                + 0.2 * self.hidden(8, creative, 0)
                + 0.2 * self.hidden(9, user.index as u64, 0),
        )
    }

    /// Standard normal over users: each interest has a taste for each creative.
    fn affinity(&self, purpose: u64, user: &User, creative: u64) -> f64 {
        let sum: f64 = user
            .segments
            .iter()
            .map(|segment| self.hidden(purpose, creative, *segment as u64 + 1))
            .sum();
        sum / (user.segments.len().max(1) as f64).sqrt()
    }

    /// A standard normal draw that belongs to the two keys.
    fn hidden(&self, purpose: u64, a: u64, b: u64) -> f64 {
        let key = mix(self.seed ^ mix(purpose) ^ mix(a).rotate_left(17) ^ mix(b).rotate_left(41));
        SplitMix64::new(key).normal()
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// FNV-1a: creatives are known by the name that the bidder gives them.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn format_key(format: Format) -> u64 {
    match format {
        Format::Banner(width, height) => u64::from(width) << 32 | u64::from(height),
        Format::Video => 1,
        Format::Native => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Times, Traffic};
    use crate::verdict::{area_under_curve, log_loss};

    #[test]
    fn clicks_are_as_frequent_and_as_predictable_as_promised() {
        for seed in 1..=6 {
            let truth = Truth::new(seed);
            let mut traffic = Traffic::new(seed, 0, 2_000, Times::default());
            let mut rng = SplitMix64::new(seed);
            let mut labelled = Vec::new();
            let mut conversions = 0.0;
            for i in 0..20_000_u64 {
                let auction = traffic.next_auction(20, true);
                let user = &traffic.users()[auction.user];
                let placement = &traffic.placements()[auction.placements[0]];
                let creative = format!("{}", 1 + i % 12);
                let p = truth.click_probability(user, placement, &creative);
                labelled.push((p, rng.chance(p)));
                conversions += truth.conversion_probability(user, &creative);
            }
            let mean = labelled.iter().map(|(p, _)| p).sum::<f64>() / labelled.len() as f64;
            assert!((0.06..0.16).contains(&mean), "seed {seed}: CTR {mean}");
            let auc = area_under_curve(&labelled).unwrap();
            assert!((0.69..0.81).contains(&auc), "seed {seed}: AUC {auc}");
            let constant: Vec<_> = labelled.iter().map(|(_, y)| (mean, *y)).collect();
            assert!(log_loss(&labelled).unwrap() < 0.97 * log_loss(&constant).unwrap());
            let conversion = conversions / labelled.len() as f64;
            assert!(
                (0.10..0.22).contains(&conversion),
                "seed {seed}: CVR {conversion}"
            );
        }
    }
}
