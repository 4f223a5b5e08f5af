//! Campaigns, console users and reports in SQLite.
