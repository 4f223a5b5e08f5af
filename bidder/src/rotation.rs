//! Which of the ads that fit a slot is shown.

use domain::campaign::Rotation;
use domain::random::SplitMix64;

/// Of the fitting ads' weights, in their order, the position of the one whose turn it is. `seen` is how often the user
/// has seen the line item; 0 for a user who is not known. `None` when prediction decides, or nothing fits.
pub fn choose(
    rotation: &Rotation,
    weights: &[u32],
    seen: u32,
    rng: &mut SplitMix64,
) -> Option<usize> {
    let count = weights.len();
    match rotation {
        _ if count == 0 => None,
        Rotation::Value => None,
        Rotation::Even => usize::try_from(rng.below(count as u64)).ok(),
        Rotation::Sequence => Some(seen as usize % count),
        Rotation::Weighted(_) => {
            let sum = weights.iter().copied().map(u64::from).sum::<u64>();
            let mut left = rng.below(sum.max(1));
            weights.iter().position(|weight| {
                let met = left < u64::from(*weight);
                left = left.saturating_sub(u64::from(*weight));
                met
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of three ads comes in 30,000 draws, in thousands, rounded.
    fn shares(rotation: &Rotation, weights: [u32; 3]) -> [u32; 3] {
        let mut rng = SplitMix64::new(7);
        let mut counts = [0; 3];
        for _ in 0..30_000 {
            counts[choose(rotation, &weights, 0, &mut rng).unwrap()] += 1;
        }
        counts.map(|count: u32| (count + 500) / 1000)
    }

    #[test]
    fn even_and_weighted_keep_their_shares() {
        assert_eq!(shares(&Rotation::Even, [1, 1, 1]), [10, 10, 10]);
        let weighted = Rotation::Weighted(vec![6, 3, 1]);
        assert_eq!(shares(&weighted, [6, 3, 1]), [18, 9, 3]);
        // One that does not fit is not among the weights.
        let mut rng = SplitMix64::new(7);
        assert_eq!(choose(&weighted, &[3], 0, &mut rng), Some(0));
    }

    #[test]
    fn a_sequence_goes_on_with_each_impression() {
        let mut rng = SplitMix64::new(7);
        let mut turn = |seen| choose(&Rotation::Sequence, &[1, 1, 1], seen, &mut rng);
        assert_eq!([0, 1, 2, 3, 7].map(&mut turn), [0, 1, 2, 0, 1].map(Some));
        assert_eq!(choose(&Rotation::Sequence, &[], 5, &mut rng), None);
        assert_eq!(choose(&Rotation::Value, &[1, 1], 5, &mut rng), None);
    }
}
