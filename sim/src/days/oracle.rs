//! The most that the money spent could have bought, had everything been known.
//!
//! Each day is a fractional assignment of views to campaigns under the money that each has spent that day; its linear dual has one
//! price of money per campaign. For given prices every view goes to the campaign with the largest worth - price x cost, if any is
//! positive; prices rise where more is spent than there was, and fall where less is. Where many views are worth the same for their
//! cost, each step buys all or none of them: the mean over the later steps is the fraction that fits.

use super::sales::{Chance, Played};

/// Steps of the search for prices, and how far the first one goes.
const STEPS: usize = 80;
const FIRST_STEP: f64 = 0.7;

/// By campaign and day the best value in micros.
pub(super) fn values(played: &Played, days: usize) -> Vec<Vec<f64>> {
    let campaigns = played.campaigns.len();
    let mut money = vec![vec![0.0; campaigns]; days];
    for sale in &played.sales {
        let day = (sale.hour() / 24).min(days - 1);
        money[day][usize::from(sale.campaign)] += sale.cost as f64;
    }
    let mut values = vec![vec![0.0; days]; campaigns];
    for (day, money) in money.iter().enumerate() {
        let chances: Vec<&Chance> = played
            .chances
            .iter()
            .filter(|chance| usize::from(chance.day) == day)
            .collect();
        for (campaign, value) in best(&chances, &played.items, (money, played.chance_every as f64))
            .into_iter()
            .enumerate()
        {
            values[campaign][day] = value;
        }
    }
    values
}

/// What each campaign's money buys at best, where every chance stands for `every`.
fn best(chances: &[&Chance], items: &[usize], (money, every): (&[f64], f64)) -> Vec<f64> {
    let mut prices = vec![1.0_f64; money.len()];
    let (mut spent, mut value) = (vec![0.0; money.len()], vec![0.0; money.len()]);
    for step in 0..STEPS {
        let (cost, worth) = assign(chances, items, &prices);
        if step >= STEPS / 2 {
            add(&mut spent, &cost);
            add(&mut value, &worth);
        }
        let rate = FIRST_STEP / (1.0 + step as f64 / 8.0);
        for ((price, spent), money) in prices.iter_mut().zip(&cost).zip(money) {
            let ratio = (spent * every + 1.0) / (money + 1.0);
            *price = (*price * (rate * ratio.ln().clamp(-2.0, 2.0)).exp()).clamp(1e-3, 1e3);
        }
    }
    // What is not spent to the last micro is counted in proportion.
    let scaled = |((value, spent), money): ((&f64, &f64), &f64)| {
        if *spent > 0.0 {
            value * money / spent
        } else {
            0.0
        }
    };
    value.iter().zip(&spent).zip(money).map(scaled).collect()
}

fn add(sums: &mut [f64], numbers: &[f64]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += number;
    }
}

fn assign(chances: &[&Chance], items: &[usize], prices: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut spent, mut value) = (vec![0.0; prices.len()], vec![0.0; prices.len()]);
    for chance in chances {
        let cost = f64::from(chance.cost);
        let gain = |(item, worth): &(u16, f32)| {
            let campaign = items[usize::from(*item)];
            (
                f64::from(*worth) - prices[campaign] * cost,
                campaign,
                f64::from(*worth),
            )
        };
        let best = chance
            .worth
            .iter()
            .map(gain)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((gain, campaign, worth)) = best
            && gain > 0.0
        {
            spent[campaign] += cost;
            value[campaign] += worth;
        }
    }
    (spent, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_goes_where_it_buys_most() {
        // A hundred views that cost 1: the first item values them 1 to 100, the second of another campaign all at 30.
        let chances: Vec<Chance> = (1..=100)
            .map(|worth| Chance {
                day: 0,
                cost: 1.0,
                worth: vec![(0, worth as f32), (1, 30.0)],
            })
            .collect();
        let all: Vec<&Chance> = chances.iter().collect();
        let values = best(&all, &[0, 1], (&[10.0, 20.0], 1.0));
        assert!(
            (values[0] / 955.0 - 1.0).abs() < 0.05,
            "the best ten: {values:?}"
        );
        assert!(
            (values[1] / 600.0 - 1.0).abs() < 0.05,
            "any twenty: {values:?}"
        );
    }
}
