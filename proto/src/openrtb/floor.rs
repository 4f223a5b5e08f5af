//! Floors: the least a bid must offer, never read lower than it was meant.

use domain::money::{Cpm, Currency, Micros};

use super::json::Json;

/// The least price of a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// This price in this currency; zero USD when none is stated.
    At(Cpm, Currency),
    /// Stated, but nobody can tell what it says: the slot or deal may not be bid on.
    Unreadable,
}

impl Default for Floor {
    fn default() -> Self {
        Self::At(Cpm::ZERO, Currency::USD)
    }
}

/// A price whose currency is that of the floor beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This price.
    Of(Cpm),
    /// Stated, but unreadable.
    Unreadable,
}

/// A floor for ads of some durations (`durfloors`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationFloor {
    /// Shortest duration it is for, in seconds.
    pub mindur_s: u32,
    /// Longest duration it is for, in seconds.
    pub maxdur_s: u32,
    /// The floor.
    pub floor: Amount,
}

impl Amount {
    /// A price, rounded up to a whole micro; negative ones and those met twice are unreadable.
    /// `None` when nothing is stated.
    pub(super) fn read(value: Json<'_, '_>) -> Option<Self> {
        if value.is_null() || value.string() == Some("") {
            return None;
        }
        Some(value.number().map_or(Self::Unreadable, Self::stated))
    }

    /// What the number `price` says.
    pub(super) fn stated(price: f64) -> Self {
        at_least(price).map_or(Self::Unreadable, Self::Of)
    }

    /// In `currency`.
    pub(super) fn in_currency(self, currency: Option<Currency>) -> Floor {
        match (self, currency) {
            (Self::Of(price), _) if price == Cpm::ZERO => Floor::default(),
            (Self::Of(price), Some(currency)) => Floor::At(price, currency),
            _ => Floor::Unreadable,
        }
    }
}

/// The smallest price of whole micros that is not below `price`.
fn at_least(price: f64) -> Option<Cpm> {
    let nearest = Cpm::from_decimal(price)?;
    let lost = nearest.0.as_decimal() < price;
    Some(Cpm(nearest.0 + Micros(i64::from(lost))))
}

/// `bidfloor` and `bidfloorcur` while they are being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FloorFields {
    amount: Option<Amount>,
    currency: Option<Option<Currency>>,
}

impl FloorFields {
    pub(super) fn read_amount(&mut self, value: Json<'_, '_>) {
        if let Some(met) = Amount::read(value) {
            self.meet_amount(met);
        }
    }

    /// Takes over a floor; a second one makes it unreadable.
    pub(super) fn meet_amount(&mut self, met: Amount) {
        self.amount = Some(match self.amount {
            Some(_) => Amount::Unreadable,
            None => met,
        });
    }

    pub(super) fn read_currency(&mut self, value: Json<'_, '_>) {
        if value.is_null() || value.string() == Some("") {
            return;
        }
        self.meet_currency(value.string().unwrap_or("?"));
    }

    /// Takes over a currency code; one that differs from those before makes it unreadable.
    pub(super) fn meet_currency(&mut self, code: &str) {
        let met = Currency::parse(code.trim());
        self.currency = Some(match self.currency {
            Some(before) if before != met => None,
            _ => met,
        });
    }

    /// The currency; `None` when unreadable.
    pub(super) fn currency(&self) -> Option<Currency> {
        self.currency.unwrap_or(Some(Currency::USD))
    }

    /// The floor; `None` when not stated.
    pub(super) fn floor(&self) -> Option<Floor> {
        Some(self.amount?.in_currency(self.currency()))
    }
}

impl DurationFloor {
    pub(super) fn read_all<'a>(value: Json<'_, 'a>) -> &'a [Self] {
        value.arena().list(value.items().filter_map(Self::read))
    }

    fn read(value: Json<'_, '_>) -> Option<Self> {
        let mut floor = Self {
            mindur_s: 0,
            maxdur_s: u32::MAX,
            floor: Amount::Of(Cpm::ZERO),
        };
        for (key, value) in value.object()? {
            match key {
                "mindur" => floor.mindur_s = value.u32().unwrap_or(0),
                "maxdur" => floor.maxdur_s = value.u32().unwrap_or(u32::MAX),
                "bidfloor" => floor.floor = Amount::read(value).unwrap_or(floor.floor),
                _ => {}
            }
        }
        Some(floor)
    }
}

/// The floor of an ad of `duration_s`, by second or by range of durations; `None` when neither is
/// stated for it. Nothing by second is what senders fill in who have no such floor.
pub(super) fn timed_floor(
    per_second: Option<Amount>,
    ranges: &[DurationFloor],
    duration_s: u32,
) -> Option<Amount> {
    let stated = per_second.filter(|amount| *amount != Amount::Of(Cpm::ZERO));
    let by_second = stated.map(|amount| match amount {
        Amount::Of(price) => Amount::Of(Cpm(price.0.mul_div(i64::from(duration_s), 1))),
        Amount::Unreadable => Amount::Unreadable,
    });
    let fits = |range: &&DurationFloor| (range.mindur_s..=range.maxdur_s).contains(&duration_s);
    let by_range = ranges.iter().filter(fits).map(|range| range.floor);
    by_second.into_iter().chain(by_range).reduce(dearer)
}

fn dearer(one: Amount, other: Amount) -> Amount {
    match (one, other) {
        (Amount::Of(one), Amount::Of(other)) => Amount::Of(one.max(other)),
        _ => Amount::Unreadable,
    }
}
