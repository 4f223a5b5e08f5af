//! Parquet tables: flat columns read in batches, group by group; null is missing.

use std::fs::File;
use std::path::{Path, PathBuf};

use ctr_model::table::{Columns, Hasher};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::batch::{BATCH_ROWS, Batch, Source, Wanted};
use crate::error::LakeError;
use crate::tsv::{label, place};

/// A cell, as its column stores it.
enum Cell<'a> {
    Missing,
    Number(f64),
    Whole(i64),
    Text(&'a [u8]),
}

/// What becomes of a column.
#[derive(Debug, Clone, Copy)]
enum Use {
    Field(usize),
    Label,
    Text,
}

/// A table being read.
pub struct Parquet {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    hasher: Hasher,
    /// Wanted columns by their number in the file.
    uses: Vec<(usize, Use)>,
    wanted: (bool, bool),
    skip: bool,
    group: usize,
    columns: Vec<ColumnReader>,
    rows_left: usize,
    rows_read: u64,
    rows: u64,
    bytes: u64,
    skipped: u64,
    /// Of the rows being put together.
    tokens: Vec<u32>,
    labels: Vec<Result<f32, String>>,
    texts: Vec<Vec<u8>>,
}

impl Parquet {
    /// Reads the schema.
    ///
    /// # Errors
    /// When the file is no Parquet, or lacks a wanted column, or one is nested.
    pub fn open(path: &Path, columns: &Columns, wanted: Wanted<'_>) -> Result<Self, LakeError> {
        let file = File::open(path).map_err(LakeError::io(path, "open"))?;
        let bytes = file.metadata().map_or(0, |about| about.len());
        let reader = SerializedFileReader::new(file).map_err(|error| refused(path, &error))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let described = schema.columns();
        let names: Vec<String> = described
            .iter()
            .map(|column| column.path().string())
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut uses = Vec::new();
        let mut take = |name: &str, wanted: Use| {
            let at = place(path, &names, name)?;
            if described
                .get(at)
                .is_some_and(|column| column.max_rep_level() > 0)
            {
                let why = format!("column '{name}' is a list: one value a row is read");
                return Err(LakeError::file(path, why));
            }
            uses.push((at, wanted));
            Ok(())
        };
        for (field, name) in columns.names().iter().enumerate() {
            take(name, Use::Field(field))?;
        }
        if wanted.label {
            take(columns.label(), Use::Label)?;
        }
        if let Some(text) = wanted.text {
            take(text, Use::Text)?;
        }
        let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
        Ok(Self {
            path: path.to_owned(),
            reader,
            hasher: Hasher::new(columns),
            uses,
            wanted: (wanted.label, wanted.text.is_some()),
            skip: wanted.skip_bad_rows,
            group: 0,
            columns: Vec::new(),
            rows_left: 0,
            rows_read: 0,
            rows,
            bytes,
            skipped: 0,
            tokens: Vec::new(),
            labels: Vec::new(),
            texts: Vec::new(),
        })
    }

    /// Opens the next group of rows; false after the last.
    fn next_group(&mut self) -> Result<bool, LakeError> {
        if self.group >= self.reader.num_row_groups() {
            return Ok(false);
        }
        let refused = |error: ParquetError| refused(&self.path, &error);
        let group = self.reader.get_row_group(self.group).map_err(refused)?;
        let open = |(at, _): &(usize, Use)| group.get_column_reader(*at).map_err(refused);
        self.columns = self.uses.iter().map(open).collect::<Result<_, _>>()?;
        self.rows_left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        self.group += 1;
        Ok(true)
    }

    /// Adds some rows of the open group.
    fn rows(&mut self, batch: &mut Batch) -> Result<(), LakeError> {
        let count = self.rows_left.min(BATCH_ROWS);
        let fields = self.hasher.fields();
        self.tokens.clear();
        self.tokens.resize(count * fields, 0);
        self.labels.clear();
        self.labels.resize(count, Ok(0.0));
        self.texts.iter_mut().for_each(Vec::clear);
        self.texts.resize(count, Vec::new());
        for ((_, wanted), column) in self.uses.iter().zip(&mut self.columns) {
            let (hasher, tokens, labels, texts) = (
                &self.hasher,
                &mut self.tokens,
                &mut self.labels,
                &mut self.texts,
            );
            let mut take = |row: usize, cell: Cell<'_>| match wanted {
                Use::Field(field) => {
                    if let Some(token) = tokens.get_mut(row * fields + field) {
                        *token = cell.token(hasher, *field);
                    }
                }
                Use::Label => {
                    if let Some(found) = labels.get_mut(row) {
                        *found = label(&cell.text());
                    }
                }
                Use::Text => {
                    if let Some(text) = texts.get_mut(row) {
                        *text = cell.text();
                    }
                }
            };
            cells(column, count, &mut take).map_err(|error| refused(&self.path, &error))?;
        }
        self.rows_left -= count;
        self.push(batch, fields)
    }

    /// Moves the rows that were put together into the batch.
    fn push(&mut self, batch: &mut Batch, fields: usize) -> Result<(), LakeError> {
        let rows = self
            .tokens
            .chunks_exact(fields)
            .zip(&self.labels)
            .zip(&self.texts);
        for ((tokens, found), text) in rows {
            self.rows_read += 1;
            match found {
                Ok(label) => {
                    batch.columns.extend(tokens);
                    batch.labels.push(*label);
                    if self.wanted.1 {
                        batch.push_text(text);
                    }
                }
                Err(_) if self.skip => self.skipped += 1,
                Err(why) => {
                    return Err(LakeError::Row {
                        path: self.path.clone(),
                        line: self.rows_read,
                        why: why.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

impl Source for Parquet {
    fn read(&mut self, batch: &mut Batch) -> Result<(), LakeError> {
        batch.clear();
        while !batch.is_full() {
            if self.rows_left == 0 && !self.next_group()? {
                break;
            }
            self.rows(batch)?;
        }
        Ok(())
    }

    /// By the share of rows: the file is not read in one direction.
    fn bytes_read(&self) -> u64 {
        (self.bytes as f64 * (self.rows_read as f64 / self.rows.max(1) as f64)) as u64
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl Cell<'_> {
    fn token(&self, hasher: &Hasher, field: usize) -> u32 {
        match self {
            Self::Missing => hasher.token(field, b""),
            Self::Number(number) => hasher.number_token(field, *number),
            Self::Whole(number) => hasher.token(field, number.to_string().as_bytes()),
            Self::Text(text) => hasher.token(field, text),
        }
    }

    fn text(&self) -> Vec<u8> {
        match self {
            Self::Missing => Vec::new(),
            Self::Number(number) if number.is_nan() => Vec::new(),
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Whole(number) => number.to_string().into_bytes(),
            Self::Text(text) => text.to_vec(),
        }
    }
}

/// Gives out so many cells of a column, whatever it stores.
fn cells(
    column: &mut ColumnReader,
    count: usize,
    take: &mut dyn FnMut(usize, Cell<'_>),
) -> Result<(), ParquetError> {
    match column {
        ColumnReader::BoolColumnReader(column) => {
            each(column, count, take, |value| Cell::Whole(i64::from(*value)))
        }
        ColumnReader::Int32ColumnReader(column) => {
            each(column, count, take, |value| Cell::Whole(i64::from(*value)))
        }
        ColumnReader::Int64ColumnReader(column) => {
            each(column, count, take, |value| Cell::Whole(*value))
        }
        ColumnReader::FloatColumnReader(column) => {
            each(column, count, take, |value| Cell::Number(f64::from(*value)))
        }
        ColumnReader::DoubleColumnReader(column) => {
            each(column, count, take, |value| Cell::Number(*value))
        }
        ColumnReader::ByteArrayColumnReader(column) => {
            each(column, count, take, |value| Cell::Text(value.data()))
        }
        ColumnReader::FixedLenByteArrayColumnReader(column) => {
            each(column, count, take, |value| Cell::Text(value.data()))
        }
        ColumnReader::Int96ColumnReader(_) => Err(ParquetError::General(
            "a column of 96 bit times is not read: store it as a number".to_owned(),
        )),
    }
}

fn each<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    count: usize,
    take: &mut dyn FnMut(usize, Cell<'_>),
    cell: impl Fn(&T::T) -> Cell<'_>,
) -> Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut read = 0;
    while read < count {
        let (records, _, _) =
            column.read_records(count - read, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::EOF(
                "a column ends before its group does".to_owned(),
            ));
        }
        read += records;
    }
    // A required column has no levels; in an optional one only the highest level stands for a value.
    let present = levels.iter().copied().max().unwrap_or(0);
    let optional = values.len() < count;
    let mut values = values.iter();
    for row in 0..count {
        let here = !optional || levels.get(row).is_some_and(|level| *level == present);
        match values.as_slice().first().filter(|_| here) {
            Some(value) => {
                values.next();
                take(row, cell(value));
            }
            None => take(row, Cell::Missing),
        }
    }
    Ok(())
}

fn refused(path: &Path, error: &ParquetError) -> LakeError {
    LakeError::file(path, format!("cannot be read as Parquet: {error}"))
}
