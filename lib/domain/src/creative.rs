//! Creatives: what is shown, and what it declares about itself.

use std::collections::BTreeMap;

use crate::campaign::Status;
use crate::frequency::FrequencyCap;
use crate::ids::{AdvertiserId, CreativeId};

/// An ad, with what exchanges are told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creative {
    /// Given by the store; also the `crid` told to exchanges.
    pub id: CreativeId,
    /// Its owner.
    pub advertiser: AdvertiserId,
    /// As shown in the console.
    pub name: String,
    /// Whether it may be shown.
    pub status: Status,
    /// What it is made of.
    pub format: CreativeFormat,
    /// Where a click leads: an absolute `https` or `http` address.
    pub click_url: String,
    /// The advertiser's domain, declared as `adomain`.
    pub adomain: String,
    /// Categories in `taxonomy`, declared as `cat`, such as `IAB3`.
    pub categories: Vec<String>,
    /// The taxonomy of `categories` (AdCOM list "Category Taxonomies"), declared as `cattax`.
    pub taxonomy: u32,
    /// OpenRTB creative attributes (AdCOM list "Creative Attributes"), without those that follow from the format.
    pub attributes: Vec<u32>,
    /// Interfaces that it needs (AdCOM list "API Frameworks"): it is only shown where all of them are.
    pub apis: Vec<u32>,
    /// ISO 639-1 language, when the ad has one.
    pub language: Option<String>,
    /// Its own limits, wherever it is shown; without the id that a limit counts for, it is not shown.
    pub frequency_caps: Vec<FrequencyCap>,
    /// The app that it advertises in Apple's store, when installs are credited by SKAdNetwork.
    pub app_store: Option<AppStore>,
    /// A picture of the ad for the exchanges' review, declared as `iurl`; `https`.
    pub sample_url: Option<String>,
    /// Others who count it.
    pub trackers: Trackers,
    /// What exchanges say of it, by the exchange's name.
    pub approvals: BTreeMap<String, Approval>,
}

/// An app in Apple's store, and what SKAdNetwork reports its installs by. One of both numbers is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppStore {
    /// The app's number in the store (`itunes-item-id`).
    pub item: u64,
    /// 1 to 100, for versions before 4.0.
    pub campaign: Option<u32>,
    /// 1000 to 9999, from version 4.0 on; at low crowd anonymity reports keep its last digits only.
    pub source_identifier: Option<u32>,
}

/// Others who count an ad: `https` addresses, in which the advertiser's macros may stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trackers {
    /// Loaded when the ad is shown.
    pub impression: Vec<String>,
    /// Loaded when it is clicked; a banner has none.
    pub click: Vec<String>,
}

/// What an exchange says of a creative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approval {
    /// Its decision.
    pub state: ApprovalState,
    /// Its reason, in its own words; may be empty.
    pub reason: String,
}

/// An exchange's decision on a creative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApprovalState {
    /// Not yet decided.
    #[default]
    Pending,
    /// It may be shown.
    Approved,
    /// It may not be shown.
    Rejected,
}

/// What a creative is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreativeFormat {
    /// A banner.
    Banner {
        /// Width in device independent pixels.
        width: u32,
        /// Height in device independent pixels.
        height: u32,
        /// How it is drawn.
        markup: BannerMarkup,
    },
    /// A linear video ad, answered as VAST.
    Video(Media),
    /// An audio ad, answered as VAST with audio media files.
    Audio(Media),
    /// A native ad: text and pictures that the publisher lays out.
    Native(NativeAssets),
}

/// How a banner is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BannerMarkup {
    /// A picture at an `https` address, linked to the landing page.
    Image {
        /// Where the picture is.
        url: String,
    },
    /// The advertiser's own HTML, with macros.
    Html {
        /// The document fragment.
        html: String,
    },
    /// The HTML of another ad server, with macros; it links through the click macro.
    Tag {
        /// The document fragment.
        html: String,
    },
}

/// A video or audio ad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// How long it plays, in seconds.
    pub duration_s: u32,
    /// What is played.
    pub source: MediaSource,
    /// When it can be skipped, in seconds from its start; `None` for never.
    pub skip_after_s: Option<u32>,
    /// A picture beside the player.
    pub companion: Option<Picture>,
}

/// What a video or audio ad plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// Files of the same ad, at least one: the player chooses.
    Files(Vec<MediaFile>),
    /// The VAST of another ad server.
    Wrapper(Wrapper),
}

/// A media file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// Where the file is; `https`.
    pub url: String,
    /// Its MIME type, such as `video/mp4`.
    pub mime: String,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
    /// Average bit rate in kbit/s.
    pub bitrate_kbps: u32,
}

/// The VAST of another ad server, and what it declares of the files in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// Where it is: an `https` address with macros.
    pub tag_url: String,
    /// MIME types of its files.
    pub mimes: Vec<String>,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
}

impl Media {
    /// An ad of one file that cannot be skipped.
    pub fn of_file(duration_s: u32, file: MediaFile) -> Self {
        Self {
            duration_s,
            source: MediaSource::Files(vec![file]),
            skip_after_s: None,
            companion: None,
        }
    }

    /// Its files; none for a wrapper.
    pub fn files(&self) -> &[MediaFile] {
        match &self.source {
            MediaSource::Files(files) => files,
            MediaSource::Wrapper(_) => &[],
        }
    }

    /// Width and height in pixels of its first file, or as the wrapper declares; 0 for audio.
    pub fn size(&self) -> (u32, u32) {
        match &self.source {
            MediaSource::Files(files) => files.first().map_or((0, 0), |f| (f.width, f.height)),
            MediaSource::Wrapper(wrapper) => (wrapper.width, wrapper.height),
        }
    }
}

/// What a native ad offers the publisher's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeAssets {
    /// The headline, data asset "title".
    pub title: String,
    /// The text, data asset type 2.
    pub description: String,
    /// Who sponsors it, data asset type 1.
    pub sponsored: String,
    /// The call to action, data asset type 12.
    pub call_to_action: String,
    /// The large picture, image asset type 3.
    pub image: Picture,
    /// The icon, image asset type 1.
    pub icon: Picture,
}

/// A picture of a known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Where it is; `https`.
    pub url: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl CreativeFormat {
    /// The word used in reports and the console.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Banner { .. } => "banner",
            Self::Video(_) => "video",
            Self::Audio(_) => "audio",
            Self::Native(_) => "native",
        }
    }
}
