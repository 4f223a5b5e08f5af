//! What every log promises, as a suite that each implementation's tests run.

use crate::{
    Appended, Consumer, EventLog, LogError, Offset, Packed, Partition, Polled, Record, Stored,
    Topic, partition_of,
};
use domain::limits::LOG_RECORD_BYTES_MAX;
use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes: a wait that runs out is a failure.
const LONG: Duration = Duration::from_secs(20);

/// Makes an empty log with so many partitions.
pub type Make<'a> = &'a dyn Fn(u32) -> Box<dyn EventLog>;

/// Runs the whole suite.
///
/// # Panics
/// When a promise is broken.
pub fn run(make: Make<'_>) {
    offsets_rise_from_zero(make(1).as_ref());
    topics_are_apart(make(1).as_ref());
    keys_choose_partitions(make(4).as_ref());
    packed_records_stay_apart(make(2).as_ref());
    reads_are_bounded(make(1).as_ref());
    large_records_are_refused_whole(make(1).as_ref());
    consumers_get_records_after_seek(make(1).as_ref());
    consumers_wake_up(make(1).as_ref());
    members_share_partitions(make(4).as_ref());
    groups_commit_apart(make(2).as_ref());
}

/// Appends and waits for the answer.
///
/// # Errors
/// What the log answers.
pub fn append(
    log: &dyn EventLog,
    topic: Topic,
    records: Vec<Record>,
) -> Result<Appended, LogError> {
    let (sender, answer) = mpsc::sync_channel(1);
    let acknowledge = move |result| {
        // Nobody listens any more only when the wait below has failed the test.
        sender.send(result).ok();
    };
    log.append(topic, records, Box::new(acknowledge));
    answer.recv_timeout(LONG).unwrap_or(Err(LogError::Closed))
}

/// A record of text.
pub fn record(key: &str, payload: &str) -> Record {
    Record {
        key: key.as_bytes().to_vec(),
        payload: payload.as_bytes().to_vec(),
    }
}

fn partition(topic: Topic, index: u32) -> Partition {
    Partition { topic, index }
}

fn stored(first: Offset, payloads: &[&str]) -> Vec<Stored> {
    (first..)
        .zip(payloads)
        .map(|(offset, payload)| Stored {
            offset,
            payload: payload.as_bytes().to_vec(),
        })
        .collect()
}

fn append_texts(log: &dyn EventLog, topic: Topic, payloads: &[&str]) -> Result<Offset, LogError> {
    let records = payloads.iter().map(|payload| record("k", payload));
    append(log, topic, records.collect()).map(|appended| appended.first)
}

fn offsets_rise_from_zero(log: &dyn EventLog) {
    let bids = partition(Topic::Bids, 0);
    assert_eq!(log.range(bids), Ok((0, 0)));
    assert_eq!(log.read(bids, 0, 100), Ok(Vec::new()));
    assert_eq!(append_texts(log, Topic::Bids, &["a"]), Ok(0));
    assert_eq!(append_texts(log, Topic::Bids, &["b", "", "d"]), Ok(1));
    assert_eq!(append_texts(log, Topic::Bids, &[]), Ok(4));
    assert_eq!(append_texts(log, Topic::Bids, &["e"]), Ok(4));
    assert_eq!(log.range(bids), Ok((0, 5)));
    let all = stored(0, &["a", "b", "", "d", "e"]);
    assert_eq!(log.read(bids, 0, 100), Ok(all));
    assert_eq!(log.read(bids, 3, 100), Ok(stored(3, &["d", "e"])));
    assert_eq!(log.read(bids, 5, 100), Ok(Vec::new()));
    assert_eq!(log.read(bids, Offset::MAX, 100), Ok(Vec::new()));
}

fn topics_are_apart(log: &dyn EventLog) {
    for topic in Topic::ALL {
        assert_eq!(append_texts(log, *topic, &[topic.name()]), Ok(0));
    }
    for topic in Topic::ALL {
        let expected = stored(0, &[topic.name()]);
        assert_eq!(log.read(partition(*topic, 0), 0, 100), Ok(expected));
    }
}

fn keys_choose_partitions(log: &dyn EventLog) {
    assert_eq!(log.partitions(Topic::Billing), 4);
    let mut used = [0; 4];
    for index in 0..40 {
        let key = format!("key {index}");
        let batch = vec![record(&key, "1"), record("other", "2")];
        let expected = partition(Topic::Billing, partition_of(key.as_bytes(), 4));
        let appended = append(log, Topic::Billing, batch);
        assert_eq!(appended.map(|it| it.partition), Ok(expected));
        used[expected.index as usize] += 2;
    }
    for (index, count) in (0..).zip(used) {
        assert!(count > 0, "partition {index} got nothing");
        assert_eq!(log.range(partition(Topic::Billing, index)), Ok((0, count)));
    }
}

fn packed_records_stay_apart(log: &dyn EventLog) {
    let bids = partition(Topic::Bids, 1);
    let mut packed = Packed::default();
    for payload in ["a", "", "bcd"] {
        packed.push_with(|bytes| bytes.extend_from_slice(payload.as_bytes()));
    }
    assert_eq!((packed.len(), packed.bytes()), (3, 4));
    let (sender, answer) = mpsc::sync_channel(1);
    // Nobody listens any more only when the wait below has failed the test.
    let acknowledge = move |result| drop(sender.send(result));
    log.append_packed(bids, packed, Box::new(acknowledge));
    let appended = answer.recv_timeout(LONG).unwrap_or(Err(LogError::Closed));
    let partition = bids;
    assert_eq!(
        appended,
        Ok(Appended {
            partition,
            first: 0
        })
    );
    assert_eq!(log.read(bids, 0, 100), Ok(stored(0, &["a", "", "bcd"])));
}

fn reads_are_bounded(log: &dyn EventLog) {
    let bids = partition(Topic::Bids, 0);
    let texts = ["0123456789"; 20];
    assert_eq!(append_texts(log, Topic::Bids, &texts), Ok(0));
    let length = |from, bytes_max| log.read(bids, from, bytes_max).map(|records| records.len());
    assert_eq!(length(0, 35), Ok(3));
    assert_eq!(length(0, 0), Ok(1), "at least one");
    assert_eq!(length(18, 1000), Ok(2));
    assert_eq!(length(0, usize::MAX), Ok(20));
}

fn large_records_are_refused_whole(log: &dyn EventLog) {
    let bids = partition(Topic::Bids, 0);
    let large = |bytes| Record {
        key: Vec::new(),
        payload: vec![7; bytes],
    };
    let over = LOG_RECORD_BYTES_MAX + 1;
    let refused = append(log, Topic::Bids, vec![large(1), large(over)]);
    assert_eq!(refused, Err(LogError::TooLarge(over)));
    assert_eq!(log.range(bids), Ok((0, 0)));
    let taken = append(log, Topic::Bids, vec![large(LOG_RECORD_BYTES_MAX)]);
    assert_eq!(taken.map(|it| it.first), Ok(0));
    let sizes: Result<Vec<usize>, _> = log
        .read(bids, 0, 1)
        .map(|records| records.iter().map(|it| it.payload.len()).collect());
    assert_eq!(sizes, Ok(vec![LOG_RECORD_BYTES_MAX]));
}

fn join(log: &dyn EventLog, group: &str, topics: &[Topic]) -> Box<dyn Consumer> {
    log.join(group, topics).expect("a fresh log can be joined")
}

fn consumers_get_records_after_seek(log: &dyn EventLog) {
    let (bids, billing) = (partition(Topic::Bids, 0), partition(Topic::Billing, 0));
    assert_eq!(append_texts(log, Topic::Bids, &["a", "b", "c"]), Ok(0));
    let mut consumer = join(log, "sinks", &[Topic::Bids, Topic::Billing]);
    let assigned = Polled::Assigned(vec![bids, billing]);
    assert_eq!(consumer.poll(Duration::ZERO), Ok(assigned));
    assert_eq!(consumer.poll(Duration::ZERO), Ok(Polled::Idle));
    consumer.seek(bids, 1);
    consumer.seek(billing, 0);
    let records = Polled::Records(bids, stored(1, &["b", "c"]));
    assert_eq!(consumer.poll(Duration::ZERO), Ok(records));
    assert_eq!(consumer.poll(Duration::ZERO), Ok(Polled::Idle));
    assert_eq!(append_texts(log, Topic::Billing, &["x"]), Ok(0));
    let records = Polled::Records(billing, stored(0, &["x"]));
    assert_eq!(consumer.poll(Duration::ZERO), Ok(records));
    consumer.seek(bids, 2);
    let records = Polled::Records(bids, stored(2, &["c"]));
    assert_eq!(consumer.poll(Duration::ZERO), Ok(records));
}

fn consumers_wake_up(log: &dyn EventLog) {
    let control = partition(Topic::Control, 0);
    let mut consumer = join(log, "waiting", &[Topic::Control]);
    let assigned = Polled::Assigned(vec![control]);
    assert_eq!(consumer.poll(LONG), Ok(assigned));
    consumer.seek(control, 0);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| consumer.poll(LONG));
        assert_eq!(append_texts(log, Topic::Control, &["pause"]), Ok(0));
        let polled = waiting.join().expect("polling does not panic");
        let records = Polled::Records(control, stored(0, &["pause"]));
        assert_eq!(polled, Ok(records));
    });
}

fn members_share_partitions(log: &dyn EventLog) {
    let topics = [Topic::Bids, Topic::UserEvents];
    let of = |indexes: [u32; 2]| -> Vec<Partition> {
        let each = |topic| indexes.map(|index| partition(topic, index));
        topics.into_iter().flat_map(each).collect()
    };
    let mut all = [of([0, 1]), of([2, 3])].concat();
    all.sort_unstable();
    let mut first = join(log, "shared", &topics);
    assert_eq!(first.poll(Duration::ZERO), Ok(Polled::Assigned(all)));
    let mut second = join(log, "shared", &topics);
    assert_eq!(second.poll(Duration::ZERO), Ok(Polled::Idle), "all held");
    let moved = of([1, 3]);
    assert_eq!(
        first.poll(Duration::ZERO),
        Ok(Polled::Revoked(moved.clone()))
    );
    assert_eq!(
        second.poll(Duration::ZERO),
        Ok(Polled::Idle),
        "not released"
    );
    assert_eq!(first.poll(Duration::ZERO), Ok(Polled::Idle));
    let assigned = Polled::Assigned(moved.clone());
    assert_eq!(second.poll(Duration::ZERO), Ok(assigned));
    let mut other = join(log, "other", &[Topic::Bids]);
    let bids = (0..4).map(|index| partition(Topic::Bids, index)).collect();
    assert_eq!(other.poll(Duration::ZERO), Ok(Polled::Assigned(bids)));
    first.seek(partition(Topic::Bids, 1), 0);
    drop(second);
    assert_eq!(first.poll(Duration::ZERO), Ok(Polled::Assigned(moved)));
    assert_eq!(first.poll(Duration::ZERO), Ok(Polled::Idle));
}

fn groups_commit_apart(log: &dyn EventLog) {
    let (zero, one) = (partition(Topic::Bids, 0), partition(Topic::Bids, 1));
    let mut first = join(log, "first", &[Topic::Bids]);
    let second = join(log, "second", &[Topic::Bids]);
    assert_eq!(first.committed(zero), Ok(None));
    assert_eq!(first.commit(zero, 5), Ok(()));
    assert_eq!(first.commit(one, 7), Ok(()));
    assert_eq!(first.commit(zero, 6), Ok(()));
    assert_eq!(first.committed(zero), Ok(Some(6)));
    assert_eq!(first.committed(one), Ok(Some(7)));
    assert_eq!(second.committed(zero), Ok(None));
    drop(first);
    assert_eq!(join(log, "first", &[]).committed(one), Ok(Some(7)));
}
