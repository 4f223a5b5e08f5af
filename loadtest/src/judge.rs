//! An independent judge of bid responses: types and rules of its own, read from the specification.

use serde::Serialize;
use serde_json::Value;

use crate::render::OurHost;
use json::{items, text, texts};

pub use rule::Rule;

mod banner;
mod bid;
mod ext;
mod group;
mod json;
mod lint;
mod media;
mod native;
mod notices;
mod personal;
mod pods;
mod rule;
mod shape;
mod terms;
mod vast;

/// What breaks rules, in the order it is found.
type Found = Vec<Violation>;

/// What the judge knows about the bidder beside the request.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// What the bidder's tracking and notice URLs begin with.
    pub public_url: String,
    /// USD micros for one unit of each currency beside USD, as the bidder has them.
    pub fx: Vec<(String, i64)>,
    /// What the exchange replaces by the clearing price; it stands in `burl`, `nurl` or the markup of every bid.
    pub price_macro: String,
    /// Names of the exchange's own macros, without `${` and `}`.
    pub macros: Vec<String>,
    /// Fields that this exchange requires of every bid beside those that all do.
    pub required: Vec<String>,
    /// Whether the exchange fetches the markup by `nurl` where a bid has none.
    pub markup_on_win: bool,
    /// Creatives (`crid`) of line items that buy on any deal.
    pub takes_any_deal: Vec<String>,
    /// Creatives (`crid`) of line items that take all impressions of a page or none.
    pub roadblocks: Vec<String>,
}

impl Expectations {
    /// Of an exchange without requirements of its own.
    pub fn new(public_url: &str, fx: Vec<(String, i64)>) -> Self {
        Self {
            public_url: public_url.to_owned(),
            fx,
            price_macro: "${AUCTION_PRICE}".to_owned(),
            macros: Vec::new(),
            required: Vec::new(),
            markup_on_win: false,
            takes_any_deal: Vec::new(),
            roadblocks: Vec::new(),
        }
    }
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The bid's id; empty when the response as a whole breaks it.
    pub bid: String,
    /// What was found, for people.
    pub detail: String,
}

/// Judges every bid of a response to a request; a valid one and a no-bid have no violations.
pub fn judge(
    request_json: &[u8],
    response_json: &[u8],
    expectations: &Expectations,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let parsed = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    let (Some(request), Some(response)) = (parsed(request_json), parsed(response_json)) else {
        flag(&mut found, Rule::Json, "", "not JSON on both sides");
        return found;
    };
    let Some(fields) = response.as_object() else {
        flag(&mut found, Rule::Json, "", "not an object");
        return found;
    };
    shape::check(fields, &mut found);
    let court = Court {
        request: &request,
        response: &response,
        ours: OurHost::new(&expectations.public_url),
        expectations,
    };
    court.judge(&mut found);
    // What is broken already would be told twice.
    if let (true, Ok(request), Ok(response)) = (
        found.is_empty(),
        str::from_utf8(request_json),
        str::from_utf8(response_json),
    ) && court.bids().next().is_some()
    {
        lint::check(request, response, &mut found);
    }
    found
}

/// The verdict on a response whose fields have other types than an exchange can read.
pub(crate) fn unreadable(error: &str) -> Violation {
    Violation {
        rule: Rule::Json,
        bid: String::new(),
        detail: error.to_owned(),
    }
}

struct Court<'a> {
    request: &'a Value,
    response: &'a Value,
    ours: OurHost,
    expectations: &'a Expectations,
}

/// One bid with what it belongs to.
struct Case<'a> {
    court: &'a Court<'a>,
    imp: &'a Value,
    bid: &'a Value,
    seat: Option<String>,
    id: String,
    found: &'a mut Found,
}

impl Court<'_> {
    fn judge(&self, found: &mut Found) {
        let seats = items(&self.response["seatbid"]);
        if seats.iter().all(|seat| items(&seat["bid"]).is_empty()) {
            return;
        }
        if text(&self.response["id"]) != text(&self.request["id"]) {
            flag(found, Rule::Id, "", &self.response["id"].to_string());
        }
        let currency = self.currency();
        if !self.allowed_currencies().contains(&currency) {
            flag(found, Rule::Currency, "", &currency);
        }
        let mut ids = Vec::new();
        for seat_bid in seats {
            let seat = text(&seat_bid["seat"]);
            self.judge_seat(seat.as_deref(), found);
            for bid in items(&seat_bid["bid"]) {
                let id = text(&bid["id"]).unwrap_or_default();
                if id.is_empty() {
                    flag(found, Rule::BidId, "", "absent");
                } else if ids.contains(&id) {
                    flag(found, Rule::DuplicateBidId, &id, "given twice");
                }
                ids.push(id.clone());
                self.judge_bid(bid, seat.clone(), id, found);
            }
        }
        self.judge_repeats(found);
        group::check(self, found);
        pods::check(self, found);
    }

    /// Several bids for one impression are welcome, the same one twice is not.
    fn judge_repeats(&self, found: &mut Found) {
        let mut seen = Vec::new();
        for bid in self.bids() {
            let offer = ["impid", "dealid", "crid"].map(|field| text(&bid[field]));
            if seen.contains(&offer) {
                let id = text(&bid["id"]).unwrap_or_default();
                flag(
                    found,
                    Rule::DuplicateBidId,
                    &id,
                    "the same ad on the same terms",
                );
            }
            // In a dynamic pod one ad may fill several places.
            let repeats = self.imp(bid).is_some_and(pods::is_dynamic);
            if !repeats {
                seen.push(offer);
            }
        }
    }

    /// Every bid of every seat.
    fn bids(&self) -> impl Iterator<Item = &Value> {
        let seats = items(&self.response["seatbid"]).iter();
        seats.flat_map(|seat| items(&seat["bid"]))
    }

    /// The impression that a bid is for.
    fn imp(&self, bid: &Value) -> Option<&Value> {
        let id = text(&bid["impid"])?;
        let mut imps = items(&self.request["imp"]).iter();
        imps.find(|imp| text(&imp["id"]).as_ref() == Some(&id))
    }

    fn judge_seat(&self, seat: Option<&str>, found: &mut Found) {
        let wanted = texts(&self.request["wseat"]);
        let blocked = texts(&self.request["bseat"]);
        let listed = |list: &[String]| seat.is_some_and(|seat| list.iter().any(|s| s == seat));
        if (!wanted.is_empty() && !listed(&wanted)) || listed(&blocked) {
            flag(found, Rule::Seat, "", seat.unwrap_or("no seat"));
        }
    }

    fn judge_bid(&self, bid: &Value, seat: Option<String>, id: String, found: &mut Found) {
        let Some(imp) = self.imp(bid) else {
            flag(found, Rule::ImpId, &id, &bid["impid"].to_string());
            return;
        };
        let mut case = Case {
            court: self,
            imp,
            bid,
            seat,
            id,
            found,
        };
        case.identity();
        case.deal();
        case.price();
        case.blocked();
        case.notices();
        case.markup();
        case.extensions();
        case.personal();
    }

    /// The currency of the response's prices.
    fn currency(&self) -> String {
        text(&self.response["cur"]).unwrap_or_else(|| "USD".to_owned())
    }

    /// Without a list, US dollars.
    fn allowed_currencies(&self) -> Vec<String> {
        let allowed = texts(&self.request["cur"]);
        if allowed.is_empty() {
            vec!["USD".to_owned()]
        } else {
            allowed
        }
    }

    fn rate(&self, currency: &str) -> Option<i64> {
        if currency == "USD" {
            return Some(domain::money::MICROS_PER_UNIT);
        }
        let mut rates = self.expectations.fx.iter();
        rates
            .find(|(name, _)| name == currency)
            .map(|(_, rate)| *rate)
    }
}

fn flag(found: &mut Found, rule: Rule, bid: &str, detail: &str) {
    found.push(Violation {
        rule,
        bid: bid.to_owned(),
        detail: detail.chars().take(200).collect(),
    });
}

/// Whether a listed category is the given one or its parent, as IAB7 is of IAB7-39.
fn covers(listed: &str, category: &str) -> bool {
    category
        .strip_prefix(listed)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether a domain is another or one under it.
fn is_within(domain: &str, outer: &str) -> bool {
    let (domain, outer) = (domain.to_ascii_lowercase(), outer.to_ascii_lowercase());
    domain
        .strip_suffix(&outer)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        && !outer.is_empty()
}
