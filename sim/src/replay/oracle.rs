//! What could have been: the value that hindsight buys for the same money, and the bids that a flight starts from.

use super::stream::Row;
use super::{Auction, Stream};

/// Where the pressure asked for cannot be reached, the starting bids win this part of the total cost.
const COST_SHARE_MAX: f64 = 0.99;

/// The sum of predicted clicks that hindsight buys for `budget` micros: rows by value for money, the last in part.
pub fn value(stream: &Stream, budget: i64, auction: Auction) -> f64 {
    let cost = |row: &Row| match auction {
        Auction::Second => row.price as f64,
        Auction::First => row.price as f64 + 1.0,
    };
    let mut worth: Vec<(f64, f64)> = stream
        .rows
        .iter()
        .map(|row| (row.pctr, cost(row)))
        .collect();
    worth.retain(|(pctr, _)| *pctr > 0.0);
    // Free rows divide by nothing: infinitely good value for money, and they come first.
    worth.sort_by(|(p, m), (q, n)| (n / q).total_cmp(&(m / p)).reverse());
    let (mut left, mut value) = (budget as f64, 0.0);
    for (pctr, cost) in worth {
        if cost > left {
            return value + pctr * left / cost;
        }
        left -= cost;
        value += pctr;
    }
    value
}

/// The least value of a click, in micros, at which unpaced bids would cost `pressure` times the budget.
pub fn click_value(stream: &Stream, budget: i64, pressure: f64) -> f64 {
    let wanted = (pressure * budget as f64).min(COST_SHARE_MAX * stream.cost() as f64);
    let mut limits: Vec<(f64, i64)> = stream
        .rows
        .iter()
        .filter(|row| row.pctr > 0.0)
        .map(|row| ((row.price as f64 + 1.0) / row.pctr, row.price))
        .collect();
    limits.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut cost, mut value) = (0, 0.0);
    for (limit, price) in limits {
        if cost as f64 >= wanted {
            break;
        }
        cost += price;
        value = limit;
    }
    // So that rounding down leaves the bid a whole micro above the price.
    value * (1.0 + 1e-12)
}

#[cfg(test)]
mod tests {
    use super::super::stream::columns;
    use super::*;

    fn stream(text: &str) -> Stream {
        Stream::read(text.as_bytes(), &columns("price,pctr").unwrap(), 1.0).unwrap()
    }

    #[test]
    fn hindsight_takes_the_best_value_and_the_last_in_part() {
        // Value for money 0.04, 0.02, 0.01 per unit.
        let stream = stream("10 0.4\n10 0.1\n10 0.2\n0 0.05\n10 0\n");
        let cases = [(0, 0.05), (10, 0.45), (15, 0.55), (25, 0.7), (99, 0.75)];
        for (units, wanted) in cases {
            let got = value(&stream, units * 1_000, Auction::Second);
            assert!((got - wanted).abs() < 1e-9, "{units}: {got}");
        }
        let first = value(&stream, 10_002, Auction::First);
        assert!((first - 0.45).abs() < 1e-9, "a micro more each: {first}");
    }

    #[test]
    fn starting_bids_cost_as_often_the_budget_as_asked() {
        let stream = stream("10 0.5\n10 0.25\n10 0.1\n10 0\n");
        let won = |value: f64| {
            let wins = |row: &&Row| (value * row.pctr) as i64 > row.price;
            stream.rows.iter().filter(wins).count()
        };
        // Values of a click from which on each row is won: 20,000, 40,000 and 100,000 micros; then none.
        assert!((click_value(&stream, 5_000, 4.0) / 40_000.0 - 1.0).abs() < 1e-3);
        assert!((click_value(&stream, 5_000, 2.0) / 20_000.0 - 1.0).abs() < 1e-3);
        assert!((click_value(&stream, 20_000, 4.0) / 100_000.0 - 1.0).abs() < 1e-3);
        assert_eq!(won(click_value(&stream, 5_000, 4.0) * 1.01), 2);
    }
}
