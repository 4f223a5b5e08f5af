//! Slows password guessing down, per email and for all together, in a fixed amount of memory.

use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

/// Slots for emails. Two emails may share one; the keyed hash keeps that from being arranged.
const SLOTS: usize = 4096;
/// Tries of one email: ten at once, then one in 30 seconds.
const PER_EMAIL: Rate = Rate {
    burst: 10,
    refill_us: 30_000_000,
};
/// Tries of everybody: bounds the processor time that hashing takes.
const TOGETHER: Rate = Rate {
    burst: 60,
    refill_us: 1_000_000,
};

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u64,
    refill_us: u64,
}

/// A bucket by its theoretical arrival time (GCRA): one number each.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    busy_until_us: u64,
}

impl Bucket {
    /// Microseconds until a try is allowed; 0 when it is now.
    fn wait_us(self, rate: Rate, now_us: u64) -> u64 {
        let allowed_from = self
            .busy_until_us
            .saturating_sub((rate.burst - 1) * rate.refill_us);
        allowed_from.saturating_sub(now_us)
    }

    fn take(&mut self, rate: Rate, now_us: u64) {
        self.busy_until_us = self.busy_until_us.max(now_us) + rate.refill_us;
    }
}

struct State {
    together: Bucket,
    by_email: Box<[Bucket]>,
}

/// Counts tries to sign in.
pub(crate) struct Throttle {
    hasher: RandomState,
    state: Mutex<State>,
}

impl Throttle {
    /// Everything allowed at first.
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            state: Mutex::new(State {
                together: Bucket::default(),
                by_email: vec![Bucket::default(); SLOTS].into(),
            }),
        }
    }

    /// Takes one try, or says after how many seconds one is allowed.
    pub(crate) fn check(&self, email: &str, now_us: u64) -> Result<(), u64> {
        let slot = self.slot(email);
        let mut state = self.state.lock();
        let wait_us = state.by_email[slot]
            .wait_us(PER_EMAIL, now_us)
            .max(state.together.wait_us(TOGETHER, now_us));
        if wait_us > 0 {
            return Err(wait_us.div_ceil(1_000_000));
        }
        state.by_email[slot].take(PER_EMAIL, now_us);
        state.together.take(TOGETHER, now_us);
        Ok(())
    }

    /// Forgets the tries of an email that has signed in.
    pub(crate) fn forgive(&self, email: &str) {
        let slot = self.slot(email);
        self.state.lock().by_email[slot] = Bucket::default();
    }

    fn slot(&self, email: &str) -> usize {
        let scattered = self.hasher.hash_one(email) % SLOTS as u64;
        usize::try_from(scattered).expect("a remainder of SLOTS fits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_email_is_slowed_and_recovers() {
        let throttle = Throttle::new();
        for _ in 0..10 {
            assert_eq!(throttle.check("a@b", 5), Ok(()));
        }
        assert_eq!(throttle.check("a@b", 5), Err(30));
        assert_eq!(throttle.check("a@b", 30_000_005), Ok(()));
        assert!(throttle.check("a@b", 30_000_005).is_err());
        throttle.forgive("a@b");
        assert_eq!(throttle.check("a@b", 30_000_005), Ok(()));
    }

    #[test]
    fn all_emails_together_are_slowed() {
        let throttle = Throttle::new();
        let allowed = (0..1000)
            .filter(|n| throttle.check(&format!("{n}@b"), 0).is_ok())
            .count();
        assert!((50..=60).contains(&allowed), "{allowed}");
        assert!(throttle.check("new@b", 2_000_000).is_ok());
    }
}
