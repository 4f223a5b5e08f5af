//! Banner markup: the picture or the advertiser's HTML, with our click address and pixel.

use std::fmt::Write;

use domain::creative::BannerMarkup;
use domain::targeting::Size;

use super::Tracking;
use super::escape::{markup_text, url_in_html};

/// What stands for the tracked link in an advertiser's HTML.
pub const CLICK_MACRO: &str = "{CLICK_URL}";

/// Appends a banner of `size`. A picture is linked to the click address; HTML has its
/// [`CLICK_MACRO`] replaced. Both are followed by the impression pixel.
pub fn write_banner(out: &mut String, markup: &BannerMarkup, size: Size, tracking: &Tracking<'_>) {
    match markup {
        BannerMarkup::Image { url } => {
            out.push_str("<a href=\"");
            markup_text(out, tracking.click);
            out.push_str("\" target=\"_blank\" rel=\"noopener\">");
            write_image(out, url, size, "border:0");
            out.push_str("</a>");
        }
        BannerMarkup::Html { html } => {
            for (index, part) in html.split(CLICK_MACRO).enumerate() {
                if index > 0 {
                    url_in_html(out, tracking.click);
                }
                out.push_str(part);
            }
        }
    }
    let pixel = Size {
        width: 1,
        height: 1,
    };
    write_image(
        out,
        tracking.impression,
        pixel,
        "position:absolute;border:0",
    );
}

fn write_image(out: &mut String, url: &str, size: Size, style: &str) {
    out.push_str("<img src=\"");
    markup_text(out, url);
    let Size { width, height } = size;
    write!(
        out,
        "\" width=\"{width}\" height=\"{height}\" style=\"{style}\" alt=\"\">"
    )
    .expect("a String takes every write");
}
