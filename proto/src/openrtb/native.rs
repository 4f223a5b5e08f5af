//! A native slot and the markup request inside it, in the forms of Native 1.0 to 1.2.

use super::json::{Json, with_root};
use super::{Arena, RequestError, Text};

/// Most assets read of one native request; layouts have under ten.
pub(super) const ASSETS_MAX: usize = 64;

const MISSING: RequestError = RequestError::Invalid {
    field: "native.request",
};

/// A slot for a native ad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NativeSlot<'a> {
    /// The markup request, as it was sent.
    pub request: NativeSource<'a>,
    /// Its version, such as `1.2`.
    pub ver: Option<Text<'a>>,
    /// Supported API frameworks; none when empty.
    pub api: &'a [u32],
    /// Blocked creative attributes.
    pub battr: &'a [u32],
}

/// How the markup request was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NativeSource<'a> {
    /// Not at all.
    #[default]
    Absent,
    /// As JSON in a string, which is what the specification says, or as an object.
    Read(&'a NativeRequest<'a>),
    /// As text that is no request.
    Unreadable(RequestError),
}

/// What the publisher's layout wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NativeRequest<'a> {
    /// The wanted parts.
    pub assets: &'a [NativeAsset<'a>],
    /// Which events may be tracked and how; empty before 1.2.
    pub eventtrackers: &'a [EventTracker<'a>],
    /// Whether the answer goes into a `native` object: version 1.0.
    pub wrapped: bool,
    /// The `ver` of the answer: the version asked for, `1.2` when not stated.
    pub version: &'static str,
}

/// One wanted part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeAsset<'a> {
    /// Echoed in the answer.
    pub id: i64,
    /// Whether an answer without it is useless; set also when unreadable.
    pub required: bool,
    /// What it is.
    pub kind: AssetKind<'a>,
}

/// What kind of part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetKind<'a> {
    /// A headline.
    Title {
        /// Most characters; no limit when not stated.
        len: Option<u32>,
    },
    /// A picture.
    Image {
        /// 1 icon, 2 logo (old), 3 large.
        kind: Option<u32>,
        /// Exact width.
        w: Option<u32>,
        /// Exact height.
        h: Option<u32>,
        /// Least width.
        wmin: Option<u32>,
        /// Least height.
        hmin: Option<u32>,
        /// Allowed MIME types; any when empty.
        mimes: &'a [Text<'a>],
    },
    /// A text of a kind.
    Data {
        /// 1 sponsored by, 2 description, 12 call to action, others of the Native list.
        kind: Option<u32>,
        /// Most characters; no limit when not stated.
        len: Option<u32>,
    },
    /// A video, or something newer, or a part without a readable id.
    Other,
}

/// An event that may be tracked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventTracker<'a> {
    /// 1 impression, 2 half in view for 1 s, 3 all in view, 4 video half in view for 2 s.
    pub event: u32,
    /// 1 image, 2 JavaScript.
    pub methods: &'a [u32],
}

impl<'a> NativeSlot<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut slot = Self::default();
        let mut request = None;
        for (key, value) in value.object()? {
            match key {
                "request" => request = Some(value),
                "ver" => slot.ver = value.text(),
                "api" => slot.api = value.u32s(),
                "battr" => slot.battr = value.u32s(),
                _ => {}
            }
        }
        slot.request = match request.map(|request| (request.string(), request)) {
            Some((Some(text), _)) if !text.is_empty() => {
                NativeSource::parse(value.arena(), text, slot.ver)
            }
            Some((None, object)) => NativeRequest::read(object, slot.ver)
                .map_or(NativeSource::Absent, |r| {
                    NativeSource::Read(value.arena().keep(r))
                }),
            _ => NativeSource::Absent,
        };
        Some(slot)
    }

    /// The markup request.
    ///
    /// # Errors
    /// `Invalid` when there is none or it is no object, else why its text cannot be parsed.
    pub fn parsed(&self) -> Result<&'a NativeRequest<'a>, RequestError> {
        match self.request {
            NativeSource::Absent => Err(MISSING),
            NativeSource::Read(request) => Ok(request),
            NativeSource::Unreadable(error) => Err(error),
        }
    }
}

impl<'a> NativeSource<'a> {
    /// Parses a markup request that is a text.
    pub(super) fn parse(arena: &'a Arena, text: &str, slot_version: Option<&str>) -> Self {
        let bytes = arena.copied(text.as_bytes());
        let read = with_root(arena, bytes, |root| {
            NativeRequest::read(root, slot_version).ok_or(MISSING)
        });
        match read {
            Ok(request) => Self::Read(arena.keep(request)),
            Err(error) => Self::Unreadable(error),
        }
    }
}

impl<'a> NativeRequest<'a> {
    fn read(value: Json<'_, 'a>, slot_version: Option<&str>) -> Option<Self> {
        let inner = value.get("native").filter(|inner| !inner.is_null());
        let mut request = Self::default();
        let mut version = None;
        for (key, value) in inner.unwrap_or(value).object()? {
            match key {
                "ver" => version = value.text(),
                "assets" => {
                    let assets = value.items().take(ASSETS_MAX);
                    request.assets = value.arena().list(assets.filter_map(NativeAsset::read));
                }
                "eventtrackers" => {
                    let trackers = value.items().take(ASSETS_MAX);
                    let trackers = trackers.filter_map(EventTracker::read);
                    request.eventtrackers = value.arena().list(trackers);
                }
                _ => {}
            }
        }
        request.follow(version.or(slot_version), inner.is_some());
        Some(request)
    }

    /// Takes the form of the answer from the version asked for, else from that of the request.
    pub(crate) fn follow(&mut self, version: Option<&str>, wrapped: bool) {
        self.wrapped = match version {
            Some(version) => matches!(version, "1" | "0") || version.starts_with("1.0"),
            None => wrapped,
        };
        let default = if self.wrapped { "1.0" } else { "1.2" };
        self.version = version.map_or(default, answer_version);
    }
}

/// The closest version that an answer can name.
fn answer_version(asked: &str) -> &'static str {
    match asked {
        "1" | "0" => "1.0",
        _ if asked.starts_with("1.0") => "1.0",
        _ if asked.starts_with("1.1") => "1.1",
        _ => "1.2",
    }
}

impl<'a> NativeAsset<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut asset = Self {
            id: 0,
            required: false,
            kind: AssetKind::Other,
        };
        let mut id = None;
        for (key, value) in value.object()? {
            match key {
                "id" => id = value.int(),
                "required" => asset.required = value.privacy_flag().unwrap_or(false),
                "title" | "img" | "data" if value.object().is_some() => {
                    asset.kind = AssetKind::read(key, value);
                }
                _ => {}
            }
        }
        match id {
            Some(id) => asset.id = id,
            None => asset.kind = AssetKind::Other,
        }
        Some(asset)
    }
}

impl<'a> AssetKind<'a> {
    fn read(key: &str, value: Json<'_, 'a>) -> Self {
        let field = |key| value.get(key).and_then(Json::u32);
        match key {
            "title" => Self::Title { len: field("len") },
            "data" => Self::Data {
                kind: field("type"),
                len: field("len"),
            },
            _ => Self::Image {
                kind: field("type"),
                w: field("w"),
                h: field("h"),
                wmin: field("wmin"),
                hmin: field("hmin"),
                mimes: value.get("mimes").map(Json::texts).unwrap_or_default(),
            },
        }
    }
}

impl<'a> EventTracker<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        Some(Self {
            event: value.get("event")?.u32()?,
            methods: value.get("methods").map(Json::u32s).unwrap_or_default(),
        })
    }
}
