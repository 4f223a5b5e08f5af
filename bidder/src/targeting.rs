//! From what a request carries to the line items that are targeted at it, without a scan.
//!
//! Both sides are reduced to 64-bit keys of (dimension, value): [`Keys`] holds a request's, the [`Index`] those
//! of all rules. What keys cannot say, groups and circles, is checked on the few line items that passed.

mod compiled;
mod index;
mod keys;
mod order;
mod rows;
mod table;
#[cfg(test)]
mod tests;

pub use compiled::refusing_dimension;
pub use index::{Index, Positions, Scratch};
pub use keys::{Keys, Sight, Usage};
