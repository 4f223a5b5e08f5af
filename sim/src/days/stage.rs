//! One run: bidder, pixel and updater on one clock, with views coming in and notices following them.

mod notices;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bidder::config::Notices;
use bidder::{Background, Bidder, BidderCore, Call, Config, ExchangeConfig, Reply, Seams};
use domain::time::ManualClock;
use domain::{BidId, Clock, Timestamp};
use event_log::memory::MemoryLog;
use event_log::{EventLog, Offset, Partition, Topic};
use pixel::PixelCore;
use proto::event::Kind;
use proto::openrtb::Format;
use proto::token::TokenKeys;
use store::budget::Budgets;
use store::keyed::KeyedStore;
use store::memory::{MemoryCampaigns, MemoryKeyed, MemoryReports, MemorySnapshots};
use store::profile::Profiles;
use updater::{Deps, Updater};

use super::browsing::{Browsing, EXCHANGES, FIRST_PRICE, View};
use super::catalogue::Catalogue;
use super::history::{self, Past};
use super::sales::{Booked, Chance, Played, Worth, by_hour};
use super::truth::Truth;
use super::{Bids, DAY_MS, HOUR_MS, Plan, START, hour_of, rivals};
use crate::workload::PIXEL_URL;
use notices::Notice;

/// The background's beat, in milliseconds.
const BEAT_MS: i64 = 1_000;
/// The updater is stepped so often.
const UPDATE_MS: i64 = 5_000;
/// Counters are logged and what was applied is forgotten so often.
const MINUTE_MS: i64 = 60_000;
/// How often a new model is published, and bids by history are set anew: five minutes.
const PUBLISH_MS: i64 = 300_000;
/// A click is learned as not followed by a purchase after this long: six times the mean delay, nearly all are in.
const CONVERSION_WINDOW_MS: i64 = DAY_MS;
/// How late notices may be in order, in milliseconds.
const LATENESS_MS: i64 = 60_000;
/// How long after the last request notices are followed.
const AFTER_MS: i64 = 20 * MINUTE_MS;
/// Most views kept for the oracle.
const CHANCES_MAX: u64 = 120_000;

/// Everything there is.
pub(super) struct Stage {
    plan: Plan,
    world: Browsing,
    truth: Truth,
    catalogue: Catalogue,
    clock: Arc<ManualClock>,
    log: MemoryLog,
    keyed: Arc<dyn KeyedStore>,
    campaigns: MemoryCampaigns,
    bidder: Bidder,
    background: Background,
    core: BidderCore,
    pixel: PixelCore,
    updater: Updater,
    queue: BTreeMap<(Timestamp, u64), Notice>,
    sequence: u64,
    next_beat: Timestamp,
    /// Sales whose bids' records have not been read yet.
    awaited: BTreeMap<BidId, usize>,
    /// The next record of a bid to read.
    bids_read: Offset,
    last_model: u64,
    pasts: Vec<Past>,
    /// Clicked sales in the order of their clicks, and how many of them are old enough for history.
    clicked: Vec<(Timestamp, usize)>,
    ripe: usize,
    played: Played,
}

impl Stage {
    /// Sets a run up.
    pub(super) fn new(plan: Plan) -> Result<Self, String> {
        let world = Browsing::new(plan.seed);
        let truth = Truth::new(plan.seed, plan.campaigns * 2);
        let campaigns = MemoryCampaigns::new();
        let catalogue = Catalogue::advertise(&plan, &world, &truth, &campaigns).map_err(told)?;
        let (clock, log) = (Arc::new(ManualClock::new(START)), MemoryLog::new(1));
        let keyed: Arc<dyn KeyedStore> = Arc::new(MemoryKeyed::new());
        let snapshots = MemorySnapshots::new();
        let seams = Seams {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            log: Arc::new(log.clone()),
            campaigns: Arc::new(campaigns.clone()),
            snapshots: Arc::new(snapshots.clone()),
            budgets: Budgets::new(Arc::clone(&keyed), LATENESS_MS),
            profiles: Arc::new(Profiles::new(Arc::clone(&keyed))),
            keys: keys()?,
            user_secret: [9; 32],
            bidder: [1; 16],
            seed: plan.seed,
        };
        let (bidder, background) = Bidder::new(configuration(), seams).map_err(told)?;
        let deps = Deps {
            log: Arc::new(log.clone()),
            keyed: Arc::clone(&keyed),
            reports: Arc::new(MemoryReports::new()),
            snapshots: Arc::new(snapshots),
        };
        let updater = Updater::open(deps, &learning(), START).map_err(told)?;
        Ok(Self {
            core: bidder.core(0),
            pixel: PixelCore::new(keys()?, "sim", 1 << 20),
            queue: BTreeMap::new(),
            sequence: 0,
            next_beat: START,
            awaited: BTreeMap::new(),
            bids_read: 0,
            last_model: 0,
            pasts: vec![Past::default(); catalogue.items.len()],
            clicked: Vec::new(),
            ripe: 0,
            played: empty(plan, &world, &catalogue),
            plan,
            world,
            truth,
            catalogue,
            clock,
            log,
            keyed,
            campaigns,
            bidder,
            background,
            updater,
        })
    }

    /// Plays it to the end.
    pub(super) fn play(mut self, mut on_progress: impl FnMut(u64)) -> Result<Played, String> {
        let mut body = String::new();
        for hour in 0..self.plan.hour_count() {
            let times = self
                .world
                .times((hour, self.plan.hour_count()), self.plan.requests);
            for at in &times {
                self.until(*at)?;
                let view = self.world.view(self.played.requests, *at);
                self.decide(&view, &mut body)?;
                self.played.requests += 1;
            }
            on_progress(times.len() as u64);
        }
        self.until(self.plan.end().plus_ms(AFTER_MS))?;
        self.update()?;
        self.book()?;
        Ok(self.played)
    }

    /// Lets everything happen that comes before a moment.
    fn until(&mut self, at: Timestamp) -> Result<(), String> {
        loop {
            let notice = self.queue.first_key_value().map(|((when, _), _)| *when);
            let next = notice.map_or(self.next_beat, |when| when.min(self.next_beat));
            if next > at {
                break;
            }
            self.clock.set(next);
            if next == self.next_beat {
                self.beat(next)?;
                self.next_beat = next.plus_ms(BEAT_MS);
            } else if let Some((_, notice)) = self.queue.pop_first() {
                self.hear(&notice, next)?;
            }
        }
        self.clock.set(at);
        Ok(())
    }

    fn beat(&mut self, now: Timestamp) -> Result<(), String> {
        let due = |every| now.since(START) % every == 0;
        if due(MINUTE_MS) {
            self.core.flush(now);
        } else {
            self.core.report();
        }
        self.background.refresh(now).map_err(told)?;
        self.background.tick(now).map_err(told)?;
        self.read_bids()?;
        if due(UPDATE_MS) {
            self.update()?;
        }
        if due(MINUTE_MS) {
            for ((topic, partition), next) in &self.updater.applied().0 {
                if let Some(topic) = Topic::from_name(topic) {
                    self.log.forget(
                        Partition {
                            topic,
                            index: *partition,
                        },
                        *next,
                    );
                }
            }
        }
        if due(PUBLISH_MS) && self.plan.bids == Bids::History {
            self.look_back(now);
            history::reprice(&mut self.catalogue, &self.pasts, &self.campaigns).map_err(told)?;
        }
        if due(HOUR_MS) && now > START && now <= self.plan.end() {
            self.note_multipliers(now);
        }
        Ok(())
    }

    fn update(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        while self.updater.step(now, Duration::ZERO).map_err(told)? {}
        Ok(())
    }

    fn note_multipliers(&mut self, now: Timestamp) {
        let hour = hour_of(now) - 1;
        let snapshot = self.bidder.snapshot();
        let live = snapshot.iter().flat_map(|snapshot| &snapshot.campaigns);
        for live in live {
            let of = self
                .played
                .campaigns
                .iter_mut()
                .find(|booked| booked.campaign.id == live.campaign.id);
            if let Some(place) = of.and_then(|booked| booked.multipliers.get_mut(hour)) {
                *place = live.money.multiplier();
            }
        }
    }

    /// Asks for a bid and lets the market decide on it.
    fn decide(&mut self, view: &View, body: &mut String) -> Result<(), String> {
        let of_view = self.truth.of_view(&self.world, view);
        let rival = rivals::price(view, of_view);
        if view.serial.is_multiple_of(self.played.chance_every) {
            self.keep_chance(view, of_view, rivals::cost(view, rival));
        }
        self.world.request(view, body);
        let call = Call {
            exchange: EXCHANGES[view.exchange],
            arrived_us: self.clock.monotonic_us(),
            format: Format::Json,
        };
        let mut bytes = std::mem::take(body).into_bytes();
        let answer = self.core.decide(&call, &mut bytes);
        if answer.reply == Reply::Content {
            let offers = notices::offers(answer.body)?;
            for offer in offers {
                self.played.bids += 1;
                self.sell(view, (of_view, rival), &offer)?;
            }
        }
        // The buffer goes on; what the parser left in it is written over.
        bytes.clear();
        *body = String::from_utf8(bytes).unwrap_or_default();
        Ok(())
    }

    fn keep_chance(&mut self, view: &View, of_view: f64, cost: i64) {
        let of_item = |(place, item): (usize, &super::catalogue::Item)| {
            (item.size == view.size).then(|| {
                let seen = (&self.world, view);
                let click = self.truth.click(seen, of_view, place);
                let worth = Worth(item.pays).at(click, self.truth.conversion(seen, place));
                (place as u16, worth as f32)
            })
        };
        let worth = self
            .catalogue
            .items
            .iter()
            .enumerate()
            .filter_map(of_item)
            .collect();
        self.played.chances.push(Chance {
            day: (view.at.since(START) / DAY_MS) as u16,
            cost: (cost as f64 / 1_000.0) as f32,
            worth,
        });
    }

    /// Notes what the bids of the last second were logged with.
    fn read_bids(&mut self) -> Result<(), String> {
        let bids = Partition {
            topic: Topic::Bids,
            index: 0,
        };
        for record in self
            .log
            .read(bids, self.bids_read, usize::MAX)
            .map_err(told)?
        {
            self.bids_read = record.offset + 1;
            let event = proto::event::parse(&record.payload).map_err(told)?;
            let Some(Kind::Bid(bid)) = event.kind else {
                continue;
            };
            self.played.models += u64::from(bid.model_version != self.last_model);
            self.last_model = bid.model_version;
            let id = bid.r#ref.as_ref().map(|of| of.id());
            if let Some(place) = id.and_then(|id| self.awaited.remove(&id)) {
                let sale = &mut self.played.sales[place];
                (sale.predicted_click, sale.predicted_conversion) =
                    (bid.predicted_ctr, bid.predicted_cvr);
            }
        }
        self.awaited.clear();
        Ok(())
    }

    /// Takes the clicks that are old enough into the line items' pasts.
    fn look_back(&mut self, now: Timestamp) {
        while let Some((at, sale)) = self.clicked.get(self.ripe).copied() {
            if now.since(at) < CONVERSION_WINDOW_MS {
                break;
            }
            let sale = &self.played.sales[sale];
            let past = &mut self.pasts[usize::from(sale.item)];
            past.ripe_clicks += 1;
            past.purchases += u64::from(sale.converted);
            self.ripe += 1;
        }
    }

    /// Takes over what the accounts say, and checks it against what the market knows.
    fn book(&mut self) -> Result<(), String> {
        let accounts = store::state::accounts(self.keyed.as_ref()).map_err(told)?;
        let billed = super::sales::sums(
            self.played
                .sales
                .iter()
                .filter(|sale| sale.billed)
                .map(|sale| (usize::from(sale.campaign), sale.cost as f64)),
        );
        for (place, booked) in self.played.campaigns.iter_mut().enumerate() {
            let id = booked.campaign.id;
            let account = accounts.get(&id).cloned().unwrap_or_default();
            (booked.spent, booked.late, booked.unbilled) =
                (account.spent, account.late, account.unbilled);
            let rows =
                store::state::ledger_rows(self.keyed.as_ref(), id, 0, usize::MAX).map_err(told)?;
            (booked.by_hour, booked.late_by_hour) = by_hour(&rows, self.plan.hour_count());
            let wanted = billed.get(&place).copied().unwrap_or(0.0) as i64;
            if account.spent.0 != wanted {
                return Err(format!(
                    "campaign {id} has spent {:?}, but its bills make {wanted} micros",
                    account.spent
                ));
            }
        }
        Ok(())
    }
}

fn empty(plan: Plan, world: &Browsing, catalogue: &Catalogue) -> Played {
    let booked = |(place, campaign): (usize, &domain::Campaign)| Booked {
        campaign: campaign.clone(),
        pays_clicks: catalogue.pays_clicks(place),
        spent: domain::Micros::ZERO,
        late: domain::Micros::ZERO,
        unbilled: domain::Micros::ZERO,
        by_hour: Vec::new(),
        late_by_hour: Vec::new(),
        multipliers: vec![1.0; plan.hour_count()],
    };
    Played {
        plan,
        requests: 0,
        bids: 0,
        notices_lost: 0,
        notices_late: 0,
        models: 0,
        sales: Vec::new(),
        campaigns: catalogue.campaigns.iter().enumerate().map(booked).collect(),
        items: catalogue.items.iter().map(|item| item.campaign).collect(),
        worth: catalogue
            .items
            .iter()
            .map(|item| Worth(item.pays))
            .collect(),
        sites: (0..world.sites.len())
            .map(|site| world.site_name(site).to_owned())
            .collect(),
        chances: Vec::new(),
        chance_every: plan.requests / CHANCES_MAX + 1,
    }
}

/// The bidder's knobs: three exchanges of different habits.
fn configuration() -> Config {
    let exchange = |(place, name): (usize, &&str)| {
        let notices = Notices {
            win: place != 1,
            loss: place == FIRST_PRICE,
        };
        (
            (*name).to_owned(),
            ExchangeConfig {
                notices,
                ..ExchangeConfig::default()
            },
        )
    };
    Config {
        public_url: PIXEL_URL.to_owned(),
        exchanges: EXCHANGES.iter().enumerate().map(exchange).collect(),
        ..Config::default()
    }
}

fn learning() -> updater::Config {
    updater::Config {
        lateness_ms: LATENESS_MS,
        conversion_window_ms: CONVERSION_WINDOW_MS,
        publish_every_ms: PUBLISH_MS,
        // Nothing is ever started again here.
        checkpoint_every_ms: i64::MAX,
        ..updater::Config::default()
    }
}

fn keys() -> Result<TokenKeys, String> {
    TokenKeys::new([(1, [7; 32])]).ok_or_else(|| "no key".to_owned())
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
