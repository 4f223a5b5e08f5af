//! One bidder process: its own identity, clock, cores and background, over the stores that all share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bidder::{Background, Bidder, BidderCore, Config, Seams};
use domain::time::ManualClock;
use domain::{Clock, Timestamp};

/// The simulated time as one process reads it: its wall clock may be wrong, its steady one is not.
#[derive(Debug)]
pub(crate) struct SkewedClock {
    world: Arc<ManualClock>,
    skew_ms: AtomicI64,
}

impl SkewedClock {
    /// A clock that is right.
    pub(crate) fn new(world: Arc<ManualClock>) -> Self {
        Self {
            world,
            skew_ms: AtomicI64::new(0),
        }
    }

    /// Makes the wall clock wrong by so much.
    pub(crate) fn set_skew(&self, ms: i64) {
        self.skew_ms.store(ms, Ordering::SeqCst);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.world
            .now()
            .plus_ms(self.skew_ms.load(Ordering::SeqCst))
    }

    fn monotonic_us(&self) -> u64 {
        self.world.monotonic_us()
    }
}

/// A bidder that runs.
pub(crate) struct Process {
    /// For its snapshot.
    pub(crate) bidder: Bidder,
    /// Leases and refreshes.
    pub(crate) background: Background,
    /// They decide.
    pub(crate) cores: Vec<BidderCore>,
    /// Its own clock.
    pub(crate) clock: Arc<SkewedClock>,
}

impl Process {
    /// Starts one. `seams.clock` must be `clock`.
    pub(crate) fn start(config: &Config, seams: Seams, clock: Arc<SkewedClock>) -> Self {
        let (bidder, background) =
            Bidder::new(config.clone(), seams).expect("the run's configuration keeps the rules");
        let cores = (0..config.cores).map(|index| bidder.core(index)).collect();
        Self {
            bidder,
            background,
            cores,
            clock,
        }
    }
}
