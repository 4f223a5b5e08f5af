//! What the report store promises.

use std::collections::BTreeMap;

use domain::random::SplitMix64;
use domain::report::{Counters, Playback, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, Exchange, LineItemId, Micros};

use crate::StoreError;
use crate::memory::MemoryReports;
use crate::offsets::Offsets;
use crate::report::{ReportDelta, ReportFilter, ReportStore};

const ALL: ReportFilter = ReportFilter {
    from: None,
    to: None,
    campaign: None,
    line_item: None,
};

/// Checks every documented promise, one by one.
pub fn report_store<S: ReportStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    assert_eq!(store.applied().unwrap(), Offsets::default());
    assert_eq!(store.rows(&ALL, 10).unwrap(), []);
    deltas_add_up(&store);
    offsets_never_go_back(&store);
    filters_and_sums(&store);
    creatives_and_errors(&store);
    let rows = store.rows(&ALL, usize::MAX).unwrap();
    let applied = store.applied().unwrap();
    let store = reopen(store);
    assert_eq!(
        store.rows(&ALL, usize::MAX).unwrap(),
        rows,
        "rows outlive the process"
    );
    assert_eq!(store.applied().unwrap(), applied, "and so do the offsets");
}

/// Applies random deltas, reopening now and then, and compares every answer with the memory store's.
pub fn report_store_random<S: ReportStore>(
    mut store: S,
    mut reopen: impl FnMut(S) -> S,
    seed: u64,
    deltas: u32,
) {
    let mut rng = SplitMix64::new(seed);
    let model = MemoryReports::new();
    for _ in 0..deltas {
        let delta = any_delta(&mut rng);
        assert_eq!(store.apply(&delta), model.apply(&delta), "seed {seed}");
        if rng.chance(0.1) {
            store = reopen(store);
        }
        let filter = any_filter(&mut rng);
        let limit = usize::try_from(rng.below(30)).unwrap();
        let same = |what: &str, equal: bool| assert!(equal, "{what}, {filter:?}, seed {seed}");
        same("applied", store.applied() == model.applied());
        same(
            "rows",
            store.rows(&filter, limit) == model.rows(&filter, limit),
        );
        same("totals", store.totals(&filter) == model.totals(&filter));
        let sums = store.line_item_totals(&filter) == model.line_item_totals(&filter);
        same("line_item_totals", sums);
        let sums = store.creative_totals(&filter) == model.creative_totals(&filter);
        same("creative_totals", sums);
        let errors = store.playback_errors(&filter) == model.playback_errors(&filter);
        same("playback_errors", errors);
        same("minutes", store.minutes(&filter) == model.minutes(&filter));
        same(
            "refusals",
            store.refusals(&filter) == model.refusals(&filter),
        );
    }
}

fn key(minute: i64, campaign: u64, line_item: u64, exchange: &str) -> ReportKey {
    ReportKey {
        minute: Minute(minute),
        campaign: CampaignId(campaign),
        line_item: LineItemId(line_item),
        creative: CreativeId(0),
        exchange: Exchange::new(exchange),
    }
}

/// A different value in each field, so that none can be taken for another.
fn counters(from: i64) -> Counters {
    Counters {
        eligible: from,
        bids: from + 1,
        wins: from + 2,
        billed: from + 3,
        impressions: from + 4,
        views: from + 5,
        clicks: from + 6,
        conversions: from + 7,
        spend: Micros(from + 8),
        late: Micros(from + 9),
        predicted_clicks_ppm: from + 10,
        multiplier_sum_ppm: from + 11,
        playback: Playback {
            starts: from + 12,
            first_quartiles: from + 13,
            midpoints: from + 14,
            third_quartiles: from + 15,
            completes: from + 16,
            skips: from + 17,
            errors: from + 18,
        },
    }
}

fn sum(parts: &[Counters]) -> Counters {
    let mut total = Counters::default();
    parts.iter().for_each(|part| total.add(part));
    total
}

fn offsets(parts: &[(&str, u32, u64)]) -> Offsets {
    let mut offsets = Offsets::default();
    for (topic, partition, next) in parts {
        offsets.advance(topic, *partition, *next);
    }
    offsets
}

fn deltas_add_up(store: &impl ReportStore) {
    let mut delta = ReportDelta::default();
    delta.rows.insert(key(10, 1, 1, "a"), counters(100));
    delta
        .rows
        .insert(key(10, 1, 1, "b"), counters(1_000_000_000_000));
    delta.offsets = offsets(&[("bids", 0, 5), ("billing", 1, 7)]);
    store.apply(&delta).unwrap();
    let mut more = ReportDelta::default();
    more.rows.insert(key(10, 1, 1, "a"), counters(-30));
    more.rows.insert(key(9, 2, 3, "a"), counters(1));
    more.offsets = offsets(&[("bids", 0, 6)]);
    store.apply(&more).unwrap();
    let rows = store.rows(&ALL, 10).unwrap();
    let expected = [
        (key(9, 2, 3, "a"), counters(1)),
        (key(10, 1, 1, "a"), sum(&[counters(100), counters(-30)])),
        (key(10, 1, 1, "b"), counters(1_000_000_000_000)),
    ];
    assert_eq!(rows, expected, "in key order, added up");
    assert_eq!(
        store.rows(&ALL, 1).unwrap(),
        expected[..1],
        "at most the limit"
    );
    let applied = offsets(&[("bids", 0, 6), ("billing", 1, 7)]);
    assert_eq!(
        store.applied().unwrap(),
        applied,
        "other partitions keep theirs"
    );
    store.apply(&ReportDelta::default()).unwrap();
}

fn offsets_never_go_back(store: &impl ReportStore) {
    let before = (store.rows(&ALL, 99).unwrap(), store.applied().unwrap());
    let mut repeated = ReportDelta::default();
    repeated.rows.insert(key(10, 1, 1, "a"), counters(1));
    repeated.refusals.insert(refusal(10, 1, "floor"), 1);
    repeated.errors.insert((key(10, 1, 1, "a"), 402), 1);
    repeated.offsets = offsets(&[("bids", 0, 9), ("billing", 1, 6)]);
    let refused = store.apply(&repeated);
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let after = (store.rows(&ALL, 99).unwrap(), store.applied().unwrap());
    assert_eq!(
        after, before,
        "rows and offsets change together or not at all"
    );
    assert_eq!(store.refusals(&ALL).unwrap(), BTreeMap::new());
    assert_eq!(store.playback_errors(&ALL).unwrap(), BTreeMap::new());
}

fn refusal(minute: i64, line_item: u64, reason: &str) -> (Minute, LineItemId, Exchange, String) {
    let exchange = Exchange::new("a");
    (
        Minute(minute),
        LineItemId(line_item),
        exchange,
        reason.to_owned(),
    )
}

fn filters_and_sums(store: &impl ReportStore) {
    let mut delta = ReportDelta::default();
    delta.rows.insert(key(20, 5, 50, "a"), counters(10));
    delta.rows.insert(key(21, 5, 51, "a"), counters(20));
    delta.rows.insert(key(22, 6, 60, "a"), counters(30));
    delta.refusals.insert(refusal(20, 50, "floor"), 3);
    delta.refusals.insert(refusal(21, 50, "floor"), 4);
    delta.refusals.insert(refusal(21, 50, "size"), 5);
    delta.refusals.insert(refusal(21, 51, "size"), 9);
    store.apply(&delta).unwrap();
    store
        .apply(&ReportDelta {
            rows: BTreeMap::new(),
            ..delta
        })
        .unwrap();
    let since = ReportFilter {
        from: Some(Minute(20)),
        ..ALL
    };
    let campaign = ReportFilter {
        campaign: Some(CampaignId(5)),
        ..since
    };
    let item = ReportFilter {
        line_item: Some(LineItemId(50)),
        ..since
    };
    let first = ReportFilter {
        to: Some(Minute(21)),
        ..since
    };
    let [ten, twenty, thirty] = [counters(10), counters(20), counters(30)];
    let both = sum(&[ten, twenty]);
    let totals = |filter| store.totals(filter).unwrap();
    assert_eq!(
        totals(&since),
        [(CampaignId(5), both), (CampaignId(6), thirty)].into()
    );
    assert_eq!(totals(&campaign), [(CampaignId(5), both)].into());
    assert_eq!(
        totals(&first),
        [(CampaignId(5), ten)].into(),
        "from is included, to is not"
    );
    assert_eq!(totals(&item), [(CampaignId(5), ten)].into());
    let items = store.line_item_totals(&campaign).unwrap();
    assert_eq!(
        items,
        [(LineItemId(50), ten), (LineItemId(51), twenty)].into()
    );
    let minutes = store.minutes(&campaign).unwrap();
    assert_eq!(minutes, [(Minute(20), ten), (Minute(21), twenty)].into());
    let refusals = store.refusals(&item).unwrap();
    assert_eq!(
        refusals,
        [("floor".to_owned(), 14), ("size".to_owned(), 10)].into()
    );
    let early = ReportFilter {
        line_item: item.line_item,
        ..first
    };
    assert_eq!(
        store.refusals(&early).unwrap(),
        [("floor".to_owned(), 6)].into()
    );
}

fn creatives_and_errors(store: &impl ReportStore) {
    let of = |line_item: u64, creative: u64| ReportKey {
        creative: CreativeId(creative),
        ..key(30, 7, line_item, "a")
    };
    let mut delta = ReportDelta::default();
    delta.rows.insert(of(70, 1), counters(10));
    delta.rows.insert(of(71, 1), counters(20));
    delta.rows.insert(of(71, 2), counters(30));
    delta.errors.insert((of(70, 1), 402), 2);
    delta.errors.insert((of(71, 1), 402), 3);
    delta.errors.insert((of(71, 1), 0), 1);
    delta.errors.insert((key(30, 8, 80, "a"), 303), 1);
    store.apply(&delta).unwrap();
    let errors_only = ReportDelta {
        rows: BTreeMap::new(),
        ..delta
    };
    store.apply(&errors_only).unwrap();
    let campaign = ReportFilter {
        campaign: Some(CampaignId(7)),
        ..ALL
    };
    let item = ReportFilter {
        line_item: Some(LineItemId(70)),
        ..campaign
    };
    let both = sum(&[counters(10), counters(20)]);
    let creatives = store.creative_totals(&campaign).unwrap();
    let expected = [(CreativeId(1), both), (CreativeId(2), counters(30))];
    assert_eq!(creatives, expected.into());
    let errors = store.playback_errors(&campaign).unwrap();
    assert_eq!(errors, [(0, 2), (402, 10)].into(), "added up");
    assert_eq!(store.playback_errors(&item).unwrap(), [(402, 4)].into());
}

fn any_delta(rng: &mut SplitMix64) -> ReportDelta {
    let mut delta = ReportDelta::default();
    let number = |rng: &mut SplitMix64, below: u64| i64::try_from(rng.below(below)).unwrap();
    for _ in 0..rng.below(20) {
        let exchange = *rng.pick(&["a", "b"]).unwrap();
        let mut key = key(number(rng, 5), rng.below(3), rng.below(3), exchange);
        key.creative = CreativeId(rng.below(2));
        delta.rows.insert(key, counters(number(rng, 1_000) - 100));
    }
    for _ in 0..rng.below(10) {
        let reason = *rng.pick(&["floor", "size", "pacing"]).unwrap();
        let key = refusal(number(rng, 5), rng.below(3), reason);
        delta.refusals.insert(key, number(rng, 50));
    }
    for _ in 0..rng.below(10) {
        let key = key(number(rng, 5), rng.below(3), rng.below(3), "a");
        let code = *rng.pick(&[0, 303, 402]).unwrap();
        delta.errors.insert((key, code), number(rng, 50));
    }
    let topic = *rng.pick(&["bids", "billing"]).unwrap();
    let partition = u32::try_from(rng.below(2)).unwrap();
    delta.offsets.advance(topic, partition, rng.below(1_000));
    delta
}

fn any_filter(rng: &mut SplitMix64) -> ReportFilter {
    let mut id = |below: u64| {
        let value = rng.below(below * 2);
        (value < below).then_some(value)
    };
    let minute = |value: u64| Minute(i64::try_from(value).unwrap());
    ReportFilter {
        from: id(5).map(minute),
        to: id(6).map(minute),
        campaign: id(3).map(CampaignId),
        line_item: id(3).map(LineItemId),
    }
}
