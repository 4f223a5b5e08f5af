//! Video and audio ads as JSON.

use domain::creative::{Media, MediaFile, MediaSource, Wrapper};
use domain::limits::MEDIA_FILES_MAX;
use serde::{Deserialize, Serialize};

use super::super::rules::{Checker, PIXELS_MAX};
use super::native::PictureDoc;
use crate::openrtb::markup::native::picture_mimes;
use crate::openrtb::markup::vast::VPAID_MIME;

/// A video or audio ad: files, or another ad server's VAST. Exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MediaDoc {
    /// How long it plays, in seconds.
    pub duration_s: u32,
    /// The same ad in different formats and bit rates; the player chooses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<MediaFileDoc>,
    /// Another ad server's VAST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapper: Option<WrapperDoc>,
    /// When it can be skipped, in seconds from its start; left out when it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_after_s: Option<u32>,
    /// A picture beside the player.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub companion: Option<PictureDoc>,
}

/// A media file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MediaFileDoc {
    /// Where the file is; `https`.
    pub url: String,
    /// Its MIME type, such as `video/mp4`.
    pub mime: String,
    /// Width in pixels; left out or 0 for audio.
    #[serde(default)]
    pub width: u32,
    /// Height in pixels; left out or 0 for audio.
    #[serde(default)]
    pub height: u32,
    /// Average bit rate in kbit/s.
    pub bitrate_kbps: u32,
}

/// Another ad server's VAST and what it declares of the files in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WrapperDoc {
    /// Where it is: an `https` address with macros, such as `{CACHEBUSTER}`.
    pub tag_url: String,
    /// MIME types of its files.
    pub mimes: Vec<String>,
    /// Width in pixels; left out or 0 for audio.
    #[serde(default)]
    pub width: u32,
    /// Height in pixels; left out or 0 for audio.
    #[serde(default)]
    pub height: u32,
}

impl From<&Media> for MediaDoc {
    fn from(media: &Media) -> Self {
        let file = |file: &MediaFile| MediaFileDoc {
            url: file.url.clone(),
            mime: file.mime.clone(),
            width: file.width,
            height: file.height,
            bitrate_kbps: file.bitrate_kbps,
        };
        let wrapper = match &media.source {
            MediaSource::Files(_) => None,
            MediaSource::Wrapper(wrapper) => Some(WrapperDoc {
                tag_url: wrapper.tag_url.clone(),
                mimes: wrapper.mimes.clone(),
                width: wrapper.width,
                height: wrapper.height,
            }),
        };
        Self {
            duration_s: media.duration_s,
            files: media.files().iter().map(file).collect(),
            wrapper,
            skip_after_s: media.skip_after_s,
            companion: media.companion.as_ref().map(PictureDoc::from),
        }
    }
}

impl MediaDoc {
    pub(super) fn check(self, checker: &mut Checker, kind: &str) -> Media {
        checker.ensure(
            (1..=3600).contains(&self.duration_s),
            "format.duration_s",
            "must be 1 to 3600 seconds",
        );
        checker.ensure(
            self.skip_after_s
                .is_none_or(|after| after < self.duration_s),
            "format.skip_after_s",
            "must be less than format.duration_s, or left out",
        );
        checker.ensure(
            self.files.is_empty() == self.wrapper.is_some(),
            "format.files",
            "must have at least one file unless format.wrapper is given, not both",
        );
        let companion = self.companion.map(|picture| {
            let known = !picture_mimes(&picture.url).is_empty();
            let rule = "must end in .jpg, .png, .gif or .webp: players are told its type";
            checker.ensure(known, "format.companion.url", rule);
            picture.check(checker, "format.companion")
        });
        let source = match self.wrapper {
            Some(wrapper) => MediaSource::Wrapper(wrapper.check(checker, kind)),
            None => MediaSource::Files(check_files(self.files, checker, kind)),
        };
        Media {
            duration_s: self.duration_s,
            source,
            skip_after_s: self.skip_after_s,
            companion,
        }
    }
}

fn check_files(files: Vec<MediaFileDoc>, checker: &mut Checker, kind: &str) -> Vec<MediaFile> {
    checker.length("format.files", files.len(), MEDIA_FILES_MAX);
    let files = files.into_iter().take(MEDIA_FILES_MAX).enumerate();
    files
        .map(|(at, file)| file.check(checker, &format!("format.files[{at}]"), kind))
        .collect()
}

impl MediaFileDoc {
    fn check(self, checker: &mut Checker, field: &str, kind: &str) -> MediaFile {
        checker.https(&format!("{field}.url"), &self.url);
        check_mime(checker, &format!("{field}.mime"), &self.mime, kind);
        checker.ensure(
            (1..=1_000_000).contains(&self.bitrate_kbps),
            &format!("{field}.bitrate_kbps"),
            "must be 1 to 1000000 kbit/s",
        );
        check_sides(checker, field, (self.width, self.height), kind);
        MediaFile {
            url: self.url,
            mime: self.mime,
            width: self.width,
            height: self.height,
            bitrate_kbps: self.bitrate_kbps,
        }
    }
}

impl WrapperDoc {
    fn check(self, checker: &mut Checker, kind: &str) -> Wrapper {
        checker.address_with_macros("format.wrapper.tag_url", &self.tag_url);
        let field = "format.wrapper.mimes";
        checker.ensure(!self.mimes.is_empty(), field, "must name at least one type");
        checker.length(field, self.mimes.len(), MEDIA_FILES_MAX);
        for (at, mime) in self.mimes.iter().take(MEDIA_FILES_MAX).enumerate() {
            check_mime(checker, &format!("{field}[{at}]"), mime, kind);
        }
        check_sides(checker, "format.wrapper", (self.width, self.height), kind);
        Wrapper {
            tag_url: self.tag_url,
            mimes: self.mimes,
            width: self.width,
            height: self.height,
        }
    }
}

fn check_sides(checker: &mut Checker, field: &str, (width, height): (u32, u32), kind: &str) {
    let sides = if kind == "audio" {
        0..=0
    } else {
        1..=PIXELS_MAX
    };
    for (name, side) in [("width", width), ("height", height)] {
        let rule = "must be 1 to 10000 pixels for video, 0 or left out for audio";
        checker.ensure(sides.contains(&side), &format!("{field}.{name}"), rule);
    }
}

fn check_mime(checker: &mut Checker, field: &str, mime: &str, kind: &str) {
    checker.ensure(
        is_mime(mime, kind) || kind == "video" && mime == VPAID_MIME,
        field,
        "must be a MIME type in lower case: video/... or application/javascript for video, audio/... for audio",
    );
}

fn is_mime(text: &str, kind: &str) -> bool {
    let allowed = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'_')
    };
    text.split_once('/').is_some_and(|(start, rest)| {
        start == kind && (1..=100).contains(&rest.len()) && rest.bytes().all(allowed)
    })
}
