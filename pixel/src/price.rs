//! The clearing price as exchanges tell it: a number, sealed, nothing, or a macro that was never filled in.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use domain::limits::NOTICE_AGE_MS_MAX;
use domain::{Cpm, Currency, Micros, Timestamp};
use proto::event::BidRef;
use proto::price::{SealedPriceKeys, open};

use crate::verify::FUTURE_MS_MAX;

/// Longest number in base64 that is read, in characters; a price in micros has under 24.
const ENCODED_CHARS_MAX: usize = 64;

/// Base64 as `${NAME:B64}` brings it: numbers have neither of the two characters that the alphabets differ in.
const ENCODED: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of exchanges that seal their prices, by the exchange's name.
pub type PriceKeys = BTreeMap<String, SealedPriceKeys>;

/// A notice's decoded parameters about money; empty where it has none.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// `${AUCTION_PRICE}` or the exchange's own macro.
    pub price: &'a str,
    /// `${AUCTION_CURRENCY}`.
    pub currency: &'a str,
}

/// What a price parameter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// A price no higher than the bid.
    Told(Cpm),
    /// A price above the bid, cut to the bid: no notice costs more.
    Capped(Cpm),
    /// Empty, `AUDIT`, an unexpanded macro, negative, or no number: nothing may be booked on it.
    Missing,
    /// The exchange seals its prices, and this one does not verify: forged, replayed or not sealed.
    Unverified,
    /// In another currency than the bid's: no number of ours.
    OtherCurrency,
}

impl Price {
    /// Reads what a notice tells of `bid`'s price. With `keys` only a price sealed by them counts.
    pub fn read(told: Told<'_>, bid: &BidRef, keys: Option<&SealedPriceKeys>) -> Self {
        let text = told.price.trim();
        let currency = Currency::parse(told.currency.trim());
        if currency.is_some_and(|currency| currency != bid.bid_currency()) {
            return Self::OtherCurrency;
        }
        match keys {
            None => Self::parse(text, bid.price()),
            Some(_) if says_nothing(text) => Self::Missing,
            Some(keys) => open(keys, text, &sealing_times(bid)).map_or(Self::Unverified, |price| {
                Self::at_most(price, bid.price().max(Cpm::ZERO))
            }),
        }
    }

    /// Reads the decoded plain parameter of a bid made at `bid`.
    fn parse(text: &str, bid: Cpm) -> Self {
        let bid = bid.max(Cpm::ZERO);
        let Some(decimal) = told_decimal(text) else {
            return Self::Missing;
        };
        // Also what is too large to count in micros is above the bid.
        Cpm::from_decimal(decimal).map_or(Self::Capped(bid), |price| Self::at_most(price, bid))
    }

    fn at_most(price: Cpm, bid: Cpm) -> Self {
        if price <= bid {
            Self::Told(price)
        } else {
            Self::Capped(bid)
        }
    }

    /// What is booked.
    pub fn cpm(self) -> Cpm {
        match self {
            Self::Told(price) | Self::Capped(price) => price,
            Self::Missing | Self::Unverified | Self::OtherCurrency => Cpm::ZERO,
        }
    }

    /// Whether there was none that could be believed.
    pub fn is_missing(self) -> bool {
        !matches!(self, Self::Told(_) | Self::Capped(_))
    }

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Told(_) => "told",
            Self::Capped(_) => "capped",
            Self::Missing => "missing",
            Self::Unverified => "unverified",
            Self::OtherCurrency => "other_currency",
        }
    }
}

/// A macro without a value, not replaced, or of an audit.
fn says_nothing(text: &str) -> bool {
    text.is_empty() || text == "AUDIT" || text.starts_with("${") || text.starts_with("%%")
}

/// When a bid's price can have been sealed: after the bid and while its notices are taken, give or take clocks.
fn sealing_times(bid: &BidRef) -> RangeInclusive<Timestamp> {
    let at = |ms: i64| Timestamp(bid.bid_at_ms.saturating_add(ms));
    at(-FUTURE_MS_MAX)..=at(NOTICE_AGE_MS_MAX + FUTURE_MS_MAX)
}

/// A decimal amount that is not negative, in micros; `None` when it is none or above `units_max`.
pub fn parse_amount(text: &str, units_max: i64) -> Option<Micros> {
    let amount = Micros::from_decimal(parse_decimal(text)?)?;
    (amount <= Micros::from_units(units_max)).then_some(amount)
}

/// A finite decimal that is not negative.
pub(crate) fn parse_decimal(text: &str) -> Option<f64> {
    let decimal: f64 = text.trim().parse().ok()?;
    // The sign of -0.0 counts: an exchange that sends it means something else than a price.
    (decimal.is_finite() && decimal.is_sign_positive()).then_some(decimal)
}

/// A finite decimal that is not negative, plain or in base64 (`${NAME:B64}`). No number reads as both: in base64 one
/// begins with a letter.
pub(crate) fn told_decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    parse_decimal(text).or_else(|| {
        let short = Some(text).filter(|text| text.len() <= ENCODED_CHARS_MAX)?;
        let decoded = ENCODED.decode(short).ok()?;
        parse_decimal(std::str::from_utf8(&decoded).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_as_exchanges_send_them() {
        let bid = Cpm(Micros(2_500_000));
        let told = |micros| Price::Told(Cpm(Micros(micros)));
        let cases = [
            ("1.25", told(1_250_000)),
            (" 1.25 ", told(1_250_000)),
            ("0", told(0)),
            ("2.5", told(2_500_000)),
            ("1e-1", told(100_000)),
            ("2.500001", Price::Capped(bid)),
            ("1e300", Price::Capped(bid)),
            ("", Price::Missing),
            ("AUDIT", Price::Missing),
            ("${AUCTION_PRICE}", Price::Missing),
            ("-1", Price::Missing),
            ("-0.0", Price::Missing),
            ("NaN", Price::Missing),
            ("inf", Price::Missing),
            ("1e999", Price::Missing),
            ("1,25", Price::Missing),
            ("1.25USD", Price::Missing),
            ("MS4yNQ==", told(1_250_000)),
            ("MS4yNQ", told(1_250_000)),
            ("OTk=", Price::Capped(bid)),
            ("MA==", told(0)),
            ("LTE=", Price::Missing),
            ("bmFu", Price::Missing),
            ("QVVESVQ=", Price::Missing),
            ("JHtBVUNUSU9OX1BSSUNFfQ==", Price::Missing),
            ("TVM0eU5RPT0=", Price::Missing),
            ("MS4y=NQ", Price::Missing),
            ("YWJjMTIzZGVmNDU2Z2hpN0j6BTCRE5jI2Md_yw", Price::Missing),
        ];
        for (text, expected) in cases {
            assert_eq!(Price::parse(text, bid), expected, "{text}");
        }
        assert_eq!(Price::parse("1", Cpm(Micros(-5))).cpm(), Cpm::ZERO);
    }

    #[test]
    fn a_price_in_another_currency_is_no_price() {
        let bid = BidRef {
            price_cpm_micros: 2_500_000,
            currency: "EUR".into(),
            ..BidRef::default()
        };
        let cases = [
            ("", false),
            ("EUR", false),
            ("eur", false),
            ("AUDIT", false),
            ("${AUCTION_CURRENCY}", false),
            ("USD", true),
        ];
        for (currency, missing) in cases {
            let price = "1";
            let read = Price::read(Told { price, currency }, &bid, None);
            assert_eq!(read.is_missing(), missing, "{currency}");
        }
    }

    #[test]
    fn amounts_are_bounded() {
        assert_eq!(parse_amount("19.99", 100), Some(Micros(19_990_000)));
        for bad in ["100.01", "-1", "NaN", "", "1e18"] {
            assert_eq!(parse_amount(bad, 100), None, "{bad}");
        }
    }
}
