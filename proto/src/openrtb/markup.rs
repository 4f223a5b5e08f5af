//! The ad's markup: banner HTML, VAST, native answers. Compiled once, then copied and filled in for each bid.
//!
//! What all ads of one form have in common is one template with its escaping done beforehand; what an ad alone has
//! stays in the creative, with the places of macros beside it. A bid copies the pieces straight into the answer's
//! buffer and fills in tokens and the request's values. OpenRTB macros such as `${AUCTION_PRICE}` stay literally
//! substitutable: no context here changes `$`, `{`, `}` or `_`.

mod banner;
pub mod escape;
mod html;
pub mod macros;
pub mod native;
mod native_message;
pub mod on_win;
mod out;
mod own;
pub mod template;
pub mod vast;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Creative, CreativeFormat};

pub use macros::Macro;
pub use native::NativeMismatch;
pub use out::Out;
pub use template::Fill;
pub use vast::VastVersion;

use super::NativeRequest;
use banner::BannerTemplate;
use native::NativeTemplate;
use own::{Own, Subject, lead};
use template::Place;
use vast::VastTemplates;

/// Compiles creatives; those of one form share a template.
#[derive(Debug)]
pub struct Compiler {
    pixel: Arc<str>,
    layouts: BTreeMap<Form, Arc<Layout>>,
}

/// What ads of one template have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Banner(banner::Form),
    Media(vast::Form),
    Native(native::Form),
}

#[derive(Debug)]
struct Layout {
    pixel: Arc<str>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Banner(BannerTemplate),
    Media(VastTemplates),
    Native(NativeTemplate),
}

/// What a creative's markup needs beside the creative.
#[derive(Debug)]
pub struct Markup {
    layout: Arc<Layout>,
    own: Box<[Own]>,
}

/// An ad with everything that its markup is made of.
#[derive(Debug, Clone, Copy)]
pub struct Filled<'a> {
    /// Its markup, compiled from `creative`.
    pub markup: &'a Markup,
    /// The creative.
    pub creative: &'a Creative,
    /// What the slot says; it must be one that the creative fits.
    pub shape: Shape<'a>,
    /// What the bid fills in.
    pub fill: &'a Fill<'a>,
}

/// What the slot says about the markup.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// A banner's place.
    Banner {
        /// Whether a script may be added that tells when the banner is seen.
        script: bool,
    },
    /// A player.
    Media {
        /// The version to answer with; see [`vast::best`].
        version: VastVersion,
        /// The media files that it takes: bit `n` for the creative's file `n`.
        files: u32,
    },
    /// A layout.
    Native(&'a NativeRequest<'a>),
}

impl Compiler {
    /// `pixel` is the address of the pixel without a slash at its end.
    pub fn new(pixel: &str) -> Self {
        Self {
            pixel: pixel.into(),
            layouts: BTreeMap::new(),
        }
    }

    /// Compiles a creative.
    pub fn compile(&mut self, creative: &Creative) -> Markup {
        let form = Form::of(creative);
        let pixel = &self.pixel;
        let layout = self.layouts.entry(form).or_insert_with(|| {
            Arc::new(Layout {
                pixel: Arc::clone(pixel),
                kind: form.compile(pixel),
            })
        });
        let place = match form {
            Form::Banner(_) => Place::HtmlAddress,
            Form::Media(_) => Place::Cdata,
            Form::Native(_) => Place::Json,
        };
        let lead = lead(&creative.format).map(|text| match form {
            Form::Banner(_) => html::compile(text),
            Form::Media(_) | Form::Native(_) => Own::address(text, place),
        });
        Markup {
            layout: Arc::clone(layout),
            own: Own::all(creative, lead, place),
        }
    }
}

impl Form {
    fn of(creative: &Creative) -> Self {
        match &creative.format {
            CreativeFormat::Banner {
                width,
                height,
                markup,
            } => Self::Banner(banner::Form::of((*width, *height), markup)),
            CreativeFormat::Video(media) => Self::Media(vast::Form::of(media, false)),
            CreativeFormat::Audio(media) => Self::Media(vast::Form::of(media, true)),
            CreativeFormat::Native(_) => Self::Native(native::Form::of(creative)),
        }
    }

    fn compile(self, pixel: &str) -> Kind {
        match self {
            Self::Banner(form) => Kind::Banner(BannerTemplate::compile(form, pixel)),
            Self::Media(form) => Kind::Media(VastTemplates::compile(form, pixel)),
            Self::Native(form) => Kind::Native(NativeTemplate::compile(form, pixel)),
        }
    }
}

impl Filled<'_> {
    /// Appends the markup to `out`, which grows as needed and is all that is allocated. Leaves `out` as it was when
    /// the creative does not fit: another kind of slot, or a layout that it cannot fill.
    ///
    /// # Errors
    /// See [`NativeMismatch`]. Texts are never cut: one too long does not fit.
    pub fn write(&self, out: &mut Out<'_>) -> Result<(), NativeMismatch> {
        let layout = self.markup.layout.as_ref();
        let mut ad = self.subject();
        match (&layout.kind, self.shape) {
            (Kind::Banner(banner), Shape::Banner { script }) => banner.write(out, script, &ad),
            (Kind::Media(vast), Shape::Media { version, files }) => {
                ad.files = files;
                vast.write(out, version, &ad);
            }
            (Kind::Native(native), Shape::Native(request)) => {
                return native.write(out, request, &ad);
            }
            _ => return Err(NativeMismatch::Nothing),
        }
        Ok(())
    }

    /// The layout that a message can answer; `None` for what is no native ad or asks for more than messages hold.
    pub(crate) fn message_layout(&self) -> Option<&NativeRequest<'_>> {
        match self.shape {
            Shape::Native(request) if native_message::has_place(request) => Some(request),
            _ => None,
        }
    }

    /// Appends a native answer as the fields of a `NativeResponse`, as [`Filled::write`] does as text.
    ///
    /// # Errors
    /// See [`NativeMismatch`].
    pub(crate) fn write_message(
        &self,
        out: &mut Vec<u8>,
        request: &NativeRequest<'_>,
    ) -> Result<(), NativeMismatch> {
        native_message::write(out, request, &self.subject())
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            creative: self.creative,
            own: &self.markup.own,
            pixel: &self.markup.layout.pixel,
            fill: self.fill,
            files: 0,
        }
    }
}
