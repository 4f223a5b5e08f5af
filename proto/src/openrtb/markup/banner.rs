//! Banner markup: the picture or the advertiser's HTML, with our click address, pixel and view script.

use domain::Creative;
use domain::creative::{BannerMarkup, CreativeFormat};

use super::escape::markup_text;
use super::out::Out;
use super::own::{Source, Subject};
use super::template::{Builder, Place, Template};

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

/// What banners of one template have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    /// A picture; else HTML.
    picture: bool,
    /// The advertiser's HTML is a document of its own, which cannot be put into an element.
    document: bool,
    large: bool,
}

impl Form {
    pub(super) fn of((width, height): (u32, u32), markup: &BannerMarkup) -> Self {
        Self {
            picture: matches!(markup, BannerMarkup::Image { .. }),
            document: is_document(markup),
            large: u64::from(width) * u64::from(height) >= LARGE_PIXELS,
        }
    }
}

/// A banner with and without the script that tells when it is seen.
#[derive(Debug)]
pub(super) struct BannerTemplate {
    plain: Template,
    /// None for a document.
    scripted: Option<Template>,
}

impl BannerTemplate {
    pub(super) fn compile(form: Form, pixel: &str) -> Self {
        let mut plain = Builder::new(pixel);
        write_ad(&mut plain, form);
        write_pixels(&mut plain);
        let scripted = (!form.document).then(|| {
            let mut scripted = Builder::new(pixel);
            scripted.raw("<div style=\"width:").field(write_width);
            scripted.raw("px;height:").field(write_height).raw("px\">");
            write_ad(&mut scripted, form);
            scripted.raw("</div>").raw(VIEW_SCRIPT[0]);
            scripted.event("/view?t=", "", Place::Script);
            scripted.raw(VIEW_SCRIPT[1]);
            scripted.raw(if form.large { ".3" } else { ".5" });
            scripted.raw(VIEW_SCRIPT[2]);
            write_pixels(&mut scripted);
            scripted.finish()
        });
        Self {
            plain: plain.finish(),
            scripted,
        }
    }

    pub(super) fn write(&self, out: &mut Out<'_>, script: bool, ad: &Subject<'_>) {
        let template = self.scripted.as_ref().filter(|_| script);
        template.unwrap_or(&self.plain).write(out, ad);
    }
}

fn is_document(markup: &BannerMarkup) -> bool {
    let (BannerMarkup::Html { html } | BannerMarkup::Tag { html }) = markup else {
        return false;
    };
    let html = html.to_ascii_lowercase();
    ["<html", "<body", "<!doctype"]
        .iter()
        .any(|tag| html.contains(tag))
}

/// A picture is linked to the click address; HTML has its macros filled in.
fn write_ad(into: &mut Builder<'_>, form: Form) {
    if !form.picture {
        into.lead(None);
        return;
    }
    into.raw("<a href=\"").click(Place::HtmlAddress);
    into.raw("\" target=\"_blank\" rel=\"noopener\"><img src=\"");
    into.field(|out, creative| {
        if let CreativeFormat::Banner {
            markup: BannerMarkup::Image { url },
            ..
        } = &creative.format
        {
            markup_text(out, url);
        }
    });
    into.raw("\" width=\"").field(write_width);
    into.raw("\" height=\"").field(write_height);
    into.raw("\" style=\"border:0\" alt=\"\"></a>");
}

/// Our impression pixel and those of others.
fn write_pixels(into: &mut Builder<'_>) {
    const BEFORE: &str = "<img src=\"";
    const AFTER: &str =
        "\" width=\"1\" height=\"1\" style=\"position:absolute;border:0\" alt=\"\">";
    into.raw(BEFORE);
    into.event("/imp?t=", "", Place::HtmlAddress).raw(AFTER);
    into.trackers(Source::Impression, [BEFORE, AFTER, ""], Place::HtmlAddress);
}

fn write_width(out: &mut Out<'_>, creative: &Creative) {
    if let CreativeFormat::Banner { width, .. } = &creative.format {
        out.number(*width);
    }
}

fn write_height(out: &mut Out<'_>, creative: &Creative) {
    if let CreativeFormat::Banner { height, .. } = &creative.format {
        out.number(*height);
    }
}
