//! What a slot takes, read from the request message: banner, video, audio, native.

use super::read::{duration_floors, natural, naturals, text, texts};
use super::wire;
use crate::openrtb::native::ASSETS_MAX;
use crate::openrtb::slot::{BannerFormat, BannerSides};
use crate::openrtb::{
    Amount, Arena, AssetKind, BannerSlot, EventTracker, MediaSlot, NativeAsset, NativeRequest,
    NativeSlot, NativeSource,
};

impl<'a> BannerSlot<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::Banner) -> Self {
        let mut banner = Self {
            btype: naturals(arena, &message.btype),
            battr: naturals(arena, &message.battr),
            mimes: texts(arena, &message.mimes),
            api: naturals(arena, &message.api),
            pos: message.pos.and_then(natural),
            expdir: naturals(arena, &message.expdir),
            ..Self::default()
        };
        let formats = message.format.iter().map(|format| BannerFormat {
            w: format.w.and_then(natural),
            h: format.h.and_then(natural),
            wratio: format.wratio.and_then(natural),
            hratio: format.hratio.and_then(natural),
            wmin: format.wmin.and_then(natural),
        });
        banner.set_formats(arena, formats);
        let side = |side: Option<i32>| side.and_then(natural);
        let sides = BannerSides {
            w: side(message.w),
            h: side(message.h),
            wmin: side(message.wmin),
            hmin: side(message.hmin),
            wmax: side(message.wmax),
            hmax: side(message.hmax),
        };
        banner.or_size(arena, sides);
        banner
    }
}

impl<'a> MediaSlot<'a> {
    pub(super) fn from_video(arena: &'a Arena, message: &'a wire::Video) -> Self {
        let mut slot = Self {
            mimes: texts(arena, &message.mimes),
            minduration_s: message.minduration.and_then(natural),
            maxduration_s: message.maxduration.and_then(natural),
            rqddurs_s: naturals(arena, &message.rqddurs),
            w: message.w.and_then(natural),
            h: message.h.and_then(natural),
            startdelay: message.startdelay,
            plcmt: message.plcmt.and_then(natural),
            placement: message.placement.and_then(natural),
            linearity: message.linearity.and_then(natural),
            skip: message.skip,
            api: naturals(arena, &message.api),
            battr: naturals(arena, &message.battr),
            minbitrate_kbps: message.minbitrate.and_then(natural),
            maxbitrate_kbps: message.maxbitrate.and_then(natural),
            maxextended_s: message.maxextended,
            podid: text(&message.podid),
            poddur_s: message.poddur.and_then(natural),
            maxseq: message.maxseq.and_then(natural),
            podseq: message.podseq,
            slotinpod: message.slotinpod,
            mincpmpersec: message.mincpmpersec.map(Amount::stated),
            durfloors: duration_floors(arena, &message.durfloors),
            poddedupe: naturals(arena, &message.poddedupe),
            delivery: naturals(arena, &message.delivery),
            playbackmethod: naturals(arena, &message.playbackmethod),
            pos: message.pos.and_then(natural),
            ..Self::default()
        };
        slot.add_protocols(arena, message.protocol.and_then(natural));
        let protocols = message.protocols.iter().copied();
        slot.add_protocols(arena, protocols.filter_map(natural));
        slot
    }

    pub(super) fn from_audio(arena: &'a Arena, message: &'a wire::Audio) -> Self {
        Self {
            mimes: texts(arena, &message.mimes),
            protocols: naturals(arena, &message.protocols),
            minduration_s: message.minduration.and_then(natural),
            maxduration_s: message.maxduration.and_then(natural),
            rqddurs_s: naturals(arena, &message.rqddurs),
            startdelay: message.startdelay,
            api: naturals(arena, &message.api),
            battr: naturals(arena, &message.battr),
            minbitrate_kbps: message.minbitrate.and_then(natural),
            maxbitrate_kbps: message.maxbitrate.and_then(natural),
            maxextended_s: message.maxextended,
            podid: text(&message.podid),
            poddur_s: message.poddur.and_then(natural),
            maxseq: message.maxseq.and_then(natural),
            podseq: message.podseq,
            slotinpod: message.slotinpod,
            mincpmpersec: message.mincpmpersec.map(Amount::stated),
            durfloors: duration_floors(arena, &message.durfloors),
            delivery: naturals(arena, &message.delivery),
            ..Self::default()
        }
    }
}

impl<'a> NativeSlot<'a> {
    pub(super) fn from_wire(arena: &'a Arena, message: &'a wire::Native) -> Self {
        let written = message.request.as_deref().filter(|text| !text.is_empty());
        let request = match (written, &message.request_native) {
            (Some(text), _) => NativeSource::parse(arena, text, self::text(&message.ver)),
            (None, Some(layout)) => {
                let layout = NativeRequest::from_wire(arena, layout, message.ver.as_deref());
                NativeSource::Read(arena.keep(layout))
            }
            (None, None) => NativeSource::Absent,
        };
        Self {
            request,
            ver: text(&message.ver),
            api: naturals(arena, &message.api),
            battr: naturals(arena, &message.battr),
        }
    }
}

impl<'a> NativeRequest<'a> {
    fn from_wire(
        arena: &'a Arena,
        message: &'a wire::NativeRequest,
        slot_version: Option<&str>,
    ) -> Self {
        let assets = message.assets.iter().take(ASSETS_MAX);
        let trackers = message.eventtrackers.iter().take(ASSETS_MAX);
        let mut request = Self {
            assets: arena.list(assets.map(|asset| NativeAsset::from_wire(arena, asset))),
            eventtrackers: arena
                .list(trackers.filter_map(|tracker| EventTracker::from_wire(arena, tracker))),
            ..Self::default()
        };
        let stated = [message.ver.as_deref(), slot_version];
        let version = stated
            .into_iter()
            .flatten()
            .find(|version| !version.is_empty());
        request.follow(version, false);
        request
    }
}

impl<'a> NativeAsset<'a> {
    fn from_wire(arena: &'a Arena, message: &'a wire::NativeAsset) -> Self {
        let kind = match (message.id, &message.title, &message.img, &message.data) {
            (None, ..) => AssetKind::Other,
            (_, Some(title), ..) => AssetKind::Title {
                len: title.len.and_then(natural),
            },
            (_, _, Some(img), _) => AssetKind::Image {
                kind: img.r#type.and_then(natural),
                w: img.w.and_then(natural),
                h: img.h.and_then(natural),
                wmin: img.wmin.and_then(natural),
                hmin: img.hmin.and_then(natural),
                mimes: texts(arena, &img.mimes),
            },
            (_, _, _, Some(data)) => AssetKind::Data {
                kind: data.r#type.and_then(natural),
                len: data.len.and_then(natural),
            },
            _ => AssetKind::Other,
        };
        Self {
            id: message.id.map_or(0, i64::from),
            required: message.required.unwrap_or(false),
            kind,
        }
    }
}

impl<'a> EventTracker<'a> {
    fn from_wire(arena: &'a Arena, message: &wire::NativeEventTracker) -> Option<Self> {
        Some(Self {
            event: message.event.and_then(natural)?,
            methods: naturals(arena, &message.methods),
        })
    }
}
