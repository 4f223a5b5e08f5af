//! A Parquet table gives the rows that the same table as text gives.
#![cfg(feature = "parquet")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use ctr_model::table::Columns;
use lake::{Batch, Format, Wanted};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const ROWS: i32 = 5_000;
const SCHEMA: &str = "message table {
    required int32 click;
    optional double n;
    optional binary c (UTF8);
    optional int32 d;
    repeated int32 list;
}";

fn columns(numeric: &str) -> Columns {
    let names = |list: &[&str]| {
        list.iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    Columns::new("click", &names(&[numeric]), &names(&["c", "d"]), 0).unwrap()
}

/// In groups of 2,000 rows; every third `n`, every fifth `c` and every seventh `d` is null.
fn write(path: &Path, compression: Compression, bad_label: Option<i32>) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(
        WriterProperties::builder()
            .set_compression(compression)
            .build(),
    );
    let mut writer =
        SerializedFileWriter::new(std::fs::File::create(path).unwrap(), schema, properties)
            .unwrap();
    let all: Vec<i32> = (0..ROWS).collect();
    for rows in all.chunks(2_000) {
        let levels = |each: i32| {
            rows.iter()
                .map(|n| i16::from(n % each != 0))
                .collect::<Vec<_>>()
        };
        let with = |each: i32| rows.iter().copied().filter(move |n| n % each != 0);
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let label = |n: &i32| if Some(*n) == bad_label { 7 } else { n % 2 };
        let labels: Vec<i32> = rows.iter().map(label).collect();
        column
            .typed::<Int32Type>()
            .write_batch(&labels, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<f64> = with(3).map(|n| f64::from(n) / 4.0).collect();
        column
            .typed::<DoubleType>()
            .write_batch(&values, Some(&levels(3)), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<ByteArray> = with(5)
            .map(|n| ByteArray::from(format!("c{}", n % 11).as_str()))
            .collect();
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, Some(&levels(5)), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<i32> = with(7).map(|n| n % 13 - 3).collect();
        column
            .typed::<Int32Type>()
            .write_batch(&values, Some(&levels(7)), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let none = vec![0; rows.len()];
        column
            .typed::<Int32Type>()
            .write_batch(&[], Some(&none), Some(&none))
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// The same table as text.
fn text() -> String {
    let cell = |there: bool, text: String| if there { text } else { String::new() };
    let row = |n: i32| {
        let number = cell(n % 3 != 0, (f64::from(n) / 4.0).to_string());
        let (c, d) = (
            cell(n % 5 != 0, format!("c{}", n % 11)),
            cell(n % 7 != 0, (n % 13 - 3).to_string()),
        );
        format!("{}\t{number}\t{c}\t{d}\n", n % 2)
    };
    "click\tn\tc\td\n".to_owned() + &(0..ROWS).map(row).collect::<String>()
}

/// Tokens, labels and texts of all rows.
type All = (Vec<u32>, Vec<f32>, Vec<Vec<u8>>);

fn all(path: &Path, format: Format, wanted: Wanted<'_>) -> Result<(All, u64), String> {
    let told = |error: lake::LakeError| error.to_string();
    let mut source = lake::open(path, format, &columns("n"), wanted).map_err(told)?;
    let (mut all, mut batch) = (All::default(), Batch::default());
    loop {
        source.read(&mut batch).map_err(told)?;
        if batch.is_empty() {
            return Ok((all, source.skipped()));
        }
        all.0.extend(&batch.columns);
        all.1.extend(&batch.labels);
        all.2
            .extend((0..batch.len()).map(|row| batch.text(row).to_vec()));
    }
}

const ALL: Wanted<'static> = Wanted {
    label: true,
    text: Some("c"),
    skip_bad_rows: false,
};

#[test]
fn its_rows_are_those_of_the_same_table_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let as_text = folder.path().join("a.tsv");
    std::fs::write(&as_text, text()).unwrap();
    let expected = all(&as_text, Format::Tsv, ALL).unwrap();
    assert_eq!(expected.0.1.len(), ROWS as usize);
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
    ] {
        let path = folder.path().join("a.parquet");
        write(&path, compression, None);
        assert_eq!(all(&path, Format::Parquet, ALL).unwrap(), expected);
        let unlabelled = all(&path, Format::Parquet, Wanted::default()).unwrap();
        assert_eq!(unlabelled.0.0, expected.0.0);
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, Compression::SNAPPY, Some(2_500));
    let refused = all(&path, Format::Parquet, ALL).unwrap_err();
    assert!(
        refused.contains("line 2501") && refused.contains("label '7'"),
        "{refused}"
    );
    let skipping = Wanted {
        skip_bad_rows: true,
        ..ALL
    };
    let (rows, skipped) = all(&path, Format::Parquet, skipping).unwrap();
    assert_eq!((rows.1.len(), skipped), (ROWS as usize - 1, 1));
    let open = |numeric: &str| lake::open(&path, Format::Parquet, &columns(numeric), ALL);
    let why = |numeric: &str| open(numeric).err().unwrap().to_string();
    assert!(why("none").contains("no column 'none'; the header has click, n, c, d"));
    assert!(why("list").contains("is a list"));
    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 3, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let refused = all(&path, Format::Parquet, ALL).unwrap_err();
        assert!(
            refused.contains("cannot be read as Parquet"),
            "{cut}: {refused}"
        );
    }
}
