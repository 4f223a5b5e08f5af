//! Ties bid, impression, click and conversion of one bid together into labelled examples: pure.
//!
//! Every impression becomes one example when its click window has passed on the events' own time, clicked or not:
//! learning clicks at once and the rest later would make a young model believe that everybody clicks. A click after
//! the window corrects the example at once. A click is looked at several times, at the same ages whether it has
//! converted or not, until its attribution window has passed: conversions take long, and young clicks say little.
//! The whole state goes into the learner's checkpoint, so that after a crash no example is lost or learned twice.

use std::collections::BTreeMap;

use ctr_model::{Features, Look, Served};
use domain::{BidId, Timestamp};

/// The age of a click at its first look, in milliseconds; each following look is at twice the age.
const FIRST_LOOK_MS: i64 = 30_000;

/// A labelled example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Example {
    /// An impression was clicked within the window, or not.
    Click {
        /// The bid's features.
        features: Features,
        /// Whether it was clicked.
        clicked: bool,
        /// What the bid was made with.
        served: Served,
    },
    /// An impression that was learned as not clicked was clicked after all.
    LateClick(Features, Served),
    /// A click, as it is known at one of its ages.
    Conversion(Features, Look),
    /// A click whose attribution window has passed, and whether it has converted.
    Settled(Features, Served, bool),
}

/// What is known of one bid so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pending {
    /// From the bid's record, which may come after its impression.
    pub features: Option<Features>,
    /// What it was made with.
    pub served: Served,
    /// When it was shown.
    pub shown_at: Option<Timestamp>,
    /// When it was clicked.
    pub clicked_at: Option<Timestamp>,
    /// When it converted.
    pub converted_at: Option<Timestamp>,
    /// A click example was made, with this label.
    pub click_label: Option<bool>,
    /// Its conversion was learned.
    pub conversion_labelled: bool,
    /// How often the click was looked at.
    pub looks: u32,
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
    /// The first event.
    started: Option<Timestamp>,
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
            started: None,
            examples: Vec::new(),
        }
    }

    /// A join that goes on from saved bids.
    pub fn restore(
        &mut self,
        (watermark, started): (Timestamp, Option<Timestamp>),
        pending: impl IntoIterator<Item = (BidId, Pending)>,
    ) {
        (self.watermark, self.started) = (watermark, started);
        for (bid, pending) in pending {
            self.due.insert((self.next_look(&pending), bid), ());
            self.pending.insert(bid, pending);
        }
    }

    /// What has to be saved.
    pub fn state(&self) -> impl Iterator<Item = (&BidId, &Pending)> {
        self.pending.iter()
    }

    /// The newest event's time.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// The first event's time.
    pub fn started(&self) -> Option<Timestamp> {
        self.started
    }

    /// A bid's record.
    pub fn bid(&mut self, bid: BidId, at: Timestamp, features: Features, served: Served) {
        self.touch(bid, at, |pending| {
            pending.features = Some(features);
            pending.served = served;
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
        self.touch(bid, at, |pending| {
            pending.converted_at = pending.converted_at.or(Some(at));
        });
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
        self.started = Some(self.started.map_or(at, |started| started.min(at)));
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
        let shown = pending.shown_at.map(|at| at.plus_ms(self.click_window_ms));
        if pending.click_label.is_none() && shown.is_some_and(|at| at <= self.watermark) {
            let clicked = pending.clicked_at.is_some();
            pending.click_label = Some(clicked);
            self.examples.push(Example::Click {
                features,
                clicked,
                served: pending.served,
            });
        }
        if let Some(clicked) = pending.clicked_at {
            self.look(pending, features, clicked);
        }
    }

    /// Looks at a click at the last of the ages that it has reached since the look before.
    fn look(&mut self, pending: &mut Pending, features: Features, clicked: Timestamp) {
        let (reached, before) = (self.watermark.since(clicked), pending.looks);
        while self.age_of(pending.looks).is_some_and(|age| age <= reached) {
            pending.looks += 1;
        }
        let age_at = |looks: u32| looks.checked_sub(1).and_then(|look| self.age_of(look));
        let Some(age) = age_at(pending.looks).filter(|_| pending.looks > before) else {
            return;
        };
        let delay = pending.converted_at.map(|at| at.since(clicked).max(0));
        let delay = delay.filter(|delay| *delay <= age);
        let known = self.watermark.since(self.started.unwrap_or(clicked));
        let look = Look {
            age_s: seconds(age),
            before_s: age_at(before).map(seconds),
            delay_s: delay.map(seconds),
            horizon_s: seconds(known.min(self.conversion_window_ms)),
            window_s: seconds(self.conversion_window_ms),
        };
        if !std::mem::replace(&mut pending.conversion_labelled, delay.is_some()) {
            self.examples.push(Example::Conversion(features, look));
        }
        if self.age_of(pending.looks).is_none() {
            let settled = Example::Settled(features, pending.served, delay.is_some());
            self.examples.push(settled);
        }
    }

    /// The age of a click at its look of this number, in milliseconds; none after the last.
    fn age_of(&self, look: u32) -> Option<i64> {
        let window = self.conversion_window_ms;
        let before = look.checked_sub(1).map(doubled);
        match doubled(look) {
            _ if before.is_some_and(|before| before >= window) => None,
            age => Some(age.min(window)),
        }
    }

    /// When a bid is to be looked at next; not after the last look, it is finished.
    fn next_look(&self, pending: &Pending) -> Timestamp {
        let unlabelled = pending.click_label.is_none();
        match (pending.shown_at, pending.clicked_at) {
            (Some(shown), _) if unlabelled && pending.features.is_some() => {
                shown.plus_ms(self.click_window_ms)
            }
            (_, Some(clicked)) if !unlabelled => {
                let age = self.age_of(pending.looks);
                let age = age.filter(|_| !pending.conversion_labelled);
                clicked.plus_ms(age.unwrap_or(self.conversion_window_ms))
            }
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
        out.push(Example::LateClick(features, pending.served));
    }
}

fn doubled(look: u32) -> i64 {
    FIRST_LOOK_MS.saturating_mul(1 << look.min(40))
}

fn seconds(ms: i64) -> f32 {
    ms as f32 / 1_000.0
}

#[cfg(test)]
mod tests;
