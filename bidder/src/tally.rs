//! What one core decided about each line item since its last report, for delivery events and pacing.

use std::collections::VecDeque;

use ctr_model::engine::prefetch;
use domain::Reject;

/// What happened to one line item on one exchange since the last report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Impressions whose targeting matched.
    pub eligible: u64,
    /// Bids sent.
    pub bids: u64,
    /// Sum of the multipliers of those bids, in millionths.
    pub multiplier_sum_ppm: u64,
    /// Refusals by `Reject`, in the order of `Reject::ALL`.
    pub refused: [u64; Reject::ALL.len()],
}

/// The counters behind an `Entry`: one cache line, since a request changes those of many line items.
#[derive(Debug, Clone, Default)]
#[repr(C, align(64))]
struct Counters {
    multiplier_sum_ppm: u64,
    eligible: u32,
    bids: u32,
    refused: [u16; Reject::ALL.len()],
    touched: bool,
}

const _: () = assert!(size_of::<Counters>() == 64, "counters fill one cache line");

/// One campaign's counter.
#[derive(Debug, Clone, Copy, Default)]
struct Campaign {
    eligible: u32,
    /// The impression that it was last counted for, by the lower half of its number.
    last: u32,
}

/// All counters of one core under one snapshot. They are drained long before one of 32 bits is full.
#[derive(Debug, Default)]
pub struct Tally {
    exchanges: usize,
    counters: Vec<Counters>,
    touched: Vec<usize>,
    /// Those of them that are being drained.
    leaving: VecDeque<usize>,
    /// Refusals whose 16-bit counter was full: each stands for as many as such a counter holds.
    full: Vec<(usize, Reject)>,
    campaigns: Vec<Campaign>,
    impression: u32,
}

impl Tally {
    /// Makes room for so many line items, campaigns and exchanges. What is drained is zero and stays as it is, so
    /// that counters of about this size are ready at once.
    pub fn resize(&mut self, items: usize, campaigns: usize, exchanges: usize) {
        self.exchanges = exchanges;
        self.counters.resize(items * exchanges, Counters::default());
        self.campaigns.resize(campaigns, Campaign::default());
    }

    /// Begins a new impression: each campaign counts once for it.
    pub fn next_impression(&mut self) {
        self.impression = self.impression.wrapping_add(1);
    }

    /// Counts a line item and its campaign as eligible.
    pub fn eligible(&mut self, item: usize, campaign: usize, exchange: usize) {
        if let Some((_, counters)) = self.counters(item, exchange) {
            counters.eligible += 1;
        }
        let impression = self.impression;
        if let Some(own) = self.campaigns.get_mut(campaign) {
            own.eligible += u32::from(own.last != impression);
            own.last = impression;
        }
    }

    /// Asks for a line item's counters ahead of their use.
    pub fn prefetch(&self, item: usize, exchange: usize) {
        let counters = self.counters.get(item * self.exchanges + exchange);
        counters.into_iter().for_each(prefetch);
    }

    /// Counts a refusal.
    pub fn refused(&mut self, item: usize, exchange: usize, why: Reject) {
        let Some((at, counters)) = self.counters(item, exchange) else {
            return;
        };
        let Some(count) = counters.refused.get_mut(why as usize) else {
            return;
        };
        if *count == u16::MAX {
            *count = 1;
            self.full.push((at, why));
        } else {
            *count += 1;
        }
    }

    /// Counts a bid.
    pub fn bid(&mut self, item: usize, exchange: usize, multiplier: f64) {
        if let Some((_, counters)) = self.counters(item, exchange) {
            counters.bids += 1;
            counters.multiplier_sum_ppm += (multiplier * 1e6).round() as u64;
        }
    }

    fn counters(&mut self, item: usize, exchange: usize) -> Option<(usize, &mut Counters)> {
        let at = item * self.exchanges + exchange;
        let counters = self.counters.get_mut(at)?;
        if !counters.touched {
            counters.touched = true;
            self.touched.push(at);
        }
        Some((at, counters))
    }

    /// Sets everything that moved apart to be drained, unless something still is. Returns whether there is anything.
    pub fn begin_drain(&mut self) -> bool {
        if self.leaving.is_empty() {
            // In order of position, so that the same requests give the same events.
            self.touched.sort_unstable();
            self.leaving.extend(self.touched.drain(..));
        }
        !self.leaving.is_empty()
    }

    /// Hands at most so many of the counters set apart to `take((item, exchange), entry)`; they start from zero.
    /// Returns whether more are left.
    pub fn drain_items(
        &mut self,
        most: usize,
        mut take: impl FnMut((usize, usize), &Entry),
    ) -> bool {
        for _ in 0..most {
            let Some(at) = self.leaving.pop_front() else {
                break;
            };
            let Some(counters) = self.counters.get_mut(at).map(std::mem::take) else {
                continue;
            };
            let mut entry = Entry {
                eligible: counters.eligible.into(),
                bids: counters.bids.into(),
                multiplier_sum_ppm: counters.multiplier_sum_ppm,
                refused: counters.refused.map(u64::from),
            };
            self.full.retain(|(of, why)| {
                if let (true, Some(count)) = (*of == at, entry.refused.get_mut(*why as usize)) {
                    *count += u64::from(u16::MAX);
                }
                *of != at
            });
            take((at / self.exchanges, at % self.exchanges), &entry);
        }
        !self.leaving.is_empty()
    }

    /// Hands every campaign's eligible impressions to `take(campaign, count)` and starts from zero.
    pub fn drain_campaigns(&mut self, mut take: impl FnMut(usize, u64)) {
        let campaigns = self.campaigns.iter_mut().enumerate();
        for (position, own) in campaigns.filter(|(_, own)| own.eligible > 0) {
            take(position, u64::from(std::mem::take(&mut own.eligible)));
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
        assert!(tally.begin_drain());
        let mut note = |(item, exchange): (usize, usize), entry: &Entry| {
            items.push((item, exchange, entry.eligible, entry.bids));
        };
        assert!(tally.drain_items(2, &mut note));
        assert!(!tally.drain_items(2, &mut note));
        assert_eq!(items, [(0, 0, 1, 1), (2, 0, 1, 0), (2, 1, 1, 0)]);
        let mut campaigns = Vec::new();
        tally.drain_campaigns(|campaign, count| campaigns.push((campaign, count)));
        assert_eq!(campaigns, [(1, 2)]);
        assert!(!tally.begin_drain());
    }

    #[test]
    fn what_moves_while_the_rest_is_drained_is_counted_once() {
        let mut tally = Tally::default();
        tally.resize(4, 1, 1);
        let mut sums = [0; 4];
        let mut moved = 0;
        for round in 0..50 {
            for item in [round % 4, (round * 7) % 4, 3] {
                tally.eligible(item, 0, 0);
                moved += 1;
            }
            tally.begin_drain();
            tally.drain_items(1, |(item, _), entry| sums[item] += entry.eligible);
        }
        while tally.begin_drain() {
            tally.drain_items(2, |(item, _), entry| sums[item] += entry.eligible);
        }
        assert_eq!(sums.iter().sum::<u64>(), moved);
        // Drained counters serve another snapshot.
        tally.resize(2, 1, 1);
        tally.eligible(3, 0, 0);
        assert!(!tally.begin_drain(), "that line item is gone");
        tally.resize(4, 1, 1);
        tally.eligible(3, 0, 0);
        tally.begin_drain();
        tally.drain_items(1, |at, entry| assert_eq!((at, entry.eligible), ((3, 0), 1)));
    }

    #[test]
    fn full_counters_lose_nothing() {
        let mut tally = Tally::default();
        tally.resize(2, 1, 1);
        for _ in 0..200_000 {
            tally.refused(1, 0, Reject::Format);
        }
        tally.refused(0, 0, Reject::Format);
        let mut refused = Vec::new();
        tally.begin_drain();
        tally.drain_items(usize::MAX, |(item, _), entry| {
            refused.push((item, entry.refused[Reject::Format as usize]));
        });
        assert_eq!(refused, [(0, 1), (1, 200_000)]);
    }
}
