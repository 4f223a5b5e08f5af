//! From what an impression is worth to what is bid for it. All pure; money rounds against nobody but us.

use domain::money::Rounding;
use domain::{BidModel, Cpm, Currency, FxTable, Micros, Reject};

/// Prices are bid in steps of this many micros of CPM: four decimals, which every exchange reads.
pub const PRICE_STEP_MICROS: i64 = 100;

/// What one thousand such impressions are worth to the line item, in its campaign's currency.
pub fn value(bid: BidModel, click: f32, conversion: f32) -> Cpm {
    match bid {
        BidModel::Cpm(cpm) => cpm,
        BidModel::Cpc(per_click) => Cpm(Cpm::from_cost(per_click).0.scale(f64::from(click))),
        BidModel::Cpa(per_action) => {
            let rate = f64::from(click) * f64::from(conversion);
            Cpm(Cpm::from_cost(per_action).0.scale(rate))
        }
    }
}

/// A value with the line item's bid modifiers, which are a factor in millionths.
pub fn modified(value: Cpm, factor_ppm: i64) -> Cpm {
    const ONE_PPM: i64 = 1_000_000;
    match factor_ppm {
        ONE_PPM => value,
        _ => Cpm(domain::money::convert_at(
            value.0,
            factor_ppm.max(1),
            ONE_PPM,
            Rounding::Down,
        )),
    }
}

/// The value after pacing, never above the line item's own limit.
pub fn paced(value: Cpm, multiplier: f64, max_bid: Cpm) -> Cpm {
    Cpm(value.0.scale(multiplier)).min(max_bid)
}

/// On what terms an impression is sold, in the currency of our answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The least price that is accepted.
    pub floor: Cpm,
    /// Which rule sets the price.
    pub rule: PriceRule,
}

/// Which rule sets the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceRule {
    /// The winner pays its bid.
    First,
    /// The winner pays the runner-up's.
    Second,
    /// The price is the floor (a deal with `at` 3).
    Fixed,
}

/// The price to bid: `worth` is the paced value in the answer's currency, `shade` what first price bids of it.
///
/// # Errors
/// `Floor` when the value does not reach the floor, or is nothing.
pub fn price(worth: Cpm, terms: Terms, shade: f64) -> Result<Cpm, Reject> {
    let wanted = match terms.rule {
        PriceRule::Fixed => terms.floor,
        PriceRule::Second => round_down(worth),
        PriceRule::First => round_down(shaded(worth, shade)),
    };
    let raised = if wanted < terms.floor {
        round_up(terms.floor)
    } else {
        wanted
    };
    if raised > worth || raised <= Cpm::ZERO {
        return Err(Reject::Floor);
    }
    Ok(raised)
}

/// What an impression on a guaranteed deal is worth: it must be bid on, so the agreed price lifts a lower value, up to
/// the `most` that the line item ever bids.
pub fn guaranteed(value: Cpm, terms: Terms, most: Cpm) -> Cpm {
    value.max(round_up(terms.floor)).min(most)
}

/// What first price bids of a value: a fixed part of it.
pub fn shaded(worth: Cpm, shade: f64) -> Cpm {
    Cpm(worth.0.scale(shade)).min(worth)
}

fn round_down(price: Cpm) -> Cpm {
    Cpm(Micros(
        price.0.0.div_euclid(PRICE_STEP_MICROS) * PRICE_STEP_MICROS,
    ))
}

fn round_up(price: Cpm) -> Cpm {
    let steps = price
        .0
        .0
        .saturating_add(PRICE_STEP_MICROS - 1)
        .div_euclid(PRICE_STEP_MICROS);
    Cpm(Micros(steps * PRICE_STEP_MICROS))
}

/// A floor in the answer's currency, rounded up so that a bid at it still clears.
///
/// # Errors
/// `Currency` when its currency has no rate.
pub fn floor_in(fx: &FxTable, floor: Cpm, from: Currency, to: Currency) -> Result<Cpm, Reject> {
    convert(fx, floor, (from, to), Rounding::Up)
}

/// A value in the answer's currency, rounded down so that the limit holds.
///
/// # Errors
/// `Currency` when its currency has no rate.
pub fn value_in(fx: &FxTable, value: Cpm, from: Currency, to: Currency) -> Result<Cpm, Reject> {
    convert(fx, value, (from, to), Rounding::Down)
}

fn convert(
    fx: &FxTable,
    price: Cpm,
    (from, to): (Currency, Currency),
    rounding: Rounding,
) -> Result<Cpm, Reject> {
    fx.convert(price.0, from, to, rounding)
        .map(Cpm)
        .ok_or(Reject::Currency)
}

/// The answer's one currency: the accepted one that most of our line items use (`ours` is in that order),
/// else the first accepted one that has a rate.
pub fn answer_currency(fx: &FxTable, accepted: &[Currency], ours: &[Currency]) -> Option<Currency> {
    let has_rate = |currency: &&Currency| fx.rate(**currency).is_some();
    let own = ours
        .iter()
        .filter(has_rate)
        .find(|currency| accepted.contains(currency));
    own.or_else(|| accepted.iter().find(has_rate)).copied()
}

/// What a bid may cost its campaign at most, in the campaign's currency: the media cost at `rate`
/// (campaign-currency micros for one unit of the bid's) and the fee on it, rounded up.
pub fn full_cost(price: Cpm, impressions: i64, rate: i64, fee_ppm: i64) -> Micros {
    let unit = domain::money::MICROS_PER_UNIT;
    let charged = price.cost_of(impressions);
    let media = domain::money::convert_at(charged, rate.max(1), unit, Rounding::Up);
    if fee_ppm <= 0 {
        return media;
    }
    media.saturating_add(domain::money::convert_at(
        media,
        fee_ppm,
        unit,
        Rounding::Up,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpm(units: f64) -> Cpm {
        Cpm::from_decimal(units).unwrap()
    }

    fn terms(floor: f64, rule: PriceRule) -> Terms {
        Terms {
            floor: cpm(floor),
            rule,
        }
    }

    #[test]
    fn values_follow_the_bid_model() {
        assert_eq!(value(BidModel::Cpm(cpm(2.0)), 0.5, 0.5), cpm(2.0));
        let dollar = Micros::from_units(1);
        assert_eq!(value(BidModel::Cpc(dollar), 0.5, 0.0), cpm(500.0));
        assert_eq!(value(BidModel::Cpa(dollar), 0.5, 0.5), cpm(250.0));
        assert_eq!(paced(cpm(2.0), 0.5, cpm(9.0)), cpm(1.0));
        assert_eq!(paced(cpm(2.0), 1.0, cpm(1.5)), cpm(1.5));
        assert_eq!(modified(cpm(2.0), 1_000_000), cpm(2.0));
        assert_eq!(modified(cpm(2.0), 1_250_000), cpm(2.5));
        assert_eq!(modified(Cpm(Micros(3)), 100_000), Cpm::ZERO);
    }

    #[test]
    fn prices_reach_the_floor_or_are_refused() {
        let cases = [
            (2.0, terms(0.0, PriceRule::Second), Some(2.0)),
            (2.0, terms(2.0, PriceRule::Second), Some(2.0)),
            (2.0, terms(2.0001, PriceRule::Second), None),
            (2.0, terms(0.5, PriceRule::First), Some(1.7)),
            (2.0, terms(1.9, PriceRule::First), Some(1.9)),
            (2.0, terms(2.1, PriceRule::First), None),
            (2.0, terms(1.23456, PriceRule::Fixed), Some(1.23456)),
            (1.0, terms(1.5, PriceRule::Fixed), None),
            (0.0, terms(0.0, PriceRule::Second), None),
            (2.0, terms(1.90001, PriceRule::First), Some(1.9001)),
            (0.00019, terms(0.0, PriceRule::Second), Some(0.0001)),
            (0.00009, terms(0.0, PriceRule::Second), None),
        ];
        for (worth, terms, wanted) in cases {
            let got = price(cpm(worth), terms, 0.85);
            assert_eq!(got.ok(), wanted.map(cpm), "{worth} {terms:?}");
        }
    }

    #[test]
    fn a_guaranteed_deal_lifts_the_value_up_to_the_most() {
        let cases = [
            (2.0, terms(3.0, PriceRule::First), 5.0, Some(3.0)),
            (2.0, terms(3.0, PriceRule::Fixed), 5.0, Some(3.0)),
            (2.0, terms(1.0, PriceRule::First), 5.0, Some(1.7)),
            (2.0, terms(6.0, PriceRule::Second), 5.0, None),
            (0.0, terms(0.0, PriceRule::Second), 5.0, None),
        ];
        for (value, terms, most, wanted) in cases {
            let worth = guaranteed(cpm(value), terms, cpm(most));
            assert_eq!(price(worth, terms, 0.85).ok(), wanted.map(cpm), "{terms:?}");
        }
    }

    #[test]
    fn the_answer_has_one_currency_that_is_accepted() {
        let code = |text: &str| Currency::parse(text).unwrap();
        let fx = FxTable::new(0, [(code("EUR"), 1_100_000)]);
        let (usd, eur, xxx) = (Currency::USD, code("EUR"), code("XXX"));
        assert_eq!(answer_currency(&fx, &[], &[eur]), None);
        assert_eq!(answer_currency(&fx, &[usd, eur], &[eur, usd]), Some(eur));
        assert_eq!(answer_currency(&fx, &[xxx, eur], &[usd]), Some(eur));
        assert_eq!(answer_currency(&fx, &[xxx], &[usd, xxx]), None);
    }

    #[test]
    fn a_hold_covers_cost_and_fee() {
        assert_eq!(full_cost(cpm(2.0), 1, 1_000_000, 0), Micros(2000));
        assert_eq!(full_cost(cpm(2.0), 10, 1_100_000, 0), Micros(22_000));
        assert_eq!(full_cost(cpm(2.0), 1, 1_000_000, 100_000), Micros(2200));
        assert_eq!(full_cost(cpm(0.001), 1, 1_100_000, 1), Micros(3));
    }
}
