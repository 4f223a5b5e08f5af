//! What a slot takes, read from the request message: banner, video, audio, native.

use domain::limits::SIZES_MAX;

use super::read::{duration_floors, natural, naturals, text, texts};
use super::wire;
use crate::openrtb::native::ASSETS_MAX;
use crate::openrtb::{
    Amount, AssetKind, BannerSlot, EventTracker, MediaSlot, NativeAsset, NativeRequest, NativeSlot,
    NativeSource,
};

impl<'a> BannerSlot<'a> {
    pub(super) fn from_wire(message: &'a wire::Banner) -> Self {
        let mut banner = Self {
            btype: naturals(&message.btype),
            battr: naturals(&message.battr),
            mimes: texts(&message.mimes),
            api: naturals(&message.api),
            pos: message.pos.and_then(natural),
            expdir: naturals(&message.expdir),
            ..Self::default()
        };
        for format in message.format.iter().take(SIZES_MAX) {
            let sides = (format.w.and_then(natural), format.h.and_then(natural));
            let ratio = (
                format.wratio.and_then(natural),
                format.hratio.and_then(natural),
            );
            banner.add_format(sides, ratio, format.wmin.and_then(natural));
        }
        banner.or_size(message.w.and_then(natural), message.h.and_then(natural));
        banner
    }
}

impl<'a> MediaSlot<'a> {
    pub(super) fn from_video(message: &'a wire::Video) -> Self {
        let mut protocols: Vec<_> = message.protocol.and_then(natural).into_iter().collect();
        protocols.extend(naturals(&message.protocols));
        Self {
            mimes: texts(&message.mimes),
            protocols,
            minduration_s: message.minduration.and_then(natural),
            maxduration_s: message.maxduration.and_then(natural),
            rqddurs_s: naturals(&message.rqddurs),
            w: message.w.and_then(natural),
            h: message.h.and_then(natural),
            startdelay: message.startdelay,
            plcmt: message.plcmt.and_then(natural),
            placement: message.placement.and_then(natural),
            linearity: message.linearity.and_then(natural),
            skip: message.skip,
            api: naturals(&message.api),
            battr: naturals(&message.battr),
            minbitrate_kbps: message.minbitrate.and_then(natural),
            maxbitrate_kbps: message.maxbitrate.and_then(natural),
            maxextended_s: message.maxextended,
            podid: text(&message.podid),
            poddur_s: message.poddur.and_then(natural),
            maxseq: message.maxseq.and_then(natural),
            podseq: message.podseq,
            slotinpod: message.slotinpod,
            mincpmpersec: message.mincpmpersec.map(Amount::stated),
            durfloors: duration_floors(&message.durfloors),
            delivery: naturals(&message.delivery),
            playbackmethod: naturals(&message.playbackmethod),
            pos: message.pos.and_then(natural),
        }
    }

    pub(super) fn from_audio(message: &'a wire::Audio) -> Self {
        Self {
            mimes: texts(&message.mimes),
            protocols: naturals(&message.protocols),
            minduration_s: message.minduration.and_then(natural),
            maxduration_s: message.maxduration.and_then(natural),
            rqddurs_s: naturals(&message.rqddurs),
            startdelay: message.startdelay,
            api: naturals(&message.api),
            battr: naturals(&message.battr),
            minbitrate_kbps: message.minbitrate.and_then(natural),
            maxbitrate_kbps: message.maxbitrate.and_then(natural),
            maxextended_s: message.maxextended,
            podid: text(&message.podid),
            poddur_s: message.poddur.and_then(natural),
            maxseq: message.maxseq.and_then(natural),
            podseq: message.podseq,
            slotinpod: message.slotinpod,
            mincpmpersec: message.mincpmpersec.map(Amount::stated),
            durfloors: duration_floors(&message.durfloors),
            delivery: naturals(&message.delivery),
            ..Self::default()
        }
    }
}

impl<'a> NativeSlot<'a> {
    pub(super) fn from_wire(message: &'a wire::Native) -> Self {
        let written = message.request.as_deref().filter(|text| !text.is_empty());
        let request = match (written, &message.request_native) {
            (Some(text), _) => NativeSource::Text(text),
            (None, Some(layout)) => {
                let layout = NativeRequest::from_wire(layout, message.ver.as_deref());
                NativeSource::Read(Box::new(layout))
            }
            (None, None) => NativeSource::Absent,
        };
        Self {
            request,
            ver: text(&message.ver),
            api: naturals(&message.api),
            battr: naturals(&message.battr),
        }
    }
}

impl NativeRequest {
    fn from_wire(message: &wire::NativeRequest, slot_version: Option<&str>) -> Self {
        let assets = message.assets.iter().take(ASSETS_MAX);
        let trackers = message.eventtrackers.iter().take(ASSETS_MAX);
        let mut request = Self {
            assets: assets.map(NativeAsset::from_wire).collect(),
            eventtrackers: trackers.filter_map(EventTracker::from_wire).collect(),
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

impl NativeAsset {
    fn from_wire(message: &wire::NativeAsset) -> Self {
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
                mimes: texts(&img.mimes).into_iter().map(Into::into).collect(),
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

impl EventTracker {
    fn from_wire(message: &wire::NativeEventTracker) -> Option<Self> {
        Some(Self {
            event: message.event.and_then(natural)?,
            methods: naturals(&message.methods),
        })
    }
}
