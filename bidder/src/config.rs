//! Knobs of the bidder, with their defaults, units and reasons.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::limits::REQUEST_IMPS_MAX;
use domain::{Currency, FxTable};

use crate::gate::Authorization;
use crate::invalid_traffic::{MissingAgent, TrafficLists};
use crate::sellers::AuthorizedSellers;
use crate::skadn::AdNetwork;
use crate::supply::{BlockedSellers, ChainConfig};

mod markup;

pub use markup::{MarkupPlace, NativeForm};

/// The exchange that is there without any configuration: `/bid/generic`.
pub const GENERIC_EXCHANGE: &str = "generic";
/// Most creatives of one line item that are tried for one impression, so that time stays bounded.
pub const CREATIVES_TRIED_MAX: usize = 32;
/// Most deals read of one impression; real requests end below ten.
pub const DEALS_MAX: usize = 32;
/// Most user segments read of one request, in the order they come.
pub const SEGMENTS_MAX: usize = 64;
/// Most categories, keywords or metrics read of one list.
pub const LABELS_MAX: usize = 64;
/// Most parts of a page's path that rules can name.
pub const PATH_PARTS_MAX: usize = 8;
/// Most parent domains looked up for one site: names have at most 127 labels, real ones six.
pub const SITE_LABELS_MAX: usize = 8;
/// Distinct (campaign, exchange, second, hold time) sums of holds that one core keeps between two reports.
/// Beyond it bids are refused, so that no hold is ever forgotten.
pub const HOLD_SUMS_MAX: usize = 1 << 15;
/// Core reports that wait for the background; ten seconds of a stalled background at one a second.
pub const CORE_REPORTS_MAX: usize = 10;
/// Most bids for one impression: what a dynamic pod that states no number of ads may get.
pub const BIDS_PER_IMP_MAX: usize = crate::pod::POD_ADS_MAX as usize;
/// Longest time a hold waits for its notice, in milliseconds: money that a dead bidder held comes back by then.
pub const HOLD_MS_MAX: i64 = 2 * 3_600_000;

/// Longest time that a profile at hand may count as known, in milliseconds: half of the second in which an impression
/// must count at every bidder; the other half is for the way through log and store.
pub const PROFILE_TTL_MS_MAX: u64 = 500;

/// All knobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Runtimes, each on a thread of its own.
    pub cores: usize,
    /// How long a request without `tmax` may take, and the most any may, in milliseconds.
    /// 100 ms is what the large exchanges give.
    pub deadline_ms: i64,
    /// The part of `tmax` kept for the network there and back, in milliseconds.
    pub network_margin_ms: i64,
    /// With less than this left, in milliseconds, a request is not worth starting.
    pub decide_ms_min: i64,
    /// Requests whose body is still on its way, in one process; what comes beyond is answered 204 at once.
    pub in_flight_max: usize,
    /// Where browsers and exchanges reach the pixel; no slash at the end.
    pub public_url: String,
    /// Our seat id on every exchange that names none of its own.
    pub seat: String,
    /// Who pays for the ads, as the Digital Services Act wants it told, at most 100 characters; empty: the advertiser.
    pub dsa_payer: String,
    /// The region written into events.
    pub region: String,
    /// Exchange rates to begin with.
    pub fx: FxTable,
    /// Dated rates (see [`crate::rates`]) that replace them while the program runs.
    pub rates_file: Option<PathBuf>,
    /// The platform's fee on media cost, in millionths.
    pub fee_ppm: i64,
    /// The most that all bidders' leases of a campaign may be of what is left, in millionths: what one bidder
    /// holds the others cannot spend.
    pub lease_share_ppm: i64,
    /// Memory for bids that count against frequency caps before their impression is known, in MiB; each takes 8
    /// bytes for each id and capped object until its hold ends.
    pub provisional_mib: usize,
    /// Memory for the profiles that all cores together keep at hand, in MiB.
    pub profile_cache_mib: usize,
    /// How long a profile at hand counts as known, in milliseconds; impressions must count everywhere within 1 s.
    pub profile_ttl_ms: u64,
    /// How long a read of profiles may take, in milliseconds, before users stay unknown.
    pub profile_read_ms: u64,
    /// How often campaigns and the model are looked at, in milliseconds; a pause works within ten of these.
    pub refresh_ms: u64,
    /// Sources of `user.eids` that identify a user, best first; with none listed, any source does.
    pub eid_sources: Vec<String>,
    /// Our id on the TCF's global vendor list; without one nobody under the GDPR can consent to us.
    pub tcf_vendor_id: Option<u16>,
    /// Own lists of robots and of addresses, beside the list that is built in.
    pub traffic: TrafficLists,
    /// What to make of requests without a user agent.
    pub missing_agent: MissingAgent,
    /// Sellers that are not bought from on any exchange whose chains are looked at.
    pub blocked_sellers: BlockedSellers,
    /// Who may sell, for exchanges and line items that want to know.
    pub sellers: AuthorizedSellers,
    /// A city database in MaxMind's format, for requests that do not say where the device is.
    pub geo_database: Option<PathBuf>,
    /// Sources of `user.eids` that name a household, best first; with none listed, no household is known.
    pub household_sources: Vec<String>,
    /// Requests kept in memory for explanations, at most [`crate::samples::SAMPLES_MAX`]; 0: none.
    pub explain_requests: usize,
    /// Of so many requests one is kept, counted on each core.
    pub explain_every: u32,
    /// Our ad network at Apple; without one no bid is signed for SKAdNetwork.
    pub skadnetwork: Option<AdNetwork>,
    /// By the name in `/bid/{exchange}`.
    pub exchanges: BTreeMap<String, ExchangeConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cores: 1,
            deadline_ms: 100,
            network_margin_ms: 20,
            decide_ms_min: 2,
            in_flight_max: 1024,
            public_url: "https://pixel.localhost".to_owned(),
            seat: "paceline".to_owned(),
            dsa_payer: String::new(),
            region: "local".to_owned(),
            fx: FxTable::new(0, default_rates()),
            rates_file: None,
            fee_ppm: 0,
            lease_share_ppm: 20_000,
            provisional_mib: 8,
            profile_cache_mib: 16,
            profile_ttl_ms: 300,
            profile_read_ms: 5,
            refresh_ms: 100,
            eid_sources: Vec::new(),
            geo_database: None,
            skadnetwork: None,
            tcf_vendor_id: None,
            traffic: TrafficLists::default(),
            missing_agent: MissingAgent::default(),
            blocked_sellers: BlockedSellers::default(),
            sellers: AuthorizedSellers::default(),
            household_sources: Vec::new(),
            explain_requests: 0,
            explain_every: 100,
            exchanges: BTreeMap::from([(GENERIC_EXCHANGE.to_owned(), ExchangeConfig::default())]),
        }
    }
}

/// Round figures, for trying things out: who bids in other currencies configures the day's rates.
fn default_rates() -> Vec<(Currency, i64)> {
    [("EUR", 1_100_000), ("GBP", 1_300_000), ("JPY", 6_700)]
        .iter()
        .filter_map(|(code, rate)| Some((Currency::parse(code)?, *rate)))
        .collect()
}

/// What we know of one exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeConfig {
    /// Which price the winner pays.
    pub pays: Pays,
    /// How "no bid" is said.
    pub no_bid: NoBidStyle,
    /// What tells us that a bid must be paid.
    pub billing: BillingSignal,
    /// How long a bid's money waits for that.
    pub holds: HoldTimes,
    /// First price: the part of the paced value that is bid.
    pub shade: f64,
    /// Our seat there, where it differs from the general one.
    pub seat: Option<String>,
    /// What the exchange replaces by the clearing price in our notices' addresses.
    pub price_macro: String,
    /// Whether it tells its own fee, `${SUPPLY_FEE}`, in the notices of the sale.
    pub supply_fee: bool,
    /// Which notices are asked for besides the one that bills.
    pub notices: Notices,
    /// How a native ad stands in an answer in protobuf.
    pub native: NativeForm,
    /// Where the markup is.
    pub markup: MarkupPlace,
    /// The most time for an answer, in milliseconds, where it differs from the general one.
    pub deadline_ms: Option<i64>,
    /// The part of `tmax` kept for the network, in milliseconds, where it differs from the general one.
    pub network_margin_ms: Option<i64>,
    /// Requests a second that are looked at; what comes beyond is answered 204 unread.
    pub qps_max: Option<u32>,
    /// The most bids in one answer; those on deals and the dearest are kept.
    pub bids_max: usize,
    /// How many bids may be for one impression.
    pub per_imp: PerImp,
    /// What it must send as `Authorization`; without it the answer is 401.
    pub authorization: Option<Authorization>,
    /// How its supply chains are judged.
    pub chain: ChainConfig,
    /// Whether its requests are bid on only where everybody in them may sell.
    pub authorized_sellers: bool,
    /// Whether only creatives that it has approved are bid.
    pub approval_required: bool,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self {
            pays: Pays::AsAsked,
            no_bid: NoBidStyle::NoContent,
            billing: BillingSignal::Burl,
            holds: HoldTimes::default(),
            shade: 0.85,
            seat: None,
            price_macro: "${AUCTION_PRICE}".to_owned(),
            supply_fee: false,
            notices: Notices::default(),
            native: NativeForm::Text,
            markup: MarkupPlace::Bid,
            deadline_ms: None,
            network_margin_ms: None,
            qps_max: None,
            bids_max: REQUEST_IMPS_MAX,
            per_imp: PerImp::default(),
            authorization: None,
            chain: ChainConfig::default(),
            authorized_sellers: false,
            approval_required: false,
        }
    }
}

/// How many bids, each of another line item, may be for one impression.
///
/// OpenRTB allows several and its implementation guide asks for at least one on a deal and one beside it, so that
/// a lost deal does not lose the impression. One exchange in some takes a single bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerImp {
    /// In all, those for a dynamic pod too.
    pub all: usize,
    /// On deals, where it is no dynamic pod; guaranteed deals may be more.
    pub deals: usize,
    /// In the open auction, where it is no dynamic pod.
    pub open: usize,
}

impl Default for PerImp {
    fn default() -> Self {
        Self {
            all: BIDS_PER_IMP_MAX,
            deals: 1,
            open: 1,
        }
    }
}

/// Which price the winner pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pays {
    /// As `at` says; second price where it is absent.
    AsAsked,
    /// Always its own bid, whatever `at` says.
    FirstPrice,
    /// Always the second price, whatever `at` says.
    SecondPrice,
}

/// How "no bid" is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBidStyle {
    /// 204 without a body.
    NoContent,
    /// 200 with `nbr`.
    Reason,
}

/// The one signal per exchange that books spend; no other adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingSignal {
    /// `bid.burl`, called by the exchange's servers.
    Burl,
    /// `bid.nurl`, where the exchange has no other: OpenRTB 2.4 and older know no `burl`, a win is the sale.
    Nurl,
}

/// Notices that book nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices {
    /// `bid.nurl`; of no effect where that bills.
    pub win: bool,
    /// `bid.lurl`.
    pub loss: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            win: true,
            loss: true,
        }
    }
}

/// How long a bid's money waits for its billing notice, in milliseconds, by the kind of slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTimes {
    /// On a page.
    pub web_ms: i64,
    /// In an app.
    pub app_ms: i64,
    /// Native: often cached by apps.
    pub native_ms: i64,
    /// Interstitials, video and audio: loaded long before they are shown.
    pub interstitial_ms: i64,
}

impl Default for HoldTimes {
    fn default() -> Self {
        Self {
            web_ms: 60_000,
            app_ms: 300_000,
            native_ms: 600_000,
            interstitial_ms: 1_800_000,
        }
    }
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bidder.{key} = {value}: {rule}")]
pub struct ConfigError {
    /// The key.
    pub key: &'static str,
    /// What it holds.
    pub value: String,
    /// What it must be.
    pub rule: &'static str,
}

impl Config {
    /// Checks every rule.
    ///
    /// # Errors
    /// The first key that breaks its rule.
    pub fn check(&self) -> Result<(), ConfigError> {
        let rules = self.number_rules().into_iter();
        let rules = rules.chain(self.profile_rules()).chain(self.text_rules());
        match rules.into_iter().find(|rule| !rule.holds) {
            Some(Rule {
                key, value, must, ..
            }) => Err(ConfigError {
                key,
                value,
                rule: must,
            }),
            None => Ok(()),
        }
    }

    fn number_rules(&self) -> [Rule; 6] {
        let deadline = self.deadline_ms > self.network_margin_ms && self.deadline_ms <= 5_000;
        let share = (1..=1_000_000).contains(&self.lease_share_ppm);
        [
            Rule::new(
                "cores",
                &self.cores,
                (1..=256).contains(&self.cores),
                "must be 1 to 256",
            ),
            Rule::new(
                "deadline_ms",
                &self.deadline_ms,
                deadline,
                "must be over the network margin and at most 5000",
            ),
            Rule::new(
                "network_margin_ms",
                &self.network_margin_ms,
                self.network_margin_ms >= 0,
                "must not be negative",
            ),
            Rule::new(
                "in_flight_max",
                &self.in_flight_max,
                self.in_flight_max > 0,
                "must be at least 1",
            ),
            Rule::new(
                "fee_ppm",
                &self.fee_ppm,
                (0..=10_000_000).contains(&self.fee_ppm),
                "must be 0 to 10000000",
            ),
            Rule::new(
                "lease_share_ppm",
                &self.lease_share_ppm,
                share,
                "must be 1 to 1000000",
            ),
        ]
    }

    fn profile_rules(&self) -> [Rule; 4] {
        let memory = |key, mib: usize| {
            let rule = "must be 1 to 65536";
            Rule::new(key, &mib, (1..=65_536).contains(&mib), rule)
        };
        let (ttl, read) = (self.profile_ttl_ms, self.profile_read_ms);
        let (short, soon) = (ttl <= PROFILE_TTL_MS_MAX, (1..=1000).contains(&read));
        [
            memory("provisional_mib", self.provisional_mib),
            memory("profile_cache_mib", self.profile_cache_mib),
            Rule::new("profile_ttl_ms", &ttl, short, "must be 0 to 500"),
            Rule::new("profile_read_ms", &read, soon, "must be 1 to 1000"),
        ]
    }

    fn text_rules(&self) -> [Rule; 5] {
        let names: Vec<_> = self.exchanges.keys().collect();
        let shades: Vec<_> = self.exchanges.values().map(|e| e.shade).collect();
        let shaded = shades.iter().all(|shade| *shade > 0.0 && *shade <= 1.0);
        [
            Rule::new(
                "public_url",
                &self.public_url,
                is_public_url(&self.public_url),
                "must be an http or https address without a slash at the end",
            ),
            Rule::new(
                "seat",
                &self.seat,
                !self.seat.is_empty(),
                "must not be empty",
            ),
            Rule::new(
                "dsa_payer",
                &self.dsa_payer,
                self.dsa_payer.chars().count() <= crate::snapshot::BEHALF_CHARS_MAX,
                "must have at most 100 characters",
            ),
            Rule::new(
                "exchanges",
                &format!("{names:?}"),
                names.iter().all(|name| is_exchange_name(name)),
                "names must be 1 to 64 letters, digits, - or _",
            ),
            Rule::new(
                "exchanges.shade",
                &format!("{shades:?}"),
                shaded,
                "must be over 0 and at most 1",
            ),
        ]
    }
}

/// One key, whether its rule holds, and the rule in words.
struct Rule {
    key: &'static str,
    value: String,
    holds: bool,
    must: &'static str,
}

impl Rule {
    fn new(key: &'static str, value: &impl ToString, holds: bool, must: &'static str) -> Self {
        Self {
            key,
            value: value.to_string(),
            holds,
            must,
        }
    }
}

fn is_public_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>&{}\\".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/') && rest.bytes().all(plain))
}

fn is_exchange_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests;
