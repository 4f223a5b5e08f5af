//! What is kept and for how long, and what a crash leaves.

use super::*;
use store::memory::MemorySnapshots;

const BEGIN: i64 = 1_790_000_000_000;

fn entry(version: u64, bytes: &[u8]) -> Entry<'_> {
    Entry {
        version,
        bytes,
        learned: true,
        standing: None,
    }
}

fn versions(registry: &Registry) -> Vec<u64> {
    registry.record.kept.iter().map(|own| own.version).collect()
}

#[test]
fn a_month_of_models_every_ten_minutes_leaves_a_few_dozen() {
    let snapshots = MemorySnapshots::new();
    let mut registry = Registry::default();
    registry.record.held = 3;
    let mut now = Timestamp(BEGIN);
    for version in 1..=30 * 144 {
        assert!(registry.is_due(now));
        registry
            .keep(&snapshots, entry(version, b"model"), now)
            .unwrap();
        assert!(!registry.is_due(now.plus_ms(LEARNED_EVERY_MS - 1)));
        now = now.plus_ms(LEARNED_EVERY_MS);
    }
    let kept = versions(&registry);
    assert!((30..=45).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept[0], 3, "what is held stays");
    assert!(kept.ends_with(&[30 * 144 - 2, 30 * 144 - 1, 30 * 144]));
    let oldest = registry.record.kept[1].since_ms;
    assert!(now.0 - oldest <= 14 * DAY_MS);
    for version in 1..=30 * 144 {
        let there = registry.load(&snapshots, version).unwrap().is_some();
        assert_eq!(there, kept.contains(&version), "{version}");
    }
    assert_eq!(registry.before(30 * 144), Some(30 * 144 - 1));
    assert_eq!(registry.before(3), None);
}

#[test]
fn kept_bytes_are_bounded() {
    let now = Timestamp(BEGIN + 20 * HOUR_MS);
    let kept = (0..20).map(|hour| KeptModel {
        version: hour + 1,
        since_ms: BEGIN + hour as i64 * HOUR_MS,
        bytes: BYTES_MAX / 4,
        learned: true,
        ..KeptModel::default()
    });
    let record = ModelRegistry {
        kept: kept.collect(),
        ..ModelRegistry::default()
    };
    let gone = superfluous(&record, now);
    assert_eq!(gone, (1..=16).rev().collect::<Vec<_>>());
}

#[test]
fn a_crash_between_record_and_model_is_healed() {
    let snapshots = MemorySnapshots::new();
    let mut registry = Registry::default();
    let now = Timestamp(BEGIN);
    registry.keep(&snapshots, entry(1, b"one"), now).unwrap();
    registry.keep(&snapshots, entry(2, b"two"), now).unwrap();
    registry.keep(&snapshots, entry(2, b"again"), now).unwrap();
    snapshots.remove(&name_of(1)).unwrap();
    let mut opened = Registry::open(&snapshots).unwrap();
    assert_eq!(versions(&opened), [2]);
    assert_eq!(
        opened.load(&snapshots, 2).unwrap().as_deref(),
        Some(&b"two"[..])
    );
    opened.keep(&snapshots, entry(3, b"three"), now).unwrap();
    assert_eq!(versions(&Registry::open(&snapshots).unwrap()), [2, 3]);
    snapshots.publish(REGISTRY, 99, b"\xff").unwrap();
    let mut damaged = Registry::open(&snapshots).unwrap();
    assert_eq!(versions(&damaged), [0; 0]);
    damaged.keep(&snapshots, entry(4, b"four"), now).unwrap();
    assert_eq!(versions(&Registry::open(&snapshots).unwrap()), [4]);
}
