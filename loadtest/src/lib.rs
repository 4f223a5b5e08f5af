//! An exchange with users in it, a load generator, and the judges.
