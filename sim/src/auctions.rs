//! Auctions without sockets, every answer judged: random requests against random catalogues.
//!
//! [`run`] draws a new catalogue every [`AUCTIONS_PER_CATALOGUE`] requests, so that rules meet in ever new ways and
//! memory stays flat. Requests come from `loadtest`'s mix, verdicts from its judge, which share no code with the bidder.

use std::collections::BTreeMap;
use std::sync::Arc;

use bidder::skadn::AdNetwork;
use bidder::{Background, BidderCore, Call, Config, Explanation, Reply, Seams};
use domain::random::mix;
use domain::time::ManualClock;
use domain::{Clock, Timestamp};
use event_log::memory::MemoryLog;
use loadtest::traffic::mix::{Mix, SEAT, Scope};
use loadtest::{Expectations, Violation, judge};
use p256::SecretKey;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use proto::openrtb::Format;
use proto::token::TokenKeys;
use store::budget::Budgets;
use store::memory::{MemoryCampaigns, MemoryKeyed, MemorySnapshots};
use store::profile::Profiles;

mod catalogue;

pub(crate) use catalogue::fill;

/// Requests that meet one catalogue.
pub const AUCTIONS_PER_CATALOGUE: u64 = 5_000;
/// Requests within one simulated second, after which leases are renewed.
const AUCTIONS_PER_SECOND: u64 = 500;
/// So many breaches of one rule are kept with their request and answer.
const EXAMPLES_PER_RULE: usize = 2;
/// Monday 2026-11-23, 12:00 UTC.
pub const NOON: Timestamp = Timestamp(1_795_392_000_000 + 12 * 3_600_000);

/// A bidder core with nothing around it but memory.
pub struct Desk {
    clock: Arc<ManualClock>,
    core: BidderCore,
    background: Background,
    // Held for as long as the core uses what it owns.
    _bidder: bidder::Bidder,
}

/// What a core said to one request.
pub struct Said {
    /// Why, line item by line item.
    pub explanation: Explanation,
    /// The answer's JSON; empty without a bid.
    pub body: Vec<u8>,
    /// The kind of answer.
    pub reply: Reply,
}

impl Desk {
    /// A core that has loaded the catalogue and has leases for it.
    pub fn new(campaigns: &MemoryCampaigns, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(NOON));
        let keyed = MemoryKeyed::new();
        let seams = Seams {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            log: Arc::new(MemoryLog::new(1)),
            campaigns: Arc::new(campaigns.clone()),
            snapshots: Arc::new(MemorySnapshots::new()),
            budgets: Budgets::new(Arc::new(keyed.clone()), 1000),
            profiles: Arc::new(Profiles::new(Arc::new(keyed))),
            keys: TokenKeys::new([(1, [7; 32])]).expect("a key of 32 bytes"),
            user_secret: [9; 32],
            bidder: [1; 16],
            seed,
        };
        let config = Config {
            seat: SEAT.to_owned(),
            skadnetwork: Some(ad_network()),
            ..Config::default()
        };
        let (bidder, background) =
            bidder::Bidder::new(config, seams).expect("the default configuration keeps the rules");
        let mut desk = Self {
            clock,
            core: bidder.core(0),
            background,
            _bidder: bidder,
        };
        desk.beat();
        desk
    }

    /// What the background does once a second.
    fn beat(&mut self) {
        let now = self.clock.now();
        self.core.flush(now);
        self.background.refresh(now).expect("memory does not fail");
        self.background.tick(now).expect("memory does not fail");
    }

    /// Lets a second pass.
    pub fn second(&mut self) {
        self.clock.set(self.clock.now().plus_ms(1000));
        self.beat();
    }

    fn call(&self, format: Format) -> Call<'static> {
        Call {
            exchange: bidder::config::GENERIC_EXCHANGE,
            arrived_us: self.clock.monotonic_us(),
            format,
        }
    }

    /// Decides one request; the answer's JSON, empty without a bid.
    pub fn decide(&mut self, body: &[u8]) -> (Reply, &[u8]) {
        self.decide_in(Format::Json, body)
    }

    /// As `decide`, with both in another form.
    pub fn decide_in(&mut self, format: Format, body: &[u8]) -> (Reply, &[u8]) {
        let call = self.call(format);
        let answer = self.core.decide(&call, &mut body.to_vec());
        (answer.reply, answer.body)
    }

    /// Decides one request and says why.
    pub fn explain(&mut self, body: &[u8]) -> Said {
        let call = self.call(Format::Json);
        let mut scratch = body.to_vec();
        let (answer, explanation) = self.core.explain(&call, &mut scratch);
        Said {
            body: answer.body.to_vec(),
            reply: answer.reply,
            explanation,
        }
    }
}

/// The ad network that some requests of the mix name.
fn ad_network() -> AdNetwork {
    let key = SecretKey::from_slice(&[7; 32]).expect("it lies below the order of the curve");
    let pem = key.to_pkcs8_pem(LineEnding::LF);
    let pem = pem.expect("every key can be written");
    AdNetwork::new("cdkw7geqsh.skadnetwork", None, &pem).expect("a key that was just written")
}

/// What a run has seen.
#[derive(Debug, Default)]
pub struct Summary {
    /// Requests decided.
    pub auctions: u64,
    /// Answers with bids.
    pub answered: u64,
    /// Bids by their medium (`mtype`).
    pub bids: BTreeMap<i64, u64>,
    /// Bids on deals.
    pub on_deals: u64,
    /// Bids signed for SKAdNetwork.
    pub signed: u64,
    /// Groups of bids.
    pub groups: u64,
    /// Requests refused as malformed.
    pub refused: u64,
    /// Broken rules, counted.
    pub broken: BTreeMap<String, u64>,
    /// The first of each rule, with request and answer.
    pub examples: BTreeMap<String, Vec<String>>,
}

impl Summary {
    /// Takes another run's figures into these.
    pub fn add(&mut self, other: Self) {
        self.auctions += other.auctions;
        self.answered += other.answered;
        self.on_deals += other.on_deals;
        self.signed += other.signed;
        self.groups += other.groups;
        self.refused += other.refused;
        for (medium, count) in other.bids {
            *self.bids.entry(medium).or_default() += count;
        }
        for (rule, count) in other.broken {
            *self.broken.entry(rule).or_default() += count;
        }
        for (rule, texts) in other.examples {
            let own = self.examples.entry(rule).or_default();
            let room = EXAMPLES_PER_RULE.saturating_sub(own.len());
            own.extend(texts.into_iter().take(room));
        }
    }

    /// Rules broken, all together.
    pub fn violations(&self) -> u64 {
        self.broken.values().sum()
    }

    fn count_bids(&mut self, response: &[u8]) {
        let Ok(response) = serde_json::from_slice::<serde_json::Value>(response) else {
            return;
        };
        let seats = response["seatbid"].as_array().into_iter().flatten();
        let groups = seats.clone().filter(|seat| seat["group"] == 1);
        self.groups += groups.count() as u64;
        let mut any = false;
        for bid in seats.flat_map(|seat| seat["bid"].as_array().into_iter().flatten()) {
            any = true;
            let medium = bid["mtype"].as_i64().unwrap_or(0);
            *self.bids.entry(medium).or_default() += 1;
            self.on_deals += u64::from(bid["dealid"].is_string());
            self.signed += u64::from(bid["ext"]["skadn"].is_object());
        }
        self.answered += u64::from(any);
    }

    fn count_violations(&mut self, found: &[Violation], request: &[u8], response: &[u8]) {
        for violation in found {
            let rule = format!("{:?}", violation.rule);
            *self.broken.entry(rule.clone()).or_default() += 1;
            let examples = self.examples.entry(rule).or_default();
            if examples.len() < EXAMPLES_PER_RULE {
                let (request, response) = (
                    String::from_utf8_lossy(request),
                    String::from_utf8_lossy(response),
                );
                examples.push(format!("{violation:?}\n  {request}\n  {response}"));
            }
        }
    }
}

/// Holds so many auctions; `on_progress` is told of every [`AUCTIONS_PER_CATALOGUE`] at the most.
pub fn run(seed: u64, auctions: u64, mut on_progress: impl FnMut(u64)) -> Summary {
    let mut summary = Summary::default();
    let mut part = 0;
    while summary.auctions < auctions {
        let count = AUCTIONS_PER_CATALOGUE.min(auctions - summary.auctions);
        summary.add(one_catalogue(mix(seed ^ mix(part)), count));
        part += 1;
        on_progress(count);
    }
    summary
}

fn one_catalogue(seed: u64, auctions: u64) -> Summary {
    let campaigns = MemoryCampaigns::new();
    let wants = catalogue::fill(&campaigns, seed);
    let mut desk = Desk::new(&campaigns, seed);
    let mut requests = Mix::new(seed, Scope::All);
    let expectations = Expectations {
        takes_any_deal: wants.any_deal,
        roadblocks: wants.roadblock,
        ..expectations()
    };
    let mut summary = Summary::default();
    for serial in 1..=auctions {
        let request = requests.next_request();
        let (reply, response) = desk.decide(&request.body);
        summary.auctions += 1;
        match reply {
            Reply::Content => {
                let found = judge(&request.body, response, &expectations);
                summary.count_bids(response);
                summary.count_violations(&found, &request.body, response);
            }
            Reply::NoContent => {}
            Reply::BadRequest | Reply::NotFound | Reply::TooLarge => summary.refused += 1,
        }
        if serial % AUCTIONS_PER_SECOND == 0 {
            desk.second();
        }
    }
    summary
}

/// What the judge knows of a [`Desk`].
pub fn expectations() -> Expectations {
    let config = Config::default();
    let rates = [("EUR", 1_100_000), ("GBP", 1_300_000), ("JPY", 6_700)];
    let rates = rates.map(|(name, rate)| (name.to_owned(), rate)).to_vec();
    Expectations::new(&config.public_url, rates)
}
