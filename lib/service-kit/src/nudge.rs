//! Wakes of a task while it is being polled: they cost no way through the queue of ready tasks.
//!
//! hyper's connection and its handler wake each other while they pass a body on, twice a request. Each wake would put
//! the task behind all that are ready, to be polled anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// How often a task that was woken meanwhile is polled again at once, before others have their turn: as often as a
/// request whose body came with its head needs.
const AGAIN_MAX: u32 = 2;

const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// A waker of its own in front of the task's.
#[derive(Debug)]
pub(crate) struct Nudge {
    signal: Arc<Signal>,
    waker: Waker,
}

#[derive(Debug)]
struct Signal {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.task.lock().wake_by_ref();
        }
    }
}

impl Nudge {
    /// For a task that has not been polled yet.
    pub(crate) fn new() -> Self {
        let signal = Arc::new(Signal {
            state: AtomicU8::new(IDLE),
            task: Mutex::new(Waker::noop().clone()),
        });
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }

    /// Polls, and again if it was woken meanwhile.
    pub(crate) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let state = &self.signal.state;
        {
            let mut task = self.signal.task.lock();
            if !task.will_wake(context.waker()) {
                task.clone_from(context.waker());
            }
        }
        for _ in 0..=AGAIN_MAX {
            state.swap(POLLED, Ordering::AcqRel);
            if let Poll::Ready(ready) = poll(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(ready);
            }
            let quiet = state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire);
            if quiet.is_ok() {
                return Poll::Pending;
            }
        }
        state.store(IDLE, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls a task that wakes itself in each of its first `wakes` polls; gives how often it was polled, and how
    /// often the task behind it was woken.
    fn polls(wakes: u32) -> (u32, u32) {
        let task = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&task));
        let nudge = Nudge::new();
        let mut polls = 0;
        let polled = nudge.poll(&mut Context::from_waker(&waker), |context| {
            polls += 1;
            if polls <= wakes {
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert_eq!(polled, Poll::Pending);
        (polls, task.0.load(Ordering::Relaxed))
    }

    #[test]
    fn a_task_that_wakes_itself_is_polled_at_once_but_not_for_ever() {
        assert_eq!(polls(0), (1, 0));
        assert_eq!(polls(AGAIN_MAX), (1 + AGAIN_MAX, 0));
        assert_eq!(polls(1 + AGAIN_MAX), (1 + AGAIN_MAX, 1));
    }

    #[test]
    fn a_wake_between_polls_goes_to_the_task() {
        let task = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&task));
        let (nudge, mut inner) = (Nudge::new(), None);
        for _ in 0..2 {
            let polled = nudge.poll(&mut Context::from_waker(&waker), |context| {
                inner = Some(context.waker().clone());
                Poll::<()>::Pending
            });
            assert_eq!(polled, Poll::Pending);
        }
        let inner = inner.unwrap();
        inner.wake_by_ref();
        inner.wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "until it is polled");
    }
}
