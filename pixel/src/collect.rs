//! The story of one hit, start to end: what it is, whether it counts, which event it becomes, what is answered.

use std::borrow::Cow;

use domain::limits::{FIELD_BYTES_MAX, NOTICE_AGE_MS_MAX, PIXEL_URL_BYTES_MAX};
use domain::targeting::value::is_segment_name;
use domain::{EventId, Micros, Timestamp};
use event_log::{Record, Topic};
use prost::Message;
use proto::event::{
    self, BidRef, Billing, Click, Conversion, Event, Impression, Kind, Loss, Playback,
    PlaybackStep, SegmentEntry, View, Win,
};
use proto::token::{Purpose, TokenKeys};

use crate::dedupe::Seen;
use crate::landing;
use crate::markup::{self, Fetch};
use crate::price::{self, Price, PriceKeys, Told};
use crate::query::{parameter, truncate};
use crate::verify::{self, HitKind, Reject};

/// Highest value of one conversion, in units of the advertiser's currency: a browser can claim anything, and
/// sums over millions of conversions must stay far from the end of 64 bits.
pub const CONVERSION_UNITS_MAX: i64 = 1_000_000;
/// Highest error code of VAST.
const VAST_ERROR_MAX: u32 = 999;
/// Highest price to win that is believed, in units per mille.
const MIN_TO_WIN_UNITS_MAX: i64 = 1_000_000;

/// An HTTP method as far as the pixel tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Counts.
    Get,
    /// Counts; the body is ignored.
    Post,
    /// Is answered and never counts.
    Head,
    /// Is refused.
    Other,
}

/// What came in.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'a> {
    /// The method.
    pub method: Method,
    /// The path, as sent.
    pub path: &'a str,
    /// The query without its question mark, as sent.
    pub query: &'a str,
    /// Whether the browser says that it only prefetches or prerenders.
    pub looks_ahead: bool,
}

/// What goes out.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// 200 with a transparent pixel.
    Gif,
    /// 204.
    NoContent,
    /// 302 to this address.
    Redirect(String),
    /// 200 with the markup of the bid.
    Markup(Box<Fetch>),
    /// 410: the markup of this bid is not to be had, and will not be.
    Gone,
    /// 404: no such path.
    NotFound,
    /// 405: a method that has no meaning here.
    MethodNotAllowed,
    /// 414: longer than any URL of ours.
    TooLong,
}

/// An event to append before success may be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The event's id.
    pub id: EventId,
    /// Where it goes.
    pub topic: Topic,
    /// Chooses the partition.
    pub key: Vec<u8>,
    /// What happened.
    pub event: Event,
    /// What a win or billing notice said of its price.
    pub price: Option<Price>,
}

impl Offer {
    /// The record for the log.
    pub fn record(&self) -> Record {
        Record {
            key: self.key.clone(),
            payload: self.event.encode_to_vec(),
        }
    }
}

/// What becomes of a hit.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A first sighting: append it, and answer success only once that is acknowledged.
    Append(Box<Offer>),
    /// The log has this event already: the same answer, nothing to append.
    Repeat(EventId),
    /// It counts for nothing, and the answer does not show it.
    Rejected(Reject),
    /// Not a hit at all.
    NoHit,
}

/// The decision on one hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What it tells; `None` for an unknown path.
    pub kind: Option<HitKind>,
    /// What is answered, where an event is to be appended after its acknowledgement.
    pub answer: Answer,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// Decides hits. Synchronous and without a clock, so that the simulation drives the same code as the server.
#[derive(Debug)]
pub struct PixelCore {
    keys: TokenKeys,
    region: String,
    price_keys: PriceKeys,
    seen: Seen,
}

impl PixelCore {
    /// `keys` open the tokens, `region` is written into events, about `seen_ids_max` event ids are remembered.
    pub fn new(keys: TokenKeys, region: &str, seen_ids_max: usize) -> Self {
        Self {
            keys,
            region: region.to_owned(),
            price_keys: PriceKeys::new(),
            seen: Seen::new(seen_ids_max),
        }
    }

    /// Believes only sealed prices of the exchanges that have keys here.
    #[must_use]
    pub fn with_price_keys(self, price_keys: PriceKeys) -> Self {
        Self { price_keys, ..self }
    }

    /// Decides one hit.
    pub fn hit(&self, hit: Hit<'_>, now: Timestamp) -> Decision {
        let kind = HitKind::from_path(hit.path);
        let (answer, verdict) = match kind {
            _ if hit.path.len() + hit.query.len() > PIXEL_URL_BYTES_MAX => {
                (Answer::TooLong, Verdict::NoHit)
            }
            None => (Answer::NotFound, Verdict::NoHit),
            Some(_) if hit.method == Method::Other => (Answer::MethodNotAllowed, Verdict::NoHit),
            Some(kind) => self.judge(kind, hit, now),
        };
        Decision {
            kind,
            answer,
            verdict,
        }
    }

    /// Notes that the log has acknowledged an event, so that its repeats are not appended.
    pub fn acknowledged(&self, id: EventId) {
        self.seen.insert(id);
    }

    fn judge(&self, kind: HitKind, hit: Hit<'_>, now: Timestamp) -> (Answer, Verdict) {
        let token = parameter(hit.query, "t");
        let reference = match verify::check(&self.keys, kind, token.as_deref(), now) {
            Ok(reference) => reference,
            Err(Reject::TooOld) if fetched(kind, hit.query).is_some() => {
                return (Answer::Gone, Verdict::Rejected(Reject::TooOld));
            }
            Err(reject) => return (plain_answer(kind), Verdict::Rejected(reject)),
        };
        let (answer, reference) = match self.answer(kind, hit.query, reference) {
            Ok(answer) => answer,
            Err(reject) => return (Answer::NoContent, Verdict::Rejected(reject)),
        };
        let verdict = match uncounted(kind, hit, &reference) {
            Some(reject) => Verdict::Rejected(reject),
            None => self.offer(kind, hit.query, reference, now),
        };
        (answer, verdict)
    }

    /// The answer to a believed hit, and its reference as events carry it: without the landing page.
    fn answer(
        &self,
        kind: HitKind,
        query: &str,
        mut reference: BidRef,
    ) -> Result<(Answer, BidRef), Reject> {
        let page = std::mem::take(&mut reference.landing);
        if let Some(token) = fetched(kind, query) {
            let fetch = Fetch::read(&self.keys, (query, &token), &reference);
            let answer = fetch.map_or(Answer::Gone, |fetch| Answer::Markup(Box::new(fetch)));
            return Ok((answer, reference));
        }
        if kind != HitKind::Click {
            return Ok((plain_answer(kind), reference));
        }
        // The player of another ad server's VAST follows that ad's own link: here it only tells.
        if parameter(query, "r").as_deref() == Some("0") {
            return Ok((Answer::Gif, reference));
        }
        // The same reference under the same purpose as the bid's own event token, so also the same bytes:
        // the token's nonce, made of the bid id, never meets another plaintext.
        let token = self.keys.seal(&reference, Purpose::Conversion);
        let target = landing::target(&page, &token).ok_or(Reject::Landing)?;
        Ok((Answer::Redirect(target), reference))
    }

    fn told_price(&self, kind: HitKind, query: &str, reference: &BidRef) -> Option<Price> {
        if !matches!(kind, HitKind::Win | HitKind::Billing) {
            return None;
        }
        let told = Told {
            price: &parameter(query, "p").unwrap_or_default(),
            currency: &parameter(query, "c").unwrap_or_default(),
        };
        let keys = self.price_keys.get(&reference.exchange);
        Some(Price::read(told, reference, keys))
    }

    fn offer(&self, kind: HitKind, query: &str, reference: BidRef, now: Timestamp) -> Verdict {
        let id = happening_id(kind, query, &reference, now);
        if self.seen.contains(id) {
            return Verdict::Repeat(id);
        }
        let (topic, key) = if kind.is_notice() {
            (Topic::Billing, event::campaign_partition_key(&reference))
        } else {
            (Topic::UserEvents, event::user_partition_key(&reference))
        };
        let price = self.told_price(kind, query, &reference);
        let happened = happening(kind, query, (reference, price), now);
        Verdict::Append(Box::new(Offer {
            id,
            topic,
            key,
            event: event::event(id, &self.region, now, happened),
            price,
        }))
    }
}

/// The answer that shows nothing: what an honest hit gets, and for clicks no redirect.
fn plain_answer(kind: HitKind) -> Answer {
    match kind {
        HitKind::Impression
        | HitKind::View
        | HitKind::Conversion
        | HitKind::Playback
        | HitKind::Segment => Answer::Gif,
        HitKind::Win | HitKind::Loss | HitKind::Billing | HitKind::Click => Answer::NoContent,
    }
}

/// The token of the markup that a notice fetches.
fn fetched(kind: HitKind, query: &str) -> Option<Cow<'_, str>> {
    let is_sale = matches!(kind, HitKind::Win | HitKind::Billing);
    is_sale
        .then(|| parameter(query, markup::PARAMETER))
        .flatten()
}

/// Why a hit with a good token does not count.
fn uncounted(kind: HitKind, hit: Hit<'_>, reference: &BidRef) -> Option<Reject> {
    if hit.method == Method::Head {
        Some(Reject::Head)
    } else if reference.test {
        Some(Reject::Test)
    } else if hit.looks_ahead && !kind.is_notice() {
        Some(Reject::Prefetch)
    } else if kind == HitKind::Playback && step(hit.query).is_none() {
        Some(Reject::Step)
    } else if kind == HitKind::Segment {
        unentered(hit.query, reference)
    } else {
        None
    }
}

/// Why a user comes into no segment. Only where a profile may be kept does a token name the advertiser.
fn unentered(query: &str, reference: &BidRef) -> Option<Reject> {
    if reference.advertiser == 0 || reference.user_key().is_none() {
        return Some(Reject::Profile);
    }
    let name = parameter(query, "s").unwrap_or_default();
    (!is_segment_name(&name)).then_some(Reject::Name)
}

/// How far a video or audio ad says that it was played.
fn step(query: &str) -> Option<PlaybackStep> {
    PlaybackStep::from_word(&parameter(query, "e")?)
}

/// Entries into segments are told apart by user, advertiser, name and hour; all else by its bid.
fn happening_id(kind: HitKind, query: &str, reference: &BidRef, now: Timestamp) -> EventId {
    match (kind, reference.user_key()) {
        (HitKind::Segment, Some(user)) => {
            event::segment_event_id(user, reference.advertiser, &field(query, "s"), now)
        }
        _ => event::event_id(reference.id(), kind.id_kind(), &discriminator(kind, query)),
    }
}

/// Conversions of one bid are told apart by name and order; the length keeps `ab` + `c` from `a` + `bc`. Playback is
/// by its step.
fn discriminator(kind: HitKind, query: &str) -> Vec<u8> {
    if kind == HitKind::Playback {
        let step = step(query).unwrap_or_default() as u8;
        return vec![step];
    }
    if kind != HitKind::Conversion {
        return Vec::new();
    }
    let name = parameter(query, "name").unwrap_or_default();
    let order = parameter(query, "order").unwrap_or_default();
    let mut bytes = (name.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(order.as_bytes());
    bytes
}

/// The impressions that a purchase turned out to be (`${AUCTION_MULTIPLIER}`), never more than were bid on; those
/// where the exchange does not say. A started impression counts whole, as it did when the bid was made.
fn confirmed_quantity(query: &str, reference: &BidRef) -> i32 {
    let told = parameter(query, "q").and_then(|text| price::told_decimal(&text));
    match told {
        Some(told) if told > 0.0 && told < f64::from(reference.quantity) => told.ceil() as i32,
        _ => reference.quantity,
    }
}

/// When the exchange says that the impression was shown; 0 where it says nothing that can be true.
fn shown_at_ms(query: &str, now: Timestamp) -> i64 {
    let told = parameter(query, "ts").and_then(|text| text.trim().parse().ok());
    let told = told.filter(|at_ms| {
        let age_ms = now.since(Timestamp(*at_ms));
        (-verify::FUTURE_MS_MAX..=NOTICE_AGE_MS_MAX).contains(&age_ms)
    });
    told.unwrap_or(0)
}

fn happening(
    kind: HitKind,
    query: &str,
    (mut reference, price): (BidRef, Option<Price>),
    now: Timestamp,
) -> Kind {
    if kind == HitKind::Billing {
        reference.quantity = confirmed_quantity(query, &reference);
    }
    let r#ref = Some(reference);
    let price = price.unwrap_or(Price::Missing);
    let price_cpm_micros = price.cpm().0.0;
    match kind {
        HitKind::Win => Kind::Win(Win {
            r#ref,
            price_cpm_micros,
            min_to_win_cpm_micros: amount(query, "m", MIN_TO_WIN_UNITS_MAX).0,
        }),
        HitKind::Billing => Kind::Billing(Billing {
            r#ref,
            price_cpm_micros,
            price_missing: price.is_missing(),
            impression_at_ms: shown_at_ms(query, now),
            supply_fee: field(query, "f"),
        }),
        HitKind::Loss => Kind::Loss(Loss {
            r#ref,
            reason: number(query, "r"),
            min_to_win_cpm_micros: amount(query, "m", MIN_TO_WIN_UNITS_MAX).0,
        }),
        HitKind::Impression => Kind::Impression(Impression { r#ref }),
        HitKind::View => Kind::View(View { r#ref }),
        HitKind::Click => Kind::Click(Click { r#ref }),
        HitKind::Playback => Kind::Playback(Playback {
            r#ref,
            step: step(query).unwrap_or_default().into(),
            error: Some(number(query, "c"))
                .filter(|code| *code <= VAST_ERROR_MAX)
                .unwrap_or(0),
        }),
        HitKind::Segment => Kind::Segment(SegmentEntry {
            r#ref,
            name: field(query, "s"),
        }),
        HitKind::Conversion => Kind::Conversion(Conversion {
            r#ref,
            name: field(query, "name"),
            order: field(query, "order"),
            value_micros: amount(query, "value", CONVERSION_UNITS_MAX).0,
        }),
    }
}

fn field(query: &str, name: &str) -> String {
    let value = parameter(query, name).unwrap_or_default();
    truncate(&value, FIELD_BYTES_MAX).to_owned()
}

fn number(query: &str, name: &str) -> u32 {
    let value = parameter(query, name).unwrap_or_default();
    value.trim().parse().unwrap_or(0)
}

fn amount(query: &str, name: &str, units_max: i64) -> Micros {
    let value = parameter(query, name).unwrap_or_default();
    price::parse_amount(&value, units_max).unwrap_or_default()
}
