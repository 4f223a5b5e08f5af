//! How far each exchange's notices have come, which alone may release a hold.

use std::collections::BTreeMap;

use domain::Timestamp;

/// Stands for bids whose exchange is not known, as those of a bidder that died: every exchange must have passed.
pub const ANY_EXCHANGE: &str = "*";

/// The newest bid time seen in any notice, by exchange, and how late each declares its notices may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermarks {
    newest: BTreeMap<String, Timestamp>,
    lateness_ms: i64,
}

impl Watermarks {
    /// `lateness_ms`: how long after a newer bid's notice an older one may still come in order.
    pub fn new(lateness_ms: i64) -> Self {
        Self {
            newest: BTreeMap::new(),
            lateness_ms,
        }
    }

    /// Takes a notice into account; older bids than the newest change nothing.
    pub fn observe(&mut self, exchange: &str, bid_at: Timestamp) {
        match self.newest.get_mut(exchange) {
            Some(newest) => *newest = (*newest).max(bid_at),
            None => {
                self.newest.insert(exchange.to_owned(), bid_at);
            }
        }
    }

    /// Whether notices of bids made up to `moment` are no longer to be expected.
    /// An exchange that was never heard of has passed nothing.
    pub fn passed(&self, exchange: &str, moment: Timestamp) -> bool {
        let passed = |newest: &Timestamp| newest.plus_ms(-self.lateness_ms) >= moment;
        if exchange == ANY_EXCHANGE {
            return !self.newest.is_empty() && self.newest.values().all(passed);
        }
        self.newest.get(exchange).is_some_and(passed)
    }

    /// Every exchange with the newest bid time seen.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.newest
            .iter()
            .map(|(exchange, newest)| (exchange.as_str(), *newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_passes_nothing() {
        let mut marks = Watermarks::new(1_000);
        assert!(!marks.passed("a", Timestamp(0)));
        assert!(!marks.passed(ANY_EXCHANGE, Timestamp(0)));
        marks.observe("a", Timestamp(5_000));
        marks.observe("a", Timestamp(3_000));
        assert!(marks.passed("a", Timestamp(4_000)));
        assert!(!marks.passed("a", Timestamp(4_001)));
        marks.observe("b", Timestamp(2_000));
        assert!(
            !marks.passed(ANY_EXCHANGE, Timestamp(4_000)),
            "b has not come so far"
        );
        assert!(marks.passed(ANY_EXCHANGE, Timestamp(1_000)));
    }
}
