//! A circuit breaker: after some failures in a row a slow store is left alone for a while.

/// So many slow or failed reads in a row open it: one is chance, five are a store in trouble.
const FAILURES_MAX: u32 = 5;
/// How long the store is left alone then, in microseconds; after it one read tries again.
const REST_US: u64 = 1_000_000;

/// Closed while reads are in time; each core has its own.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    rests_until_us: u64,
}

impl Breaker {
    /// Whether to read now, on the steady clock.
    pub fn allows(&self, now_us: u64) -> bool {
        self.failures < FAILURES_MAX || now_us >= self.rests_until_us
    }

    /// Takes how a read went: in time, or slow or failed.
    pub fn note(&mut self, in_time: bool, now_us: u64) {
        if in_time {
            self.failures = 0;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            self.rests_until_us = now_us + REST_US;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_tries_again_after_a_rest() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            breaker.note(false, 0);
        }
        breaker.note(true, 0);
        for at in 0..u64::from(FAILURES_MAX) {
            assert!(breaker.allows(at));
            breaker.note(false, at);
        }
        let opened = u64::from(FAILURES_MAX) - 1;
        assert!(!breaker.allows(opened + REST_US - 1));
        assert!(breaker.allows(opened + REST_US));
        breaker.note(false, opened + REST_US);
        assert!(
            !breaker.allows(opened + REST_US + 1),
            "one failed try opens it again"
        );
        breaker.note(true, opened + 2 * REST_US);
        assert!(breaker.allows(0));
    }
}
