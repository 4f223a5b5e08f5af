//! Two runs of one seed side by side: what predictions buy that a line item's history does not.

use domain::random::{SplitMix64, mix};
use serde::Serialize;

use super::sales::{Played, Sale};

/// Resamples of the hours for the interval.
const RESAMPLES: usize = 2_000;

/// The learned model against bids by history, over campaigns that pay per click.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Clicks bought by the model.
    pub model_clicks: u64,
    /// What they cost, in units of currency.
    pub model_spent: f64,
    /// Clicks bought by history.
    pub history_clicks: u64,
    /// What they cost.
    pub history_spent: f64,
    /// Clicks per money of the one over the other.
    pub clicks_per_money_ratio: f64,
    /// Its 95 % interval, by resampling the hours that both runs share.
    pub clicks_per_money_interval: [f64; 2],
    /// The same ratio with the true chances in place of clicks, which leaves out their luck.
    pub expected_clicks_per_money_ratio: f64,
    /// The same as the first over the second half of the hours, where neither side is new.
    pub second_half_ratio: f64,
}

/// An hour of one run.
#[derive(Clone, Copy, Default)]
struct Hour {
    clicks: f64,
    expected: f64,
    cost: f64,
}

impl Comparison {
    /// Of a run with the model and one without.
    pub fn new(model: &Played, history: &Played) -> Self {
        let (ours, theirs) = (hours(model), hours(history));
        let pairs: Vec<(Hour, Hour)> = ours.into_iter().zip(theirs).collect();
        let clicks = |hour: &Hour| hour.clicks;
        let mut rng = SplitMix64::new(mix(model.plan.seed ^ 0x626f_6f74));
        let mut ratios: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn: Vec<_> = (0..pairs.len())
                    .filter_map(|_| rng.pick(&pairs).copied())
                    .collect();
                ratio(&drawn, clicks)
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let at = |share: f64| {
            ratios
                .get((share * RESAMPLES as f64) as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        let sum = |of: &dyn Fn(&(Hour, Hour)) -> f64| pairs.iter().map(of).sum::<f64>();
        Self {
            model_clicks: sum(&|pair| pair.0.clicks) as u64,
            model_spent: sum(&|pair| pair.0.cost) / 1e6,
            history_clicks: sum(&|pair| pair.1.clicks) as u64,
            history_spent: sum(&|pair| pair.1.cost) / 1e6,
            clicks_per_money_ratio: ratio(&pairs, clicks),
            clicks_per_money_interval: [at(0.025), at(0.975)],
            expected_clicks_per_money_ratio: ratio(&pairs, |hour| hour.expected),
            second_half_ratio: ratio(&pairs[pairs.len() / 2..], clicks),
        }
    }
}

fn ratio(pairs: &[(Hour, Hour)], gain: impl Fn(&Hour) -> f64) -> f64 {
    let sum = |of: &dyn Fn(&(Hour, Hour)) -> f64| pairs.iter().map(of).sum::<f64>();
    let ours = sum(&|pair| gain(&pair.0)) / sum(&|pair| pair.0.cost);
    ours / (sum(&|pair| gain(&pair.1)) / sum(&|pair| pair.1.cost))
}

fn hours(played: &Played) -> Vec<Hour> {
    let mut hours = vec![Hour::default(); played.plan.hour_count()];
    let counted = |sale: &&Sale| played.campaigns[usize::from(sale.campaign)].pays_clicks;
    for sale in played.sales.iter().filter(counted) {
        let hour = &mut hours[sale.hour()];
        hour.cost += sale.cost as f64;
        hour.clicks += f64::from(u8::from(sale.clicked));
        hour.expected += if sale.shown {
            f64::from(sale.true_click)
        } else {
            0.0
        };
    }
    hours
}
