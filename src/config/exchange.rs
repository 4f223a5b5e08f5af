//! The sections `[exchange.NAME]`: their rules, what the bidder and the pixel take of them, their overrides.

use std::collections::BTreeMap;

use bidder::config::{
    BIDS_PER_IMP_MAX, BillingSignal, ExchangeConfig, HoldTimes, MarkupPlace, NativeForm,
    NoBidStyle, Notices, Pays, PerImp,
};
use bidder::gate::Authorization;
use bidder::supply::{ChainConfig, ChainRule};
use pixel::PriceKeys;
use proto::price::{SealedPriceKeys, parse_key};

use super::file::{self, Exchange};
use super::{ConfigError, rule};

/// Longest macro an exchange replaces by its price; the longest known has 24 characters.
const MACRO_CHARS_MAX: usize = 64;

/// The first value of a section that breaks its rule.
///
/// # Errors
/// Naming key, value and rule.
pub(super) fn check(
    name: &str,
    exchange: &Exchange,
    bidder: &file::Bidder,
) -> Result<(), ConfigError> {
    let rules = number_rules(exchange, bidder)
        .into_iter()
        .chain(hold_rules(exchange))
        .chain(text_rules(exchange));
    let broken = rules.into_iter().find(|(_, _, holds, _)| !holds);
    broken.map_or(Ok(()), |(key, value, _, must)| {
        Err(rule(&format!("exchange.{name}.{key}"), &value, must))
    })
}

/// Key, value as shown, whether it holds, and the rule in words.
type Rule = (&'static str, String, bool, &'static str);

fn number_rules(exchange: &Exchange, bidder: &file::Bidder) -> [Rule; 8] {
    let own = |own: i64, general: i64| if own == 0 { general } else { own };
    let deadline_ms = own(exchange.deadline_ms, bidder.deadline_ms);
    let margin_ms = own(exchange.network_margin_ms, bidder.network_margin_ms);
    [
        (
            "shade",
            exchange.shade.to_string(),
            exchange.shade > 0.0 && exchange.shade <= 1.0,
            "must be over 0 and at most 1",
        ),
        (
            "deadline_ms",
            exchange.deadline_ms.to_string(),
            exchange.deadline_ms == 0 || (deadline_ms > margin_ms && deadline_ms <= 5_000),
            "must be over the network margin and at most 5000, or 0 for bidder.deadline_ms",
        ),
        (
            "network_margin_ms",
            exchange.network_margin_ms.to_string(),
            exchange.network_margin_ms == 0 || (1..deadline_ms).contains(&margin_ms),
            "must be under the deadline and not negative, or 0 for bidder.network_margin_ms",
        ),
        (
            "bids_max",
            exchange.bids_max.to_string(),
            (1..=64).contains(&exchange.bids_max),
            "must lie in 1 to 64",
        ),
        bids_rule("bids_per_imp_max", exchange.bids_per_imp_max, 1),
        bids_rule("deal_bids_max", exchange.deal_bids_max, 0),
        bids_rule("open_bids_max", exchange.open_bids_max, 0),
        (
            "qps_max",
            exchange.qps_max.to_string(),
            exchange.qps_max <= 10_000_000,
            "must be at most 10000000, or 0 for no limit",
        ),
    ]
}

fn bids_rule(key: &'static str, bids: usize, least: usize) -> Rule {
    let must = match least {
        0 => "must lie in 0 to 16",
        _ => "must lie in 1 to 16",
    };
    let holds = (least..=BIDS_PER_IMP_MAX).contains(&bids);
    (key, bids.to_string(), holds, must)
}

fn hold_rules(exchange: &Exchange) -> [Rule; 4] {
    let holds = [
        ("hold_web_s", exchange.hold_web_s),
        ("hold_app_s", exchange.hold_app_s),
        ("hold_native_s", exchange.hold_native_s),
        ("hold_interstitial_s", exchange.hold_interstitial_s),
    ];
    holds.map(|(key, seconds)| {
        (
            key,
            seconds.to_string(),
            (1..=86_400).contains(&seconds),
            "must lie in 1 to 86400, as notices are taken for a day",
        )
    })
}

fn text_rules(exchange: &Exchange) -> [Rule; 6] {
    let needs_nurl =
        exchange.billing == file::Billing::Nurl || exchange.markup == file::Markup::WinNotice;
    let (encryption, integrity) = (
        &exchange.price_encryption_key,
        &exchange.price_integrity_key,
    );
    [
        (
            "price_macro",
            format!("{:?}", exchange.price_macro),
            is_macro(&exchange.price_macro),
            "must be a macro such as ${AUCTION_PRICE} or %%PRICE%%, at most 64 characters",
        ),
        (
            "nurl",
            exchange.nurl.to_string(),
            exchange.nurl || !needs_nurl,
            "must be true where billing is \"nurl\" or markup is \"win-notice\"",
        ),
        key_rule("price_encryption_key", encryption, exchange.prices),
        key_rule("price_integrity_key", integrity, exchange.prices),
        (
            "authorization",
            hidden(&exchange.authorization),
            is_header_value(&exchange.authorization),
            "must be printable ASCII without spaces around it, at most 4096 characters",
        ),
        (
            "domain",
            format!("{:?}", exchange.domain),
            is_domain(&exchange.domain),
            "must be a bare domain such as ssp.example, or empty",
        ),
    ]
}

/// A key is there exactly where prices are sealed.
fn key_rule(key: &'static str, value: &str, prices: file::Prices) -> Rule {
    let (holds, must) = match prices {
        file::Prices::Sealed => (
            parse_key(value).is_some(),
            "must be web-safe base64 of 16 to 64 bytes where prices are \"sealed\"",
        ),
        file::Prices::Plain => (
            value.is_empty(),
            "must be empty where prices are \"plain\"; set prices = \"sealed\"",
        ),
    };
    (key, hidden(value), holds, must)
}

/// A secret as errors show it.
fn hidden(secret: &str) -> String {
    match secret.len() {
        0 => "\"\"".to_owned(),
        length => format!("({length} characters)"),
    }
}

fn is_macro(text: &str) -> bool {
    let dollar = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let percent = text
        .strip_prefix("%%")
        .and_then(|rest| rest.strip_suffix("%%"));
    let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    text.len() <= MACRO_CHARS_MAX
        && dollar
            .or(percent)
            .is_some_and(|inner| !inner.is_empty() && inner.bytes().all(name))
}

fn is_header_value(text: &str) -> bool {
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    text.len() <= 4096 && text.bytes().all(printable) && text.trim() == text
}

fn is_domain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    text.len() <= 253 && text.bytes().all(plain)
}

/// What the bidder takes of every section; `generic` is there without being named.
pub(super) fn all(files: &BTreeMap<String, Exchange>) -> BTreeMap<String, ExchangeConfig> {
    let mut exchanges = bidder::Config::default().exchanges;
    exchanges.extend(files.iter().map(|(name, file)| (name.clone(), one(file))));
    exchanges
}

fn one(file: &Exchange) -> ExchangeConfig {
    let ms = |seconds: u32| i64::from(seconds) * 1_000;
    ExchangeConfig {
        pays: match file.pays {
            file::Pays::AsAsked => Pays::AsAsked,
            file::Pays::FirstPrice => Pays::FirstPrice,
            file::Pays::SecondPrice => Pays::SecondPrice,
        },
        no_bid: match file.no_bid {
            file::NoBid::NoContent => NoBidStyle::NoContent,
            file::NoBid::Reason => NoBidStyle::Reason,
        },
        billing: match file.billing {
            file::Billing::Burl => BillingSignal::Burl,
            file::Billing::Nurl => BillingSignal::Nurl,
        },
        holds: HoldTimes {
            web_ms: ms(file.hold_web_s),
            app_ms: ms(file.hold_app_s),
            native_ms: ms(file.hold_native_s),
            interstitial_ms: ms(file.hold_interstitial_s),
        },
        shade: file.shade,
        seat: (!file.seat.is_empty()).then(|| file.seat.clone()),
        price_macro: file.price_macro.clone(),
        supply_fee: file.supply_fee,
        notices: Notices {
            win: file.nurl,
            loss: file.lurl,
        },
        markup: match file.markup {
            file::Markup::Bid => MarkupPlace::Bid,
            file::Markup::WinNotice => MarkupPlace::WinNotice,
        },
        native: match file.native_markup {
            file::NativeMarkup::String => NativeForm::Text,
            file::NativeMarkup::Message => NativeForm::Message,
        },
        deadline_ms: Some(file.deadline_ms).filter(|ms| *ms > 0),
        network_margin_ms: Some(file.network_margin_ms).filter(|ms| *ms > 0),
        qps_max: Some(file.qps_max).filter(|qps| *qps > 0),
        bids_max: file.bids_max,
        per_imp: PerImp {
            all: file.bids_per_imp_max,
            deals: file.deal_bids_max,
            open: file.open_bids_max,
        },
        authorization: (!file.authorization.is_empty())
            .then(|| Authorization::new(&file.authorization)),
        chain: ChainConfig {
            rule: match file.schain {
                file::Chain::Ignore => ChainRule::Ignore,
                file::Chain::Check => ChainRule::Check,
                file::Chain::Require => ChainRule::Require,
                file::Chain::RequireComplete => ChainRule::RequireComplete,
            },
            domain: file.domain.clone(),
            publisher_is_seller: file.schain_publisher,
        },
        authorized_sellers: file.authorized_sellers,
        approval_required: file.creative_approval == file::CreativeApproval::Required,
    }
}

/// The keys of the sections whose prices are sealed. After `check` each of them parses.
pub(super) fn price_keys(files: &BTreeMap<String, Exchange>) -> PriceKeys {
    let sealed = files
        .iter()
        .filter(|(_, file)| file.prices == file::Prices::Sealed);
    sealed
        .filter_map(|(name, file)| {
            let keys =
                SealedPriceKeys::parse(&file.price_encryption_key, &file.price_integrity_key);
            Some((name.clone(), keys?))
        })
        .collect()
}

/// Sets `exchange_NAME_KEY`, in lower case, of the section whose name it is when case and `-` or `_` do not matter;
/// `None` where there is no such key.
pub(super) fn set(table: &mut toml::Table, variable: &str, value: toml::Value) -> Option<()> {
    let rest = variable.strip_prefix("exchange_")?;
    let known = toml::Table::try_from(Exchange::default()).ok()?;
    // A name may end like the beginning of a key: the longest key that fits is meant.
    let (name, key) = known
        .keys()
        .filter_map(|key| Some((rest.strip_suffix(key.as_str())?.strip_suffix('_')?, key)))
        .filter(|(name, _)| !name.is_empty())
        .max_by_key(|(_, key)| key.len())?;
    let sections = table
        .entry("exchange")
        .or_insert_with(|| toml::Value::Table(toml::Table::new()))
        .as_table_mut()?;
    let same = |own: &&String| own.to_ascii_lowercase().replace('-', "_") == name;
    let name = sections
        .keys()
        .find(same)
        .map_or_else(|| name.to_owned(), Clone::clone);
    let section = sections
        .entry(name)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    section.as_table_mut()?.insert(key.clone(), value);
    Some(())
}
