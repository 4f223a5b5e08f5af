//! What keyed state promises.

use std::collections::BTreeMap;

use domain::random::SplitMix64;

use crate::StoreError;
use crate::keyed::{Batch, KEY_BYTES_MAX, KeyedStore, Table, Value};

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// Checks every documented promise, one by one.
pub fn keyed_store<S: KeyedStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    puts_and_deletes(&store);
    tables_are_apart(&store);
    scans_in_order(&store);
    conflicts_change_nothing(&store);
    odd_keys_are_refused(&store);
    increments_are_never_lost(&store);
    let everything = dump(&store);
    let store = reopen(store);
    assert_eq!(
        dump(&store),
        everything,
        "a committed batch outlives the process"
    );
}

/// Does the same random things to the store and to a map, reopening now and then, and compares.
pub fn keyed_store_random<S: KeyedStore>(
    mut store: S,
    mut reopen: impl FnMut(S) -> S,
    seed: u64,
    actions: u32,
) {
    let mut rng = SplitMix64::new(seed);
    let mut model = Model::new();
    for action in 0..actions {
        match rng.below(100) {
            0 => store = reopen(store),
            1..70 => commit_both(&store, &mut model, &mut rng),
            70..85 => {
                let (table, key) = any_key(&mut rng);
                let expected = model.get(&(table, key.clone())).cloned();
                assert_eq!(store.get(table, &key).unwrap(), expected, "seed {seed}");
            }
            _ => scan_both(&store, &model, &mut rng),
        }
        if action % 100 == 99 {
            assert_eq!(dump(&store), model, "seed {seed}, action {action}");
        }
    }
    assert_eq!(dump(&reopen(store)), model, "seed {seed}");
}

fn dump<S: KeyedStore>(store: &S) -> Model {
    let mut records = Model::new();
    for table in Table::ALL {
        let found = store.scan(*table, b"", b"", usize::MAX).unwrap();
        records.extend(found.into_iter().map(|(key, value)| ((*table, key), value)));
    }
    records
}

fn put(store: &impl KeyedStore, table: Table, key: &[u8], value: &[u8]) {
    let mut batch = Batch::default();
    batch.put(table, key, value.to_vec());
    store.commit(batch).unwrap();
}

fn puts_and_deletes(store: &impl KeyedStore) {
    assert_eq!(store.get(Table::Meta, b"a").unwrap(), None);
    assert_eq!(
        store.get(Table::Meta, b"").unwrap(),
        None,
        "an empty key is absent"
    );
    put(store, Table::Meta, b"a", b"1");
    put(store, Table::Meta, b"a", b"");
    assert_eq!(
        store.get(Table::Meta, b"a").unwrap(),
        Some(vec![]),
        "empty is not absent"
    );
    let mut batch = Batch::default();
    batch.put(Table::Meta, "a", vec![2]);
    batch.delete(Table::Meta, "a");
    batch.delete(Table::Meta, "never there");
    batch.put(Table::Meta, "b", vec![1]);
    batch.put(Table::Meta, "b", vec![2]);
    store.commit(batch).unwrap();
    assert_eq!(
        store.get(Table::Meta, b"a").unwrap(),
        None,
        "changes apply in order"
    );
    assert_eq!(
        store.get(Table::Meta, b"b").unwrap(),
        Some(vec![2]),
        "the last put stays"
    );
    store.commit(Batch::default()).unwrap();
    let large = vec![7; 1 << 20];
    put(store, Table::Meta, b"large", &large);
    assert_eq!(store.get(Table::Meta, b"large").unwrap(), Some(large));
}

fn tables_are_apart(store: &impl KeyedStore) {
    let mut batch = Batch::default();
    for (index, table) in Table::ALL.iter().enumerate() {
        batch.put(*table, "same", vec![u8::try_from(index).unwrap()]);
    }
    store.commit(batch).unwrap();
    for (index, table) in Table::ALL.iter().enumerate() {
        let value = store.get(*table, b"same").unwrap().unwrap();
        assert_eq!(usize::from(value[0]), index, "{}", table.name());
    }
}

fn scans_in_order(store: &impl KeyedStore) {
    let keys: [&[u8]; 6] = [b"k", b"k\0", b"k\x01\xff", b"k\xff", b"k\xff\xff", b"l"];
    for key in keys.iter().rev() {
        put(store, Table::Ledger, key, key);
    }
    let scan = |prefix: &[u8], from: &[u8], limit| -> Vec<Vec<u8>> {
        let found = store.scan(Table::Ledger, prefix, from, limit).unwrap();
        assert!(found.iter().all(|(key, value)| key == value));
        found.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(scan(b"k", b"", 10), keys[..5]);
    assert_eq!(
        scan(b"k", b"k\x01", 10),
        keys[2..5],
        "from need not be a key"
    );
    assert_eq!(scan(b"k", b"k\xff", 10), keys[3..5], "from is included");
    assert_eq!(
        scan(b"k", b"a", 2),
        keys[..2],
        "from may lie before the prefix"
    );
    assert_eq!(scan(b"k", b"l", 10), Vec::<Vec<u8>>::new(), "or after it");
    assert_eq!(
        scan(b"k\xff", b"", 10),
        keys[3..5],
        "a prefix of the highest byte"
    );
    assert_eq!(scan(b"", b"k\xff", 2), keys[3..5], "no prefix");
    assert_eq!(scan(b"k", b"", 0), Vec::<Vec<u8>>::new());
}

fn conflicts_change_nothing(store: &impl KeyedStore) {
    put(store, Table::Accounts, b"held", b"1");
    let cases: [(&[u8], Value); 3] = [
        (b"held", None),
        (b"held", Some(b"2".to_vec())),
        (b"absent", Some(vec![])),
    ];
    for (key, expected) in cases {
        let mut batch = Batch::default();
        batch.expect(Table::Accounts, "held", Some(b"1".to_vec()));
        batch.expect(Table::Accounts, key, expected);
        batch.put(Table::Accounts, "held", b"3".to_vec());
        batch.put(Table::Profiles, "new", b"3".to_vec());
        let refused = store.commit(batch);
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        assert_eq!(
            store.get(Table::Accounts, b"held").unwrap(),
            Some(b"1".to_vec())
        );
        assert_eq!(store.get(Table::Profiles, b"new").unwrap(), None);
    }
    let mut batch = Batch::default();
    batch.expect(Table::Accounts, "held", Some(b"1".to_vec()));
    batch.expect(Table::Accounts, "absent", None);
    batch.put(Table::Accounts, "held", b"2".to_vec());
    store.commit(batch.clone()).unwrap();
    let again = store.commit(batch);
    assert!(
        matches!(again, Err(StoreError::Conflict(_))),
        "a batch is not applied twice"
    );
}

fn odd_keys_are_refused(store: &impl KeyedStore) {
    for key in [vec![], vec![1; KEY_BYTES_MAX + 1]] {
        let mut batch = Batch::default();
        batch.put(Table::Meta, "beside", vec![1]);
        batch.put(Table::Meta, key, vec![1]);
        let refused = store.commit(batch);
        assert!(
            matches!(refused, Err(StoreError::Invalid { .. })),
            "{refused:?}"
        );
        assert_eq!(store.get(Table::Meta, b"beside").unwrap(), None);
    }
    put(store, Table::Meta, &[1; KEY_BYTES_MAX], b"longest");
}

/// Four threads count up one key by reading, expecting and retrying.
fn increments_are_never_lost(store: &impl KeyedStore) {
    const THREADS: u64 = 4;
    const EACH: u64 = 20;
    let read = || store.get(Table::Accounts, b"count").unwrap();
    let number = |value: &Value| -> u64 {
        let bytes = value.as_deref().map(|bytes| bytes.try_into().unwrap());
        bytes.map_or(0, u64::from_be_bytes)
    };
    let increment = || {
        loop {
            let before = read();
            let mut batch = Batch::default();
            let after = (number(&before) + 1).to_be_bytes().to_vec();
            batch.expect(Table::Accounts, "count", before);
            batch.put(Table::Accounts, "count", after);
            match store.commit(batch) {
                Ok(()) => return,
                Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| increment()));
        }
    });
    assert_eq!(number(&read()), THREADS * EACH);
}

/// Few and similar keys, so that they meet.
fn any_key(rng: &mut SplitMix64) -> (Table, Vec<u8>) {
    let table = *rng.pick(Table::ALL).unwrap();
    let length = 1 + rng.below(3);
    let key = (0..length).map(|_| *rng.pick(&[0, b'a', b'b', 0xff]).unwrap());
    (table, key.collect())
}

fn any_value(rng: &mut SplitMix64) -> Vec<u8> {
    let length = rng.below(40);
    (0..length)
        .map(|_| u8::try_from(rng.below(256)).unwrap())
        .collect()
}

fn commit_both(store: &impl KeyedStore, model: &mut Model, rng: &mut SplitMix64) {
    let mut batch = Batch::default();
    let mut holds = true;
    for _ in 0..rng.below(3) {
        let (table, key) = any_key(rng);
        let now = model.get(&(table, key.clone())).cloned();
        let expected = match rng.below(8) {
            0 => Some(any_value(rng)),
            1 => None,
            _ => now.clone(),
        };
        holds &= expected == now;
        batch.expect(table, key, expected);
    }
    for _ in 0..rng.below(5) {
        let (table, key) = any_key(rng);
        if rng.chance(0.3) {
            batch.delete(table, key);
        } else {
            batch.put(table, key, any_value(rng));
        }
    }
    let committed = store.commit(batch.clone());
    if !holds {
        assert!(
            matches!(committed, Err(StoreError::Conflict(_))),
            "{committed:?}"
        );
        return;
    }
    committed.unwrap();
    for (table, key, value) in batch.changes {
        match value {
            Some(value) => model.insert((table, key), value),
            None => model.remove(&(table, key)),
        };
    }
}

fn scan_both(store: &impl KeyedStore, model: &Model, rng: &mut SplitMix64) {
    let (table, mut prefix) = any_key(rng);
    let (_, from) = any_key(rng);
    prefix.truncate(usize::try_from(rng.below(3)).unwrap());
    let limit = usize::try_from(rng.below(10)).unwrap();
    let expected: Vec<_> = model
        .iter()
        .filter(|((of, key), _)| *of == table && key.starts_with(&prefix) && *key >= from)
        .take(limit)
        .map(|((_, key), value)| (key.clone(), value.clone()))
        .collect();
    assert_eq!(store.scan(table, &prefix, &from, limit).unwrap(), expected);
}
