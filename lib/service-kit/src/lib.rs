//! How any of our servers lives: start, serve, observe, stop.
