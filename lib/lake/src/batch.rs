//! Batches of hashed rows, and what fills them.

use crate::LakeError;

/// Rows of a block and, unless told otherwise, of a batch: with forty columns of tokens they stay below a level-two cache.
pub const BATCH_ROWS: usize = 1_024;
/// Longest text kept of a cell that is wanted as it is, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;

/// What is wanted of a table beside the features.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The label; without it rows have label 0.
    pub label: bool,
    /// A column whose cells are wanted as text.
    pub text: Option<&'a str>,
    /// Rows that cannot be used are counted instead of ending the reading.
    pub skip_bad_rows: bool,
}

/// Hashed rows in flat lists; cleared and filled again, never shrunk.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Tokens, row by row.
    pub columns: Vec<u32>,
    /// 0 or 1, one a row.
    pub labels: Vec<f32>,
    text: Vec<u8>,
    text_ends: Vec<usize>,
    rows_wanted: usize,
}

impl Batch {
    /// One that is filled with about so many rows, at least [`BATCH_ROWS`].
    pub fn of_rows(rows: usize) -> Self {
        Self {
            rows_wanted: rows,
            ..Self::default()
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.rows_wanted.max(BATCH_ROWS)
    }

    /// Rows in it.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The wanted text of a row; empty where none was wanted.
    pub fn text(&self, row: usize) -> &[u8] {
        let end = self.text_ends.get(row).copied().unwrap_or(0);
        let start = row
            .checked_sub(1)
            .and_then(|before| self.text_ends.get(before));
        self.text
            .get(start.copied().unwrap_or(0)..end)
            .unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.columns.clear();
        self.labels.clear();
        self.text.clear();
        self.text_ends.clear();
    }

    /// Takes back what a row left that turned out to be bad.
    pub(crate) fn drop_half_row(&mut self, fields: usize, with_text: bool) {
        let rows = self.labels.len();
        self.columns.truncate(rows * fields);
        if with_text {
            self.text_ends.truncate(rows);
            self.text
                .truncate(self.text_ends.last().copied().unwrap_or(0));
        }
    }

    pub(crate) fn push_text(&mut self, text: &[u8]) {
        self.text.extend(text.get(..TEXT_BYTES_MAX).unwrap_or(text));
        self.text_ends.push(self.text.len());
    }
}

/// A table being read.
pub trait Source: Send {
    /// Replaces the batch's rows by the next ones; none are left when it stays empty.
    ///
    /// # Errors
    /// When reading fails or a row cannot be used.
    fn read(&mut self, batch: &mut Batch) -> Result<(), LakeError>;

    /// Bytes of the file read so far, as it lies on the disk.
    fn bytes_read(&self) -> u64;

    /// Rows left out so far because they could not be used.
    fn skipped(&self) -> u64 {
        0
    }
}
