//! The file of a model that was trained on a table.
//!
//! Little-endian; a varint is LEB128, a text is its length u16 and its bytes. In this order: magic `PLTB`, format u16,
//! bits a number u16 (32, 16 or 8); hash of the columns u64, salt u64, version u64, parent u64; label text, numeric columns
//! u16, columns u16, their texts; kind u8, k u8, table bits u8, for kind 3 the fields with factors u8; scores (rows u64, clicks u64, four f64, NaN: not known);
//! calibration (share of negatives f32, global offset and information f32, dimensions u16, per dimension its
//! field u16, slices u32, each key u32 and two f32); intercept f32, keys u32, per key varint gap * 2 + 1 if it has
//! factors; rows of factors u32, numbers of the dense part u32, 1 or 0 u8 for whether information follows; the linear weights,
//! the information (as ln(1 + x) unless in f32), the factors in the order of keys, the
//! dense part in f32 ([`super::blocks`]); with 32 bits the optimiser: examples u64, seed u64, epoch u8, state of the intercept f32 and four lists, each its
//! length u32 and its numbers: sightings, factors in the order of keys, dense, rates; CRC-32 of all before.

use std::collections::BTreeMap;

use super::blocks::{self, Precision};
use super::reader::Reader;
use super::{ModelError, put_varint, sealed};
use crate::calibration::{Calibration, Offset, SLICES_MAX};
use crate::engine::weights::{NO_ROW, Optimiser, Weights};
use crate::engine::{Kind, Spec};
use crate::table::{COLUMN_NAME_BYTES_MAX, COLUMNS_MAX, Columns};
use crate::trained::{Scores, Trained};

const MAGIC: [u8; 4] = *b"PLTB";
const FORMAT: u16 = 1;
/// Most keys of a table and numbers of a list: what the largest table holds.
const NUMBERS_MAX: usize = u32::MAX as usize;
/// Steps finer than these change predictions by less than 1e-4 in log-odds at forty fields.
const LINEAR_STEP: f32 = 1.0 / 4_096.0;
const FACTOR_STEP: f32 = 1.0 / 1_024.0;
/// A sixteenth of a factor e: nobody needs the variance of a score better.
const INFORMATION_STEP: f32 = 1.0 / 16.0;

pub(crate) fn encode(model: &Trained) -> Vec<u8> {
    let weights = &model.weights;
    let mut out = Vec::with_capacity(1 << 16);
    out.extend(MAGIC);
    out.extend(FORMAT.to_le_bytes());
    out.extend(model.precision.bits().to_le_bytes());
    for number in [
        model.columns.hash(),
        model.columns.salt(),
        model.version,
        model.parent,
    ] {
        out.extend(number.to_le_bytes());
    }
    put_columns(&mut out, &model.columns);
    let kind = match weights.spec.kind {
        Kind::Linear => 0,
        Kind::Ffm => 1,
        Kind::DeepFfm => 2,
        Kind::Wide(_) => 3,
    };
    out.extend([kind, weights.spec.k as u8, weights.spec.bits as u8]);
    if let Kind::Wide(factored) = weights.spec.kind {
        out.push(factored);
    }
    put_scores(&mut out, &model.scores);
    put_calibration(&mut out, &model.calibration, &model.calibrated_by);
    put_weights(&mut out, weights, model.precision);
    if model.precision == Precision::Full {
        let optimiser = model.optimiser.clone().unwrap_or_default();
        put_optimiser(&mut out, weights, &optimiser);
    }
    sealed(out)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_columns(out: &mut Vec<u8>, columns: &Columns) {
    put_text(out, columns.label());
    out.extend((columns.numeric() as u16).to_le_bytes());
    out.extend((columns.names().len() as u16).to_le_bytes());
    columns.names().iter().for_each(|name| put_text(out, name));
}

fn put_scores(out: &mut Vec<u8>, scores: &Scores) {
    out.extend(scores.rows.to_le_bytes());
    out.extend(scores.clicks.to_le_bytes());
    for figure in [scores.log_loss, scores.auc, scores.rig, scores.calibration] {
        out.extend(figure.unwrap_or(f64::NAN).to_le_bytes());
    }
}

fn put_offset(out: &mut Vec<u8>, offset: Offset) {
    out.extend(offset.value.to_le_bytes());
    out.extend(offset.information.to_le_bytes());
}

fn put_calibration(out: &mut Vec<u8>, calibration: &Calibration, by: &[u16]) {
    out.extend(calibration.negatives_kept().to_le_bytes());
    put_offset(out, calibration.global());
    out.extend((calibration.dimensions() as u16).to_le_bytes());
    for dimension in 0..calibration.dimensions() {
        out.extend(by.get(dimension).copied().unwrap_or(0).to_le_bytes());
        out.extend((calibration.slices(dimension).count() as u32).to_le_bytes());
        for (key, offset) in calibration.slices(dimension) {
            out.extend(key.to_le_bytes());
            put_offset(out, offset);
        }
    }
}

/// The numbers of the rows, put into the order of their keys.
fn in_key_order<'a, T>(weights: &'a Weights, numbers: &'a [T]) -> impl Iterator<Item = &'a T> {
    let count = weights
        .factors
        .len()
        .checked_div(weights.spec.row_len())
        .unwrap_or(0);
    let each = numbers.len().checked_div(count).unwrap_or(0);
    let rows = weights.rows.iter().filter(|row| **row != NO_ROW);
    rows.flat_map(move |&row| {
        let start = row as usize * each;
        numbers.get(start..start + each).unwrap_or_default()
    })
}

fn put_weights(out: &mut Vec<u8>, weights: &Weights, precision: Precision) {
    out.extend(weights.bias.to_le_bytes());
    out.extend((weights.keys.len() as u32).to_le_bytes());
    let mut next = 0;
    for (&key, &row) in weights.keys.iter().zip(&weights.rows) {
        put_varint(out, (key as usize - next) * 2 + usize::from(row != NO_ROW));
        next = key as usize + 1;
    }
    let factors: Vec<f32> = in_key_order(weights, &weights.factors).copied().collect();
    let rows = factors
        .len()
        .checked_div(weights.spec.row_len())
        .unwrap_or(0);
    out.extend((rows as u32).to_le_bytes());
    out.extend((weights.dense.len() as u32).to_le_bytes());
    out.push(u8::from(!weights.information.is_empty()));
    blocks::put(out, &weights.linear, precision, LINEAR_STEP);
    let information = weights.information.iter().map(|x| match precision {
        Precision::Full => *x,
        Precision::Bits16 | Precision::Bits8 => x.ln_1p(),
    });
    blocks::put(
        out,
        &information.collect::<Vec<f32>>(),
        precision,
        INFORMATION_STEP,
    );
    blocks::put(out, &factors, precision, FACTOR_STEP);
    blocks::put(out, &weights.dense, Precision::Full, 0.0);
}

fn put_optimiser(out: &mut Vec<u8>, weights: &Weights, optimiser: &Optimiser) {
    out.extend(optimiser.examples.to_le_bytes());
    out.extend(optimiser.seed.to_le_bytes());
    out.push(optimiser.epoch);
    out.extend(optimiser.bias.to_le_bytes());
    let list = |out: &mut Vec<u8>, numbers: &[f32]| {
        out.extend((numbers.len() as u32).to_le_bytes());
        blocks::put(out, numbers, Precision::Full, 0.0);
    };
    out.extend((optimiser.seen.len() as u32).to_le_bytes());
    optimiser
        .seen
        .iter()
        .for_each(|seen| out.extend(seen.to_le_bytes()));
    let factors: Vec<f32> = in_key_order(weights, &optimiser.factors).copied().collect();
    list(out, &factors);
    list(out, &optimiser.dense);
    list(out, &optimiser.paces);
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Trained, ModelError> {
    let mut from = Reader::new(bytes);
    let magic = from.array("magic")?;
    if magic != MAGIC {
        return Err(ModelError::Magic {
            expected: "trained model",
            found: magic,
        });
    }
    let found = u16::from_le_bytes(from.array("format")?);
    if found != FORMAT {
        return Err(ModelError::Format {
            expected: FORMAT,
            found,
        });
    }
    from.check_seal()?;
    let bits = u16::from_le_bytes(from.array("precision")?);
    let precision = Precision::of_bits(bits).ok_or(ModelError::Number { what: "precision" })?;
    let [hash, salt] = [from.u64("columns' hash")?, from.u64("salt")?];
    let (version, parent) = (from.u64("version")?, from.u64("parent")?);
    let columns = columns(&mut from, salt)?;
    if columns.hash() != hash {
        return Err(ModelError::FeatureList {
            expected: columns.hash(),
            found: hash,
        });
    }
    let spec = spec(&mut from, columns.names().len())?;
    let scores = scores(&mut from)?;
    let (calibration, calibrated_by) = calibration(&mut from, columns.names().len())?;
    let weights = weights(&mut from, spec, precision)?;
    weights.check()?;
    let full = precision == Precision::Full;
    let optimiser = full.then(|| optimiser(&mut from)).transpose()?;
    from.finish()?;
    Ok(Trained {
        version,
        parent,
        columns,
        scores,
        calibration,
        calibrated_by,
        precision,
        weights,
        optimiser,
    })
}

fn u16_of(from: &mut Reader<'_>, what: &'static str) -> Result<usize, ModelError> {
    Ok(usize::from(u16::from_le_bytes(from.array(what)?)))
}

fn text(from: &mut Reader<'_>) -> Result<String, ModelError> {
    let what = "column name";
    let length = u16_of(from, what)?;
    if length > COLUMN_NAME_BYTES_MAX {
        return Err(ModelError::Length { what });
    }
    let bytes = from.take(length, what)?.to_vec();
    String::from_utf8(bytes).map_err(|_| ModelError::Number { what })
}

fn columns(from: &mut Reader<'_>, salt: u64) -> Result<Columns, ModelError> {
    let label = text(from)?;
    let (numeric, count) = (u16_of(from, "columns")?, u16_of(from, "columns")?);
    if count > COLUMNS_MAX || numeric > count {
        return Err(ModelError::Length { what: "columns" });
    }
    let names = (0..count)
        .map(|_| text(from))
        .collect::<Result<Vec<_>, _>>()?;
    let (numeric, categorical) = names.split_at(numeric);
    Ok(Columns::new(&label, numeric, categorical, salt)?)
}

fn spec(from: &mut Reader<'_>, fields: usize) -> Result<Spec, ModelError> {
    let [kind, k, bits] = from.array("spec")?;
    let kind = match kind {
        0 => Kind::Linear,
        1 => Kind::Ffm,
        2 => Kind::DeepFfm,
        3 => {
            let [factored] = from.array("spec")?;
            Kind::Wide(factored)
        }
        _ => return Err(ModelError::Number { what: "kind" }),
    };
    let spec = Spec {
        kind,
        fields,
        bits: u32::from(bits),
        k: usize::from(k),
    };
    spec.check()
        .map_err(|error| ModelError::Weights(error.into()))?;
    Ok(spec)
}

fn scores(from: &mut Reader<'_>) -> Result<Scores, ModelError> {
    Ok(Scores {
        rows: from.u64("rows")?,
        clicks: from.u64("clicks")?,
        log_loss: from.figure("log loss")?,
        auc: from.figure("AUC")?,
        rig: from.figure("information gain")?,
        calibration: from.figure("calibration")?,
    })
}

/// Any number: the calibration checks its bounds itself.
fn f32_of(from: &mut Reader<'_>, what: &'static str) -> Result<f32, ModelError> {
    from.array(what).map(f32::from_le_bytes)
}

fn offset(from: &mut Reader<'_>) -> Result<Offset, ModelError> {
    Ok(Offset {
        value: f32_of(from, "calibration")?,
        information: f32_of(from, "calibration")?,
    })
}

fn calibration(
    from: &mut Reader<'_>,
    fields: usize,
) -> Result<(Calibration, Vec<u16>), ModelError> {
    let kept = f32_of(from, "calibration")?;
    let global = offset(from)?;
    let dimensions = u16_of(from, "calibration")?;
    let (mut by, mut all) = (Vec::new(), Vec::new());
    for _ in 0..dimensions {
        let field = u16_of(from, "calibration")?;
        if field >= fields {
            return Err(ModelError::Number {
                what: "calibration",
            });
        }
        by.push(field as u16);
        let mut slices = BTreeMap::new();
        for _ in 0..from.count(SLICES_MAX, 12, "calibration")? {
            slices.insert(
                u32::from_le_bytes(from.array("calibration")?),
                offset(from)?,
            );
        }
        all.push(slices);
    }
    Ok((Calibration::from_parts(kept, global, all)?, by))
}

fn weights(from: &mut Reader<'_>, spec: Spec, precision: Precision) -> Result<Weights, ModelError> {
    let bias = f32_of(from, "bias")?;
    let count = from.count(NUMBERS_MAX, 1, "keys")?;
    let (mut keys, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut next, mut with_row) = (0_u64, 0_u32);
    for _ in 0..count {
        let gap = from.varint("keys")?;
        let key = next + gap / 2;
        keys.push(u32::try_from(key).map_err(|_| ModelError::Number { what: "keys" })?);
        next = key + 1;
        let has_row = gap & 1 == 1;
        rows.push(if has_row { with_row } else { NO_ROW });
        with_row += u32::from(has_row);
    }
    let length = spec.row_len();
    let found = u32::from_le_bytes(from.array("factors")?);
    if found != with_row || (length == 0 && found > 0) {
        return Err(ModelError::Length { what: "factors" });
    }
    let numbers = (found as usize)
        .checked_mul(length)
        .filter(|numbers| blocks::bytes_of(*numbers, precision) <= from.left())
        .ok_or(ModelError::Length { what: "factors" })?;
    let dense = from.count(NUMBERS_MAX, 4, "dense")?;
    let [informed] = from.array("information")?;
    let linear = blocks::read(from, keys.len(), precision, "linear")?;
    let known = if informed == 1 { keys.len() } else { 0 };
    let mut information = blocks::read(from, known, precision, "information")?;
    if precision != Precision::Full {
        information.iter_mut().for_each(|x| *x = x.exp_m1());
    }
    Ok(Weights {
        spec,
        bias,
        linear,
        information,
        factors: blocks::read(from, numbers, precision, "factors")?,
        dense: blocks::read(from, dense, Precision::Full, "dense")?,
        keys,
        rows,
    })
}

fn optimiser(from: &mut Reader<'_>) -> Result<Optimiser, ModelError> {
    let (examples, seed) = (from.u64("examples")?, from.u64("seed")?);
    let [epoch] = from.array("epoch")?;
    let bias = from.information("optimiser")?;
    let list = |from: &mut Reader<'_>| {
        let count = from.count(NUMBERS_MAX, 4, "optimiser")?;
        let numbers = blocks::read(from, count, Precision::Full, "optimiser")?;
        let sound = numbers.iter().all(|number| number.is_finite());
        sound
            .then_some(numbers)
            .ok_or(ModelError::Number { what: "optimiser" })
    };
    let count = from.count(NUMBERS_MAX, 4, "sightings")?;
    let seen = from.take(4 * count, "sightings")?.as_chunks::<4>().0;
    Ok(Optimiser {
        examples,
        seed,
        epoch,
        bias,
        seen: seen
            .iter()
            .map(|bytes| u32::from_le_bytes(*bytes))
            .collect(),
        factors: list(from)?,
        dense: list(from)?,
        paces: list(from)?,
    })
}

#[cfg(test)]
#[path = "trained/tests.rs"]
mod tests;
