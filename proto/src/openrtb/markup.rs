//! The ad's markup: banner HTML, VAST, native answers. Compiled once, then copied and filled in for each bid.
//!
//! Everything that is the same for all bids, with its escaping, is done in [`Markup::compile`]; a bid copies the
//! pieces and fills in tokens and the request's values. OpenRTB macros such as `${AUCTION_PRICE}` stay literally
//! substitutable: no context here changes `$`, `{`, `}` or `_`.

mod banner;
pub mod escape;
mod html;
pub mod macros;
pub mod native;
pub mod template;
pub mod vast;

use domain::{Creative, CreativeFormat};

pub use macros::Macro;
pub use native::NativeMismatch;
pub use template::Fill;
pub use vast::VastVersion;

use super::NativeRequest;
use banner::BannerTemplate;
use native::NativeTemplate;
use vast::VastTemplates;

/// A creative, compiled.
#[derive(Debug)]
pub struct Markup(Kind);

#[derive(Debug)]
enum Kind {
    Banner(BannerTemplate),
    Media(Box<VastTemplates>),
    Native(Box<NativeTemplate>),
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

impl Markup {
    /// Compiles a creative; `pixel` is the address of the pixel without a slash at its end.
    pub fn compile(creative: &Creative, pixel: &str) -> Self {
        Self(match &creative.format {
            CreativeFormat::Banner {
                width,
                height,
                markup,
            } => Kind::Banner(BannerTemplate::compile(
                creative,
                (*width, *height, markup),
                pixel,
            )),
            CreativeFormat::Video(media) => {
                Kind::Media(Box::new(VastTemplates::compile(creative, media, pixel)))
            }
            CreativeFormat::Audio(media) => {
                Kind::Media(Box::new(VastTemplates::compile(creative, media, pixel)))
            }
            CreativeFormat::Native(assets) => {
                Kind::Native(Box::new(NativeTemplate::compile(creative, assets, pixel)))
            }
        })
    }

    /// Appends the markup to `out`, which grows as needed and is all that is allocated. Leaves `out` as it was when
    /// the creative does not fit: another kind of slot, or a layout that it cannot fill.
    ///
    /// # Errors
    /// See [`NativeMismatch`]. Texts are never cut: one too long does not fit.
    pub fn write(
        &self,
        out: &mut String,
        shape: Shape<'_>,
        fill: &Fill<'_>,
    ) -> Result<(), NativeMismatch> {
        match (&self.0, shape) {
            (Kind::Banner(banner), Shape::Banner { script }) => banner.write(out, script, fill),
            (Kind::Media(vast), Shape::Media { version, files }) => {
                vast.write(out, (version, files), fill);
            }
            (Kind::Native(native), Shape::Native(request)) => {
                return native.write(out, request, fill);
            }
            _ => return Err(NativeMismatch::Nothing),
        }
        Ok(())
    }
}
