//! The rest of the market: what the highest other bid is, and what an impression costs.

use domain::random::{SplitMix64, mix};

use super::browsing::{SIZES, View};

/// The middle of rivals' prices, in micros of CPM.
const MIDDLE: f64 = 1_300_000.0;
/// How closely rivals' prices follow the clicks that a view is good for, and how far they scatter besides.
const FOLLOWS: f64 = 0.55;
const SCATTER: f64 = 0.65;
/// How much dearer the busiest hour is, and the days from Monday on, as logarithms.
const EVENING: f64 = 0.2;
const WEEK: [f64; 7] = [0.0, 0.0, 0.03, 0.05, 0.08, -0.08, -0.05];

/// What the best of the others bids, in micros of CPM. `of_view` is what any ad would be worth there, in log-odds.
pub(super) fn price(view: &View, of_view: f64) -> i64 {
    let mut rng = SplitMix64::new(mix(view.draws ^ 0x72_6976_616c));
    let hour = (view.hour() as f64 - 20.0) / 24.0 * std::f64::consts::TAU;
    let size = [0.1, 0.0, -0.25][view.size.min(SIZES.len() - 1)];
    let log = FOLLOWS * of_view
        + EVENING * hour.cos()
        + WEEK[view.weekday() % 7]
        + size
        + SCATTER * rng.normal();
    (MIDDLE * log.exp()) as i64
}

/// The least that an impression costs in micros of CPM: what a bid must be above of, and at second price what it pays.
pub(super) fn cost(view: &View, rival: i64) -> i64 {
    rival.max(view.floor)
}
