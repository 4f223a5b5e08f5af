//! The file of acknowledged events: one line each, on its way to the kernel before anything else happens.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use domain::EventId;

/// Appends event ids. One write per line and no buffer, so that killing any process loses none.
#[derive(Debug)]
pub(crate) struct Acks(File);

impl Acks {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// When it cannot be opened for appending.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(Self)
            .with_context(|| format!("cannot append to the acks file {}", path.display()))
    }

    /// Adds one line: the id as 32 hexadecimal digits, a space and the kind.
    ///
    /// # Errors
    /// When the line could not be written.
    pub(crate) fn append(&self, id: EventId, kind: &str) -> std::io::Result<()> {
        (&self.0).write_all(format!("{id} {kind}\n").as_bytes())
    }
}
