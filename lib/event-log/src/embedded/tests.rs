//! Tests of the embedded log on the real disk and on the faulty one.

use super::faulty::FaultyDisk;
use super::*;
use crate::contract::{self, append, record};
use crate::{Polled, Record};
use domain::time::{Clock, SystemClock};
use std::sync::mpsc;
use std::time::Duration;

const BIDS: Partition = Partition {
    topic: Topic::Bids,
    index: 0,
};

fn small() -> EmbeddedConfig {
    EmbeddedConfig {
        segment_bytes: 100,
        ..EmbeddedConfig::default()
    }
}

fn on(disk: &FaultyDisk, config: EmbeddedConfig) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open_on(Arc::new(disk.clone()), Path::new("/log"), config)
}

fn put(log: &EmbeddedLog, payload: &str) -> Result<Offset, LogError> {
    append(log, Topic::Bids, vec![record("k", payload)]).map(|appended| appended.first)
}

fn texts(records: &[Stored]) -> Vec<String> {
    let text = |it: &Stored| String::from_utf8(it.payload.clone()).unwrap();
    records.iter().map(text).collect()
}

fn read(log: &EmbeddedLog) -> Vec<String> {
    let (oldest, _) = log.range(BIDS).unwrap();
    texts(&log.read(BIDS, oldest, usize::MAX).unwrap())
}

#[test]
fn keeps_the_contract_on_the_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    contract::run(&|partitions| {
        count.set(count.get() + 1);
        let config = EmbeddedConfig {
            partitions,
            ..EmbeddedConfig::default()
        };
        let folder = folder.path().join(count.get().to_string());
        Box::new(EmbeddedLog::open(&folder, config, "test").unwrap())
    });
}

#[test]
fn keeps_the_contract_with_tiny_segments() {
    contract::run(&|partitions| {
        let config = EmbeddedConfig {
            partitions,
            ..small()
        };
        Box::new(on(&FaultyDisk::new(1), config).unwrap())
    });
}

#[test]
fn records_and_offsets_are_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let log = EmbeddedLog::open(folder.path(), small(), "test").unwrap();
        let mut consumer = log.join("sinks", &[Topic::Bids]).unwrap();
        let before = (round > 0).then_some(round * 5);
        assert_eq!(consumer.committed(BIDS), Ok(before));
        for index in 0..5 {
            let payload = format!("record {round} {index}");
            assert_eq!(put(&log, &payload), Ok(round * 5 + index));
        }
        consumer.commit(BIDS, round * 5 + 5).unwrap();
        assert_eq!(read(&log).len() as u64, round * 5 + 5);
    }
    let reader = open_read_only(folder.path()).unwrap();
    let mut seen = Vec::new();
    let damaged = reader.for_each(BIDS, |it| seen.push(it)).unwrap();
    assert_eq!((seen.len(), damaged), (15, 0));
    assert_eq!(texts(&seen)[7], "record 1 2");
}

#[test]
fn the_folder_is_refused_to_a_second_opener_and_to_other_partition_counts() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), small(), "pid 1").unwrap();
    let second = EmbeddedLog::open(folder.path(), small(), "pid 2").err();
    let holder = "pid 1".to_owned();
    let path = folder.path().display().to_string();
    assert_eq!(
        second,
        Some(LogError::Held {
            folder: path,
            holder
        })
    );
    drop(log);
    let two = EmbeddedConfig {
        partitions: 2,
        ..small()
    };
    let refused = EmbeddedLog::open(folder.path(), two, "pid 3").err();
    assert!(matches!(refused, Some(LogError::Storage(_))), "{refused:?}");
    let none = EmbeddedConfig {
        partitions: 0,
        ..small()
    };
    assert!(EmbeddedLog::open(folder.path(), none, "pid 4").is_err());
    EmbeddedLog::open(folder.path(), small(), "pid 5").unwrap();
}

#[test]
fn there_is_nothing_to_read_where_there_is_no_log() {
    let folder = tempfile::tempdir().unwrap();
    assert!(open_read_only(folder.path()).is_err());
    assert!(open_read_only(&folder.path().join("missing")).is_err());
    let log = EmbeddedLog::open(folder.path(), small(), "test").unwrap();
    let reader = open_read_only(folder.path()).unwrap();
    assert_eq!(reader.partitions(Topic::Bids).collect::<Vec<_>>(), [BIDS]);
    assert_eq!(reader.for_each(BIDS, |_| ()), Ok(0));
    put(&log, "live").unwrap();
    assert_eq!(texts(&reader.read(BIDS, 0, 100).unwrap()), ["live"]);
    assert_eq!(reader.read(BIDS, 1, 100), Ok(Vec::new()));
    let missing = Partition {
        topic: Topic::Bids,
        index: 1,
    };
    assert!(log.read(missing, 0, 1).is_err());
    assert!(log.range(missing).is_err());
}

#[test]
fn a_full_queue_refuses_at_once() {
    let config = EmbeddedConfig {
        queue_records: 3,
        queue_bytes: 100,
        ..small()
    };
    let log = on(&FaultyDisk::new(1), config).unwrap();
    // The writer hangs in an acknowledgement, so what follows waits in the queue.
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let acknowledge = move |_| {
        entered.send(()).unwrap();
        released.recv().unwrap();
    };
    log.append(Topic::Bids, vec![record("k", "0")], Box::new(acknowledge));
    has_entered.recv().unwrap();
    let (sender, answers) = mpsc::channel();
    let offer = |payload: String, count: usize| {
        let sender = sender.clone();
        let records = vec![record("k", &payload); count];
        let acknowledge = move |result| sender.send(result).unwrap();
        log.append(Topic::Bids, records, Box::new(acknowledge));
    };
    offer("1".to_owned(), 2);
    offer("2".to_owned(), 2);
    assert_eq!(answers.recv().unwrap(), Err(LogError::Full), "records");
    offer("x".repeat(99), 1);
    assert_eq!(answers.recv().unwrap(), Err(LogError::Full), "bytes");
    assert_eq!(log.figures().queued_records, 2);
    release.send(()).unwrap();
    assert_eq!(answers.recv().unwrap().map(|it| it.first), Ok(1));
    assert_eq!(log.figures().queued_records, 0);
    assert_eq!(put(&log, "3"), Ok(3));
}

#[test]
fn a_failed_write_or_sync_seals_the_segment() {
    for fail in [FaultyDisk::fail_writes, FaultyDisk::fail_syncs] {
        let disk = FaultyDisk::new(3);
        let log = on(&disk, EmbeddedConfig::default()).unwrap();
        assert_eq!(put(&log, "a"), Ok(0));
        fail(&disk, 1);
        assert!(matches!(put(&log, "lost"), Err(LogError::Storage(_))));
        assert_eq!(log.range(BIDS), Ok((0, 1)));
        assert_eq!(put(&log, "b"), Ok(1));
        assert_eq!(read(&log), ["a", "b"]);
        assert_eq!(log.figures().sealed_segments, 1);
        drop(log);
        disk.cut_power();
        assert_eq!(read(&on(&disk, small()).unwrap()), ["a", "b"]);
    }
}

#[test]
fn closing_writes_what_waits_and_refuses_the_rest() {
    let log = on(&FaultyDisk::new(1), small()).unwrap();
    let mut consumer = log.join("sinks", &[Topic::Bids]).unwrap();
    assert_eq!(
        consumer.poll(Duration::ZERO),
        Ok(Polled::Assigned(vec![BIDS]))
    );
    consumer.seek(BIDS, 0);
    let (sender, answers) = mpsc::channel();
    for index in 0..50 {
        let sender = sender.clone();
        let acknowledge = move |result: Result<Appended, LogError>| sender.send(result).unwrap();
        let payload = index.to_string();
        log.append(
            Topic::Bids,
            vec![record("k", &payload)],
            Box::new(acknowledge),
        );
    }
    log.close();
    let firsts = answers.try_iter().map(|result| result.unwrap().first);
    assert!(firsts.eq(0..50));
    assert_eq!(put(&log, "late"), Err(LogError::Closed));
    let polled = consumer.poll(Duration::from_secs(20)).unwrap();
    assert!(matches!(polled, Polled::Records(_, records) if records.len() == 50));
    assert_eq!(
        consumer.poll(Duration::from_secs(20)),
        Err(LogError::Closed)
    );
    assert_eq!(consumer.commit(BIDS, 1), Err(LogError::Closed));
}

#[test]
fn the_last_handle_may_be_dropped_by_an_acknowledgement() {
    let log = Arc::new(on(&FaultyDisk::new(1), small()).unwrap());
    let (sender, answer) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel::<()>();
    let held = Arc::clone(&log);
    let acknowledge = move |result| {
        is_ready.recv().unwrap();
        drop(held);
        sender.send(result).unwrap();
    };
    let records = vec![record("k", "a")];
    log.append(Topic::Bids, records, Box::new(acknowledge));
    drop(log);
    ready.send(()).unwrap();
    assert!(answer.recv().unwrap().is_ok());
}

#[test]
fn damage_in_an_old_segment_costs_its_records_only() {
    let disk = FaultyDisk::new(1);
    let log = on(&disk, small()).unwrap();
    for index in 0..20 {
        put(&log, &format!("record {index}")).unwrap();
    }
    let path = Path::new("/log/bids-0/00000000000000000000.log");
    disk.flip(path, 20);
    assert_eq!(read(&log).len(), 19);
    assert_eq!(log.figures().damaged_records, 1);
    let mut consumer = log.join("sinks", &[Topic::Bids]).unwrap();
    consumer.poll(Duration::ZERO).unwrap();
    consumer.seek(BIDS, 0);
    let polled = consumer.poll(Duration::ZERO).unwrap();
    assert!(matches!(polled, Polled::Records(_, records) if records[0].offset == 1));
    drop((consumer, log));
    let log = on(&disk, small()).unwrap();
    assert_eq!(log.range(BIDS), Ok((0, 20)));
    let reader = LogReader::open_on(Arc::new(disk), Path::new("/log")).unwrap();
    assert_eq!(reader.for_each(BIDS, |_| ()), Ok(1));
}

#[test]
fn retention_deletes_old_segments_but_none_that_is_needed() {
    let disk = FaultyDisk::new(1);
    let mut config = small();
    config.retention.bids.bytes_max = Some(250);
    let log = on(&disk, config.clone()).unwrap();
    for index in 0..20 {
        // Two records of 41 bytes fill a segment of 100.
        put(&log, &format!("{index:025}")).unwrap();
    }
    let retain = |needed: Offset| log.retain(Timestamp(0), &|_| needed);
    assert_eq!(retain(0), Ok(0));
    assert_eq!(retain(5), Ok(2));
    assert_eq!(log.range(BIDS), Ok((4, 20)));
    let gone = LogError::Gone {
        wanted: 3,
        oldest: 4,
    };
    assert_eq!(log.read(BIDS, 3, 1), Err(gone.clone()));
    let mut consumer = log.join("sinks", &[Topic::Bids]).unwrap();
    consumer.poll(Duration::ZERO).unwrap();
    consumer.seek(BIDS, 3);
    assert_eq!(consumer.poll(Duration::ZERO), Err(gone));
    assert_eq!(retain(Offset::MAX), Ok(6));
    assert_eq!(log.range(BIDS), Ok((16, 20)));
    assert_eq!(retain(Offset::MAX), Ok(0));
    drop((consumer, log));
    disk.cut_power();
    let log = on(&disk, config).unwrap();
    assert_eq!(log.range(BIDS), Ok((16, 20)));
    assert_eq!(put(&log, "next"), Ok(20));
}

#[test]
fn readers_find_any_offset_of_a_large_segment() {
    let log = on(&FaultyDisk::new(1), EmbeddedConfig::default()).unwrap();
    let payload = |index: u64| vec![index as u8; 1000 + index as usize % 7];
    for group in 0..50 {
        let records = (group * 20..group * 20 + 20).map(|index| Record {
            key: b"k".to_vec(),
            payload: payload(index),
        });
        append(&log, Topic::Bids, records.collect()).unwrap();
    }
    for step in [1, 17, 389, 997] {
        for from in (0..1000).rev().step_by(step) {
            let records = log.read(BIDS, from, 1).unwrap();
            assert_eq!(records.len(), 1);
            assert_eq!(
                (records[0].offset, &records[0].payload),
                (from, &payload(from))
            );
        }
    }
}

#[test]
fn a_torn_tail_is_cut_and_its_place_used_again() {
    let disk = FaultyDisk::new(1);
    let log = on(&disk, EmbeddedConfig::default()).unwrap();
    for index in 0..5 {
        assert_eq!(put(&log, &format!("old {index}")), Ok(index));
    }
    drop(log);
    // Records of 21 bytes: the third is torn, two whole ones behind it were never synced.
    disk.flip(
        Path::new("/log/bids-0/00000000000000000000.log"),
        2 * 21 + 17,
    );
    let log = on(&disk, EmbeddedConfig::default()).unwrap();
    assert_eq!(log.range(BIDS), Ok((0, 2)));
    assert_eq!(put(&log, "new 2"), Ok(2));
    let expected = ["old 0", "old 1", "new 2"];
    assert_eq!(read(&log), expected);
    let reader = LogReader::open_on(Arc::new(disk.clone()), Path::new("/log")).unwrap();
    let seen = reader.read(BIDS, 0, usize::MAX).unwrap();
    assert_eq!(texts(&seen), expected, "nothing of the old tail follows");
    drop(log);
    assert_eq!(
        read(&on(&disk, EmbeddedConfig::default()).unwrap()),
        expected
    );
}

#[test]
fn retention_by_age_goes_by_the_last_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = small();
    config.retention.bids.age_ms_max = Some(3_600_000);
    let log = EmbeddedLog::open(folder.path(), config, "test").unwrap();
    for index in 0..6 {
        put(&log, &format!("{index:025}")).unwrap();
    }
    let now = SystemClock::new().now();
    let retain = |now: Timestamp| log.retain(now, &|_| Offset::MAX);
    assert_eq!(retain(now), Ok(0));
    assert_eq!(retain(Timestamp(0)), Ok(0), "a clock that went back");
    assert_eq!(retain(now.plus_ms(2 * 3_600_000)), Ok(2));
    assert_eq!(log.range(BIDS), Ok((4, 6)));
    let names = RealDisk.names(&folder.path().join("bids-0")).unwrap();
    assert_eq!(names, ["00000000000000000004.log"]);
}

#[test]
fn another_reader_follows_a_log_that_is_written() {
    const APPENDS: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig {
        segment_bytes: 2000,
        ..EmbeddedConfig::default()
    };
    let log = EmbeddedLog::open(folder.path(), config, "test").unwrap();
    let reader = open_read_only(folder.path()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 0..APPENDS {
                put(&log, &format!("record {index}")).unwrap();
            }
            done.store(true, order);
        });
        loop {
            let last = done.load(order);
            let acknowledged = log.range(BIDS).unwrap().1;
            let mut expected = 0;
            let each = |stored: Stored| {
                assert_eq!(stored.offset, expected);
                assert_eq!(texts(&[stored]), [format!("record {expected}")]);
                expected += 1;
            };
            assert_eq!(reader.for_each(BIDS, each), Ok(0));
            assert!(expected >= acknowledged, "{expected} of {acknowledged}");
            if last {
                return assert_eq!(expected, APPENDS);
            }
        }
    });
}

#[test]
fn written_buffers_come_back_with_their_room() {
    let log = on(&FaultyDisk::new(1), EmbeddedConfig::default()).unwrap();
    let mut packed = log.spare();
    for (records, comes_back) in [(1, false), (100, true), (1, true), (8 << 10, false)] {
        for _ in 0..records {
            packed.push_with(|buffer| buffer.extend([7; 1 << 10]));
        }
        let room = packed.room();
        let (told, settled) = mpsc::channel();
        let acknowledge = Box::new(move |result| told.send(result).unwrap());
        log.append_packed(BIDS, packed, acknowledge);
        settled.recv().unwrap().unwrap();
        packed = log.spare();
        assert!(packed.is_empty());
        assert_eq!(packed.room() == room, comes_back, "{records}");
    }
}
