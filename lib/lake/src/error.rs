//! Why a table, a cache or a registry cannot be used.

use std::path::{Path, PathBuf};

/// Names the file, the line and the rule.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The system refused.
    #[error("{path}: cannot {what}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A column that the header does not have.
    #[error("{path}: there is no column '{name}'; the header has {has}")]
    Column {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        has: String,
    },
    /// A row that cannot be used.
    #[error("{path}, line {line}: {why}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, the header being 1; in Parquet the row, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A file that is not what it should be.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// What was asked for cannot be done.
    #[error("{why}")]
    Refused {
        /// Why not, and what to do.
        why: String,
    },
    /// This build cannot read Parquet.
    #[error(
        "this build reads no Parquet: build with `--features lake`, or convert the table to TSV"
    )]
    NoParquet,
}

impl LakeError {
    /// For `map_err`: what was tried with which file.
    pub fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, what, source }
    }

    pub(crate) fn file(path: &Path, why: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}
