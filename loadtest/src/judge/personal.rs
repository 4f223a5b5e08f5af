//! Nothing of a user who may not be known comes back in markup or addresses.

use serde_json::Value;

use super::json::{is_set, items, text};
use super::{Case, Rule};

/// Shorter values turn up by chance.
const TELLING_CHARS_MIN: usize = 6;

impl Case<'_> {
    pub(super) fn personal(&mut self) {
        if !is_restricted(self.court.request) {
            return;
        }
        let secrets = secrets(self.court.request);
        for field in ["adm", "nurl", "burl", "lurl", "iurl"] {
            let text = self.bid[field].as_str().unwrap_or_default();
            let text = text.to_ascii_lowercase();
            for (name, secret) in &secrets {
                if text.contains(secret.as_str()) {
                    self.flag(Rule::Personal, &format!("{name} in {field}"));
                }
            }
        }
    }
}

/// Whether a law, the user or the device forbids to recognise who it is; either place of a signal counts.
fn is_restricted(request: &Value) -> bool {
    let (regs, device) = (&request["regs"], &request["device"]);
    let opted_out = [&regs["us_privacy"], &regs["ext"]["us_privacy"]]
        .into_iter()
        .filter_map(text)
        .any(|signal| matches!(signal.as_bytes().get(2), Some(b'Y' | b'y')));
    let flags = [
        &regs["coppa"],
        &regs["gdpr"],
        &regs["ext"]["gdpr"],
        &device["lmt"],
        &device["dnt"],
    ];
    opted_out || flags.into_iter().any(is_set)
}

fn secrets(request: &Value) -> Vec<(&'static str, String)> {
    let (device, user) = (&request["device"], &request["user"]);
    let mut secrets = Vec::new();
    let mut add = |name, value: &Value| {
        let value = text(value).unwrap_or_default().to_ascii_lowercase();
        // Ids that are all zeros stand for none.
        let telling = value.chars().any(|c| c.is_ascii_alphanumeric() && c != '0');
        if value.len() >= TELLING_CHARS_MIN && telling {
            secrets.push((name, value));
        }
    };
    for name in [
        "ifa", "ip", "ipv6", "didsha1", "didmd5", "dpidsha1", "dpidmd5", "macsha1", "macmd5",
    ] {
        add(name, &device[name]);
    }
    for name in ["id", "buyeruid"] {
        add(name, &user[name]);
    }
    for owner in [device, user] {
        for name in ["lat", "lon"] {
            add(name, &owner["geo"][name]);
        }
    }
    for list in [&user["eids"], &user["ext"]["eids"]] {
        for uid in items(list).iter().flat_map(|eid| items(&eid["uids"])) {
            add("eid", &uid["id"]);
        }
    }
    secrets
}
