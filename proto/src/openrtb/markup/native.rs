//! The native answer: the assets that a layout asks for, out of what the creative offers.

use std::fmt::Write;

use domain::creative::{NativeAssets, Picture};

use super::Tracking;
use super::escape::json_text;
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

/// Appends the answer to `out`; leaves `out` as it was when the creative does not fit.
///
/// # Errors
/// See [`NativeMismatch`]. Texts are never cut: one too long does not fit.
pub fn native_answer(
    out: &mut String,
    request: &NativeRequest<'_>,
    creative: &NativeAssets,
    tracking: &Tracking<'_>,
) -> Result<(), NativeMismatch> {
    check(request, creative)?;
    if request.wrapped {
        out.push_str("{\"native\":");
    }
    out.push_str("{\"ver\":");
    json_text(out, request.version);
    out.push_str(",\"assets\":[");
    let parts = request
        .assets
        .iter()
        .filter_map(|asset| Some((asset.id, part(asset, creative)?)));
    for (index, (id, part)) in parts.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_part(out, id, part);
    }
    out.push_str("],\"link\":{\"url\":");
    json_text(out, tracking.click);
    out.push('}');
    write_trackers(out, request, tracking);
    out.push_str(if request.wrapped { "}}" } else { "}" });
    Ok(())
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
enum Part<'a> {
    Title(&'a str),
    Image(&'a Picture),
    Data(&'a str),
}

fn part<'a>(asset: &NativeAsset<'_>, creative: &'a NativeAssets) -> Option<Part<'a>> {
    match &asset.kind {
        AssetKind::Title { len } => fitting(&creative.title, *len).map(Part::Title),
        AssetKind::Data { kind, len } => {
            let text = match kind {
                Some(1) => &creative.sponsored,
                Some(2) => &creative.description,
                Some(12) => &creative.call_to_action,
                _ => return None,
            };
            fitting(text, *len).map(Part::Data)
        }
        AssetKind::Image { kind, .. } => {
            let picture = match kind {
                Some(1 | 2) => &creative.icon,
                Some(3) | None => &creative.image,
                Some(_) => return None,
            };
            picture_fits(&asset.kind, picture).then_some(Part::Image(picture))
        }
        AssetKind::Other => None,
    }
}

/// The text, unless it is empty or has more than `len` characters.
fn fitting(text: &str, len: Option<u32>) -> Option<&str> {
    let room = len.map_or(usize::MAX, |len| len as usize);
    (!text.is_empty() && text.chars().count() <= room).then_some(text)
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
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let extension = path.rsplit('.').next().unwrap_or_default();
    let types: &[&str] = match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => &["image/jpeg", "image/jpg"],
        "png" => &["image/png"],
        "gif" => &["image/gif"],
        "webp" => &["image/webp"],
        "svg" => &["image/svg+xml"],
        _ => return true,
    };
    mimes.is_empty()
        || mimes
            .iter()
            .any(|mime| *mime == "image/*" || types.iter().any(|t| t.eq_ignore_ascii_case(mime)))
}

fn write_part(out: &mut String, id: i64, part: Part<'_>) {
    const SAFE: &str = "a String takes every write";
    write!(out, "{{\"id\":{id},").expect(SAFE);
    match part {
        Part::Title(text) => {
            out.push_str("\"title\":{\"text\":");
            json_text(out, text);
        }
        Part::Data(text) => {
            out.push_str("\"data\":{\"value\":");
            json_text(out, text);
        }
        Part::Image(picture) => {
            out.push_str("\"img\":{\"url\":");
            json_text(out, &picture.url);
            write!(out, ",\"w\":{},\"h\":{}", picture.width, picture.height).expect(SAFE);
        }
    }
    out.push_str("}}");
}

/// Event trackers where the request offers them by image, else the older impression trackers;
/// never both, so that one impression is counted once.
fn write_trackers(out: &mut String, request: &NativeRequest<'_>, tracking: &Tracking<'_>) {
    let offered = |event| {
        request
            .eventtrackers
            .iter()
            .any(|tracker| tracker.event == event && tracker.methods.contains(&METHOD_IMAGE))
    };
    if !offered(EVENT_IMPRESSION) {
        out.push_str(",\"imptrackers\":[");
        json_text(out, tracking.impression);
        out.push(']');
    }
    let trackers = [
        (EVENT_IMPRESSION, tracking.impression),
        (EVENT_VIEW, tracking.view),
    ];
    let mut separator = ",\"eventtrackers\":[";
    for (event, url) in trackers.into_iter().filter(|(event, _)| offered(*event)) {
        write!(
            out,
            "{separator}{{\"event\":{event},\"method\":{METHOD_IMAGE},\"url\":"
        )
        .expect("a String takes every write");
        json_text(out, url);
        out.push('}');
        separator = ",";
    }
    if separator == "," {
        out.push(']');
    }
}
