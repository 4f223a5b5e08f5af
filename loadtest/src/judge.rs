//! An independent judge of bid responses: types and rules of its own, read from the specification.

use domain::Micros;
use serde::Serialize;
use serde_json::Value;

use crate::render::{OurHost, render};
use json::{integer, integers, is_set, items, price, text, texts};
use media::Medium;

mod json;
mod media;
#[cfg(test)]
mod tests;

/// What the judge knows about the bidder beside the request.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// What the bidder's tracking and notice URLs begin with.
    pub public_url: String,
    /// USD micros for one unit of each currency beside USD, as the bidder has them.
    pub fx: Vec<(String, i64)>,
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

/// The rules a bid response must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The response is an object that answers a readable request.
    Json,
    /// The response's id is the request's.
    Id,
    /// The response's currency is allowed.
    Currency,
    /// The seat is allowed.
    Seat,
    /// Every bid has an id.
    BidId,
    /// No two bids share an id.
    DuplicateBidId,
    /// The bid is for an impression of the request.
    ImpId,
    /// The price is a positive number.
    Price,
    /// The price is at least the floor that applies.
    Floor,
    /// The bid's media type is one that the impression offers.
    MediaType,
    /// Banner sizes are among those offered.
    Size,
    /// Markup is there and of the bid's media type.
    Markup,
    /// A VAST document has what a player needs.
    Vast,
    /// The media file's MIME type is accepted.
    Mime,
    /// The VAST version is accepted.
    Protocol,
    /// The duration is accepted.
    Duration,
    /// A native answer has the required assets within their limits.
    Native,
    /// No blocked category.
    Category,
    /// No blocked advertiser.
    Advertiser,
    /// No blocked app.
    App,
    /// No blocked creative attribute.
    Attribute,
    /// The language is wanted.
    Language,
    /// The advertiser's domain is declared.
    Adomain,
    /// The creative's id is declared.
    Crid,
    /// Nothing unencrypted in a secure slot.
    Secure,
    /// Impressions and clicks are tracked at our address.
    Tracking,
    /// Notices go to our address.
    NoticeHost,
    /// The deal is one that was offered, to this seat and advertiser.
    Deal,
    /// A private auction takes bids on deals only.
    PrivateAuction,
}

/// Judges every bid of a response to a request; a valid one and a no-bid have no violations.
pub fn judge(
    request_json: &[u8],
    response_json: &[u8],
    expectations: &Expectations,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let parsed = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    match (parsed(request_json), parsed(response_json)) {
        (Some(request), Some(response)) if response.is_object() => {
            let court = Court {
                request: &request,
                response: &response,
                ours: OurHost::new(&expectations.public_url),
                expectations,
            };
            court.judge(&mut found);
        }
        _ => flag(
            &mut found,
            Rule::Json,
            "",
            "not a JSON object on both sides",
        ),
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
    found: &'a mut Vec<Violation>,
}

impl Court<'_> {
    fn judge(&self, found: &mut Vec<Violation>) {
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
    }

    fn judge_seat(&self, seat: Option<&str>, found: &mut Vec<Violation>) {
        let wanted = texts(&self.request["wseat"]);
        let blocked = texts(&self.request["bseat"]);
        let listed = |list: &[String]| seat.is_some_and(|seat| list.iter().any(|s| s == seat));
        if (!wanted.is_empty() && !listed(&wanted)) || listed(&blocked) {
            flag(found, Rule::Seat, "", seat.unwrap_or("no seat"));
        }
    }

    fn judge_bid(&self, bid: &Value, seat: Option<String>, id: String, found: &mut Vec<Violation>) {
        let imp_id = text(&bid["impid"]);
        let imps = items(&self.request["imp"]);
        let Some(imp) = imps
            .iter()
            .find(|imp| imp_id.is_some() && text(&imp["id"]) == imp_id)
        else {
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
    }

    /// The currency of the response's prices.
    fn currency(&self) -> String {
        text(&self.response["cur"]).unwrap_or_else(|| "USD".to_owned())
    }

    /// Without a list, US dollars and what floors are quoted in.
    fn allowed_currencies(&self) -> Vec<String> {
        let mut allowed = texts(&self.request["cur"]);
        if allowed.is_empty() {
            allowed.push("USD".to_owned());
            let imps = items(&self.request["imp"]).iter();
            allowed.extend(imps.filter_map(|imp| text(&imp["bidfloorcur"])));
        }
        allowed
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

impl Case<'_> {
    fn flag(&mut self, rule: Rule, detail: &str) {
        flag(self.found, rule, &self.id, detail);
    }

    fn identity(&mut self) {
        if texts(&self.bid["adomain"]).iter().all(String::is_empty) {
            self.flag(Rule::Adomain, "absent");
        }
        if text(&self.bid["crid"]).unwrap_or_default().is_empty() {
            self.flag(Rule::Crid, "absent");
        }
    }

    /// The deal that the bid names, if it was offered.
    fn offered_deal(&self) -> Option<&Value> {
        let id = text(&self.bid["dealid"])?;
        let mut deals = items(&self.imp["pmp"]["deals"]).iter();
        deals.find(|deal| text(&deal["id"]).as_deref() == Some(&id))
    }

    fn deal(&mut self) {
        if self.bid["dealid"].is_null() {
            if is_set(&self.imp["pmp"]["private_auction"]) {
                self.flag(Rule::PrivateAuction, "an open bid");
            }
            return;
        }
        let Some(deal) = self.offered_deal() else {
            self.flag(Rule::Deal, "not offered");
            return;
        };
        let seats = texts(&deal["wseat"]);
        let domains = texts(&deal["wadomain"]);
        let seat_barred =
            !seats.is_empty() && !self.seat.as_ref().is_some_and(|s| seats.contains(s));
        let domain_barred = !domains.is_empty()
            && !texts(&self.bid["adomain"])
                .iter()
                .all(|domain| domains.contains(domain));
        if seat_barred {
            self.flag(Rule::Deal, "not for this seat");
        }
        if domain_barred {
            self.flag(Rule::Deal, "not for this advertiser");
        }
    }

    fn price(&mut self) {
        let offered = self.bid["price"]
            .as_f64()
            .and_then(Micros::from_decimal)
            .filter(|price| *price > Micros::ZERO);
        let Some(offered) = offered else {
            self.flag(Rule::Price, &self.bid["price"].to_string());
            return;
        };
        let (floor, floor_currency) = self.floor();
        if floor <= Micros::ZERO {
            return;
        }
        let currency = self.court.currency();
        let comparison = if currency == floor_currency {
            Some((i128::from(offered.0), i128::from(floor.0)))
        } else {
            let rates = self
                .court
                .rate(&currency)
                .zip(self.court.rate(&floor_currency));
            rates.map(|(ours, theirs)| {
                (
                    i128::from(offered.0) * i128::from(ours),
                    i128::from(floor.0) * i128::from(theirs),
                )
            })
        };
        if comparison.is_none_or(|(offered, floor)| offered < floor) {
            let detail = format!("{offered} {currency} under {floor} {floor_currency}");
            self.flag(Rule::Floor, &detail);
        }
    }

    /// The deal's floor if there is a deal, the duration's, or the impression's, with its currency.
    fn floor(&self) -> (Micros, String) {
        let usd = || "USD".to_owned();
        let currency = |owner: &Value| text(&owner["bidfloorcur"]).unwrap_or_else(usd);
        if let Some(deal) = self.offered_deal() {
            return (price(&deal["bidfloor"]), currency(deal));
        }
        let by_duration = self
            .medium()
            .ok()
            .and_then(|medium| media::duration_floor(&self.imp[medium.field()], self.bid));
        let floor = by_duration.unwrap_or_else(|| price(&self.imp["bidfloor"]));
        (floor, currency(self.imp))
    }

    fn blocked(&mut self) {
        let (request, bid) = (self.court.request, self.bid);
        let taxonomy = |owner: &Value| integer(&owner["cattax"]).unwrap_or(1);
        let categories = texts(&bid["cat"]);
        if taxonomy(request) == taxonomy(bid) {
            let (barred, wanted) = (texts(&request["bcat"]), texts(&request["acat"]));
            for category in &categories {
                let listed = |list: &[String]| list.iter().any(|outer| covers(outer, category));
                if listed(&barred) || (!wanted.is_empty() && !listed(&wanted)) {
                    self.flag(Rule::Category, category);
                }
            }
        }
        let barred = texts(&request["badv"]);
        for domain in texts(&bid["adomain"]) {
            if barred.iter().any(|outer| is_within(&domain, outer)) {
                self.flag(Rule::Advertiser, &domain);
            }
        }
        if let Some(app) = text(&bid["bundle"])
            && texts(&request["bapp"]).contains(&app)
        {
            self.flag(Rule::App, &app);
        }
        let wanted = texts(&request["wlang"]);
        if let Some(language) = text(&bid["language"])
            && !wanted.is_empty()
            && !wanted.contains(&language)
        {
            self.flag(Rule::Language, &language);
        }
    }

    fn notices(&mut self) {
        for field in ["nurl", "burl", "lurl"] {
            let foreign = match &self.bid[field] {
                Value::Null => false,
                Value::String(url) => self.court.ours.path_of(url).is_none(),
                _ => true,
            };
            if foreign {
                self.flag(Rule::NoticeHost, &format!("{field} {}", self.bid[field]));
            }
        }
    }

    fn markup(&mut self) {
        let medium = match self.medium() {
            Ok(medium) => medium,
            Err(detail) => return self.flag(Rule::MediaType, &detail),
        };
        let offer = &self.imp[medium.field()];
        let attributes = integers(&self.bid["attr"]);
        if integers(&offer["battr"])
            .iter()
            .any(|barred| attributes.contains(barred))
        {
            self.flag(Rule::Attribute, &self.bid["attr"].to_string());
        }
        let markup = self.bid["adm"].as_str().unwrap_or_default();
        if markup.trim().is_empty() || !medium.fits(markup) {
            self.flag(Rule::Markup, "absent or of another media type");
            return;
        }
        let mut broken = Vec::new();
        medium.check(offer, self.bid, markup, &mut broken);
        for (rule, detail) in broken {
            self.flag(rule, &detail);
        }
        self.secure(markup);
        self.tracking(markup);
    }

    fn secure(&mut self, markup: &str) {
        // Namespaces are names, nothing is loaded from them.
        let loaded = markup.replace("http://www.w3.org/", "");
        if is_set(&self.imp["secure"])
            && (loaded.contains("http://") || loaded.contains("http:\\/\\/"))
        {
            self.flag(Rule::Secure, "http:// in the markup");
        }
    }

    fn tracking(&mut self, markup: &str) {
        let rendered = render(markup);
        let tracked = |urls: &[String]| {
            urls.iter()
                .any(|url| self.court.ours.path_of(url).is_some())
        };
        let clicks_ours = (rendered.clicks.is_empty() && rendered.click_trackers.is_empty())
            || tracked(&rendered.clicks)
            || tracked(&rendered.click_trackers);
        let impressions_ours = tracked(&rendered.impressions);
        if !impressions_ours {
            self.flag(Rule::Tracking, "no impression pixel of ours");
        }
        if !clicks_ours {
            self.flag(Rule::Tracking, "clicks pass us by");
        }
    }

    /// What the bid shows: as declared, or the only medium offered.
    fn medium(&self) -> Result<Medium, String> {
        let offered: Vec<Medium> = Medium::ALL
            .into_iter()
            .filter(|medium| self.imp[medium.field()].is_object())
            .collect();
        let declared = &self.bid["mtype"];
        if declared.is_null() {
            return match offered.as_slice() {
                [only] => Ok(*only),
                _ => Err("mtype absent where several media are offered".to_owned()),
            };
        }
        offered
            .into_iter()
            .find(|medium| integer(declared) == Some(medium.number()))
            .ok_or_else(|| format!("mtype {declared} not offered"))
    }
}

fn flag(found: &mut Vec<Violation>, rule: Rule, bid: &str, detail: &str) {
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
