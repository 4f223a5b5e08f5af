//! From winning candidates to the answer's bytes: markup, tracking addresses with sealed tokens, the bids.

use domain::creative::CreativeFormat;
use domain::{BidId, IdScope};
use proto::event::BidRef;
use proto::openrtb::markup::Fill;
use proto::openrtb::{Bid, DsaAnswer, Format, Imp, MarkupType, ResponseHead, SkadnAnswer};
use proto::token::{Purpose, TokenKeys};

use crate::auction::{Auction, Win};
use crate::config::{BillingSignal, ExchangeConfig};
use crate::fill::fill;
use crate::fit;
use crate::snapshot::Ad;

/// One bid, ready to be written: every text that the answer borrows.
#[derive(Debug)]
pub struct Written {
    id: String,
    crid: String,
    cid: String,
    adm: String,
    notices: Notices,
    skadn: Option<SkadnAnswer>,
}

impl Written {
    /// With what Apple's store credits installs by.
    pub fn with_skadn(self, skadn: Option<SkadnAnswer>) -> Self {
        Self { skadn, ..self }
    }
}

/// The addresses that the exchange's servers call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Notices {
    burl: Option<String>,
    nurl: Option<String>,
    lurl: Option<String>,
}

/// What a win's tokens carry, in the terms of events.
pub fn reference(auction: &Auction<'_>, win: &Win, (id, ad): (BidId, &Ad)) -> BidRef {
    let campaign = auction
        .snapshot
        .items
        .get(win.candidate.item)
        .map(|item| &auction.snapshot.campaign_of(item).campaign);
    BidRef {
        bid_id: id.0.to_vec(),
        campaign: ad.features.campaign.0,
        line_item: ad.features.line_item.0,
        creative: ad.creative.id.0,
        exchange: auction.exchange.0.to_owned(),
        user: auction
            .facts
            .user
            .map(|user| user.0.to_vec())
            .unwrap_or_default(),
        bid_at_ms: auction.now.0,
        price_cpm_micros: win.candidate.numbers.price.0.0,
        currency: auction.market.currency.to_string(),
        rate: win.candidate.rate,
        rate_day: auction.market.fx.day,
        campaign_currency: campaign.map(|c| c.currency).unwrap_or_default().to_string(),
        hold_micros: win.hold.map_or(0, |hold| hold.amount.0),
        hold_ms: win.hold_ms,
        quantity: i32::try_from(win.quantity).unwrap_or(i32::MAX),
        test: auction.request.test,
        first_price: win.candidate.rule == crate::price::PriceRule::First,
        landing: String::new(),
        fee_ppm: u32::try_from(auction.config.fee_ppm).unwrap_or(u32::MAX),
        predicted_ctr_ppm: (win.candidate.numbers.click * 1e6).round() as u32,
        device: counted(auction, win, IdScope::Device),
        household: counted(auction, win, IdScope::Household),
    }
}

/// The id of a scope, where a cap of the bid counts for it.
fn counted(auction: &Auction<'_>, win: &Win, per: IdScope) -> Vec<u8> {
    let mut limits = auction.limits(&win.candidate);
    let asked = limits.any(|limit| limit.per == per);
    let person = auction.people.get(per).filter(|_| asked);
    person
        .map(|person| person.key.0.to_vec())
        .unwrap_or_default()
}

/// Writes markup and addresses of one bid.
pub fn write(
    auction: &Auction<'_>,
    keys: &TokenKeys,
    (reference, ad): (&BidRef, &Ad),
    imp: &Imp<'_>,
) -> Written {
    let notice = keys.seal(reference, Purpose::Notice);
    let event = keys.seal(reference, Purpose::Event);
    let landing = BidRef {
        landing: ad.creative.click_url.clone(),
        ..reference.clone()
    };
    let click = keys.seal(&landing, Purpose::Click);
    let fill = Fill {
        click_token: &click,
        event_token: &event,
        ..fill(auction, (imp, ad), cachebuster(reference))
    };
    let shape = fit::shape(imp, ad).expect("the candidate fitted this slot before it won");
    let mut adm = String::new();
    ad.markup
        .write(&mut adm, shape, &fill)
        .expect("the candidate was checked against this layout before it won");
    let (config, base) = (auction.config, &auction.config.public_url);
    Written {
        id: reference.id().to_string(),
        crid: ad.creative.id.to_string(),
        cid: ad.features.campaign.to_string(),
        adm,
        notices: config.exchanges.get(&reference.exchange).map_or_else(
            || notices(base, &notice, &ExchangeConfig::default()),
            |exchange| notices(base, &notice, exchange),
        ),
        skadn: None,
    }
}

/// Half of the bid's id, shuffled: no other bid has it, and it tells nothing.
fn cachebuster(reference: &BidRef) -> u64 {
    let half = reference.id().0.first_chunk().copied().unwrap_or_default();
    domain::random::mix(u64::from_le_bytes(half)) >> 11 // scripts read 53 bits exactly
}

/// One address bills, the others only tell.
fn notices(base: &str, token: &str, exchange: &ExchangeConfig) -> Notices {
    let price = &exchange.price_macro;
    let fee = if exchange.supply_fee {
        "&f=${SUPPLY_FEE}"
    } else {
        ""
    };
    let bill = format!(
        "{base}/bill?t={token}&p={price}&c=${{AUCTION_CURRENCY}}&q=${{AUCTION_MULTIPLIER}}&ts=${{AUCTION_IMP_TS}}{fee}"
    );
    let win = || {
        format!(
            "{base}/win?t={token}&p={price}&c=${{AUCTION_CURRENCY}}&m=${{AUCTION_MIN_TO_WIN}}{fee}"
        )
    };
    let loss = || format!("{base}/loss?t={token}&r=${{AUCTION_LOSS}}&m=${{AUCTION_MIN_TO_WIN}}");
    let (burl, nurl) = match exchange.billing {
        BillingSignal::Burl => (Some(bill), exchange.notices.win.then(win)),
        BillingSignal::Nurl => (None, Some(bill)),
    };
    Notices {
        burl,
        nurl,
        lurl: exchange.notices.loss.then(loss),
    }
}

/// Writes the whole answer into `out`, in the form of the request. `bids` are the wins with their ads and texts, in
/// order.
pub fn write_answer(
    (format, out): (Format, &mut Vec<u8>),
    auction: &Auction<'_>,
    bids: &[(&Win, &Ad, &Written)],
) {
    let listed = bids
        .iter()
        .filter_map(|(win, ad, texts)| bid(auction, win, (ad, texts)));
    let listed: Vec<Bid<'_>> = listed.collect();
    let head = ResponseHead {
        id: auction.request.id,
        bidid: bids
            .first()
            .map_or("", |(_, _, written)| written.id.as_str()),
        cur: auction.market.currency,
        seat: Some(auction.market.seat),
        grouped: bids.iter().filter(|(win, ..)| win.grouped).count(),
    };
    format.write_response(out, &head, &listed);
}

fn bid<'a>(
    auction: &Auction<'a>,
    win: &Win,
    (ad, texts): (&'a Ad, &'a Written),
) -> Option<Bid<'a>> {
    let imp = auction.request.imps.get(win.imp)?;
    let creative = ad.creative.as_ref();
    let (mtype, size, dur_s) = match &creative.format {
        CreativeFormat::Banner { width, height, .. } => {
            (MarkupType::Banner, (*width, *height), None)
        }
        CreativeFormat::Video(media) => (MarkupType::Video, media.size(), Some(media.duration_s)),
        CreativeFormat::Audio(media) => (MarkupType::Audio, (0, 0), Some(media.duration_s)),
        CreativeFormat::Native(_) => (MarkupType::Native, (0, 0), None),
    };
    let deal = win.candidate.deal.and_then(|at| imp.pmp.deals.get(at));
    let language = creative.language.as_deref();
    let by_tag = !auction.request.wlangb.is_empty();
    let plain = Bid::new(
        &texts.id,
        imp.id,
        win.candidate.numbers.price,
        mtype,
        &texts.adm,
    );
    Some(Bid {
        adid: Some(&texts.crid),
        crid: &texts.crid,
        cid: &texts.cid,
        adomain: &ad.adomain,
        cat: &creative.categories,
        cattax: Some(creative.taxonomy).filter(|_| !creative.categories.is_empty()),
        attr: &ad.attributes,
        iurl: creative.sample_url.as_deref(),
        burl: texts.notices.burl.as_deref(),
        nurl: texts.notices.nurl.as_deref(),
        lurl: texts.notices.lurl.as_deref(),
        w: size.0,
        h: size.1,
        dur_s,
        dealid: deal.map(|deal| deal.id),
        exp_s: u32::try_from(win.hold_ms / 1000).ok(),
        language: language.filter(|_| !by_tag),
        langb: language.filter(|_| by_tag),
        apis: &creative.apis,
        dsa: transparency(auction, win),
        skadn: texts.skadn.as_ref(),
        ..plain
    })
}

/// Who stands behind the ad, where the request wants it told.
fn transparency<'a>(auction: &Auction<'a>, win: &Win) -> Option<DsaAnswer<'a>> {
    let item = auction.snapshot.items.get(win.candidate.item)?;
    let behalf = auction.snapshot.campaign_of(item).behalf.as_str();
    let payer = auction.config.dsa_payer.as_str();
    let wanted = auction.request.regs.dsa.is_welcome() && !behalf.is_empty();
    wanted.then_some(DsaAnswer {
        behalf,
        paid: if payer.is_empty() { behalf } else { payer },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn one_address_bills_whatever_the_exchange_has() {
        let plain = ExchangeConfig::default();
        let usual = notices("https://p", "T", &plain);
        assert_eq!(
            usual.burl.as_deref(),
            Some(
                "https://p/bill?t=T&p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&q=${AUCTION_MULTIPLIER}&ts=${AUCTION_IMP_TS}"
            )
        );
        assert_eq!(
            usual.nurl.as_deref(),
            Some(
                "https://p/win?t=T&p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&m=${AUCTION_MIN_TO_WIN}"
            )
        );
        assert_eq!(
            usual.lurl.as_deref(),
            Some("https://p/loss?t=T&r=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}")
        );
        let older = ExchangeConfig {
            billing: BillingSignal::Nurl,
            price_macro: "${PRICE_PAID}".into(),
            notices: config::Notices {
                win: false,
                loss: false,
            },
            ..plain.clone()
        };
        let older = notices("https://p", "T", &older);
        let bills = older.nurl.as_deref().unwrap();
        assert!(bills.starts_with("https://p/bill?t=T&p=${PRICE_PAID}&"));
        assert_eq!((older.burl, older.lurl), (None, None));
        let told = ExchangeConfig {
            supply_fee: true,
            ..plain.clone()
        };
        let told = notices("https://p", "T", &told);
        let ends = |url: Option<String>| url.unwrap().ends_with("&f=${SUPPLY_FEE}");
        assert!(ends(told.burl) && ends(told.nurl) && !ends(told.lurl));
        let quiet = ExchangeConfig {
            notices: config::Notices {
                win: false,
                loss: true,
            },
            ..plain
        };
        let quiet = notices("https://p", "T", &quiet);
        assert_eq!((quiet.burl, quiet.nurl), (usual.burl, None));
    }
}
