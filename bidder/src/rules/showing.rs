//! Rules about the ad as people see it: creatives blocked after review, the screen, expansion, transparency.

use domain::creative::CreativeFormat;
use domain::{CreativeId, Reject};
use proto::openrtb::{BidRequest, Imp, Text};

use crate::snapshot::{Ad, LiveCampaign};

/// The creative attributes (AdCOM) of banners that expand: by themselves, on a click, under the pointer.
const EXPANDABLE: [u32; 3] = [3, 4, 5];

/// Whether the ad may be shown in this slot, on this screen, to this publisher.
///
/// # Errors
/// The first rule that refuses.
pub fn check_showing(
    request: &BidRequest<'_>,
    imp: &Imp<'_>,
    (ad, live): (&Ad, &LiveCampaign),
) -> Result<(), Reject> {
    if is_listed(request.bcrid, ad.creative.id) || is_listed(imp.bcrid, ad.creative.id) {
        return Err(Reject::BlockedCreative);
    }
    if imp.instl && !fits_screen((request.device.w, request.device.h), &ad.creative.format) {
        return Err(Reject::Format);
    }
    let may_expand = imp
        .banner
        .as_ref()
        .is_none_or(|slot| !slot.expdir.is_empty());
    let expands = |attribute: &u32| EXPANDABLE.contains(attribute);
    if !may_expand && ad.creative.attributes.iter().any(expands) {
        return Err(Reject::BlockedAttribute);
    }
    let dsa = request.regs.dsa;
    if dsa.is_required() && (dsa.needs_rendering() || live.behalf.is_empty()) {
        return Err(Reject::Transparency);
    }
    Ok(())
}

/// Creatives are listed by the `crid` that we gave them.
fn is_listed(list: &[Text<'_>], creative: CreativeId) -> bool {
    list.iter()
        .any(|crid| crid.trim().parse() == Ok(creative.0))
}

/// Whether a banner is no larger than the screen, which may be turned; a screen of unknown size takes all.
fn fits_screen(screen: (Option<u32>, Option<u32>), format: &CreativeFormat) -> bool {
    let ((Some(across @ 1..), Some(down @ 1..)), CreativeFormat::Banner { width, height, .. }) =
        (screen, format)
    else {
        return true;
    };
    let fits = |w: u32, h: u32| *width <= w && *height <= h;
    fits(across, down) || fits(down, across)
}
