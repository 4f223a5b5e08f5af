//! Banner markup: the picture or the advertiser's HTML, with our click address, pixel and view script.

use domain::Creative;
use domain::creative::BannerMarkup;

use super::html;
use super::template::{Builder, Fill, Place, Template};

/// From this many square pixels on, a banner counts as large: less of it must be seen (MRC Viewable Ad Impression
/// Measurement Guidelines).
const LARGE_PIXELS: u64 = 242_500;
/// The end of the view script: after a second of half the banner in view (30 % of a large one) of a page that is not
/// hidden, it loads the address once. `S` is the share that must be seen.
const VIEW_SCRIPT: [&str; 3] = [
    "<script>(function(d,u,S){var s=d.currentScript,e=s&&s.previousElementSibling,t=0,o;\
     function f(){if(d.hidden){t=setTimeout(f,1000)}else{o.disconnect();new Image().src=u}}\
     if(e&&window.IntersectionObserver){o=new IntersectionObserver(function(r){\
     if(r[r.length-1].intersectionRatio>=S){t=t||setTimeout(f,1000)}else{clearTimeout(t);t=0}},{threshold:[0,S]});\
     o.observe(e)}})(document,\"",
    "\",",
    ")</script>",
];

/// A banner with and without the script that tells when it is seen.
#[derive(Debug)]
pub(super) struct BannerTemplate {
    plain: Template,
    /// None where the advertiser's HTML is a document of its own, which cannot be put into an element.
    scripted: Option<Template>,
}

impl BannerTemplate {
    pub(super) fn compile(
        creative: &Creative,
        (width, height, markup): (u32, u32, &BannerMarkup),
        pixel: &str,
    ) -> Self {
        let size = (width, height);
        let mut plain = Builder::new(creative.id, pixel);
        write_ad(&mut plain, size, markup);
        write_pixels(&mut plain, creative);
        let scripted = is_fragment(markup).then(|| {
            let mut scripted = Builder::new(creative.id, pixel);
            scripted.raw("<div style=\"width:").number(width);
            scripted.raw("px;height:").number(height).raw("px\">");
            write_ad(&mut scripted, size, markup);
            scripted.raw("</div>").raw(VIEW_SCRIPT[0]);
            scripted.event("/view?t=", "", Place::Script);
            scripted.raw(VIEW_SCRIPT[1]);
            let large = u64::from(width) * u64::from(height) >= LARGE_PIXELS;
            scripted.raw(if large { ".3" } else { ".5" });
            scripted.raw(VIEW_SCRIPT[2]);
            write_pixels(&mut scripted, creative);
            scripted.finish()
        });
        Self {
            plain: plain.finish(),
            scripted,
        }
    }

    pub(super) fn write(&self, out: &mut String, script: bool, fill: &Fill<'_>) {
        let template = self.scripted.as_ref().filter(|_| script);
        template.unwrap_or(&self.plain).write(out, 0, fill);
    }
}

fn is_fragment(markup: &BannerMarkup) -> bool {
    let (BannerMarkup::Html { html } | BannerMarkup::Tag { html }) = markup else {
        return true;
    };
    let html = html.to_ascii_lowercase();
    !["<html", "<body", "<!doctype"]
        .iter()
        .any(|tag| html.contains(tag))
}

/// A picture is linked to the click address; HTML has its macros filled in.
fn write_ad(into: &mut Builder<'_>, size: (u32, u32), markup: &BannerMarkup) {
    match markup {
        BannerMarkup::Image { url } => {
            into.raw("<a href=\"").click(Place::HtmlAddress);
            into.raw("\" target=\"_blank\" rel=\"noopener\"><img src=\"");
            into.markup(url);
            finish_image(into, size, "border:0");
            into.raw("</a>");
        }
        BannerMarkup::Html { html } | BannerMarkup::Tag { html } => html::compile(html, into),
    }
}

/// Our impression pixel and those of others.
fn write_pixels(into: &mut Builder<'_>, creative: &Creative) {
    const STYLE: &str = "position:absolute;border:0";
    into.raw("<img src=\"");
    into.event("/imp?t=", "", Place::HtmlAddress);
    finish_image(into, (1, 1), STYLE);
    for tracker in &creative.trackers.impression {
        into.raw("<img src=\"");
        into.address(tracker, Place::HtmlAddress);
        finish_image(into, (1, 1), STYLE);
    }
}

fn finish_image(into: &mut Builder<'_>, (width, height): (u32, u32), style: &str) {
    into.raw("\" width=\"").number(width);
    into.raw("\" height=\"").number(height);
    into.raw("\" style=\"").raw(style).raw("\" alt=\"\">");
}
