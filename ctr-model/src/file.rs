//! Model and trainer files: layout, checksum, and what is refused. Models trained on tables are in `trained.rs`.
//!
//! Little-endian throughout. A varint is LEB128. Both files are sparse: only slots that are not zero are
//! written, so that a young model is a few kilobytes and publishing each second is cheap.
//!
//! | bytes | model `PLCM` | trainer `PLCT` |
//! |---|---|---|
//! | 4 | magic | magic |
//! | 2 | format, 1 | format, 1 |
//! | 2 | table bits | table bits |
//! | 8 | feature list hash | feature list hash |
//! | | version u64; evaluation: per head examples u64, log loss, baseline, AUC, calibration f64 (NaN: not known) | position length u32, position; per head: progress (examples u64, four sums f64, count u32 of bins, each index u16 and three f64) |
//! | | bias f32 per head | per head bias and its information f32 |
//! | 4 | slots written | slots written, click head then conversion head |
//! | | per slot: varint gap * 4 + mask of the heads (1 click, 2 conversion), then their f32 | per slot: varint gap, mean f32, information f32 |
//! | 4 | CRC-32 of all before | CRC-32 of all before |
//!
//! A gap is the distance from the slot before, less one; the first counts from slot -1.

mod blocks;
mod reader;
mod trained;

use crate::calibration::CalibrationError;
use crate::engine::weights::WeightsError;
use crate::feature::list_hash;
use crate::metrics::{BINS, Figures, Progressive};
use crate::model::{Evaluation, Model};
use crate::table::ColumnsError;
use crate::train::Trainer;
use crate::weights::{Head, SLOTS, TABLE_BITS};
use reader::Reader;

pub use blocks::Precision;
pub(crate) use trained::{encode as encode_trained, parse as parse_trained};

const MODEL_MAGIC: [u8; 4] = *b"PLCM";
const TRAINER_MAGIC: [u8; 4] = *b"PLCT";
const FORMAT: u16 = 1;
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
    #[error("file format {found}, this release reads {FORMAT}; write it anew with this release")]
    Format {
        /// The file's format number.
        found: u16,
    },
    /// Another table size.
    #[error("table of 2^{found} slots, this release has 2^{TABLE_BITS}; train it anew")]
    Table {
        /// The file's exponent.
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

pub(crate) fn encode_model(model: &Model) -> Vec<u8> {
    let mut out = header(MODEL_MAGIC);
    out.extend(model.version.to_le_bytes());
    put_figures(&mut out, &model.evaluation.click);
    put_figures(&mut out, &model.evaluation.conversion);
    model
        .bias
        .iter()
        .for_each(|bias| out.extend(bias.to_le_bytes()));
    let used = |pair: &[f32; 2]| pair[0] != 0.0 || pair[1] != 0.0;
    put_count(
        &mut out,
        model.weights.iter().filter(|pair| used(pair)).count(),
    );
    let mut next = 0;
    for (slot, pair) in model
        .weights
        .iter()
        .enumerate()
        .filter(|(_, pair)| used(pair))
    {
        let mask = usize::from(pair[0] != 0.0) | usize::from(pair[1] != 0.0) << 1;
        put_varint(&mut out, (slot - next) << 2 | mask);
        pair.iter()
            .filter(|weight| **weight != 0.0)
            .for_each(|w| out.extend(w.to_le_bytes()));
        next = slot + 1;
    }
    sealed(out)
}

pub(crate) fn parse_model(bytes: &[u8]) -> Result<Model, ModelError> {
    let mut reader = open(bytes, MODEL_MAGIC, "model")?;
    let version = reader.u64("version")?;
    let evaluation = Evaluation {
        click: figures(&mut reader)?,
        conversion: figures(&mut reader)?,
    };
    let bias = [reader.weight("bias")?, reader.weight("bias")?];
    let count = reader.count(SLOTS, 1, "slots")?;
    let mut weights = vec![[0.0; 2]; SLOTS].into_boxed_slice();
    let mut next = 0;
    for _ in 0..count {
        let entry = reader.varint("slot")?;
        let pair = place(&mut next, entry >> 2, &mut weights)?;
        for (head, weight) in pair.iter_mut().enumerate() {
            if entry >> head & 1 == 1 {
                *weight = reader.weight("weight")?;
            }
        }
    }
    reader.finish()?;
    Ok(Model {
        version,
        evaluation,
        bias,
        weights,
    })
}

pub(crate) fn encode_trainer(trainer: &Trainer, position: &[u8]) -> Vec<u8> {
    let mut out = header(TRAINER_MAGIC);
    assert!(
        position.len() <= POSITION_BYTES_MAX,
        "a position is a few offsets"
    );
    put_count(&mut out, position.len());
    out.extend(position);
    put_progress(&mut out, &trainer.click_progress);
    put_progress(&mut out, &trainer.conversion_progress);
    put_head(&mut out, &trainer.click);
    put_head(&mut out, &trainer.conversion);
    sealed(out)
}

pub(crate) fn parse_trainer(bytes: &[u8]) -> Result<(Trainer, Vec<u8>), ModelError> {
    let mut reader = open(bytes, TRAINER_MAGIC, "trainer")?;
    let length = reader.count(POSITION_BYTES_MAX, 1, "position")?;
    let position = reader.take(length, "position")?.to_vec();
    let mut trainer = Trainer::new();
    trainer.click_progress = progress(&mut reader)?;
    trainer.conversion_progress = progress(&mut reader)?;
    read_head(&mut reader, &mut trainer.click)?;
    read_head(&mut reader, &mut trainer.conversion)?;
    reader.finish()?;
    Ok((trainer, position))
}

fn header(magic: [u8; 4]) -> Vec<u8> {
    let mut out = magic.to_vec();
    out.extend(FORMAT.to_le_bytes());
    out.extend((TABLE_BITS as u16).to_le_bytes());
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
        return Err(ModelError::Format { found: format });
    }
    reader.check_seal()?;
    let bits = u16::from_le_bytes(reader.array("table bits")?);
    if u32::from(bits) != TABLE_BITS {
        return Err(ModelError::Table { found: bits });
    }
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

fn put_head(out: &mut Vec<u8>, head: &Head) {
    out.extend(head.bias.to_le_bytes());
    out.extend(head.bias_information.to_le_bytes());
    let slots = || head.mean.iter().zip(&head.information).enumerate();
    let used = |mean: f32, information: f32| mean != 0.0 || information != 0.0;
    put_count(
        out,
        slots()
            .filter(|(_, (mean, information))| used(**mean, **information))
            .count(),
    );
    let mut next = 0;
    for (slot, (mean, information)) in slots().filter(|(_, (m, i))| used(**m, **i)) {
        put_varint(out, slot - next);
        out.extend(mean.to_le_bytes());
        out.extend(information.to_le_bytes());
        next = slot + 1;
    }
}

fn read_head(reader: &mut Reader<'_>, head: &mut Head) -> Result<(), ModelError> {
    head.bias = reader.weight("bias")?;
    head.bias_information = reader.information("bias")?;
    let mut next = 0;
    for _ in 0..reader.count(SLOTS, 9, "slots")? {
        let gap = reader.varint("slot")?;
        let mut at = next;
        *place(&mut at, gap, &mut head.mean)? = reader.weight("weight")?;
        *place(&mut next, gap, &mut head.information)? = reader.information("information")?;
    }
    Ok(())
}

fn put_figures(out: &mut Vec<u8>, figures: &Figures) {
    out.extend(figures.examples.to_le_bytes());
    for figure in [
        figures.log_loss,
        figures.baseline_log_loss,
        figures.auc,
        figures.calibration,
    ] {
        out.extend(figure.unwrap_or(f64::NAN).to_le_bytes());
    }
}

fn figures(reader: &mut Reader<'_>) -> Result<Figures, ModelError> {
    Ok(Figures {
        examples: reader.u64("evaluation")?,
        log_loss: reader.figure("log loss")?,
        baseline_log_loss: reader.figure("baseline log loss")?,
        auc: reader.figure("auc")?,
        calibration: reader.figure("calibration")?,
    })
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
