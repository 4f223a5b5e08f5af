//! VAST: one linear ad, video or audio, inline.

use std::fmt::Write;

use domain::creative::Media;

use super::Tracking;
use super::escape::{cdata, markup_text};

/// The versions we can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VastVersion {
    /// 2.0, protocol 2.
    V2_0,
    /// 3.0, protocol 3.
    V3_0,
    /// 4.0, protocol 7.
    V4_0,
    /// 4.1, protocol 11.
    V4_1,
    /// 4.2, protocol 13.
    V4_2,
}

impl VastVersion {
    fn label(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V3_0 => "3.0",
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
        }
    }
}

/// The newest inline version among the slot's `protocols`; 3.0 when it states none, `None` when it
/// takes nothing that we write.
pub fn vast_version(protocols: &[u32]) -> Option<VastVersion> {
    if protocols.is_empty() {
        return Some(VastVersion::V3_0);
    }
    let versions = protocols.iter().filter_map(|protocol| match protocol {
        2 => Some(VastVersion::V2_0),
        3 => Some(VastVersion::V3_0),
        7 => Some(VastVersion::V4_0),
        11 => Some(VastVersion::V4_1),
        13 => Some(VastVersion::V4_2),
        _ => None,
    });
    versions.max()
}

/// A linear ad.
#[derive(Debug, Clone, Copy)]
pub struct VastAd<'a> {
    /// Id of the creative.
    pub id: &'a str,
    /// Its name.
    pub title: &'a str,
    /// Its file.
    pub media: &'a Media,
    /// Whether it is an audio ad.
    pub audio: bool,
    /// What it reports to: a click leads through the click address, all quartiles go to the view
    /// address, which counts the first of them.
    pub tracking: Tracking<'a>,
    /// Fetched when the ad cannot be played; `[ERRORCODE]` in it is the player's to replace.
    pub error: Option<&'a str>,
}

/// Appends the document.
pub fn write_vast(out: &mut String, version: VastVersion, ad: &VastAd<'_>) {
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?><VAST version=\"");
    out.push_str(version.label());
    out.push_str("\"><Ad id=\"");
    markup_text(out, ad.id);
    if ad.audio && version >= VastVersion::V4_1 {
        out.push_str("\" adType=\"audio");
    }
    out.push_str("\"><InLine><AdSystem>Paceline</AdSystem>");
    // The schemas order the same elements differently before and from 4.0.
    if version < VastVersion::V4_0 {
        text_element(out, "AdTitle", ad.title);
    }
    if let Some(error) = ad.error {
        url_element(out, "Error", error);
    }
    url_element(out, "Impression", ad.tracking.impression);
    if version >= VastVersion::V4_1 {
        text_element(out, "AdServingId", ad.id);
    }
    if version >= VastVersion::V4_0 {
        text_element(out, "AdTitle", ad.title);
    }
    out.push_str("<Creatives><Creative id=\"");
    markup_text(out, ad.id);
    out.push_str("\"><Linear>");
    write_linear(out, version, ad);
    out.push_str("</Linear>");
    write_universal_id(out, version, ad.id);
    out.push_str("</Creative></Creatives></InLine></Ad></VAST>");
}

fn write_linear(out: &mut String, version: VastVersion, ad: &VastAd<'_>) {
    if version < VastVersion::V4_0 {
        write_duration(out, ad.media.duration_s);
        write_events(out, ad.tracking.view);
        write_clicks(out, ad.tracking.click);
        write_media(out, ad.media);
    } else {
        write_events(out, ad.tracking.view);
        write_duration(out, ad.media.duration_s);
        write_media(out, ad.media);
        write_clicks(out, ad.tracking.click);
    }
}

fn write_duration(out: &mut String, duration_s: u32) {
    let (hours, minutes, seconds) = (duration_s / 3600, duration_s / 60 % 60, duration_s % 60);
    write!(
        out,
        "<Duration>{hours:02}:{minutes:02}:{seconds:02}</Duration>"
    )
    .expect("a String takes every write");
}

fn write_events(out: &mut String, view: &str) {
    out.push_str("<TrackingEvents>");
    for event in ["firstQuartile", "midpoint", "thirdQuartile", "complete"] {
        out.push_str("<Tracking event=\"");
        out.push_str(event);
        out.push_str("\">");
        cdata(out, view);
        out.push_str("</Tracking>");
    }
    out.push_str("</TrackingEvents>");
}

/// The click address redirects to the landing page, so it is the way through; a tracking element
/// beside it would count each click twice.
fn write_clicks(out: &mut String, click: &str) {
    out.push_str("<VideoClicks>");
    url_element(out, "ClickThrough", click);
    out.push_str("</VideoClicks>");
}

fn write_media(out: &mut String, media: &Media) {
    out.push_str("<MediaFiles><MediaFile delivery=\"progressive\" type=\"");
    markup_text(out, &media.mime);
    write!(
        out,
        "\" width=\"{}\" height=\"{}\"",
        media.width, media.height
    )
    .expect("a String takes every write");
    if media.bitrate_kbps > 0 {
        write!(out, " bitrate=\"{}\"", media.bitrate_kbps).expect("a String takes every write");
    }
    out.push('>');
    cdata(out, &media.url);
    out.push_str("</MediaFile></MediaFiles>");
}

/// From 4.0 on every creative has one; we are in no registry.
fn write_universal_id(out: &mut String, version: VastVersion, id: &str) {
    if version < VastVersion::V4_0 {
        return;
    }
    out.push_str("<UniversalAdId idRegistry=\"unknown\"");
    if version == VastVersion::V4_0 {
        out.push_str(" idValue=\"");
        markup_text(out, id);
        out.push('"');
    }
    out.push('>');
    markup_text(out, id);
    out.push_str("</UniversalAdId>");
}

fn text_element(out: &mut String, name: &str, text: &str) {
    element(out, name, |out| markup_text(out, text));
}

fn url_element(out: &mut String, name: &str, url: &str) {
    element(out, name, |out| cdata(out, url));
}

fn element(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    inside(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}
