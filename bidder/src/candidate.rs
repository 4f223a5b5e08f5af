//! One line item on one impression: its best ad, what that is worth, and the price, or the rule that refuses.

use ctr_model::{Ask, Features, Prediction};
use domain::campaign::Rotation;
use domain::creative::CreativeFormat;
use domain::random::{SplitMix64, mix};
use domain::targeting::Size;
use domain::{Capped, Cpm, IdScope, Micros, Reject};
use proto::openrtb::{Imp, NativeRequest};

use crate::auction::{Auction, Win, Work};
use crate::config::CREATIVES_TRIED_MAX;
use crate::estimate::{Means, Priced, appraise, check_bound};
use crate::explain::Numbers;
use crate::fit;
use crate::pod::{self, Separation};
use crate::price::{self, PriceRule, Terms};
use crate::roadblock;
use crate::rotation;
use crate::rules::{self, Offer};
use crate::score::Scorer;
use crate::snapshot::{Ad, AdFront, Front, Item, LiveCampaign, Shape};
use crate::targeting::Sight;

/// No bid modifier applies, in millionths.
const PLAIN_PPM: i64 = 1_000_000;
/// Most impressions that one purchase may buy (DOOH); more is a mistake or an attack on the budget.
const QUANTITY_MAX: f64 = 100_000.0;

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
    /// What led to the price.
    pub numbers: Numbers,
    /// Campaign-currency micros for one unit of the answer's currency.
    pub rate: i64,
    /// What it costs when won at its own price, fee included, in the campaign's currency.
    pub full_cost: Micros,
    /// The deal is a guaranteed one: it has to be bid on.
    pub guaranteed: bool,
    /// How long it plays in the slot's dynamic pod; none for anything else.
    pub seconds: Option<u32>,
    /// Why it does not bid; none once it does.
    pub(crate) fate: Option<Reject>,
    tie: u64,
    /// Every rule has been asked; of an estimate only when its turn comes.
    checked: bool,
}

impl Candidate {
    /// Guaranteed deals before others and those before open bids, then by value; chance decides between equals.
    pub(crate) fn rank(&self) -> (Tier, Cpm, u64) {
        (self.tier(), self.numbers.worth, self.tie)
    }

    /// What comes first, whatever it is worth.
    pub(crate) fn tier(&self) -> Tier {
        match (self.guaranteed, self.deal) {
            (true, _) => Tier::Guaranteed,
            (false, Some(_)) => Tier::Deal,
            (false, None) => Tier::Open,
        }
    }
}

/// An open bid never displaces one on a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    Open,
    Deal,
    Guaranteed,
}

/// What the impression itself says, read once for all line items.
pub(crate) struct Slot<'a> {
    pub(crate) imp: &'a Imp<'a>,
    pub(crate) position: usize,
    /// What targeting and bid modifiers see of it.
    pub(crate) sight: Sight<'a>,
    native: Option<&'a NativeRequest<'a>>,
    pub(crate) scorer: Scorer,
    pub(crate) quantity: i64,
    /// The terms of the open auction for banners; none where everything is sold on deals, or the floor cannot be read.
    open: Option<Terms>,
    /// Whether the rules may be asked last: nothing goes into a dynamic pod and nobody wants an explanation.
    pub(crate) estimates: bool,
    pub(crate) separation: Separation,
    /// What chance decides on this impression follows from this and the line item alone, whatever else is looked at.
    chance: u64,
}

impl<'a> Slot<'a> {
    pub(crate) fn read(
        auction: &Auction<'a>,
        (position, imp): (usize, &'a Imp<'a>),
        sizes: &[Size],
        (sight, chance): (Sight<'a>, u64),
    ) -> Self {
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
            sight,
            native: imp.native.as_ref().and_then(|native| native.parsed().ok()),
            scorer: Scorer::new(size, at),
            quantity,
            open: rules::open_terms(auction.market, imp, imp.floor).ok(),
            estimates: !auction.explains
                && quantity > 0
                && !imp.pmp.private_auction
                && !pod::is_dynamic(imp),
            separation: Separation::of(auction.request, imp),
            chance,
        }
    }

    /// Draws for a line item, by position.
    fn chance_of(&self, position: usize) -> SplitMix64 {
        SplitMix64::new(mix(self.chance ^ position as u64))
    }

    /// Whether the ad may not stand in one pod with what is bid already for this or another slot of it.
    pub(crate) fn is_barred(&self, auction: &Auction<'_>, wins: &[Win], ad: &Ad) -> bool {
        wins.iter().any(|win| {
            let imp = auction.request.imps.get(win.imp);
            let other = imp.filter(|imp| pod::share_a_pod(imp, self.imp));
            let other = other.and_then(|_| win.ad(auction));
            other.is_some_and(|other| self.separation.keeps_apart(ad, other))
        })
    }

    /// The first rules, which read next to nothing of a line item.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub(crate) fn ask_first(
        &self,
        auction: &Auction<'_>,
        (position, front): (usize, Front),
        numbers: &mut Numbers,
    ) -> Result<(), Reject> {
        if !self.could_take(front.shape) {
            return Err(Reject::Format);
        }
        numbers.factor_ppm = auction.snapshot.index.factor_ppm(position, self.sight);
        self.reaches_floor(auction, front, numbers)?;
        let funds = auction.snapshot.fronts.funds.get(front.campaign as usize);
        if !funds.is_some_and(|funds| funds.flight.contains(&auction.now)) {
            return Err(Reject::NotLive);
        }
        Ok(())
    }

    /// Refuses what could not reach the floor if it were worth all that the line item bids: nothing more has to be
    /// read then. Only where that is one comparison; else it is found later.
    fn reaches_floor(
        &self,
        auction: &Auction<'_>,
        front: Front,
        numbers: &mut Numbers,
    ) -> Result<(), Reject> {
        let only_open = front.buys_open && self.imp.pmp.deals.is_empty();
        let Some(terms) = self.open.filter(|_| only_open) else {
            return Ok(());
        };
        let is_plain = matches!(front.shape, Shape::Banner(_))
            && numbers.factor_ppm == PLAIN_PPM
            && front.currency == auction.market.currency;
        if is_plain && let Err(why) = price::price(front.most, terms, auction.shade) {
            numbers.floor = terms.floor;
            return Err(why);
        }
        Ok(())
    }

    /// The terms on which an ad is shown without a deal. The line item's `shape` spares most ads being read.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(crate) fn open_terms(
        &self,
        auction: &Auction<'_>,
        (shape, ad): (Shape, &AdFront),
    ) -> Result<Terms, Reject> {
        let shape = match shape {
            Shape::Mixed => ad.shape,
            common => common,
        };
        let media = match shape {
            Shape::Video => self.imp.video.as_ref(),
            Shape::Audio => self.imp.audio.as_ref(),
            Shape::Banner(_) | Shape::Native | Shape::Mixed => None,
        };
        let floor = media.map_or(self.imp.floor, |slot| {
            self.imp.floor_of(slot, ad.duration_s)
        });
        rules::open_terms(auction.market, self.imp, floor)
    }

    /// A candidate that no rule has been asked about, as it is for the first of a line item's ads.
    pub(crate) fn candidate(
        &self,
        (item, ad): (usize, usize),
        numbers: Numbers,
        (offer, rate, full_cost): Priced,
    ) -> Candidate {
        Candidate {
            item,
            ad,
            deal: offer.deal,
            rule: offer.terms.rule,
            numbers,
            rate,
            full_cost,
            guaranteed: offer.guaranteed,
            seconds: None,
            fate: Some(Reject::Outbid),
            tie: self.chance_of(item).next_u64(),
            checked: false,
        }
    }

    /// What the model expects of a winning ad, with the features it was told: they are logged with the bid.
    pub(crate) fn score(&self, auction: &Auction<'_>, ad: &AdFront) -> (Features, Prediction) {
        let features = self.scorer.features(auction, ad);
        (features, self.expect(auction, ad, Ask::Both))
    }

    /// What the model expects of an ad.
    pub(crate) fn expect(&self, auction: &Auction<'_>, ad: &AdFront, ask: Ask) -> Prediction {
        let crosses = self.scorer.crosses(auction, ad);
        self.scorer.predict(auction, (ad, &crosses), ask)
    }

    /// Whether ads of this shape may fit.
    pub(crate) fn could_take(&self, shape: Shape) -> bool {
        match shape {
            Shape::Banner(size) => {
                let slot = self.imp.banner.as_ref();
                slot.is_some_and(|slot| slot.takes(size))
            }
            Shape::Video => self.imp.video.is_some(),
            Shape::Audio => self.imp.audio.is_some(),
            Shape::Native => self.imp.native.is_some(),
            Shape::Mixed => true,
        }
    }
}

/// One line item on one impression: its best ad becomes a candidate, and each ad that could go into a dynamic pod.
///
/// # Errors
/// The rule that refuses it.
pub(crate) fn consider(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (position, item, wins): (usize, &Item, &[Win]),
    (work, numbers): (&mut Work, &mut Numbers),
) -> Result<(), Reject> {
    if slot.quantity < 1 {
        return Err(Reject::Floor);
    }
    if item.line_item.authorized_sellers && !auction.authorized {
        return Err(Reject::Targeting);
    }
    roadblock::check(auction, slot.imp, item)?;
    auction.counting().check(&item.limits)?;
    let mut best: Option<Candidate> = None;
    let (mut refused, before) = (None, work.candidates.len());
    let mut chance = slot.chance_of(position);
    let turn = whose_turn(auction, slot, (position, item, wins));
    let fronts = auction.snapshot.fronts.ads_of(position);
    let ads = item.ads.iter().zip(fronts).enumerate();
    let ads = ads.take(CREATIVES_TRIED_MAX);
    for (at, (ad, front)) in ads.filter(|(at, _)| turn.is_none_or(|turn| turn == *at)) {
        let mut tried = Numbers {
            factor_ppm: numbers.factor_ppm,
            ..Numbers::default()
        };
        let made = match slot.is_barred(auction, wins, ad) {
            true => Err(Reject::Separation),
            false => {
                let read = (&mut work.offers, &mut tried);
                try_ad(auction, slot, (item, ad, front), read)
            }
        };
        match made {
            Ok(priced) => {
                let candidate = Candidate {
                    seconds: pod::seconds_in(slot.imp, ad),
                    tie: chance.next_u64(),
                    checked: true,
                    ..slot.candidate((position, at), tried, priced)
                };
                if candidate.seconds.is_some() {
                    *numbers = tried;
                    work.candidates.push(candidate);
                } else if best
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
    match best {
        Some(best) => {
            *numbers = best.numbers;
            work.candidates.push(best);
            Ok(())
        }
        None if work.candidates.len() > before => Ok(()),
        None => Err(refused.unwrap_or(Reject::NotLive)),
    }
}

/// The position of the ad whose turn it is; `None` when prediction decides, or no ad fits.
fn whose_turn(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (position, item, wins): (usize, &Item, &[Win]),
) -> Option<usize> {
    if item.line_item.rotation == Rotation::Value {
        return None;
    }
    let (mut positions, mut weights) = ([0; CREATIVES_TRIED_MAX], [0; CREATIVES_TRIED_MAX]);
    let fitting = item.ads.iter().enumerate().take(CREATIVES_TRIED_MAX);
    let live = auction.snapshot.campaign_of(item);
    let fitting = fitting.filter(|(_, ad)| {
        check_ad(auction, slot, (ad, live)).is_ok()
            && !slot.is_barred(auction, wins, ad)
            && auction.counting().check(&ad.limits).is_ok()
    });
    let places = positions.iter_mut().zip(&mut weights);
    let mut count = 0;
    for ((at, ad), (position, weight)) in fitting.zip(places) {
        (*position, *weight) = (at, ad.weight);
        count += 1;
    }
    let own = wins.iter().filter(|win| win.candidate.item == position);
    let seen = times_seen(auction, item, own.count());
    let weights = weights.get(..count)?;
    // Not the draws that decide ties.
    let mut chance = slot.chance_of(!position);
    let turn = rotation::choose(&item.line_item.rotation, weights, seen, &mut chance)?;
    positions.get(turn).copied()
}

/// How often the user has seen the line item in the last 30 days, bids under way included where a cap counts them.
fn times_seen(auction: &Auction<'_>, item: &Item, own: usize) -> u32 {
    const WINDOW_S: u32 = 30 * 86_400;
    let Some(person) = auction.people.get(IdScope::User) else {
        return 0;
    };
    let (object, now) = (Capped::LineItem(item.line_item.id), auction.now);
    let stored = person.profile.impressions_within(object, WINDOW_S, now);
    let recent = &person.profile.recent;
    let under_way = auction.recent.count((person.key, object), now, recent);
    let own = u32::try_from(own).unwrap_or(u32::MAX);
    // What is bid in this answer is under way already, if a cap counts it.
    stored.saturating_add(under_way.max(own))
}

/// Whether an ad may be shown in a slot at all, whatever it costs.
fn check_ad(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (ad, live): (&Ad, &LiveCampaign),
) -> Result<(), Reject> {
    // The cheaper check first: most ads that are refused do not fit the slot.
    fit::check_slot(slot.imp, ad)?;
    rules::check_request(auction.request, ad)?;
    rules::check_showing(auction.request, slot.imp, (ad, live))?;
    if ad.barred.contains(&auction.exchange.1) {
        return Err(Reject::Approval);
    }
    if let CreativeFormat::Native(assets) = &ad.creative.format {
        let layout = slot.native.as_ref().ok_or(Reject::Format)?;
        proto::openrtb::markup::native::check(layout, assets).map_err(|_| Reject::Format)?;
    }
    Ok(())
}

/// One ad on one impression: rules, value, price, cost.
fn try_ad(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (item, ad, front): (&Item, &Ad, &AdFront),
    (offers, numbers): (&mut Vec<Offer>, &mut Numbers),
) -> Result<Priced, Reject> {
    numbers.creative = Some(ad.creative.id);
    let live = auction.snapshot.campaign_of(item);
    check_ad(auction, slot, (ad, live))?;
    rules::offers(auction.market, slot.imp, (item, ad), offers)?;
    auction.counting().check(&ad.limits)?;
    let means = Means {
        bid: item.line_item.bid,
        max_bid: item.line_item.max_bid,
        currency: live.campaign.currency,
        multiplier: live.money.multiplier(),
        money: &live.money,
        prediction: None,
    };
    check_bound(auction, means, offers, numbers)?;
    appraise(auction, slot, (means, front), (offers, numbers))
}

/// Asks the rules that an estimate left out.
///
/// # Errors
/// The first rule that refuses.
pub(crate) fn check(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    candidate: &mut Candidate,
) -> Result<(), Reject> {
    if std::mem::replace(&mut candidate.checked, true) {
        return Ok(());
    }
    let item = auction.snapshot.items.get(candidate.item);
    let ad = item.and_then(|item| item.ads.get(candidate.ad));
    let (item, ad) = item.zip(ad).ok_or(Reject::NotLive)?;
    candidate.numbers.creative = Some(ad.creative.id);
    auction.counting().check(&item.limits)?;
    check_ad(auction, slot, (ad, auction.snapshot.campaign_of(item)))?;
    auction.counting().check(&ad.limits)
}
