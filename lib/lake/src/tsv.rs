//! Tab-separated tables: a header line, then one example a line; an empty cell is missing.

use std::path::Path;

use ctr_model::table::{Columns, Hasher};

use crate::batch::{Batch, Source, Wanted};
use crate::error::LakeError;
use crate::lines::Lines;

/// Most columns of a file, wanted or not.
const FILE_COLUMNS_MAX: usize = 16_384;
/// Column names listed in an error, at most.
const NAMES_SHOWN: usize = 50;
/// Longest cell shown in an error, in bytes.
const CELL_SHOWN: usize = 40;

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    field: Option<usize>,
    label: bool,
    text: bool,
}

/// A table being read.
pub struct Tsv {
    lines: Lines,
    hasher: Hasher,
    uses: Vec<Use>,
    wanted_text: bool,
    skip: bool,
    skipped: u64,
}

impl Tsv {
    /// Reads the header.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, or lacks a wanted column.
    pub fn open(path: &Path, columns: &Columns, wanted: Wanted<'_>) -> Result<Self, LakeError> {
        let mut lines = Lines::open(path)?;
        let header = match lines.next()? {
            Some(line) => String::from_utf8_lossy(line).into_owned(),
            None => {
                return Err(LakeError::file(
                    path,
                    "it is empty: its first line must name the columns",
                ));
            }
        };
        let names: Vec<&str> = header.trim_start_matches('\u{feff}').split('\t').collect();
        if names.len() > FILE_COLUMNS_MAX {
            let why = format!(
                "{} columns, at most {FILE_COLUMNS_MAX} are read",
                names.len()
            );
            return Err(LakeError::file(path, why));
        }
        Ok(Self {
            lines,
            hasher: Hasher::new(columns),
            uses: uses(path, &names, columns, wanted)?,
            wanted_text: wanted.text.is_some(),
            skip: wanted.skip_bad_rows,
            skipped: 0,
        })
    }
}

/// Finds every wanted column in the header.
fn uses(
    path: &Path,
    names: &[&str],
    columns: &Columns,
    wanted: Wanted<'_>,
) -> Result<Vec<Use>, LakeError> {
    let mut uses = vec![Use::default(); names.len()];
    let place = |name: &str| place(path, names, name);
    for (field, name) in columns.names().iter().enumerate() {
        if let Some(found) = uses.get_mut(place(name)?) {
            found.field = Some(field);
        }
    }
    if wanted.label
        && let Some(found) = uses.get_mut(place(columns.label())?)
    {
        found.label = true;
    }
    if let Some(text) = wanted.text
        && let Some(found) = uses.get_mut(place(text)?)
    {
        found.text = true;
    }
    Ok(uses)
}

/// Where a column is, by its name.
pub(crate) fn place(path: &Path, names: &[&str], name: &str) -> Result<usize, LakeError> {
    let mut found = names.iter().enumerate().filter(|(_, has)| **has == name);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err(LakeError::file(
            path,
            format!("two columns are named '{name}'"),
        )),
        (None, _) => Err(LakeError::Column {
            path: path.to_owned(),
            name: name.to_owned(),
            has: listed(names),
        }),
    }
}

fn listed(names: &[&str]) -> String {
    let more = if names.len() > NAMES_SHOWN {
        ", …"
    } else {
        ""
    };
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).copied().collect();
    format!("{}{more}", shown.join(", "))
}

/// 0 or 1, also as a decimal fraction or a word.
pub(crate) fn label(cell: &[u8]) -> Result<f32, String> {
    match cell {
        b"0" | b"0.0" | b"false" => Ok(0.0),
        b"1" | b"1.0" | b"true" => Ok(1.0),
        b"" => Err("the label is empty, it must be 0 or 1".to_owned()),
        other => {
            let shown = String::from_utf8_lossy(other.get(..CELL_SHOWN).unwrap_or(other));
            Err(format!("label '{shown}', it must be 0 or 1"))
        }
    }
}

/// Adds one line to the batch.
fn parse(hasher: &Hasher, uses: &[Use], line: &[u8], batch: &mut Batch) -> Result<(), String> {
    let row = batch.columns.len();
    batch.columns.resize(row + hasher.fields(), 0);
    let (mut start, mut cells, mut found) = (0, 0, 0.0);
    let ends = memchr::memchr_iter(b'\t', line).chain([line.len()]);
    for end in ends {
        let cell = line.get(start..end).unwrap_or_default();
        start = end + 1;
        cells += 1;
        let Some(wanted) = uses.get(cells - 1) else {
            continue;
        };
        if let Some(field) = wanted.field
            && let Some(token) = batch.columns.get_mut(row + field)
        {
            *token = hasher.token(field, cell);
        }
        if wanted.label {
            found = label(cell)?;
        }
        if wanted.text {
            batch.push_text(cell);
        }
    }
    if cells != uses.len() {
        return Err(format!("{cells} columns, the header has {}", uses.len()));
    }
    batch.labels.push(found);
    Ok(())
}

impl Source for Tsv {
    fn read(&mut self, batch: &mut Batch) -> Result<(), LakeError> {
        batch.clear();
        while !batch.is_full() {
            let Some(line) = self.lines.next()? else {
                break;
            };
            let Err(why) = parse(&self.hasher, &self.uses, line, batch) else {
                continue;
            };
            if !self.skip {
                return Err(self.lines.bad_row(self.lines.number(), why));
            }
            self.skipped += 1;
            batch.drop_half_row(self.hasher.fields(), self.wanted_text);
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
