//! Scoring takes nothing from the heap: not a prediction, not a request's half, not a candidate's score.

mod counting;

use counting::COUNT;
use ctr_model::engine::column::Salt;
use ctr_model::engine::{Half, Kind, Learner, Scorer, Spec, Split};

const FIELDS: usize = 12;

#[test]
fn scoring_allocates_nothing() {
    for (kind, k) in [(Kind::Linear, 4), (Kind::Ffm, 4), (Kind::Ffm, 8)] {
        let spec = Spec {
            kind,
            fields: FIELDS,
            bits: 12,
            k,
        };
        let mut learner = Learner::new(spec, 1).unwrap();
        let salts: Vec<Salt> = (0..FIELDS)
            .map(|field| Salt::new(&format!("{field}"), 1))
            .collect();
        let hashed = |value: u64, columns: &mut [u32]| {
            let values = salts.iter().zip(columns);
            values.for_each(|(salt, column)| *column = salt.category(&(value % 9).to_le_bytes()));
        };
        let mut columns = [0; FIELDS];
        for value in 0..200 {
            hashed(value, &mut columns);
            learner.learn(&columns, (value % 3 == 0) as u8 as f32, 1.0);
        }
        let scorer = Scorer::new(&learner.weights()).unwrap();
        let split = Split::new(FIELDS, &[9, 10, 11]);
        let candidates: Vec<Half> = (0..9_u32)
            .map(|id| scorer.candidate(&split, &[id, id, id]))
            .collect();
        let mut request = Half::default();
        scorer.request(&split, &columns[..9], &mut request);
        let before = COUNT.get();
        let mut sum = 0.0;
        for value in 0..100 {
            hashed(value, &mut columns);
            sum += scorer.estimate(&columns).variance;
            scorer.request(&split, &columns[..9], &mut request);
            sum += candidates
                .iter()
                .filter_map(|half| scorer.score(&request, half))
                .map(|e| e.probability)
                .sum::<f32>();
        }
        assert_eq!(COUNT.get() - before, 0, "{kind:?}");
        assert!(sum.is_finite());
    }
}
