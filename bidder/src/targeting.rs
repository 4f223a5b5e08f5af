//! The index: from a request's facts to the line items that are targeted at it, without a scan.
//!
//! Every dimension maps a value to the line items that include or exclude it. A request costs one look-up per
//! value it carries and one pass of `line items / 64` words per dimension that any line item restricts.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use domain::Targeting;
use domain::targeting::{DeviceKind, Inventory, Os, Rule, Size};

/// What targeting asks of a request; borrowed from it. Strings are normalised: sites lower case, countries
/// and regions upper case.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The exchange's configured name.
    pub exchange: &'a str,
    /// ISO 3166-1 alpha-3; empty when unknown.
    pub country: &'a str,
    /// `COUNTRY-REGION`; empty when unknown.
    pub region: &'a str,
    /// The kind of device.
    pub device: Option<DeviceKind>,
    /// The operating system.
    pub os: Option<Os>,
    /// Site, app or DOOH.
    pub inventory: Option<Inventory>,
    /// The domain, its parent domains and the app's bundle.
    pub sites: &'a [&'a str],
    /// Hour of the week in UTC.
    pub hour: u8,
    /// The user's segments, if they may be used.
    pub segments: &'a [&'a str],
}

/// A set of line items, by position in the snapshot.
pub type Bits = Vec<u64>;

/// The positions in a set, in rising order.
pub fn positions(bits: &[u64]) -> impl Iterator<Item = usize> + '_ {
    bits.iter().enumerate().flat_map(|(word_index, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(word_index * 64 + bit)
        })
    })
}

/// The line items of one value: a list while they are few, a set of bits once that is smaller.
#[derive(Debug, Clone)]
enum Postings {
    Few(Vec<u32>),
    Many(Bits),
}

impl Postings {
    fn clear_in(&self, bits: &mut [u64]) {
        match self {
            Self::Few(list) => {
                for position in list {
                    let position = *position as usize;
                    if let Some(word) = bits.get_mut(position / 64) {
                        *word &= !(1 << (position % 64));
                    }
                }
            }
            Self::Many(set) => {
                for (word, refused) in bits.iter_mut().zip(set) {
                    *word &= !refused;
                }
            }
        }
    }
}

fn set(bits: &mut [u64], position: usize) {
    if let Some(word) = bits.get_mut(position / 64) {
        *word |= 1 << (position % 64);
    }
}

/// One dimension's rules of all line items.
#[derive(Debug, Clone)]
struct Dimension<K> {
    restricted: bool,
    excludes: bool,
    /// Those that include nothing in particular.
    open: Bits,
    include: HashMap<K, Postings>,
    exclude: HashMap<K, Postings>,
}

impl<K: Hash + Eq> Dimension<K> {
    fn build<'a, T: 'a>(rules: impl Iterator<Item = &'a Rule<T>>, key: impl Fn(&T) -> K) -> Self {
        let mut include: HashMap<K, Vec<u32>> = HashMap::new();
        let mut exclude: HashMap<K, Vec<u32>> = HashMap::new();
        let mut open = Vec::new();
        let mut restricted = false;
        for (position, rule) in rules.enumerate() {
            if position.is_multiple_of(64) {
                open.push(0);
            }
            if rule.include.is_empty() {
                set(&mut open, position);
            }
            restricted |= !(rule.include.is_empty() && rule.exclude.is_empty());
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            for value in &rule.include {
                include.entry(key(value)).or_default().push(position);
            }
            for value in &rule.exclude {
                exclude.entry(key(value)).or_default().push(position);
            }
        }
        let words = open.len();
        Self {
            restricted,
            excludes: !exclude.is_empty(),
            open,
            include: pack(include, words),
            exclude: pack(exclude, words),
        }
    }

    /// Keeps in `result` only what passes with `values`: one pass over the words, and one look at each position
    /// of a short list. `kept` is working memory.
    fn narrow<'q, Q>(
        &self,
        values: impl Iterator<Item = &'q Q> + Clone,
        result: &mut [u64],
        kept: &mut Kept,
    ) where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized + 'q,
    {
        if !self.restricted {
            return;
        }
        kept.few.clear();
        kept.many.clear();
        for postings in values.clone().filter_map(|value| self.include.get(value)) {
            match postings {
                Postings::Few(list) => {
                    let passed = list.iter().filter(|position| has(result, **position));
                    kept.few.extend(passed);
                }
                Postings::Many(bits) if kept.many.is_empty() => kept.many.clone_from(bits),
                Postings::Many(bits) => or(&mut kept.many, bits),
            }
        }
        if kept.many.is_empty() {
            for (word, open) in result.iter_mut().zip(&self.open) {
                *word &= open;
            }
        } else {
            for ((word, open), many) in result.iter_mut().zip(&self.open).zip(&kept.many) {
                *word &= open | many;
            }
        }
        for position in &kept.few {
            set(result, *position as usize);
        }
        if self.excludes {
            for postings in values.filter_map(|value| self.exclude.get(value)) {
                postings.clear_in(result);
            }
        }
    }
}

/// Working memory of one dimension's pass.
#[derive(Debug, Default)]
struct Kept {
    /// Included positions that had passed before.
    few: Vec<u32>,
    /// Included sets, joined.
    many: Bits,
}

fn has(bits: &[u64], position: u32) -> bool {
    let position = position as usize;
    bits.get(position / 64)
        .is_some_and(|word| word >> (position % 64) & 1 == 1)
}

fn or(bits: &mut [u64], others: &[u64]) {
    for (word, other) in bits.iter_mut().zip(others) {
        *word |= other;
    }
}

fn pack<K: Hash + Eq>(lists: HashMap<K, Vec<u32>>, words: usize) -> HashMap<K, Postings> {
    let pack_one = |mut list: Vec<u32>| {
        if list.len() <= words {
            list.shrink_to_fit();
            return Postings::Few(list);
        }
        let mut bits = vec![0; words];
        list.iter()
            .for_each(|position| set(&mut bits, *position as usize));
        Postings::Many(bits)
    };
    lists
        .into_iter()
        .map(|(key, list)| (key, pack_one(list)))
        .collect()
}

/// All line items' targeting, compiled.
#[derive(Debug, Clone)]
pub struct Index {
    len: usize,
    exchanges: Dimension<Box<str>>,
    countries: Dimension<Box<str>>,
    regions: Dimension<Box<str>>,
    devices: Dimension<DeviceKind>,
    os: Dimension<Os>,
    inventory: Dimension<Inventory>,
    sites: Dimension<Box<str>>,
    sizes: Dimension<Size>,
    hours: Dimension<u8>,
    segments: Dimension<Box<str>>,
}

/// Working memory of a look-up, kept between requests.
#[derive(Debug, Default)]
pub struct Scratch {
    kept: Kept,
}

impl Index {
    /// Compiles the targeting of line items; positions are their order.
    pub fn build(all: &[&Targeting]) -> Self {
        let text = |value: &String| value.as_str().into();
        Self {
            len: all.len(),
            exchanges: Dimension::build(all.iter().map(|t| &t.exchanges), text),
            countries: Dimension::build(all.iter().map(|t| &t.countries), text),
            regions: Dimension::build(all.iter().map(|t| &t.regions), text),
            devices: Dimension::build(all.iter().map(|t| &t.devices), |v| *v),
            os: Dimension::build(all.iter().map(|t| &t.os), |v| *v),
            inventory: Dimension::build(all.iter().map(|t| &t.inventory), |v| *v),
            sites: Dimension::build(all.iter().map(|t| &t.sites), text),
            sizes: Dimension::build(all.iter().map(|t| &t.sizes), |v| *v),
            hours: Dimension::build(all.iter().map(|t| &t.hours), |v| *v),
            segments: Dimension::build(all.iter().map(|t| &t.segments), text),
        }
    }

    /// How many line items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes into `result` the line items that pass everything but the size.
    pub fn matching(&self, facts: &Facts<'_>, scratch: &mut Scratch, result: &mut Bits) {
        let words = self.len.div_ceil(64);
        result.clear();
        result.resize(words, u64::MAX);
        if let Some(last) = result.last_mut().filter(|_| !self.len.is_multiple_of(64)) {
            *last = (1 << (self.len % 64)) - 1;
        }
        let scratch = &mut scratch.kept;
        self.exchanges
            .narrow(known(facts.exchange), result, scratch);
        self.countries.narrow(known(facts.country), result, scratch);
        self.regions.narrow(known(facts.region), result, scratch);
        self.devices.narrow(facts.device.iter(), result, scratch);
        self.os.narrow(facts.os.iter(), result, scratch);
        self.inventory
            .narrow(facts.inventory.iter(), result, scratch);
        self.sites
            .narrow(facts.sites.iter().copied(), result, scratch);
        self.hours
            .narrow(std::iter::once(&facts.hour), result, scratch);
        self.segments
            .narrow(facts.segments.iter().copied(), result, scratch);
    }

    /// Keeps in `result` the line items that also pass with the sizes one impression offers.
    pub fn narrow_sizes(&self, sizes: &[Size], scratch: &mut Scratch, result: &mut Bits) {
        self.sizes.narrow(sizes.iter(), result, &mut scratch.kept);
    }
}

fn known(text: &str) -> impl Iterator<Item = &str> + Clone {
    Some(text).filter(|text| !text.is_empty()).into_iter()
}

/// The first dimension that refuses, by name: the plain reading of the rules, for explanations and as the
/// measure of the index.
pub fn refusing_dimension(
    targeting: &Targeting,
    facts: &Facts<'_>,
    sizes: &[Size],
) -> Option<&'static str> {
    let texts = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    let one = |value: &str| texts(&known(value).collect::<Vec<_>>());
    let verdicts = [
        (
            "exchanges",
            targeting.exchanges.allows(&one(facts.exchange)),
        ),
        ("countries", targeting.countries.allows(&one(facts.country))),
        ("regions", targeting.regions.allows(&one(facts.region))),
        ("devices", targeting.devices.allows(&facts.device)),
        ("os", targeting.os.allows(&facts.os)),
        ("inventory", targeting.inventory.allows(&facts.inventory)),
        ("sites", targeting.sites.allows(&texts(facts.sites))),
        ("sizes", targeting.sizes.allows(sizes)),
        ("hours", targeting.hours.allows([&facts.hour])),
        (
            "segments",
            targeting.segments.allows(&texts(facts.segments)),
        ),
    ];
    verdicts
        .into_iter()
        .find(|(_, allowed)| !allowed)
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use domain::random::SplitMix64;

    use super::*;

    fn rule<T: Clone>(rng: &mut SplitMix64, values: &[T]) -> Rule<T> {
        let mut some = |share: f64| {
            values
                .iter()
                .filter(|_| rng.chance(share))
                .cloned()
                .collect::<Vec<_>>()
        };
        Rule {
            include: some(0.3),
            exclude: some(0.1),
        }
    }

    fn maybe<T: Clone>(rng: &mut SplitMix64, values: &[T]) -> Rule<T> {
        if rng.chance(0.7) {
            Rule::default()
        } else {
            rule(rng, values)
        }
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    fn any_targeting(rng: &mut SplitMix64) -> Targeting {
        Targeting {
            exchanges: maybe(rng, &words(&["a", "b"])),
            countries: maybe(rng, &words(&["USA", "DEU", "FRA"])),
            regions: maybe(rng, &words(&["USA-CA", "USA-NY"])),
            devices: maybe(rng, &[DeviceKind::Phone, DeviceKind::Desktop]),
            os: maybe(rng, &[Os::Android, Os::Ios]),
            inventory: maybe(rng, &[Inventory::Site, Inventory::App]),
            sites: maybe(rng, &words(&["x.com", "news.x.com", "y.org"])),
            sizes: maybe(
                rng,
                &[
                    Size {
                        width: 300,
                        height: 250,
                    },
                    Size {
                        width: 728,
                        height: 90,
                    },
                ],
            ),
            hours: maybe(rng, &[0, 1, 2]),
            segments: maybe(rng, &words(&["s1", "s2"])),
        }
    }

    #[test]
    fn the_index_says_what_the_rules_say() {
        for seed in 0..60 {
            let mut rng = SplitMix64::new(seed);
            let count = rng.below(200);
            let all: Vec<_> = (0..count).map(|_| any_targeting(&mut rng)).collect();
            let index = Index::build(&all.iter().collect::<Vec<_>>());
            let (mut scratch, mut bits) = (Scratch::default(), Bits::new());
            for _ in 0..20 {
                let sites = if rng.chance(0.5) {
                    vec!["news.x.com", "x.com", "com"]
                } else {
                    vec![]
                };
                let segments = if rng.chance(0.5) {
                    vec!["s2", "s9"]
                } else {
                    vec![]
                };
                let facts = Facts {
                    exchange: rng.pick(&["a", "b"]).unwrap(),
                    country: rng.pick(&["", "USA", "DEU", "ITA"]).unwrap(),
                    region: rng.pick(&["", "USA-CA"]).unwrap(),
                    device: *rng.pick(&[None, Some(DeviceKind::Phone)]).unwrap(),
                    os: *rng.pick(&[None, Some(Os::Ios)]).unwrap(),
                    inventory: *rng.pick(&[None, Some(Inventory::Site)]).unwrap(),
                    sites: &sites,
                    hour: *rng.pick(&[0, 5]).unwrap(),
                    segments: &segments,
                };
                let sizes = [Size {
                    width: 300,
                    height: 250,
                }];
                let sizes = if rng.chance(0.5) { &sizes[..] } else { &[] };
                index.matching(&facts, &mut scratch, &mut bits);
                index.narrow_sizes(sizes, &mut scratch, &mut bits);
                let got: Vec<_> = positions(&bits).collect();
                let plain = |t: &Targeting| refusing_dimension(t, &facts, sizes).is_none();
                let wanted: Vec<_> = (0..all.len()).filter(|at| plain(&all[*at])).collect();
                assert_eq!(got, wanted, "seed {seed}");
            }
        }
    }
}
