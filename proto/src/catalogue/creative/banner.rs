//! Banners as JSON.

use domain::CreativeFormat;
use domain::creative::BannerMarkup;
use domain::limits::MARKUP_BYTES_MAX;
use domain::targeting::Size;
use serde::{Deserialize, Serialize};

use super::super::rules::{Checker, size_text};
use super::native::check_size;
use crate::openrtb::markup::macros::{self, Macro};

/// A banner: a picture, the advertiser's own HTML, or the tag of another ad server. Exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BannerDoc {
    /// Such as `300x250`.
    pub size: String,
    /// Where the picture is; `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// A document fragment with macros, such as `{CLICK_URL}` for the tracked link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Another ad server's HTML with macros; `{CLICK_URL}`, `{CLICK_URL_ENC}` or `{CLICK_URL_ENC2}` must be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl BannerDoc {
    pub(super) fn of(width: u32, height: u32, markup: &BannerMarkup) -> Self {
        let mut doc = Self {
            size: size_text(width, height),
            ..Self::default()
        };
        match markup {
            BannerMarkup::Image { url } => doc.image_url = Some(url.clone()),
            BannerMarkup::Html { html } => doc.html = Some(html.clone()),
            BannerMarkup::Tag { html } => doc.tag = Some(html.clone()),
        }
        doc
    }

    pub(super) fn check(self, checker: &mut Checker) -> CreativeFormat {
        let Size { width, height } = check_size(checker, "format.size", &self.size);
        let markup = match (self.image_url, self.html, self.tag) {
            (Some(url), None, None) => {
                checker.https("format.image_url", &url);
                BannerMarkup::Image { url }
            }
            (None, Some(html), None) => {
                check_html(checker, "format.html", &html);
                BannerMarkup::Html { html }
            }
            (None, None, Some(html)) => {
                check_html(checker, "format.tag", &html);
                check_tag(checker, &html);
                BannerMarkup::Tag { html }
            }
            (image, ..) => {
                let one = "must be given unless one of format.html and format.tag is; only one of the three";
                checker.ensure(false, "format.image_url", one);
                BannerMarkup::Image {
                    url: image.unwrap_or_default(),
                }
            }
        };
        CreativeFormat::Banner {
            width,
            height,
            markup,
        }
    }
}

fn check_html(checker: &mut Checker, field: &str, html: &str) {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    checker.ensure(
        !html.trim().is_empty() && html.len() <= MARKUP_BYTES_MAX && !html.chars().any(odd),
        field,
        "must be HTML of 1 to 131072 bytes without control characters",
    );
    checker.macros(field, html);
}

fn check_tag(checker: &mut Checker, html: &str) {
    checker.ensure(
        macros::has(html, Macro::ClickUrl),
        "format.tag",
        "must contain {CLICK_URL}, {CLICK_URL_ENC} or {CLICK_URL_ENC2}: without it clicks are not counted",
    );
    checker.ensure(
        !html.contains("http://"),
        "format.tag",
        "must load everything over https",
    );
}
