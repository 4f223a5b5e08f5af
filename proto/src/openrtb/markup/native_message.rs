//! The native answer as a message: what `native` writes as JSON, under the IAB's field numbers.

use domain::{Creative, CreativeFormat};

use super::native::{
    EVENT_IMPRESSION, EVENT_VIEW, METHOD_IMAGE, NativeMismatch, Part, check, parts, tracked,
};
use super::out::Out;
use super::own::{Source, Subject};
use crate::fields::{message, number, whole};
use crate::openrtb::native::NativeRequest;

/// Whether every id of the layout has a place in a message, where ids have 32 bits; in JSON they may have more.
pub(super) fn has_place(request: &NativeRequest<'_>) -> bool {
    let mut ids = request.assets.iter().map(|asset| asset.id);
    ids.all(|id| i32::try_from(id).is_ok())
}

/// Appends the fields of a `NativeResponse`. Nothing is appended when the creative does not fit.
///
/// # Errors
/// See [`NativeMismatch`].
pub(super) fn write(
    out: &mut Vec<u8>,
    request: &NativeRequest<'_>,
    ad: &Subject<'_>,
) -> Result<(), NativeMismatch> {
    let CreativeFormat::Native(assets) = &ad.creative.format else {
        return Err(NativeMismatch::Nothing);
    };
    check(request, assets)?;
    whole(out, 1, request.version.as_bytes());
    for (id, part) in parts(request, assets) {
        message(out, 2, |out| {
            // Always present: 0 is an id like others.
            prost::encoding::int64::encode(1, &id, out);
            write_part(out, part, assets);
        });
    }
    message(out, 3, |out| {
        address(out, 1, (ad, "/click?t=", ad.fill.click_token));
        for number in 0..ad.creative.trackers.click.len() {
            tracker(out, 2, (ad, Source::Click(number)));
        }
    });
    write_trackers(out, request, ad);
    Ok(())
}

fn write_part(out: &mut Vec<u8>, part: Part, assets: &domain::creative::NativeAssets) {
    let text = part.text(assets).as_bytes();
    match part {
        Part::Title => message(out, 3, |out| whole(out, 1, text)),
        Part::Image | Part::Icon => message(out, 4, |out| {
            whole(out, 1, text);
            if let Some(picture) = part.picture(assets) {
                number(out, 2, picture.width.into());
                number(out, 3, picture.height.into());
            }
        }),
        Part::Sponsored | Part::Description | Part::CallToAction => {
            message(out, 6, |out| whole(out, 2, text));
        }
    }
}

fn write_trackers(out: &mut Vec<u8>, request: &NativeRequest<'_>, ad: &Subject<'_>) {
    let (impression, view) = tracked(request);
    let others = 0..counters(ad.creative);
    if !impression {
        address(out, 4, (ad, "/imp?t=", ad.fill.event_token));
        for number in others.clone() {
            tracker(out, 4, (ad, Source::Impression(number)));
        }
    }
    if impression {
        event(out, EVENT_IMPRESSION, |out| {
            address(out, 3, (ad, "/imp?t=", ad.fill.event_token));
        });
        for number in others {
            event(out, EVENT_IMPRESSION, |out| {
                tracker(out, 3, (ad, Source::Impression(number)));
            });
        }
    }
    if view {
        event(out, EVENT_VIEW, |out| {
            address(out, 3, (ad, "/view?t=", ad.fill.event_token));
        });
    }
}

/// How many others count impressions.
fn counters(creative: &Creative) -> usize {
    creative.trackers.impression.len()
}

fn event(out: &mut Vec<u8>, event: u32, address: impl FnOnce(&mut Vec<u8>)) {
    message(out, 8, |out| {
        number(out, 1, event.into());
        number(out, 2, METHOD_IMAGE.into());
        address(out);
    });
}

/// An address of ours with a token.
fn address(out: &mut Vec<u8>, field: u32, (ad, path, token): (&Subject<'_>, &str, &str)) {
    message(out, field, |out| {
        for text in [ad.pixel, path, token] {
            out.extend_from_slice(text.as_bytes());
        }
    });
}

/// An address of another's counter.
fn tracker(out: &mut Vec<u8>, field: u32, (ad, source): (&Subject<'_>, Source)) {
    message(out, field, |out| {
        ad.write(&mut Out::plain(out), source, None);
    });
}
