//! What a bid's markup is filled with: the request's words, each only as far as privacy allows.

use domain::CreativeFormat;
use proto::openrtb::markup::Fill;
use proto::openrtb::{BidRequest, Imp, Signal};

use crate::auction::Auction;
use crate::pseudonym::names_somebody;
use crate::snapshot::Ad;

/// Everything but the tokens.
pub fn fill<'a>(
    auction: &'a Auction<'_>,
    (imp, ad): (&Imp<'_>, &Ad),
    cachebuster: u64,
) -> Fill<'a> {
    let request = auction.request;
    let regs = &request.regs;
    Fill {
        click_token: "",
        event_token: "",
        cachebuster,
        auction_id: request.id,
        campaign: ad.features.campaign,
        line_item: ad.features.line_item,
        exchange: auction.exchange.0,
        site: place(request),
        app_bundle: request
            .app
            .as_ref()
            .and_then(|app| app.bundle)
            .unwrap_or_default(),
        gdpr: regs.gdpr,
        gdpr_consent: text(&request.user.consent),
        us_privacy: text(&regs.us_privacy),
        gpp: text(&regs.gpp),
        gpp_sid: regs.gpp_sid,
        device_id: device_id(auction),
        size: size(imp, ad),
    }
}

fn place<'a>(request: &BidRequest<'a>) -> &'a str {
    let site = request.site.as_ref().and_then(|site| site.domain);
    let app = || request.app.as_ref().and_then(|app| app.domain);
    let dooh = || request.dooh.as_ref().and_then(|dooh| dooh.domain);
    site.or_else(app).or_else(dooh).unwrap_or_default()
}

fn text<'a>(signal: &'a Signal<'_>) -> &'a str {
    signal.as_str().unwrap_or_default()
}

/// Nobody else learns whom we would not look at ourselves.
fn device_id<'a>(auction: &Auction<'a>) -> &'a str {
    let id = auction.request.device.ifa.unwrap_or_default();
    let privacy = auction.facts.privacy;
    // A consent that was given to us is none to those whom the macro tells.
    let allowed =
        privacy.user_allowed && privacy.measure_allowed && !privacy.gdpr && !privacy.canada;
    let allowed = allowed && names_somebody(id);
    if allowed { id } else { "" }
}

/// Of the banner, of the player where the request tells it, or of the ad.
fn size(imp: &Imp<'_>, ad: &Ad) -> (u32, u32) {
    match &ad.creative.format {
        CreativeFormat::Banner { width, height, .. } => (*width, *height),
        CreativeFormat::Video(media) => {
            let player = imp.video.as_ref().and_then(|slot| slot.w.zip(slot.h));
            player.unwrap_or_else(|| media.size())
        }
        CreativeFormat::Audio(_) | CreativeFormat::Native(_) => (0, 0),
    }
}
