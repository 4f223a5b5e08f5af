//! Model and trainer files: layout, checksum, and what is refused. Each head of either is a file of `trained.rs`.
//!
//! Little-endian throughout. A varint is LEB128.
//!
//! | bytes | model `PLCM` | trainer `PLCT` |
//! |---|---|---|
//! | 4 | magic | magic |
//! | 2 | format, 2 | format, 2 |
//! | 8 | feature list hash | feature list hash |
//! | | version u64, parent u64 | position length u32, position |
//! | | | published versions u32, each its number u64 and its examples u64 |
//! | | | per head: progress (examples u64, four sums f64, count u32 of bins, each index u16 and three f64) |
//! | | | delays: intercept two f32, slots u32, per slot varint gap and two f32 |
//! | | per head length u32 and its file, 16 bits a number | per head length u32 and its file, in full |
//! | 4 | CRC-32 of all before | CRC-32 of all before |
//!
//! The click head comes first. A gap is the distance from the slot before, less one; the first counts from slot -1.

mod blocks;
mod reader;
mod trained;

use std::collections::BTreeMap;

use crate::calibration::CalibrationError;
use crate::delayed::Delays;
use crate::engine::weights::WeightsError;
use crate::feature::list_hash;
use crate::fields::{self, CALIBRATED_BY, ModelKind};
use crate::metrics::{BINS, Progressive};
use crate::published::Published;
use crate::table::ColumnsError;
use crate::train::{Head, Trainer};
use crate::trained::Trained;
use reader::Reader;

pub use blocks::Precision;
pub(crate) use trained::{encode as encode_trained, parse as parse_trained};

const MODEL_MAGIC: [u8; 4] = *b"PLCM";
const TRAINER_MAGIC: [u8; 4] = *b"PLCT";
const FORMAT: u16 = 2;
/// Most published versions that are read.
const NUMBERS_MAX: usize = 1 << 20;
/// Largest file read, in bytes: four times a full trainer's, so a wrong file is refused unread.
pub const FILE_BYTES_MAX: usize = 320 << 20;
/// Longest position kept for a trainer's caller, in bytes.
pub const POSITION_BYTES_MAX: usize = 256 << 20;

/// Why a file is refused. The file is at fault in every case: keep serving the model in service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not such a file at all.
    #[error("not a {expected} file: it begins with {found:02x?}; check the path")]
    Magic {
        /// What was to be read.
        expected: &'static str,
        /// The first bytes.
        found: [u8; 4],
    },
    /// Written by another release.
    #[error("file format {found}, this release reads {expected}; write it anew with this release")]
    Format {
        /// The number of the format that is read.
        expected: u16,
        /// The file's format number.
        found: u16,
    },
    /// Trained on other features.
    #[error("feature list {found:016x}, this release has {expected:016x}; train it anew")]
    FeatureList {
        /// This release's list hash.
        expected: u64,
        /// The file's list hash.
        found: u64,
    },
    /// Damaged.
    #[error("checksum {found:08x}, expected {expected:08x}: the file is damaged; fetch it again")]
    Checksum {
        /// What the bytes add up to.
        expected: u32,
        /// What the file says.
        found: u32,
    },
    /// Too large to be one.
    #[error("{bytes} bytes, at most {FILE_BYTES_MAX} are read; check the path")]
    TooLarge {
        /// The size offered.
        bytes: usize,
    },
    /// It ends too early, or goes on after its end.
    #[error("{what} does not fit the file's length; write it anew")]
    Length {
        /// The part that was being read.
        what: &'static str,
    },
    /// A number that cannot be: NaN, infinite, or outside its bounds.
    #[error("{what} is not a number within its bounds; go back to the version before")]
    Number {
        /// The part that was being read.
        what: &'static str,
    },
    /// Columns that no table has.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// Weights that cannot be served.
    #[error("{0}; go back to the version before")]
    Weights(#[from] WeightsError),
    /// A calibration that cannot be right.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
}

pub(crate) fn encode_model(model: &Published) -> Vec<u8> {
    let mut out = header(MODEL_MAGIC);
    out.extend(model.version.to_le_bytes());
    out.extend(model.parent.to_le_bytes());
    put_file(&mut out, &model.click);
    put_file(&mut out, &model.conversion);
    sealed(out)
}

pub(crate) fn parse_model(bytes: &[u8]) -> Result<Published, ModelError> {
    let mut reader = open(bytes, MODEL_MAGIC, "model")?;
    let published = Published {
        version: reader.u64("version")?,
        parent: reader.u64("parent")?,
        click: read_file(&mut reader, "click")?,
        conversion: read_file(&mut reader, "conversion")?,
    };
    reader.finish()?;
    Ok(published)
}

/// A head within a file.
fn put_file(out: &mut Vec<u8>, head: &Trained) {
    let file = encode_trained(head);
    put_count(out, file.len());
    out.extend(file);
}

fn read_file(reader: &mut Reader<'_>, label: &'static str) -> Result<Trained, ModelError> {
    let length = reader.count(FILE_BYTES_MAX, 1, label)?;
    let head = parse_trained(reader.take(length, label)?)?;
    let expected = fields::named(label)?;
    if head.columns != expected {
        return Err(ModelError::FeatureList {
            expected: expected.hash(),
            found: head.columns.hash(),
        });
    }
    if ModelKind::of(head.spec()).is_none() || head.calibrated_by != CALIBRATED_BY {
        return Err(ModelError::Number { what: "shape" });
    }
    Ok(head)
}

pub(crate) fn encode_trainer(trainer: &Trainer, position: &[u8]) -> Vec<u8> {
    let mut out = header(TRAINER_MAGIC);
    assert!(
        position.len() <= POSITION_BYTES_MAX,
        "a position is a few offsets"
    );
    put_count(&mut out, position.len());
    out.extend(position);
    put_count(&mut out, trainer.published.len());
    for (version, examples) in &trainer.published {
        out.extend(version.to_le_bytes());
        out.extend(examples.to_le_bytes());
    }
    put_progress(&mut out, &trainer.click.progress);
    put_progress(&mut out, &trainer.conversion.progress);
    put_delays(&mut out, &trainer.delays);
    put_file(&mut out, &trainer.click.save("click"));
    put_file(&mut out, &trainer.conversion.save("conversion"));
    sealed(out)
}

pub(crate) fn parse_trainer(bytes: &[u8]) -> Result<(Trainer, Vec<u8>), ModelError> {
    let mut reader = open(bytes, TRAINER_MAGIC, "trainer")?;
    let length = reader.count(POSITION_BYTES_MAX, 1, "position")?;
    let position = reader.take(length, "position")?.to_vec();
    let mut published = BTreeMap::new();
    for _ in 0..reader.count(NUMBERS_MAX, 16, "versions")? {
        published.insert(reader.u64("versions")?, reader.u64("versions")?);
    }
    let (click, conversion) = (progress(&mut reader)?, progress(&mut reader)?);
    let delays = delays(&mut reader)?;
    let trainer = Trainer {
        click: Head::restore(&read_file(&mut reader, "click")?, click)?,
        conversion: Head::restore(&read_file(&mut reader, "conversion")?, conversion)?,
        delays,
        published,
    };
    reader.finish()?;
    Ok((trainer, position))
}

fn put_delays(out: &mut Vec<u8>, delays: &Delays) {
    let put = |out: &mut Vec<u8>, pair: &[f32; 2]| {
        pair.iter()
            .for_each(|number| out.extend(number.to_le_bytes()));
    };
    let fresh = Delays::default()
        .0
        .table
        .first()
        .copied()
        .unwrap_or_default();
    let used = || {
        delays
            .0
            .table
            .iter()
            .enumerate()
            .filter(|(_, pair)| **pair != fresh)
    };
    put(out, &delays.0.bias);
    put_count(out, used().count());
    let mut next = 0;
    for (slot, pair) in used() {
        put_varint(out, slot - next);
        put(out, pair);
        next = slot + 1;
    }
}

fn delays(reader: &mut Reader<'_>) -> Result<Delays, ModelError> {
    let mut delays = Delays::default();
    let pair = |reader: &mut Reader<'_>| -> Result<[f32; 2], ModelError> {
        Ok([reader.weight("delays")?, reader.information("delays")?])
    };
    delays.0.bias = pair(reader)?;
    let mut next = 0;
    for _ in 0..reader.count(delays.0.table.len(), 9, "delays")? {
        let gap = reader.varint("delays")?;
        *place(&mut next, gap, &mut delays.0.table)? = pair(reader)?;
    }
    Ok(delays)
}

fn header(magic: [u8; 4]) -> Vec<u8> {
    let mut out = magic.to_vec();
    out.extend(FORMAT.to_le_bytes());
    out.extend(list_hash().to_le_bytes());
    out
}

fn sealed(mut out: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&out);
    out.extend(checksum.to_le_bytes());
    out
}

/// Checks all that stands around the content, the checksum before anything is believed.
fn open<'a>(
    bytes: &'a [u8],
    magic: [u8; 4],
    expected: &'static str,
) -> Result<Reader<'a>, ModelError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ModelError::TooLarge { bytes: bytes.len() });
    }
    let mut reader = Reader::new(bytes);
    let found = reader.array("magic")?;
    if found != magic {
        return Err(ModelError::Magic { expected, found });
    }
    let format = u16::from_le_bytes(reader.array("format")?);
    if format != FORMAT {
        return Err(ModelError::Format {
            expected: FORMAT,
            found: format,
        });
    }
    reader.check_seal()?;
    let list = reader.u64("feature list")?;
    if list != list_hash() {
        return Err(ModelError::FeatureList {
            expected: list_hash(),
            found: list,
        });
    }
    Ok(reader)
}

/// The place `gap` slots after the one before.
fn place<'a, T>(next: &mut usize, gap: u64, table: &'a mut [T]) -> Result<&'a mut T, ModelError> {
    let outside = ModelError::Number { what: "slot" };
    let slot = usize::try_from(gap)
        .ok()
        .and_then(|gap| next.checked_add(gap));
    let entry = slot.and_then(|slot| {
        *next = slot.checked_add(1)?;
        table.get_mut(slot)
    });
    entry.ok_or(outside)
}

fn put_progress(out: &mut Vec<u8>, progress: &Progressive) {
    out.extend(progress.examples.to_le_bytes());
    progress
        .sums
        .iter()
        .for_each(|sum| out.extend(sum.to_le_bytes()));
    let bins = || {
        progress
            .bins
            .iter()
            .enumerate()
            .filter(|(_, bin)| bin.iter().any(|n| *n > 0.0))
    };
    put_count(out, bins().count());
    for (index, bin) in bins() {
        out.extend((index as u16).to_le_bytes());
        bin.iter().for_each(|sum| out.extend(sum.to_le_bytes()));
    }
}

fn progress(reader: &mut Reader<'_>) -> Result<Progressive, ModelError> {
    let mut progress = Progressive {
        examples: reader.u64("progress")?,
        ..Progressive::default()
    };
    for sum in &mut progress.sums {
        *sum = reader.amount("progress")?;
    }
    for _ in 0..reader.count(BINS, 26, "bins")? {
        let index = usize::from(u16::from_le_bytes(reader.array("bin")?));
        let bin = progress
            .bins
            .get_mut(index)
            .ok_or(ModelError::Number { what: "bin" })?;
        for sum in bin {
            *sum = reader.amount("bin")?;
        }
    }
    Ok(progress)
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("tables and positions are far below 2^32");
    out.extend(count.to_le_bytes());
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests;
