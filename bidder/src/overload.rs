//! Whether a core keeps up: how long requests wait for their turn, and which of them are refused undecided.
//!
//! A request waits unseen: in its socket and in the queue of tasks that are ready. A round makes that visible. It
//! begins with a request and ends when a task that was put behind everything ready at that moment has its turn, so
//! its length is what the last of them waited. The method is that of `CoDel` (RFC 8289): not a full queue is the
//! sign of overload but one that stays full, and only what is over the target is refused.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use domain::Clock;

/// How long a round of a core that is behind may take, in microseconds, deciding and refusing together: a quarter of what
/// a usual `tmax` of 100 ms leaves, since a request may come at the beginning of one round and be last in the next.
/// Within it everything is decided, as waiting is cheaper than refusing.
pub const ROUND_US_MAX: u64 = 20_000;
/// What of a round is for deciding, in microseconds, however long refusing takes: a hundred decisions.
const DECIDE_US_MIN: u64 = 5_000;
/// How long rounds must have been too long before anyone is refused, in microseconds: `CoDel`'s interval. A
/// burst or a pause of the machine is over by then.
pub const BEHIND_US_MIN: u64 = 100_000;
/// As long as rounds are short, one is measured this often, in microseconds. A request that begins a round after a
/// longer time finds an idle core.
const PAUSE_US: u64 = 1_000;

/// What a request finds when it is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The most it can have waited for its turn, in microseconds.
    pub waited_us: u64,
    /// It is to be refused: there is no time for it in this round.
    pub refused: bool,
    /// A round begins with it.
    pub begins: bool,
}

/// The rounds of one core, as values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rounds {
    began_us: Option<u64>,
    ended_us: u64,
    took_us: u64,
    behind_since_us: Option<u64>,
    refusing_since_us: Option<u64>,
    refusing_us: u64,
}

impl Rounds {
    /// A request is handed over.
    pub fn arrive(&mut self, now_us: u64) -> Arrival {
        let since_us = now_us.saturating_sub(self.ended_us);
        let begins =
            self.began_us.is_none() && (since_us >= PAUSE_US || self.behind_since_us.is_some());
        if begins {
            if since_us >= PAUSE_US {
                *self = Self::default();
            }
            self.began_us = Some(now_us);
        }
        let gone_us = self
            .began_us
            .map_or(0, |began| now_us.saturating_sub(began));
        let behind = self
            .behind_since_us
            .is_some_and(|since| now_us.saturating_sub(since) >= BEHIND_US_MIN);
        let decide_us = ROUND_US_MAX.saturating_sub(self.refusing_us);
        let refused = behind && gone_us > decide_us.max(DECIDE_US_MIN);
        if refused {
            self.refusing_since_us.get_or_insert(now_us);
        }
        Arrival {
            waited_us: gone_us.max(self.took_us),
            refused,
            begins,
        }
    }

    /// Everything that was ready when the round began has had its turn.
    pub fn end(&mut self, now_us: u64) {
        let Some(began_us) = self.began_us.take() else {
            return;
        };
        self.ended_us = now_us;
        self.took_us = now_us.saturating_sub(began_us);
        let refusing_since_us = self.refusing_since_us.take();
        self.refusing_us = refusing_since_us.map_or(0, |since| now_us.saturating_sub(since));
        // With what was refused it would have been too long.
        if self.took_us > ROUND_US_MAX || refusing_since_us.is_some() {
            self.behind_since_us.get_or_insert(began_us);
        } else {
            self.behind_since_us = None;
        }
    }
}

/// Measures the rounds of the core that it is used on.
#[derive(Debug, Default)]
pub struct Watch {
    rounds: Cell<Rounds>,
    last: RefCell<Option<Waker>>,
}

impl Watch {
    /// A request is handed over. As long as `run` is not running nobody waits and nobody is refused.
    pub fn arrive(&self, now_us: u64) -> Arrival {
        let last = self.last.borrow();
        let Some(last) = last.as_ref() else {
            return Arrival {
                waited_us: 0,
                refused: false,
                begins: false,
            };
        };
        let mut rounds = self.rounds.get();
        let arrival = rounds.arrive(now_us);
        self.rounds.set(rounds);
        if arrival.begins {
            last.wake_by_ref();
        }
        arrival
    }

    /// The task that is put behind the others; it never ends.
    pub async fn run(self: Rc<Self>, clock: Arc<dyn Clock>) {
        poll_fn(|context| {
            let mut rounds = self.rounds.get();
            rounds.end(clock.monotonic_us());
            self.rounds.set(rounds);
            self.last
                .borrow_mut()
                .get_or_insert_with(|| context.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests one after the other that each cost so much, as many a round as connections; returns decided and
    /// refused in each round.
    fn rounds(
        (rounds, now_us): (&mut Rounds, &mut u64),
        (requests, decide_us, refuse_us): (u64, u64, u64),
    ) -> (u64, u64) {
        let (mut decided, mut refused) = (0, 0);
        for _ in 0..requests {
            if rounds.arrive(*now_us).refused {
                refused += 1;
                *now_us += refuse_us;
            } else {
                decided += 1;
                *now_us += decide_us;
            }
        }
        rounds.end(*now_us);
        (decided, refused)
    }

    #[test]
    fn a_standing_queue_is_cut_to_the_bound_and_no_further() {
        let (mut state, mut now_us) = (Rounds::default(), 1_000_000);
        let start_us = now_us;
        while now_us < start_us + BEHIND_US_MIN {
            let (_, refused) = rounds((&mut state, &mut now_us), (1_000, 50, 7));
            assert_eq!(refused, 0, "a burst is waited for");
        }
        for round in 0..100 {
            let before_us = now_us;
            let (decided, refused) = rounds((&mut state, &mut now_us), (1_000, 50, 7));
            assert_eq!(decided + refused, 1_000);
            let took_us = now_us - before_us;
            if round > 5 {
                // As much as fits beside the refusals.
                assert_eq!((decided, took_us / 1_000), (303, 20));
            }
        }
        // What fits into the bound is decided, at once and to the last.
        assert_eq!(rounds((&mut state, &mut now_us), (250, 50, 7)), (250, 0));
        assert_eq!(state.behind_since_us, None);
        for _ in 0..100 {
            assert_eq!(rounds((&mut state, &mut now_us), (399, 50, 7)), (399, 0));
        }
    }

    #[test]
    fn however_many_are_to_be_refused_some_are_decided() {
        let (mut state, mut now_us) = (Rounds::default(), 0);
        for round in 0..50 {
            let (decided, refused) = rounds((&mut state, &mut now_us), (10_000, 50, 7));
            if round > 2 {
                assert_eq!((decided, refused), (101, 9_899));
            }
        }
    }

    #[test]
    fn a_pause_of_the_machine_refuses_nobody() {
        let (mut state, mut now_us) = (Rounds::default(), 0);
        for _ in 0..50 {
            // Paused in the middle of a round, then idle.
            now_us += 20_000;
            assert!(state.arrive(now_us).begins);
            now_us += 400_000;
            let late = state.arrive(now_us);
            assert_eq!((late.waited_us, late.refused), (400_000, false));
            state.end(now_us);
        }
    }

    #[test]
    fn what_a_request_has_waited_is_the_longer_of_this_round_and_the_last() {
        let mut state = Rounds::default();
        assert_eq!(state.arrive(10_000).waited_us, 0);
        assert_eq!(state.arrive(10_300).waited_us, 300);
        state.end(10_400);
        let next = state.arrive(10_500);
        assert_eq!((next.waited_us, next.begins), (400, false));
        let after_idle = state.arrive(11_400);
        assert_eq!((after_idle.waited_us, after_idle.begins), (0, true));
        assert!(!state.arrive(11_500).begins, "one round at a time");
    }
}
