//! Follows the event log and keeps the live state.
