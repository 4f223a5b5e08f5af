//! Bids as they were made: looked up in the event log by their id, and predicted again from what was logged.

use ctr_model::{Features, Model, Prediction};
use domain::{BidId, Timestamp};
use event_log::{EventLog, LogError, Partition, Topic};
use proto::event::{self, Bid, BidRef, Event, Kind};

/// Most bytes of records that one search reads, newest first: some hundred thousand bids, about a second.
pub const SEARCH_BYTES_MAX: usize = 256 << 20;
/// Records that a search goes back by at a time.
const WINDOW_RECORDS: u64 = 4096;
/// Most bytes of records in memory at a time.
const BATCH_BYTES: usize = 4 << 20;

/// A bid as it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct ServedBid {
    /// When.
    pub at: Timestamp,
    /// What was bid, for whom.
    pub reference: BidRef,
    /// What produced it.
    pub bid: Bid,
}

impl ServedBid {
    /// The bid in a record of the log, if it is one and has this id. What does not decode is no bid.
    pub fn of_record(payload: &[u8], id: BidId) -> Option<Self> {
        let Event { at_ms, kind, .. } = event::parse(payload).ok()?;
        let Some(Kind::Bid(mut bid)) = kind else {
            return None;
        };
        let reference = bid.r#ref.take().filter(|own| own.id() == id)?;
        let at = Timestamp(at_ms);
        Some(Self { at, reference, bid })
    }

    /// What `model` predicts from the logged features; `None` where another version made the bid.
    pub fn predict_again(&self, model: &Model) -> Option<Prediction> {
        let same = self.bid.model_version == model.version()
            && self.bid.feature_list == ctr_model::feature::list_hash();
        let features = Features::from_slice(&self.bid.features).filter(|_| same)?;
        Some(model.predict(&features))
    }
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// The bid.
    Found(Box<ServedBid>),
    /// No record that the log keeps is of this bid.
    NotThere,
    /// It is not among the newest records, and the search read no further.
    Limit,
}

/// Searches the log's bids for one, the newest records of each partition first. Reads at most about
/// [`SEARCH_BYTES_MAX`].
///
/// # Errors
/// When the log cannot be read.
pub fn find(log: &dyn EventLog, id: BidId) -> Result<Search, LogError> {
    let partitions = log.partitions(Topic::Bids);
    let share = SEARCH_BYTES_MAX / partitions.max(1) as usize;
    let mut ended = Search::NotThere;
    for index in 0..partitions {
        let topic = Topic::Bids;
        match find_in(log, Partition { topic, index }, (id, share))? {
            Search::NotThere => {}
            Search::Limit => ended = Search::Limit,
            found @ Search::Found(_) => return Ok(found),
        }
    }
    Ok(ended)
}

fn find_in(
    log: &dyn EventLog,
    partition: Partition,
    (id, bytes_max): (BidId, usize),
) -> Result<Search, LogError> {
    let (oldest, mut end) = log.range(partition)?;
    let mut left = bytes_max;
    while end > oldest {
        let begin = end.saturating_sub(WINDOW_RECORDS).max(oldest);
        let mut from = begin;
        while from < end {
            let records = match log.read(partition, from, BATCH_BYTES) {
                // Retention went past it meanwhile, and past everything older.
                Err(LogError::Gone { .. }) => return Ok(Search::NotThere),
                records => records?,
            };
            let Some(last) = records.last() else { break };
            from = last.offset + 1;
            for record in &records {
                if let Some(bid) = ServedBid::of_record(&record.payload, id) {
                    return Ok(Search::Found(Box::new(bid)));
                }
                left = left.saturating_sub(record.payload.len());
            }
        }
        if left == 0 && begin > oldest {
            return Ok(Search::Limit);
        }
        end = begin;
    }
    Ok(Search::NotThere)
}
