//! The configuration file as written: every key with its default. `deploy/paceline.toml` shows them all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    /// Where everything is kept.
    pub data: PathBuf,
    /// Written into every event.
    pub region: String,
    pub console: Console,
    pub bidder: Bidder,
    pub privacy: Privacy,
    pub skadnetwork: SkadNetwork,
    pub ivt: Ivt,
    pub pixel: Pixel,
    pub admin: Admin,
    pub log: Log,
    pub updater: Updater,
    pub model: Model,
    pub rates: Rates,
    /// By the name in `/bid/{exchange}`.
    pub exchange: BTreeMap<String, Exchange>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Console {
    pub listen: String,
    pub secure_cookies: bool,
    pub session_hours: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bidder {
    pub listen: String,
    /// 0: one per processor.
    pub cores: usize,
    pub deadline_ms: i64,
    pub network_margin_ms: i64,
    pub decide_ms_min: i64,
    pub in_flight_max: usize,
    pub seat: String,
    /// Empty: the advertiser.
    pub dsa_payer: String,
    pub fee_percent: f64,
    pub lease_percent: f64,
    pub provisional_mib: usize,
    pub profile_cache_mib: usize,
    pub profile_ttl_ms: u64,
    pub profile_read_ms: u64,
    pub refresh_ms: u64,
    /// 0: none.
    pub explain_requests: usize,
    pub explain_every: u32,
    pub eid_sources: Vec<String>,
    /// Empty: none.
    pub geo_database: PathBuf,
    pub blocked_sellers: Vec<String>,
    /// Empty: none.
    pub sellers_file: PathBuf,
    pub household_sources: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Privacy {
    /// 0: none.
    pub tcf_vendor_id: u16,
}

/// Our ad network at Apple.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SkadNetwork {
    /// Empty: none.
    pub network_id: String,
    pub key_file: PathBuf,
    /// 0: not on the list.
    pub list_entry: u32,
}

/// General invalid traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ivt {
    /// Empty: the built-in list alone.
    pub user_agents_file: PathBuf,
    /// Empty: no address is refused.
    pub ip_ranges_file: PathBuf,
    pub missing_user_agent: MissingAgent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MissingAgent {
    Refuse,
    Accept,
}

impl Default for Ivt {
    fn default() -> Self {
        Self {
            user_agents_file: PathBuf::new(),
            ip_ranges_file: PathBuf::new(),
            missing_user_agent: MissingAgent::Refuse,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pixel {
    pub listen: String,
    pub cores: usize,
    pub public_url: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    pub listen: String,
    /// At most 65535, a minute.
    pub leave_ms: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub partitions: u32,
    pub segment_mib: u64,
    /// 0: for ever.
    pub bids_mib_max: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Updater {
    pub lateness_s: u32,
    pub click_window_s: u32,
    pub conversion_window_s: u32,
    pub publish_every_ms: u32,
    pub checkpoint_every_s: u32,
    pub pending_max: usize,
    pub gate_clicks_min: u64,
    pub gate_log_loss: f64,
    pub gate_auc: f64,
    pub gate_calibration: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Model {
    pub kind: ModelKind,
}

/// What predicts clicks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModelKind {
    Lr,
    #[default]
    Ffm,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rates {
    /// Dated rates that are read again and again; empty: those below.
    pub file: PathBuf,
    /// The day the rates are of.
    pub day: toml::value::Datetime,
    /// USD for one unit.
    pub usd: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exchange {
    pub pays: Pays,
    pub no_bid: NoBid,
    pub shade: f64,
    /// Empty: `bidder.seat`.
    pub seat: String,
    pub billing: Billing,
    pub nurl: bool,
    pub lurl: bool,
    pub markup: Markup,
    pub native_markup: NativeMarkup,
    pub price_macro: String,
    pub supply_fee: bool,
    pub prices: Prices,
    pub price_encryption_key: String,
    pub price_integrity_key: String,
    /// 0: `bidder.deadline_ms`.
    pub deadline_ms: i64,
    /// 0: `bidder.network_margin_ms`.
    pub network_margin_ms: i64,
    /// 0: no limit.
    pub qps_max: u32,
    pub bids_max: usize,
    pub bids_per_imp_max: usize,
    pub deal_bids_max: usize,
    pub open_bids_max: usize,
    /// Empty: none is asked for.
    pub authorization: String,
    pub schain: Chain,
    /// Empty: the last seller may have any name.
    pub domain: String,
    pub schain_publisher: bool,
    pub authorized_sellers: bool,
    pub creative_approval: CreativeApproval,
    pub hold_web_s: u32,
    pub hold_app_s: u32,
    pub hold_native_s: u32,
    pub hold_interstitial_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pays {
    AsAsked,
    FirstPrice,
    SecondPrice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoBid {
    NoContent,
    Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Billing {
    Burl,
    Nurl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Markup {
    Bid,
    WinNotice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NativeMarkup {
    String,
    Message,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Chain {
    Ignore,
    Check,
    Require,
    RequireComplete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CreativeApproval {
    None,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Prices {
    Plain,
    Sealed,
}

impl Default for File {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./paceline-data"),
            region: "local".to_owned(),
            console: Console::default(),
            bidder: Bidder::default(),
            privacy: Privacy::default(),
            skadnetwork: SkadNetwork::default(),
            ivt: Ivt::default(),
            pixel: Pixel::default(),
            admin: Admin::default(),
            log: Log::default(),
            updater: Updater::default(),
            model: Model::default(),
            rates: Rates::default(),
            exchange: BTreeMap::from([("generic".to_owned(), Exchange::default())]),
        }
    }
}

impl Default for Console {
    fn default() -> Self {
        let defaults = console::Config::default();
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            secure_cookies: defaults.secure_cookies,
            session_hours: defaults.session_hours,
        }
    }
}

impl Default for Bidder {
    fn default() -> Self {
        let defaults = bidder::Config::default();
        Self {
            listen: "127.0.0.1:8081".to_owned(),
            cores: 0,
            deadline_ms: defaults.deadline_ms,
            network_margin_ms: defaults.network_margin_ms,
            decide_ms_min: defaults.decide_ms_min,
            in_flight_max: defaults.in_flight_max,
            seat: defaults.seat,
            dsa_payer: defaults.dsa_payer,
            fee_percent: defaults.fee_ppm as f64 / 1e4,
            lease_percent: defaults.lease_share_ppm as f64 / 1e4,
            provisional_mib: defaults.provisional_mib,
            profile_cache_mib: defaults.profile_cache_mib,
            profile_ttl_ms: defaults.profile_ttl_ms,
            profile_read_ms: defaults.profile_read_ms,
            refresh_ms: defaults.refresh_ms,
            explain_requests: defaults.explain_requests,
            explain_every: defaults.explain_every,
            eid_sources: defaults.eid_sources,
            geo_database: PathBuf::new(),
            blocked_sellers: Vec::new(),
            sellers_file: PathBuf::new(),
            household_sources: defaults.household_sources,
        }
    }
}

impl Default for Pixel {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8082".to_owned(),
            cores: 1,
            public_url: "https://pixel.localhost".to_owned(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8083".to_owned(),
            leave_ms: 1_000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            partitions: 1,
            segment_mib: 8,
            bids_mib_max: 2048,
        }
    }
}

impl Default for Updater {
    fn default() -> Self {
        Self {
            lateness_s: 60,
            click_window_s: 30,
            conversion_window_s: 3_600,
            publish_every_ms: 5_000,
            checkpoint_every_s: 30,
            pending_max: 500_000,
            gate_clicks_min: 100,
            gate_log_loss: 0.001,
            gate_auc: 0.002,
            gate_calibration: 0.02,
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        let date = toml::value::Date {
            year: 2026,
            month: 11,
            day: 1,
        };
        let usd = [("EUR", 1.1), ("GBP", 1.3), ("JPY", 0.0067)];
        Self {
            file: PathBuf::new(),
            day: toml::value::Datetime {
                date: Some(date),
                time: None,
                offset: None,
            },
            usd: usd
                .iter()
                .map(|(code, rate)| ((*code).to_owned(), *rate))
                .collect(),
        }
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            pays: Pays::AsAsked,
            no_bid: NoBid::NoContent,
            shade: 0.85,
            seat: String::new(),
            billing: Billing::Burl,
            nurl: true,
            lurl: true,
            markup: Markup::Bid,
            native_markup: NativeMarkup::String,
            price_macro: "${AUCTION_PRICE}".to_owned(),
            supply_fee: false,
            prices: Prices::Plain,
            price_encryption_key: String::new(),
            price_integrity_key: String::new(),
            deadline_ms: 0,
            network_margin_ms: 0,
            qps_max: 0,
            bids_max: 64,
            bids_per_imp_max: 16,
            deal_bids_max: 1,
            open_bids_max: 1,
            authorization: String::new(),
            schain: Chain::Check,
            domain: String::new(),
            schain_publisher: false,
            authorized_sellers: false,
            creative_approval: CreativeApproval::None,
            hold_web_s: 60,
            hold_app_s: 300,
            hold_native_s: 600,
            hold_interstitial_s: 1_800,
        }
    }
}
