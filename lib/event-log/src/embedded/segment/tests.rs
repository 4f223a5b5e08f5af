//! Tests of the scan over a segment.

use super::*;
use crate::embedded::faulty::FaultyDisk;
use crate::embedded::fs::Disk;

const RECORDS: u64 = 40;

/// A file of records of 0 to 39 bytes, then zeros; with the position of each record.
fn written() -> (FaultyDisk, PathBuf, Vec<u64>) {
    let disk = FaultyDisk::new(1);
    let folder = Path::new("/log");
    disk.create_folder(folder).unwrap();
    let segment = Segment::new(folder, 100);
    let file = disk.create(&segment.path, 8192).unwrap();
    let (mut bytes, mut positions) = (Vec::new(), Vec::new());
    for index in 0..RECORDS {
        positions.push(bytes.len() as u64);
        let payload = vec![index as u8; index as usize];
        record::encode(100 + index, &payload, &mut bytes);
    }
    file.write_all_at(&bytes, 0).unwrap();
    (disk, segment.path, positions)
}

fn scan(disk: &FaultyDisk, path: &Path, damage: Damage, bound: Offset) -> (Vec<Offset>, u64) {
    let file = disk.open(path).unwrap();
    let mut scan = Scan::new(file.as_ref(), damage, (100, 0), bound);
    let mut offsets = Vec::new();
    while let Some((offset, payload)) = scan.next().unwrap() {
        assert_eq!(payload, vec![(offset - 100) as u8; (offset - 100) as usize]);
        offsets.push(offset);
    }
    (offsets, scan.skipped())
}

#[test]
fn zeros_end_the_scan() {
    let (disk, path, _) = written();
    let all: Vec<Offset> = (100..140).collect();
    assert_eq!(scan(&disk, &path, Damage::Stop, Offset::MAX), (all, 0));
}

#[test]
fn the_bound_ends_the_scan() {
    let (disk, path, _) = written();
    let some: Vec<Offset> = (100..110).collect();
    assert_eq!(scan(&disk, &path, Damage::Skip, 110), (some, 0));
}

#[test]
fn damage_anywhere_costs_one_record_or_the_tail() {
    for (index, field) in [(0, 0), (5, 0), (5, 1), (5, 5), (5, 9), (20, 20), (39, 3)] {
        let (disk, path, positions) = written();
        disk.flip(&path, positions[index] + field);
        let damaged = 100 + index as u64;
        let before: Vec<Offset> = (100..damaged).collect();
        let (offsets, skipped) = scan(&disk, &path, Damage::Stop, Offset::MAX);
        assert_eq!((offsets, skipped), (before.clone(), 0), "{index} {field}");
        let rest = before.into_iter().chain(damaged + 1..140).collect();
        assert_eq!(
            scan(&disk, &path, Damage::Skip, 140),
            (rest, 1),
            "{index} {field}"
        );
    }
}

#[test]
fn a_missing_end_is_counted() {
    let (disk, path, positions) = written();
    let file = disk.open_writable(&path).unwrap();
    file.set_size(positions[30] + 5).unwrap();
    let (offsets, skipped) = scan(&disk, &path, Damage::Skip, 140);
    assert_eq!((offsets.len(), skipped), (30, 10));
}

#[test]
fn names_carry_the_base() {
    let segment = Segment::new(Path::new("x"), 42);
    assert_eq!(segment.path, Path::new("x/00000000000000000042.log"));
    assert_eq!(Segment::base_of("00000000000000000042.log"), Some(42));
    for other in [
        "42.log",
        "LOCK",
        "00000000000000000042.new",
        "0000000000000000004x.log",
    ] {
        assert_eq!(Segment::base_of(other), None, "{other}");
    }
}

#[test]
fn places_are_nearest_and_sparse() {
    let segment = Segment::new(Path::new("x"), 10);
    assert_eq!(segment.place_before(50), (10, 0));
    segment.keep_place((20, PLACES_BYTES));
    segment.keep_place((21, PLACES_BYTES + 100));
    segment.keep_place((30, 2 * PLACES_BYTES + 5));
    assert_eq!(segment.place_before(15), (10, 0));
    assert_eq!(segment.place_before(25), (20, PLACES_BYTES));
    assert_eq!(segment.place_before(30), (30, 2 * PLACES_BYTES + 5));
    segment.keep_stop((22, PLACES_BYTES + 200));
    assert_eq!(segment.place_before(25), (22, PLACES_BYTES + 200));
}
