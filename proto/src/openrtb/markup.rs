//! The ad's markup: banner HTML, VAST, native answers. Plain values in, text out.
//!
//! OpenRTB macros such as `${AUCTION_PRICE}` in the given URLs stay literally substitutable: no
//! context here changes `$`, `{`, `}` or `_`.

pub mod banner;
pub mod escape;
pub mod native;
pub mod vast;

/// The addresses that an ad reports to, already signed.
#[derive(Debug, Clone, Copy)]
pub struct Tracking<'a> {
    /// Our click address, which leads on to the landing page.
    pub click: &'a str,
    /// Fetched when the ad is shown.
    pub impression: &'a str,
    /// Fetched when the ad is seen.
    pub view: &'a str,
}

pub use banner::write_banner;
pub use native::{NativeMismatch, native_answer};
pub use vast::{VastAd, VastVersion, vast_version, write_vast};
