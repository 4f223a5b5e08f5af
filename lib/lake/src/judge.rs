//! A model on a table: predictions to a file, figures over all and by slice.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ctr_model::metrics::tally::Tally;
use ctr_model::trained::Trained;

use crate::batch::{Batch, Wanted};
use crate::error::LakeError;
use crate::file::NewFile;
use crate::{Format, Source};

/// Slices told apart; rows of later ones are counted together.
pub const SLICES_MAX: usize = 100_000;
/// What the slice of those rows is called.
pub const OTHER_SLICES: &str = "(others)";

/// Sums over a slice's rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slice {
    /// Rows.
    pub rows: u64,
    /// Those that were clicked.
    pub clicks: u64,
    /// The sum of predictions.
    pub predicted: f64,
}

impl Slice {
    /// Predicted clicks by clicks; `None` without clicks.
    pub fn calibration(&self) -> Option<f64> {
        (self.clicks > 0).then(|| self.predicted / self.clicks as f64)
    }
}

/// What a model is worth on a table.
#[derive(Debug, Clone, Default)]
pub struct Judgement {
    /// Over all rows.
    pub tally: Tally,
    /// By the value of the slice column, most rows first.
    pub slices: Vec<(String, Slice)>,
    /// Rows left out.
    pub skipped: u64,
}

/// Tables and how to read them.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// Which.
    pub inputs: &'a [PathBuf],
    /// How they are written.
    pub format: Format,
    /// Rows that cannot be used are counted and left out.
    pub skip_bad_rows: bool,
}

/// Judges a model on tables with labels.
///
/// # Errors
/// When a table cannot be used, or the model cannot be served.
pub fn judge(
    model: &Trained,
    tables: Tables<'_>,
    slice: Option<&str>,
) -> Result<Judgement, LakeError> {
    let mut judgement = Judgement::default();
    let mut slices: HashMap<Vec<u8>, Slice> = HashMap::new();
    let wanted = Wanted {
        label: true,
        text: slice,
        skip_bad_rows: tables.skip_bad_rows,
    };
    for input in tables.inputs {
        let mut source = crate::open(input, tables.format, &model.columns, wanted)?;
        each(model, source.as_mut(), &mut |row| {
            let clicked = row.label > 0.5;
            judgement.tally.add(row.predicted, clicked);
            if slice.is_some() {
                let slice = slice_of(&mut slices, row.text);
                slice.rows += 1;
                slice.clicks += u64::from(clicked);
                slice.predicted += f64::from(row.predicted);
            }
            Ok(())
        })?;
        judgement.skipped += source.skipped();
    }
    let named =
        |(value, slice): (Vec<u8>, Slice)| (String::from_utf8_lossy(&value).into_owned(), slice);
    judgement.slices = slices.into_iter().map(named).collect();
    judgement
        .slices
        .sort_by(|a, b| b.1.rows.cmp(&a.1.rows).then_with(|| a.0.cmp(&b.0)));
    Ok(judgement)
}

fn slice_of<'a>(slices: &'a mut HashMap<Vec<u8>, Slice>, value: &[u8]) -> &'a mut Slice {
    let known = slices.contains_key(value) || slices.len() < SLICES_MAX;
    let value = if known {
        value
    } else {
        OTHER_SLICES.as_bytes()
    };
    slices.entry(value.to_vec()).or_default()
}

/// Writes what a model predicts of each row, in their order, under the header `prediction`; returns the rows.
///
/// # Errors
/// When a table cannot be used, the model cannot be served, or the disk refuses.
pub fn predict(model: &Trained, tables: Tables<'_>, out: &Path) -> Result<u64, LakeError> {
    let mut file = NewFile::create(out)?;
    file.write(b"prediction\n")?;
    let mut rows = 0;
    for input in tables.inputs {
        let mut source = crate::open(input, tables.format, &model.columns, Wanted::default())?;
        each(model, source.as_mut(), &mut |row| {
            rows += 1;
            file.write(format!("{}\n", row.predicted).as_bytes())
        })?;
    }
    file.finish()?;
    Ok(rows)
}

/// A row with what is predicted of it.
struct Row<'a> {
    predicted: f32,
    label: f32,
    text: &'a [u8],
}

fn each(
    model: &Trained,
    source: &mut dyn Source,
    take: &mut dyn FnMut(Row<'_>) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    let mut scorer = model.scorer().map_err(|error| LakeError::Refused {
        why: error.to_string(),
    })?;
    let fields = model.columns.names().len();
    let mut batch = Batch::default();
    loop {
        source.read(&mut batch)?;
        if batch.is_empty() {
            return Ok(());
        }
        let rows = batch.columns.chunks_exact(fields).zip(&batch.labels);
        for (at, (columns, &label)) in rows.enumerate() {
            take(Row {
                predicted: scorer.predict(columns),
                label,
                text: batch.text(at),
            })?;
        }
    }
}
