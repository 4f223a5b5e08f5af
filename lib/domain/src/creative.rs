//! Creatives: what is shown, and what it declares about itself.

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
    /// IAB Content Taxonomy 1.0 categories, declared as `cat`, such as `IAB3`.
    pub categories: Vec<String>,
    /// OpenRTB creative attributes (AdCOM list "Creative Attributes").
    pub attributes: Vec<u32>,
    /// ISO 639-1 language, when the ad has one.
    pub language: Option<String>,
    /// Its own limits, wherever it is shown; without the id that a limit counts for, it is not shown.
    pub frequency_caps: Vec<FrequencyCap>,
    /// The app that it advertises in Apple's store, when installs are credited by SKAdNetwork.
    pub app_store: Option<AppStore>,
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
    /// The advertiser's own HTML; `{CLICK_URL}` in it becomes the tracked link.
    Html {
        /// The document fragment.
        html: String,
    },
}

/// A media file and how long it plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Where the file is; `https`.
    pub url: String,
    /// Its MIME type, such as `video/mp4`.
    pub mime: String,
    /// How long it plays, in seconds.
    pub duration_s: u32,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
    /// Average bit rate in kbit/s.
    pub bitrate_kbps: u32,
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
