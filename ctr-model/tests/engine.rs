//! The engine: what it learns, that its builds agree, and that halves, snapshots and threads change nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use ctr_model::engine::column::Salt;
use ctr_model::engine::{Half, Kind, Learner, Level, Rows, Scorer, Spec, Split};
use domain::random::SplitMix64;
use proptest::prelude::*;

const FIELDS: usize = 7;

fn spec(kind: Kind, k: usize) -> Spec {
    Spec {
        kind,
        fields: FIELDS,
        bits: 14,
        k,
    }
}

/// Examples whose log-odds are a sum over some pairs of fields of products of hidden factors.
struct Examples {
    columns: Vec<u32>,
    labels: Vec<f32>,
    truth: f64,
}

fn examples(rows: usize, seed: u64) -> Examples {
    let mut rng = SplitMix64::new(seed);
    let salts: Vec<Salt> = (0..FIELDS)
        .map(|field| Salt::new(&format!("field {field}"), 9))
        .collect();
    let hidden = |field: u64, value: u64| {
        let mut rng = SplitMix64::new(field << 32 | value);
        [rng.normal() as f32, rng.normal() as f32]
    };
    let (mut columns, mut labels, mut truth) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..rows {
        let values: Vec<u64> = (0..FIELDS)
            .map(|field| rng.below(6 + 3 * field as u64))
            .collect();
        let pair = |a: usize, b: usize| {
            let [left, right] = [hidden(a as u64, values[a]), hidden(b as u64, values[b])];
            left[0] * right[0] + left[1] * right[1]
        };
        let score = -1.0 + 0.7 * (pair(0, 1) + pair(2, 5) + pair(3, 4));
        let p = 1.0 / (1.0 + (-f64::from(score)).exp());
        let label = rng.chance(p);
        truth += loss(p as f32, f32::from(u8::from(label)));
        labels.push(f32::from(u8::from(label)));
        columns.extend(
            values
                .iter()
                .zip(&salts)
                .map(|(&value, salt)| salt.category(&value.to_le_bytes())),
        );
    }
    Examples {
        columns,
        labels,
        truth: truth / rows as f64,
    }
}

fn loss(p: f32, label: f32) -> f64 {
    let p = f64::from(p);
    if label > 0.5 {
        -p.ln()
    } else {
        -(1.0 - p).ln()
    }
}

fn learned(kind: Kind, k: usize, examples: &Examples) -> (Learner, Vec<f32>) {
    let mut learner = Learner::new(spec(kind, k), 7).unwrap();
    let predictions = learn(&mut learner, examples, 1);
    (learner, predictions)
}

fn learn(learner: &mut Learner, examples: &Examples, threads: usize) -> Vec<f32> {
    let mut predictions = vec![0.0; examples.labels.len()];
    let rows = Rows {
        columns: &examples.columns,
        labels: &examples.labels,
        weights: &[],
    };
    learner.learn_batch(rows, threads, &mut predictions);
    predictions
}

/// Mean loss of the second half of the predictions.
fn later_loss(predictions: &[f32], labels: &[f32]) -> f64 {
    let half = labels.len() / 2;
    let losses = predictions
        .iter()
        .zip(labels)
        .skip(half)
        .map(|(&p, &label)| loss(p, label));
    losses.sum::<f64>() / (labels.len() - half) as f64
}

#[test]
fn factors_learn_interactions_that_weights_cannot() {
    let examples = examples(25_000, 1);
    let rate = examples.labels.iter().sum::<f32>() / examples.labels.len() as f32;
    let entropy = later_loss(&vec![rate; examples.labels.len()], &examples.labels);
    let share = |kind, k| {
        let (_, predictions) = learned(kind, k, &examples);
        (entropy - later_loss(&predictions, &examples.labels)) / (entropy - examples.truth)
    };
    let (linear, four, eight) = (
        share(Kind::Linear, 4),
        share(Kind::Ffm, 4),
        share(Kind::Ffm, 8),
    );
    assert!(linear < 0.2, "linear weights explain {linear}");
    assert!(four > 0.6, "four factors explain {four}");
    assert!(eight > 0.6, "eight factors explain {eight}");
    let deep = share(Kind::DeepFfm, 4);
    assert!(
        deep > four - 0.01,
        "with a dense layer {deep}, without {four}"
    );
}

#[test]
fn every_build_of_the_kernels_learns_the_same_bits() {
    let examples = examples(3_000, 2);
    for (kind, k) in [(Kind::Linear, 4), (Kind::Ffm, 4), (Kind::DeepFfm, 8)] {
        let (fast, fast_predictions) = learned(kind, k, &examples);
        let mut plain = Learner::new(spec(kind, k), 7).unwrap();
        plain.set_level(Level::Portable);
        assert_eq!(learn(&mut plain, &examples, 1), fast_predictions);
        assert!(plain.snapshot() == fast.snapshot(), "{kind:?} {k}");
        let mut scorer = Scorer::new(&fast.weights()).unwrap();
        let fast = scorer.predict(&examples.columns[..FIELDS]);
        scorer.set_level(Level::Portable);
        assert_eq!(
            scorer.predict(&examples.columns[..FIELDS]).to_bits(),
            fast.to_bits()
        );
    }
}

#[test]
fn a_snapshot_goes_on_as_if_nothing_had_happened() {
    let (first, second) = (examples(3_000, 3), examples(3_000, 4));
    let (mut learner, _) = learned(Kind::DeepFfm, 4, &first);
    learner.next_epoch();
    let mut resumed = Learner::resume(&learner.snapshot()).unwrap();
    assert!(
        resumed.snapshot() == learner.snapshot(),
        "the snapshots differ"
    );
    assert_eq!(
        learn(&mut resumed, &second, 1),
        learn(&mut learner, &second, 1)
    );
    assert!(
        resumed.snapshot() == learner.snapshot(),
        "the snapshots differ"
    );
}

#[test]
fn the_scorer_predicts_what_the_learner_does() {
    let examples = examples(3_000, 5);
    for (kind, k) in [(Kind::Linear, 4), (Kind::Ffm, 4), (Kind::DeepFfm, 8)] {
        let (mut learner, _) = learned(kind, k, &examples);
        let scorer = Scorer::new(&learner.weights()).unwrap();
        for columns in examples.columns.chunks_exact(FIELDS).take(500) {
            let (served, own) = (scorer.predict(columns), learner.predict(columns));
            assert!((served - own).abs() < 1e-6, "{served} and {own}");
        }
    }
}

#[test]
fn two_threads_learn_about_as_well_as_one() {
    let examples = examples(20_000, 6);
    let mut learner = Learner::new(spec(Kind::Ffm, 4), 7).unwrap();
    learn(&mut learner, &examples, 2);
    assert_eq!(learner.examples(), 20_000);
    let (mut alone, _) = learned(Kind::Ffm, 4, &examples);
    let again = |learner: &mut Learner| {
        let each = examples.columns.chunks_exact(FIELDS).zip(&examples.labels);
        each.map(|(columns, &label)| loss(learner.predict(columns), label))
            .sum::<f64>()
            / 20_000.0
    };
    let (shared, alone) = (again(&mut learner), again(&mut alone));
    assert!((shared - alone).abs() < 0.02, "{shared} and {alone}");
}

#[test]
fn late_clicks_make_up_for_negatives() {
    let examples = examples(20_000, 11);
    let (mut prompt, _) = learned(Kind::Ffm, 4, &examples);
    let mut late = Learner::new(spec(Kind::Ffm, 4), 7).unwrap();
    let each = || examples.columns.chunks_exact(FIELDS).zip(&examples.labels);
    let mut waiting = std::collections::VecDeque::new();
    for (columns, &label) in each() {
        late.learn(columns, 0.0, 1.0);
        waiting.push_back((columns, label));
        if waiting.len() > 200
            && let Some((columns, _)) = waiting.pop_front().filter(|(_, label)| *label > 0.5)
        {
            late.correct(columns);
        }
    }
    for (columns, _) in waiting.into_iter().filter(|(_, label)| *label > 0.5) {
        late.correct(columns);
    }
    let mean = |learner: &mut Learner| {
        let sum = each()
            .map(|(columns, _)| learner.predict(columns))
            .sum::<f32>();
        sum / examples.labels.len() as f32
    };
    let truth = examples.labels.iter().sum::<f32>() / examples.labels.len() as f32;
    let (prompt, late) = (mean(&mut prompt), mean(&mut late));
    assert!((prompt / truth - 1.0).abs() < 0.03, "{prompt} of {truth}");
    assert!((late / truth - 1.0).abs() < 0.1, "{late} of {truth}");
}

#[test]
fn held_rates_stay() {
    let examples = examples(2_000, 12);
    let (mut learner, _) = learned(Kind::Ffm, 4, &examples);
    let found = learner.snapshot().optimiser.paces;
    assert_eq!(found.len(), 4);
    learner.hold_paces(true);
    learn(&mut learner, &examples, 1);
    assert_eq!(learner.snapshot().optimiser.paces, found);
    learner.hold_paces(false);
    learn(&mut learner, &examples, 1);
    assert_ne!(learner.snapshot().optimiser.paces, found);
}

#[test]
fn what_is_no_number_is_not_learned() {
    let examples = examples(1_000, 7);
    let (mut learner, _) = learned(Kind::Ffm, 4, &examples);
    let before = learner.weights();
    let columns = &examples.columns[..FIELDS];
    for (label, weight) in [
        (f32::NAN, 1.0),
        (f32::INFINITY, 1.0),
        (1.0, f32::NAN),
        (0.0, -1.0),
    ] {
        assert!(learner.learn(columns, label, weight).is_finite());
    }
    assert!(learner.weights() == before, "something was learned");
    for _ in 0..50 {
        learner.learn(columns, 1.0, f32::MAX);
        learner.learn(columns, 0.0, f32::MAX);
    }
    assert!(learner.weights().check().is_ok());
}

#[test]
fn a_table_without_room_says_so_and_eviction_makes_room() {
    let tiny = Spec {
        kind: Kind::Ffm,
        fields: 1,
        bits: 8,
        k: 4,
    };
    let mut learner = Learner::new(tiny, 1).unwrap();
    let salt = Salt::new("user", 0);
    let see = |learner: &mut Learner, from: u64| {
        for value in from..from + 1_000 {
            learner.learn(&[salt.category(&value.to_le_bytes())], 1.0, 1.0);
        }
    };
    see(&mut learner, 0);
    let full = learner.stats();
    assert!(full.keys <= full.slots && full.refused > 500, "{full:?}");
    assert_eq!(full.rows, 0, "nothing was seen often enough for factors");
    let often = salt.category(b"often");
    learner.next_epoch();
    for _ in 0..5 {
        learner.learn(&[often], 1.0, 1.0);
    }
    assert_eq!(
        learner.stats().rows,
        1,
        "one that was not admitted gave its place up"
    );
    learner.next_epoch();
    learner.evict(0);
    assert_eq!((learner.stats().keys, learner.stats().rows), (0, 0));
    see(&mut learner, 5_000);
    assert!(learner.stats().keys > full.keys / 2);
}

#[test]
fn eviction_keeps_what_was_seen_lately() {
    let shape = Spec {
        kind: Kind::Linear,
        fields: 1,
        bits: 8,
        k: 4,
    };
    let mut learner = Learner::new(shape, 1).unwrap();
    let mut rng = SplitMix64::new(3);
    for epoch in 0..40_u64 {
        let tokens: Vec<[u32; 1]> = (0..40).map(|_| [rng.next_u64() as u32]).collect();
        for token in &tokens {
            learner.learn(token, (epoch % 2) as f32, 1.0);
        }
        let before: Vec<f32> = tokens.iter().map(|token| learner.predict(token)).collect();
        learner.evict((epoch % 3) as u8);
        let after: Vec<f32> = tokens.iter().map(|token| learner.predict(token)).collect();
        assert_eq!(before, after, "epoch {epoch}");
        learner.next_epoch();
    }
    assert!(learner.stats().keys <= 3 * 40, "{:?}", learner.stats());
}

#[test]
fn halves_of_two_models_do_not_mix() {
    let (learner, _) = learned(Kind::Ffm, 4, &examples(500, 8));
    let [one, other] = [(); 2].map(|()| Scorer::new(&learner.weights()).unwrap());
    let split = Split::new(FIELDS, &[0]);
    let mut request = Half::default();
    one.request(&split, &[1; FIELDS - 1], &mut request);
    assert!(one.score(&request, &one.candidate(&split, &[2])).is_some());
    assert_eq!(one.score(&request, &other.candidate(&split, &[2])), None);
    assert_eq!(
        one.score(&Half::default(), &one.candidate(&split, &[2])),
        None
    );
}

#[test]
fn what_cannot_be_served_is_refused() {
    let (learner, _) = learned(Kind::Ffm, 4, &examples(500, 9));
    let good = learner.weights();
    let refused = |change: &dyn Fn(&mut ctr_model::engine::Weights)| {
        let mut weights = good.clone();
        change(&mut weights);
        Scorer::new(&weights).unwrap_err().to_string()
    };
    assert!(refused(&|w| w.bias = f32::NAN).contains("bias"));
    assert!(refused(&|w| w.factors[3] = f32::INFINITY).contains("factors"));
    assert!(refused(&|w| w.information[0] = -1.0).contains("information"));
    assert!(refused(&|w| w.keys.swap(0, 1)).contains("keys"));
    assert!(refused(&|w| w.rows[0] = 1 << 30).contains("rows"));
    assert!(refused(&|w| w.linear.truncate(1)).contains("linear"));
    assert!(refused(&|w| w.spec.k = 5).contains('k'));
    assert!(refused(&|w| w.spec.fields = 0).contains("fields"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn halves_add_up_to_the_whole(
        mask in 0_u32..1 << FIELDS,
        wide in any::<bool>(),
        rows in prop::collection::vec(0_usize..600, 1..20),
        unknown in any::<u32>(),
    ) {
        let examples = examples(600, 10);
        let (kind, k) = if wide { (Kind::DeepFfm, 8) } else { (Kind::Ffm, 4) };
        let (learner, _) = learned(kind, k, &examples);
        let scorer = Scorer::new(&learner.weights()).unwrap();
        let chosen: Vec<usize> = (0..FIELDS).filter(|field| mask >> field & 1 == 1).collect();
        let split = Split::new(FIELDS, &chosen);
        let mut request = Half::default();
        for row in rows {
            let mut columns = examples.columns[row * FIELDS..][..FIELDS].to_vec();
            columns[row % FIELDS] = if row % 3 == 0 { unknown } else { columns[row % FIELDS] };
            let part = |fields: &[usize]| fields.iter().map(|&field| columns[field]).collect::<Vec<_>>();
            scorer.request(&split, &part(split.request()), &mut request);
            let candidate = scorer.candidate(&split, &part(split.candidate()));
            let halves = scorer.score(&request, &candidate).unwrap();
            let whole = scorer.estimate(&columns);
            prop_assert!((halves.score - whole.score).abs() < 1e-5);
            prop_assert!((halves.variance - whole.variance).abs() < 1e-5);
        }
    }
}
