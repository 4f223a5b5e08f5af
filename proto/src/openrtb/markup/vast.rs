//! VAST, and DAAST for sound: one linear ad, video or audio, inline or as a wrapper of another ad server's.

use domain::creative::{Media, MediaFile, MediaSource, Picture};
use domain::{Creative, CreativeFormat};

use super::escape::{Sink, address_text, markup_text};
use super::out::Out;
use super::own::{Source, Subject};
use super::template::{Builder, Place, Template};

/// The versions we can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// 4.3.
    V4_3,
    /// DAAST 1.0, the form of VAST 3.0 for sound alone, which came back into VAST with 4.1.
    Daast,
}

impl VastVersion {
    /// Every version; the place of one in here never changes, since notices carry it.
    pub const ALL: [Self; 7] = [
        Self::V2_0,
        Self::V3_0,
        Self::V4_0,
        Self::V4_1,
        Self::V4_2,
        Self::V4_3,
        Self::Daast,
    ];
    /// The newest first, DAAST last.
    const CHOICE: [Self; 7] = [
        Self::V4_3,
        Self::V4_2,
        Self::V4_1,
        Self::V4_0,
        Self::V3_0,
        Self::V2_0,
        Self::Daast,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V3_0 => "3.0",
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
            Self::V4_3 => "4.3",
            Self::Daast => "1.0",
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
            Self::V4_3 => (15, 16),
            Self::Daast => (9, 10),
        }
    }

    /// Whether it has what came into VAST with `other`.
    pub fn is_from(self, other: Self) -> bool {
        let age = |version| match version {
            // Its elements are those of VAST 3.0.
            Self::Daast => Self::V3_0 as u8,
            vast => vast as u8,
        };
        age(self) >= age(other)
    }

    /// The first version that knows what the ad needs: a player that skips is told so from 3.0 on.
    fn least(media: &Media) -> Self {
        match media.skip_after_s {
            Some(_) => Self::V3_0,
            None => Self::V2_0,
        }
    }
}

/// The newest version among a slot's `protocols` in which the ad can be told; 3.0 when it states none, `None` when it
/// takes nothing that we write. `sound` ads can be told in DAAST too, where nothing else is taken.
pub fn best(protocols: &[u32], media: &Media, sound: bool) -> Option<VastVersion> {
    if protocols.is_empty() {
        return Some(VastVersion::V3_0);
    }
    let wrapper = matches!(media.source, MediaSource::Wrapper(_));
    let least = VastVersion::least(media);
    VastVersion::CHOICE.into_iter().find(|version| {
        let (inline, wrapped) = version.protocols();
        let own = if wrapper { wrapped } else { inline };
        let told = sound || *version != VastVersion::Daast;
        told && version.is_from(least) && protocols.contains(&own)
    })
}

/// What ads of one template have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    audio: bool,
    wrapper: bool,
    skips: bool,
    /// A picture beside the player.
    companion: bool,
}

impl Form {
    pub(super) fn of(media: &Media, audio: bool) -> Self {
        Self {
            audio,
            wrapper: matches!(media.source, MediaSource::Wrapper(_)),
            skips: media.skip_after_s.is_some(),
            companion: media.companion.is_some(),
        }
    }
}

/// One document for each version.
#[derive(Debug)]
pub(super) struct VastTemplates([Template; VastVersion::ALL.len()]);

impl VastTemplates {
    pub(super) fn compile(form: Form, pixel: &str) -> Self {
        Self(VastVersion::ALL.map(|version| {
            let mut into = Builder::new(pixel);
            Ad { form, version }.write(&mut into);
            into.finish()
        }))
    }

    pub(super) fn write(&self, out: &mut Out<'_>, version: VastVersion, ad: &Subject<'_>) {
        let [v2_0, v3_0, v4_0, v4_1, v4_2, v4_3, daast] = &self.0;
        let template = match version {
            VastVersion::V2_0 => v2_0,
            VastVersion::V3_0 => v3_0,
            VastVersion::V4_0 => v4_0,
            VastVersion::V4_1 => v4_1,
            VastVersion::V4_2 => v4_2,
            VastVersion::V4_3 => v4_3,
            VastVersion::Daast => daast,
        };
        template.write(out, ad);
    }
}

/// Ads of one form in one version.
struct Ad {
    form: Form,
    version: VastVersion,
}

impl Ad {
    fn is_4(&self) -> bool {
        self.version.is_from(VastVersion::V4_0)
    }

    /// The root, the address of a wrapped ad and what leads on a click are called otherwise in DAAST.
    fn named(&self, vast: &'static str, daast: &'static str) -> &'static str {
        match self.version {
            VastVersion::Daast => daast,
            _ => vast,
        }
    }

    fn write(&self, into: &mut Builder<'_>) {
        let root = self.named("VAST", "DAAST");
        into.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?><");
        into.raw(root).raw(" version=\"");
        into.raw(self.version.label());
        into.raw("\"><Ad id=\"").id();
        if self.form.audio && self.version.is_from(VastVersion::V4_1) {
            into.raw("\" adType=\"audio");
        }
        into.raw("\">");
        if self.form.wrapper {
            into.raw("<Wrapper><AdSystem>Paceline</AdSystem>");
            self.write_wrapper(into);
            into.raw("</Wrapper>");
        } else {
            into.raw("<InLine><AdSystem>Paceline</AdSystem>");
            self.write_inline(into);
            into.raw("</InLine>");
        }
        into.raw("</Ad></").raw(root).raw(">");
    }

    /// The schemas order the same elements differently before and from 4.0.
    fn write_inline(&self, into: &mut Builder<'_>) {
        if !self.is_4() {
            write_title(into);
        }
        self.write_counting(into);
        if self.version.is_from(VastVersion::V4_1) {
            into.raw("<AdServingId>").id().raw("</AdServingId>");
        }
        if self.is_4() {
            write_title(into);
        }
        into.raw("<Creatives>");
        open_creative(into);
        self.open_linear(into);
        if self.is_4() {
            self.write_events(into);
            write_duration(into);
            self.write_files(into);
            self.write_clicks(into);
        } else {
            write_duration(into);
            self.write_events(into);
            self.write_clicks(into);
            self.write_files(into);
        }
        into.raw("</Linear>");
        self.close_creative(into);
        if self.form.companion {
            open_creative(into);
            write_companion(into);
            self.close_creative(into);
        }
        into.raw("</Creatives>");
    }

    fn write_wrapper(&self, into: &mut Builder<'_>) {
        if !self.is_4() {
            self.write_tag_url(into);
        }
        self.write_counting(into);
        into.raw("<Creatives>");
        open_creative(into);
        into.raw("<Linear>");
        self.write_events(into);
        self.write_clicks(into);
        into.raw("</Linear></Creative></Creatives>");
        if self.is_4() {
            self.write_tag_url(into);
        }
    }

    /// Errors, impressions and, where the standard has it, viewable impressions.
    fn write_counting(&self, into: &mut Builder<'_>) {
        into.raw("<Error><![CDATA[");
        into.event("/video?t=", "&e=error&c=[ERRORCODE]", Place::Cdata);
        into.raw("]]></Error><Impression><![CDATA[");
        into.event("/imp?t=", "", Place::Cdata);
        into.raw("]]></Impression>");
        let around = ["<Impression><![CDATA[", "]]></Impression>", ""];
        into.trackers(Source::Impression, around, Place::Cdata);
        if self.is_4() {
            into.raw("<ViewableImpression><Viewable><![CDATA[");
            into.event("/view?t=", "", Place::Cdata);
            into.raw("]]></Viewable></ViewableImpression>");
        }
    }

    /// From 4.0 on every inline creative has a universal id; we are in no registry.
    fn close_creative(&self, into: &mut Builder<'_>) {
        if self.is_4() {
            into.raw("<UniversalAdId idRegistry=\"unknown\"");
            if self.version == VastVersion::V4_0 {
                into.raw(" idValue=\"").id().raw("\"");
            }
            into.raw(">").id().raw("</UniversalAdId>");
        }
        into.raw("</Creative>");
    }

    fn write_tag_url(&self, into: &mut Builder<'_>) {
        let element = self.named("VASTAdTagURI", "DAASTAdTagURI");
        into.raw("<").raw(element).raw("><![CDATA[");
        into.lead(Some(Place::Cdata)).raw("]]></");
        into.raw(element).raw(">");
    }

    fn write_files(&self, into: &mut Builder<'_>) {
        into.raw("<MediaFiles>");
        let files = match self.version {
            VastVersion::Daast => into.files(write_sound),
            _ => into.files(write_file),
        };
        files.raw("</MediaFiles>");
    }

    fn tells_skips(&self) -> bool {
        self.version.is_from(VastVersion::V3_0) && self.form.skips
    }

    fn open_linear(&self, into: &mut Builder<'_>) {
        into.raw("<Linear");
        if self.tells_skips() {
            into.raw(" skipoffset=\"");
            into.field(|out, creative| {
                let after_s = media(creative).and_then(|media| media.skip_after_s);
                clock(out, after_s.unwrap_or(0));
            });
            into.raw("\"");
        }
        into.raw(">");
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
        let skip = self.tells_skips().then_some("skip");
        for event in playing.into_iter().chain(skip) {
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
        let clicks = self.named("VideoClicks", "AdInteractions");
        into.raw("<").raw(clicks).raw(">");
        if self.form.wrapper {
            into.raw("<ClickTracking><![CDATA[");
            into.click(Place::Cdata).raw("&r=0");
            into.raw("]]></ClickTracking>");
        } else {
            into.raw("<ClickThrough><![CDATA[").click(Place::Cdata);
            into.raw("]]></ClickThrough>");
        }
        let around = ["<ClickTracking><![CDATA[", "]]></ClickTracking>", ""];
        into.trackers(Source::Click, around, Place::Cdata);
        into.raw("</").raw(clicks).raw(">");
    }
}

fn write_title(into: &mut Builder<'_>) {
    into.raw("<AdTitle>");
    into.field(|out, creative| markup_text(out, &creative.name));
    into.raw("</AdTitle>");
}

fn open_creative(into: &mut Builder<'_>) {
    into.raw("<Creative id=\"").id().raw("\">");
}

fn write_duration(into: &mut Builder<'_>) {
    into.raw("<Duration>");
    into.field(|out, creative| clock(out, media(creative).map_or(0, |media| media.duration_s)));
    into.raw("</Duration>");
}

/// A file with its size, which is 0 for sound.
fn write_file(out: &mut Out<'_>, file: &MediaFile) {
    open_file(out, file);
    out.put("\" width=\"");
    out.number(file.width);
    out.put("\" height=\"");
    out.number(file.height);
    close_file(out, file);
}

/// A file of DAAST, which knows no size.
fn write_sound(out: &mut Out<'_>, file: &MediaFile) {
    open_file(out, file);
    close_file(out, file);
}

fn open_file(out: &mut Out<'_>, file: &MediaFile) {
    out.put("<MediaFile delivery=\"progressive\" type=\"");
    markup_text(out, &file.mime);
}

fn close_file(out: &mut Out<'_>, file: &MediaFile) {
    if file.bitrate_kbps > 0 {
        out.put("\" bitrate=\"");
        out.number(file.bitrate_kbps);
    }
    if file.mime == VPAID_MIME {
        out.put("\" apiFramework=\"VPAID");
    }
    out.put("\"><![CDATA[");
    address_text(out, &file.url);
    out.put("]]></MediaFile>");
}

/// The type of an interactive ad that runs in the player (VPAID 2).
pub const VPAID_MIME: &str = "application/javascript";

fn write_companion(into: &mut Builder<'_>) {
    into.raw("<CompanionAds><Companion width=\"");
    into.field(|out, creative| out.number(companion(creative).map_or(0, |own| own.width)));
    into.raw("\" height=\"");
    into.field(|out, creative| out.number(companion(creative).map_or(0, |own| own.height)));
    into.raw("\"><StaticResource creativeType=\"");
    into.field(|out, creative| {
        let url = companion(creative).map_or("", |own| own.url.as_str());
        let mime = super::native::picture_mimes(url).first();
        out.put(mime.unwrap_or(&"image/jpeg"));
    });
    into.raw("\"><![CDATA[").lead(Some(Place::Cdata));
    into.raw("]]></StaticResource><CompanionClickThrough><![CDATA[");
    into.click(Place::Cdata);
    into.raw("]]></CompanionClickThrough></Companion></CompanionAds>");
}

fn media(creative: &Creative) -> Option<&Media> {
    match &creative.format {
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => Some(media),
        CreativeFormat::Banner { .. } | CreativeFormat::Native(_) => None,
    }
}

fn companion(creative: &Creative) -> Option<&Picture> {
    media(creative)?.companion.as_ref()
}

/// `HH:MM:SS`.
fn clock(out: &mut Out<'_>, seconds: u32) {
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60];
    for (part, before) in parts.into_iter().zip(["", ":", ":"]) {
        out.put(before);
        if part < 10 {
            out.put("0");
        }
        out.number(part);
    }
}
