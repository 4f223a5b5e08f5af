//! The story of one request: which of our line items bids on each impression, and what.

use domain::creative::CreativeFormat;
use domain::limits::CANDIDATES_MAX;
use domain::money::{MICROS_PER_UNIT, Rounding};
use domain::random::SplitMix64;
use domain::targeting::Size;
use domain::{Clock, Cpm, LineItemId, Micros, Reject, Timestamp};
use proto::openrtb::{BidRequest, Imp, NativeRequest};
use std::borrow::Cow;
use store::profile::Profile;

use crate::config::{CREATIVES_TRIED_MAX, Config};
use crate::explain::{Numbers, Sink, Verdict};
use crate::facts::RequestFacts;
use crate::frequency::{self, Provisional};
use crate::money::Hold;
use crate::price::{self, PriceRule};
use crate::rules::{self, Market, Offer};
use crate::score::Scorer;
use crate::snapshot::{Ad, Item, Snapshot};
use crate::tally::Tally;
use crate::targeting::{self, Bits, Scratch};

/// Most impressions that one purchase may buy (DOOH); more is a mistake or an attack on the budget.
const QUANTITY_MAX: f64 = 100_000.0;

/// One request with everything its auction reads.
#[derive(Clone, Copy)]
pub struct Auction<'a> {
    /// The request.
    pub request: &'a BidRequest<'a>,
    /// What it says in our words.
    pub facts: &'a RequestFacts<'a>,
    /// The user's profile, if there is one that may be used.
    pub profile: Option<&'a Profile>,
    /// The state of the world.
    pub snapshot: &'a Snapshot,
    /// How the exchange sells.
    pub market: Market<'a>,
    /// The exchange's name and its position.
    pub exchange: (&'a str, usize),
    /// What first price bids of a value.
    pub shade: f64,
    /// Knobs.
    pub config: &'a Config,
    /// Bids whose impressions are not known yet.
    pub recent: &'a Provisional,
    /// The wall clock.
    pub now: Timestamp,
    /// The steady clock, and when on it the answer must be ready.
    pub deadline: (&'a dyn Clock, u64),
}

impl Auction<'_> {
    /// Whether the answer's time has run out.
    pub fn is_late(&self) -> bool {
        let (clock, at_us) = self.deadline;
        clock.monotonic_us() > at_us
    }
}

/// Buffers and counters that an auction changes; kept from request to request.
#[derive(Debug)]
pub struct Work {
    /// Draws ties.
    pub rng: SplitMix64,
    /// Counts.
    pub tally: Tally,
    matching: Bits,
    narrowed: Bits,
    scratch: Scratch,
    offers: Vec<Offer>,
    candidates: Vec<Candidate>,
}

impl Work {
    /// Empty buffers.
    pub fn new(rng: SplitMix64) -> Self {
        Self {
            rng,
            tally: Tally::default(),
            matching: Bits::new(),
            narrowed: Bits::new(),
            scratch: Scratch::default(),
            offers: Vec::new(),
            candidates: Vec::new(),
        }
    }
}

/// A line item that could bid on an impression.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The position of the line item.
    pub item: usize,
    /// The position of the ad in it.
    pub ad: usize,
    /// The position of the deal it would take.
    pub deal: Option<usize>,
    /// Which rule sets the price.
    pub rule: PriceRule,
    /// What the model was told.
    pub features: ctr_model::Features,
    /// What led to the price.
    pub numbers: Numbers,
    /// Campaign-currency micros for one unit of the answer's currency.
    pub rate: i64,
    /// What it costs when won at its own price, fee included, in the campaign's currency.
    pub full_cost: Micros,
    tie: u64,
}

/// A bid that is about to be sent.
#[derive(Debug, Clone)]
pub struct Win {
    /// The position of the impression in the request.
    pub imp: usize,
    /// What is bid.
    pub candidate: Candidate,
    /// The money it has taken; none for a test.
    pub hold: Option<Hold>,
    /// How long that waits for its notice.
    pub hold_ms: i64,
    /// Impressions that it buys.
    pub quantity: i64,
}

/// What the impression itself says, read once for all line items.
struct Slot<'a> {
    imp: &'a Imp<'a>,
    position: usize,
    native: Option<Cow<'a, NativeRequest>>,
    scorer: Scorer,
    quantity: i64,
}

/// Decides every impression of the request. Returns whether any line item was targeted at it.
pub fn run(
    auction: &Auction<'_>,
    work: &mut Work,
    wins: &mut Vec<Win>,
    mut explain: Option<&mut Sink>,
) -> bool {
    let facts = auction.facts.targeting(auction.exchange.0);
    auction
        .snapshot
        .index
        .matching(&facts, &mut work.scratch, &mut work.matching);
    let mut any = false;
    for (position, imp) in auction.request.imps.iter().enumerate() {
        if position > 0 && auction.is_late() {
            break;
        }
        let sizes = imp.banner.as_ref().map_or(&[][..], |banner| &banner.sizes);
        work.narrowed.clone_from(&work.matching);
        auction
            .snapshot
            .index
            .narrow_sizes(sizes, &mut work.scratch, &mut work.narrowed);
        if let Some(sink) = explain.as_deref_mut() {
            note_mismatches(auction, (position, imp), sizes, (&work.narrowed, sink));
        }
        let matched = targeting::positions(&work.narrowed).next().is_some();
        any |= matched;
        if !matched {
            continue;
        }
        let slot = Slot::read(auction, position, imp, sizes);
        collect(auction, &slot, work, (wins, explain.as_deref_mut()));
        if let Some(win) = choose(auction, &slot, work, explain.as_deref_mut()) {
            wins.push(win);
        }
    }
    any
}

impl<'a> Slot<'a> {
    fn read(auction: &Auction<'a>, position: usize, imp: &'a Imp<'a>, sizes: &[Size]) -> Self {
        let media = imp.video.as_ref().and_then(|v| {
            Some(Size {
                width: v.w?,
                height: v.h?,
            })
        });
        let size = sizes.first().copied().or(media);
        let at = imp.banner.as_ref().and_then(|banner| banner.pos);
        let at = at.or_else(|| imp.video.as_ref()?.pos).unwrap_or(0);
        let quantity = imp
            .multiplier
            .filter(|m| *m <= QUANTITY_MAX)
            .map_or(0, |m| m.ceil() as i64);
        Self {
            imp,
            position,
            native: imp.native.as_ref().and_then(|native| native.parsed().ok()),
            scorer: Scorer::new(auction, size, at),
            quantity,
        }
    }
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
    let count = narrowed
        .iter()
        .map(|word| word.count_ones() as usize)
        .sum::<usize>();
    let skip = match count.checked_sub(CANDIDATES_MAX) {
        None | Some(0) => 0,
        Some(_) => work.rng.below(count as u64) as usize,
    };
    let around = targeting::positions(&narrowed)
        .skip(skip)
        .chain(targeting::positions(&narrowed).take(skip));
    for position in around.take(CANDIDATES_MAX) {
        let Some(item) = auction.snapshot.items.get(position) else {
            continue;
        };
        if !auction.request.test {
            work.tally
                .eligible(position, item.campaign, auction.exchange.1);
        }
        let mut numbers = Numbers::default();
        let own = wins
            .iter()
            .filter(|win| win.candidate.item == position)
            .count();
        let considered = consider(auction, slot, (position, item, own), (work, &mut numbers));
        if let Some(sink) = explain.as_deref_mut() {
            let refused = considered.as_ref().err().copied();
            sink.note(
                slot.position,
                position,
                verdict(slot.imp, item, refused, numbers),
            );
        }
        match considered {
            Ok(candidate) => work.candidates.push(candidate),
            Err(why) => refuse(auction, work, position, why),
        }
    }
    work.narrowed = narrowed;
}

fn refuse(auction: &Auction<'_>, work: &mut Work, item: usize, why: Reject) {
    if !auction.request.test {
        work.tally.refused(item, auction.exchange.1, why);
    }
}

/// One line item on one impression: its best ad and price, or the rule that refuses it.
fn consider(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (position, item, own): (usize, &Item, usize),
    (work, numbers): (&mut Work, &mut Numbers),
) -> Result<Candidate, Reject> {
    let live = auction.snapshot.campaign_of(item);
    if !live.campaign.is_live(auction.now) {
        return Err(Reject::NotLive);
    }
    if slot.quantity < 1 {
        return Err(Reject::Floor);
    }
    check_caps(auction, item, own)?;
    let mut best: Option<Candidate> = None;
    let mut refused = None;
    for (at, ad) in item.ads.iter().enumerate().take(CREATIVES_TRIED_MAX) {
        let mut tried = Numbers::default();
        let made = try_ad(auction, slot, (item, ad), (&mut work.offers, &mut tried));
        match made {
            Ok((offer, features, rate, full_cost)) => {
                let tie = work.rng.next_u64();
                let candidate = Candidate {
                    item: position,
                    ad: at,
                    deal: offer.deal,
                    rule: offer.terms.rule,
                    features,
                    numbers: tried,
                    rate,
                    full_cost,
                    tie,
                };
                if best
                    .as_ref()
                    .is_none_or(|best| candidate.rank() > best.rank())
                {
                    best = Some(candidate);
                }
            }
            Err(why) => {
                // The refusal that came furthest says most.
                if refused.is_none_or(|earlier| why > earlier) {
                    refused = Some(why);
                    *numbers = tried;
                }
            }
        }
    }
    let best = best.ok_or(refused.unwrap_or(Reject::NotLive))?;
    *numbers = best.numbers;
    Ok(best)
}

impl Candidate {
    /// Deal bids before open ones, then by value; chance decides between equals.
    fn rank(&self) -> (bool, Cpm, u64) {
        (self.deal.is_some(), self.numbers.worth, self.tie)
    }
}

fn check_caps(auction: &Auction<'_>, item: &Item, own: usize) -> Result<(), Reject> {
    if item.caps().is_empty() {
        return Ok(());
    }
    let user = auction.facts.user.ok_or(Reject::UnknownUser)?;
    let id: LineItemId = item.line_item.id;
    let own = u32::try_from(own).unwrap_or(u32::MAX);
    let recent = auction
        .recent
        .count(user, id, auction.now)
        .saturating_add(own);
    frequency::check(item.caps(), recent, |window_s| {
        auction
            .profile
            .map_or(0, |p| p.impressions_within(id, window_s, auction.now))
    })
}

type Priced = (Offer, ctr_model::Features, i64, Micros);

/// One ad on one impression: rules, value, price, cost.
fn try_ad(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (item, ad): (&Item, &Ad),
    (offers, numbers): (&mut Vec<Offer>, &mut Numbers),
) -> Result<Priced, Reject> {
    numbers.creative = Some(ad.creative.id);
    rules::check_request(auction.request, ad)?;
    rules::check_slot(slot.imp, ad)?;
    if let CreativeFormat::Native(assets) = &ad.creative.format {
        let layout = slot.native.as_ref().ok_or(Reject::Format)?;
        proto::openrtb::markup::native::check(layout, assets).map_err(|_| Reject::Format)?;
    }
    rules::offers(auction.market, slot.imp, (item, ad), offers)?;
    let live = auction.snapshot.campaign_of(item);
    let (features, prediction) = slot.scorer.score(&auction.snapshot.model, ad);
    (numbers.click, numbers.conversion) = (prediction.click, prediction.conversion);
    numbers.value = price::value(item.line_item.bid, prediction.click, prediction.conversion);
    numbers.multiplier = live.money.multiplier();
    let (market, own) = (auction.market, live.campaign.currency);
    let in_answer = |value: Cpm| price::value_in(market.fx, value, own, market.currency);
    let max_bid = item.line_item.max_bid;
    numbers.worth = in_answer(price::paced(numbers.value, numbers.multiplier, max_bid))?;
    let full_worth = in_answer(price::paced(numbers.value, 1.0, max_bid))?;
    let offer = first_affordable(offers, numbers, full_worth, auction.shade)?;
    let unit = Micros(MICROS_PER_UNIT);
    let rate = market
        .fx
        .convert(unit, market.currency, own, Rounding::Nearest);
    let rate = rate.ok_or(Reject::Currency)?.0;
    let fee_ppm = auction.config.fee_ppm;
    let full_cost = price::full_cost(numbers.price, slot.quantity, rate, fee_ppm);
    numbers.hold = live.money.hold_amount(full_cost);
    Ok((offer, features, rate, full_cost))
}

/// The first offer whose price the worth reaches. What only pacing keeps from the floor is pacing's refusal.
fn first_affordable(
    offers: &[Offer],
    numbers: &mut Numbers,
    full_worth: Cpm,
    shade: f64,
) -> Result<Offer, Reject> {
    let mut refused = Reject::Floor;
    for offer in offers {
        numbers.floor = offer.terms.floor;
        match price::price(numbers.worth, offer.terms, shade) {
            Ok(price) => {
                numbers.price = price;
                numbers.shade = price.0.as_decimal() / numbers.worth.0.as_decimal();
                numbers.on_deal = offer.deal.is_some();
                return Ok(*offer);
            }
            Err(_) if price::price(full_worth, offer.terms, shade).is_ok() => {
                refused = Reject::Pacing;
            }
            Err(_) => {}
        }
    }
    Err(refused)
}

/// The best candidate whose campaign has the money for it.
fn choose(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    work: &mut Work,
    mut explain: Option<&mut Sink>,
) -> Option<Win> {
    let mut candidates = std::mem::take(&mut work.candidates);
    candidates.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.rank()));
    let mut won: Option<Win> = None;
    for candidate in &candidates {
        let verdict = if won.is_some() {
            Some(Reject::Outbid)
        } else {
            won = take(auction, slot, candidate);
            won.is_none().then_some(Reject::Budget)
        };
        if let Some(why) = verdict {
            refuse(auction, work, candidate.item, why);
        }
        if let Some(sink) = explain.as_deref_mut() {
            sink.settle(slot.position, candidate.item, verdict);
        }
    }
    work.candidates = candidates;
    won
}

/// Takes the money for a bid; a test takes none, but asks whether it is there.
fn take(auction: &Auction<'_>, slot: &Slot<'_>, candidate: &Candidate) -> Option<Win> {
    let item = auction.snapshot.items.get(candidate.item)?;
    let money = &auction.snapshot.campaign_of(item).money;
    let hold = money.try_hold(candidate.numbers.hold, auction.now)?;
    let hold = if auction.request.test {
        money.give_back(hold);
        None
    } else {
        Some(hold)
    };
    let exchange = auction.config.exchanges.get(auction.exchange.0)?;
    Some(Win {
        imp: slot.position,
        candidate: candidate.clone(),
        hold,
        hold_ms: crate::pacing::hold_ms(exchange.holds, slot.imp, auction.facts.inventory),
        quantity: slot.quantity,
    })
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

fn note_mismatches(
    auction: &Auction<'_>,
    (position, imp): (usize, &Imp<'_>),
    sizes: &[Size],
    (matched, sink): (&Bits, &mut Sink),
) {
    let facts = auction.facts.targeting(auction.exchange.0);
    let passed: Vec<_> = targeting::positions(matched).collect();
    for (at, item) in auction.snapshot.items.iter().enumerate() {
        if passed.binary_search(&at).is_ok() {
            continue;
        }
        let refusing = targeting::refusing_dimension(&item.line_item.targeting, &facts, sizes);
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
