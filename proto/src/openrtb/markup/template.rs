//! Templates: constant text, escaped once, with places for tokens and the request's values.

use std::fmt::Write;

use domain::{CampaignId, CreativeId, LineItemId};

use super::escape::{address_text, component, json_inner, markup_text};
use super::macros::{Macro, Part, parts};

/// What a bid fills in; texts of the request come as they were sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fill<'a> {
    /// The sealed click token.
    pub click_token: &'a str,
    /// The sealed token of impressions, views and playback.
    pub event_token: &'a str,
    /// A number that no other bid has.
    pub cachebuster: u64,
    /// The request's id.
    pub auction_id: &'a str,
    /// The campaign.
    pub campaign: CampaignId,
    /// The line item.
    pub line_item: LineItemId,
    /// The exchange's name.
    pub exchange: &'a str,
    /// The site's or app's domain.
    pub site: &'a str,
    /// The app's bundle.
    pub app_bundle: &'a str,
    /// Whether the GDPR applies; `None` where the request does not say.
    pub gdpr: Option<bool>,
    /// The TC string.
    pub gdpr_consent: &'a str,
    /// The US privacy string.
    pub us_privacy: &'a str,
    /// The GPP string.
    pub gpp: &'a str,
    /// Its sections that apply.
    pub gpp_sid: &'a [i32],
    /// The device's advertising id; empty unless privacy allows it.
    pub device_id: &'a str,
    /// The slot's width and height in pixels.
    pub size: (u32, u32),
}

/// Where text stands, which decides its escaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// HTML text or a quoted attribute.
    Html,
    /// Script, style or anything else in HTML where entities are not read.
    Script,
    /// An address in a quoted attribute.
    HtmlAddress,
    /// An address in a CDATA section.
    Cdata,
    /// An address in a JSON string.
    Json,
}

/// Pieces in order.
#[derive(Debug, Default)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    /// Only where the slot takes the media file of this number.
    File(u8, Box<str>),
    ClickToken,
    EventToken,
    /// A value, URL-escaped so many times; with none, as HTML text.
    Value(Macro, u8),
}

impl Template {
    /// Appends the text with everything filled in; `files` are the media files that the slot takes.
    pub(super) fn write(&self, out: &mut String, files: u32, fill: &Fill<'_>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::File(number, text) if files >> number & 1 == 1 => out.push_str(text),
                Piece::File(..) => {}
                Piece::ClickToken => out.push_str(fill.click_token),
                Piece::EventToken => out.push_str(fill.event_token),
                Piece::Value(name, encodings) => value(out, *name, *encodings, fill),
            }
        }
    }
}

/// Writes a value. Numbers and words of ours need no escaping.
fn value(out: &mut String, name: Macro, encodings: u8, fill: &Fill<'_>) {
    const SAFE: &str = "a String takes every write";
    let text = match name {
        Macro::AuctionId => fill.auction_id,
        Macro::Exchange => fill.exchange,
        Macro::Site => fill.site,
        Macro::AppBundle => fill.app_bundle,
        Macro::GdprConsent => fill.gdpr_consent,
        Macro::UsPrivacy => fill.us_privacy,
        Macro::Gpp => fill.gpp,
        Macro::DeviceId => fill.device_id,
        Macro::Gdpr => match fill.gdpr {
            Some(true) => "1",
            Some(false) => "0",
            None => "",
        },
        Macro::Cachebuster => return write!(out, "{}", fill.cachebuster).expect(SAFE),
        Macro::CampaignId => return write!(out, "{}", fill.campaign).expect(SAFE),
        Macro::LineItemId => return write!(out, "{}", fill.line_item).expect(SAFE),
        Macro::Width => return write!(out, "{}", fill.size.0).expect(SAFE),
        Macro::Height => return write!(out, "{}", fill.size.1).expect(SAFE),
        Macro::GppSid => return sections(out, encodings, fill.gpp_sid),
        // Compiled to text and tokens.
        Macro::ClickUrl | Macro::ImpressionUrl | Macro::CreativeId => "",
    };
    escaped(out, text, encodings);
}

fn sections(out: &mut String, encodings: u8, sections: &[i32]) {
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            escaped(out, ",", encodings);
        }
        write!(out, "{section}").expect("a String takes every write");
    }
}

fn escaped(out: &mut String, text: &str, encodings: u8) {
    match encodings {
        0 => markup_text(out, text),
        times => component(out, text, times),
    }
}

/// Puts a template together.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pieces: Vec<Piece>,
    text: String,
    pixel: &'a str,
    creative: CreativeId,
}

impl<'a> Builder<'a> {
    pub(super) fn new(creative: CreativeId, pixel: &'a str) -> Self {
        Self {
            pieces: Vec::new(),
            text: String::new(),
            pixel,
            creative,
        }
    }

    pub(super) fn finish(mut self) -> Template {
        self.flush();
        Template(self.pieces)
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.pieces.push(Piece::Text(text.into_boxed_str()));
        }
    }

    fn piece(&mut self, piece: Piece) {
        self.flush();
        self.pieces.push(piece);
    }

    /// Text as it is.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A number.
    pub(super) fn number(&mut self, number: impl std::fmt::Display) -> &mut Self {
        write!(self.text, "{number}").expect("a String takes every write");
        self
    }

    /// Text for HTML or XML, in an attribute or outside.
    pub(super) fn markup(&mut self, text: &str) -> &mut Self {
        markup_text(&mut self.text, text);
        self
    }

    /// What stands only where the media file of this number is taken.
    pub(super) fn file(&mut self, number: u8, text: String) {
        self.piece(Piece::File(number, text.into_boxed_str()));
    }

    /// Our click address.
    pub(super) fn click(&mut self, place: Place) -> &mut Self {
        self.ours("/click?t=", place, 0);
        self.piece(Piece::ClickToken);
        self
    }

    /// An address of ours with the event token; `end` follows it.
    pub(super) fn event(&mut self, path: &str, end: &str, place: Place) -> &mut Self {
        self.ours(path, place, 0);
        self.piece(Piece::EventToken);
        place.text(&mut self.text, end);
        self
    }

    fn ours(&mut self, path: &str, place: Place, encodings: u8) {
        for text in [self.pixel, path] {
            match encodings {
                0 => place.text(&mut self.text, text),
                times => component(&mut self.text, text, times),
            }
        }
    }

    /// Somebody's address with macros.
    pub(super) fn address(&mut self, address: &str, place: Place) -> &mut Self {
        for part in parts(address) {
            match part {
                Part::Text(text) => place.text(&mut self.text, text),
                Part::Macro(name, encodings) => self.insert(name, encodings, place),
            }
        }
        self
    }

    /// A macro's value. Only as HTML text does it stand unencoded: elsewhere it is URL-escaped at least once, except
    /// our own addresses and numbers, which are safe everywhere.
    pub(super) fn insert(&mut self, name: Macro, encodings: u8, place: Place) {
        match name {
            Macro::ClickUrl => {
                self.ours("/click?t=", place, encodings);
                self.piece(Piece::ClickToken);
            }
            Macro::ImpressionUrl => {
                self.ours("/imp?t=", place, encodings);
                self.piece(Piece::EventToken);
            }
            Macro::CreativeId => {
                let id = self.creative;
                self.number(id);
            }
            _ => {
                let least = u8::from(place != Place::Html);
                self.piece(Piece::Value(name, encodings.max(least)));
            }
        }
    }
}

impl Place {
    fn text(self, out: &mut String, text: &str) {
        match self {
            Self::Html | Self::HtmlAddress => markup_text(out, text),
            Self::Script | Self::Cdata => address_text(out, text),
            Self::Json => json_inner(out, text),
        }
    }
}
