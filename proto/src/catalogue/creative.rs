//! Creative documents.

use domain::creative::{BannerMarkup, Media, NativeAssets, Picture};
use domain::limits::MARKUP_BYTES_MAX;
use domain::targeting::Size;
use domain::{AdvertiserId, Creative, CreativeFormat, CreativeId};
use serde::{Deserialize, Serialize};

use super::FieldError;
use super::app_store::AppStoreDoc;
use super::frequency::{self, FrequencyCapDoc};
use super::rules::{Checker, DECLARED_MAX, PIXELS_MAX, is_address, parse_size, size_text};
use super::words::StatusWord;

/// A creative as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreativeDoc {
    /// Given by the store; leave out or 0 to create.
    #[serde(default)]
    pub id: u64,
    /// Its owner.
    pub advertiser_id: u64,
    /// 1 to 200 characters.
    pub name: String,
    /// Whether it may be shown.
    #[serde(default)]
    pub status: StatusWord,
    /// What it is made of.
    pub format: FormatDoc,
    /// Where a click leads: an absolute `https` or `http` address.
    pub click_url: String,
    /// The advertiser's domain, declared to exchanges.
    pub adomain: String,
    /// IAB Content Taxonomy 1.0 categories, such as `IAB3-1`.
    #[serde(default)]
    pub categories: Vec<String>,
    /// OpenRTB creative attributes.
    #[serde(default)]
    pub attributes: Vec<u32>,
    /// ISO 639-1 language in lower case, such as `en`.
    #[serde(default)]
    pub language: Option<String>,
    /// Its own limits, wherever it is shown; without the id that a limit counts for, it is not shown.
    #[serde(default)]
    pub frequency_caps: Vec<FrequencyCapDoc>,
    /// The app that it advertises in Apple's store, for SKAdNetwork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_store: Option<AppStoreDoc>,
}

/// What a creative is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum FormatDoc {
    /// A banner.
    Banner(BannerDoc),
    /// A linear video ad.
    Video(MediaDoc),
    /// An audio ad.
    Audio(MediaDoc),
    /// A native ad.
    Native(NativeDoc),
}

/// A banner: a picture or the advertiser's own HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BannerDoc {
    /// Such as `300x250`.
    pub size: String,
    /// Where the picture is; `https`. Either this or `html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// The document fragment; `{CLICK_URL}` in it becomes the tracked link. Either this or `image_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// A video or audio file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MediaDoc {
    /// Where the file is; `https`.
    pub url: String,
    /// Its MIME type, such as `video/mp4`.
    pub mime: String,
    /// How long it plays, in seconds.
    pub duration_s: u32,
    /// Width in pixels; left out or 0 for audio.
    #[serde(default)]
    pub width: u32,
    /// Height in pixels; left out or 0 for audio.
    #[serde(default)]
    pub height: u32,
    /// Average bit rate in kbit/s.
    pub bitrate_kbps: u32,
}

/// A native ad's assets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NativeDoc {
    /// The headline.
    pub title: String,
    /// The text.
    #[serde(default)]
    pub description: String,
    /// Who sponsors it.
    pub sponsored: String,
    /// The call to action.
    #[serde(default)]
    pub call_to_action: String,
    /// The large picture.
    pub image: PictureDoc,
    /// The icon.
    pub icon: PictureDoc,
}

/// A picture of a known size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PictureDoc {
    /// Where it is; `https`.
    pub url: String,
    /// Such as `1200x627`.
    pub size: String,
}

impl From<&Creative> for CreativeDoc {
    fn from(creative: &Creative) -> Self {
        Self {
            id: creative.id.0,
            advertiser_id: creative.advertiser.0,
            name: creative.name.clone(),
            status: creative.status.into(),
            format: (&creative.format).into(),
            click_url: creative.click_url.clone(),
            adomain: creative.adomain.clone(),
            categories: creative.categories.clone(),
            attributes: creative.attributes.clone(),
            language: creative.language.clone(),
            frequency_caps: frequency::docs(&creative.frequency_caps),
            app_store: creative.app_store.map(AppStoreDoc::from),
        }
    }
}

impl From<&CreativeFormat> for FormatDoc {
    fn from(format: &CreativeFormat) -> Self {
        match format {
            CreativeFormat::Banner {
                width,
                height,
                markup,
            } => Self::Banner(BannerDoc::of(*width, *height, markup)),
            CreativeFormat::Video(media) => Self::Video(media.into()),
            CreativeFormat::Audio(media) => Self::Audio(media.into()),
            CreativeFormat::Native(assets) => Self::Native(assets.into()),
        }
    }
}

impl BannerDoc {
    fn of(width: u32, height: u32, markup: &BannerMarkup) -> Self {
        let (image_url, html) = match markup {
            BannerMarkup::Image { url } => (Some(url.clone()), None),
            BannerMarkup::Html { html } => (None, Some(html.clone())),
        };
        Self {
            size: size_text(width, height),
            image_url,
            html,
        }
    }

    fn check(self, checker: &mut Checker) -> CreativeFormat {
        let Size { width, height } = check_size(checker, "format.size", &self.size);
        let one = "must be given unless the other of format.image_url and format.html is, not both";
        let markup = match (self.image_url, self.html) {
            (Some(url), None) => {
                checker.https("format.image_url", &url);
                BannerMarkup::Image { url }
            }
            (None, Some(html)) => {
                check_html(checker, &html);
                BannerMarkup::Html { html }
            }
            (image, _) => {
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

fn check_html(checker: &mut Checker, html: &str) {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    checker.ensure(
        !html.trim().is_empty() && html.len() <= MARKUP_BYTES_MAX && !html.chars().any(odd),
        "format.html",
        "must be HTML of 1 to 131072 bytes without control characters",
    );
}

impl From<&Media> for MediaDoc {
    fn from(media: &Media) -> Self {
        Self {
            url: media.url.clone(),
            mime: media.mime.clone(),
            duration_s: media.duration_s,
            width: media.width,
            height: media.height,
            bitrate_kbps: media.bitrate_kbps,
        }
    }
}

impl MediaDoc {
    fn check(self, checker: &mut Checker, kind: &str) -> Media {
        checker.https("format.url", &self.url);
        checker.ensure(
            is_mime(&self.mime, kind),
            "format.mime",
            "must be a MIME type in lower case: video/... for video, audio/... for audio",
        );
        checker.ensure(
            (1..=3600).contains(&self.duration_s),
            "format.duration_s",
            "must be 1 to 3600 seconds",
        );
        checker.ensure(
            (1..=1_000_000).contains(&self.bitrate_kbps),
            "format.bitrate_kbps",
            "must be 1 to 1000000 kbit/s",
        );
        let sides = if kind == "audio" {
            0..=0
        } else {
            1..=PIXELS_MAX
        };
        for (field, side) in [("format.width", self.width), ("format.height", self.height)] {
            let rule = "must be 1 to 10000 pixels for video, 0 or left out for audio";
            checker.ensure(sides.contains(&side), field, rule);
        }
        Media {
            url: self.url,
            mime: self.mime,
            duration_s: self.duration_s,
            width: self.width,
            height: self.height,
            bitrate_kbps: self.bitrate_kbps,
        }
    }
}

fn is_mime(text: &str, kind: &str) -> bool {
    let allowed = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'_')
    };
    text.split_once('/').is_some_and(|(start, rest)| {
        start == kind && (1..=100).contains(&rest.len()) && rest.bytes().all(allowed)
    })
}

impl From<&NativeAssets> for NativeDoc {
    fn from(assets: &NativeAssets) -> Self {
        Self {
            title: assets.title.clone(),
            description: assets.description.clone(),
            sponsored: assets.sponsored.clone(),
            call_to_action: assets.call_to_action.clone(),
            image: (&assets.image).into(),
            icon: (&assets.icon).into(),
        }
    }
}

impl NativeDoc {
    fn check(self, checker: &mut Checker) -> NativeAssets {
        let required = "must have 1 to 200 characters and no line breaks";
        for (field, text) in [
            ("format.title", &self.title),
            ("format.sponsored", &self.sponsored),
        ] {
            let sound = !text.trim().is_empty() && is_line(text, 200);
            checker.ensure(sound, field, required);
        }
        let description = is_line(&self.description, 1000);
        let rule = "must have at most 1000 characters and no line breaks";
        checker.ensure(description, "format.description", rule);
        let call = is_line(&self.call_to_action, 50);
        let rule = "must have at most 50 characters and no line breaks";
        checker.ensure(call, "format.call_to_action", rule);
        NativeAssets {
            image: self.image.check(checker, "format.image"),
            icon: self.icon.check(checker, "format.icon"),
            title: self.title,
            description: self.description,
            sponsored: self.sponsored,
            call_to_action: self.call_to_action,
        }
    }
}

fn is_line(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(char::is_control)
}

impl From<&Picture> for PictureDoc {
    fn from(picture: &Picture) -> Self {
        Self {
            url: picture.url.clone(),
            size: size_text(picture.width, picture.height),
        }
    }
}

impl PictureDoc {
    fn check(self, checker: &mut Checker, field: &str) -> Picture {
        checker.https(&format!("{field}.url"), &self.url);
        let Size { width, height } = check_size(checker, &format!("{field}.size"), &self.size);
        Picture {
            url: self.url,
            width,
            height,
        }
    }
}

fn check_size(checker: &mut Checker, field: &str, text: &str) -> Size {
    let size = parse_size(text);
    let rule = "must be WIDTHxHEIGHT, each 1 to 10000, such as 300x250";
    checker.ensure(size.is_some(), field, rule);
    size.unwrap_or(Size {
        width: 0,
        height: 0,
    })
}

impl FormatDoc {
    fn check(self, checker: &mut Checker) -> CreativeFormat {
        match self {
            Self::Banner(banner) => banner.check(checker),
            Self::Video(media) => CreativeFormat::Video(media.check(checker, "video")),
            Self::Audio(media) => CreativeFormat::Audio(media.check(checker, "audio")),
            Self::Native(assets) => CreativeFormat::Native(assets.check(checker)),
        }
    }
}

impl CreativeDoc {
    /// The creative, when every rule holds.
    ///
    /// # Errors
    /// Every broken rule with its field.
    pub fn check(self) -> Result<Creative, Vec<FieldError>> {
        let mut checker = Checker::default();
        checker.name(&self.name);
        let address = "must be an absolute https or http address of at most 2048 bytes; percent-encode spaces and quotes";
        checker.ensure(is_address(&self.click_url), "click_url", address);
        checker.domain("adomain", &self.adomain);
        checker.ensure(
            self.language.as_deref().is_none_or(is_language),
            "language",
            "must be an ISO 639-1 code of two lower-case letters, such as en",
        );
        let format = self.format.check(&mut checker);
        let categories = check_categories(self.categories, &mut checker);
        let attributes = check_attributes(self.attributes, &mut checker);
        let frequency_caps = frequency::check(self.frequency_caps, &mut checker);
        let app_store = self.app_store.map(|app| app.check(&mut checker));
        checker.finish(Creative {
            id: CreativeId(self.id),
            advertiser: AdvertiserId(self.advertiser_id),
            name: self.name,
            status: self.status.into(),
            format,
            click_url: self.click_url,
            adomain: self.adomain,
            categories,
            attributes,
            language: self.language,
            frequency_caps,
            app_store,
        })
    }
}

fn check_categories(categories: Vec<String>, checker: &mut Checker) -> Vec<String> {
    checker.length("categories", categories.len(), DECLARED_MAX);
    let rule = "must be an IAB Content Taxonomy 1.0 code, such as IAB3 or IAB3-1";
    checker.list("categories", categories, rule, |code| {
        is_category(&code).then_some(code)
    })
}

fn check_attributes(attributes: Vec<u32>, checker: &mut Checker) -> Vec<u32> {
    checker.length("attributes", attributes.len(), DECLARED_MAX);
    let rule = "must be an OpenRTB creative attribute, 1 to 999";
    checker.list("attributes", attributes, rule, |attribute| {
        (1..=999).contains(&attribute).then_some(attribute)
    })
}

fn is_language(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_category(code: &str) -> bool {
    let number =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = code.strip_prefix("IAB") else {
        return false;
    };
    match rest.split_once('-') {
        Some((tier1, tier2)) => number(tier1) && number(tier2),
        None => number(rest),
    }
}
