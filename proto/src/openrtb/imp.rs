//! One offered slot, with its private deals.

use domain::money::{Cpm, Currency};

use super::floor::{FloorFields, timed_floor};
use super::json::Json;
use super::{Amount, BannerSlot, DurationFloor, Floor, MediaSlot, NativeSlot, SkadnOffer, Text};

/// Most impressions that one purchase can mean; the largest screens reach thousands, and a price
/// times this still fits money.
const MULTIPLIER_MAX: f64 = 1e6;

/// Most deals read of one slot; real ones carry under 100, and a buyer looks at fewer.
pub(super) const DEALS_MAX: usize = 512;

/// An offered slot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Imp<'a> {
    /// Unique in the request; echoed as `impid`.
    pub id: Text<'a>,
    /// Takes a banner.
    pub banner: Option<BannerSlot<'a>>,
    /// Takes a video.
    pub video: Option<MediaSlot<'a>>,
    /// Takes an audio ad.
    pub audio: Option<MediaSlot<'a>>,
    /// Takes a native ad.
    pub native: Option<NativeSlot<'a>>,
    /// Private deals.
    pub pmp: Pmp<'a>,
    /// The least price of an open bid.
    pub floor: Floor,
    /// The currency of this slot's floors; `None` when stated but unreadable.
    pub floor_currency: Option<Currency>,
    /// Whether markup must be `https`; `None` when not stated.
    pub secure: Option<bool>,
    /// Covers the whole screen.
    pub instl: bool,
    /// The user is rewarded for watching.
    pub rwdd: bool,
    /// Who puts the ad into the stream: 0 unknown, 1 the player, 2 the server with the player's tracking, 3 the server.
    pub ssai: u32,
    /// Blocked creatives, by the `crid` of earlier bids (`ext.bcrid`).
    pub bcrid: &'a [Text<'a>],
    /// Seconds that may pass between auction and impression.
    pub exp_s: Option<u32>,
    /// The publisher's name of the slot.
    pub tagid: Option<Text<'a>>,
    /// What the exchange measured of the slot.
    pub metrics: &'a [Metric<'a>],
    /// Impressions that one purchase buys (`qty.multiplier`); 1 when not stated. `None` when stated
    /// but not a positive number of a sane size: nobody can tell what a bid would cost, so none may be made.
    pub multiplier: Option<f64>,
    /// When it is expected to be shown, in milliseconds since 1970 (`dt`).
    pub shown_at_ms: Option<i64>,
    /// Attribution by Apple's store (`ext.skadn`), where the publisher's app takes part in it.
    pub skadn: Option<&'a SkadnOffer<'a>>,
}

/// Something measured of a slot, such as its viewability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metric<'a> {
    /// What was measured.
    pub kind: Text<'a>,
    /// Probabilities are 0 to 1.
    pub value: f64,
}

/// Private deals of a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pmp<'a> {
    /// Only bids on these deals are allowed; set also when unreadable.
    pub private_auction: bool,
    /// The deals; those without an id cannot be answered and are left out.
    pub deals: &'a [Deal<'a>],
}

/// A deal between seller and buyer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Deal<'a> {
    /// Answered as `dealid`.
    pub id: Text<'a>,
    /// Its own floor, in its own currency (USD unless stated); `None` when it states none.
    pub floor: Option<Floor>,
    /// Its floor by second of duration.
    pub mincpmpersec: Option<Amount>,
    /// Its floors by duration.
    pub durfloors: &'a [DurationFloor],
    /// The currency of its floors; `None` when stated but unreadable.
    pub floor_currency: Option<Currency>,
    /// Auction type of this deal, over the request's; 3: the floor is the agreed price.
    pub at: Option<u32>,
    /// Seats that may bid on it.
    pub wseat: &'a [Text<'a>],
    /// Advertiser domains that may bid on it.
    pub wadomain: &'a [Text<'a>],
    /// Guaranteed: the buyer must bid.
    pub guar: bool,
}

impl<'a> Imp<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut imp = Self {
            multiplier: Some(1.0),
            ..Self::default()
        };
        let mut floor = FloorFields::default();
        for (key, value) in value.object()? {
            match key {
                "bidfloor" => floor.read_amount(value),
                "bidfloorcur" => floor.read_currency(value),
                "banner" => imp.banner = BannerSlot::read(value),
                "video" => imp.video = MediaSlot::read(value),
                "audio" => imp.audio = MediaSlot::read(value),
                "native" => imp.native = NativeSlot::read(value),
                _ => imp.read_term(key, value),
            }
        }
        imp.floor = floor.floor().unwrap_or_default();
        imp.floor_currency = floor.currency();
        (!imp.id.is_empty()).then_some(imp)
    }

    fn read_term(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "id" => self.id = value.text().unwrap_or_default(),
            "pmp" => self.pmp = Pmp::read(value),
            "secure" => self.secure = value.flag(),
            "instl" => self.instl = value.flag().unwrap_or(false),
            "rwdd" => self.rwdd = value.flag().unwrap_or(false),
            "exp" => self.exp_s = value.u32(),
            "tagid" => self.tagid = value.text(),
            "metric" => {
                let metrics = value.items().filter_map(Metric::read);
                self.metrics = value.arena().list(metrics);
            }
            "qty" => self.multiplier = multiplier(value),
            "dt" => self.shown_at_ms = value.int(),
            "ssai" => self.ssai = value.u32().unwrap_or(0),
            "ext" => self.read_ext(value),
            _ => {}
        }
    }

    fn read_ext(&mut self, value: Json<'_, 'a>) {
        if let Some(blocked) = value.get("bcrid") {
            self.bcrid = blocked.texts();
        }
        if let Some(skadn) = value.get("skadn") {
            let offer = SkadnOffer::read(skadn);
            self.skadn = offer.map(|offer| skadn.arena().keep(offer));
        }
        let rewarded = value.get("rewarded").or(value.get("is_rewarded_inventory"));
        self.rwdd |= rewarded.and_then(Json::flag).unwrap_or(false);
    }

    /// The least price of an open bid with a video or audio ad of `duration_s` in `slot`.
    pub fn floor_of(&self, slot: &MediaSlot<'_>, duration_s: u32) -> Floor {
        match timed_floor(slot.mincpmpersec, slot.durfloors, duration_s) {
            Some(amount) => amount.in_currency(self.floor_currency),
            None => self.floor,
        }
    }
}

impl<'a> Metric<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        Some(Self {
            kind: value.get("type")?.text()?,
            value: value.get("value")?.number()?,
        })
    }
}

/// An absent `qty` or multiplier is one impression.
fn multiplier(qty: Json<'_, '_>) -> Option<f64> {
    if qty.is_null() {
        return Some(1.0);
    }
    let fields = qty.object()?;
    let stated = fields
        .filter(|(key, value)| *key == "multiplier" && !value.is_null())
        .last();
    match stated {
        None => Some(1.0),
        Some((_, value)) => value.number().and_then(sane_multiplier),
    }
}

pub(super) fn sane_multiplier(multiplier: f64) -> Option<f64> {
    (multiplier > 0.0 && multiplier <= MULTIPLIER_MAX).then_some(multiplier)
}

impl<'a> Pmp<'a> {
    fn read(value: Json<'_, 'a>) -> Self {
        let mut pmp = Self::default();
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "private_auction" => pmp.private_auction = value.privacy_flag().unwrap_or(false),
                "deals" => {
                    let deals = value.items().filter_map(Deal::read).take(DEALS_MAX);
                    pmp.deals = value.arena().list(deals);
                }
                _ => {}
            }
        }
        pmp
    }
}

impl<'a> Deal<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut deal = Self::default();
        let mut floor = FloorFields::default();
        for (key, value) in value.object()? {
            match key {
                "id" => deal.id = value.text().unwrap_or_default(),
                "bidfloor" => floor.read_amount(value),
                "bidfloorcur" => floor.read_currency(value),
                "mincpmpersec" => deal.mincpmpersec = Amount::read(value),
                "durfloors" => deal.durfloors = DurationFloor::read_all(value),
                "at" => deal.at = value.u32(),
                "wseat" => deal.wseat = value.texts(),
                "wadomain" => deal.wadomain = value.texts(),
                "guar" => deal.guar = value.flag().unwrap_or(false),
                _ => {}
            }
        }
        deal.floor = floor.floor();
        deal.floor_currency = floor.currency();
        (!deal.id.is_empty()).then_some(deal)
    }

    /// The least price of a bid on this deal; the slot's when it states none of its own. With a
    /// duration for a video or audio ad in `slot`.
    pub fn floor_in(&self, imp: &Imp<'_>, media: Option<(&MediaSlot<'_>, u32)>) -> Floor {
        let timed = media
            .and_then(|(_, duration_s)| timed_floor(self.mincpmpersec, self.durfloors, duration_s));
        let own = timed.map(|amount| amount.in_currency(self.floor_currency));
        match (own.or(self.floor), media) {
            (Some(floor), _) => floor,
            (None, Some((slot, duration_s))) => imp.floor_of(slot, duration_s),
            (None, None) => imp.floor,
        }
    }

    /// The agreed price, when the floor is one (`at` 3).
    pub fn fixed_price(&self) -> Option<(Cpm, Currency)> {
        match self.floor {
            Some(Floor::At(price, currency)) if self.at == Some(3) => Some((price, currency)),
            _ => None,
        }
    }
}
