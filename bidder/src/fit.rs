//! Whether an ad fits a slot, and in which of its forms.

use domain::Reject;
use domain::creative::{BannerMarkup, CreativeFormat, Media, MediaFile, MediaSource};
use domain::targeting::Size;
use proto::openrtb::markup::native::picture_mimes;
use proto::openrtb::markup::{Shape, VastVersion, vast};
use proto::openrtb::{BannerSlot, Imp, MediaSlot, Text};

use crate::snapshot::Ad;

/// Delivery methods of our media files: "progressive" and "download", which load a file as it lies on a server.
const WHOLE_FILES: [u32; 2] = [2, 3];
/// Names that are in use for one type, the registered one first.
const ALIASES: [[&str; 2]; 3] = [
    ["audio/mpeg", "audio/mp3"],
    ["audio/mp4", "audio/x-m4a"],
    ["image/jpeg", "image/jpg"],
];
/// A linearity other than linear.
const OVERLAY: u32 = 2;
/// The banner ad type "JavaScript".
const SCRIPT: u32 = 3;
/// What HTML with or without scripts is called.
const HTML_MIMES: [&str; 4] = [
    "text/html",
    "text/javascript",
    "application/javascript",
    "application/xhtml+xml",
];

/// Whether the ad's own kind of slot is offered and takes it.
///
/// # Errors
/// The first rule that refuses.
pub fn check_slot(imp: &Imp<'_>, ad: &Ad) -> Result<(), Reject> {
    if imp.secure == Some(true) && !ad.secure {
        return Err(Reject::Mime);
    }
    let (blocked, apis) = match &ad.creative.format {
        CreativeFormat::Banner {
            width,
            height,
            markup,
        } => {
            let slot = imp.banner.as_ref().ok_or(Reject::Format)?;
            let size = Size {
                width: *width,
                height: *height,
            };
            check_banner(slot, size, markup)?;
            if slot.btype.contains(&ad.banner_type) {
                return Err(Reject::BlockedAttribute);
            }
            (&slot.battr, &slot.api)
        }
        CreativeFormat::Video(media) => {
            let slot = imp.video.as_ref().ok_or(Reject::Format)?;
            check_media(slot, media, false)?;
            (&slot.battr, &slot.api)
        }
        CreativeFormat::Audio(media) => {
            let slot = imp.audio.as_ref().ok_or(Reject::Format)?;
            check_media(slot, media, true)?;
            (&slot.battr, &slot.api)
        }
        // Whether the layout's required parts are there is seen when its request is read, once per imp.
        CreativeFormat::Native(_) => {
            let slot = imp.native.as_ref().ok_or(Reject::Format)?;
            (&slot.battr, &slot.api)
        }
    };
    if ad.attributes.iter().any(|own| blocked.contains(own)) {
        return Err(Reject::BlockedAttribute);
    }
    // An interface that is not listed is not supported.
    if !ad.creative.apis.iter().all(|api| apis.contains(api)) {
        return Err(Reject::Mime);
    }
    Ok(())
}

/// The form in which an ad that fits is written; `None` when it does not fit.
pub fn shape<'a>(imp: &Imp<'a>, ad: &Ad) -> Option<Shape<'a>> {
    let media = |slot: &MediaSlot<'_>, media: &Media, sound| {
        let (version, files) = playable(slot, media, sound).ok()?;
        Some(Shape::Media { version, files })
    };
    match &ad.creative.format {
        CreativeFormat::Banner { .. } => imp.banner.as_ref().map(|slot| Shape::Banner {
            script: takes_script(slot),
        }),
        CreativeFormat::Video(ad) => media(imp.video.as_ref()?, ad, false),
        CreativeFormat::Audio(ad) => media(imp.audio.as_ref()?, ad, true),
        CreativeFormat::Native(_) => {
            let layout = imp.native.as_ref()?.parsed().ok()?;
            Some(Shape::Native(layout))
        }
    }
}

/// Whether a slot takes a script of ours beside the ad.
fn takes_script(slot: &BannerSlot<'_>) -> bool {
    !slot.btype.contains(&SCRIPT) && lists_any(slot.mimes, &HTML_MIMES)
}

fn check_banner(slot: &BannerSlot<'_>, size: Size, markup: &BannerMarkup) -> Result<(), Reject> {
    if !slot.takes(size) {
        return Err(Reject::Format);
    }
    let mimes = match markup {
        BannerMarkup::Image { url } => picture_mimes(url),
        BannerMarkup::Html { .. } | BannerMarkup::Tag { .. } => &HTML_MIMES,
    };
    if mimes.is_empty() || lists_any(slot.mimes, mimes) {
        Ok(())
    } else {
        Err(Reject::Mime)
    }
}

/// Whether a list, which allows everything when it is empty, has one of these types.
fn lists_any(listed: &[Text<'_>], own: &[impl AsRef<str>]) -> bool {
    let is_own = |mime: &Text<'_>| own.iter().any(|own| is_one_type(own.as_ref(), mime.trim()));
    listed.is_empty() || listed.iter().any(is_own)
}

/// Whether two names are of one type, or the second stands for all of its kind (`video/*`).
fn is_one_type(own: &str, listed: &str) -> bool {
    let known_as = |names: &[&str; 2]| {
        names.iter().all(|name| {
            [own, listed]
                .iter()
                .any(|one| one.eq_ignore_ascii_case(name))
        })
    };
    let all = listed.strip_suffix("/*").zip(own.split_once('/'));
    own.eq_ignore_ascii_case(listed)
        || all.is_some_and(|(all, (kind, _))| all == "*" || all.eq_ignore_ascii_case(kind))
        || ALIASES.iter().any(known_as)
}

fn check_media(slot: &MediaSlot<'_>, media: &Media, sound: bool) -> Result<(), Reject> {
    playable(slot, media, sound)?;
    if slot.linearity == Some(OVERLAY) {
        return Err(Reject::Format);
    }
    if !slot.takes_duration(media.duration_s) {
        return Err(Reject::Duration);
    }
    if media.skip_after_s.is_some() && slot.skip == Some(false) {
        return Err(Reject::BlockedAttribute);
    }
    Ok(())
}

/// The version to answer with and the files that the player takes, bit `n` for file `n`.
fn playable(
    slot: &MediaSlot<'_>,
    media: &Media,
    sound: bool,
) -> Result<(VastVersion, u32), Reject> {
    let version = vast::best(slot.protocols, media, sound).ok_or(Reject::Mime)?;
    let files = match &media.source {
        MediaSource::Wrapper(wrapper) if lists_any(slot.mimes, &wrapper.mimes) => {
            return Ok((version, 0));
        }
        MediaSource::Wrapper(_) => 0,
        MediaSource::Files(files) => files
            .iter()
            .enumerate()
            .filter(|(_, file)| takes_file(slot, file))
            .fold(0, |bits, (number, _)| bits | 1 << number),
    };
    if files == 0 {
        return Err(Reject::Mime);
    }
    Ok((version, files))
}

fn takes_file(slot: &MediaSlot<'_>, file: &MediaFile) -> bool {
    let delivery =
        slot.delivery.is_empty() || WHOLE_FILES.iter().any(|own| slot.delivery.contains(own));
    let rate = file.bitrate_kbps;
    delivery
        && lists_any(slot.mimes, &[&file.mime])
        && slot.minbitrate_kbps.is_none_or(|least| rate >= least)
        && slot.maxbitrate_kbps.is_none_or(|most| rate <= most)
}
