//! Ties bid, impression, click and conversion of one bid together into labelled examples: pure.
//!
//! Every impression becomes one example when its click window has passed on the events' own time, clicked or not:
//! learning clicks at once and the rest later would make a young model believe that everybody clicks. A click after
//! the window corrects the example at once. Clicks become conversion examples the same way after theirs.
//! The whole state goes into the learner's checkpoint, so that after a crash no example is lost or learned twice.

use std::collections::BTreeMap;

use ctr_model::Features;
use domain::{BidId, Timestamp};

/// A labelled example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Example {
    /// An impression was clicked within the window, or not.
    Click {
        /// The bid's features.
        features: Features,
        /// Whether it was clicked.
        clicked: bool,
        /// What was predicted when the bid was made.
        predicted: f32,
    },
    /// An impression that was learned as not clicked was clicked after all.
    LateClick(Features),
    /// A click converted, or did not within the window.
    Conversion(Features, bool),
}

/// What is known of one bid so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pending {
    /// From the bid's record, which may come after its impression.
    pub features: Option<Features>,
    /// What was predicted.
    pub predicted: f32,
    /// When it was shown.
    pub shown_at: Option<Timestamp>,
    /// When it was clicked.
    pub clicked_at: Option<Timestamp>,
    /// Whether it converted.
    pub converted: bool,
    /// A click example was made, with this label.
    pub click_label: Option<bool>,
    /// A conversion example was made.
    pub conversion_labelled: bool,
    /// The newest event of it, for forgetting the oldest.
    pub touched: Timestamp,
}

/// The join.
#[derive(Debug, Clone, PartialEq)]
pub struct Joiner {
    click_window_ms: i64,
    conversion_window_ms: i64,
    pending_max: usize,
    pending: BTreeMap<BidId, Pending>,
    /// Bids by when they are to be looked at next.
    due: BTreeMap<(Timestamp, BidId), ()>,
    watermark: Timestamp,
    examples: Vec<Example>,
}

impl Joiner {
    /// An empty join.
    pub fn new(click_window_ms: i64, conversion_window_ms: i64, pending_max: usize) -> Self {
        Self {
            click_window_ms,
            conversion_window_ms,
            pending_max,
            pending: BTreeMap::new(),
            due: BTreeMap::new(),
            watermark: Timestamp(0),
            examples: Vec::new(),
        }
    }

    /// A join that goes on from saved bids.
    pub fn restore(
        &mut self,
        watermark: Timestamp,
        pending: impl IntoIterator<Item = (BidId, Pending)>,
    ) {
        self.watermark = watermark;
        for (bid, pending) in pending {
            self.due.insert((self.next_look(&pending), bid), ());
            self.pending.insert(bid, pending);
        }
    }

    /// What has to be saved.
    pub fn state(&self) -> (Timestamp, impl Iterator<Item = (&BidId, &Pending)>) {
        (self.watermark, self.pending.iter())
    }

    /// A bid's record.
    pub fn bid(&mut self, bid: BidId, at: Timestamp, features: Features, predicted: f32) {
        self.touch(bid, at, |pending| {
            pending.features = Some(features);
            pending.predicted = predicted;
        });
    }

    /// Its impression.
    pub fn impression(&mut self, bid: BidId, at: Timestamp) {
        self.touch(bid, at, |pending| {
            pending.shown_at = pending.shown_at.or(Some(at))
        });
    }

    /// Its click. A click proves the impression, whose own record may have been lost or come later.
    pub fn click(&mut self, bid: BidId, at: Timestamp) {
        self.touch(bid, at, |pending| {
            pending.clicked_at = pending.clicked_at.or(Some(at));
            pending.shown_at = pending.shown_at.or(Some(at));
        });
    }

    /// Its conversion.
    pub fn conversion(&mut self, bid: BidId, at: Timestamp) {
        self.touch(bid, at, |pending| pending.converted = true);
    }

    fn touch(&mut self, bid: BidId, at: Timestamp, change: impl FnOnce(&mut Pending)) {
        let mut pending = match self.pending.remove(&bid) {
            Some(pending) => {
                self.due.remove(&(self.next_look(&pending), bid));
                pending
            }
            None => Pending::default(),
        };
        change(&mut pending);
        pending.touched = pending.touched.max(at);
        correct_late_click(&mut pending, &mut self.examples);
        self.due.insert((self.next_look(&pending), bid), ());
        self.pending.insert(bid, pending);
        self.watermark = self.watermark.max(at);
    }

    /// Makes the examples whose windows have passed and forgets what is finished or too much.
    pub fn advance(&mut self) {
        while let Some(((at, bid), ())) = self.due.first_key_value().map(|(key, ())| (*key, ())) {
            if at > self.watermark && self.pending.len() <= self.pending_max {
                break;
            }
            self.due.remove(&(at, bid));
            let Some(mut pending) = self.pending.remove(&bid) else {
                continue;
            };
            self.label(&mut pending);
            let next = self.next_look(&pending);
            if next > at && self.pending.len() < self.pending_max {
                self.due.insert((next, bid), ());
                self.pending.insert(bid, pending);
            }
        }
    }

    fn label(&mut self, pending: &mut Pending) {
        let Some(features) = pending.features else {
            return;
        };
        let watermark = self.watermark;
        let passed = |since: Option<Timestamp>, window| {
            since.is_some_and(|at| at.plus_ms(window) <= watermark)
        };
        if pending.click_label.is_none() && passed(pending.shown_at, self.click_window_ms) {
            let clicked = pending.clicked_at.is_some();
            pending.click_label = Some(clicked);
            self.examples.push(Example::Click {
                features,
                clicked,
                predicted: pending.predicted,
            });
        }
        if !pending.conversion_labelled && passed(pending.clicked_at, self.conversion_window_ms) {
            pending.conversion_labelled = true;
            self.examples
                .push(Example::Conversion(features, pending.converted));
        }
    }

    /// When a bid is to be looked at next; not after the last look, it is finished.
    fn next_look(&self, pending: &Pending) -> Timestamp {
        let unlabelled = pending.click_label.is_none();
        match (pending.shown_at, pending.clicked_at) {
            (Some(shown), _) if unlabelled && pending.features.is_some() => {
                shown.plus_ms(self.click_window_ms)
            }
            (_, Some(clicked)) if !unlabelled => clicked.plus_ms(self.conversion_window_ms),
            // Kept for a late click, or waiting for an impression or a bid record that may never come.
            _ => pending
                .touched
                .plus_ms(self.conversion_window_ms.max(self.click_window_ms)),
        }
    }

    /// The examples made since the last call.
    pub fn take_examples(&mut self) -> Vec<Example> {
        std::mem::take(&mut self.examples)
    }

    /// Bids that wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

/// A click on an impression that was learned as not clicked.
fn correct_late_click(pending: &mut Pending, out: &mut Vec<Example>) {
    if let (Some(features), Some(_), Some(false)) =
        (pending.features, pending.clicked_at, pending.click_label)
    {
        pending.click_label = Some(true);
        out.push(Example::LateClick(features));
    }
}

#[cfg(test)]
mod tests;
