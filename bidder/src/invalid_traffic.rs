//! General invalid traffic, by lists and parameters: declared robots, known addresses, missing agents, slots nobody can see.
//!
//! The order is that of the two-list method: own exceptions, own robots, addresses, missing agents, the list in here. A request
//! costs one look at its user agent for what the words begin with, a search of it where some of that is there, and a binary
//! search per address; nothing is allocated.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use beginnings::Beginnings;
use domain::NoBid;
use proto::openrtb::{BidRequest, Device, Imp};

use crate::config::ConfigError;

mod beginnings;

/// Most words in lists of user agents: the published ones hold under a thousand.
pub const AGENT_WORDS_MAX: usize = 10_000;
/// Longest word in them, in bytes.
pub const AGENT_WORD_BYTES_MAX: usize = 200;
/// Most ranges of addresses: all published data centres together make under 200,000.
pub const RANGES_MAX: usize = 1_000_000;
/// With fewer words the search runs on a full table, which is nearly twice as fast and takes a few megabytes for words of
/// the usual length.
const AGENT_WORDS_FAST: usize = 1_000;
/// How much of a user agent is searched, in bytes; real ones end below 500.
const AGENT_BYTES_MAX: usize = 2_048;

/// Words in lower case with which robots declare themselves, or that name a program which is no browser.
const ROBOTS: [&str; 40] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "headless",
    "phantomjs",
    "puppeteer",
    "playwright",
    "selenium",
    "webdriver",
    "lighthouse",
    "facebookexternalhit",
    "facebookcatalog",
    "mediapartners",
    "bingpreview",
    "google-read-aloud",
    "google-inspectiontool",
    "feedfetcher",
    "pingdom",
    "gtmetrix",
    "pagespeed",
    "archiver",
    "scrapy",
    "curl/",
    "wget/",
    "libwww-perl",
    "python-requests",
    "python-urllib",
    "python-httpx",
    "aiohttp",
    "go-http-client",
    "apache-httpclient",
    "java/",
    "node-fetch",
    "axios/",
    "postmanruntime",
    "httrack",
    "nutch",
    "zgrab",
    "masscan",
];
/// Words that contain one of those and name a device: a phone maker.
const EXCEPTIONS: [&str; 1] = ["cubot"];

/// What to make of a request that describes a device without a user agent in either form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingAgent {
    /// Invalid traffic, save on screens out of home, which have none.
    #[default]
    Refuse,
    /// Valid.
    Accept,
}

/// The installation's own lists, as read from its files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrafficLists {
    robots: Vec<String>,
    exceptions: Vec<String>,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

/// A line of a list that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub struct ListError {
    /// Counted from 1.
    pub line: usize,
    /// What it must be.
    pub rule: &'static str,
}

impl TrafficLists {
    /// Adds words of user agents, one a line in any case; `!` before a word makes it an exception, `#` a remark.
    ///
    /// # Errors
    /// The first line that is not a word.
    pub fn add_agents(&mut self, text: &str) -> Result<(), ListError> {
        for (line, word) in lines(text) {
            let (list, word) = match word.strip_prefix('!') {
                Some(word) => (&mut self.exceptions, word.trim()),
                None => (&mut self.robots, word),
            };
            let rule = match word.len() {
                0..3 => {
                    "a word of a user agent must have at least 3 bytes, or it names nearly everybody"
                }
                3..=AGENT_WORD_BYTES_MAX if list.len() < AGENT_WORDS_MAX => {
                    list.push(word.to_owned());
                    continue;
                }
                3..=AGENT_WORD_BYTES_MAX => "at most 10000 words are taken",
                _ => "a word of a user agent must have at most 200 bytes",
            };
            return Err(ListError { line, rule });
        }
        Ok(())
    }

    /// Adds addresses of data centres and the like: `192.0.2.0/24`, `2001:db8::/32` or single ones, one a line; `#` is a remark.
    ///
    /// # Errors
    /// The first line that is no address or range.
    pub fn add_ranges(&mut self, text: &str) -> Result<(), ListError> {
        for (line, range) in lines(text) {
            let error = |rule| ListError { line, rule };
            let read = parse_range(range);
            match read.ok_or(error("must be an address, or a range such as 192.0.2.0/24"))? {
                Range::V4(range) => self.v4.push(range),
                Range::V6(range) => self.v6.push(range),
            }
            if self.v4.len() + self.v6.len() > RANGES_MAX {
                return Err(error("at most 1000000 ranges are taken"));
            }
        }
        Ok(())
    }
}

/// Lines with their numbers, without remarks and empty ones.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().zip(1..);
    numbered.filter_map(
        move |(line, at)| match line.split('#').next().map(str::trim) {
            Some("") | None => None,
            Some(content) => Some((at, content)),
        },
    )
}

enum Range {
    V4((u32, u32)),
    V6((u128, u128)),
}

fn parse_range(text: &str) -> Option<Range> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
        None => (text, None),
    };
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let prefix = prefix.unwrap_or(32);
            let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
            let first = address.to_bits() & !host;
            (1..=32)
                .contains(&prefix)
                .then_some(Range::V4((first, first | host)))
        }
        IpAddr::V6(address) => {
            let prefix = prefix.unwrap_or(128);
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            let first = address.to_bits() & !host;
            (1..=128)
                .contains(&prefix)
                .then_some(Range::V6((first, first | host)))
        }
    }
}

/// The lists made ready for the bid path.
#[derive(Debug)]
pub struct InvalidTraffic {
    /// Of the robots' words: most agents hold none of them and are searched no further.
    beginnings: Beginnings,
    agents: AhoCorasick,
    /// Patterns from here on are exceptions.
    exceptions_from: usize,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    missing_agent: MissingAgent,
}

impl InvalidTraffic {
    /// Builds the search from the list in here and the installation's own.
    ///
    /// # Errors
    /// When the words make a search too large to hold.
    pub fn new(lists: &TrafficLists, missing_agent: MissingAgent) -> Result<Self, ConfigError> {
        let own = |list: &Vec<String>| list.clone();
        let listed = |list: &[&str]| {
            list.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let robots = [own(&lists.robots), listed(&ROBOTS)].concat();
        let exceptions = [own(&lists.exceptions), listed(&EXCEPTIONS)].concat();
        let agents = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            // Where an exception and a robot begin alike or overlap, the one that begins first and reaches further counts.
            .match_kind(MatchKind::LeftmostLongest)
            .kind((robots.len() < AGENT_WORDS_FAST).then_some(AhoCorasickKind::DFA))
            .build(robots.iter().chain(&exceptions))
            .map_err(|error| ConfigError {
                key: "user_agents_file",
                value: error.to_string(),
                rule: "must hold fewer or shorter words",
            })?;
        Ok(Self {
            beginnings: Beginnings::of(&robots),
            agents,
            exceptions_from: robots.len(),
            v4: Ranges::new(lists.v4.clone()),
            v6: Ranges::new(lists.v6.clone()),
            missing_agent,
        })
    }

    /// Whether the request may be bid for.
    ///
    /// # Errors
    /// What kind of invalid traffic it is.
    pub fn check(&self, request: &BidRequest<'_>) -> Result<(), NoBid> {
        let device = &request.device;
        if self.is_robot(device) {
            return Err(NoBid::Crawler);
        }
        if self.is_known(device) {
            return Err(NoBid::DataCentre);
        }
        let refused = self.missing_agent == MissingAgent::Refuse && lacks_agent(request);
        if refused || request.imps.iter().all(is_invisible) {
            return Err(NoBid::NonHuman);
        }
        Ok(())
    }

    fn is_robot(&self, device: &Device<'_>) -> bool {
        let brands = device.sua.iter().flat_map(|sua| sua.browsers.iter());
        let agents = device.ua.iter().chain(brands);
        agents.into_iter().any(|agent| self.names_robot(agent))
    }

    fn names_robot(&self, agent: &str) -> bool {
        let bytes = agent.as_bytes();
        let searched = bytes.get(..AGENT_BYTES_MAX).unwrap_or(bytes);
        if !self.beginnings.may_be_in(searched) {
            return false;
        }
        let mut found = self.agents.find_iter(searched);
        found.any(|found| found.pattern().as_usize() < self.exceptions_from)
    }

    fn is_known(&self, device: &Device<'_>) -> bool {
        let addresses = [device.ip, device.ipv6];
        let read = addresses
            .into_iter()
            .flatten()
            .filter_map(|text| text.trim().parse::<IpAddr>().ok());
        read.map(|address| address.to_canonical())
            .any(|address| match address {
                IpAddr::V4(address) => self.v4.contain(Ipv4Addr::to_bits(address)),
                IpAddr::V6(address) => self.v6.contain(Ipv6Addr::to_bits(address)),
            })
    }
}

/// A device that is described, but not by an agent. Screens out of home have none; an app's own kit may tell make, model
/// and system instead, which no robot has to; and what is said of no device at all is no sign of one.
fn lacks_agent(request: &BidRequest<'_>) -> bool {
    let device = &request.device;
    let unnamed = device.ua.is_none_or(|ua| ua.trim().is_empty()) && device.sua.is_none();
    let model = [device.make, device.model, device.os];
    let told = model
        .iter()
        .all(|own| own.is_some_and(|own| !own.trim().is_empty()));
    let named_by_app = request.app.is_some() && told;
    unnamed && !named_by_app && request.dooh.is_none() && *device != Device::default()
}

/// A banner of nothing but points and lines: whatever it shows, nobody sees it.
fn is_invisible(imp: &Imp<'_>) -> bool {
    let other = imp.video.is_some() || imp.audio.is_some() || imp.native.is_some();
    let banner = imp.banner.as_ref().filter(|_| !other);
    banner.is_some_and(|banner| {
        let tiny = banner
            .sizes
            .iter()
            .all(|size| size.width <= 1 || size.height <= 1);
        tiny && !banner.sizes.is_empty() && banner.flex.is_empty()
    })
}

/// Disjoint ranges in order.
#[derive(Debug)]
struct Ranges<T>(Box<[(T, T)]>);

impl<T: Copy + Ord> Ranges<T> {
    fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged.into_boxed_slice())
    }

    fn contain(&self, address: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at));
        before.is_some_and(|(_, last)| address <= *last)
    }
}

#[cfg(test)]
mod tests;
