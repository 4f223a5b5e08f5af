//! Tables as files: what is read, what is refused by line, caches that give the same rows, files that are whole.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::path::{Path, PathBuf};

use ctr_model::table::{Columns, Hasher};
use lake::cache::Place;
use lake::{Batch, Format, Source, Wanted};

fn columns() -> Columns {
    let names = |list: &[&str]| {
        list.iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    Columns::new("click", &names(&["n"]), &names(&["c", "d"]), 1).unwrap()
}

const ALL: Wanted<'static> = Wanted {
    label: true,
    text: Some("c"),
    skip_bad_rows: false,
};

/// Tokens, label and text of every row.
type Rows = Vec<(Vec<u32>, f32, Vec<u8>)>;

fn rows(source: &mut dyn Source) -> Result<Rows, String> {
    let (mut batch, mut rows) = (Batch::default(), Vec::new());
    loop {
        source.read(&mut batch).map_err(|error| error.to_string())?;
        if batch.is_empty() {
            return Ok(rows);
        }
        for (at, tokens) in batch.columns.chunks(3).enumerate() {
            rows.push((tokens.to_vec(), batch.labels[at], batch.text(at).to_vec()));
        }
    }
}

fn written(folder: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn read(path: &Path, wanted: Wanted<'_>) -> Result<Rows, String> {
    let mut source =
        lake::open(path, Format::Tsv, &columns(), wanted).map_err(|error| error.to_string())?;
    rows(source.as_mut())
}

#[test]
fn rows_are_the_same_plain_gzipped_reordered_and_with_other_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = "d\tother\tclick\tn\tc\n".to_owned();
    let mut reordered = "c\tn\td\tclick\r\n".to_owned();
    // More than two batches and more than a buffer.
    for n in 0..30_000_u32 {
        let label = u32::from(n % 3 == 0);
        plain += &format!("d{}\tunused\t{label}\t{n}\tc{}\n", n % 7, n % 11);
        reordered += &format!("c{}\t{n}\td{}\t{label}\r\n", n % 11, n % 7);
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain.as_bytes()).unwrap();
    let packed = written(folder.path(), "a.tsv.gz", &packed.finish().unwrap());
    let no_end = reordered.trim_end().as_bytes();
    let first = read(&written(folder.path(), "a.tsv", plain.as_bytes()), ALL).unwrap();
    assert_eq!(first.len(), 30_000);
    let hasher = Hasher::new(&columns());
    let token = |field, cell: &str| hasher.token(field, cell.as_bytes());
    let expected = vec![token(0, "12"), token(1, "c1"), token(2, "d5")];
    assert_eq!(first[12], (expected, 1.0, b"c1".to_vec()));
    assert_eq!(read(&packed, ALL).unwrap(), first);
    assert_eq!(
        read(&written(folder.path(), "b.tsv", no_end), ALL).unwrap(),
        first
    );
}

#[test]
fn what_cannot_be_used_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let head = "click\tn\tc\td\n1\t1\tx\ty\n";
    let check = |text: String, expected: &[&str]| {
        let refused = read(&written(folder.path(), "bad.tsv", text.as_bytes()), ALL).unwrap_err();
        for part in expected {
            assert!(refused.contains(part), "{part}: {refused}");
        }
    };
    check(String::new(), &["bad.tsv", "empty"]);
    check(
        "click\tn\tc\n".to_owned(),
        &["no column 'd'", "click, n, c"],
    );
    check("n\tc\td\n".to_owned(), &["no column 'click'"]);
    check("click\tn\tc\td\tn\n".to_owned(), &["two columns", "'n'"]);
    check(format!("{head}2\t1\tx\ty\n"), &["line 3", "label '2'"]);
    check(format!("{head}\t1\tx\ty\n"), &["line 3", "label is empty"]);
    check(
        format!("{head}1\t1\tx\n"),
        &["line 3", "3 columns", "has 4"],
    );
    check(format!("{head}1\t1\tx\ty\tz\n"), &["line 3", "5 columns"]);
    check(format!("{head}\n"), &["line 3", "label is empty"]);
    check(
        format!("{head}{}", "x".repeat(2 << 20)),
        &["line 3", "longer than"],
    );
    let missing = read(&folder.path().join("none.tsv"), ALL).unwrap_err();
    assert!(missing.contains("cannot open"), "{missing}");
    let no_gzip = written(folder.path(), "text.gz", head.as_bytes());
    assert!(read(&no_gzip, ALL).unwrap_err().contains("cannot read"));
}

#[test]
fn bad_rows_are_left_out_and_counted_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "click\tn\tc\td\n1\t1\ta\ty\n3\t1\tb\ty\n0\t1\tc\n0\t2\td\ty\n";
    let path = written(folder.path(), "some.tsv", text.as_bytes());
    let wanted = Wanted {
        skip_bad_rows: true,
        ..ALL
    };
    let mut source = lake::open(&path, Format::Tsv, &columns(), wanted).unwrap();
    let rows = rows(source.as_mut()).unwrap();
    let texts: Vec<&[u8]> = rows.iter().map(|row| row.2.as_slice()).collect();
    assert_eq!(texts, [b"a", b"d"]);
    assert_eq!(source.skipped(), 2);
    assert_eq!(source.bytes_read(), text.len() as u64);
}

#[test]
fn a_label_is_needed_only_where_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "new.tsv", b"d\tc\tn\ny\tx\t1\n");
    let rows = read(&path, Wanted::default()).unwrap();
    assert_eq!((rows.len(), rows[0].1, rows[0].2.len()), (1, 0.0, 0));
}

#[test]
fn a_cache_gives_the_rows_of_its_table_and_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "click\tn\tc\td\n".to_owned();
    for n in 0..5_000 {
        text += &format!("{}\t{n}\tx{n}\t\n", n % 2);
    }
    let path = written(folder.path(), "a.tsv", text.as_bytes());
    let caches = folder.path().join("caches");
    let wanted = Wanted {
        label: true,
        ..Wanted::default()
    };
    let place = Place::new(&caches, &path, &columns(), 0).unwrap();
    assert!(place.open().unwrap().is_none());
    let mut source = lake::open(&path, Format::Tsv, &columns(), wanted).unwrap();
    let mut cache = place.create().unwrap();
    let mut batch = Batch::default();
    loop {
        source.read(&mut batch).unwrap();
        cache.add(&batch).unwrap();
        if batch.is_empty() {
            break;
        }
    }
    assert!(place.open().unwrap().is_none(), "half a cache is none");
    cache.finish().unwrap();
    let expected = read(&path, wanted).unwrap();
    let mut cached = place.open().unwrap().unwrap();
    assert_eq!(rows(&mut cached).unwrap(), expected);
    assert!(place.bytes() > 5_000 * 13);

    let other = Columns::new("click", &[], &["c".to_owned()], 1).unwrap();
    for place in [
        Place::new(&caches, &path, &other, 0).unwrap(),
        Place::new(&caches, &path, &columns(), 1).unwrap(),
    ] {
        assert!(place.open().unwrap().is_none());
    }
    std::fs::write(&path, text + "1\t1\tx\ty\n").unwrap();
    let changed = Place::new(&caches, &path, &columns(), 0).unwrap();
    assert!(changed.open().unwrap().is_none());
}

#[test]
fn a_damaged_cache_says_to_delete_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(
        folder.path(),
        "a.tsv",
        b"click\tn\tc\td\n1\t1\tx\ty\n0\t2\tx\ty\n",
    );
    let place = Place::new(folder.path(), &path, &columns(), 0).unwrap();
    let mut source = lake::open(&path, Format::Tsv, &columns(), ALL).unwrap();
    let mut batch = Batch::default();
    source.read(&mut batch).unwrap();
    let mut cache = place.create().unwrap();
    cache.add(&batch).unwrap();
    cache.finish().unwrap();
    let name = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = name
        .filter(|path| path.extension().unwrap() == "rows")
        .collect::<Vec<_>>();
    let whole = std::fs::read(&file[0]).unwrap();
    for at in 16..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&file[0], &damaged).unwrap();
        let refused = rows(&mut place.open().unwrap().unwrap()).unwrap_err();
        assert!(refused.contains("delete"), "{at}: {refused}");
        std::fs::write(&file[0], &whole[..at]).unwrap();
        assert!(rows(&mut place.open().unwrap().unwrap()).is_err(), "{at}");
    }
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/one.bin");
    let mut given_up = lake::file::NewFile::create(&path).unwrap();
    given_up.write(b"half").unwrap();
    drop(given_up);
    let left = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!(left(&folder.path().join("deep")), 0);
    lake::file::write(&path, b"first").unwrap();
    let mut second = lake::file::NewFile::create(&path).unwrap();
    second.write(b"second").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    second.finish().unwrap();
    assert_eq!(lake::file::read(&path, 6).unwrap(), b"second");
    assert_eq!(left(&folder.path().join("deep")), 1);
    let refused = lake::file::read(&path, 5).unwrap_err().to_string();
    assert!(refused.contains("6 bytes, at most 5"), "{refused}");
}
