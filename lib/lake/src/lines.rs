//! Lines of a file, plain or gzipped, borrowed from one buffer.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::LakeError;

/// Longest line, in bytes: a row of 256 columns of 4 KiB each.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Read at once, in bytes.
const READ_BYTES: usize = 256 << 10;

/// Reads lines.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    ended: bool,
    number: u64,
    bytes: Arc<AtomicU64>,
}

/// Counts what comes from the disk.
struct Counted(File, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(into)?;
        self.1.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Lines {
    /// A name that ends with `.gz` is unpacked.
    pub(crate) fn open(path: &Path) -> Result<Self, LakeError> {
        let file = File::open(path).map_err(LakeError::io(path, "open"))?;
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted(file, Arc::clone(&bytes));
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        let reader: Box<dyn Read + Send> = if packed {
            let buffered = std::io::BufReader::with_capacity(READ_BYTES, counted);
            Box::new(MultiGzDecoder::new(buffered))
        } else {
            Box::new(counted)
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            buffer: vec![0; 2 * READ_BYTES],
            start: 0,
            filled: 0,
            ended: false,
            number: 0,
            bytes,
        })
    }

    /// The next line without its end; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, LakeError> {
        let mut searched = 0;
        let end = loop {
            let open = self.buffer.get(self.start..self.filled).unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', open.get(searched..).unwrap_or_default()) {
                break searched + found;
            }
            searched = open.len();
            if self.ended {
                if searched == 0 {
                    return Ok(None);
                }
                break searched;
            }
            if searched > LINE_BYTES_MAX {
                let why = format!("longer than {LINE_BYTES_MAX} bytes: is it a table of text?");
                return Err(self.bad_row(self.number + 1, why));
            }
            self.fill()?;
        };
        self.number += 1;
        let line = self
            .buffer
            .get(self.start..self.start + end)
            .unwrap_or_default();
        self.start = (self.start + end + 1).min(self.filled);
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    fn fill(&mut self) -> Result<(), LakeError> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if self.buffer.len() < self.filled + READ_BYTES {
            self.buffer.resize(self.filled + READ_BYTES, 0);
        }
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let read = loop {
            match self.reader.read(free) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.map_err(LakeError::io(&self.path, "read"))?,
            }
        };
        self.filled += read;
        self.ended = read == 0;
        Ok(())
    }

    /// The number of the line given last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn bad_row(&self, line: u64, why: String) -> LakeError {
        LakeError::Row {
            path: self.path.clone(),
            line,
            why,
        }
    }
}
