//! The request message as a `BidRequest`: top level, slots and deals. The rules are those of the JSON readers.

use domain::limits::REQUEST_IMPS_MAX;
use domain::money::Currency;

use super::wire;
use crate::openrtb::floor::FloorFields;
use crate::openrtb::imp::{DEALS_MAX, sane_multiplier};
use crate::openrtb::json::whole;
use crate::openrtb::{
    Amount, App, Arena, BannerSlot, BidRequest, Deal, Device, Dooh, DurationFloor, Imp, MediaSlot,
    Metric, NativeSlot, Pmp, Regs, RequestError, Site, SupplyChain, Text, User,
};

pub(super) fn request<'a>(
    message: &'a wire::BidRequest,
    arena: &'a Arena,
) -> Result<BidRequest<'a>, RequestError> {
    let mut request = BidRequest {
        id: text(&message.id).unwrap_or_default(),
        at: message.at.map_or(2, |at| u32::try_from(at).unwrap_or(1)),
        cattax: message.cattax.and_then(natural).unwrap_or(1),
        tmax_ms: message.tmax.and_then(natural),
        cur: currencies(arena, &message.cur),
        wseat: texts(arena, &message.wseat),
        bseat: texts(arena, &message.bseat),
        bcat: texts(arena, &message.bcat),
        acat: texts(arena, &message.acat),
        badv: texts(arena, &message.badv),
        bapp: texts(arena, &message.bapp),
        wlang: texts(arena, &message.wlang),
        wlangb: texts(arena, &message.wlangb),
        test: message.test.unwrap_or(false),
        allimps: message.allimps.unwrap_or(false),
        ..BidRequest::default()
    };
    let imps = message.imp.iter();
    let imps = imps.filter_map(|imp| Imp::from_wire(arena, imp));
    request.imps = arena.list(imps.take(REQUEST_IMPS_MAX));
    read_parties(arena, &mut request, message);
    request.checked()
}

/// Who offers the slots, to whom, under which law.
fn read_parties<'a>(arena: &'a Arena, request: &mut BidRequest<'a>, message: &'a wire::BidRequest) {
    let (device, user, regs) = (&message.device, &message.user, &message.regs);
    request.site = message
        .site
        .as_ref()
        .map(|site| Site::from_wire(arena, site));
    request.app = message.app.as_ref().map(|app| App::from_wire(arena, app));
    request.dooh = message
        .dooh
        .as_ref()
        .map(|dooh| Dooh::from_wire(arena, dooh));
    request.device = device
        .as_ref()
        .map(|device| Device::from_wire(arena, device))
        .unwrap_or_default();
    request.user = user
        .as_ref()
        .map(|user| User::from_wire(arena, user))
        .unwrap_or_default();
    request.regs = regs
        .as_ref()
        .map(|regs| Regs::from_wire(arena, regs))
        .unwrap_or_default();
    if let Some(source) = &message.source {
        let in_ext = source.ext.as_ref().and_then(|ext| ext.schain.as_ref());
        for chain in source.schain.iter().chain(in_ext) {
            let met = SupplyChain::from_wire(arena, chain);
            SupplyChain::merge(&mut request.schain, Some(met));
        }
    }
}

impl<'a> Imp<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::Imp) -> Option<Self> {
        let floor = floor(&message.bidfloor, &message.bidfloorcur);
        let (banner, native) = (message.banner.as_deref(), message.native.as_deref());
        let (video, audio) = (message.video.as_deref(), message.audio.as_deref());
        let pmp = message.pmp.as_ref();
        Some(Self {
            id: text(&message.id)?,
            banner: banner.map(|slot| BannerSlot::from_wire(arena, slot)),
            video: video.map(|slot| MediaSlot::from_video(arena, slot)),
            audio: audio.map(|slot| MediaSlot::from_audio(arena, slot)),
            native: native.map(|slot| NativeSlot::from_wire(arena, slot)),
            pmp: pmp
                .map(|pmp| Pmp::from_wire(arena, pmp))
                .unwrap_or_default(),
            floor: floor.floor().unwrap_or_default(),
            floor_currency: floor.currency(),
            secure: message.secure,
            instl: message.instl.unwrap_or(false),
            rwdd: message.rwdd.unwrap_or(false),
            ssai: message.ssai.and_then(natural).unwrap_or(0),
            bcrid: &[], // only JSON has a place for it
            exp_s: message.exp.and_then(natural),
            tagid: text(&message.tagid),
            metrics: arena.list(message.metric.iter().filter_map(metric)),
            multiplier: multiplier(message.qty.as_ref()),
            shown_at_ms: message.dt.and_then(whole),
            skadn: None, // as above
        })
    }
}

fn metric(message: &wire::Metric) -> Option<Metric<'_>> {
    Some(Metric {
        kind: text(&message.r#type)?,
        value: message.value.filter(|value| value.is_finite())?,
    })
}

fn multiplier(qty: Option<&wire::Qty>) -> Option<f64> {
    match qty.and_then(|qty| qty.multiplier) {
        None => Some(1.0),
        Some(stated) => sane_multiplier(stated),
    }
}

impl<'a> Pmp<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::Pmp) -> Self {
        let deals = message.deals.iter().take(DEALS_MAX);
        Self {
            private_auction: message.private_auction.unwrap_or(false),
            deals: arena.list(deals.filter_map(|deal| Deal::from_wire(arena, deal))),
        }
    }
}

impl<'a> Deal<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::Deal) -> Option<Self> {
        let floor = floor(&message.bidfloor, &message.bidfloorcur);
        Some(Self {
            id: text(&message.id)?,
            floor: floor.floor(),
            mincpmpersec: message.mincpmpersec.map(Amount::stated),
            durfloors: duration_floors(arena, &message.durfloors),
            floor_currency: floor.currency(),
            at: message.at.and_then(natural),
            wseat: texts(arena, &message.wseat),
            wadomain: texts(arena, &message.wadomain),
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

pub(super) fn duration_floors<'a>(
    arena: &'a Arena,
    messages: &[wire::DurFloors],
) -> &'a [DurationFloor] {
    let floors = messages.iter().map(|message| DurationFloor {
        mindur_s: message.mindur.and_then(natural).unwrap_or(0),
        maxdur_s: message.maxdur.and_then(natural).unwrap_or(u32::MAX),
        floor: Amount::stated(message.bidfloor.unwrap_or(0.0)),
    });
    arena.list(floors)
}

/// An empty list states nothing; one without any readable code allows none.
fn currencies<'a>(arena: &'a Arena, codes: &[String]) -> Option<&'a [Currency]> {
    let parsed = codes.iter().filter_map(|code| Currency::parse(code));
    (!codes.is_empty()).then(|| arena.list(parsed))
}

/// A text that is not empty.
pub(super) fn text(value: &Option<String>) -> Option<Text<'_>> {
    value.as_deref().filter(|value| !value.is_empty())
}

/// The texts that are not empty.
pub(super) fn texts<'a>(arena: &'a Arena, values: &'a [String]) -> &'a [Text<'a>] {
    arena.list(stated(values))
}

/// The texts that are not empty, one after the other.
pub(super) fn stated(values: &[String]) -> impl Iterator<Item = Text<'_>> {
    let texts = values.iter().map(String::as_str);
    texts.filter(|text| !text.is_empty())
}

/// A number that is not negative.
pub(super) fn natural(value: i32) -> Option<u32> {
    u32::try_from(value).ok()
}

/// The numbers that are not negative.
pub(super) fn naturals<'a>(arena: &'a Arena, values: &[i32]) -> &'a [u32] {
    arena.list(values.iter().copied().filter_map(natural))
}
