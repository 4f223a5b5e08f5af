//! From a learner to plain lists and back.

use std::sync::atomic::Ordering::Relaxed;

use super::Learner;
use super::pace::{Pace, packed, unpacked};
use super::table::{Standing, note_of};
use super::weights::{NO_ROW, Optimiser, Snapshot, Weights, WeightsError};

impl Learner {
    /// Goes on from a snapshot; where it has no optimiser state, that begins anew.
    ///
    /// # Errors
    /// When the snapshot's lists do not fit each other, or its shape has no room for them.
    pub fn resume(snapshot: &Snapshot) -> Result<Self, WeightsError> {
        let Snapshot { weights, optimiser } = snapshot;
        weights.check()?;
        optimiser.check(weights)?;
        let mut learner = Self::new(weights.spec, optimiser.seed)?;
        learner
            .bias
            .store(packed([weights.bias, optimiser.bias]), Relaxed);
        learner.counts.examples = optimiser.examples;
        learner.table.epoch = optimiser.epoch;
        learner.dense.restore(&weights.dense, &optimiser.dense);
        let (paces, _) = optimiser.paces.as_chunks::<2>();
        for (pace, state) in learner.paces.iter().zip(paces) {
            pace.restore(*state);
        }
        let states = weights
            .information
            .iter()
            .copied()
            .chain(std::iter::repeat(0.0));
        let seen = optimiser.seen.iter().copied().chain(std::iter::repeat(0));
        let keys = weights.keys.iter().zip(&weights.linear).zip(&weights.rows);
        for (((&key, &weight), &row), (state, seen)) in keys.zip(states.zip(seen)) {
            let note = match row {
                NO_ROW => seen,
                row => {
                    let row = learner.restore_row(snapshot, row as usize)?;
                    note_of(Standing::Row(row), seen as u8)
                }
            };
            if !learner.table.restore(key, [weight, state], note) {
                return Err(WeightsError::Order { what: "keys" });
            }
        }
        Ok(learner)
    }

    fn restore_row(&mut self, snapshot: &Snapshot, row: usize) -> Result<u32, WeightsError> {
        let Snapshot { weights, optimiser } = snapshot;
        let mut numbers = vec![0.0; self.factors.numbers()];
        let (row_len, fields) = (weights.spec.row_len(), weights.spec.factored());
        let (own, sums) = numbers.split_at_mut(row_len);
        let stored = weights
            .factors
            .chunks_exact(row_len)
            .nth(row)
            .unwrap_or_default();
        own.iter_mut()
            .zip(stored)
            .for_each(|(to, from)| *to = *from);
        let stored = optimiser
            .factors
            .chunks_exact(fields)
            .nth(row)
            .unwrap_or_default();
        sums.iter_mut()
            .zip(stored)
            .for_each(|(to, from)| *to = *from);
        let row = self
            .factors
            .take()
            .ok_or(WeightsError::Order { what: "rows" })?;
        self.factors.write(row, &numbers);
        Ok(row)
    }

    /// What it knows, for files and for serving.
    pub fn weights(&self) -> Weights {
        self.snapshot().weights
    }

    /// All it needs to go on later.
    pub fn snapshot(&self) -> Snapshot {
        let mut entries: Vec<_> = self.table.entries().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        let [bias, information] = unpacked(self.bias.load(Relaxed));
        let mut weights = Weights {
            spec: self.spec,
            bias,
            keys: Vec::with_capacity(entries.len()),
            linear: Vec::with_capacity(entries.len()),
            information: Vec::with_capacity(entries.len()),
            rows: Vec::with_capacity(entries.len()),
            factors: Vec::new(),
            dense: self.dense.numbers(),
        };
        let mut optimiser = Optimiser {
            examples: self.counts.examples,
            seed: self.seed,
            epoch: self.table.epoch,
            bias: information,
            dense: self.dense.states(),
            paces: self.paces.iter().flat_map(Pace::state).collect(),
            ..Optimiser::default()
        };
        let mut numbers = vec![0.0; self.factors.numbers()];
        let mut rows = 0;
        for (key, entry) in entries {
            let [weight, state] = entry.pair();
            weights.keys.push(key);
            weights.linear.push(weight);
            weights.information.push(state);
            optimiser.seen.push(entry.seen());
            let Standing::Row(row) = entry.standing() else {
                weights.rows.push(NO_ROW);
                continue;
            };
            self.factors.read(row, &mut numbers);
            let (own, sums) = numbers.split_at(self.spec.row_len());
            weights.factors.extend_from_slice(own);
            optimiser
                .factors
                .extend(sums.iter().take(self.spec.factored()));
            weights.rows.push(rows);
            rows += 1;
        }
        Snapshot { weights, optimiser }
    }
}
