//! Paceline as an operator has it: a folder, the program, its sockets.
#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod server;

use std::time::Duration;

use domain::Clock;
use domain::time::SystemClock;

/// Measures from its making.
pub(crate) struct Stopwatch(SystemClock);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(SystemClock::new())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.monotonic_us())
    }
}
