//! What is answered after another process has stopped and before this one can serve: no bid, and not ready.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use service_kit::handover::Takeover;
use service_kit::metrics::Metrics;
use service_kit::{ServerLimits, Shutdown};

use super::Sockets;

/// How long a server may go on accepting after its sockets are taken: the longest `admin.leave_ms`, and a moment.
const STOP_MAX: Duration = Duration::from_secs(70);

/// Answers until it is dropped. Notices and pages wait in the kernel's queue instead: nobody but the log can
/// acknowledge them.
pub(crate) struct Waiting(Shutdown);

impl Waiting {
    /// Waits until the holder of `sockets` accepts no more, then answers in its place.
    ///
    /// # Errors
    /// When the holder does not stop, or the system refuses sockets or threads.
    pub(crate) fn start(sockets: &Sockets, takeover: Takeover) -> anyhow::Result<Self> {
        let waiting = Self(Shutdown::new());
        // No connection stays with us: the next request may find the bidder.
        waiting.0.leave();
        takeover
            .wait_until_stopped(STOP_MAX)
            .context("the server that runs goes on accepting")?;
        if let Some(bidder) = &sockets.bidder {
            bidder::waiting::serve(bidder.try_clone()?, ServerLimits::default(), &waiting.0)?;
        }
        let readiness = Arc::new(|| vec![("data folder", false)]);
        let router = service_kit::admin::router(Metrics::install()?, readiness);
        super::start_admin(sockets.admin.try_clone()?, router, &waiting.0)?;
        Ok(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Its threads finish what is under way and end by themselves.
        self.0.trigger();
    }
}
