//! Extensions that answer the request's: attribution by a store, and transparency.

use serde_json::Value;

use super::json::{integer, items, text, texts};
use super::{Case, Rule};

impl Case<'_> {
    pub(super) fn extensions(&mut self) {
        let answer = &self.bid["ext"]["skadn"];
        if !answer.is_null() {
            let offer = &self.imp["ext"]["skadn"];
            for detail in skadn(offer, answer) {
                self.flag(Rule::Skadn, &detail);
            }
        }
        let regs = &self.court.request["regs"];
        let asked = [&regs["ext"]["dsa"], &regs["dsa"]];
        if let Some(asked) = asked.into_iter().find(|dsa| dsa.is_object())
            && let Some(detail) = dsa(asked, &self.bid["ext"]["dsa"])
        {
            self.flag(Rule::Dsa, &detail);
        }
    }
}

fn skadn(offer: &Value, answer: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    if !offer.is_object() {
        return vec!["not offered".into()];
    }
    let version = text(&answer["version"]).unwrap_or_default();
    let versions = [
        texts(&offer["versions"]),
        texts(&texts_of(&offer["version"])),
    ]
    .concat();
    if !versions.contains(&version) {
        broken.push(format!("version {version:?} of {versions:?}"));
    }
    let network = text(&answer["network"]).unwrap_or_default();
    let networks = texts(&offer["skadnetids"]);
    let listed = &offer["skadnetlist"];
    if network.is_empty() || (!listed.is_object() && !networks.contains(&network)) {
        broken.push(format!("network {network:?} is not asked for"));
    }
    for field in ["itunesitem", "sourceapp"] {
        if text(&answer[field]).unwrap_or_default().is_empty() {
            broken.push(format!("no {field}"));
        }
    }
    let newer = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 4);
    let numbered = if newer {
        text(&answer["sourceidentifier"]).is_some_and(|id| id.len() == 4 && digits(&id))
    } else {
        integer(&answer["campaign"]).is_some_and(|campaign| (1..=100).contains(&campaign))
    };
    if !numbered {
        broken.push("no source identifier or campaign of its version".into());
    }
    let old = answer["signature"].is_string();
    if items(&answer["fidelities"]).is_empty() && !old {
        broken.push("no fidelities".into());
    }
    broken.extend(items(&answer["fidelities"]).iter().filter_map(fidelity));
    broken
}

fn texts_of(value: &Value) -> Value {
    text(value).map_or(Value::Null, |version| Value::from(vec![version]))
}

fn fidelity(given: &Value) -> Option<String> {
    let nonce = text(&given["nonce"]).unwrap_or_default();
    let fine = matches!(integer(&given["fidelity"]), Some(0 | 1))
        && text(&given["signature"]).is_some_and(|signature| !signature.is_empty())
        && !nonce.is_empty()
        && nonce == nonce.to_lowercase()
        && text(&given["timestamp"]).is_some_and(|timestamp| digits(&timestamp));
    (!fine).then(|| format!("fidelity {given}"))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with the declaration: 2 and 3 demand one, and the publisher says who shows it.
fn dsa(asked: &Value, declared: &Value) -> Option<String> {
    let required = matches!(integer(&asked["dsarequired"]), Some(2 | 3));
    if !declared.is_object() {
        return required.then(|| "absent where it is required".into());
    }
    let names = |field: &str| {
        text(&declared[field]).is_some_and(|name| !name.is_empty() && name.chars().count() <= 100)
    };
    if !names("behalf") || !names("paid") {
        return Some("neither behalf nor paid may be absent".into());
    }
    let shows = integer(&declared["adrender"]);
    match (integer(&asked["pubrender"]), shows) {
        (Some(0), shows) if required && shows != Some(1) => Some("nobody shows it".into()),
        (Some(2), Some(1)) => Some("both show it".into()),
        _ => None,
    }
}
