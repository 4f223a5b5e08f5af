//! Native ads and pictures as JSON.

use domain::creative::{NativeAssets, Picture};
use domain::targeting::Size;
use serde::{Deserialize, Serialize};

use super::super::rules::{Checker, is_line, parse_size, size_text};

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PictureDoc {
    /// Where it is; `https`.
    pub url: String,
    /// Such as `1200x627`.
    pub size: String,
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
    pub(super) fn check(self, checker: &mut Checker) -> NativeAssets {
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

impl From<&Picture> for PictureDoc {
    fn from(picture: &Picture) -> Self {
        Self {
            url: picture.url.clone(),
            size: size_text(picture.width, picture.height),
        }
    }
}

impl PictureDoc {
    pub(super) fn check(self, checker: &mut Checker, field: &str) -> Picture {
        checker.https(&format!("{field}.url"), &self.url);
        let Size { width, height } = check_size(checker, &format!("{field}.size"), &self.size);
        Picture {
            url: self.url,
            width,
            height,
        }
    }
}

pub(super) fn check_size(checker: &mut Checker, field: &str, text: &str) -> Size {
    let size = parse_size(text);
    let rule = "must be WIDTHxHEIGHT, each 1 to 10000, such as 300x250";
    checker.ensure(size.is_some(), field, rule);
    size.unwrap_or(Size {
        width: 0,
        height: 0,
    })
}
