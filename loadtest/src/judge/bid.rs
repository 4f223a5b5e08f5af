//! What one bid declares of itself against what the request blocks, and which markup rules it falls under.

use serde_json::Value;

use super::json::{integer, integers, text, texts};
use super::media::Medium;
use super::{Case, Rule, covers, flag, is_within};
use crate::render::render;

impl Case<'_> {
    pub(super) fn flag(&mut self, rule: Rule, detail: &str) {
        flag(self.found, rule, &self.id, detail);
    }

    pub(super) fn identity(&mut self) {
        if texts(&self.bid["adomain"]).iter().all(String::is_empty) {
            self.flag(Rule::Adomain, "absent");
        }
        if text(&self.bid["crid"]).unwrap_or_default().is_empty() {
            self.flag(Rule::Crid, "absent");
        }
        let exp = &self.bid["exp"];
        if !exp.is_null() && integer(exp).is_none_or(|seconds| seconds < 1) {
            self.flag(Rule::Expiry, &exp.to_string());
        }
    }

    pub(super) fn blocked(&mut self) {
        self.categories();
        let (request, bid) = (self.court.request, self.bid);
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
        let lists = [&request["ext"]["bcrid"], &self.imp["ext"]["bcrid"]];
        if let Some(creative) = text(&bid["crid"])
            && lists
                .into_iter()
                .any(|list| texts(list).contains(&creative))
        {
            self.flag(Rule::Creative, &creative);
        }
        self.language("wlang", "language");
        self.language("wlangb", "langb");
    }

    /// Codes of the same taxonomy compare, and those that begin with `IAB` are of the first one, whatever the list is said
    /// to be; with an allow list the bid must be on it. Whether a code of one taxonomy means one of another is not judged.
    fn categories(&mut self) {
        let (request, bid) = (self.court.request, self.bid);
        let taxonomy = |owner: &Value| integer(&owner["cattax"]).unwrap_or(1);
        let (lists, own) = (taxonomy(request), taxonomy(bid));
        let of = |code: &String| if code.starts_with("IAB") { 1 } else { lists };
        let categories = texts(&bid["cat"]);
        let (barred, wanted) = (texts(&request["bcat"]), texts(&request["acat"]));
        if !wanted.is_empty() && categories.is_empty() {
            self.flag(
                Rule::Category,
                "only some are allowed, and none is declared",
            );
        }
        for category in &categories {
            let is_under = |outer: &String| match of(outer) == own {
                true => covers(outer, category),
                // Codes that are the same in both lists are meant to be.
                false => outer == category,
            };
            let blocked = barred
                .iter()
                .any(|outer| of(outer) == own && covers(outer, category));
            if blocked || !wanted.is_empty() && !wanted.iter().any(is_under) {
                self.flag(Rule::Category, category);
            }
        }
    }

    /// Languages compare by what stands before their region.
    fn language(&mut self, list: &str, field: &str) {
        let primary = |tag: &str| {
            let first = tag.split(['-', '_']).next().unwrap_or_default();
            first.to_ascii_lowercase()
        };
        let wanted = texts(&self.court.request[list]);
        let own = text(&self.bid[field]);
        if let Some(own) = own
            && !wanted.is_empty()
            && !wanted.iter().any(|tag| primary(tag) == primary(&own))
        {
            self.flag(Rule::Language, &own);
        }
    }

    pub(super) fn markup(&mut self) {
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
        self.frameworks(offer);
        if self.is_fetched() {
            return;
        }
        let markup = self.bid["adm"].as_str().unwrap_or_default();
        if markup.trim().is_empty() || !medium.fits(markup) {
            self.flag(Rule::Markup, "absent or of another media type");
            return;
        }
        let mut broken = Vec::new();
        medium.check(offer, (self.imp, self.bid), markup, &mut broken);
        for (rule, detail) in broken {
            self.flag(rule, &detail);
        }
        self.secure(markup);
        self.tracking(markup);
    }

    /// Whether the markup is the answer to the win notice.
    fn is_fetched(&self) -> bool {
        let by_notice = text(&self.bid["nurl"]).is_some_and(|url| !url.is_empty());
        self.court.expectations.markup_on_win && self.bid["adm"].is_null() && by_notice
    }

    /// A framework that the slot does not list is not supported there.
    fn frameworks(&mut self, offer: &Value) {
        let offered = integers(&offer["api"]);
        let declared = [
            integers(&self.bid["apis"]),
            integer(&self.bid["api"]).into_iter().collect(),
        ]
        .concat();
        if declared
            .iter()
            .any(|api| *api != 0 && !offered.contains(api))
        {
            self.flag(Rule::Api, &format!("{declared:?} of {offered:?}"));
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
    pub(super) fn medium(&self) -> Result<Medium, String> {
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
