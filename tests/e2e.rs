//! One running server and everything around it, through real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "e2e/changes.rs"]
mod changes;
#[path = "e2e/delivery.rs"]
mod delivery;
#[path = "e2e/frequency.rs"]
mod frequency;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "e2e/segments.rs"]
mod segments;
#[path = "e2e/starts.rs"]
mod starts;
mod support;
