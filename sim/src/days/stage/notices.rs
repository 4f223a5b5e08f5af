//! From a bid to what is told of it: who wins, which notices come when, and what the pixel makes of them.

use std::borrow::Cow;
use std::sync::Arc;

use domain::random::{SplitMix64, mix};
use domain::{BidId, Timestamp};
use event_log::EventLog;
use parking_lot::Mutex;
use pixel::{Answer, Hit, HitKind, Method, Offer, Verdict};
use serde::Deserialize;

use super::Stage;
use crate::days::browsing::View;
use crate::days::rivals;
use crate::days::sales::Sale;
use crate::days::truth::DELAY_MEAN_MS;
use crate::workload::{PIXEL_URL, decimal};

/// The share of bills that never come, of those that come after their hold time, and of wins that are never shown.
const LOST: f64 = 0.004;
const LATE: f64 = 0.01;
const UNSEEN: f64 = 0.02;
/// How much later than usual a late bill is, at the least and on average besides, in milliseconds.
const LATE_MS: f64 = 150_000.0;
/// A click comes this long after its impression on average, in milliseconds.
const CLICK_MEAN_MS: f64 = 6_000.0;

/// One call to the pixel.
#[derive(Debug)]
pub(super) struct Notice {
    sale: usize,
    kind: HitKind,
    path: String,
    query: String,
    /// Of a click: when its purchase follows, if one does.
    purchase_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    seatbid: Vec<Seat<'a>>,
}

#[derive(Deserialize)]
struct Seat<'a> {
    #[serde(borrow)]
    bid: Vec<BidOffer<'a>>,
}

/// A bid as it was answered.
#[derive(Deserialize)]
pub(super) struct BidOffer<'a> {
    id: &'a str,
    price: f64,
    #[serde(borrow)]
    crid: Cow<'a, str>,
    #[serde(borrow)]
    adm: Cow<'a, str>,
    #[serde(borrow)]
    burl: Cow<'a, str>,
    #[serde(borrow, default)]
    nurl: Cow<'a, str>,
    #[serde(borrow, default)]
    lurl: Cow<'a, str>,
}

/// The bids of an answer.
pub(super) fn offers(answer: &[u8]) -> Result<Vec<OwnedOffer>, String> {
    let response: Response<'_> = serde_json::from_slice(answer).map_err(super::told)?;
    let bids = response.seatbid.into_iter().flat_map(|seat| seat.bid);
    bids.map(OwnedOffer::new).collect()
}

/// What is needed of a bid once the answer's buffer is gone.
pub(super) struct OwnedOffer {
    id: BidId,
    /// In micros of CPM.
    price: i64,
    creative: String,
    shown: Option<String>,
    click: Option<String>,
    bill: String,
    win: String,
    loss: String,
}

impl OwnedOffer {
    fn new(bid: BidOffer<'_>) -> Result<Self, String> {
        let link = |wanted: &str| {
            let mut links = bid
                .adm
                .split('"')
                .filter(|part| part.starts_with(PIXEL_URL));
            links.find(|part| part.contains(wanted)).map(str::to_owned)
        };
        Ok(Self {
            id: BidId::from_hex(bid.id).ok_or("a bid's id is not of ours")?,
            price: (bid.price * 1e6).round() as i64,
            shown: link("/imp?"),
            click: link("/click?"),
            creative: bid.crid.into_owned(),
            bill: bid.burl.into_owned(),
            win: bid.nurl.into_owned(),
            loss: bid.lurl.into_owned(),
        })
    }
}

impl Stage {
    /// Sells a view to our bid or to a rival.
    pub(super) fn sell(
        &mut self,
        view: &View,
        (of_view, rival): (f64, i64),
        offer: &OwnedOffer,
    ) -> Result<(), String> {
        let mut rng = SplitMix64::new(mix(view.draws ^ 0x6e6f_7469));
        if offer.price <= rival {
            if !offer.loss.is_empty() {
                let url = offer
                    .loss
                    .replace("${AUCTION_LOSS}", "102")
                    .replace("${AUCTION_MIN_TO_WIN}", &decimal(rival));
                self.send(
                    view.at.plus_ms(120),
                    (usize::MAX, HitKind::Loss),
                    (&url, None),
                )?;
            }
            return Ok(());
        }
        let item = self
            .catalogue
            .place_of(&offer.creative)
            .ok_or("an ad of nobody")?;
        let campaign = self.catalogue.items[item].campaign;
        let user = &self.world.users[view.user];
        let mut sale = Sale::new(view, (user.device, user.country), (campaign, item));
        let price = if view.first_price() {
            offer.price
        } else {
            rivals::cost(view, rival).min(offer.price)
        };
        sale.cost = (price + 500) / 1_000;
        sale.true_click = self.truth.click((&self.world, view), of_view, item) as f32;
        sale.true_conversion = self.truth.conversion((&self.world, view), item) as f32;
        let number = self.played.sales.len();
        self.awaited.insert(offer.id, number);
        self.played.sales.push(sale);
        self.tell(view, number, (offer, price), &mut rng)
    }

    /// Sends what is told of a sale. All is drawn in one order, whatever is sent of it.
    fn tell(
        &mut self,
        view: &View,
        sale: usize,
        (offer, price): (&OwnedOffer, i64),
        rng: &mut SplitMix64,
    ) -> Result<(), String> {
        let told = |url: &str| url.replace("${AUCTION_PRICE}", &decimal(price));
        let (lost, late, unseen) = (rng.chance(LOST), rng.chance(LATE), rng.chance(UNSEEN));
        let shown_at = view.at.plus_ms(300 + rng.below(2_000) as i64);
        let usual = 400 + rng.below(4_000) as i64;
        let much_later = (LATE_MS + rng.exponential(LATE_MS)) as i64;
        let clicked_at = shown_at.plus_ms(500 + rng.exponential(CLICK_MEAN_MS) as i64);
        let (click, purchase) = (rng.unit(), rng.unit());
        let delay = rng.exponential(DELAY_MEAN_MS) as i64;
        if !offer.win.is_empty() {
            self.send(
                view.at.plus_ms(100),
                (sale, HitKind::Win),
                (&told(&offer.win), None),
            )?;
        }
        self.played.notices_lost += u64::from(lost);
        self.played.notices_late += u64::from(late && !lost);
        if !lost {
            let billed_at = shown_at.plus_ms(if late { much_later } else { usual });
            self.send(
                billed_at,
                (sale, HitKind::Billing),
                (&told(&offer.bill), None),
            )?;
        }
        if unseen {
            return Ok(());
        }
        let (Some(shown), Some(link)) = (&offer.shown, &offer.click) else {
            return Err("markup without an address of ours".to_owned());
        };
        self.send(shown_at, (sale, HitKind::Impression), (shown, None))?;
        let truth = self.played.sales[sale];
        if click < f64::from(truth.true_click) {
            let purchase = (purchase < f64::from(truth.true_conversion)).then_some(delay);
            self.send(clicked_at, (sale, HitKind::Click), (link, purchase))?;
        }
        Ok(())
    }

    fn send(
        &mut self,
        at: Timestamp,
        (sale, kind): (usize, HitKind),
        (url, purchase_ms): (&str, Option<i64>),
    ) -> Result<(), String> {
        let parts = url
            .strip_prefix(PIXEL_URL)
            .and_then(|rest| rest.split_once('?'));
        let (path, query) = parts.ok_or_else(|| format!("{url} is no address of the pixel"))?;
        self.sequence += 1;
        let notice = Notice {
            sale,
            kind,
            path: path.to_owned(),
            query: query.to_owned(),
            purchase_ms,
        };
        self.queue.insert((at, self.sequence), notice);
        Ok(())
    }

    /// One hit of the pixel.
    pub(super) fn hear(&mut self, notice: &Notice, now: Timestamp) -> Result<(), String> {
        let hit = Hit {
            method: Method::Get,
            path: &notice.path,
            query: &notice.query,
            looks_ahead: false,
        };
        let decision = self.pixel.hit(hit, now);
        let Verdict::Append(offer) = &decision.verdict else {
            return Err(format!(
                "the pixel refuses a {:?}: {:?}",
                notice.kind, decision.verdict
            ));
        };
        self.append(offer)?;
        let Some(sale) = self.played.sales.get_mut(notice.sale) else {
            return Ok(());
        };
        let past = &mut self.pasts[usize::from(sale.item)];
        match notice.kind {
            HitKind::Billing => sale.billed = true,
            HitKind::Impression => {
                sale.shown = true;
                past.impressions += 1;
            }
            HitKind::Click => {
                sale.clicked = true;
                past.clicks += 1;
                self.clicked.push((now, notice.sale));
            }
            HitKind::Conversion => sale.converted = true,
            HitKind::Win | HitKind::Loss | HitKind::View | HitKind::Playback | HitKind::Segment => {
            }
        }
        if let (Some(delay), Answer::Redirect(target)) = (notice.purchase_ms, &decision.answer) {
            let token = target.split_once("paceline_t=").map(|(_, token)| token);
            let token = token.ok_or("a click's target has no token")?;
            let url = format!("{PIXEL_URL}/conv?t={token}&name=order&order=1&value=3.5");
            self.send(
                now.plus_ms(delay),
                (notice.sale, HitKind::Conversion),
                (&url, None),
            )?;
        }
        Ok(())
    }

    fn append(&mut self, offer: &Offer) -> Result<(), String> {
        let result = Arc::new(Mutex::new(false));
        let taken = Arc::clone(&result);
        let acknowledge = Box::new(move |appended: Result<_, _>| *taken.lock() = appended.is_ok());
        self.log
            .append(offer.topic, vec![offer.record()], acknowledge);
        if !*result.lock() {
            return Err("the log refuses an event".to_owned());
        }
        self.pixel.acknowledged(offer.id);
        Ok(())
    }
}
