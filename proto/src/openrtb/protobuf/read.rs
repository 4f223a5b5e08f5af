//! The request message as a `BidRequest`: top level, slots and deals. The rules are those of the JSON readers.

use std::borrow::Cow;

use domain::limits::REQUEST_IMPS_MAX;
use domain::money::Currency;

use super::wire;
use crate::openrtb::floor::FloorFields;
use crate::openrtb::imp::sane_multiplier;
use crate::openrtb::json::whole;
use crate::openrtb::{
    Amount, App, BannerSlot, BidRequest, Deal, Device, Dooh, DurationFloor, Imp, MediaSlot,
    NativeSlot, Pmp, Regs, RequestError, Site, SupplyChain, Text, User,
};

pub(super) fn request(message: &wire::BidRequest) -> Result<BidRequest<'_>, RequestError> {
    let mut request = BidRequest {
        id: text(&message.id).unwrap_or_default(),
        at: message.at.map_or(2, |at| u32::try_from(at).unwrap_or(1)),
        cattax: message.cattax.and_then(natural).unwrap_or(1),
        tmax_ms: message.tmax.and_then(natural),
        cur: currencies(&message.cur),
        wseat: texts(&message.wseat),
        bseat: texts(&message.bseat),
        bcat: texts(&message.bcat),
        acat: texts(&message.acat),
        badv: texts(&message.badv),
        bapp: texts(&message.bapp),
        wlang: texts(&message.wlang),
        test: message.test.unwrap_or(false),
        allimps: message.allimps.unwrap_or(false),
        ..BidRequest::default()
    };
    let imps = message.imp.iter().filter_map(Imp::from_wire);
    request.imps = imps.take(REQUEST_IMPS_MAX).collect();
    read_parties(&mut request, message);
    request.checked()
}

/// Who offers the slots, to whom, under which law.
fn read_parties<'a>(request: &mut BidRequest<'a>, message: &'a wire::BidRequest) {
    request.site = message.site.as_ref().map(Site::from_wire);
    request.app = message.app.as_ref().map(App::from_wire);
    request.dooh = message.dooh.as_ref().map(Dooh::from_wire);
    request.device = message
        .device
        .as_ref()
        .map(Device::from_wire)
        .unwrap_or_default();
    request.user = message
        .user
        .as_ref()
        .map(User::from_wire)
        .unwrap_or_default();
    request.regs = message
        .regs
        .as_ref()
        .map(Regs::from_wire)
        .unwrap_or_default();
    if let Some(source) = &message.source {
        let in_ext = source.ext.as_ref().and_then(|ext| ext.schain.as_ref());
        for chain in source.schain.iter().chain(in_ext) {
            SupplyChain::merge(&mut request.schain, Some(SupplyChain::from_wire(chain)));
        }
    }
}

impl<'a> Imp<'a> {
    fn from_wire(message: &'a wire::Imp) -> Option<Self> {
        let floor = floor(&message.bidfloor, &message.bidfloorcur);
        Some(Self {
            id: text(&message.id)?,
            banner: message.banner.as_deref().map(BannerSlot::from_wire),
            video: message.video.as_deref().map(MediaSlot::from_video),
            audio: message.audio.as_deref().map(MediaSlot::from_audio),
            native: message.native.as_deref().map(NativeSlot::from_wire),
            pmp: message.pmp.as_ref().map(Pmp::from_wire).unwrap_or_default(),
            floor: floor.floor().unwrap_or_default(),
            floor_currency: floor.currency(),
            secure: message.secure,
            instl: message.instl.unwrap_or(false),
            rwdd: message.rwdd.unwrap_or(false),
            exp_s: message.exp.and_then(natural),
            tagid: text(&message.tagid),
            multiplier: multiplier(message.qty.as_ref()),
            shown_at_ms: message.dt.and_then(whole),
        })
    }
}

fn multiplier(qty: Option<&wire::Qty>) -> Option<f64> {
    match qty.and_then(|qty| qty.multiplier) {
        None => Some(1.0),
        Some(stated) => sane_multiplier(stated),
    }
}

impl<'a> Pmp<'a> {
    fn from_wire(message: &'a wire::Pmp) -> Self {
        Self {
            private_auction: message.private_auction.unwrap_or(false),
            deals: message.deals.iter().filter_map(Deal::from_wire).collect(),
        }
    }
}

impl<'a> Deal<'a> {
    fn from_wire(message: &'a wire::Deal) -> Option<Self> {
        let floor = floor(&message.bidfloor, &message.bidfloorcur);
        Some(Self {
            id: text(&message.id)?,
            floor: floor.floor(),
            mincpmpersec: message.mincpmpersec.map(Amount::stated),
            durfloors: duration_floors(&message.durfloors),
            floor_currency: floor.currency(),
            at: message.at.and_then(natural),
            wseat: texts(&message.wseat),
            wadomain: texts(&message.wadomain),
            guar: message.guar.is_some_and(|guar| guar != 0),
        })
    }
}

fn floor(amounts: &[f64], currencies: &[String]) -> FloorFields {
    let mut floor = FloorFields::default();
    for amount in amounts {
        floor.meet_amount(Amount::stated(*amount));
    }
    for code in currencies.iter().filter(|code| !code.is_empty()) {
        floor.meet_currency(code);
    }
    floor
}

pub(super) fn duration_floors(messages: &[wire::DurFloors]) -> Vec<DurationFloor> {
    let floors = messages.iter().map(|message| DurationFloor {
        mindur_s: message.mindur.and_then(natural).unwrap_or(0),
        maxdur_s: message.maxdur.and_then(natural).unwrap_or(u32::MAX),
        floor: Amount::stated(message.bidfloor.unwrap_or(0.0)),
    });
    floors.collect()
}

/// An empty list states nothing; one without any readable code allows none.
fn currencies(codes: &[String]) -> Option<Vec<Currency>> {
    let parsed = codes.iter().filter_map(|code| Currency::parse(code));
    (!codes.is_empty()).then(|| parsed.collect())
}

/// A text that is not empty.
pub(super) fn text(value: &Option<String>) -> Option<Text<'_>> {
    let value = value.as_deref().filter(|value| !value.is_empty());
    value.map(Cow::Borrowed)
}

/// The texts that are not empty.
pub(super) fn texts(values: &[String]) -> Vec<Text<'_>> {
    let stated = values.iter().filter(|value| !value.is_empty());
    stated.map(|value| Cow::Borrowed(value.as_str())).collect()
}

/// A number that is not negative.
pub(super) fn natural(value: i32) -> Option<u32> {
    u32::try_from(value).ok()
}

/// The numbers that are not negative.
pub(super) fn naturals(values: &[i32]) -> Vec<u32> {
    values.iter().copied().filter_map(natural).collect()
}
