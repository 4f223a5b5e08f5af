//! What a bid offers to pay: deals, floors, fixed and guaranteed prices.

use domain::Micros;
use serde_json::Value;

use super::json::{integer, is_set, items, price, text, texts};
use super::{Case, Rule, is_within, media};

/// A deal's auction type of an agreed price.
const FIXED: i64 = 3;

impl<'a> Case<'a> {
    /// The deal that the bid names, if it was offered.
    fn offered_deal(&self) -> Option<&'a Value> {
        let id = text(&self.bid["dealid"])?;
        let mut deals = items(&self.imp["pmp"]["deals"]).iter();
        deals.find(|deal| text(&deal["id"]).as_deref() == Some(&id))
    }

    pub(super) fn deal(&mut self) {
        if self.bid["dealid"].is_null() {
            if is_set(&self.imp["pmp"]["private_auction"]) {
                self.flag(Rule::PrivateAuction, "an open bid");
            }
            self.guaranteed();
            return;
        }
        let Some(deal) = self.offered_deal() else {
            self.flag(Rule::Deal, "not offered");
            return;
        };
        if !self.seat_allowed(deal) {
            self.flag(Rule::Deal, "not for this seat");
        }
        if !self.advertiser_allowed(deal) {
            self.flag(Rule::Deal, "not for this advertiser");
        }
    }

    fn seat_allowed(&self, deal: &Value) -> bool {
        let seats = texts(&deal["wseat"]);
        seats.is_empty() || self.seat.as_ref().is_some_and(|seat| seats.contains(seat))
    }

    fn advertiser_allowed(&self, deal: &Value) -> bool {
        let allowed = texts(&deal["wadomain"]);
        let own = texts(&self.bid["adomain"]);
        let listed = |domain: &String| allowed.iter().any(|outer| is_within(domain, outer));
        allowed.is_empty() || own.iter().all(listed)
    }

    /// An open bid with an ad that takes every deal passes over a guaranteed one only if that one refuses it, asks
    /// more, or is answered by another bid.
    fn guaranteed(&mut self) {
        let takes_deals = text(&self.bid["crid"])
            .is_some_and(|crid| self.court.expectations.takes_any_deal.contains(&crid));
        if !takes_deals {
            return;
        }
        let imp = text(&self.imp["id"]);
        let bids = items(&self.court.response["seatbid"])
            .iter()
            .flat_map(|seat| items(&seat["bid"]))
            .filter(|bid| text(&bid["impid"]) == imp);
        let taken: Vec<String> = bids.filter_map(|bid| text(&bid["dealid"])).collect();
        let deals = items(&self.imp["pmp"]["deals"]).iter();
        let passed_over = deals.filter(|deal| is_set(&deal["guar"])).any(|deal| {
            let id = text(&deal["id"]).unwrap_or_default();
            let affordable = self.offered_price().is_some_and(|offered| {
                let floor = (price(&deal["bidfloor"]), currency(deal));
                self.compare(offered, &floor)
                    .is_some_and(|(ours, floor)| ours >= floor)
            });
            // An agreed price that is not told cannot be paid.
            let payable =
                integer(&deal["at"]) != Some(FIXED) || price(&deal["bidfloor"]) > Micros::ZERO;
            !id.is_empty()
                && payable
                && !taken.contains(&id)
                && affordable
                && self.seat_allowed(deal)
                && self.advertiser_allowed(deal)
        });
        if passed_over {
            self.flag(Rule::Guaranteed, "an open bid instead");
        }
    }

    fn offered_price(&self) -> Option<Micros> {
        self.bid["price"]
            .as_f64()
            .and_then(Micros::from_decimal)
            .filter(|price| *price > Micros::ZERO)
    }

    pub(super) fn price(&mut self) {
        let Some(offered) = self.offered_price() else {
            self.flag(Rule::Price, &self.bid["price"].to_string());
            return;
        };
        let floor = self.floor();
        if floor.0 <= Micros::ZERO {
            return;
        }
        let detail = format!(
            "{offered} {} against {} {}",
            self.court.currency(),
            floor.0,
            floor.1
        );
        match self.compare(offered, &floor) {
            Some((ours, least)) if ours >= least => {
                let fixed = self
                    .offered_deal()
                    .is_some_and(|deal| integer(&deal["at"]) == Some(FIXED));
                // Converting may round up by a micro of the answer's currency.
                let unit = self.court.rate(&self.court.currency()).unwrap_or(1);
                if fixed && ours - least > i128::from(unit) {
                    self.flag(Rule::FixedPrice, &detail);
                }
            }
            _ => self.flag(Rule::Floor, &detail),
        }
    }

    /// Both prices in one unit; `None` when there is no rate.
    fn compare(
        &self,
        offered: Micros,
        (floor, floor_currency): &(Micros, String),
    ) -> Option<(i128, i128)> {
        let currency = self.court.currency();
        let ours = self.court.rate(&currency);
        let (ours, theirs) = if currency == *floor_currency {
            (ours.unwrap_or(1), ours.unwrap_or(1))
        } else {
            (ours?, self.court.rate(floor_currency)?)
        };
        Some((
            i128::from(offered.0) * i128::from(ours),
            i128::from(floor.0) * i128::from(theirs),
        ))
    }

    /// The deal's floor if it states one, the duration's, or the impression's, with its currency.
    fn floor(&self) -> (Micros, String) {
        let medium = self.medium().ok();
        if let Some(deal) = self.offered_deal() {
            let timed = medium.and_then(|medium| {
                medium
                    .is_timed()
                    .then(|| media::duration_floor(deal, self.bid))?
            });
            let stated =
                timed.or_else(|| deal["bidfloor"].as_f64().map(|_| price(&deal["bidfloor"])));
            if let Some(floor) = stated {
                return (floor, currency(deal));
            }
        }
        let by_duration =
            medium.and_then(|medium| media::duration_floor(&self.imp[medium.field()], self.bid));
        let floor = by_duration.unwrap_or_else(|| price(&self.imp["bidfloor"]));
        (floor, currency(self.imp))
    }
}

fn currency(owner: &Value) -> String {
    text(&owner["bidfloorcur"]).map_or_else(|| "USD".to_owned(), |code| code.trim().to_uppercase())
}
