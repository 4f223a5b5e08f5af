//! What one core decided about each line item since its last report, for delivery events and pacing.

use domain::Reject;

/// Counters of one line item on one exchange.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Impressions whose targeting matched.
    pub eligible: i64,
    /// Bids sent.
    pub bids: i64,
    /// Sum of the multipliers of those bids, in millionths.
    pub multiplier_sum_ppm: i64,
    /// Refusals by `Reject`, in the order of `Reject::ALL`.
    pub refused: [u32; Reject::ALL.len()],
    touched: bool,
}

/// All counters of one core under one snapshot.
#[derive(Debug, Default)]
pub struct Tally {
    exchanges: usize,
    entries: Vec<Entry>,
    touched: Vec<usize>,
    campaigns: Vec<u64>,
    /// The number of the impression that a campaign was last counted for.
    last: Vec<u64>,
    impression: u64,
}

impl Tally {
    /// Starts from zero for so many line items, campaigns and exchanges.
    pub fn resize(&mut self, items: usize, campaigns: usize, exchanges: usize) {
        let impression = self.impression;
        *self = Self {
            exchanges,
            entries: vec![Entry::default(); items * exchanges],
            touched: Vec::new(),
            campaigns: vec![0; campaigns],
            last: vec![0; campaigns],
            impression,
        };
    }

    /// Begins a new impression: each campaign counts once for it.
    pub fn next_impression(&mut self) {
        self.impression += 1;
    }

    /// Counts a line item and its campaign as eligible.
    pub fn eligible(&mut self, item: usize, campaign: usize, exchange: usize) {
        if let Some(entry) = self.entry(item, exchange) {
            entry.eligible += 1;
        }
        let impression = self.impression;
        if let (Some(last), Some(count)) = (
            self.last.get_mut(campaign),
            self.campaigns.get_mut(campaign),
        ) {
            *count += u64::from(*last != impression);
            *last = impression;
        }
    }

    /// Counts a refusal.
    pub fn refused(&mut self, item: usize, exchange: usize, why: Reject) {
        let count = self
            .entry(item, exchange)
            .and_then(|e| e.refused.get_mut(why as usize));
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
    }

    /// Counts a bid.
    pub fn bid(&mut self, item: usize, exchange: usize, multiplier: f64) {
        if let Some(entry) = self.entry(item, exchange) {
            entry.bids += 1;
            entry.multiplier_sum_ppm += (multiplier * 1e6).round() as i64;
        }
    }

    fn entry(&mut self, item: usize, exchange: usize) -> Option<&mut Entry> {
        let at = item * self.exchanges + exchange;
        let entry = self.entries.get_mut(at)?;
        if !entry.touched {
            entry.touched = true;
            self.touched.push(at);
        }
        Some(entry)
    }

    /// Hands every counter that moved to `take(item, exchange, entry)` and starts from zero.
    pub fn drain_items(&mut self, mut take: impl FnMut(usize, usize, Entry)) {
        // In order of position, so that the same requests give the same events.
        self.touched.sort_unstable();
        for at in self.touched.drain(..) {
            if let Some(entry) = self.entries.get_mut(at) {
                take(
                    at / self.exchanges,
                    at % self.exchanges,
                    std::mem::take(entry),
                );
            }
        }
    }

    /// Hands every campaign's eligible impressions to `take(campaign, count)` and starts from zero.
    pub fn drain_campaigns(&mut self, mut take: impl FnMut(usize, u64)) {
        for (position, count) in self
            .campaigns
            .iter_mut()
            .enumerate()
            .filter(|(_, n)| **n > 0)
        {
            take(position, std::mem::take(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_counts_once_an_impression() {
        let mut tally = Tally::default();
        tally.resize(3, 2, 2);
        tally.next_impression();
        tally.eligible(0, 1, 0);
        tally.eligible(2, 1, 0);
        tally.next_impression();
        tally.eligible(2, 1, 1);
        tally.refused(2, 1, Reject::Floor);
        tally.bid(0, 0, 0.5);
        let mut items = Vec::new();
        tally.drain_items(|item, exchange, entry| {
            items.push((item, exchange, entry.eligible, entry.bids))
        });
        assert_eq!(items, [(0, 0, 1, 1), (2, 0, 1, 0), (2, 1, 1, 0)]);
        let mut campaigns = Vec::new();
        tally.drain_campaigns(|campaign, count| campaigns.push((campaign, count)));
        assert_eq!(campaigns, [(1, 2)]);
        tally.drain_items(|_, _, _| panic!("nothing is left"));
    }
}
