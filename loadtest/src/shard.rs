//! One thread's part of a run: requests when they are due, events when their time has come, answers as they arrive.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use domain::time::{Clock, SystemClock};
use domain::{EventId, Micros};
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use tokio::sync::{Notify, mpsc};

use crate::acks::Acks;
use crate::client::{Answer, EVENT_HEADER, Pool};
use crate::exchange::{BidAnswer, Event, Kind, Purchase, Scene, conversion_path, settle};
use crate::judge::{Expectations, judge};
use crate::plan::Plan;
use crate::progress::{Counter, Live};
use crate::render::OurHost;
use crate::schedule::Schedule;
use crate::traffic::{Auction, Times, Traffic};
use crate::truth::Truth;
use crate::verdict::{Example, Tally};

/// What the threads of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) bidder: SocketAddr,
    pub(crate) live: Live,
    pub(crate) acks: Option<Acks>,
    pub(crate) clock: SystemClock,
    pub(crate) stop: Arc<AtomicBool>,
}

/// What one thread works with; its tasks take turns and borrow the state between awaits only.
pub(crate) struct Shard {
    shared: Arc<Shared>,
    ours: OurHost,
    truth: Truth,
    expectations: Expectations,
    bidder: Pool,
    pixel: Pool,
    state: RefCell<State>,
    changed: Notify,
}

struct State {
    traffic: Traffic,
    schedule: Schedule<Event>,
    sales: Vec<Sale>,
    tally: Tally,
    in_flight: usize,
    next_exchange: usize,
}

/// An impression that was bought, and what has been acknowledged of it.
struct Sale {
    example: Example,
    billed: bool,
    shown: bool,
    viewed: bool,
    converted: bool,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>, stream: u64) -> Rc<Self> {
        let plan = &shared.plan;
        let pool = |address| Pool::new(address, plan.connections, plan.timeout);
        let times = Times {
            tmax_ms: plan.tmax_ms,
            exp_s: plan.exp_s,
        };
        Rc::new(Self {
            ours: OurHost::new(&plan.public_url),
            truth: Truth::new(plan.seed),
            expectations: Expectations::new(&plan.public_url, plan.fx.clone()),
            bidder: pool(shared.bidder),
            pixel: pool(plan.pixel),
            state: RefCell::new(State {
                traffic: Traffic::new(plan.seed, stream, plan.users, times),
                schedule: Schedule::new(),
                sales: Vec::new(),
                tally: Tally::new(),
                in_flight: 0,
                next_exchange: 0,
            }),
            changed: Notify::new(),
            shared,
        })
    }

    /// Works until all requests are sent and nothing is waited for any more, or the drain's time is over.
    pub(crate) async fn drive(self: Rc<Self>, mut due: mpsc::Receiver<u64>) -> Tally {
        let mut deadline_us = None;
        while deadline_us.is_none_or(|deadline| self.now_us() < deadline) {
            let next_us = self.state.borrow().schedule.next_due_us();
            let wake_us = next_us.into_iter().chain(deadline_us).min();
            tokio::select! {
                biased;
                request = due.recv(), if deadline_us.is_none() => match request {
                    Some(due_us) => self.begin(due_us),
                    None => deadline_us = Some(self.now_us() + micros(self.shared.plan.drain)),
                },
                () = self.wait_until(wake_us) => self.fire_due(),
                () = self.changed.notified() => {}
            }
            if deadline_us.is_some() && self.is_idle() {
                break;
            }
        }
        self.finish()
    }

    fn now_us(&self) -> u64 {
        self.shared.clock.monotonic_us()
    }

    fn count(&self, counter: Counter) {
        self.shared.live.add(counter, 1);
    }

    fn is_idle(&self) -> bool {
        let state = self.state.borrow();
        state.in_flight == 0 && state.schedule.len() == 0
    }

    async fn wait_until(&self, wake_us: Option<u64>) {
        match wake_us {
            Some(wake_us) => {
                let left = wake_us.saturating_sub(self.now_us());
                tokio::time::sleep(Duration::from_micros(left)).await;
            }
            None => std::future::pending().await,
        }
    }

    fn finish(&self) -> Tally {
        let mut state = self.state.borrow_mut();
        let dropped = state.schedule.len() as u64;
        self.shared.live.add(Counter::EventsDropped, dropped);
        let sales = std::mem::take(&mut state.sales);
        let mut tally = std::mem::replace(&mut state.tally, Tally::new());
        let shown = sales.into_iter().filter(|sale| sale.shown);
        tally.examples.extend(shown.map(|sale| sale.example));
        tally
    }

    /// Sends the request that is due.
    fn begin(self: &Rc<Self>, due_us: u64) {
        self.count(Counter::Requests);
        let plan = &self.shared.plan;
        let hour = plan
            .hour
            .unwrap_or_else(|| self.shared.clock.now().hour_of_week() % 24);
        let (auction, exchange) = {
            let mut state = self.state.borrow_mut();
            let exchange = &plan.exchanges[state.next_exchange];
            state.next_exchange = (state.next_exchange + 1) % plan.exchanges.len();
            state.in_flight += 1;
            (
                state.traffic.next_auction(hour, exchange.first_price),
                exchange.name.clone(),
            )
        };
        let shard = Rc::clone(self);
        tokio::task::spawn_local(async move {
            shard.request(auction, &exchange, due_us).await;
            shard.done();
        });
    }

    fn done(&self) {
        let mut state = self.state.borrow_mut();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            self.changed.notify_one();
        }
    }

    async fn request(&self, mut auction: Auction, exchange: &str, due_us: u64) {
        let body = Bytes::from(std::mem::take(&mut auction.body));
        let request = Request::post(format!("/bid/{exchange}"))
            .header(HOST, &self.shared.plan.bidder)
            .header(CONTENT_TYPE, "application/json")
            .header("x-openrtb-version", "2.6")
            .body(Full::new(body.clone()));
        let answer = match request {
            Ok(request) => self.bidder.send(request).await,
            Err(error) => Err(error.into()),
        };
        match answer {
            Ok(answer) if matches!(answer.status.as_u16(), 200 | 204) => {
                let latency_us = self.now_us().saturating_sub(due_us);
                self.answered(&auction, &body, &answer, latency_us);
            }
            Ok(answer) => self.failed(Counter::Errors, format!("bid answered {}", answer.status)),
            Err(error) => self.failed(Counter::Errors, format!("bid request: {error:#}")),
        }
    }

    fn failed(&self, counter: Counter, error: String) {
        self.count(counter);
        self.state.borrow_mut().tally.record_error(error);
    }

    fn answered(&self, auction: &Auction, request: &[u8], answer: &Answer, latency_us: u64) {
        self.count(Counter::Answered);
        self.state.borrow_mut().tally.record_latency(latency_us);
        let late = latency_us > u64::from(self.shared.plan.tmax_ms) * 1_000;
        if late {
            self.count(Counter::LateAnswers);
        }
        if answer.status.as_u16() == 204 {
            return self.count(Counter::NoBids);
        }
        let parsed = serde_json::from_slice::<BidAnswer>(&answer.body);
        // An answer that cannot be read stands for one invalid bid.
        let bids = parsed.as_ref().map_or(1, BidAnswer::bids);
        if bids == 0 {
            return self.count(Counter::NoBids);
        }
        self.shared.live.add(Counter::Bids, bids);
        let mut violations = judge(request, &answer.body, &self.expectations);
        if let Err(error) = &parsed
            && violations.is_empty()
        {
            violations.push(crate::judge::unreadable(&error.to_string()));
        }
        let guilty: BTreeSet<String> = violations.iter().map(|v| v.bid.clone()).collect();
        let all_guilty = guilty.contains("");
        let invalid = if all_guilty {
            bids
        } else {
            guilty.len() as u64
        };
        self.shared.live.add(Counter::InvalidBids, invalid);
        self.state.borrow_mut().tally.record_violations(violations);
        if let Ok(parsed) = parsed
            && !late
            && !all_guilty
        {
            self.auction(auction, &parsed, &guilty);
        }
    }

    /// Holds the auction and plans what follows.
    fn auction(&self, auction: &Auction, answer: &BidAnswer, guilty: &BTreeSet<String>) {
        let mut state = self.state.borrow_mut();
        let scene = Scene {
            plan: &self.shared.plan,
            truth: &self.truth,
            ours: &self.ours,
            traffic: &state.traffic,
            auction,
            now: self.shared.clock.now(),
        };
        let settlement = settle(&scene, answer, |id| !guilty.contains(id));
        let live = &self.shared.live;
        live.add(Counter::Wins, settlement.sales.len() as u64);
        live.add(Counter::Losses, settlement.losses);
        live.add(Counter::NoticesLost, settlement.notices_lost);
        live.add(Counter::NoticesDoubled, settlement.notices_doubled);
        live.add(Counter::NoticesLate, settlement.notices_late);
        let first_sale = state.sales.len();
        for example in settlement.sales {
            let campaign = state
                .tally
                .campaigns
                .entry(example.cid.clone())
                .or_default();
            campaign.wins += 1;
            campaign.won_micros += example.cost.0;
            state.sales.push(Sale {
                example,
                billed: false,
                shown: false,
                viewed: false,
                converted: false,
            });
        }
        let now_us = self.now_us();
        for (delay_us, mut event) in settlement.events {
            event.sale = event.sale.map(|sale| sale + first_sale);
            self.enter(&mut state, now_us + delay_us, event);
        }
        self.changed.notify_one();
    }

    fn enter(&self, state: &mut State, due_us: u64, event: Event) {
        if state.schedule.enter(due_us, event) {
            self.count(Counter::Pending);
        } else {
            self.count(Counter::EventsDropped);
        }
    }

    fn fire_due(self: &Rc<Self>) {
        let now_us = self.now_us();
        let mut state = self.state.borrow_mut();
        while let Some(event) = state.schedule.take_due(now_us) {
            state.in_flight += 1;
            let shard = Rc::clone(self);
            tokio::task::spawn_local(async move {
                shard.fire(event).await;
                shard.shared.live.subtract(Counter::Pending, 1);
                shard.done();
            });
        }
    }

    /// Sends one event, once: an answer that is lost is an acknowledgement that never came.
    async fn fire(&self, event: Event) {
        let notice = event.kind.is_notice();
        self.count(if notice {
            Counter::NoticesSent
        } else {
            Counter::EventsSent
        });
        let agent = if notice {
            "exchange.example/1.0"
        } else {
            "Mozilla/5.0 (simulated)"
        };
        let request = Request::get(&event.path)
            .header(HOST, &self.ours.authority)
            .header(USER_AGENT, agent)
            .body(Full::new(Bytes::new()));
        let answer = match request {
            Ok(request) => self.pixel.send(request).await,
            Err(error) => Err(error.into()),
        };
        match answer {
            Ok(answer) if answer.status.is_success() || answer.status.is_redirection() => {
                self.taken(&event, &answer);
            }
            Ok(answer) => {
                let error = format!("{} answered {}", event.kind.label(), answer.status);
                self.failed(Counter::EventErrors, error);
            }
            Err(error) => {
                let error = format!("{}: {error:#}", event.kind.label());
                self.failed(Counter::EventErrors, error);
            }
        }
    }

    fn taken(&self, event: &Event, answer: &Answer) {
        let header = |name| answer.headers.get(name)?.to_str().ok();
        match header(EVENT_HEADER).and_then(EventId::from_hex) {
            Some(id) => self.acknowledged(event, id),
            None => self.failed(
                Counter::EventsUnacked,
                format!("{} not acknowledged", event.kind.label()),
            ),
        }
        if let (Some(purchase), Some(location)) = (&event.purchase, header(LOCATION)) {
            self.buy(event, purchase, location);
        }
    }

    /// The landing page has loaded; the user buys in a while.
    fn buy(&self, click: &Event, purchase: &Purchase, location: &str) {
        let Some(path) = conversion_path(&self.ours, location, purchase) else {
            return;
        };
        let conversion = Event {
            kind: Kind::Conversion,
            path,
            sale: click.sale,
            repeat: false,
            purchase: None,
        };
        let due_us = self.now_us() + purchase.delay_us;
        self.enter(&mut self.state.borrow_mut(), due_us, conversion);
        self.changed.notify_one();
    }

    fn acknowledged(&self, event: &Event, id: EventId) {
        self.count(if event.kind.is_notice() {
            Counter::NoticesAcked
        } else {
            Counter::EventsAcked
        });
        let written = self
            .shared
            .acks
            .as_ref()
            .map_or(Ok(()), |acks| acks.append(id, event.kind.label()));
        if let Err(error) = written {
            self.failed(Counter::EventErrors, format!("acks file: {error}"));
        }
        let mut state = self.state.borrow_mut();
        let State { sales, tally, .. } = &mut *state;
        let Some(sale) = event.sale.and_then(|index| sales.get_mut(index)) else {
            return;
        };
        let campaign = tally.campaigns.entry(sale.example.cid.clone()).or_default();
        let first = |flag: &mut bool| !std::mem::replace(flag, true);
        match event.kind {
            Kind::Billing if first(&mut sale.billed) => {
                let Micros(cost) = sale.example.cost;
                campaign.paid_micros += cost;
            }
            Kind::Impression if first(&mut sale.shown) => {
                campaign.impressions += 1;
                campaign.true_clicks += sale.example.click_probability;
                self.count(Counter::Impressions);
            }
            Kind::View if first(&mut sale.viewed) => self.count(Counter::Views),
            Kind::Click if first(&mut sale.example.clicked) => {
                campaign.clicks += 1;
                self.count(Counter::Clicks);
            }
            Kind::Conversion if first(&mut sale.converted) => {
                campaign.conversions += 1;
                self.count(Counter::Conversions);
            }
            _ => {}
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
