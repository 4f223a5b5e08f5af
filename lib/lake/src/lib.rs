//! Tables of examples as files: tab-separated text, plain or gzipped, Parquet (feature `parquet`), caches of hashed rows, and written files that
//! are there whole or not at all.
//!
//! A [`Source`] fills [`Batch`]es with hashed rows: what a learner takes is what a cache holds, without a copy.

pub mod batch;
pub mod cache;
pub mod error;
pub mod file;
pub mod judge;
mod lines;
pub mod model;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod plot;
pub mod registry;
pub mod train;
pub mod tsv;

use std::path::Path;

use ctr_model::table::Columns;

pub use batch::{Batch, Source, Wanted};
pub use error::LakeError;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tab-separated text with a header line; gzipped when the name ends with `.gz`.
    Tsv,
    /// Parquet.
    Parquet,
}

/// Opens a table.
///
/// # Errors
/// When it cannot be read, or a wanted column is not there.
pub fn open(
    path: &Path,
    format: Format,
    columns: &Columns,
    wanted: Wanted<'_>,
) -> Result<Box<dyn Source>, LakeError> {
    match format {
        Format::Tsv => Ok(Box::new(tsv::Tsv::open(path, columns, wanted)?)),
        #[cfg(feature = "parquet")]
        Format::Parquet => Ok(Box::new(parquet::Parquet::open(path, columns, wanted)?)),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(LakeError::NoParquet),
    }
}
