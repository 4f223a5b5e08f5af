//! The auction and what follows from it: rivals, prices, notices, and the user in front of the screen.

use std::time::Duration;

use domain::money::{MICROS_PER_UNIT, Rounding, convert_at};
use domain::random::{SplitMix64, mix};
use domain::{Cpm, Micros, Timestamp};
use serde::Deserialize;

use crate::macros::{Macros, decimal};
use crate::plan::Plan;
use crate::render::{OurHost, Rendered, render};
use crate::traffic::{Auction, Placement, Traffic};
use crate::truth::Truth;
use crate::verdict::Example;

/// Spread of the rivals' log prices around the slot's median.
const RIVAL_SIGMA: f64 = 0.6;
/// Share of auctions in which no rival bids.
const NO_RIVAL_SHARE: f64 = 0.04;
/// The loss reason "lost to higher bid".
const LOST_TO_HIGHER_BID: &str = "102";

/// A bid response, as far as an auction needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BidAnswer {
    bidid: String,
    cur: Option<String>,
    seatbid: Vec<SeatBid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeatBid {
    seat: String,
    bid: Vec<Bid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Bid {
    id: String,
    impid: String,
    price: f64,
    adm: String,
    nurl: Option<String>,
    burl: Option<String>,
    lurl: Option<String>,
    adid: String,
    cid: String,
    crid: String,
}

/// What happens at the pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Win,
    Loss,
    Billing,
    Impression,
    View,
    Click,
    Conversion,
}

impl Kind {
    /// The word in the acks file.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Loss => "loss",
            Self::Billing => "billing",
            Self::Impression => "impression",
            Self::View => "view",
            Self::Click => "click",
            Self::Conversion => "conversion",
        }
    }

    /// Whether the exchange's servers send it, not the user's browser.
    pub(crate) fn is_notice(self) -> bool {
        matches!(self, Self::Win | Self::Loss | Self::Billing)
    }
}

/// A request to the pixel that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    /// Path and query at our host.
    pub(crate) path: String,
    /// Index of the sale it belongs to, within the settlement; none for losses.
    pub(crate) sale: Option<usize>,
    /// Whether it has been sent before.
    pub(crate) repeat: bool,
    /// What the user does after this click.
    pub(crate) purchase: Option<Purchase>,
}

/// A conversion to come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Purchase {
    pub(crate) delay_us: u64,
    pub(crate) order: String,
    pub(crate) value: String,
}

/// What an auction led to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Settlement {
    /// What was sold to us.
    pub(crate) sales: Vec<Example>,
    /// Valid bids that did not win.
    pub(crate) losses: u64,
    /// What follows, with its delay in microseconds.
    pub(crate) events: Vec<(u64, Event)>,
    pub(crate) notices_lost: u64,
    pub(crate) notices_doubled: u64,
    pub(crate) notices_late: u64,
}

/// What an auction is held with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) truth: &'a Truth,
    pub(crate) ours: &'a OurHost,
    pub(crate) traffic: &'a Traffic,
    pub(crate) auction: &'a Auction,
    pub(crate) now: Timestamp,
}

/// A valid bid in the auction, with its price in micros.
struct Candidate<'a> {
    bid: &'a Bid,
    seat: &'a str,
    price: Micros,
}

/// What it costs to be shown, in the bids' currency.
struct Prices {
    paid: Micros,
    min_to_win: Micros,
}

impl BidAnswer {
    /// How many bids there are.
    pub(crate) fn bids(&self) -> u64 {
        self.seatbid.iter().map(|seat| seat.bid.len() as u64).sum()
    }

    fn currency(&self) -> &str {
        self.cur.as_deref().unwrap_or("USD")
    }
}

/// Holds the auction of every impression among rivals and the valid bids of an answer.
pub(crate) fn settle(
    scene: &Scene<'_>,
    answer: &BidAnswer,
    is_valid: impl Fn(&str) -> bool,
) -> Settlement {
    let mut settlement = Settlement::default();
    for (index, placement) in scene.auction.placements.iter().enumerate() {
        let placement = &scene.traffic.placements()[*placement];
        let draws = SplitMix64::new(mix(scene.auction.draws.wrapping_add(index as u64)));
        let mut sale = Sale {
            scene,
            answer,
            placement,
            imp: (index + 1).to_string(),
            rng: draws,
            settlement: &mut settlement,
        };
        let candidates = sale.candidates(&is_valid);
        sale.hold(&candidates);
    }
    settlement
}

/// One impression on its way.
struct Sale<'a> {
    scene: &'a Scene<'a>,
    answer: &'a BidAnswer,
    placement: &'a Placement,
    imp: String,
    rng: SplitMix64,
    settlement: &'a mut Settlement,
}

impl<'a> Sale<'a> {
    /// The valid bids for this impression, dearest first.
    fn candidates(&self, is_valid: &impl Fn(&str) -> bool) -> Vec<Candidate<'a>> {
        let mut candidates: Vec<_> = self
            .answer
            .seatbid
            .iter()
            .flat_map(|seat| seat.bid.iter().map(move |bid| (seat.seat.as_str(), bid)))
            .filter(|(_, bid)| bid.impid == self.imp && is_valid(&bid.id))
            .filter_map(|(seat, bid)| {
                let price = Micros::from_decimal(bid.price)?;
                Some(Candidate { bid, seat, price })
            })
            .collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.price));
        candidates
    }

    fn hold(&mut self, candidates: &[Candidate<'a>]) {
        let rival = self.rival();
        let Some((best, others)) = candidates.split_first() else {
            return;
        };
        let floor = self.in_bid_currency(Micros(self.placement.floor_micros));
        let second = others.first().map_or(Micros::ZERO, |other| other.price);
        let min_to_win = rival.max(floor).max(second);
        if best.price < min_to_win {
            for loser in candidates {
                self.lose(loser, min_to_win);
            }
            return;
        }
        let paid = if self.scene.auction.first_price {
            best.price
        } else {
            min_to_win
        };
        self.win(best, &Prices { paid, min_to_win });
        for loser in others {
            self.lose(loser, best.price);
        }
    }

    /// The best rival's price in the bids' currency; zero when nobody else wants the impression.
    fn rival(&mut self) -> Micros {
        let spread = (RIVAL_SIGMA * self.rng.normal()).exp();
        if self.rng.chance(NO_RIVAL_SHARE) {
            return Micros::ZERO;
        }
        // Rivals bid in whole cents.
        let cents = (self.placement.rival_median * spread * 100.0)
            .round()
            .min(1e6);
        self.in_bid_currency(Micros(cents as i64 * 10_000))
    }

    fn in_bid_currency(&self, usd: Micros) -> Micros {
        let currency = self.answer.currency();
        let mut rates = self.scene.plan.fx.iter();
        let rate = rates
            .find(|(name, _)| name == currency)
            .map_or(MICROS_PER_UNIT, |(_, rate)| *rate);
        convert_at(usd, MICROS_PER_UNIT, rate.max(1), Rounding::Up)
    }

    fn win(&mut self, best: &Candidate<'a>, prices: &Prices) {
        let bid = best.bid;
        let macros = Macros {
            price: decimal(prices.paid.0),
            ratio: format!("{:.4}", prices.paid.0 as f64 / best.price.0.max(1) as f64),
            loss: "0",
            min_to_win: decimal(prices.min_to_win.0),
            ..self.macros(best)
        };
        let creative = format!("{}/{}", bid.cid, bid.crid);
        let user = &self.scene.traffic.users()[self.scene.auction.user];
        let truth = self.scene.truth;
        let click_probability = truth.click_probability(user, self.placement, &creative);
        let conversion_probability = truth.conversion_probability(user, &creative);
        self.settlement.sales.push(Example {
            auction: self.scene.auction.id.clone(),
            imp: self.imp.clone(),
            bid: bid.id.clone(),
            cid: bid.cid.clone(),
            crid: bid.crid.clone(),
            at: self.scene.now,
            cost: Cpm(prices.paid).cost(),
            click_probability,
            clicked: false,
        });
        let shown_us = self.delay(self.scene.plan.habits.render_delay);
        self.notice(Kind::Win, bid.nurl.as_deref(), &macros, 0);
        self.notice(Kind::Billing, bid.burl.as_deref(), &macros, shown_us);
        let rendered = render(&macros.expand(&bid.adm));
        self.look(&rendered, shown_us);
        if self.rng.chance(click_probability) {
            let buys = self.rng.chance(conversion_probability);
            self.click(&rendered, shown_us, buys);
        }
    }

    fn lose(&mut self, loser: &Candidate<'a>, min_to_win: Micros) {
        self.settlement.losses += 1;
        if !self.rng.chance(self.scene.plan.notices.loss_share) {
            return;
        }
        let macros = Macros {
            loss: LOST_TO_HIGHER_BID,
            min_to_win: decimal(min_to_win.0),
            ..self.macros(loser)
        };
        self.notice(Kind::Loss, loser.bid.lurl.as_deref(), &macros, 0);
    }

    fn macros(&self, candidate: &Candidate<'a>) -> Macros<'a> {
        Macros {
            auction_id: &self.scene.auction.id,
            response_id: &self.answer.bidid,
            imp_id: &candidate.bid.impid,
            seat: candidate.seat,
            ad_id: &candidate.bid.adid,
            currency: self.answer.currency(),
            ..Macros::default()
        }
    }

    /// Plans a notice of the exchange's servers, with everything that befalls such notices.
    fn notice(&mut self, kind: Kind, url: Option<&str>, macros: &Macros<'_>, after_us: u64) {
        let fates = &self.scene.plan.notices;
        let Some(url) = url.map(|url| macros.expand(url)) else {
            return;
        };
        if self.rng.chance(fates.lost_share) {
            self.settlement.notices_lost += 1;
            return;
        }
        let mut due_us = after_us + self.delay(fates.delay_mean);
        if self.rng.chance(fates.late_share) {
            self.settlement.notices_late += 1;
            due_us += scaled(fates.late_delay, 0.5 + 1.5 * self.rng.unit());
        }
        self.settlement.notices_doubled += u64::from(self.send(kind, &url, due_us, None));
    }

    /// The impression and, mostly, its being seen.
    fn look(&mut self, rendered: &Rendered, shown_us: u64) {
        for url in &rendered.impressions {
            self.send(Kind::Impression, url, shown_us, None);
        }
        let habits = &self.scene.plan.habits;
        if self.rng.chance(habits.view_share) {
            let seen_us = shown_us + self.delay(habits.view_delay);
            for url in &rendered.views {
                self.send(Kind::View, url, seen_us, None);
            }
        }
    }

    fn click(&mut self, rendered: &Rendered, shown_us: u64, buys: bool) {
        let habits = &self.scene.plan.habits;
        let clicked_us = shown_us + self.delay(habits.click_delay);
        let purchase = Purchase {
            delay_us: self.delay(habits.conversion_delay),
            order: format!("{}-{}", self.scene.auction.id, self.imp),
            value: format!("{}.{:02}", 5 + self.rng.below(120), self.rng.below(100)),
        };
        for url in rendered
            .clicks
            .iter()
            .take(1)
            .chain(&rendered.click_trackers)
        {
            let purchase = buys.then(|| purchase.clone());
            self.send(Kind::Click, url, clicked_us, purchase);
        }
    }

    /// Plans one request, now and then twice; anybody else's URL is not requested. Says whether it was doubled.
    fn send(&mut self, kind: Kind, url: &str, due_us: u64, purchase: Option<Purchase>) -> bool {
        let doubled = self.rng.chance(self.scene.plan.notices.doubled_share);
        let again_us = due_us + self.delay(self.scene.plan.notices.delay_mean * 2);
        let Some(path) = self.scene.ours.path_of(url) else {
            return false;
        };
        let event = Event {
            kind,
            path: path.to_owned(),
            sale: (kind != Kind::Loss).then(|| self.settlement.sales.len() - 1),
            repeat: false,
            purchase,
        };
        if doubled {
            let again = Event {
                repeat: true,
                purchase: None,
                ..event.clone()
            };
            self.settlement.events.push((again_us, again));
        }
        self.settlement.events.push((due_us, event));
        doubled
    }

    /// An exponential delay cut at five means, in microseconds.
    fn delay(&mut self, mean: Duration) -> u64 {
        scaled(mean, self.rng.exponential(1.0).min(5.0))
    }
}

fn scaled(duration: Duration, factor: f64) -> u64 {
    (duration.as_secs_f64() * factor * 1e6) as u64
}

/// The address of the conversion pixel that a landing page fires: the click's redirect names the token.
pub(crate) fn conversion_path(
    ours: &OurHost,
    location: &str,
    purchase: &Purchase,
) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    let query = query.split('#').next()?;
    let token = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("paceline_t="))?;
    Some(format!(
        "{}/conv?t={token}&name=purchase&order={}&value={}",
        ours.base, purchase.order, purchase.value
    ))
}

#[cfg(test)]
mod tests;
