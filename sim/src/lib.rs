//! The whole system without sockets on a simulated clock.
