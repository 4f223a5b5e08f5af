//! From winning candidates to the answer's bytes: references, sealed tokens, markup and addresses, in buffers that are
//! kept from answer to answer.

use domain::creative::CreativeFormat;
use domain::ids::BidIds;
use domain::limits::TOKEN_CHARS_MAX;
use domain::random::SplitMix64;
use domain::{BidId, Creative, IdScope, UserKey};
use proto::event::{EncodedRef, Reference};
use proto::openrtb::markup::on_win::cachebuster;
use proto::openrtb::markup::{Fill, Filled};
use proto::openrtb::{Adm, Bid, DsaAnswer, Format, Imp, MarkupType, ResponseHead};
use proto::token::{Purpose, Sealed, TokenKeys};

use crate::auction::{Auction, Win};
use crate::config::{BillingSignal, ExchangeConfig, MarkupPlace, NativeForm};
use crate::fill::fill;
use crate::fit;
use crate::snapshot::Ad;

/// What a core writes answers with. The buffers grow to what its largest answers need.
#[derive(Debug, Default)]
pub struct Pen {
    made: Vec<Made>,
    /// Those of `made` that are of this answer.
    count: usize,
    notice: Sealed,
    event: Sealed,
    click: Sealed,
    rendering: Sealed,
}

/// A bid of the answer.
#[derive(Debug, Default)]
struct Made {
    /// The position of its win.
    win: usize,
    reference: EncodedRef,
}

impl Pen {
    /// Takes up the wins of an answer and gives each an id.
    pub fn take_up(&mut self, auction: &Auction<'_>, wins: &[Win], ids: &mut BidIds) {
        self.count = 0;
        for (position, win) in wins.iter().enumerate() {
            let Some(ad) = win.ad(auction) else {
                continue;
            };
            if self.made.len() == self.count {
                self.made.push(Made::default());
            }
            if let Some(made) = self.made.get_mut(self.count) {
                made.win = position;
                made.reference
                    .set(ids.next_id(), &reference(auction, win, ad));
                self.count += 1;
            }
        }
    }

    /// The bids of the answer: each win's position and the reference of its bid.
    pub fn made(&self) -> impl Iterator<Item = (usize, &EncodedRef)> {
        let made = self.made.iter().take(self.count);
        made.map(|made| (made.win, &made.reference))
    }

    /// Appends the whole answer to `out`, in the form of the request.
    pub fn write_answer(
        &mut self,
        (format, out): (Format, &mut Vec<u8>),
        auction: &Auction<'_>,
        (wins, keys): (&[Win], &TokenKeys),
        rng: &mut SplitMix64,
    ) {
        let is_grouped = |win: usize| wins.get(win).is_some_and(|win| win.grouped);
        let first = self.made().next().map(|(_, reference)| reference.bid_id());
        let mut hex = [0; BidId::HEX_CHARS];
        let head = ResponseHead {
            id: auction.request.id,
            bidid: first.as_ref().map_or("", |id| id.write_hex(&mut hex)),
            cur: auction.market.currency,
            seat: Some(auction.market.seat),
            bids: self.count,
            grouped: self.made().filter(|(win, _)| is_grouped(*win)).count(),
        };
        format.write_response(out, &head, |part, add| {
            for Made { win, reference } in self.made.get(part).unwrap_or_default() {
                let Some((win, ad, imp)) = wins.get(*win).and_then(|win| {
                    let imp = auction.request.imps.get(win.imp)?;
                    Some((win, win.ad(auction)?, imp))
                }) else {
                    continue;
                };
                let landing = ad.creative.click_url.as_str();
                keys.seal_bid(&mut self.notice, (reference, ""), Purpose::Notice);
                keys.seal_bid(&mut self.event, (reference, ""), Purpose::Event);
                keys.seal_bid(&mut self.click, (reference, landing), Purpose::Click);
                let tokens = [&self.notice, &self.event, &self.click].map(Sealed::as_str);
                let sealing = Sealing {
                    keys,
                    reference,
                    rendering: &mut self.rendering,
                };
                write_bid(auction, (win, ad, imp), (tokens, sealing), (&mut *rng, add));
            }
        });
    }
}

/// What a win's tokens carry, in the terms of events.
fn reference<'a>(auction: &Auction<'a>, win: &Win, ad: &Ad) -> Reference<'a> {
    let campaign = auction
        .snapshot
        .items
        .get(win.candidate.item)
        .map(|item| &auction.snapshot.campaign_of(item).campaign);
    Reference {
        campaign: ad.features.campaign,
        line_item: ad.features.line_item,
        creative: ad.creative.id,
        exchange: auction.exchange.0,
        user: auction.facts.user,
        bid_at: auction.now,
        price: win.candidate.numbers.price,
        currency: auction.market.currency,
        rate: win.candidate.rate,
        rate_day: auction.market.fx.day,
        campaign_currency: campaign.map(|c| c.currency).unwrap_or_default(),
        hold: win.hold.map(|hold| hold.amount).unwrap_or_default(),
        hold_ms: win.hold_ms,
        quantity: i32::try_from(win.quantity).unwrap_or(i32::MAX),
        test: auction.request.test,
        first_price: win.candidate.rule == crate::price::PriceRule::First,
        fee_ppm: u32::try_from(auction.config.fee_ppm).unwrap_or(u32::MAX),
        trial_arm: auction.serving.arm,
        predicted_ctr_ppm: (win.candidate.numbers.click * 1e6).round() as u32,
        device: counted(auction, win, IdScope::Device),
        household: counted(auction, win, IdScope::Household),
        advertiser: campaign
            .filter(|_| auction.facts.user.is_some() && auction.facts.privacy.profile_allowed)
            .map(|campaign| campaign.advertiser),
    }
}

/// The id of a scope, where a cap of the bid counts for it.
fn counted(auction: &Auction<'_>, win: &Win, per: IdScope) -> Option<UserKey> {
    let mut limits = auction.limits(&win.candidate);
    let asked = limits.any(|limit| limit.per == per);
    let person = auction.people.get(per).filter(|_| asked);
    person.map(|person| person.key)
}

/// What seals what a bid's markup is written from later.
struct Sealing<'a> {
    keys: &'a TokenKeys,
    reference: &'a EncodedRef,
    rendering: &'a mut Sealed,
}

impl<'a> Sealing<'a> {
    /// The token for the win notice that fetches the markup, where the exchange does so. One too long for the pixel is
    /// none, and the markup goes into the bid, which OpenRTB lets supersede the notice's.
    fn markup(self, ad: &Filled<'_>, exchange: &ExchangeConfig) -> Option<&'a str> {
        let told = exchange.notices.win || exchange.billing == BillingSignal::Nurl;
        if exchange.markup == MarkupPlace::Bid || !told {
            return None;
        }
        let (id, reference) = (self.reference.bid_id(), self.reference);
        let write = |out: &mut Vec<u8>| ad.write_rendering(out, reference);
        self.keys.seal_rendering(self.rendering, id, write);
        let token = self.rendering.as_str();
        (token.len() <= TOKEN_CHARS_MAX).then_some(token)
    }
}

/// The parts of an address that the exchange's servers call.
type Address<'a> = [&'a str; 9];

/// Those addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Notices<'a> {
    burl: Option<Address<'a>>,
    nurl: Option<Address<'a>>,
    lurl: Option<Address<'a>>,
}

/// One address bills, the others only tell. That of the win fetches the markup where there is a token for it.
fn notices<'a>(
    base: &'a str,
    (token, markup): (&'a str, Option<&'a str>),
    exchange: &'a ExchangeConfig,
) -> Notices<'a> {
    const BILL: &str = "&c=${AUCTION_CURRENCY}&q=${AUCTION_MULTIPLIER}&ts=${AUCTION_IMP_TS}";
    const WIN: &str = "&c=${AUCTION_CURRENCY}&m=${AUCTION_MIN_TO_WIN}";
    const LOSS: &str = "&r=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}";
    let price = exchange.price_macro.as_str();
    let fee = match exchange.supply_fee {
        true => "&f=${SUPPLY_FEE}",
        false => "",
    };
    let (fetch, markup) = markup.map_or(("", ""), |markup| ("&a=", markup));
    let bill = |fetch, markup| {
        [
            base, "/bill?t=", token, "&p=", price, BILL, fee, fetch, markup,
        ]
    };
    let win = [
        base, "/win?t=", token, "&p=", price, WIN, fee, fetch, markup,
    ];
    let loss = [base, "/loss?t=", token, LOSS, "", "", "", "", ""];
    let (burl, nurl) = match exchange.billing {
        BillingSignal::Burl => (Some(bill("", "")), exchange.notices.win.then_some(win)),
        BillingSignal::Nurl => (None, Some(bill(fetch, markup))),
    };
    Notices {
        burl,
        nurl,
        lurl: exchange.notices.loss.then_some(loss),
    }
}

/// Hands one bid over, with the tokens of notices, events and clicks.
fn write_bid(
    auction: &Auction<'_>,
    (win, ad, imp): (&Win, &Ad, &Imp<'_>),
    ([notice, event, click], sealing): ([&str; 3], Sealing<'_>),
    (rng, add): (&mut SplitMix64, &mut dyn FnMut(&Bid<'_>)),
) {
    let creative = ad.creative.as_ref();
    let id = sealing.reference.bid_id();
    let fill = Fill {
        click_token: click,
        event_token: event,
        ..fill(auction, (imp, ad), cachebuster(id))
    };
    let exchange = auction.config.exchanges.get(auction.exchange.0);
    let exchange = exchange.expect("nothing wins without the exchange's configuration");
    let filled = Filled {
        markup: &ad.markup,
        creative,
        shape: fit::shape(imp, ad).expect("the candidate fitted this slot before it won"),
        fill: &fill,
    };
    let markup = sealing.markup(&filled, exchange);
    let adm = match (markup, exchange.native) {
        (Some(_), _) => Adm::OnWin,
        (None, NativeForm::Text) => Adm::Ad(filled),
        (None, NativeForm::Message) => Adm::Message(filled),
    };
    let notices = notices(&auction.config.public_url, (notice, markup), exchange);
    let network = auction.config.skadnetwork.as_ref();
    let skadn = network.and_then(|own| own.answer(imp, creative, (rng, auction.now)));
    let mut texts = (
        [0; BidId::HEX_CHARS],
        itoa::Buffer::new(),
        itoa::Buffer::new(),
    );
    let id = id.write_hex(&mut texts.0);
    let crid = texts.1.format(creative.id.0);
    let (mtype, size, dur_s) = kind(creative);
    let deal = win.candidate.deal.and_then(|at| imp.pmp.deals.get(at));
    let language = creative.language.as_deref();
    let by_tag = !auction.request.wlangb.is_empty();
    let plain = Bid::new(id, imp.id, win.candidate.numbers.price, mtype, adm);
    add(&Bid {
        adid: Some(crid),
        crid,
        cid: texts.2.format(ad.features.campaign.0),
        adomain: &ad.adomain,
        cat: &creative.categories,
        cattax: Some(creative.taxonomy).filter(|_| !creative.categories.is_empty()),
        attr: &ad.attributes,
        iurl: creative.sample_url.as_deref(),
        burl: notices.burl.as_ref().map(<[_; _]>::as_slice),
        nurl: notices.nurl.as_ref().map(<[_; _]>::as_slice),
        lurl: notices.lurl.as_ref().map(<[_; _]>::as_slice),
        w: size.0,
        h: size.1,
        dur_s,
        dealid: deal.map(|deal| deal.id),
        exp_s: u32::try_from(win.hold_ms / 1000).ok(),
        language: language.filter(|_| !by_tag),
        langb: language.filter(|_| by_tag),
        apis: &creative.apis,
        dsa: transparency(auction, win),
        skadn: skadn.as_ref(),
        ..plain
    });
}

/// What the markup is, with its width, height and duration.
fn kind(creative: &Creative) -> (MarkupType, (u32, u32), Option<u32>) {
    match &creative.format {
        CreativeFormat::Banner { width, height, .. } => {
            (MarkupType::Banner, (*width, *height), None)
        }
        CreativeFormat::Video(media) => (MarkupType::Video, media.size(), Some(media.duration_s)),
        CreativeFormat::Audio(media) => (MarkupType::Audio, (0, 0), Some(media.duration_s)),
        CreativeFormat::Native(_) => (MarkupType::Native, (0, 0), None),
    }
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

    /// The addresses for billing, win and loss.
    fn told(exchange: &ExchangeConfig) -> [Option<String>; 3] {
        let found = notices("https://p", ("T", None), exchange);
        [found.burl, found.nurl, found.lurl].map(|parts| parts.map(|parts| parts.concat()))
    }

    #[test]
    fn one_address_bills_whatever_the_exchange_has() {
        let plain = ExchangeConfig::default();
        let usual = told(&plain);
        let expected = [
            "https://p/bill?t=T&p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&q=${AUCTION_MULTIPLIER}&ts=${AUCTION_IMP_TS}",
            "https://p/win?t=T&p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&m=${AUCTION_MIN_TO_WIN}",
            "https://p/loss?t=T&r=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}",
        ];
        assert_eq!(usual, expected.map(|url| Some(url.to_owned())));
        let [burl, nurl, lurl] = told(&ExchangeConfig {
            billing: BillingSignal::Nurl,
            price_macro: "${PRICE_PAID}".into(),
            notices: config::Notices {
                win: false,
                loss: false,
            },
            ..plain.clone()
        });
        let bills = nurl.unwrap();
        assert!(bills.starts_with("https://p/bill?t=T&p=${PRICE_PAID}&"));
        assert_eq!((burl, lurl), (None, None));
        let [burl, nurl, lurl] = told(&ExchangeConfig {
            supply_fee: true,
            ..plain.clone()
        });
        let ends = |url: Option<String>| url.unwrap().ends_with("&f=${SUPPLY_FEE}");
        assert!(ends(burl) && ends(nurl) && !ends(lurl));
        let [burl, nurl, _] = told(&ExchangeConfig {
            notices: config::Notices {
                win: false,
                loss: true,
            },
            ..plain
        });
        assert_eq!((&burl, nurl), (&usual[0], None));
    }
}
