//! The request's rules, one plain function each: may this ad be shown there, and on what terms.

mod showing;

use domain::creative::CreativeFormat;
use domain::{Creative, Currency, FxTable, Reject};
use proto::openrtb::{BidRequest, Deal, Floor, Imp, MediaSlot, Text};

use crate::config::Pays;
use crate::price::{PriceRule, Terms, floor_in};
use crate::snapshot::{Ad, Item};

pub use showing::check_showing;

/// OpenRTB's auction types that matter to the price.
const FIRST_PRICE: u32 = 1;
const FIXED_PRICE: u32 = 3;

/// Whether our seat may bid at all.
pub fn allows_seat(wseat: &[Text<'_>], bseat: &[Text<'_>], seat: &str) -> bool {
    let named = |list: &[Text<'_>]| list.contains(&seat);
    (wseat.is_empty() || named(wseat)) && !named(bseat)
}

/// Blocked advertisers, apps, categories and languages, which hold for every slot of the request.
///
/// # Errors
/// The first rule that refuses.
pub fn check_request(request: &BidRequest<'_>, ad: &Ad) -> Result<(), Reject> {
    let creative = ad.creative.as_ref();
    if request
        .badv
        .iter()
        .any(|blocked| covers_domain(blocked, &ad.adomain))
    {
        return Err(Reject::BlockedAdvertiser);
    }
    if request
        .bapp
        .iter()
        .any(|app| leads_to_app(&creative.click_url, app) || is_item(creative, app))
    {
        return Err(Reject::BlockedAdvertiser);
    }
    if !categories_allowed(request, ad) {
        return Err(Reject::BlockedCategory);
    }
    let language = creative.language.as_deref();
    if !language_allowed(request.wlang, language) || !language_allowed(request.wlangb, language) {
        return Err(Reject::Language);
    }
    Ok(())
}

/// Whether `domain` (lower case) is `listed` or lies under it.
pub fn covers_domain(listed: &str, domain: &str) -> bool {
    let listed = listed.trim();
    let listed = listed
        .strip_prefix("www.")
        .unwrap_or(listed)
        .trim_end_matches('.');
    let Some(start) = domain
        .len()
        .checked_sub(listed.len())
        .filter(|_| !listed.is_empty())
    else {
        return false;
    };
    let (before, end) = domain.as_bytes().split_at(start);
    end.eq_ignore_ascii_case(listed.as_bytes()) && (before.is_empty() || before.ends_with(b"."))
}

/// Store addresses carry the app's id; shorter ids would match by chance.
fn leads_to_app(click_url: &str, app: &str) -> bool {
    app.len() >= 4 && click_url.contains(app)
}

/// Apps of Apple's store are listed by their number there.
fn is_item(creative: &Creative, app: &str) -> bool {
    let own = creative.app_store.as_ref();
    own.is_some_and(|own| app.parse() == Ok(own.item))
}

/// A listed category covers those under it, and what other taxonomies call them.
fn categories_allowed(request: &BidRequest<'_>, ad: &Ad) -> bool {
    let (own, lists) = (&ad.declared, request.cattax);
    let mut blocked = request.bcat.iter();
    let allowed = request.acat.is_empty() || own.is_allowed_by(lists, request.acat);
    allowed && !blocked.any(|code| own.is_blocked_by(lists, code))
}

fn language_allowed(allowed: &[Text<'_>], own: Option<&str>) -> bool {
    let primary = |tag: &str| {
        tag.split(['-', '_'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let Some(own) = own.filter(|_| !allowed.is_empty()).map(primary) else {
        return true;
    };
    allowed.iter().any(|tag| primary(tag) == own)
}

/// The part of the request's auction that terms depend on.
#[derive(Debug, Clone, Copy)]
pub struct Market<'a> {
    /// The request's `at`.
    pub at: u32,
    /// What we know of the exchange's.
    pub pays: Pays,
    /// Our seat there.
    pub seat: &'a str,
    /// Rates.
    pub fx: &'a FxTable,
    /// The answer's currency.
    pub currency: Currency,
}

/// One way to buy an impression: on a deal or in the open auction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// The position of the deal; none in the open auction.
    pub deal: Option<usize>,
    /// Floor and price rule, in the answer's currency.
    pub terms: Terms,
    /// A deal that the line item names and that must be bid on.
    pub guaranteed: bool,
}

/// The offers that an ad may take, guaranteed deals first, the open auction last. `deals_max` bounds how many are looked at.
///
/// # Errors
/// `Deal` when neither a deal nor the open auction is for this line item; else why the terms cannot be read.
pub fn offers(
    market: Market<'_>,
    imp: &Imp<'_>,
    (item, ad): (&Item, &Ad),
    into: &mut Vec<Offer>,
) -> Result<(), Reject> {
    into.clear();
    let mut refused = Reject::Deal;
    let deals = imp
        .pmp
        .deals
        .iter()
        .take(crate::config::DEALS_MAX)
        .enumerate();
    for (position, deal) in deals.filter(|(_, deal)| item.buys_deal(deal.id)) {
        if !deal_allows(deal, market.seat, ad) {
            continue;
        }
        match deal_terms(market, imp, deal, ad) {
            Ok(terms) => into.push(Offer {
                deal: Some(position),
                terms,
                guaranteed: deal.guar && item.names_deals(),
            }),
            Err(why) => refused = why,
        }
    }
    let deal = |at: Option<usize>| at.and_then(|at| imp.pmp.deals.get(at));
    into.sort_unstable_by_key(|offer| {
        (!deal(offer.deal).is_some_and(|deal| deal.guar), offer.deal)
    });
    if item.buys_open() && !imp.pmp.private_auction {
        match terms(market, open_floor(imp, ad), None) {
            Ok(terms) => into.push(Offer {
                deal: None,
                terms,
                guaranteed: false,
            }),
            Err(why) => refused = why,
        }
    }
    if into.is_empty() {
        Err(refused)
    } else {
        Ok(())
    }
}

/// The terms of the open auction with this floor.
///
/// # Errors
/// `Deal` where everything is sold on deals; else why the terms cannot be read.
pub fn open_terms(market: Market<'_>, imp: &Imp<'_>, floor: Floor) -> Result<Terms, Reject> {
    if imp.pmp.private_auction {
        return Err(Reject::Deal);
    }
    terms(market, floor, None)
}

fn deal_allows(deal: &Deal<'_>, seat: &str, ad: &Ad) -> bool {
    let seat_allowed = allows_seat(deal.wseat, &[], seat);
    let domains = &deal.wadomain;
    seat_allowed
        && (domains.is_empty() || domains.iter().any(|own| covers_domain(own, &ad.adomain)))
}

fn deal_terms(
    market: Market<'_>,
    imp: &Imp<'_>,
    deal: &Deal<'_>,
    ad: &Ad,
) -> Result<Terms, Reject> {
    if deal.at == Some(FIXED_PRICE) {
        let (price, currency) = deal.fixed_price().ok_or(Reject::Floor)?;
        let floor = floor_in(market.fx, price, currency, market.currency)?;
        return Ok(Terms {
            floor,
            rule: PriceRule::Fixed,
        });
    }
    let media = media_slot(imp, ad);
    terms(market, deal.floor_in(imp, media), deal.at)
}

fn open_floor(imp: &Imp<'_>, ad: &Ad) -> Floor {
    match media_slot(imp, ad) {
        Some((slot, duration_s)) => imp.floor_of(slot, duration_s),
        None => imp.floor,
    }
}

/// The media slot that the ad would fill, with the ad's duration.
fn media_slot<'a, 'b>(imp: &'a Imp<'b>, ad: &Ad) -> Option<(&'a MediaSlot<'b>, u32)> {
    match &ad.creative.format {
        CreativeFormat::Video(media) => Some((imp.video.as_ref()?, media.duration_s)),
        CreativeFormat::Audio(media) => Some((imp.audio.as_ref()?, media.duration_s)),
        CreativeFormat::Banner { .. } | CreativeFormat::Native(_) => None,
    }
}

fn terms(market: Market<'_>, floor: Floor, deal_at: Option<u32>) -> Result<Terms, Reject> {
    let Floor::At(floor, currency) = floor else {
        return Err(Reject::Floor);
    };
    let first = match market.pays {
        Pays::FirstPrice => true,
        Pays::SecondPrice => false,
        Pays::AsAsked => deal_at.unwrap_or(market.at) == FIRST_PRICE,
    };
    let floor = floor_in(market.fx, floor, currency, market.currency)?;
    Ok(Terms {
        floor,
        rule: if first {
            PriceRule::First
        } else {
            PriceRule::Second
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_domains_cover_their_subdomains_only() {
        for listed in ["shop.com", "SHOP.com", "www.shop.com", "a.shop.com"] {
            assert!(covers_domain(listed, "a.shop.com"), "{listed}");
        }
        for listed in ["hop.com", "b.shop.com", "x.a.shop.com", "", "."] {
            assert!(!covers_domain(listed, "a.shop.com"), "{listed}");
        }
    }

    #[test]
    fn languages_compare_by_their_first_part() {
        let list = ["en-US", "DE"];
        assert!(language_allowed(&list, Some("de")));
        assert!(language_allowed(&list, None));
        assert!(!language_allowed(&list, Some("fr")));
        assert!(language_allowed(&[], Some("fr")));
    }

    #[test]
    fn seats_are_named_exactly() {
        let us = ["us"];
        assert!(allows_seat(&[], &[], "us") && allows_seat(&us, &[], "us"));
        assert!(!allows_seat(&us, &us, "us") && !allows_seat(&us, &[], "them"));
    }
}
