//! The native answer: the assets that a layout asks for, out of what the creative offers.

use domain::creative::{NativeAssets, Picture};
use domain::{Creative, CreativeFormat};

use super::escape::{Sink, json_string};
use super::out::Out;
use super::own::{Source, Subject};
use super::template::{Builder, Place, Template};
use crate::openrtb::Text;
use crate::openrtb::native::{AssetKind, NativeAsset, NativeRequest};

/// The event "impression" of Native 1.2.
pub(super) const EVENT_IMPRESSION: u32 = 1;
/// The event "half in view for a second" of Native 1.2.
pub(super) const EVENT_VIEW: u32 = 2;
/// The tracking method "image".
pub(super) const METHOD_IMAGE: u32 = 1;
/// The beginnings of trackers by image of the two events.
const COUNT_IMPRESSION: &str = "{\"event\":1,\"method\":1,\"url\":\"";
const COUNT_VIEW: &str = "{\"event\":2,\"method\":1,\"url\":\"";

/// Why a creative cannot fill a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NativeMismatch {
    /// A required asset that the creative lacks or that does not fit.
    #[error("required asset {id} cannot be answered")]
    Required {
        /// Its id in the request.
        id: i64,
    },
    /// Nothing asked for can be answered.
    #[error("no asset can be answered")]
    Nothing,
}

/// What native ads of one template have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    /// Others count its clicks.
    clicks_counted: bool,
}

impl Form {
    pub(super) fn of(creative: &Creative) -> Self {
        Self {
            clicks_counted: !creative.trackers.click.is_empty(),
        }
    }
}

/// The parts of a native ad that have addresses of ours.
#[derive(Debug)]
pub(super) struct NativeTemplate {
    link: Template,
    /// Entries of `imptrackers`.
    older: Template,
    /// Entries of `eventtrackers` for the impression.
    impression: Template,
    view: Template,
}

impl NativeTemplate {
    pub(super) fn compile(form: Form, pixel: &str) -> Self {
        let make = |write: &dyn Fn(&mut Builder<'_>)| {
            let mut into = Builder::new(pixel);
            write(&mut into);
            into.finish()
        };
        Self {
            link: make(&|into| write_link(into, form)),
            older: make(&|into| {
                into.raw("\"").event("/imp?t=", "", Place::Json).raw("\"");
                into.trackers(Source::Impression, [",\"", "\"", ""], Place::Json);
            }),
            impression: make(&|into| {
                into.raw(COUNT_IMPRESSION);
                into.event("/imp?t=", "", Place::Json).raw("\"}");
                let before = format!(",{COUNT_IMPRESSION}");
                into.trackers(Source::Impression, [&before, "\"}", ""], Place::Json);
            }),
            view: make(&|into| {
                into.raw(COUNT_VIEW);
                into.event("/view?t=", "", Place::Json).raw("\"}");
            }),
        }
    }

    pub(super) fn write(
        &self,
        out: &mut Out<'_>,
        request: &NativeRequest<'_>,
        ad: &Subject<'_>,
    ) -> Result<(), NativeMismatch> {
        let CreativeFormat::Native(assets) = &ad.creative.format else {
            return Err(NativeMismatch::Nothing);
        };
        check(request, assets)?;
        if request.wrapped {
            out.put("{\"native\":");
        }
        out.put("{\"ver\":");
        json_string(out, request.version);
        out.put(",\"assets\":[");
        for (index, (id, part)) in parts(request, assets).enumerate() {
            if index > 0 {
                out.put(",");
            }
            write_part(out, id, (part, assets));
        }
        out.put("],");
        self.link.write(out, ad);
        self.write_trackers(out, request, ad);
        out.put(if request.wrapped { "}}" } else { "}" });
        Ok(())
    }

    fn write_trackers(&self, out: &mut Out<'_>, request: &NativeRequest<'_>, ad: &Subject<'_>) {
        let (impression, view) = tracked(request);
        if !impression {
            out.put(",\"imptrackers\":[");
            self.older.write(out, ad);
            out.put("]");
        }
        if impression || view {
            out.put(",\"eventtrackers\":[");
            if impression {
                self.impression.write(out, ad);
            }
            if impression && view {
                out.put(",");
            }
            if view {
                self.view.write(out, ad);
            }
            out.put("]");
        }
    }
}

/// Whether impressions and views are told by event trackers: where the request offers them by image. Without that the
/// older impression trackers tell impressions; never both do, so that one impression is counted once.
pub(super) fn tracked(request: &NativeRequest<'_>) -> (bool, bool) {
    let offered = |event| {
        request
            .eventtrackers
            .iter()
            .any(|tracker| tracker.event == event && tracker.methods.contains(&METHOD_IMAGE))
    };
    (offered(EVENT_IMPRESSION), offered(EVENT_VIEW))
}

fn write_link(into: &mut Builder<'_>, form: Form) {
    into.raw("\"link\":{\"url\":\"");
    into.click(Place::Json).raw("\"");
    if form.clicks_counted {
        into.raw(",\"clicktrackers\":[");
        into.trackers(Source::Click, ["\"", "\"", ","], Place::Json);
        into.raw("]");
    }
    into.raw("}");
}

fn write_part(out: &mut Out<'_>, id: i64, (part, assets): (Part, &NativeAssets)) {
    out.put("{\"id\":");
    out.number(id);
    out.put(match part {
        Part::Title => ",\"title\":{\"text\":",
        Part::Image | Part::Icon => ",\"img\":{\"url\":",
        Part::Sponsored | Part::Description | Part::CallToAction => ",\"data\":{\"value\":",
    });
    json_string(out, part.text(assets));
    if let Some(picture) = part.picture(assets) {
        out.put(",\"w\":");
        out.number(picture.width);
        out.put(",\"h\":");
        out.number(picture.height);
    }
    out.put("}}");
}

/// Whether `creative` fills the layout of `request`.
///
/// # Errors
/// See [`NativeMismatch`].
pub fn check(request: &NativeRequest<'_>, creative: &NativeAssets) -> Result<(), NativeMismatch> {
    let mut answered = false;
    for asset in request.assets {
        match part(asset, creative) {
            Some(_) => answered = true,
            None if asset.required => return Err(NativeMismatch::Required { id: asset.id }),
            None => {}
        }
    }
    match answered {
        true => Ok(()),
        false => Err(NativeMismatch::Nothing),
    }
}

/// What answers an asset.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Title,
    Sponsored,
    Description,
    CallToAction,
    Image,
    Icon,
}

impl Part {
    /// Every part, in the order of their codes.
    const ALL: [Self; 6] = [
        Self::Title,
        Self::Sponsored,
        Self::Description,
        Self::CallToAction,
        Self::Image,
        Self::Icon,
    ];

    /// Its code in a [`NativePart`](crate::event::NativePart).
    pub(super) fn code(self) -> u32 {
        self as u32
    }

    /// What asks for the part of a code, whatever its size.
    pub(super) fn asked(code: u32) -> Option<AssetKind<'static>> {
        let data = |kind| AssetKind::Data {
            kind: Some(kind),
            len: None,
        };
        let image = |kind| AssetKind::Image {
            kind: Some(kind),
            w: None,
            h: None,
            wmin: None,
            hmin: None,
            mimes: &[],
        };
        Some(match Self::ALL.get(code as usize)? {
            Self::Title => AssetKind::Title { len: None },
            Self::Sponsored => data(1),
            Self::Description => data(2),
            Self::CallToAction => data(12),
            Self::Image => image(3),
            Self::Icon => image(1),
        })
    }

    /// The text, or the picture's address.
    pub(super) fn text(self, assets: &NativeAssets) -> &str {
        match self {
            Self::Title => &assets.title,
            Self::Sponsored => &assets.sponsored,
            Self::Description => &assets.description,
            Self::CallToAction => &assets.call_to_action,
            Self::Image => &assets.image.url,
            Self::Icon => &assets.icon.url,
        }
    }

    /// The picture that it is.
    pub(super) fn picture(self, assets: &NativeAssets) -> Option<&Picture> {
        match self {
            Self::Image => Some(&assets.image),
            Self::Icon => Some(&assets.icon),
            _ => None,
        }
    }
}

/// The assets that are answered: the id of each, and what answers it.
pub(super) fn parts<'a>(
    request: &'a NativeRequest<'_>,
    assets: &'a NativeAssets,
) -> impl Iterator<Item = (i64, Part)> + 'a {
    let asked = request.assets.iter();
    asked.filter_map(|asset| Some((asset.id, part(asset, assets)?)))
}

fn part(asset: &NativeAsset<'_>, creative: &NativeAssets) -> Option<Part> {
    let (text, len, part) = match &asset.kind {
        AssetKind::Title { len } => (&creative.title, len, Part::Title),
        AssetKind::Data { kind, len } => match kind {
            Some(1) => (&creative.sponsored, len, Part::Sponsored),
            Some(2) => (&creative.description, len, Part::Description),
            Some(12) => (&creative.call_to_action, len, Part::CallToAction),
            _ => return None,
        },
        AssetKind::Image { kind, .. } => {
            let (picture, part) = match kind {
                Some(1 | 2) => (&creative.icon, Part::Icon),
                Some(3) | None => (&creative.image, Part::Image),
                Some(_) => return None,
            };
            return picture_fits(&asset.kind, picture).then_some(part);
        }
        AssetKind::Other => return None,
    };
    fits(text, *len).then_some(part)
}

/// Whether the text is there and has at most `len` characters.
fn fits(text: &str, len: Option<u32>) -> bool {
    let room = len.map_or(usize::MAX, |len| len as usize);
    !text.is_empty() && text.chars().count() <= room
}

fn picture_fits(asked: &AssetKind<'_>, picture: &Picture) -> bool {
    let AssetKind::Image {
        w,
        h,
        wmin,
        hmin,
        mimes,
        ..
    } = asked
    else {
        return false;
    };
    !picture.url.is_empty()
        && side_fits(picture.width, *w, *wmin)
        && side_fits(picture.height, *h, *hmin)
        && mime_allowed(&picture.url, mimes)
}

/// Exact, or at least the minimum where one is stated.
fn side_fits(side: u32, exact: Option<u32>, least: Option<u32>) -> bool {
    let exact = exact.filter(|exact| *exact > 0);
    match (exact, least.filter(|least| *least > 0)) {
        (None, None) => true,
        (exact, least) => exact == Some(side) || least.is_some_and(|least| side >= least),
    }
}

/// Refuses a picture whose file name says it is of a type that is not in the list.
fn mime_allowed(url: &str, mimes: &[Text<'_>]) -> bool {
    let types = picture_mimes(url);
    let listed = |mime: &Text<'_>| {
        *mime == "image/*" || types.iter().any(|own| own.eq_ignore_ascii_case(mime))
    };
    types.is_empty() || mimes.is_empty() || mimes.iter().any(listed)
}

/// The MIME types of a picture by its address, the usual one first; none when the address does not say.
pub fn picture_mimes(url: &str) -> &'static [&'static str] {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit('.').next().unwrap_or_default();
    let is = |known: &[&str]| known.iter().any(|one| extension.eq_ignore_ascii_case(one));
    match () {
        () if is(&["jpg", "jpeg"]) => &["image/jpeg", "image/jpg"],
        () if is(&["png"]) => &["image/png"],
        () if is(&["gif"]) => &["image/gif"],
        () if is(&["webp"]) => &["image/webp"],
        () if is(&["svg"]) => &["image/svg+xml"],
        () => &[],
    }
}
