//! Model files and checkpoints: read whole, checked, written whole.
//!
//! A checkpoint is, little-endian: magic `PLCK`, format u16, plan u64 (the hash of what is learned from and how), pass
//! u32, table u32, rows of that table u64, tally length u32 and the tally, CRC-32 of all this, then a model file up to the end.

use std::path::{Path, PathBuf};

use ctr_model::metrics::tally::Tally;
use ctr_model::trained::Trained;

use crate::error::LakeError;
use crate::file;

/// Largest model file read, in bytes: a table of 2^22 tokens with factors of forty fields and their state.
const MODEL_BYTES_MAX: u64 = 8 << 30;
const MAGIC: [u8; 4] = *b"PLCK";
const FORMAT: u16 = 1;

/// Reads a model file.
///
/// # Errors
/// When it cannot be read or is not a sound model.
pub fn load(path: &Path) -> Result<Trained, LakeError> {
    let bytes = file::read(path, MODEL_BYTES_MAX)?;
    Trained::parse(&bytes).map_err(|error| LakeError::file(path, error.to_string()))
}

/// Writes a model file.
///
/// # Errors
/// When the disk refuses; what was there stays.
pub fn save(path: &Path, model: &Trained) -> Result<(), LakeError> {
    file::write(path, &model.encode())
}

/// How far a training has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Passes done.
    pub pass: u32,
    /// Tables of this pass done.
    pub table: u32,
    /// Rows done of the table after those.
    pub rows: u64,
}

/// A training at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The hash of what is learned from and how; another one's checkpoint is refused.
    pub plan: u64,
    /// Where to go on.
    pub position: Position,
    /// The figures so far.
    pub tally: Tally,
    /// The model so far.
    pub model: Trained,
}

/// Where the checkpoint of a model to be written is.
pub fn checkpoint_path(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    model.with_file_name(name)
}

impl Checkpoint {
    /// Writes it.
    ///
    /// # Errors
    /// When the disk refuses; the one before stays.
    pub fn save(&self, path: &Path) -> Result<(), LakeError> {
        let tally = self.tally.encode();
        let mut head = MAGIC.to_vec();
        head.extend(FORMAT.to_le_bytes());
        head.extend(self.plan.to_le_bytes());
        head.extend(self.position.pass.to_le_bytes());
        head.extend(self.position.table.to_le_bytes());
        head.extend(self.position.rows.to_le_bytes());
        head.extend((tally.len() as u32).to_le_bytes());
        head.extend(tally);
        let sum = crc32fast::hash(&head);
        head.extend(sum.to_le_bytes());
        let mut new = file::NewFile::create(path)?;
        new.write(&head)?;
        new.write(&self.model.encode())?;
        new.finish()
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn load(path: &Path) -> Result<Option<Self>, LakeError> {
        if !path.exists() {
            return Ok(None);
        }
        let bytes = file::read(path, MODEL_BYTES_MAX)?;
        let damaged = || LakeError::file(path, "not a sound checkpoint: delete it and begin anew");
        let parsed = parse(&bytes).ok_or_else(damaged)?;
        let (plan, position, tally, model) = parsed;
        let model =
            Trained::parse(model).map_err(|error| LakeError::file(path, error.to_string()))?;
        Ok(Some(Self {
            plan,
            position,
            tally,
            model,
        }))
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, Position, Tally, &[u8])> {
    let whole = bytes;
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (format, rest) = rest.split_first_chunk::<2>()?;
    if *magic != MAGIC || u16::from_le_bytes(*format) != FORMAT {
        return None;
    }
    let (plan, rest) = rest.split_first_chunk::<8>()?;
    let (pass, rest) = rest.split_first_chunk::<4>()?;
    let (table, rest) = rest.split_first_chunk::<4>()?;
    let (rows, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (tally, model) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (sum, model) = model.split_first_chunk::<4>()?;
    let summed = whole.get(..whole.len() - model.len() - sum.len())?;
    if crc32fast::hash(summed) != u32::from_le_bytes(*sum) {
        return None;
    }
    let position = Position {
        pass: u32::from_le_bytes(*pass),
        table: u32::from_le_bytes(*table),
        rows: u64::from_le_bytes(*rows),
    };
    Some((
        u64::from_le_bytes(*plan),
        position,
        Tally::parse(tally)?,
        model,
    ))
}
