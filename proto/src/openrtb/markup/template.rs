//! Templates: constant text, escaped once, with places for what the ad alone has, tokens and the request's values.
//!
//! A template is the same for all ads of one form; they share it.

use domain::creative::{CreativeFormat, MediaFile};
use domain::{CampaignId, Creative, LineItemId};

use super::escape::{Sink, address_text, component, json_inner, markup_text};
use super::macros::Macro;
use super::out::{Out, Words};
use super::own::{Source, Subject};

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
pub(super) struct Template(Box<[Piece]>);

/// Writes a value of the creative.
type Write = fn(&mut Out<'_>, &Creative);

#[derive(Debug)]
enum Piece {
    Words(Words),
    ClickToken,
    EventToken,
    /// A value of the creative, which escapes itself.
    Field(Write),
    /// One of its own texts with macros; without a place as it is.
    Own(Source, Option<Place>),
    /// What others count with.
    Trackers(Box<Trackers>),
    /// Each media file that the slot takes.
    Files(fn(&mut Out<'_>, &MediaFile)),
}

/// Addresses of trackers, each with the same around it.
#[derive(Debug)]
struct Trackers {
    of: fn(usize) -> Source,
    before: Words,
    after: Words,
    between: Words,
    place: Place,
}

impl Template {
    /// Appends the text with everything filled in.
    pub(super) fn write(&self, out: &mut Out<'_>, ad: &Subject<'_>) {
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => out.words(words),
                Piece::ClickToken => out.safe(ad.fill.click_token),
                Piece::EventToken => out.safe(ad.fill.event_token),
                Piece::Field(write) => write(out, ad.creative),
                Piece::Own(source, place) => ad.write(out, *source, *place),
                Piece::Trackers(trackers) => trackers.write(out, ad),
                Piece::Files(write) => {
                    let files = files(&ad.creative.format).iter().zip(0..u32::BITS);
                    let taken = files.filter(|(_, number)| ad.files >> number & 1 == 1);
                    taken.for_each(|(file, _)| write(out, file));
                }
            }
        }
    }
}

fn files(format: &CreativeFormat) -> &[MediaFile] {
    match format {
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => media.files(),
        CreativeFormat::Banner { .. } | CreativeFormat::Native(_) => &[],
    }
}

impl Trackers {
    fn write(&self, out: &mut Out<'_>, ad: &Subject<'_>) {
        let trackers = &ad.creative.trackers;
        let count = match (self.of)(0) {
            Source::Impression(_) => trackers.impression.len(),
            Source::Click(_) => trackers.click.len(),
            Source::Lead => 1,
        };
        for number in 0..count {
            if number > 0 {
                out.words(&self.between);
            }
            out.words(&self.before);
            ad.write(out, (self.of)(number), Some(self.place));
            out.words(&self.after);
        }
    }
}

/// Writes a value. Numbers and words of ours need no escaping.
pub(super) fn value(out: &mut Out<'_>, name: Macro, encodings: u8, fill: &Fill<'_>) {
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
        Macro::Cachebuster => return out.number(fill.cachebuster),
        Macro::CampaignId => return out.number(fill.campaign.0),
        Macro::LineItemId => return out.number(fill.line_item.0),
        Macro::Width => return out.number(fill.size.0),
        Macro::Height => return out.number(fill.size.1),
        Macro::GppSid => return sections(out, encodings, fill.gpp_sid),
        // Compiled to text and tokens.
        Macro::ClickUrl | Macro::ImpressionUrl | Macro::CreativeId => "",
    };
    escaped(out, text, encodings);
}

fn sections(out: &mut Out<'_>, encodings: u8, sections: &[i32]) {
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            escaped(out, ",", encodings);
        }
        out.number(*section);
    }
}

fn escaped(out: &mut Out<'_>, text: &str, encodings: u8) {
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
}

impl<'a> Builder<'a> {
    pub(super) fn new(pixel: &'a str) -> Self {
        Self {
            pieces: Vec::new(),
            text: String::new(),
            pixel,
        }
    }

    pub(super) fn finish(mut self) -> Template {
        self.flush();
        Template(self.pieces.into_boxed_slice())
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Words(Words::new(&self.text)));
            self.text.clear();
        }
    }

    fn piece(&mut self, piece: Piece) -> &mut Self {
        self.flush();
        self.pieces.push(piece);
        self
    }

    /// Text as it is.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A value of the creative, with its escaping.
    pub(super) fn field(&mut self, write: Write) -> &mut Self {
        self.piece(Piece::Field(write))
    }

    /// The creative's id.
    pub(super) fn id(&mut self) -> &mut Self {
        self.field(|out, creative| out.number(creative.id.0))
    }

    /// The creative's media files, as far as the slot takes them.
    pub(super) fn files(&mut self, write: fn(&mut Out<'_>, &MediaFile)) -> &mut Self {
        self.piece(Piece::Files(write))
    }

    /// The text that leads in the creative, as it is or escaped for a place.
    pub(super) fn lead(&mut self, place: Option<Place>) -> &mut Self {
        self.piece(Piece::Own(Source::Lead, place))
    }

    /// The addresses of others' counters with the same before and after each, and something between them.
    pub(super) fn trackers(
        &mut self,
        of: fn(usize) -> Source,
        [before, after, between]: [&str; 3],
        place: Place,
    ) -> &mut Self {
        self.piece(Piece::Trackers(Box::new(Trackers {
            of,
            before: Words::new(before),
            after: Words::new(after),
            between: Words::new(between),
            place,
        })))
    }

    /// Our click address.
    pub(super) fn click(&mut self, place: Place) -> &mut Self {
        self.ours("/click?t=", place).piece(Piece::ClickToken)
    }

    /// An address of ours with the event token; `end` follows it.
    pub(super) fn event(&mut self, path: &str, end: &str, place: Place) -> &mut Self {
        self.ours(path, place).piece(Piece::EventToken);
        place.text(&mut self.text, end);
        self
    }

    fn ours(&mut self, path: &str, place: Place) -> &mut Self {
        place.text(&mut self.text, self.pixel);
        place.text(&mut self.text, path);
        self
    }
}

impl Place {
    /// Appends text with the escaping of the place.
    pub(super) fn text(self, out: &mut impl Sink, text: &str) {
        match self {
            Self::Html | Self::HtmlAddress => markup_text(out, text),
            Self::Script | Self::Cdata => address_text(out, text),
            Self::Json => json_inner(out, text),
        }
    }
}
