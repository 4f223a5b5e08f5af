//! Money as integer micros, prices per mille, currencies and their conversion.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Micros in one unit of a currency.
pub const MICROS_PER_UNIT: i64 = 1_000_000;

/// An amount of money in millionths of a currency unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub i64);

impl Micros {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// More than any account can hold.
    pub const MAX: Self = Self(i64::MAX);

    /// Whole units, for configuration and tests; saturates.
    pub const fn from_units(units: i64) -> Self {
        Self(units.saturating_mul(MICROS_PER_UNIT))
    }

    /// A decimal amount rounded half away from zero; `None` when not finite or out of range.
    pub fn from_decimal(amount: f64) -> Option<Self> {
        let scaled = (amount * 1e6).round();
        // 2^53: beyond it a float no longer counts single micros.
        (scaled.is_finite() && scaled.abs() < 9_007_199_254_740_992.0)
            .then_some(Self(scaled as i64))
    }

    /// For display and statistics only; a ledger never sees it.
    pub fn as_decimal(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// `self * numerator / denominator`, rounded down, without overflow in between.
    pub fn mul_div(self, numerator: i64, denominator: i64) -> Self {
        assert!(
            denominator > 0,
            "a ratio of money needs a positive denominator"
        );
        let product = i128::from(self.0) * i128::from(numerator);
        Self(clamp(product.div_euclid(i128::from(denominator))))
    }

    /// `self` times a finite, non-negative factor, rounded to the nearest micro and saturated.
    /// For bids and estimates; amounts that are booked use integer ratios.
    pub fn scale(self, factor: f64) -> Self {
        Self(rounded(self.0 as f64 * factor))
    }

    /// The larger of this and zero.
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Saturating addition, for sums of limits.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The nearest whole number, halves away from zero, saturated; 0 where there is none. `f64::round` would be a call on
/// processors of the oldest kind that is built for.
fn rounded(value: f64) -> i64 {
    let whole = value as i64;
    let left = value - whole as f64;
    let (up, down) = (i64::from(left >= 0.5), i64::from(left <= -0.5));
    whole.saturating_add(up).saturating_sub(down)
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(
            self.0
                .checked_add(other.0)
                .expect("money fits 9 trillion units"),
        )
    }
}

impl Sub for Micros {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(
            self.0
                .checked_sub(other.0)
                .expect("money fits 9 trillion units"),
        )
    }
}

impl Neg for Micros {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Micros {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Micros {
    /// Units with two decimals for people; exact micros are in the JSON outputs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = (i128::from(self.0.unsigned_abs()) + 5_000) / 10_000;
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// A price for a thousand impressions, in micros of its currency: OpenRTB's unit of `price`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cpm(pub Micros);

impl Cpm {
    /// Free.
    pub const ZERO: Self = Self(Micros::ZERO);

    /// From the decimal `price` of OpenRTB; `None` when negative, not finite or out of range.
    pub fn from_decimal(price: f64) -> Option<Self> {
        Micros::from_decimal(price)
            .filter(|micros| micros.0 >= 0)
            .map(Self)
    }

    /// What one impression costs: a thousandth, rounded half up to a whole micro.
    pub fn cost(self) -> Micros {
        self.cost_of(1)
    }

    /// What `impressions` cost together (DOOH sells several per bid), rounded once.
    pub fn cost_of(self, impressions: i64) -> Micros {
        let total = i128::from(self.0.0) * i128::from(impressions);
        Micros(clamp((total + 500).div_euclid(1000)))
    }

    /// The price per mille at which one impression costs `cost`.
    pub fn from_cost(cost: Micros) -> Self {
        Self(Micros(cost.0.saturating_mul(1000)))
    }
}

impl fmt::Display for Cpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An ISO 4217 code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// What OpenRTB assumes where no currency is named.
    pub const USD: Self = Self(*b"USD");

    /// Three letters, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters are ASCII by construction")
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self::USD
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which way a conversion rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Towards more money: floors, so that a bid at the result still clears them.
    Up,
    /// Towards less money: bids, so that the buyer never pays above its limit.
    Down,
    /// To the nearest micro, half up: amounts that are booked.
    Nearest,
}

/// A dated table of exchange rates: USD micros for one unit of each currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FxTable {
    /// The day the rates are of, as days since 1970-01-01.
    pub day: i32,
    usd_micros: BTreeMap<Currency, i64>,
}

impl FxTable {
    /// Takes `(currency, USD micros per unit)`; USD itself is always there. Rates must be positive.
    pub fn new(day: i32, rates: impl IntoIterator<Item = (Currency, i64)>) -> Self {
        let mut usd_micros: BTreeMap<_, _> =
            rates.into_iter().filter(|(_, rate)| *rate > 0).collect();
        usd_micros.insert(Currency::USD, MICROS_PER_UNIT);
        Self { day, usd_micros }
    }

    /// USD micros for one unit of `currency`; `None` when the table lacks it.
    pub fn rate(&self, currency: Currency) -> Option<i64> {
        self.usd_micros.get(&currency).copied()
    }

    /// `amount` of `from` in `to`; `None` when either is unknown.
    pub fn convert(
        &self,
        amount: Micros,
        from: Currency,
        to: Currency,
        rounding: Rounding,
    ) -> Option<Micros> {
        if from == to {
            return Some(amount);
        }
        let (from, to) = (self.rate(from)?, self.rate(to)?);
        Some(convert_at(amount, from, to, rounding))
    }

    /// Every currency with its rate.
    pub fn iter(&self) -> impl Iterator<Item = (Currency, i64)> + '_ {
        self.usd_micros
            .iter()
            .map(|(currency, rate)| (*currency, *rate))
    }
}

/// `amount * from_rate / to_rate` for rates in the same third currency's micros.
pub fn convert_at(amount: Micros, from_rate: i64, to_rate: i64, rounding: Rounding) -> Micros {
    assert!(from_rate > 0 && to_rate > 0, "exchange rates are positive");
    let product = i128::from(amount.0) * i128::from(from_rate);
    let divisor = i128::from(to_rate);
    let extra = match rounding {
        Rounding::Up => divisor - 1,
        Rounding::Down => 0,
        Rounding::Nearest => divisor / 2,
    };
    Micros(clamp((product + extra).div_euclid(divisor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_small_charges_sum_exactly() {
        let price = Cpm::from_decimal(0.1).unwrap();
        let total: Micros = (0..1_000_000).map(|_| price.cost()).sum();
        assert_eq!(total, Micros::from_units(100));
    }

    #[test]
    fn scaling_rounds_as_floats_do() {
        let mut rng = crate::random::SplitMix64::new(5);
        let bits = (0..10_000).map(|_| f64::from_bits(rng.next_u64()));
        let edges = [
            0.5,
            1.5,
            2.5,
            0.49999999999999994,
            4503599627370495.5,
            9.3e18,
        ];
        let small = (0..10_000).map(|step| f64::from(step) / 8.0);
        for value in bits.chain(edges).chain(small) {
            for value in [value, -value] {
                let wanted = value.round() as i64;
                assert_eq!(Micros(1).scale(value).0, wanted, "{value:e}");
            }
        }
    }

    #[test]
    fn impossible_prices_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, -0.01, 1e12] {
            assert_eq!(Cpm::from_decimal(bad), None, "{bad}");
        }
        assert_eq!(Cpm::from_decimal(0.0), Some(Cpm::ZERO));
    }

    #[test]
    fn conversion_rounds_the_way_it_is_asked_to() {
        let eur = Currency::parse("eur").unwrap();
        let table = FxTable::new(0, [(eur, 1_080_000)]);
        let one = Micros(1);
        assert_eq!(
            table.convert(one, eur, Currency::USD, Rounding::Up),
            Some(Micros(2))
        );
        assert_eq!(
            table.convert(one, eur, Currency::USD, Rounding::Down),
            Some(Micros(1))
        );
        let hundred = Micros::from_units(100);
        assert_eq!(
            table.convert(hundred, eur, Currency::USD, Rounding::Nearest),
            Some(Micros::from_units(108))
        );
        assert_eq!(
            table.convert(one, Currency::parse("XXX").unwrap(), eur, Rounding::Up),
            None
        );
    }

    #[test]
    fn amounts_print_as_units() {
        assert_eq!(Micros(1_234_567).to_string(), "1.23");
        assert_eq!(Micros(-1_235_000).to_string(), "-1.24");
        assert_eq!(Micros(-1).to_string(), "0.00");
    }
}
