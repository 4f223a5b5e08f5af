//! One line item on one impression: its best ad, what that is worth, and the price, or the rule that refuses.

use domain::creative::CreativeFormat;
use domain::money::{MICROS_PER_UNIT, Rounding};
use domain::targeting::Size;
use domain::{BidModel, Capped, Cpm, LineItemId, Micros, Reject};
use proto::openrtb::{Imp, NativeRequest};

use crate::auction::{Auction, Work};
use crate::config::CREATIVES_TRIED_MAX;
use crate::explain::Numbers;
use crate::frequency;
use crate::price::{self, PriceRule};
use crate::rules::{self, Offer};
use crate::score::Scorer;
use crate::snapshot::{Ad, Item, Shape};

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

impl Candidate {
    /// Deal bids before open ones, then by value; chance decides between equals.
    pub(crate) fn rank(&self) -> (bool, Cpm, u64) {
        (self.deal.is_some(), self.numbers.worth, self.tie)
    }
}

/// What the impression itself says, read once for all line items.
pub(crate) struct Slot<'a> {
    pub(crate) imp: &'a Imp<'a>,
    pub(crate) position: usize,
    native: Option<&'a NativeRequest<'a>>,
    scorer: Scorer,
    pub(crate) quantity: i64,
}

impl<'a> Slot<'a> {
    pub(crate) fn read(
        auction: &Auction<'a>,
        position: usize,
        imp: &'a Imp<'a>,
        sizes: &[Size],
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
            native: imp.native.as_ref().and_then(|native| native.parsed().ok()),
            scorer: Scorer::new(auction, size, at),
            quantity,
        }
    }

    /// Whether ads of this shape may fit; asked first, since it reads nothing but the line item's first bytes.
    fn could_take(&self, shape: Shape) -> bool {
        match (shape, &self.imp.banner) {
            (Shape::Mixed, _) => true,
            (Shape::Banner(size), Some(banner)) => banner.takes(size),
            (Shape::Banner(_), None) => false,
        }
    }
}

/// One line item on one impression: its best ad and price, or the rule that refuses it.
pub(crate) fn consider(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (position, item, own): (usize, &Item, usize),
    (work, numbers): (&mut Work, &mut Numbers),
) -> Result<Candidate, Reject> {
    if !slot.could_take(item.shape) {
        return Err(Reject::Format);
    }
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
        auction.profile.map_or(0, |p| {
            p.impressions_within(Capped::LineItem(id), window_s, auction.now)
        })
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
    // The cheaper check first: most ads that are refused do not fit the slot.
    rules::check_slot(slot.imp, ad)?;
    rules::check_request(auction.request, ad)?;
    if let CreativeFormat::Native(assets) = &ad.creative.format {
        let layout = slot.native.as_ref().ok_or(Reject::Format)?;
        proto::openrtb::markup::native::check(layout, assets).map_err(|_| Reject::Format)?;
    }
    rules::offers(auction.market, slot.imp, (item, ad), offers)?;
    let live = auction.snapshot.campaign_of(item);
    check_bound(auction, item, offers, numbers)?;
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

/// Refuses, before the model is asked, what no prediction could make affordable: no bid is worth more than its
/// line item's most, and a price per mille is known without a prediction.
fn check_bound(
    auction: &Auction<'_>,
    item: &Item,
    offers: &[Offer],
    numbers: &mut Numbers,
) -> Result<(), Reject> {
    let (market, max_bid) = (auction.market, item.line_item.max_bid);
    let most = match item.line_item.bid {
        BidModel::Cpm(value) => value.min(max_bid),
        BidModel::Cpc(_) | BidModel::Cpa(_) => max_bid,
    };
    let own = auction.snapshot.campaign_of(item).campaign.currency;
    let most = price::value_in(market.fx, most, own, market.currency)?;
    let mut tried = Numbers {
        worth: most,
        ..*numbers
    };
    let found = first_affordable(offers, &mut tried, most, auction.shade);
    numbers.floor = tried.floor;
    found.map(|_| ())
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
