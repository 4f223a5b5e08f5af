//! The console from outside: every address allowed and refused, two tenants, forms, throttling, live streams.
#![expect(clippy::unwrap_used, reason = "tests")]

mod approvals;
mod description;
mod failing;
mod forms;
mod hostile;
mod live;
mod rest;
mod set_up;
mod sign_in;
mod support;
mod tenants;
mod uploads;
