//! The shutdown signal: told once, heard by threads and tasks alike.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells everything that runs to finish. Clones are one signal; once triggered it stays so.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    leaving: AtomicBool,
    tasks: watch::Sender<bool>,
    triggered: Mutex<bool>,
    threads: Condvar,
}

impl Shutdown {
    /// Not triggered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces the end: requests and connections are still taken, and each HTTP/1 answer ends its connection, so
    /// that at the end none is idle that a client may just be writing to.
    pub fn leave(&self) {
        self.shared.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the end was announced or has come.
    pub fn is_leaving(&self) -> bool {
        self.shared.leaving.load(Ordering::Relaxed)
    }

    /// Tells everybody. Repeats change nothing.
    pub fn trigger(&self) {
        self.leave();
        *self.shared.triggered.lock() = true;
        self.shared.threads.notify_all();
        self.shared.tasks.send_replace(true);
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        *self.shared.tasks.borrow()
    }

    /// Resolves when it is triggered, at once if it was.
    pub async fn wait(&self) {
        let mut told = self.shared.tasks.subscribe();
        told.wait_for(|triggered| *triggered)
            .await
            .map(drop)
            .expect("the sender lives as long as self");
    }

    /// Blocks a thread for `period` or until it is triggered; says whether it was.
    pub fn pause(&self, period: Duration) -> bool {
        let mut triggered = self.shared.triggered.lock();
        if !*triggered {
            // Whether time or the signal ended the wait is read from the flag.
            self.shared.threads.wait_for(&mut triggered, period);
        }
        *triggered
    }
}

/// The signals by which an operator ends a process: SIGTERM and SIGINT.
#[derive(Debug)]
pub struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// Takes the signals over from here on; needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them and gives its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_tasks_hear_one_trigger() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.pause(Duration::ZERO) && !shutdown.is_leaving());
        shutdown.leave();
        assert!(shutdown.is_leaving() && !shutdown.is_triggered());
        let waiting = {
            let shutdown = shutdown.clone();
            std::thread::spawn(move || shutdown.pause(Duration::from_secs(60)))
        };
        let clone = shutdown.clone();
        clone.trigger();
        clone.trigger();
        assert!(waiting.join().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(shutdown.wait());
        assert!(shutdown.is_triggered());
    }
}
