//! One core of the bidder: bytes of a request in, bytes of an answer out. No thread, no socket, no lock.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use domain::ids::BidIds;
use domain::random::SplitMix64;
use domain::{FxTable, IdScope, NoBid, Outcome, Timestamp};
use pacing::account::HoldKey;
use proto::event::EncodedRef;
use proto::openrtb::{Arena, BidRequest, Format, RequestError};

use crate::admission;
use crate::auction::{self, Auction, Win, Work};
use crate::config::{ExchangeConfig, NoBidStyle};
use crate::explain::{Explained, Explanation, Sink};
use crate::facts::{self, Reader, Texts};
use crate::identity;
use crate::metrics::Counts;
use crate::money::{CoreReport, HoldPlace};
use crate::outbox::{Content, Outbox};
use crate::people::PeopleReader;
use crate::price::answer_currency;
use crate::record;
use crate::respond::Pen;
use crate::rules::Market;
use crate::samples::Sampler;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::tally::Tally;
use crate::targeting::Keys;

mod flush;

/// One request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The name in the path.
    pub exchange: &'a str,
    /// When it came, on the clock's steady scale, in microseconds.
    pub arrived_us: u64,
    /// The form of the body, and of the answer.
    pub format: Format,
}

/// How to answer, in HTTP's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// 200 with a body in the form of the request.
    Content,
    /// 204.
    NoContent,
    /// 400.
    BadRequest,
    /// 404: no such exchange.
    NotFound,
    /// 413.
    TooLarge,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// How to say so.
    pub reply: Reply,
    /// The body; empty unless `reply` is `Content`.
    pub body: &'a [u8],
}

/// A core. Use it from one thread.
pub struct BidderCore {
    shared: Arc<Shared>,
    snapshot: Option<Arc<Snapshot>>,
    /// Counters of the snapshot before it, until they are logged.
    before: Option<(Arc<Snapshot>, Tally)>,
    /// Empty counters for the next snapshot: to make them anew takes milliseconds.
    spare: Tally,
    work: Work,
    texts: Texts,
    /// Empty between requests.
    segments: Vec<&'static str>,
    keys: Keys,
    people: PeopleReader,
    arena: Arena,
    bid_ids: BidIds,
    event_ids: BidIds,
    report: CoreReport,
    reports: SyncSender<CoreReport>,
    outbox: Outbox,
    counts: Counts,
    out: Vec<u8>,
    wins: Vec<Win>,
    pen: Pen,
    sampler: Sampler,
    /// Every request is a test that leaves nothing behind, and no answer is late.
    dry: bool,
}

impl BidderCore {
    pub(crate) fn new(
        shared: Arc<Shared>,
        mut rng: SplitMix64,
        reports: SyncSender<CoreReport>,
    ) -> Self {
        let (bid_ids, event_ids) = (BidIds::new(rng.next_u64()), BidIds::new(rng.next_u64()));
        Self {
            people: shared.people_reader(shared.cache_bytes()),
            shared,
            snapshot: None,
            before: None,
            spare: Tally::default(),
            work: Work::new(rng),
            texts: Texts::default(),
            segments: Vec::new(),
            keys: Keys::default(),
            arena: Arena::new(),
            bid_ids,
            event_ids,
            report: CoreReport::default(),
            reports,
            outbox: Outbox::default(),
            counts: Counts::default(),
            out: Vec::with_capacity(16 << 10),
            wins: Vec::new(),
            pen: Pen::default(),
            sampler: Sampler::default(),
            dry: false,
        }
    }

    /// Makes it decide without moving money, caps, counts or the log.
    pub(crate) fn into_dry(self) -> Self {
        let people = self.shared.people_reader(0);
        let dry = true;
        Self {
            people,
            dry,
            ..self
        }
    }

    /// Decides one request. `body` is used as scratch space.
    pub fn decide(&mut self, call: &Call<'_>, body: &mut [u8]) -> Answer<'_> {
        self.answer(call, body, None)
    }

    /// Decides one request, bids and all, and says why each line item did what it did.
    pub fn explain(&mut self, call: &Call<'_>, body: &mut [u8]) -> (Answer<'_>, Explanation) {
        let mut explained = Explained::default();
        let answer = self.answer(call, body, Some(&mut explained));
        let explanation = Explanation {
            outcome: answer.outcome,
            privacy: explained.privacy,
            currency: explained.currency,
            versions: explained.versions,
            verdicts: explained.verdicts,
        };
        (answer, explanation)
    }

    /// Refuses a request unread, because too many are under way.
    pub fn shed(&mut self) {
        self.counts.outcome(Outcome::NoBid(NoBid::Overload));
    }

    fn answer(
        &mut self,
        call: &Call<'_>,
        body: &mut [u8],
        explained: Option<&mut Explained>,
    ) -> Answer<'_> {
        self.out.clear();
        let shared = Arc::clone(&self.shared);
        let Some(exchange) = shared.config.exchanges.get(call.exchange) else {
            let outcome = Outcome::NoBid(NoBid::Invalid);
            return Answer {
                outcome,
                reply: Reply::NotFound,
                body: &[],
            };
        };
        if !self.dry {
            let every = shared.config.explain_every;
            self.sampler.choose(&shared.samples, every, body);
        }
        let (outcome, mut reply) = self.run((call, exchange), body, explained);
        let came = (call.exchange, call.format);
        let ended = || (shared.clock.now(), outcome);
        self.sampler.keep(&shared.samples, came, ended);
        if let (Outcome::NoBid(_), NoBidStyle::Reason, Reply::NoContent) =
            (outcome, exchange.no_bid, reply)
        {
            reply = if self.out.is_empty() {
                Reply::NoContent
            } else {
                Reply::Content
            };
        }
        self.counts.outcome(outcome);
        Answer {
            outcome,
            reply,
            body: &self.out,
        }
    }

    /// The walk of one request: read, ask whether it is for us, hold the auction, answer in time.
    fn run(
        &mut self,
        (call, exchange): (&Call<'_>, &ExchangeConfig),
        body: &mut [u8],
        explained: Option<&mut Explained>,
    ) -> (Outcome, Reply) {
        let mut arena = std::mem::take(&mut self.arena);
        let ended = self.run_in(&mut arena, (call, exchange), body, explained);
        self.arena = arena;
        ended
    }

    fn run_in(
        &mut self,
        arena: &mut Arena,
        (call, exchange): (&Call<'_>, &ExchangeConfig),
        body: &mut [u8],
        explained: Option<&mut Explained>,
    ) -> (Outcome, Reply) {
        let mut decoded = None;
        let mut request = match call.format.parse(body, arena, &mut decoded) {
            Ok(request) => request,
            Err(RequestError::TooLarge { .. }) => {
                return refused(NoBid::Malformed, Reply::TooLarge);
            }
            Err(RequestError::Invalid { .. }) => return refused(NoBid::Invalid, Reply::NoContent),
            Err(_) => return refused(NoBid::Malformed, Reply::BadRequest),
        };
        request.test |= self.dry;
        let decided = self.decide_parsed((call, exchange), &request, explained);
        let outcome = match decided {
            Ok(()) => return (Outcome::Bid, Reply::Content),
            Err(why) => why,
        };
        self.out.clear();
        if exchange.no_bid == NoBidStyle::Reason {
            call.format.no_bid(&mut self.out, request.id, outcome.nbr());
        }
        refused(outcome, Reply::NoContent)
    }

    fn decide_parsed(
        &mut self,
        (call, exchange): (&Call<'_>, &ExchangeConfig),
        request: &BidRequest<'_>,
        explained: Option<&mut Explained>,
    ) -> Result<(), NoBid> {
        let shared = Arc::clone(&self.shared);
        let now = shared.clock.now();
        let mut deadline_us = admission::deadline_us(&shared, (call, exchange), request)?;
        if self.dry {
            deadline_us = deadline_us.saturating_add(crate::explain::EXTRA_US);
        }
        let snapshot = self.adopt_snapshot(now)?;
        let seat = admission::check(&shared, exchange, request)?;
        let fx = shared.fx.load();
        let currency = currency(&fx, request, &snapshot).ok_or(NoBid::NotForUs)?;
        let mut texts = std::mem::take(&mut self.texts);
        texts.fill(request, shared.geo.as_ref());
        let reader = Reader {
            pseudonyms: &shared.pseudonyms,
            eid_sources: &shared.config.eid_sources,
            vendor: shared.config.tcf_vendor_id,
            household_sources: &shared.config.household_sources,
        };
        let segments = std::mem::take(&mut self.segments);
        let facts = facts::read(request, (&texts, segments), reader, now);
        self.sampler.allow(facts.privacy);
        let ids = identity::keys_of(request, reader, (&facts, snapshot.scopes));
        let until = (shared.clock.as_ref(), deadline_us);
        let people = self.people.read(&ids, until, &mut self.counts);
        let profile = people.get(IdScope::User).map(|user| user.profile.as_ref());
        let mut keys = std::mem::take(&mut self.keys);
        let source = facts::keys::Source {
            request,
            facts: &facts,
            profile,
            exchange: call.exchange,
            usage: snapshot.index.usage(),
            now,
        };
        facts::keys::fill(&source, &mut keys);
        let mut names = shared.exchanges.iter();
        let position = names.position(|name| name == call.exchange);
        let market = Market {
            at: request.at,
            pays: exchange.pays,
            seat,
            fx: &fx,
            currency,
        };
        let auction = Auction {
            serving: snapshot.serving_for(facts.user, request.id),
            explains: explained.is_some(),
            request,
            facts: &facts,
            keys: &keys,
            people: &people,
            profile,
            snapshot: &snapshot,
            market,
            exchange: (call.exchange, position.unwrap_or(0)),
            shade: exchange.shade,
            authorized: exchange.authorized_sellers
                || !shared.config.sellers.is_empty()
                    && admission::authorized(&shared, exchange, request).is_ok(),
            config: &shared.config,
            recent: &shared.recent,
            now,
            deadline: (shared.clock.as_ref(), deadline_us),
        };
        let decided = self.hold_auction(&auction, call.format, explained);
        self.segments = facts::emptied(facts.segments);
        (self.texts, self.keys) = (texts, keys);
        decided
    }

    /// Runs the auction, writes the answer and, if that was in time, records what was bid.
    fn hold_auction(
        &mut self,
        auction: &Auction<'_>,
        format: Format,
        explained: Option<&mut Explained>,
    ) -> Result<(), NoBid> {
        let mut wins = std::mem::take(&mut self.wins);
        wins.clear();
        let decided = self.find_wins(auction, &mut wins, explained);
        let decided = decided.and_then(|()| self.answer_with(auction, format, &wins));
        self.wins = wins;
        decided
    }

    fn find_wins(
        &mut self,
        auction: &Auction<'_>,
        wins: &mut Vec<Win>,
        explained: Option<&mut Explained>,
    ) -> Result<(), NoBid> {
        let mut sink = explained.as_ref().map(|_| Sink::default());
        let any = if self.report.has_room() {
            auction::run(auction, &mut self.work, wins, sink.as_mut())
        } else {
            true
        };
        if let (Some(explained), Some(sink)) = (explained, sink) {
            explained.take(auction, sink);
        }
        match (wins.is_empty(), any) {
            (false, _) => Ok(()),
            (true, true) => Err(NoBid::AllRefused),
            (true, false) => Err(NoBid::NoCandidate),
        }
    }

    fn answer_with(
        &mut self,
        auction: &Auction<'_>,
        format: Format,
        wins: &[Win],
    ) -> Result<(), NoBid> {
        let mut pen = std::mem::take(&mut self.pen);
        pen.take_up(auction, wins, &mut self.bid_ids);
        let (out, rng) = ((format, &mut self.out), &mut self.work.rng);
        pen.write_answer(out, auction, (wins, &self.shared.keys), rng);
        let late = auction.is_late();
        if late {
            self.counts.late();
            wins.iter().for_each(|win| auction.give_back(win));
        } else if !self.dry {
            for (win, reference) in pen.made() {
                if let Some(win) = wins.get(win) {
                    self.record(auction, win, reference);
                }
            }
        }
        self.pen = pen;
        if late { Err(NoBid::NoTime) } else { Ok(()) }
    }

    fn record(&mut self, auction: &Auction<'_>, win: &Win, reference: &EncodedRef) {
        let id = reference.bid_id();
        if let (Some(hold), Some(ad)) = (win.hold, win.ad(auction)) {
            let place = HoldPlace {
                campaign: ad.features.campaign,
                exchange: auction.exchange.1,
                hold_ms: win.hold_ms,
                second: HoldKey::slot_of(win.hold_ms, auction.now),
            };
            let amounts = (hold.amount, win.candidate.full_cost);
            self.report.hold(place, amounts);
            let numbers = &win.candidate.numbers;
            self.work
                .tally
                .bid(win.candidate.item, auction.exchange.1, numbers.multiplier);
            let limits = auction.limits(&win.candidate);
            auction.counting().confirm(limits, id);
        }
        self.counts.bids(1);
        // As the partition key of user events: the user, else the bid.
        let key = auction.facts.user.map_or(id.0, |user| user.0);
        let log = self.shared.log.as_ref();
        self.outbox.add(log, (&key, Content::Bid), |out| {
            record::write_bid(out, auction, win, reference);
        });
    }

    /// Takes the newest snapshot into use.
    fn adopt_snapshot(&mut self, now: Timestamp) -> Result<Arc<Snapshot>, NoBid> {
        let newest = self.shared.snapshot.load_full().ok_or(NoBid::NotReady)?;
        if !self
            .shared
            .budgets_loaded
            .load(std::sync::atomic::Ordering::Acquire)
        {
            return Err(NoBid::NotReady);
        }
        let same = self
            .snapshot
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, &newest));
        if !same {
            self.turn_to(&newest, now);
        }
        Ok(newest)
    }
}

impl std::fmt::Debug for BidderCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BidderCore").finish_non_exhaustive()
    }
}

fn refused(why: NoBid, reply: Reply) -> (Outcome, Reply) {
    (Outcome::NoBid(why), reply)
}

fn currency(
    fx: &FxTable,
    request: &BidRequest<'_>,
    snapshot: &Snapshot,
) -> Option<domain::Currency> {
    let usd = [domain::Currency::USD];
    let accepted = request.cur.unwrap_or(&usd);
    answer_currency(fx, accepted, &snapshot.currencies)
}
