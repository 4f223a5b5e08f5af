//! The native answer: the assets that a layout asks for, out of what the creative offers.

use std::fmt::Write;

use domain::Creative;
use domain::creative::{NativeAssets, Picture};

use super::escape::json_text;
use super::template::{Builder, Fill, Place, Template};
use crate::openrtb::Text;
use crate::openrtb::native::{AssetKind, NativeAsset, NativeRequest};

/// The event "impression" of Native 1.2.
const EVENT_IMPRESSION: u32 = 1;
/// The event "half in view for a second" of Native 1.2.
const EVENT_VIEW: u32 = 2;
/// The tracking method "image".
const METHOD_IMAGE: u32 = 1;

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

/// A native ad with its texts escaped and its addresses compiled.
#[derive(Debug)]
pub(super) struct NativeTemplate {
    assets: NativeAssets,
    texts: [String; 4],
    pictures: [String; 2],
    link: Template,
    /// Entries of `imptrackers`.
    older: Template,
    /// Entries of `eventtrackers` for the impression.
    impression: Template,
    view: Template,
}

impl NativeTemplate {
    pub(super) fn compile(creative: &Creative, assets: &NativeAssets, pixel: &str) -> Self {
        let texts = [
            &assets.title,
            &assets.sponsored,
            &assets.description,
            &assets.call_to_action,
        ];
        let make = |write: &dyn Fn(&mut Builder<'_>)| {
            let mut into = Builder::new(creative.id, pixel);
            write(&mut into);
            into.finish()
        };
        let trackers = &creative.trackers;
        Self {
            assets: assets.clone(),
            texts: texts.map(|text| escaped(text)),
            pictures: [&assets.image, &assets.icon].map(picture_json),
            link: make(&|into| write_link(into, &trackers.click)),
            older: make(&|into| {
                into.raw("\"").event("/imp?t=", "", Place::Json).raw("\"");
                for tracker in &trackers.impression {
                    into.raw(",\"").address(tracker, Place::Json).raw("\"");
                }
            }),
            impression: make(&|into| {
                open_tracker(into, EVENT_IMPRESSION);
                into.event("/imp?t=", "", Place::Json).raw("\"}");
                for tracker in &trackers.impression {
                    into.raw(",");
                    open_tracker(into, EVENT_IMPRESSION);
                    into.address(tracker, Place::Json).raw("\"}");
                }
            }),
            view: make(&|into| {
                open_tracker(into, EVENT_VIEW);
                into.event("/view?t=", "", Place::Json).raw("\"}");
            }),
        }
    }

    pub(super) fn write(
        &self,
        out: &mut String,
        request: &NativeRequest<'_>,
        fill: &Fill<'_>,
    ) -> Result<(), NativeMismatch> {
        check(request, &self.assets)?;
        if request.wrapped {
            out.push_str("{\"native\":");
        }
        out.push_str("{\"ver\":");
        json_text(out, request.version);
        out.push_str(",\"assets\":[");
        let parts = request
            .assets
            .iter()
            .filter_map(|asset| Some((asset.id, part(asset, &self.assets)?)));
        for (index, (id, part)) in parts.enumerate() {
            if index > 0 {
                out.push(',');
            }
            self.write_part(out, id, part);
        }
        out.push_str("],");
        self.link.write(out, 0, fill);
        self.write_trackers(out, request, fill);
        out.push_str(if request.wrapped { "}}" } else { "}" });
        Ok(())
    }

    fn write_part(&self, out: &mut String, id: i64, part: Part) {
        let [title, sponsored, description, call] = &self.texts;
        let [image, icon] = &self.pictures;
        let (open, inside) = match part {
            Part::Title => ("\"title\":{\"text\":", title),
            Part::Sponsored => ("\"data\":{\"value\":", sponsored),
            Part::Description => ("\"data\":{\"value\":", description),
            Part::CallToAction => ("\"data\":{\"value\":", call),
            Part::Image => ("\"img\":{", image),
            Part::Icon => ("\"img\":{", icon),
        };
        write!(out, "{{\"id\":{id},{open}{inside}}}}}").expect("a String takes every write");
    }

    /// Event trackers where the request offers them by image, else the older impression trackers;
    /// never both, so that one impression is counted once.
    fn write_trackers(&self, out: &mut String, request: &NativeRequest<'_>, fill: &Fill<'_>) {
        let offered = |event| {
            request
                .eventtrackers
                .iter()
                .any(|tracker| tracker.event == event && tracker.methods.contains(&METHOD_IMAGE))
        };
        let (impression, view) = (offered(EVENT_IMPRESSION), offered(EVENT_VIEW));
        if !impression {
            out.push_str(",\"imptrackers\":[");
            self.older.write(out, 0, fill);
            out.push(']');
        }
        if impression || view {
            out.push_str(",\"eventtrackers\":[");
            if impression {
                self.impression.write(out, 0, fill);
            }
            if impression && view {
                out.push(',');
            }
            if view {
                self.view.write(out, 0, fill);
            }
            out.push(']');
        }
    }
}

fn write_link(into: &mut Builder<'_>, trackers: &[String]) {
    into.raw("\"link\":{\"url\":\"")
        .click(Place::Json)
        .raw("\"");
    let mut separator = ",\"clicktrackers\":[\"";
    for tracker in trackers {
        into.raw(separator);
        into.address(tracker, Place::Json).raw("\"");
        separator = ",\"";
    }
    into.raw(if trackers.is_empty() { "}" } else { "]}" });
}

fn open_tracker(into: &mut Builder<'_>, event: u32) {
    into.raw("{\"event\":").number(event);
    into.raw(",\"method\":").number(METHOD_IMAGE);
    into.raw(",\"url\":\"");
}

fn escaped(text: &str) -> String {
    let mut json = String::new();
    json_text(&mut json, text);
    json
}

fn picture_json(picture: &Picture) -> String {
    let url = escaped(&picture.url);
    format!(
        "\"url\":{url},\"w\":{},\"h\":{}",
        picture.width, picture.height
    )
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
enum Part {
    Title,
    Sponsored,
    Description,
    CallToAction,
    Image,
    Icon,
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
