//! Budgets, caps, profiles and the ledger in the data folder.
