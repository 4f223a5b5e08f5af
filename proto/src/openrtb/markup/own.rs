//! What an ad alone has: the advertiser's HTML and addresses, with the places of their macros.
//!
//! The texts stay in the creative; only positions are kept beside it.

use domain::creative::{BannerMarkup, CreativeFormat, MediaSource};
use domain::{Creative, CreativeId};

use super::escape::{Sink, component};
use super::macros::{Macro, Part, parts};
use super::out::Out;
use super::template::{Fill, Place, value};

/// A text of a creative that may have macros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The HTML of a banner, the address of a wrapped ad, or that of the picture beside a player.
    Lead,
    /// The address of another's counter of impressions.
    Impression(usize),
    /// The same for clicks.
    Click(usize),
}

/// One such text, cut at its macros.
#[derive(Debug)]
pub(super) struct Own(Box<[Cut]>);

/// A piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// From one position to another.
    Text(u32, u32),
    /// A macro's value, URL-escaped so many times, in this place.
    Macro(Macro, u8, Place),
}

impl Own {
    pub(super) fn new(cuts: Vec<Cut>) -> Self {
        Self(cuts.into_boxed_slice())
    }

    /// Whether it has the macro.
    pub(super) fn has(&self, wanted: Macro) -> bool {
        let is = |cut: &Cut| matches!(cut, Cut::Macro(name, ..) if *name == wanted);
        self.0.iter().any(is)
    }

    /// An address.
    pub(super) fn address(address: &str, place: Place) -> Self {
        let parts = parts(address).into_iter();
        Self::new(parts.map(|(at, part)| Cut::of(at, part, place)).collect())
    }

    /// The texts of a creative: its lead, if it has one, then its trackers.
    pub(super) fn all(creative: &Creative, lead: Option<Self>, place: Place) -> Box<[Self]> {
        let trackers = &creative.trackers;
        let addresses = trackers.impression.iter().chain(&trackers.click);
        let addresses = addresses.map(|address| Self::address(address, place));
        lead.into_iter().chain(addresses).collect()
    }
}

impl Cut {
    /// A part of a text that begins at `at`. Positions beyond 4 GiB, which no text has, end at that.
    pub(super) fn of(at: usize, part: Part<'_>, place: Place) -> Self {
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        match part {
            Part::Text(text) => Self::Text(position(at), position(at + text.len())),
            Part::Macro(name, encodings) => Self::Macro(name, encodings, place),
        }
    }
}

/// An ad that is being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) creative: &'a Creative,
    pub(super) own: &'a [Own],
    /// The address of the pixel without a slash at its end.
    pub(super) pixel: &'a str,
    pub(super) fill: &'a Fill<'a>,
    /// The media files that the slot takes: bit `n` for file `n`.
    pub(super) files: u32,
}

impl Subject<'_> {
    /// Writes one of the creative's own texts, escaped for `place`, or as it is.
    pub(super) fn write(&self, out: &mut Out<'_>, source: Source, place: Option<Place>) {
        let Some((text, own)) = self.find(source) else {
            return;
        };
        for cut in &own.0 {
            match *cut {
                Cut::Text(from, to) => {
                    let text = text.get(from as usize..to as usize).unwrap_or_default();
                    match place {
                        Some(place) => place.text(out, text),
                        None => out.put(text),
                    }
                }
                Cut::Macro(name, encodings, place) => self.insert(out, name, (encodings, place)),
            }
        }
    }

    fn find(&self, source: Source) -> Option<(&str, &Own)> {
        let trackers = &self.creative.trackers;
        let counted = trackers.impression.len() + trackers.click.len();
        let first = self.own.len().checked_sub(counted)?;
        let (text, at) = match source {
            Source::Lead => (lead(&self.creative.format)?, first.checked_sub(1)?),
            Source::Impression(number) => (
                trackers.impression.get(number)?.as_str(),
                first.checked_add(number)?,
            ),
            Source::Click(number) => (
                trackers.click.get(number)?.as_str(),
                first.checked_add(trackers.impression.len() + number)?,
            ),
        };
        Some((text, self.own.get(at)?))
    }

    /// A macro's value. Only as HTML text does it stand unencoded: elsewhere it is URL-escaped at least once, except
    /// our own addresses and numbers, which are safe everywhere.
    fn insert(&self, out: &mut Out<'_>, name: Macro, (encodings, place): (u8, Place)) {
        match name {
            Macro::ClickUrl => {
                self.ours(out, "/click?t=", (encodings, place));
                out.safe(self.fill.click_token);
            }
            Macro::ImpressionUrl => {
                self.ours(out, "/imp?t=", (encodings, place));
                out.safe(self.fill.event_token);
            }
            Macro::CreativeId => {
                let CreativeId(id) = self.creative.id;
                out.number(id);
            }
            _ => {
                let least = u8::from(place != Place::Html);
                value(out, name, encodings.max(least), self.fill);
            }
        }
    }

    fn ours(&self, out: &mut Out<'_>, path: &str, (encodings, place): (u8, Place)) {
        for text in [self.pixel, path] {
            match encodings {
                0 => place.text(out, text),
                times => component(out, text, times),
            }
        }
    }
}

/// The text that leads in a creative of this format.
pub(super) fn lead(format: &CreativeFormat) -> Option<&str> {
    match format {
        CreativeFormat::Banner { markup, .. } => match markup {
            BannerMarkup::Image { .. } => None,
            BannerMarkup::Html { html } | BannerMarkup::Tag { html } => Some(html),
        },
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => match &media.source {
            MediaSource::Wrapper(wrapper) => Some(&wrapper.tag_url),
            MediaSource::Files(_) => media.companion.as_ref().map(|picture| picture.url.as_str()),
        },
        CreativeFormat::Native(_) => None,
    }
}
