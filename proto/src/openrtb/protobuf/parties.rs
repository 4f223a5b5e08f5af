//! Who offers, who watches, who resold and which law holds, read from the request message.

use super::read::{natural, stated, text, texts};
use super::wire;
use crate::openrtb::inventory::LABELS_MAX;
use crate::openrtb::json::{split_texts, text_flag};
use crate::openrtb::source::NODES_MAX;
use crate::openrtb::user::DATA_MAX;
use crate::openrtb::{
    App, Arena, ClientHints, Content, Device, Dooh, Eid, Geo, Publisher, Regs, Signal, Site,
    SupplyChain, SupplyChainNode, Text, Uid, User, UserData,
};

impl<'a> Publisher<'a> {
    fn from_wire(message: Option<&'a wire::Publisher>) -> Self {
        message.map_or_else(Self::default, |message| Self {
            id: text(&message.id),
            name: text(&message.name),
            domain: text(&message.domain),
        })
    }
}

impl<'a> Content<'a> {
    fn from_wire(arena: &'a Arena, message: Option<&'a wire::Content>) -> Self {
        message.map_or_else(Self::default, |message| Self {
            cat: labels(arena, [&message.cat]),
            cattax: message.cattax.and_then(natural).unwrap_or(1),
            keywords: keywords(arena, &message.keywords, &message.kwarray),
        })
    }
}

impl<'a> Site<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::Site) -> Self {
        Self {
            id: text(&message.id),
            name: text(&message.name),
            domain: text(&message.domain),
            page: text(&message.page),
            referrer: text(&message.r#ref),
            cat: labels(arena, [&message.cat, &message.sectioncat, &message.pagecat]),
            cattax: message.cattax.and_then(natural).unwrap_or(1),
            content: Content::from_wire(arena, message.content.as_ref()),
            keywords: keywords(arena, &message.keywords, &message.kwarray),
            publisher: Publisher::from_wire(message.publisher.as_ref()),
        }
    }
}

impl<'a> App<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::App) -> Self {
        Self {
            id: text(&message.id),
            name: text(&message.name),
            bundle: text(&message.bundle),
            domain: text(&message.domain),
            storeurl: text(&message.storeurl),
            cat: labels(arena, [&message.cat, &message.sectioncat, &message.pagecat]),
            cattax: message.cattax.and_then(natural).unwrap_or(1),
            content: Content::from_wire(arena, message.content.as_ref()),
            store_categories: &[], // the protobuf form has no place for them
            keywords: keywords(arena, &message.keywords, &message.kwarray),
            publisher: Publisher::from_wire(message.publisher.as_ref()),
        }
    }
}

impl<'a> Dooh<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::Dooh) -> Self {
        Self {
            id: text(&message.id),
            name: text(&message.name),
            domain: text(&message.domain),
            venuetype: texts(arena, &message.venuetype),
            publisher: Publisher::from_wire(message.publisher.as_ref()),
        }
    }
}

fn labels<'a, const N: usize>(arena: &'a Arena, lists: [&'a Vec<String>; N]) -> &'a [Text<'a>] {
    let labels = lists.into_iter().flat_map(|list| stated(list));
    arena.joined_new(&[], labels, LABELS_MAX)
}

fn keywords<'a>(arena: &'a Arena, list: &'a Option<String>, array: &'a [String]) -> &'a [Text<'a>] {
    let words = split_texts(list.as_deref().unwrap_or_default());
    arena.joined_new(&[], words.chain(stated(array)), LABELS_MAX)
}

impl<'a> Device<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::Device) -> Self {
        Self {
            ua: text(&message.ua),
            sua: message
                .sua
                .as_ref()
                .map(|sua| ClientHints::from_wire(arena, sua)),
            ip: text(&message.ip),
            ipv6: text(&message.ipv6),
            geo: message.geo.as_ref().map(Geo::from_wire).unwrap_or_default(),
            devicetype: message.devicetype.and_then(natural),
            make: text(&message.make),
            model: text(&message.model),
            os: text(&message.os),
            osv: text(&message.osv),
            language: text(&message.language).or(text(&message.langb)),
            ifa: text(&message.ifa),
            lmt: message.lmt.contains(&true),
            dnt: message.dnt.contains(&true),
            carrier: text(&message.carrier),
            mccmnc: text(&message.mccmnc),
            connectiontype: message.connectiontype.and_then(natural),
            w: message.w.and_then(natural),
            h: message.h.and_then(natural),
        }
    }
}

impl<'a> ClientHints<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::UserAgent) -> Self {
        let platform = message.platform.as_ref();
        let version = platform.and_then(|platform| stated(&platform.version).next());
        let brands = message.browsers.iter().filter_map(|b| text(&b.brand));
        Self {
            platform: platform.and_then(|platform| text(&platform.brand)),
            platform_version: version,
            browsers: arena.list(brands),
            mobile: message.mobile,
            model: text(&message.model),
        }
    }
}

impl<'a> Geo<'a> {
    fn from_wire(message: &'a wire::Geo) -> Self {
        Self {
            country: text(&message.country),
            region: text(&message.region),
            metro: text(&message.metro),
            city: text(&message.city),
            zip: text(&message.zip),
            lat: message.lat.filter(|degrees| degrees.is_finite()),
            lon: message.lon.filter(|degrees| degrees.is_finite()),
            utcoffset: message.utcoffset,
        }
    }
}

impl<'a> User<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::User) -> Self {
        let words = split_texts(message.keywords.as_deref().unwrap_or_default());
        let data = message.data.iter().take(DATA_MAX);
        let mut user = Self {
            id: text(&message.id),
            buyeruid: text(&message.buyeruid),
            yob: message.yob.and_then(natural),
            gender: text(&message.gender),
            keywords: arena.joined(&[], words.chain(stated(&message.kwarray)), LABELS_MAX),
            geo: message.geo.as_ref().map(Geo::from_wire).unwrap_or_default(),
            data: arena.list(data.map(|data| UserData::from_wire(arena, data))),
            consent: Signal::Absent,
            eids: &[],
        };
        let (consents, eids) = match &message.ext {
            Some(ext) => (ext.consent.as_slice(), ext.eids.as_slice()),
            None => (&[][..], &[][..]),
        };
        for consent in message.consent.iter().chain(consents) {
            user.consent.merge(Signal::stated(consent));
        }
        let eids = message.eids.iter().chain(eids);
        let eids = eids.filter_map(|eid| Eid::from_wire(arena, eid));
        user.add_eids(arena, eids);
        user
    }
}

impl<'a> UserData<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::Data) -> Self {
        let segments = message.segment.iter();
        Self {
            id: text(&message.id),
            name: text(&message.name),
            segtax: None, // the protobuf form has no place for it
            segments: arena.list(segments.filter_map(|segment| text(&segment.id))),
        }
    }
}

impl<'a> Eid<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::Eid) -> Option<Self> {
        let uids = message.uids.iter().filter_map(|uid| {
            Some(Uid {
                id: text(&uid.id)?,
                atype: uid.atype.and_then(natural),
            })
        });
        let eid = Self {
            source: text(&message.source)?,
            uids: arena.list(uids),
        };
        (!message.uids.is_empty()).then_some(eid)
    }
}

impl<'a> Regs<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::Regs) -> Self {
        let mut regs = Self {
            coppa: message.coppa.contains(&true),
            gdpr: message.gdpr.iter().copied().max(),
            ..Self::default()
        };
        for text in &message.us_privacy {
            regs.merge_us_privacy(Signal::stated(text));
        }
        for text in &message.gpp {
            regs.gpp.merge(Signal::stated(text));
        }
        regs.add_sections(arena, message.gpp_sid.iter().copied());
        if let Some(ext) = &message.ext {
            regs.gdpr = regs.gdpr.max(ext.gdpr.iter().copied().max());
            for text in &ext.us_privacy {
                regs.merge_us_privacy(Signal::stated(text));
            }
            if let Some(dsa) = &ext.dsa {
                regs.dsa.meet(dsa.dsarequired, dsa.pubrender);
            }
            let mut signals = ext.gpc.iter().filter(|signal| !signal.is_empty());
            regs.gpc = signals.any(|signal| text_flag(signal).unwrap_or(true));
        }
        regs
    }
}

impl<'a> SupplyChain<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::SupplyChain) -> Self {
        let nodes = message.nodes.iter().take(NODES_MAX);
        let nodes = nodes.map(|node| SupplyChainNode {
            asi: text(&node.asi),
            sid: text(&node.sid),
            hp: node.hp,
            rid: text(&node.rid),
            name: text(&node.name),
            domain: text(&node.domain),
        });
        Self {
            complete: message.complete.unwrap_or(false),
            ver: text(&message.ver),
            nodes: arena.list(nodes),
        }
    }
}
