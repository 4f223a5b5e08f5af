//! Addresses and macros: who is told of a win, and what the exchange may put in.

use serde_json::Value;

use super::json::is_set;
use super::{Case, Rule};

/// The substitution macros of OpenRTB 2.6, without their `AUCTION_`.
const MACROS: [&str; 14] = [
    "ID",
    "BID_ID",
    "IMP_ID",
    "SEAT_ID",
    "AD_ID",
    "PRICE",
    "CURRENCY",
    "MBR",
    "LOSS",
    "MIN_TO_WIN",
    "MULTIPLIER",
    "IMP_TS",
    "DISCOUNT_PCT",
    "DISCOUNT_CPM",
];
/// Beginnings of the macros by which consent travels.
const CONSENT_MACROS: [&str; 5] = ["GDPR", "GPP", "US_PRIVACY", "ADDTL_CONSENT", "DSA"];

impl Case<'_> {
    pub(super) fn notices(&mut self) {
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
        let expectations = self.court.expectations;
        for field in &expectations.required {
            let empty = match &self.bid[field.as_str()] {
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                other => other.is_null(),
            };
            if empty {
                self.flag(Rule::Required, field);
            }
        }
        self.macros();
    }

    fn macros(&mut self) {
        let expectations = self.court.expectations;
        let own = &expectations.price_macro;
        let mut priced = false;
        for field in ["nurl", "burl", "lurl", "adm"] {
            let text = self.bid[field].as_str().unwrap_or_default();
            priced |= field != "lurl" && text.contains(own.as_str());
            for name in names(text) {
                let ours = own.contains(&format!("${{{name}}}"));
                if !(ours || is_known(name) || expectations.macros.iter().any(|m| m == name)) {
                    self.flag(Rule::Macro, &format!("{field}: ${{{name}}} is nobody's"));
                }
            }
            if text.contains("{CLICK_URL}") {
                self.flag(Rule::Macro, &format!("{field}: our own macro is left"));
            }
        }
        if !priced {
            self.flag(Rule::Macro, &format!("no {own} in burl, nurl or adm"));
        }
    }

    pub(super) fn secure(&mut self, markup: &str) {
        // Namespaces are names, nothing is loaded from them.
        let loaded = markup
            .replace("http://www.w3.org/", "")
            .replace("http://www.iab.com/VAST", "");
        if is_set(&self.imp["secure"])
            && (loaded.contains("http://") || loaded.contains("http:\\/\\/"))
        {
            self.flag(Rule::Secure, "http:// in the markup");
        }
    }
}

/// The names inside `${..}`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == ':';
        // What scripts write in their template strings is no macro.
        (!name.is_empty() && name.chars().all(plain)).then_some(name)
    })
}

fn is_known(name: &str) -> bool {
    let plain = name.split(':').next().unwrap_or_default();
    let auction = plain
        .strip_prefix("AUCTION_")
        .is_some_and(|rest| MACROS.contains(&rest));
    auction || CONSENT_MACROS.iter().any(|start| plain.starts_with(start))
}
