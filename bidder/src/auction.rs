//! The story of one request: which of our line items bids on each impression, and what.

use ctr_model::engine::{prefetch, prefetch_whole};
use domain::creative::ApprovalState;
use domain::limits::CANDIDATES_MAX;
use domain::random::SplitMix64;
use domain::{Clock, CreativeId, Reject, Timestamp};
use proto::openrtb::{BidRequest, Imp};
use store::profile::Profile;

use crate::candidate::{Candidate, Slot, consider};
use crate::choose::{choose, keep_best};
use crate::config::Config;
use crate::estimate::{Passed, estimate, predict};
use crate::explain::{Numbers, Sink, Verdict};
use crate::facts::{RequestFacts, keys};
use crate::frequency::{Counting, Limit, People};
use crate::money::Hold;
use crate::pod::Piece;
use crate::provisional::Provisional;
use crate::roadblock;
use crate::rules::{Market, Offer};
use crate::snapshot::{Ad, Front, Item, Snapshot};
use crate::tally::Tally;
use crate::targeting::{self, Keys, Positions, Scratch, Sight};
use crate::trial::Serving;

/// Most line items whose memory is asked for ahead of its use: more would push each other out of the first cache.
const FETCHED_MAX: usize = 128;

/// One request with everything its auction reads.
#[derive(Clone, Copy)]
pub struct Auction<'a> {
    /// The request.
    pub request: &'a BidRequest<'a>,
    /// What it says in our words.
    pub facts: &'a RequestFacts<'a>,
    /// What targeting compares of it.
    pub keys: &'a Keys,
    /// Who may be reached, for frequency caps.
    pub people: &'a People,
    /// The user's profile, if there is one that may be used.
    pub profile: Option<&'a Profile>,
    /// The state of the world.
    pub snapshot: &'a Snapshot,
    /// What predicts: the snapshot's model, or its trial's.
    pub serving: Serving<'a>,
    /// How the exchange sells.
    pub market: Market<'a>,
    /// The exchange's name and its position.
    pub exchange: (&'a str, usize),
    /// What first price bids of a value.
    pub shade: f64,
    /// Whether everybody who sells is known to be allowed to.
    pub authorized: bool,
    /// Knobs.
    pub config: &'a Config,
    /// Bids whose impressions are not known yet.
    pub recent: &'a Provisional,
    /// The wall clock.
    pub now: Timestamp,
    /// Whether somebody wants to know of every line item how far it got.
    pub explains: bool,
    /// The steady clock, and when on it the answer must be ready.
    pub deadline: (&'a dyn Clock, u64),
}

impl<'a> Auction<'a> {
    /// The frequency caps of a candidate: its campaign's, its line item's and its ad's.
    pub(crate) fn limits(
        &self,
        candidate: &Candidate,
    ) -> impl Iterator<Item = &'a Limit> + Clone + use<'a> {
        let item = self.snapshot.items.get(candidate.item);
        let ad = item.and_then(|item| item.ads.get(candidate.ad));
        let item = item.map_or(&[][..], |item| &item.limits);
        item.iter().chain(ad.map_or(&[][..], |ad| &ad.limits))
    }
}

impl Auction<'_> {
    /// What targeting's keys are read from.
    fn key_source(&self) -> keys::Source<'_> {
        keys::Source {
            request: self.request,
            facts: self.facts,
            profile: self.profile,
            exchange: self.exchange.0,
            usage: self.snapshot.index.usage(),
            now: self.now,
        }
    }

    /// Whether the answer's time has run out.
    pub fn is_late(&self) -> bool {
        let (clock, at_us) = self.deadline;
        clock.monotonic_us() > at_us
    }

    /// Gives back what a win has taken that is not sent: its money and its room under the caps.
    pub(crate) fn give_back(&self, win: &Win) {
        let item = self.snapshot.items.get(win.candidate.item);
        if let (Some(item), Some(hold)) = (item, win.hold) {
            self.snapshot.campaign_of(item).money.give_back(hold);
            self.counting().release(self.limits(&win.candidate));
        }
    }

    /// What a check of frequency caps reads.
    pub(crate) fn counting(&self) -> Counting<'_> {
        Counting {
            people: self.people,
            recent: self.recent,
            now: self.now,
        }
    }
}

/// Buffers and counters that an auction changes; kept from request to request.
#[derive(Debug)]
pub struct Work {
    /// Draws ties.
    pub rng: SplitMix64,
    /// Counts.
    pub tally: Tally,
    matching: Positions,
    narrowed: Positions,
    scratch: Scratch,
    /// Targeting's keys of each impression.
    imp_keys: Vec<Keys>,
    /// What is read first of the line items that match.
    fronts: Vec<(usize, Front)>,
    /// Those of them that the first questions leave.
    passed: Vec<Passed>,
    /// What the model is told of those whose price follows from it, beyond what it knows of request and ad alone.
    told: Vec<(usize, ctr_model::Crosses)>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) pieces: Vec<(usize, Piece)>,
    /// Candidates that want all impressions or none, with the impression's position.
    pub(crate) aside: Vec<(usize, Candidate)>,
}

impl Work {
    /// Empty buffers.
    pub fn new(rng: SplitMix64) -> Self {
        Self {
            rng,
            tally: Tally::default(),
            matching: Positions::new(),
            narrowed: Positions::new(),
            scratch: Scratch::default(),
            imp_keys: Vec::new(),
            fronts: Vec::new(),
            passed: Vec::new(),
            told: Vec::new(),
            offers: Vec::new(),
            candidates: Vec::new(),
            pieces: Vec::new(),
            aside: Vec::new(),
        }
    }
}

/// A bid that is about to be sent.
#[derive(Debug, Clone)]
pub struct Win {
    /// The position of the impression in the request.
    pub imp: usize,
    /// What is bid.
    pub candidate: Candidate,
    /// What the model was told.
    pub features: ctr_model::Features,
    /// What it made of that before calibration: click and conversion.
    pub raw: [f32; 2],
    /// The money it has taken; none for a test.
    pub hold: Option<Hold>,
    /// How long that waits for its notice.
    pub hold_ms: i64,
    /// Impressions that it buys.
    pub quantity: i64,
    /// Whether it must be won together with all others that are.
    pub grouped: bool,
}

impl Win {
    /// The ad that it shows.
    pub(crate) fn ad<'a>(&self, auction: &Auction<'a>) -> Option<&'a Ad> {
        let item = auction.snapshot.items.get(self.candidate.item)?;
        item.ads.get(self.candidate.ad)
    }
}

/// Decides every impression of the request. Returns whether any line item was targeted at it.
pub fn run(
    auction: &Auction<'_>,
    work: &mut Work,
    wins: &mut Vec<Win>,
    mut explain: Option<&mut Sink>,
) -> bool {
    let imp_keys = find(auction, work);
    work.aside.clear();
    let mut any = false;
    for (position, imp) in auction.request.imps.iter().enumerate() {
        if position > 0 && auction.is_late() {
            break;
        }
        let sizes = imp.banner.as_ref().map_or(&[][..], |banner| banner.sizes);
        let Some(sight) = sight(auction, &imp_keys, position) else {
            break;
        };
        work.narrowed.clone_from(&work.matching);
        let index = &auction.snapshot.index;
        index.narrow(sight, &mut work.scratch, &mut work.narrowed);
        if let Some(sink) = explain.as_deref_mut() {
            note_mismatches(auction, (position, imp), sight, (&work.narrowed, sink));
        }
        let matched = !work.narrowed.is_empty();
        any |= matched;
        if !matched {
            continue;
        }
        let chance = work.rng.next_u64();
        let slot = Slot::read(auction, (position, imp), sizes, (sight, chance));
        collect(auction, &slot, work, (wins, explain.as_deref_mut()));
        choose(auction, &slot, work, (wins, explain.as_deref_mut()));
    }
    keep_best(auction, work, (wins, explain.as_deref_mut()));
    roadblock::decide(auction, (work, &imp_keys), (wins, explain));
    work.imp_keys = imp_keys;
    any
}

/// Finds the line items that the request passes, and lends out the keys of its impressions.
fn find(auction: &Auction<'_>, work: &mut Work) -> Vec<Keys> {
    let mut imp_keys = std::mem::take(&mut work.imp_keys);
    let index = &auction.snapshot.index;
    let source = auction.key_source();
    let imps = &auction.request.imps;
    if imp_keys.len() < imps.len() {
        imp_keys.resize(imps.len(), Keys::default());
    }
    for (imp, keys) in imps.iter().zip(&mut imp_keys) {
        keys::fill_imp(&source, imp, keys);
    }
    let own = imp_keys.iter().take(imps.len());
    index.matching(auction.keys, own, &mut work.scratch, &mut work.matching);
    fetch_first(auction, work);
    imp_keys
}

/// Asks for the memory that is read first of line items, so that it comes while impressions narrow them.
fn fetch_first(auction: &Auction<'_>, work: &Work) {
    let fronts = &auction.snapshot.fronts.items;
    for at in work.matching.iter().take(FETCHED_MAX) {
        let position = *at as usize;
        fronts.get(position).into_iter().for_each(prefetch);
        work.tally.prefetch(position, auction.exchange.1);
    }
}

fn sight<'k>(auction: &Auction<'k>, imps: &'k [Keys], position: usize) -> Option<Sight<'k>> {
    let imp = imps.get(position)?;
    let request = auction.keys;
    Some(Sight { request, imp })
}

/// Fills the candidates of one impression, bounded: beyond the limit a random run of them is looked at.
fn collect(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    work: &mut Work,
    (wins, mut explain): (&[Win], Option<&mut Sink>),
) {
    work.candidates.clear();
    work.tally.next_impression();
    let narrowed = std::mem::take(&mut work.narrowed);
    let count = narrowed.len();
    let skip = match count.checked_sub(CANDIDATES_MAX) {
        None | Some(0) => 0,
        Some(_) => work.rng.below(count as u64) as usize,
    };
    let (before, from) = narrowed.split_at_checked(skip).unwrap_or_default();
    gather(auction, [from, before], work);
    let fronts = std::mem::take(&mut work.fronts);
    let mut passed = std::mem::take(&mut work.passed);
    passed.clear();
    for (position, front) in &fronts {
        let mut numbers = Numbers::default();
        let first = slot.ask_first(auction, (*position, *front), &mut numbers);
        match first.and_then(|()| Passed::read(auction, (*position, *front), numbers)) {
            Ok(one) => passed.push(one),
            Err(why) => {
                let explain = explain.as_deref_mut();
                end(
                    (auction, slot),
                    work,
                    (*position, numbers),
                    (Err(why), explain),
                );
            }
        }
    }
    predict(auction, slot, &mut passed, &mut work.told);
    for one in &passed {
        let (position, mut numbers) = (one.position, one.numbers());
        let considered = match estimate(auction, slot, one) {
            Some(made) => made.map(|candidate| {
                let item = auction.snapshot.items.get(position);
                item.into_iter().for_each(prefetch_whole);
                work.candidates.push(candidate);
            }),
            None => match auction.snapshot.items.get(position) {
                Some(item) => consider(auction, slot, (position, item, wins), (work, &mut numbers)),
                None => Err(Reject::NotLive),
            },
        };
        let explain = explain.as_deref_mut();
        end(
            (auction, slot),
            work,
            (position, numbers),
            (considered, explain),
        );
    }
    fetch_best(auction, &work.candidates);
    (work.narrowed, work.fronts, work.passed) = (narrowed, fronts, passed);
}

/// Asks for the memory of the ad that will most likely bid.
fn fetch_best(auction: &Auction<'_>, candidates: &[Candidate]) {
    let best = candidates.iter().max_by_key(|candidate| candidate.rank());
    if let Some(best) = best
        && let Some(item) = auction.snapshot.items.get(best.item)
        && let Some(ad) = item.ads.get(best.ad)
    {
        prefetch_whole(ad);
        item.limits.first().into_iter().for_each(prefetch_whole);
        prefetch_whole(auction.snapshot.campaign_of(item));
        prefetch_whole(ad.creative.as_ref());
        prefetch_whole(ad.declared.as_ref());
        prefetch_whole(ad.markup.as_ref());
    }
}

/// Counts and notes how far a line item got.
fn end(
    (auction, slot): (&Auction<'_>, &Slot<'_>),
    work: &mut Work,
    (position, numbers): (usize, Numbers),
    (considered, explain): (Result<(), Reject>, Option<&mut Sink>),
) {
    let refused = considered.err();
    if let Some(sink) = explain
        && let Some(item) = auction.snapshot.items.get(position)
    {
        let detail = match refused {
            Some(Reject::Approval) => approval(auction, item, numbers.creative),
            _ => "",
        };
        let plain = verdict(slot.imp, item, refused, numbers);
        sink.note(slot.position, position, Verdict { detail, ..plain });
    }
    if let Some(why) = refused {
        refuse(auction, work, position, why);
    }
}

/// Counts what matches and copies what is read of it first. Nothing waits for anything in here, so that the reads of
/// many line items overlap.
fn gather(auction: &Auction<'_>, runs: [&[u32]; 2], work: &mut Work) {
    let fronts = &auction.snapshot.fronts;
    work.fronts.clear();
    for run in runs {
        let room = CANDIDATES_MAX.saturating_sub(work.fronts.len());
        let run = run.get(..room).unwrap_or(run);
        work.fronts.reserve(run.len());
        for at in run {
            let position = *at as usize;
            if let Some(front) = fronts.items.get(position) {
                work.fronts.push((position, *front));
                fronts.quotes.get(position).into_iter().for_each(prefetch);
                let funds = fronts.funds.get(front.campaign as usize);
                funds.into_iter().for_each(prefetch);
            }
        }
    }
    if !auction.request.test {
        for (position, front) in &work.fronts {
            let campaign = front.campaign as usize;
            work.tally.eligible(*position, campaign, auction.exchange.1);
        }
    }
}

pub(crate) fn refuse(auction: &Auction<'_>, work: &mut Work, item: usize, why: Reject) {
    if !auction.request.test {
        work.tally.refused(item, auction.exchange.1, why);
    }
}

fn verdict(imp: &Imp<'_>, item: &Item, refused: Option<Reject>, numbers: Numbers) -> Verdict {
    Verdict {
        imp: imp.id.to_string(),
        line_item: item.line_item.id,
        name: item.line_item.name.clone(),
        refused,
        detail: "",
        numbers,
    }
}

/// What the exchange says of a creative that it has not approved.
fn approval(auction: &Auction<'_>, item: &Item, creative: Option<CreativeId>) -> &'static str {
    let mut ads = item.ads.iter();
    let ad = ads.find(|ad| Some(ad.creative.id) == creative);
    let said = ad.and_then(|ad| ad.creative.approvals.get(auction.exchange.0));
    match said.map(|said| said.state) {
        Some(ApprovalState::Rejected) => "the exchange has rejected the creative",
        Some(ApprovalState::Pending) => "the exchange has not decided on the creative yet",
        Some(ApprovalState::Approved) => "",
        None => "the exchange has said nothing of the creative",
    }
}

fn note_mismatches(
    auction: &Auction<'_>,
    (position, imp): (usize, &Imp<'_>),
    sight: Sight<'_>,
    (matched, sink): (&Positions, &mut Sink),
) {
    for (at, item) in auction.snapshot.items.iter().enumerate() {
        if matched
            .binary_search_by_key(&at, |own| *own as usize)
            .is_ok()
        {
            continue;
        }
        let refusing = targeting::refusing_dimension(&item.line_item.targeting, sight);
        let plain = verdict(imp, item, Some(Reject::Targeting), Numbers::default());
        sink.note(
            position,
            at,
            Verdict {
                detail: refusing.unwrap_or_default(),
                ..plain
            },
        );
    }
}
