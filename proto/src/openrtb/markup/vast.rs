//! VAST: one linear ad, video or audio, inline or as a wrapper of another ad server's.

use domain::creative::{Media, MediaFile, MediaSource, Picture};
use domain::{Creative, CreativeFormat};

use super::escape::{address_text, markup_text};
use super::template::{Builder, Fill, Place, Template};

/// The versions we can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VastVersion {
    /// 2.0.
    V2_0,
    /// 3.0.
    V3_0,
    /// 4.0.
    V4_0,
    /// 4.1.
    V4_1,
    /// 4.2.
    V4_2,
}

impl VastVersion {
    /// Every version, the oldest first.
    pub const ALL: [Self; 5] = [Self::V2_0, Self::V3_0, Self::V4_0, Self::V4_1, Self::V4_2];

    fn label(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V3_0 => "3.0",
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
        }
    }

    /// The codes of AdCOM's list "Creative Subtypes - Audio/Video": inline, and as a wrapper.
    fn protocols(self) -> (u32, u32) {
        match self {
            Self::V2_0 => (2, 5),
            Self::V3_0 => (3, 6),
            Self::V4_0 => (7, 8),
            Self::V4_1 => (11, 12),
            Self::V4_2 => (13, 14),
        }
    }

    /// The first version that knows what the ad needs: a player that skips is told so from 3.0 on.
    fn least(media: &Media) -> Self {
        match media.skip_after_s {
            Some(_) => Self::V3_0,
            None => Self::V2_0,
        }
    }
}

/// The newest version among the slot's `protocols` in which the ad can be told; 3.0 when it states none, `None` when it
/// takes nothing that we write.
pub fn best(protocols: &[u32], media: &Media) -> Option<VastVersion> {
    if protocols.is_empty() {
        return Some(VastVersion::V3_0);
    }
    let wrapper = matches!(media.source, MediaSource::Wrapper(_));
    let least = VastVersion::least(media);
    VastVersion::ALL.into_iter().rev().find(|version| {
        let (inline, wrapped) = version.protocols();
        let own = if wrapper { wrapped } else { inline };
        *version >= least && protocols.contains(&own)
    })
}

/// One document for each version.
#[derive(Debug)]
pub(super) struct VastTemplates([Template; 5]);

impl VastTemplates {
    pub(super) fn compile(creative: &Creative, media: &Media, pixel: &str) -> Self {
        Self(VastVersion::ALL.map(|version| {
            let mut into = Builder::new(creative.id, pixel);
            let ad = Ad {
                creative,
                media,
                version,
            };
            ad.write(&mut into);
            into.finish()
        }))
    }

    pub(super) fn write(
        &self,
        out: &mut String,
        (version, files): (VastVersion, u32),
        fill: &Fill<'_>,
    ) {
        let [v2_0, v3_0, v4_0, v4_1, v4_2] = &self.0;
        let template = match version {
            VastVersion::V2_0 => v2_0,
            VastVersion::V3_0 => v3_0,
            VastVersion::V4_0 => v4_0,
            VastVersion::V4_1 => v4_1,
            VastVersion::V4_2 => v4_2,
        };
        template.write(out, files, fill);
    }
}

/// One ad in one version.
struct Ad<'a> {
    creative: &'a Creative,
    media: &'a Media,
    version: VastVersion,
}

impl Ad<'_> {
    fn is_4(&self) -> bool {
        self.version >= VastVersion::V4_0
    }

    fn write(&self, into: &mut Builder<'_>) {
        let id = self.creative.id;
        into.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?><VAST version=\"");
        into.raw(self.version.label());
        into.raw("\"><Ad id=\"").number(id);
        let audio = matches!(self.creative.format, CreativeFormat::Audio(_));
        if audio && self.version >= VastVersion::V4_1 {
            into.raw("\" adType=\"audio");
        }
        into.raw("\">");
        match &self.media.source {
            MediaSource::Files(files) => {
                into.raw("<InLine><AdSystem>Paceline</AdSystem>");
                self.write_inline(into, files);
                into.raw("</InLine>");
            }
            MediaSource::Wrapper(wrapper) => {
                into.raw("<Wrapper><AdSystem>Paceline</AdSystem>");
                self.write_wrapper(into, &wrapper.tag_url);
                into.raw("</Wrapper>");
            }
        }
        into.raw("</Ad></VAST>");
    }

    /// The schemas order the same elements differently before and from 4.0.
    fn write_inline(&self, into: &mut Builder<'_>, files: &[MediaFile]) {
        if !self.is_4() {
            self.write_title(into);
        }
        self.write_counting(into);
        if self.version >= VastVersion::V4_1 {
            let id = self.creative.id;
            into.raw("<AdServingId>").number(id).raw("</AdServingId>");
        }
        if self.is_4() {
            self.write_title(into);
        }
        into.raw("<Creatives>");
        self.open_creative(into);
        self.open_linear(into);
        if self.is_4() {
            self.write_events(into);
            self.write_duration(into);
            write_files(into, files);
            self.write_clicks(into);
        } else {
            self.write_duration(into);
            self.write_events(into);
            self.write_clicks(into);
            write_files(into, files);
        }
        into.raw("</Linear>");
        self.close_creative(into);
        if let Some(picture) = &self.media.companion {
            self.open_creative(into);
            write_companion(into, picture);
            self.close_creative(into);
        }
        into.raw("</Creatives>");
    }

    fn write_wrapper(&self, into: &mut Builder<'_>, tag_url: &str) {
        if !self.is_4() {
            write_tag_url(into, tag_url);
        }
        self.write_counting(into);
        into.raw("<Creatives>");
        self.open_creative(into);
        into.raw("<Linear>");
        self.write_events(into);
        self.write_clicks(into);
        into.raw("</Linear></Creative></Creatives>");
        if self.is_4() {
            write_tag_url(into, tag_url);
        }
    }

    fn write_title(&self, into: &mut Builder<'_>) {
        into.raw("<AdTitle>").markup(&self.creative.name);
        into.raw("</AdTitle>");
    }

    /// Errors, impressions and, where the standard has it, viewable impressions.
    fn write_counting(&self, into: &mut Builder<'_>) {
        into.raw("<Error><![CDATA[");
        into.event("/video?t=", "&e=error&c=[ERRORCODE]", Place::Cdata);
        into.raw("]]></Error><Impression><![CDATA[");
        into.event("/imp?t=", "", Place::Cdata);
        into.raw("]]></Impression>");
        for tracker in &self.creative.trackers.impression {
            into.raw("<Impression><![CDATA[");
            into.address(tracker, Place::Cdata);
            into.raw("]]></Impression>");
        }
        if self.is_4() {
            into.raw("<ViewableImpression><Viewable><![CDATA[");
            into.event("/view?t=", "", Place::Cdata);
            into.raw("]]></Viewable></ViewableImpression>");
        }
    }

    fn open_creative(&self, into: &mut Builder<'_>) {
        into.raw("<Creative id=\"").number(self.creative.id);
        into.raw("\">");
    }

    /// From 4.0 on every inline creative has a universal id; we are in no registry.
    fn close_creative(&self, into: &mut Builder<'_>) {
        let id = self.creative.id;
        if self.is_4() {
            into.raw("<UniversalAdId idRegistry=\"unknown\"");
            if self.version == VastVersion::V4_0 {
                into.raw(" idValue=\"").number(id).raw("\"");
            }
            into.raw(">").number(id).raw("</UniversalAdId>");
        }
        into.raw("</Creative>");
    }

    fn open_linear(&self, into: &mut Builder<'_>) {
        into.raw("<Linear");
        let knows = self.version >= VastVersion::V3_0;
        if let Some(after_s) = self.media.skip_after_s.filter(|_| knows) {
            into.raw(" skipoffset=\"").raw(&clock(after_s)).raw("\"");
        }
        into.raw(">");
    }

    fn write_duration(&self, into: &mut Builder<'_>) {
        into.raw("<Duration>").raw(&clock(self.media.duration_s));
        into.raw("</Duration>");
    }

    fn write_events(&self, into: &mut Builder<'_>) {
        into.raw("<TrackingEvents>");
        let playing = [
            "start",
            "firstQuartile",
            "midpoint",
            "thirdQuartile",
            "complete",
        ];
        let skips = self.version >= VastVersion::V3_0 && self.media.skip_after_s.is_some();
        for event in playing.into_iter().chain(skips.then_some("skip")) {
            into.raw("<Tracking event=\"").raw(event);
            into.raw("\"><![CDATA[");
            into.event("/video?t=", "&e=", Place::Cdata).raw(event);
            into.raw("]]></Tracking>");
        }
        into.raw("</TrackingEvents>");
    }

    /// Our click address leads to the landing page, so it is the way through, and a tracking element beside it would
    /// count each click twice. The ad in a wrapper has a way of its own: there ours only counts.
    fn write_clicks(&self, into: &mut Builder<'_>) {
        let wrapper = matches!(self.media.source, MediaSource::Wrapper(_));
        into.raw("<VideoClicks>");
        if wrapper {
            into.raw("<ClickTracking><![CDATA[");
            into.click(Place::Cdata).raw("&r=0");
            into.raw("]]></ClickTracking>");
        } else {
            into.raw("<ClickThrough><![CDATA[").click(Place::Cdata);
            into.raw("]]></ClickThrough>");
        }
        for tracker in &self.creative.trackers.click {
            into.raw("<ClickTracking><![CDATA[");
            into.address(tracker, Place::Cdata);
            into.raw("]]></ClickTracking>");
        }
        into.raw("</VideoClicks>");
    }
}

fn write_tag_url(into: &mut Builder<'_>, tag_url: &str) {
    into.raw("<VASTAdTagURI><![CDATA[");
    into.address(tag_url, Place::Cdata);
    into.raw("]]></VASTAdTagURI>");
}

fn write_files(into: &mut Builder<'_>, files: &[MediaFile]) {
    into.raw("<MediaFiles>");
    for (number, file) in (0_u8..).zip(files) {
        let mut text = "<MediaFile delivery=\"progressive\" type=\"".to_owned();
        markup_text(&mut text, &file.mime);
        text.push_str(&format!(
            "\" width=\"{}\" height=\"{}\"",
            file.width, file.height
        ));
        if file.bitrate_kbps > 0 {
            text.push_str(&format!(" bitrate=\"{}\"", file.bitrate_kbps));
        }
        if file.mime == VPAID_MIME {
            text.push_str(" apiFramework=\"VPAID\"");
        }
        text.push_str("><![CDATA[");
        address_text(&mut text, &file.url);
        text.push_str("]]></MediaFile>");
        into.file(number, text);
    }
    into.raw("</MediaFiles>");
}

/// The type of an interactive ad that runs in the player (VPAID 2).
pub const VPAID_MIME: &str = "application/javascript";

fn write_companion(into: &mut Builder<'_>, picture: &Picture) {
    into.raw("<CompanionAds><Companion width=\"")
        .number(picture.width);
    into.raw("\" height=\"").number(picture.height);
    into.raw("\"><StaticResource creativeType=\"");
    let mime = super::native::picture_mimes(&picture.url).first();
    into.raw(mime.unwrap_or(&"image/jpeg"));
    into.raw("\"><![CDATA[").address(&picture.url, Place::Cdata);
    into.raw("]]></StaticResource><CompanionClickThrough><![CDATA[");
    into.click(Place::Cdata);
    into.raw("]]></CompanionClickThrough></Companion></CompanionAds>");
}

/// `HH:MM:SS`.
fn clock(seconds: u32) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{rest:02}")
}
