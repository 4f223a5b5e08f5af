//! Hashed rows kept on disk: the second pass over a table reads tokens instead of text.
//!
//! Little-endian: magic `PLHR`, format u16, fields u16, key u64; blocks of rows u32, CRC-32 u32 of what follows,
//! labels a byte each, tokens u32 row by row; at last a block of no rows whose CRC field is that of the number of all
//! rows, which follows as u64. The key is the hash of the table's path, size and time of change, and of the columns: a cache of
//! another table, of an older one or of other columns has another name.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ctr_model::table::Columns;
use domain::random::mix;

use crate::batch::{BATCH_ROWS, Batch, Source};
use crate::error::LakeError;
use crate::file::NewFile;

const MAGIC: [u8; 4] = *b"PLHR";
const FORMAT: u16 = 1;
const HEAD_BYTES: usize = 16;
/// Read at once, in bytes.
const READ_BYTES: usize = 1 << 20;
/// What was tried, and what to do when it fails.
const READ_CACHE: &str = "read the cache (delete it, it is made anew)";

/// Where the cache of a table is, and what it must be a cache of.
#[derive(Debug, Clone)]
pub struct Place {
    path: PathBuf,
    key: u64,
    fields: usize,
}

impl Place {
    /// In this folder, for this table as it is now. `read_as` tells apart what else decides which rows there are.
    ///
    /// # Errors
    /// When the table cannot be looked at.
    pub fn new(
        folder: &Path,
        table: &Path,
        columns: &Columns,
        read_as: u64,
    ) -> Result<Self, LakeError> {
        let whole = table.canonicalize().map_err(LakeError::io(table, "open"))?;
        let about = std::fs::metadata(&whole).map_err(LakeError::io(table, "open"))?;
        let changed = about
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let changed = changed.map_or(0, |since| since.as_nanos() as u64);
        let mut key = mix(u64::from(FORMAT) ^ read_as << 32);
        let path = whole
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .map(|&byte| u64::from(byte));
        let label = columns.label().bytes().map(u64::from);
        for part in path
            .chain([about.len(), changed, columns.hash()])
            .chain(label)
        {
            key = mix(key.rotate_left(5) ^ part);
        }
        Ok(Self {
            path: folder.join(format!("{key:016x}.rows")),
            key,
            fields: columns.names().len(),
        })
    }

    /// The cache; `None` when there is none that is whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(&self) -> Result<Option<CachedRows>, LakeError> {
        let Ok(file) = File::open(&self.path) else {
            return Ok(None);
        };
        let mut rows = CachedRows {
            path: self.path.clone(),
            reader: BufReader::with_capacity(READ_BYTES, file),
            fields: self.fields,
            bytes: HEAD_BYTES as u64,
            rows: 0,
            raw: Vec::new(),
            ended: false,
        };
        let head: [u8; HEAD_BYTES] = rows.array()?;
        Ok((head == self.head()).then_some(rows))
    }

    /// Its size, 0 when there is none.
    pub fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |about| about.len())
    }

    /// Begins a new one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(&self) -> Result<CacheWriter, LakeError> {
        let mut file = NewFile::create(&self.path)?;
        file.write(&self.head())?;
        Ok(CacheWriter {
            file,
            rows: 0,
            raw: Vec::new(),
        })
    }

    fn head(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&MAGIC);
        head[4..6].copy_from_slice(&FORMAT.to_le_bytes());
        head[6..8].copy_from_slice(&(self.fields as u16).to_le_bytes());
        head[8..].copy_from_slice(&self.key.to_le_bytes());
        head
    }
}

/// A cache being written; dropped before its end it leaves nothing behind.
pub struct CacheWriter {
    file: NewFile,
    rows: u64,
    raw: Vec<u8>,
}

impl CacheWriter {
    /// Adds the rows of a batch, in blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add(&mut self, batch: &Batch) -> Result<(), LakeError> {
        let fields = batch
            .columns
            .len()
            .checked_div(batch.len())
            .unwrap_or(0)
            .max(1);
        let columns = batch.columns.chunks(BATCH_ROWS * fields);
        for (labels, columns) in batch.labels.chunks(BATCH_ROWS).zip(columns) {
            self.raw.clear();
            self.raw
                .extend(labels.iter().map(|&label| u8::from(label > 0.5)));
            for token in columns {
                self.raw.extend(token.to_le_bytes());
            }
            self.rows += labels.len() as u64;
            self.file.write(&(labels.len() as u32).to_le_bytes())?;
            self.file.write(&crc32fast::hash(&self.raw).to_le_bytes())?;
            self.file.write(&self.raw)?;
        }
        Ok(())
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<(), LakeError> {
        let rows = self.rows.to_le_bytes();
        self.file.write(&0_u32.to_le_bytes())?;
        self.file.write(&crc32fast::hash(&rows).to_le_bytes())?;
        self.file.write(&rows)?;
        self.file.finish()
    }
}

/// A cache being read.
pub struct CachedRows {
    path: PathBuf,
    reader: BufReader<File>,
    fields: usize,
    bytes: u64,
    rows: u64,
    raw: Vec<u8>,
    ended: bool,
}

impl CachedRows {
    fn damaged(&self, what: &str) -> LakeError {
        LakeError::file(
            &self.path,
            format!("{what}: delete this cache, it is made anew"),
        )
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LakeError> {
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(LakeError::io(&self.path, READ_CACHE))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, LakeError> {
        self.array().map(u32::from_le_bytes)
    }
}

impl CachedRows {
    /// Adds the next block; false after the last.
    fn block(&mut self, batch: &mut Batch) -> Result<bool, LakeError> {
        let rows = self.u32()? as usize;
        let sum = self.u32()?;
        if rows == 0 {
            let total: [u8; 8] = self.array()?;
            if crc32fast::hash(&total) != sum || u64::from_le_bytes(total) != self.rows {
                return Err(self.damaged("its end is not that of all its rows"));
            }
            return Ok(false);
        }
        if rows > BATCH_ROWS {
            return Err(self.damaged("a block is too long"));
        }
        self.raw.resize(rows * (1 + 4 * self.fields), 0);
        self.reader
            .read_exact(&mut self.raw)
            .map_err(LakeError::io(&self.path, READ_CACHE))?;
        if crc32fast::hash(&self.raw) != sum {
            return Err(self.damaged("a block's checksum is wrong"));
        }
        let (labels, tokens) = self.raw.split_at(rows);
        batch
            .labels
            .extend(labels.iter().map(|&label| f32::from(label)));
        let (tokens, _) = tokens.as_chunks::<4>();
        batch
            .columns
            .extend(tokens.iter().map(|token| u32::from_le_bytes(*token)));
        self.rows += rows as u64;
        self.bytes += 8 + self.raw.len() as u64;
        Ok(true)
    }
}

impl Source for CachedRows {
    fn read(&mut self, batch: &mut Batch) -> Result<(), LakeError> {
        batch.clear();
        while !self.ended && !batch.is_full() {
            self.ended = !self.block(batch)?;
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}
