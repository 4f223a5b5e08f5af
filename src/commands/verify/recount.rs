//! What the log says, and what the sinks say, in one form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::report::{Counters, Playback};
use domain::time::SystemClock;
use domain::{CampaignId, Clock, EventId};
use event_log::embedded::LogReader;
use event_log::{Partition, Topic};
use serde::{Deserialize, Serialize};
use store::keyed::KeyedStore;
use store::report::{ReportFilter, ReportStore};
use updater::totals::Recount;
use updater::{Deps, Updater};

use crate::config::Config;
use crate::node::Node;

/// What is recounted: money and what users did. Bids are logged best effort and change neither.
const COUNTED: [Topic; 2] = [Topic::Billing, Topic::UserEvents];

/// What the sinks have, as of these offsets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Topic, partition, and the next offset that is not included.
    pub offsets: Vec<(String, u32, u64)>,
    /// Whether ledger and reports both are at these offsets.
    pub(crate) in_step: bool,
    /// Whether that was the end of the log.
    pub caught_up: bool,
    /// Sum of the ledger's rows, by campaign.
    pub ledger: BTreeMap<u64, i64>,
    /// What the accounts say is spent.
    pub accounts: BTreeMap<u64, i64>,
    /// Ledger rows whose event another row has too.
    pub repeated_rows: u64,
    /// Sums of the reports.
    pub reports: BTreeMap<u64, Sums>,
}

/// One campaign's sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// Billed.
    pub spend_micros: i64,
    /// Events by kind.
    pub kinds: Kinds,
}

/// Counts of what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kinds {
    /// Win notices.
    pub wins: i64,
    /// Billing notices.
    pub billed: i64,
    /// Impressions.
    pub impressions: i64,
    /// Viewable impressions.
    pub views: i64,
    /// Clicks.
    pub clicks: i64,
    /// Conversions.
    pub conversions: i64,
    /// Steps of playback, in the order of [`steps`].
    pub playback: [i64; STEPS],
}

/// Steps that reports count of a video or audio ad.
const STEPS: usize = 7;

/// The counts of each step, errors by code together.
fn steps(playback: &Playback) -> [i64; STEPS] {
    [
        playback.starts,
        playback.first_quartiles,
        playback.midpoints,
        playback.third_quartiles,
        playback.completes,
        playback.skips,
        playback.errors,
    ]
}

impl Kinds {
    /// By how much this is more than the other, kind by kind.
    pub(crate) fn over(&self, other: &Self) -> u64 {
        let more = |mine: i64, theirs: i64| u64::try_from(mine - theirs).unwrap_or(0);
        more(self.wins, other.wins)
            + more(self.billed, other.billed)
            + more(self.impressions, other.impressions)
            + more(self.views, other.views)
            + more(self.clicks, other.clicks)
            + more(self.conversions, other.conversions)
            + self
                .playback
                .iter()
                .zip(other.playback)
                .map(|(mine, theirs)| more(*mine, theirs))
                .sum::<u64>()
    }
}

impl From<&Counters> for Sums {
    fn from(counters: &Counters) -> Self {
        Self {
            spend_micros: counters.spend.0,
            kinds: Kinds {
                wins: counters.wins,
                billed: counters.billed,
                impressions: counters.impressions,
                views: counters.views,
                clicks: counters.clicks,
                conversions: counters.conversions,
                playback: steps(&counters.playback),
            },
        }
    }
}

impl Totals {
    /// Reads the sinks. The updater must stand still meanwhile.
    ///
    /// # Errors
    /// When a store fails.
    pub(crate) fn read(
        keyed: &Arc<dyn KeyedStore>,
        reports: &dyn ReportStore,
        updater: &Updater,
    ) -> anyhow::Result<Self> {
        let mut totals = Self {
            in_step: updater.in_step(),
            caught_up: updater.caught_up()?,
            ..Self::default()
        };
        for ((topic, partition), next) in &reports.applied()?.0 {
            totals.offsets.push((topic.clone(), *partition, *next));
        }
        let mut seen = BTreeSet::new();
        for (campaign, account) in store::state::accounts(keyed.as_ref())? {
            totals.accounts.insert(campaign.0, account.spent.0);
            totals.ledger.insert(campaign.0, 0);
            totals.add_rows(keyed.as_ref(), campaign, &mut seen)?;
        }
        for (campaign, counters) in reports.totals(&ReportFilter::default())? {
            totals.reports.insert(campaign.0, Sums::from(&counters));
        }
        Ok(totals)
    }

    fn add_rows(
        &mut self,
        keyed: &dyn KeyedStore,
        campaign: CampaignId,
        seen: &mut BTreeSet<EventId>,
    ) -> anyhow::Result<()> {
        const ROWS_AT_ONCE: usize = 4096;
        let mut from = 0;
        loop {
            let rows = store::state::ledger_rows(keyed, campaign, from, ROWS_AT_ONCE)?;
            for row in &rows {
                *self.ledger.entry(campaign.0).or_default() += row.billed.0;
                self.repeated_rows += u64::from(!seen.insert(row.event));
            }
            from += rows.len() as u64;
            if rows.len() < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Whether everything before these ends of partitions is included, in ledger and reports alike.
    pub(crate) fn includes(&self, ends: &[(Partition, u64)]) -> bool {
        let reached = |(partition, end): &(Partition, u64)| {
            self.next(partition.topic, partition.index) >= *end
        };
        self.in_step && ends.iter().all(reached)
    }

    fn next(&self, topic: Topic, partition: u32) -> u64 {
        let of =
            |(name, index, _): &&(String, u32, u64)| name == topic.name() && *index == partition;
        self.offsets.iter().find(of).map_or(0, |(_, _, next)| *next)
    }
}

/// Opens a folder that nobody holds, applies what its log still has for the sinks, and reads them.
///
/// # Errors
/// When the folder cannot be opened or a store fails.
pub(crate) fn catch_up(data: &Path) -> anyhow::Result<Totals> {
    let mut config = Config::defaults()?;
    config.data = data.to_owned();
    config.log.partitions = crate::node::partitions(data)?;
    let node = Node::open(&config, &format!("pid {}, verify", std::process::id()))?;
    let clock = SystemClock::new();
    let reports: Arc<dyn ReportStore> = Arc::clone(&node.sql) as _;
    let deps = Deps {
        log: Arc::clone(&node.log) as _,
        keyed: Arc::clone(&node.keyed),
        reports: Arc::clone(&reports),
        snapshots: Arc::clone(&node.snapshots),
    };
    let mut updater = Updater::open(deps, &config.updater, clock.now())?;
    while updater.step(clock.now(), Duration::ZERO)? || !updater.caught_up()? {}
    let totals = Totals::read(&node.keyed, reports.as_ref(), &updater)?;
    updater.close(clock.now())?;
    Ok(totals)
}

/// The log's side.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// By campaign.
    pub campaigns: BTreeMap<u64, Sums>,
    /// Acknowledged ids that are nowhere in the log.
    pub missing_acks: u64,
    /// Events, each once.
    pub events: u64,
    /// Records that repeat an earlier event.
    pub repeats: u64,
    /// Records that could not be read.
    pub damaged: u64,
}

/// Where the counted partitions of the log end now.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn ends(reader: &LogReader) -> anyhow::Result<Vec<(Partition, u64)>> {
    let mut ends = Vec::new();
    for topic in COUNTED {
        for partition in reader.partitions(topic) {
            let mut end = 0;
            reader.for_each(partition, |record| end = record.offset + 1)?;
            ends.push((partition, end));
        }
    }
    Ok(ends)
}

/// Recounts the log up to the totals' offsets; acknowledged ids may stand after them too.
///
/// # Errors
/// When the log cannot be read, or retention has deleted what would have to be counted.
pub(crate) fn count(
    reader: &LogReader,
    totals: &Totals,
    acks: &BTreeSet<EventId>,
) -> anyhow::Result<Counted> {
    let mut recount = Recount::default();
    let mut later = BTreeSet::new();
    let mut damaged = 0;
    for topic in COUNTED {
        for partition in reader.partitions(topic) {
            let oldest = reader.oldest(partition)?;
            ensure!(
                oldest == 0,
                "topic {topic} begins at offset {oldest}: what retention has deleted cannot be recounted"
            );
            let end = totals.next(topic, partition.index);
            damaged += reader
                .for_each(partition, |record| {
                    if record.offset < end {
                        recount.add(&record.payload);
                    } else if let Ok(event) = proto::event::parse(&record.payload) {
                        later.insert(event.event_id());
                    }
                })
                .with_context(|| format!("topic {topic}"))?;
        }
    }
    let missing = acks
        .iter()
        .filter(|id| !recount.contains(**id) && !later.contains(id))
        .count();
    Ok(Counted {
        campaigns: recount
            .counters
            .iter()
            .map(|(id, counters)| (id.0, Sums::from(counters)))
            .collect(),
        missing_acks: missing as u64,
        events: recount.events,
        repeats: recount.repeats,
        damaged: recount.damaged + damaged,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_compared() {
        let none = Sums::from(&Counters::default()).kinds;
        let one = |change: fn(&mut Counters)| {
            let mut counters = Counters::default();
            change(&mut counters);
            Sums::from(&counters).kinds
        };
        let kinds: [fn(&mut Counters); 13] = [
            |c| c.wins = 1,
            |c| c.billed = 1,
            |c| c.impressions = 1,
            |c| c.views = 1,
            |c| c.clicks = 1,
            |c| c.conversions = 1,
            |c| c.playback.starts = 1,
            |c| c.playback.first_quartiles = 1,
            |c| c.playback.midpoints = 1,
            |c| c.playback.third_quartiles = 1,
            |c| c.playback.completes = 1,
            |c| c.playback.skips = 1,
            |c| c.playback.errors = 1,
        ];
        for (at, change) in kinds.into_iter().enumerate() {
            let kinds = one(change);
            assert_eq!((kinds.over(&none), none.over(&kinds)), (1, 0), "{at}");
            assert_eq!(kinds.over(&kinds), 0, "{at}");
        }
    }
}
