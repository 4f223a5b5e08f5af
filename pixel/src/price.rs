//! The clearing price as exchanges tell it: a number, nothing, or a macro that was never filled in.

use domain::{Cpm, Micros};

/// What a price parameter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// A price no higher than the bid.
    Told(Cpm),
    /// A price above the bid, cut to the bid: no notice costs more.
    Capped(Cpm),
    /// Empty, `AUDIT`, an unexpanded macro, negative, or no number: nothing may be booked on it.
    Missing,
}

impl Price {
    /// Reads the decoded parameter of a bid made at `bid`.
    pub fn parse(text: &str, bid: Cpm) -> Self {
        let bid = bid.max(Cpm::ZERO);
        let Some(decimal) = parse_decimal(text) else {
            return Self::Missing;
        };
        match Cpm::from_decimal(decimal) {
            Some(price) if price <= bid => Self::Told(price),
            // Also what is too large to count in micros is above the bid.
            _ => Self::Capped(bid),
        }
    }

    /// What is booked.
    pub fn cpm(self) -> Cpm {
        match self {
            Self::Told(price) | Self::Capped(price) => price,
            Self::Missing => Cpm::ZERO,
        }
    }

    /// Whether there was none.
    pub fn is_missing(self) -> bool {
        self == Self::Missing
    }

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Told(_) => "told",
            Self::Capped(_) => "capped",
            Self::Missing => "missing",
        }
    }
}

/// A decimal amount that is not negative, in micros; `None` when it is none or above `units_max`.
pub fn parse_amount(text: &str, units_max: i64) -> Option<Micros> {
    let amount = Micros::from_decimal(parse_decimal(text)?)?;
    (amount <= Micros::from_units(units_max)).then_some(amount)
}

fn parse_decimal(text: &str) -> Option<f64> {
    let decimal: f64 = text.trim().parse().ok()?;
    // The sign of -0.0 counts: an exchange that sends it means something else than a price.
    (decimal.is_finite() && decimal.is_sign_positive()).then_some(decimal)
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
            ("YWJjMTIzZGVmNDU2Z2hpN0j6BTCRE5jI2Md_yw", Price::Missing),
        ];
        for (text, expected) in cases {
            assert_eq!(Price::parse(text, bid), expected, "{text}");
        }
        assert_eq!(Price::parse("1", Cpm(Micros(-5))).cpm(), Cpm::ZERO);
    }

    #[test]
    fn amounts_are_bounded() {
        assert_eq!(parse_amount("19.99", 100), Some(Micros(19_990_000)));
        for bad in ["100.01", "-1", "NaN", "", "1e18"] {
            assert_eq!(parse_amount(bad, 100), None, "{bad}");
        }
    }
}
