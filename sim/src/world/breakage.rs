//! What breaks and starts again: stores, log, processes, clocks; and what advertisers change.

use std::sync::Arc;

use bidder::Seams;
use domain::{Clock, Micros, Status, Timestamp};
use event_log::memory;
use pixel::PixelCore;
use store::budget::Budgets;
use store::campaign::CampaignStore;
use store::keyed::KeyedStore;
use store::profile::Profiles;
use updater::{Deps, Updater};

use super::{World, keys};
use crate::faults::Fault;
use crate::process::{Process, SkewedClock};
use crate::stores::Due;
use crate::workload::{Entry, LATENESS_MS};

impl World {
    pub(super) fn suffer(&mut self, fault: Fault, now: Timestamp) {
        match fault {
            Fault::Log(faults) => {
                self.log_faults = faults;
                self.log.set_faults(faults);
            }
            Fault::Keyed(due) => self.keyed.fail(due),
            Fault::Reports(due) => self.reports.fail(due),
            Fault::KillBidder(slot) => {
                let killed = self.bidders[slot].take().is_some();
                self.outcome.stats.bidders_killed += u64::from(killed);
            }
            Fault::StartBidder(slot) if self.bidders[slot].is_none() => self.start_bidder(slot),
            Fault::StartBidder(_) => {}
            Fault::RestartPixel => {
                self.pixel = PixelCore::new(keys(), "sim", self.shape.seen_ids_max);
            }
            Fault::KillUpdater => {
                let killed = self.updater.take().is_some();
                self.outcome.stats.updaters_killed += u64::from(killed);
            }
            Fault::StartUpdater => self.start_updater(),
            Fault::Silence(exchange, until) => {
                self.silent_until[exchange] = self.shape.start.plus_ms(until);
            }
            Fault::SetClock(slot, skew_ms) => {
                if let Some(process) = &self.bidders[slot] {
                    process.clock.set_skew(skew_ms);
                }
            }
            Fault::Rivals(exchange, to) => self.market.move_prices(exchange, to),
            Fault::Pause(campaign) => self.edit(campaign, |entry| {
                entry.campaign.status = Status::Paused;
                entry.paused_at.get_or_insert(now);
            }),
            Fault::Resume(campaign) => self.edit(campaign, |entry| {
                entry.campaign.status = Status::Active;
                entry.paused_at = None;
            }),
            Fault::Cut(campaign, to) => self.edit(campaign, |entry| {
                entry.campaign.budget = entry.campaign.budget.mul_div(to, 1_000).max(Micros(1));
                entry.campaign.daily_budget = None;
                entry.daily_max = None;
            }),
        }
    }

    fn edit(&mut self, campaign: usize, change: impl FnOnce(&mut Entry)) {
        let entry = &mut self.entries[campaign];
        change(entry);
        self.outcome.stats.pauses += u64::from(entry.paused_at.is_some());
        let put = self.campaigns.put_campaign(&entry.campaign);
        self.note(put.map(|_| ()).map_err(|error| error.to_string()));
    }

    /// After the last request everything works, so that the run comes to rest.
    pub(super) fn heal(&mut self) {
        self.log_faults = memory::Faults::default();
        self.log.set_faults(self.log_faults);
        self.keyed.fail(Due::default());
        self.reports.fail(Due::default());
        self.start_updater();
    }

    pub(super) fn start_bidder(&mut self, slot: usize) {
        self.starts += 1;
        let clock = Arc::new(SkewedClock::new(Arc::clone(&self.clock)));
        let keyed: Arc<dyn KeyedStore> = Arc::new(self.keyed.clone());
        let seams = Seams {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            log: Arc::new(self.log.clone()),
            campaigns: Arc::new(self.campaigns.clone()),
            snapshots: Arc::new(self.snapshots.clone()),
            budgets: Budgets::new(Arc::clone(&keyed), LATENESS_MS),
            profiles: Arc::new(Profiles::new(keyed)),
            keys: keys(),
            user_secret: [9; 32],
            bidder: u128::from(self.starts).to_be_bytes(),
            seed: self.rng.next_u64(),
        };
        self.bidders[slot] = Some(Process::start(&self.shape.config, seams, clock));
    }

    /// Opens an updater unless one runs; with failing stores it is tried again later.
    pub(super) fn start_updater(&mut self) {
        if self.updater.is_some() {
            return;
        }
        let deps = Deps {
            log: Arc::new(self.log.clone()),
            keyed: Arc::new(self.keyed.clone()),
            reports: Arc::new(self.reports.clone()),
            snapshots: Arc::new(self.snapshots.clone()),
        };
        let config = updater::Config {
            lateness_ms: LATENESS_MS,
            click_window_ms: 8_000,
            conversion_window_ms: 15_000,
            publish_every_ms: 35_000,
            checkpoint_every_ms: 30_000,
            ..updater::Config::default()
        };
        match Updater::open(deps, &config, self.clock.now()) {
            Ok(updater) => self.updater = Some(updater),
            Err(error) => self.fail(format!("the updater does not open: {error}")),
        }
    }
}
