//! What a replay counts while it runs.

use domain::Timestamp;

use super::stream::{HOUR_MS, Row};

/// Samples of the plot over the whole flight.
const SAMPLES: i64 = 400;

/// One moment of the plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// What wins have cost so far.
    pub spent: i64,
    /// The multiplier, or whatever a strategy steers by, in `0..=1`.
    pub signal: f64,
}

/// Sums over wins, in micros where they are money.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Impressions won.
    pub impressions: u64,
    /// Bids made.
    pub bids: u64,
    /// What wins cost, billed or not.
    pub cost: i64,
    /// Predicted clicks won.
    pub value: f64,
    /// Clicks won.
    pub clicks: u64,
    /// Predicted clicks and cost up to the middle of the flight.
    pub half: (f64, i64),
    /// What wins cost up to the end of each hour.
    pub by_hour: Vec<i64>,
    /// Rows passed when 95 % of the budget were spent.
    pub rows_to_95: Option<usize>,
    /// The highest bid made, in micros.
    pub highest_bid: i64,
    /// For the plot.
    pub samples: Vec<Sample>,
}

impl Books {
    /// Takes note of a row and of what was bid, paid, and steered by.
    pub fn row(
        &mut self,
        (index, row): (usize, &Row),
        budget: i64,
        (bid, paid): (i64, Option<i64>),
    ) {
        self.bids += u64::from(bid > 0);
        self.highest_bid = self.highest_bid.max(bid);
        if let Some(paid) = paid {
            self.impressions += 1;
            self.cost += paid;
            self.value += row.pctr;
            self.clicks += u64::from(row.click);
        }
        if self.by_hour.len() <= row.hour {
            let before = self.by_hour.last().copied().unwrap_or(0);
            self.by_hour.resize(row.hour + 1, before);
        }
        self.by_hour[row.hour] = self.cost;
        if self.rows_to_95.is_none() && self.cost as f64 >= 0.95 * budget as f64 {
            self.rows_to_95 = Some(index + 1);
        }
    }

    /// Takes note of the moment: half of the flight, and the plot.
    pub fn moment(&mut self, at: Timestamp, end: Timestamp, signal: f64) {
        if at.0 * 2 < end.0 {
            self.half = (self.value, self.cost);
        }
        let every = (end.0 / SAMPLES).max(1);
        let due = self
            .samples
            .last()
            .is_none_or(|last| at.since(last.at) >= every);
        if due {
            let spent = self.cost;
            self.samples.push(Sample { at, spent, signal });
        }
    }

    /// What was spent in each hour.
    pub fn hourly(&self) -> Vec<i64> {
        let before = std::iter::once(&0).chain(&self.by_hour);
        self.by_hour
            .iter()
            .zip(before)
            .map(|(end, start)| end - start)
            .collect()
    }

    /// When an hour ends.
    pub fn hour_end(hour: usize) -> Timestamp {
        Timestamp((hour as i64 + 1) * HOUR_MS)
    }
}
