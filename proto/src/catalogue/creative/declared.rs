//! What a creative declares about itself, and whether that can be true of its format.

use std::collections::BTreeMap;

use domain::CreativeFormat;
use domain::creative::{Approval, BannerMarkup, MediaSource, Trackers};
use domain::limits::TRACKERS_MAX;

use super::super::rules::{Checker, DECLARED_MAX, is_line, is_token};
use super::ApprovalDoc;
use crate::openrtb::markup::vast::VPAID_MIME;

/// AdCOM's number of the IAB Content Taxonomy 1.0.
pub(super) const CONTENT_TAXONOMY_1: u32 = 1;
/// AdCOM's list "Category Taxonomies", without those of audiences.
const TAXONOMIES: [u32; 8] = [1, 2, 3, 5, 6, 7, 8, 9];
/// The attribute "has a skip button": it follows from the format.
const SKIPPABLE: u32 = 16;
/// Attributes of rich banners: expandable in three ways, video inside in two.
const RICH_BANNER: [u32; 5] = [3, 4, 5, 6, 7];
/// AdCOM's list "API Frameworks", up to SIMID 1.1.
const APIS: std::ops::RangeInclusive<u32> = 1..=9;
/// VPAID 1 and 2: players only.
const VPAID: [u32; 2] = [1, 2];
/// MRAID 1 to 3 and ORMMA: apps' banners only.
const MRAID: [u32; 4] = [3, 4, 5, 6];
/// SIMID: players only.
const SIMID: [u32; 2] = [8, 9];
/// Longest reason of an exchange, in characters.
const REASON_CHARS_MAX: usize = 500;

pub(super) fn check_categories(
    categories: Vec<String>,
    taxonomy: u32,
    checker: &mut Checker,
) -> Vec<String> {
    checker.ensure(
        TAXONOMIES.contains(&taxonomy),
        "category_taxonomy",
        "must be a category taxonomy of AdCOM: 1, 2, 3 or 5 to 9",
    );
    checker.length("categories", categories.len(), DECLARED_MAX);
    let first = taxonomy == CONTENT_TAXONOMY_1;
    let rule = if first {
        "must be an IAB Content Taxonomy 1.0 code, such as IAB3 or IAB3-1"
    } else {
        "must be a code of the taxonomy: 1 to 32 letters, digits and hyphens"
    };
    checker.list("categories", categories, rule, |code| {
        let sound = if first {
            is_category(&code)
        } else {
            is_code(&code)
        };
        sound.then_some(code)
    })
}

/// Attributes and APIs, each for itself and with the format.
pub(super) fn check_declared(
    (attributes, apis): (&[u32], &[u32]),
    format: &CreativeFormat,
    checker: &mut Checker,
) {
    checker.length("attributes", attributes.len(), DECLARED_MAX);
    let any = |list: &[u32], of: &[u32]| of.iter().any(|one| list.contains(one));
    let known = attributes.iter().all(|one| (1..=999).contains(one));
    let rule = "must be OpenRTB creative attributes, 1 to 999";
    checker.ensure(known, "attributes", rule);
    checker.ensure(
        !attributes.contains(&SKIPPABLE),
        "attributes",
        "must not have 16: it is declared when format.skip_after_s is given",
    );
    let rich = is_rich(format);
    checker.ensure(
        rich || !any(attributes, &RICH_BANNER),
        "attributes",
        "must not have 3 to 7, expandable or with video inside, unless it is a banner of HTML or a tag",
    );
    checker.length("apis", apis.len(), DECLARED_MAX);
    let known = apis.iter().all(|api| APIS.contains(api));
    checker.ensure(known, "apis", "must be OpenRTB API frameworks, 1 to 9");
    let video = matches!(format, CreativeFormat::Video(_));
    checker.ensure(
        video || !any(apis, &VPAID) && !any(apis, &SIMID),
        "apis",
        "must not have 1, 2, 8 or 9, VPAID and SIMID, unless it is a video",
    );
    checker.ensure(
        rich || !any(apis, &MRAID),
        "apis",
        "must not have 3 to 6, ORMMA and MRAID, unless it is a banner of HTML or a tag",
    );
    checker.ensure(
        !plays_vpaid(format) || any(apis, &VPAID),
        "apis",
        "must have 1 or 2, VPAID, because a file is application/javascript",
    );
}

fn is_rich(format: &CreativeFormat) -> bool {
    let CreativeFormat::Banner { markup, .. } = format else {
        return false;
    };
    !matches!(markup, BannerMarkup::Image { .. })
}

fn plays_vpaid(format: &CreativeFormat) -> bool {
    let CreativeFormat::Video(media) = format else {
        return false;
    };
    match &media.source {
        MediaSource::Files(files) => files.iter().any(|file| file.mime == VPAID_MIME),
        MediaSource::Wrapper(wrapper) => wrapper.mimes.iter().any(|mime| mime == VPAID_MIME),
    }
}

pub(super) fn check_trackers(trackers: &Trackers, format: &CreativeFormat, checker: &mut Checker) {
    for (field, addresses) in [
        ("impression_trackers", &trackers.impression),
        ("click_trackers", &trackers.click),
    ] {
        checker.length(field, addresses.len(), TRACKERS_MAX);
        for (at, address) in addresses.iter().take(TRACKERS_MAX).enumerate() {
            checker.address_with_macros(&format!("{field}[{at}]"), address);
        }
    }
    let banner = matches!(format, CreativeFormat::Banner { .. });
    checker.ensure(
        !banner || trackers.click.is_empty(),
        "click_trackers",
        "must be empty for a banner: let click_url lead through the other counter",
    );
}

pub(super) fn check_approvals(
    approvals: BTreeMap<String, ApprovalDoc>,
    checker: &mut Checker,
) -> BTreeMap<String, Approval> {
    checker.length("approvals", approvals.len(), DECLARED_MAX);
    let read = |(exchange, approval): (String, ApprovalDoc)| {
        let sound = is_token(&exchange) && is_line(&approval.reason, REASON_CHARS_MAX);
        let rule = "must be the name of an exchange, with a reason of at most 500 characters and no line breaks";
        checker.ensure(sound, "approvals", rule);
        let state = approval.state.into();
        let reason = approval.reason;
        (exchange, Approval { state, reason })
    };
    approvals.into_iter().map(read).collect()
}

pub(super) fn is_language(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_code(code: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=32).contains(&code.len()) && code.bytes().all(allowed)
}

fn is_category(code: &str) -> bool {
    let number =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = code.strip_prefix("IAB") else {
        return false;
    };
    match rest.split_once('-') {
        Some((tier1, tier2)) => number(tier1) && number(tier2),
        None => number(rest),
    }
}
