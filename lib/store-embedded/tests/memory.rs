//! However much is written and read, memory holds a bounded part of it.
#![expect(clippy::unwrap_used, reason = "tests")]

use store::keyed::{Batch, KeyedStore, Table};
use store_embedded::EmbeddedKeyed;

/// Batches, records of each for every table, and their size: the first half fills every memtable and the cache.
const BATCHES: u64 = 400;
const RECORDS: u64 = 150;
const RECORD_BYTES: usize = 1_000;
/// How much more memory the second half may take than the first, in percent.
const DRIFT_PERCENT_MAX: u64 = 5;

/// Memory of this process that is no file, in KiB.
fn memory_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

/// A record of those that were written in so many batches, an old one as often as a new one.
fn any_of(batches: u64, draw: u64) -> [u8; 8] {
    let spread = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    (spread % (batches * RECORDS)).to_be_bytes()
}

#[test]
fn memory_does_not_grow_with_what_is_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedKeyed::open(folder.path()).unwrap();
    let mut most = [0; 2];
    for batch in 0..BATCHES {
        let mut changes = Batch::default();
        for record in 0..RECORDS {
            for table in Table::ALL {
                let key = (batch * RECORDS + record).to_be_bytes();
                changes.put(*table, key, vec![record as u8; RECORD_BYTES]);
            }
        }
        store.commit(changes).unwrap();
        for record in 0..RECORDS {
            for table in Table::ALL {
                let key = any_of(batch + 1, batch * RECORDS + record);
                assert!(store.get(*table, &key).unwrap().is_some());
            }
        }
        let half = usize::from(batch >= BATCHES / 2);
        most[half] = most[half].max(memory_kib());
    }
    let [first, second] = most;
    assert!(
        second * 100 <= first * (100 + DRIFT_PERCENT_MAX),
        "{most:?}"
    );
}
