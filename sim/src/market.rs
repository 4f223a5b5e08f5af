//! The exchanges: who wins at what price, which notices are told when, and what they must come to.

use std::collections::BTreeMap;

use domain::random::SplitMix64;
use domain::report::Counters;
use domain::{CampaignId, EventId, Micros};
use pixel::HitKind;
use serde_json::Value;

use crate::faults::{Odds, below};
use crate::workload::{LATENESS_MS, PIXEL_URL, Request, decimal};

/// Most conversions that one click leads to.
const CONVERSIONS_MAX: u64 = 2;

/// A bid that was answered.
#[derive(Debug)]
pub(crate) struct Placed {
    /// Whose money it is.
    pub(crate) campaign: CampaignId,
    /// Its price in micros of CPM.
    pub(crate) price: i64,
    /// How long its money waits, in milliseconds.
    pub(crate) hold_ms: i64,
    exchange: usize,
    test: bool,
}

/// One call to the pixel.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// The position of the bid.
    pub(crate) bid: usize,
    /// What it tells.
    pub(crate) kind: HitKind,
    /// The path.
    pub(crate) path: String,
    /// The query, its macros filled in.
    pub(crate) query: String,
    /// The price that must be booked, in micros of CPM.
    pub(crate) price: i64,
    /// The exchange it comes from.
    pub(crate) exchange: usize,
    /// How often it has been refused.
    pub(crate) tries: u32,
    /// Tells one bid's conversions apart.
    pub(crate) order: u64,
}

/// What identifies an event to the market, without the product's ids.
pub(crate) type Key = (usize, HitKind, u64);

/// All exchanges and what they know.
#[derive(Debug, Default)]
pub(crate) struct Market {
    /// Every bid of the run.
    pub(crate) placed: Vec<Placed>,
    /// How high rivals bid usually and now, in thousandths, by exchange.
    levels: [i64; 3],
    rivals: [i64; 3],
    odds: Odds,
    /// What stands in the log, with the price of its first record.
    landed: BTreeMap<Key, i64>,
    /// The id that the pixel gave each event.
    ids: BTreeMap<Key, EventId>,
    /// What was answered with success.
    acknowledged: BTreeMap<EventId, Key>,
}

impl Market {
    /// Exchanges with prices of their own.
    pub(crate) fn new(rng: &mut SplitMix64, odds: Odds) -> Self {
        let levels = [(); 3].map(|()| 500 + below(rng, 3_000));
        Self {
            levels,
            rivals: levels,
            odds,
            ..Self::default()
        }
    }

    /// Moves an exchange's prices to so many thousandths of their usual level.
    pub(crate) fn move_prices(&mut self, exchange: usize, to: i64) {
        if let (Some(rivals), Some(level)) =
            (self.rivals.get_mut(exchange), self.levels.get(exchange))
        {
            *rivals = level * to / 1_000;
        }
    }

    /// Sells one impression to or from our bid; the notices that follow, with their delays in milliseconds.
    pub(crate) fn sell(
        &mut self,
        rng: &mut SplitMix64,
        request: &Request,
        bid: &Value,
    ) -> Option<Vec<(i64, Notice)>> {
        let price = (bid["price"].as_f64()? * 1e6).round() as i64;
        let number = self.placed.len();
        let placed = Placed {
            campaign: CampaignId(bid["cid"].as_str()?.parse().ok()?),
            price,
            hold_ms: bid["exp"].as_i64()? * 1000,
            exchange: request.exchange,
            test: request.test,
        };
        let usual = 1_000_000.0 + rng.exponential(2_500_000.0);
        let scale = self.rivals.get(request.exchange).copied().unwrap_or(1_000);
        let rival = (usual * scale as f64 / 1_000.0) as i64;
        let won = price > rival;
        let clearing = if request.first_price {
            price
        } else {
            rival.max(request.floor).min(price)
        };
        let notices = if won {
            self.won(rng, (number, &placed), clearing, bid)?
        } else {
            self.lost(rng, (number, &placed), rival, bid)?
        };
        self.placed.push(placed);
        Some(self.spoil(rng, notices))
    }

    fn won(
        &self,
        rng: &mut SplitMix64,
        (number, placed): (usize, &Placed),
        clearing: i64,
        bid: &Value,
    ) -> Option<Vec<(i64, Notice)>> {
        let win_at = 20 + below(rng, 300);
        let shown_at = win_at + below(rng, placed.hold_ms * 2 / 5);
        let billed_at = shown_at + 10 + below(rng, placed.hold_ms * 2 / 5);
        let (told, booked) = self.price(rng, placed.price, clearing);
        let notice = |url: &str, kind| {
            let url = url.replace("${AUCTION_PRICE}", &told);
            notice(&url, (number, placed), (kind, booked))
        };
        let mut notices = vec![
            (win_at, notice(bid["nurl"].as_str()?, HitKind::Win)?),
            (billed_at, notice(bid["burl"].as_str()?, HitKind::Billing)?),
        ];
        for url in addresses(bid["adm"].as_str()?) {
            if url.contains("/imp?") {
                notices.push((shown_at, notice(url, HitKind::Impression)?));
            } else if url.contains("/click?") && rng.chance(0.1) {
                let clicked_at = shown_at + 200 + below(rng, 3_000);
                notices.push((clicked_at, notice(url, HitKind::Click)?));
            }
        }
        Some(notices)
    }

    fn lost(
        &self,
        rng: &mut SplitMix64,
        (number, placed): (usize, &Placed),
        rival: i64,
        bid: &Value,
    ) -> Option<Vec<(i64, Notice)>> {
        // The second exchange sends no loss notices.
        if placed.exchange == 1 {
            return Some(Vec::new());
        }
        let url = bid["lurl"].as_str()?;
        let url = url
            .replace("${AUCTION_LOSS}", "102")
            .replace("${AUCTION_MIN_TO_WIN}", &decimal(rival));
        let at = 20 + below(rng, 500);
        Some(vec![(
            at,
            notice(&url, (number, placed), (HitKind::Loss, 0))?,
        )])
    }

    /// What a notice says of the price, and what that comes to.
    fn price(&self, rng: &mut SplitMix64, bid: i64, clearing: i64) -> (String, i64) {
        if !rng.chance(self.odds.odd_price) {
            return (decimal(clearing), clearing);
        }
        match rng.below(3) {
            0 => ("${AUCTION_PRICE}".to_owned(), 0),
            1 => (String::new(), 0),
            _ => (decimal(bid * 3), bid),
        }
    }

    /// Loses, delays and repeats.
    fn spoil(&self, rng: &mut SplitMix64, notices: Vec<(i64, Notice)>) -> Vec<(i64, Notice)> {
        let mut out = Vec::with_capacity(notices.len());
        for (mut delay, notice) in notices {
            let hold_ms = self.placed.get(notice.bid).map_or(3_000, |bid| bid.hold_ms);
            if rng.chance(self.odds.late) {
                delay += hold_ms + below(rng, LATENESS_MS * 4);
            }
            if rng.chance(self.odds.doubled) {
                let mut again = notice.clone();
                if rng.chance(self.odds.odd_price) && !again.query.contains('$') {
                    again.price /= 2;
                    again.query = reprice(&again);
                }
                out.push((delay + below(rng, 4_000), again));
            }
            if !rng.chance(self.odds.lost) {
                out.push((delay, notice));
            }
        }
        out
    }

    /// The conversions that a click leads to: `target` is where its redirect points.
    pub(crate) fn after_click(
        &self,
        rng: &mut SplitMix64,
        click: &Notice,
        target: &str,
    ) -> Vec<(i64, Notice)> {
        let Some((_, token)) = target.split_once("paceline_t=") else {
            return Vec::new();
        };
        let conversion = |order: u64| Notice {
            kind: HitKind::Conversion,
            path: "/conv".to_owned(),
            query: format!("t={token}&name=order&order={order}&value=3.5"),
            order,
            tries: 0,
            ..click.clone()
        };
        let orders = 1..=rng.below(CONVERSIONS_MAX + 1);
        orders
            .map(|order| (below(rng, 5_000), conversion(order)))
            .collect()
    }

    /// Notes that an event's record stands in the log, acknowledged or not.
    pub(crate) fn landed(&mut self, notice: &Notice) {
        self.landed.entry(key(notice)).or_insert(notice.price);
    }

    /// Notes that the pixel answered success.
    ///
    /// # Errors
    /// When the event's id is not one event's, or nothing of it stands in the log.
    pub(crate) fn acknowledged(&mut self, notice: &Notice, id: EventId) -> Result<(), String> {
        let key = key(notice);
        let known = *self.ids.entry(key).or_insert(id);
        let owner = *self.acknowledged.entry(id).or_insert(key);
        if known != id || owner != key {
            return Err(format!("{key:?} and {owner:?} share ids {id} and {known}"));
        }
        if !self.landed.contains_key(&key) {
            return Err(format!(
                "{key:?} was acknowledged, but is not in the log at all"
            ));
        }
        Ok(())
    }

    /// Every id that was answered with success.
    pub(crate) fn acknowledged_ids(&self) -> impl Iterator<Item = EventId> {
        self.acknowledged.keys().copied()
    }

    /// What each campaign must come to, counted from what stands in the log. `cost` is a bid's cost by its
    /// campaign and its price in micros of CPM.
    pub(crate) fn expected(
        &self,
        cost: impl Fn(CampaignId, i64) -> Micros,
    ) -> BTreeMap<CampaignId, Counters> {
        let mut all: BTreeMap<CampaignId, Counters> = BTreeMap::new();
        for ((bid, kind, _), price) in &self.landed {
            let Some(placed) = self.placed.get(*bid).filter(|placed| !placed.test) else {
                continue;
            };
            let counters = all.entry(placed.campaign).or_default();
            match kind {
                HitKind::Win => counters.wins += 1,
                HitKind::Impression => counters.impressions += 1,
                HitKind::Click => counters.clicks += 1,
                HitKind::Conversion => counters.conversions += 1,
                HitKind::Billing => {
                    counters.billed += 1;
                    counters.spend += cost(placed.campaign, *price);
                }
                HitKind::Loss | HitKind::View | HitKind::Playback | HitKind::Segment => {}
            }
        }
        all
    }
}

fn key(notice: &Notice) -> Key {
    (notice.bid, notice.kind, notice.order)
}

fn notice(
    url: &str,
    (number, placed): (usize, &Placed),
    (kind, price): (HitKind, i64),
) -> Option<Notice> {
    let (path, query) = url.strip_prefix(PIXEL_URL)?.split_once('?')?;
    Some(Notice {
        bid: number,
        kind,
        path: path.to_owned(),
        query: query.to_owned(),
        price,
        exchange: placed.exchange,
        tries: 0,
        order: 0,
    })
}

/// The query with the notice's own price instead of the one it has.
fn reprice(notice: &Notice) -> String {
    match notice.query.rsplit_once("&p=") {
        Some((rest, old)) if !old.is_empty() => format!("{rest}&p={}", decimal(notice.price)),
        _ => notice.query.clone(),
    }
}

/// The pixel's addresses in markup.
fn addresses(markup: &str) -> impl Iterator<Item = &str> {
    markup.split('"').filter(|part| part.starts_with(PIXEL_URL))
}
