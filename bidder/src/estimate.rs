//! What an impression is worth to a line item and what it bids for it: from its few numbers alone, without reading it.

use ctr_model::engine::prefetch_whole;
use ctr_model::{Ask, Crosses, Prediction};
use domain::money::{MICROS_PER_UNIT, Rounding};
use domain::{BidModel, Cpm, Currency, Micros, Reject};

use crate::auction::Auction;
use crate::candidate::{Candidate, Slot};
use crate::config::CREATIVES_TRIED_MAX;
use crate::explain::Numbers;
use crate::money::CampaignMoney;
use crate::price;
use crate::rules::Offer;
use crate::score;
use crate::snapshot::{AdFront, Buys, Front, Quote};

/// The offer taken, campaign-currency micros for one unit of the answer's currency, and the bid's whole cost.
pub(crate) type Priced = (Offer, i64, Micros);

/// What a line item bids, and what with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means<'a> {
    /// What it pays for.
    pub(crate) bid: BidModel,
    /// The most that it bids.
    pub(crate) max_bid: Cpm,
    /// The currency of both.
    pub(crate) currency: Currency,
    /// Pacing's multiplier.
    pub(crate) multiplier: f64,
    /// Its campaign's money.
    pub(crate) money: &'a CampaignMoney,
    /// What the model expects of the ad, if it has been asked.
    pub(crate) prediction: Option<Prediction>,
}

/// A line item that the first questions left, with what its price follows from. Nothing of it is looked at when it is
/// read, so that the reads of many line items overlap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) position: usize,
    front: Front,
    quote: Quote,
    factor_ppm: i64,
    prediction: Option<Prediction>,
}

impl Passed {
    /// Reads what a line item bids.
    ///
    /// # Errors
    /// `NotLive` where the snapshot has no such line item.
    pub(crate) fn read(
        auction: &Auction<'_>,
        (position, front): (usize, Front),
        numbers: Numbers,
    ) -> Result<Self, Reject> {
        let fronts = &auction.snapshot.fronts;
        let funds = fronts.funds.get(front.campaign as usize);
        let quote = *fronts.quotes.get(position).ok_or(Reject::NotLive)?;
        prefetch_whole(funds.ok_or(Reject::NotLive)?.money.as_ref());
        fronts.fetch_ad(&quote);
        Ok(Self {
            position,
            front,
            quote,
            factor_ppm: numbers.factor_ppm,
            prediction: None,
        })
    }

    /// The numbers that are known of it.
    pub(crate) fn numbers(&self) -> Numbers {
        Numbers {
            factor_ppm: self.factor_ppm,
            ..Numbers::default()
        }
    }
}

/// Asks the model about all whose price follows from it: first what it is told of each, then what it makes of that.
/// Neither loop waits for one line item before it turns to the next, so that their reads overlap.
pub(crate) fn predict(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    passed: &mut [Passed],
    told: &mut Vec<(usize, Crosses)>,
) {
    told.clear();
    let asked = passed.iter().enumerate();
    let asked = asked.filter(|(_, one)| !matches!(one.quote.bid, BidModel::Cpm(_)));
    told.extend(asked.filter_map(|(at, one)| {
        let (_, ad) = only_ad(auction, slot, one)?;
        Some((at, slot.scorer.crosses(auction, ad)))
    }));
    for (at, crosses) in told {
        let Some(one) = passed.get_mut(*at) else {
            continue;
        };
        let ask = score::ask_for(one.quote.bid);
        let ad = only_ad(auction, slot, one);
        one.prediction = ad.map(|(_, ad)| slot.scorer.predict(auction, (ad, crosses), ask));
    }
}

/// What a line item would bid in the open auction with its `only_ad`, before any other rule is asked: most are
/// outbid, and nobody has to know then whether they might have bid.
pub(crate) fn estimate(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    passed: &Passed,
) -> Option<Result<Candidate, Reject>> {
    let (quote, front) = (passed.quote, passed.front);
    let (at, ad) = only_ad(auction, slot, passed)?;
    let funds = &auction.snapshot.fronts.funds;
    let money = &funds.get(front.campaign as usize)?.money;
    let means = Means {
        bid: quote.bid,
        max_bid: quote.max_bid,
        currency: front.currency,
        multiplier: money.multiplier(),
        money,
        prediction: passed.prediction,
    };
    let mut numbers = passed.numbers();
    let made = slot
        .open_terms(auction, (front.shape, ad))
        .and_then(|terms| {
            let offer = Offer {
                deal: None,
                terms,
                guaranteed: false,
            };
            appraise(auction, slot, (means, ad), (&[offer], &mut numbers))
        });
    Some(made.map(|priced| slot.candidate((passed.position, at), numbers, priced)))
}

/// The only one of a line item's ads that fits by shape. Nothing where more ads fit, where it may buy on a deal, where
/// it asks for more than one impression can tell, or where everything is to be explained: all rules come first there.
fn only_ad<'a>(
    auction: &Auction<'a>,
    slot: &Slot<'_>,
    passed: &Passed,
) -> Option<(usize, &'a AdFront)> {
    let bought_openly = match passed.quote.buys {
        Buys::Open => true,
        Buys::Everywhere => slot.imp.pmp.deals.is_empty(),
        Buys::Named => false,
    };
    if !slot.estimates || !bought_openly || passed.quote.asks_more {
        return None;
    }
    let ads = auction.snapshot.fronts.ads_of(passed.position);
    let at = match ads {
        // Its shape is the line item's, which has been asked for.
        [_] => 0,
        more => only_fitting(slot, more)?,
    };
    Some((at, ads.get(at)?))
}

/// The position of the ad that fits by shape; none where several do.
fn only_fitting(slot: &Slot<'_>, ads: &[AdFront]) -> Option<usize> {
    let ads = ads.iter().take(CREATIVES_TRIED_MAX).enumerate();
    let mut fitting = ads.filter(|(_, ad)| slot.could_take(ad.shape));
    let (at, _) = fitting.next()?;
    fitting.next().is_none().then_some(at)
}

/// What an ad on one impression is worth, its price on the first of the offers that it reaches, and its cost.
///
/// # Errors
/// `Floor` where it reaches none, `Pacing` where only pacing keeps it from one, `Currency` without a rate.
pub(crate) fn appraise(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (means, ad): (Means<'_>, &AdFront),
    (offers, numbers): (&[Offer], &mut Numbers),
) -> Result<Priced, Reject> {
    // A price per mille is known without a prediction: the model is asked once it has won.
    if auction.explains || !matches!(means.bid, BidModel::Cpm(_)) {
        let ask = match auction.explains {
            true => Ask::Both,
            false => score::ask_for(means.bid),
        };
        let asked = means.prediction;
        let prediction = asked.unwrap_or_else(|| slot.expect(auction, ad, ask));
        (numbers.click, numbers.conversion) = (prediction.click, prediction.conversion);
    }
    numbers.value = price::value(means.bid, numbers.click, numbers.conversion);
    numbers.multiplier = means.multiplier;
    let (market, own, max_bid) = (auction.market, means.currency, means.max_bid);
    let in_answer = |value: Cpm| price::value_in(market.fx, value, own, market.currency);
    let value = price::modified(numbers.value, numbers.factor_ppm);
    let worths = Worths {
        paced: in_answer(price::paced(value, numbers.multiplier, max_bid))?,
        full: in_answer(price::paced(value, 1.0, max_bid))?,
        most: in_answer(max_bid)?,
    };
    let offer = first_affordable(offers, numbers, worths, auction.shade)?;
    let unit = Micros(MICROS_PER_UNIT);
    let rate = market
        .fx
        .convert(unit, market.currency, own, Rounding::Nearest);
    let rate = rate.ok_or(Reject::Currency)?.0;
    let fee_ppm = auction.config.fee_ppm;
    let full_cost = price::full_cost(numbers.price, slot.quantity, rate, fee_ppm);
    numbers.hold = means.money.hold_amount(full_cost);
    Ok((offer, rate, full_cost))
}

/// Refuses, before the model is asked, what no prediction could make affordable: no bid is worth more than its
/// line item's most, and a price per mille is known without a prediction.
pub(crate) fn check_bound(
    auction: &Auction<'_>,
    means: Means<'_>,
    offers: &[Offer],
    numbers: &mut Numbers,
) -> Result<(), Reject> {
    let (market, max_bid, own) = (auction.market, means.max_bid, means.currency);
    let most = match means.bid {
        BidModel::Cpm(value) => price::modified(value, numbers.factor_ppm).min(max_bid),
        BidModel::Cpc(_) | BidModel::Cpa(_) => max_bid,
    };
    let full = price::value_in(market.fx, most, own, market.currency)?;
    let worths = Worths {
        paced: full,
        full,
        most: price::value_in(market.fx, max_bid, own, market.currency)?,
    };
    let mut tried = *numbers;
    let found = first_affordable(offers, &mut tried, worths, auction.shade);
    numbers.floor = tried.floor;
    found.map(|_| ())
}

/// What an impression is worth, in the answer's currency.
#[derive(Debug, Clone, Copy)]
struct Worths {
    /// After pacing.
    paced: Cpm,
    /// Without it.
    full: Cpm,
    /// The most that the line item ever bids.
    most: Cpm,
}

/// The first offer whose price the worth reaches. What only pacing keeps from the floor is pacing's refusal.
fn first_affordable(
    offers: &[Offer],
    numbers: &mut Numbers,
    worths: Worths,
    shade: f64,
) -> Result<Offer, Reject> {
    let mut refused = Reject::Floor;
    numbers.worth = worths.paced;
    for offer in offers {
        numbers.floor = offer.terms.floor;
        let worth = match offer.guaranteed {
            true => price::guaranteed(worths.full, offer.terms, worths.most),
            false => worths.paced,
        };
        match price::price(worth, offer.terms, shade) {
            Ok(price) => {
                (numbers.price, numbers.worth) = (price, worth);
                if offer.guaranteed {
                    numbers.multiplier = 1.0;
                }
                numbers.shade = price.0.as_decimal() / numbers.worth.0.as_decimal();
                numbers.on_deal = offer.deal.is_some();
                return Ok(*offer);
            }
            Err(_) if price::price(worths.full, offer.terms, shade).is_ok() => {
                refused = Reject::Pacing;
            }
            Err(_) => {}
        }
    }
    Err(refused)
}
